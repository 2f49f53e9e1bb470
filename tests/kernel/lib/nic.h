/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A virtio network card driven by the test itself, through its legacy or its modern registers. */
#ifndef VFVIRT_TESTS_NIC_H
#define VFVIRT_TESTS_NIC_H

#include <stdbool.h>
#include <stdint.h>

#include "vfio.h"
#include "frame_ring.h"

/* Registers of the legacy interface (BAR0). */
enum legacy_register {
	LEGACY_DEVICE_FEATURES = 0x00,
	LEGACY_DRIVER_FEATURES = 0x04,
	LEGACY_QUEUE_PFN = 0x08,
	LEGACY_QUEUE_SIZE = 0x0c,
	LEGACY_QUEUE_SELECT = 0x0e,
	LEGACY_NOTIFY = 0x10,
	LEGACY_STATUS = 0x12,
	LEGACY_ISR = 0x13,
	LEGACY_CONFIG_VECTOR = 0x14,
	LEGACY_QUEUE_VECTOR = 0x16,
	LEGACY_CONFIG = 0x14,
	LEGACY_CONFIG_MSIX = 0x18,
};

#define NIC_VECTORS 3 /* configuration, receive, send */

struct nic {
	struct vfio *vfio;
	struct dma dma;
	struct frame_ring receive, send;
	bool modern, msix;
	int events[NIC_VECTORS];     /* eventfds, with MSI-X */
	uint64_t features;           /* negotiated */
	uint8_t mac[6];
	unsigned int doorbell_region;
	uint64_t doorbells[2];       /* offsets of receive and send queue */
	uint64_t common, device;     /* modern structures in the BAR below */
	unsigned int modern_bar;
};

/**
 * nic_start_legacy() - bring the card up through BAR0, as an old guest does.
 * @nic: filled in.
 * @vfio: open; command register and BAR0 are set.
 * @msix: with interrupts; else rings are polled.
 * @identity: see dma_new().
 *
 * Ends the test on failure.
 */
void nic_start_legacy(struct nic *nic, struct vfio *vfio, bool msix, bool identity);

/**
 * nic_start_modern() - bring the card up through its virtio capabilities.
 * @nic: filled in.
 * @vfio: open.
 * @msix: with interrupts; else rings are polled.
 * @identity: see dma_new().
 *
 * Ends the test on failure.
 */
void nic_start_modern(struct nic *nic, struct vfio *vfio, bool msix, bool identity);

/**
 * nic_stop() - reset the device and give its memory and interrupts back.
 * @nic: started, its function still open.
 */
void nic_stop(struct nic *nic);

/**
 * nic_send() - send a frame and ring the doorbell; ends the test on failure.
 * @nic: started.
 * @frame: bytes from the Ethernet header on.
 * @length_bytes: at most 1514.
 */
void nic_send(struct nic *nic, const void *frame, unsigned int length_bytes);

/**
 * nic_receive() - wait for a frame.
 * @nic: started.
 * @ret_frame: the frame.
 * @size_bytes: of that buffer.
 * @limit_ms: how long at most.
 *
 * Return: length in bytes, 0 when none came in time.
 */
int nic_receive(struct nic *nic, void *ret_frame, unsigned int size_bytes, unsigned int limit_ms);

/**
 * nic_resolve() - learn the MAC of an address; ends the test when nobody answers.
 * @nic: started; it acts as 10.9.0.<@host>.
 * @host: 2..254.
 * @peer_host: whose.
 * @peer: the card that has that address, when this test drives it too; else NULL.
 * @ret_mac: 6 bytes.
 */
void nic_resolve(struct nic *nic, uint8_t host, uint8_t peer_host, struct nic *peer,
		 uint8_t *ret_mac);

/**
 * nic_echo() - one echo request and its reply.
 * @nic: as in nic_resolve().
 * @host: as there.
 * @mac: the peer's, of nic_resolve().
 * @peer_host: as there.
 * @peer: as there.
 * @sequence: number of the request.
 *
 * Return: true when the right reply came within a second.
 */
bool nic_echo(struct nic *nic, uint8_t host, const uint8_t *mac, uint8_t peer_host,
	      struct nic *peer, uint16_t sequence);

/**
 * nic_check_ping() - resolve an address and have echo requests answered; else ends the test.
 * @nic: started; it acts as 10.9.0.<@host>.
 * @host: 2..254.
 * @peer_host: who shall answer.
 * @peer: the card that has that address, when this test drives it too; else NULL.
 * @count: replies wanted.
 */
void nic_check_ping(struct nic *nic, uint8_t host, uint8_t peer_host, struct nic *peer,
		    unsigned int count);

#endif
