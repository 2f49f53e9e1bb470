/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A split ring with frame buffers, as a driver of a virtio network card keeps it. */
#ifndef VFVIRT_TESTS_FRAME_RING_H
#define VFVIRT_TESTS_FRAME_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "vfio.h"

#define FRAME_RING_BUFFERS 16         /* frames under way at most */
#define FRAME_RING_BUFFER_BYTES 2048
#define FRAME_RING_AREA_BYTES 0x20000 /* of DMA memory: ring, then buffers */

/*
 * The legacy layout (virtio 1.3, "Legacy Interfaces: A Note on Virtqueue Layout"), which suits a
 * modern device as well. Each frame is a chain of two descriptors, header and data, because a
 * legacy device need not take them in one.
 */
struct frame_ring {
	struct vring_desc *descriptors;
	struct vring_avail *available;
	struct vring_used *used;
	uint8_t *buffers;
	uint64_t iova;         /* of the ring */
	uint64_t buffers_iova;
	unsigned int size;     /* entries, a power of two */
	unsigned int header_bytes;
	uint16_t taken;        /* used entries that were consumed */
	bool receives;
};

/**
 * frame_ring_init() - lay out a ring and its buffers.
 * @ring: filled in.
 * @dma: memory.
 * @offset: where in it, 4096-aligned; FRAME_RING_AREA_BYTES are used.
 * @size: entries.
 * @header_bytes: of the virtio-net header.
 * @receives: whether the device writes the buffers; then all are made available.
 */
void frame_ring_init(struct frame_ring *ring, const struct dma *dma, size_t offset,
		     unsigned int size, unsigned int header_bytes, bool receives);

/**
 * frame_ring_send() - make one frame available to the device.
 * @ring: one that sends.
 * @frame: bytes from the Ethernet header on.
 * @length_bytes: at most 1514.
 *
 * Return: 0, or -EBUSY while all buffers are under way.
 */
int frame_ring_send(struct frame_ring *ring, const void *frame, unsigned int length_bytes);

/**
 * frame_ring_used() - whether the device has returned something that was not consumed.
 * @ring: any.
 *
 * Return: true when it has.
 */
bool frame_ring_used(const struct frame_ring *ring);

/**
 * frame_ring_receive() - consume one received frame and make its buffer available again.
 * @ring: one that receives.
 * @ret_frame: the frame.
 * @size_bytes: of that buffer.
 *
 * Return: length in bytes, 0 when there is none, or -EPROTO when the device broke the ring.
 */
int frame_ring_receive(struct frame_ring *ring, void *ret_frame, unsigned int size_bytes);

#endif
