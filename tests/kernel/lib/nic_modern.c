// SPDX-License-Identifier: GPL-2.0-or-later
/* The modern interface: structures found by capabilities, registers in a memory BAR. */
#include "nic_parts.h"
#include "test.h"

#define CAPABILITY_POINTER 0x34
#define CAPABILITY_VENDOR 9
#define CAPABILITIES_MAX 32
#define TYPE_COMMON 1
#define TYPE_NOTIFY 2
#define TYPE_DEVICE 4
#define HEADER_BYTES 12
#define QUEUES 2

/* Registers of the common configuration. */
#define DEVICE_FEATURE_SELECT 0x00
#define DEVICE_FEATURE 0x04
#define DRIVER_FEATURE_SELECT 0x08
#define DRIVER_FEATURE 0x0c
#define CONFIG_VECTOR 0x10
#define STATUS 0x14
#define QUEUE_SELECT 0x16
#define QUEUE_SIZE 0x18
#define QUEUE_VECTOR 0x1a
#define QUEUE_ENABLE 0x1c
#define QUEUE_NOTIFY_OFFSET 0x1e
#define QUEUE_ADDRESSES 0x20 /* descriptors, available, used: 8 bytes each */

static uint32_t get(struct nic *nic, unsigned int offset, unsigned int width)
{
	return vfio_get(nic->vfio, nic->modern_bar, nic->common + offset, width);
}

static void put(struct nic *nic, unsigned int offset, unsigned int width, uint32_t value)
{
	vfio_put(nic->vfio, nic->modern_bar, nic->common + offset, width, value);
}

/* Finds the virtio structures; returns the multiplier of the notify offsets. */
static uint32_t find_structures(struct nic *nic, uint64_t *ret_notify)
{
	const struct vfio *vfio = nic->vfio;
	unsigned int at = vfio_get(vfio, VFIO_CONFIG, CAPABILITY_POINTER, 1), found = 0;
	uint32_t multiplier = 0;

	for (unsigned int i = 0; at && i < CAPABILITIES_MAX; i++) {
		unsigned int type = vfio_get(vfio, VFIO_CONFIG, at + 3, 1);
		uint32_t offset = vfio_get(vfio, VFIO_CONFIG, at + 8, 4);

		if (vfio_get(vfio, VFIO_CONFIG, at, 1) == CAPABILITY_VENDOR &&
		    (type == TYPE_COMMON || type == TYPE_NOTIFY || type == TYPE_DEVICE)) {
			found |= 1 << type;
			nic->modern_bar = vfio_get(vfio, VFIO_CONFIG, at + 4, 1);
			if (type == TYPE_COMMON)
				nic->common = offset;
			if (type == TYPE_DEVICE)
				nic->device = offset;
			if (type == TYPE_NOTIFY) {
				*ret_notify = offset;
				multiplier = vfio_get(vfio, VFIO_CONFIG, at + 16, 4);
			}
		}
		at = vfio_get(vfio, VFIO_CONFIG, at + 1, 1);
	}
	CHECK_EQUAL(found, 1 << TYPE_COMMON | 1 << TYPE_NOTIFY | 1 << TYPE_DEVICE,
		    "the set of virtio capabilities");
	return multiplier;
}

static void negotiate(struct nic *nic)
{
	uint64_t wanted = FEATURE_MAC | FEATURE_STATUS | FEATURE_VERSION_1 |
			  FEATURE_ACCESS_PLATFORM;

	for (unsigned int half = 0; half < 2; half++) {
		put(nic, DEVICE_FEATURE_SELECT, 4, half);
		nic->features |= (uint64_t)get(nic, DEVICE_FEATURE, 4) << 32 * half;
	}
	nic->features &= wanted;
	for (unsigned int half = 0; half < 2; half++) {
		put(nic, DRIVER_FEATURE_SELECT, 4, half);
		put(nic, DRIVER_FEATURE, 4, nic->features >> 32 * half);
	}
	put(nic, STATUS, 1, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
	CHECK(get(nic, STATUS, 1) & STATUS_FEATURES_OK, "%s: the device refuses features %llx",
	      nic->vfio->bdf, (unsigned long long)nic->features);
}

static void set_queue(struct nic *nic, unsigned int queue, struct frame_ring *ring)
{
	const struct dma *dma = &nic->dma;
	uint64_t parts[3];

	put(nic, QUEUE_SELECT, 2, queue);
	frame_ring_init(ring, dma, queue ? SEND_OFFSET : RECEIVE_OFFSET, get(nic, QUEUE_SIZE, 2),
		   HEADER_BYTES, queue == 0);
	parts[0] = ring->iova;
	parts[1] = ring->iova + ((uint8_t *)ring->available - (uint8_t *)ring->descriptors);
	parts[2] = ring->iova + ((uint8_t *)ring->used - (uint8_t *)ring->descriptors);
	for (unsigned int i = 0; i < 3; i++) {
		put(nic, QUEUE_ADDRESSES + 8 * i, 4, parts[i]);
		put(nic, QUEUE_ADDRESSES + 8 * i + 4, 4, parts[i] >> 32);
	}
	if (nic->msix) {
		put(nic, QUEUE_VECTOR, 2, queue + 1);
		CHECK_EQUAL(get(nic, QUEUE_VECTOR, 2), queue + 1, "the queue's vector");
	}
	put(nic, QUEUE_ENABLE, 2, 1);
}

void nic_reset_modern(struct nic *nic)
{
	put(nic, STATUS, 1, 0);
	WAIT_FOR(2000, get(nic, STATUS, 1) == 0, "the modern device to be reset");
}

void nic_start_modern(struct nic *nic, struct vfio *vfio, bool msix, bool identity)
{
	struct frame_ring *rings[QUEUES] = { &nic->receive, &nic->send };
	uint64_t notify = 0;
	uint32_t multiplier;

	*nic = (struct nic){ .vfio = vfio, .msix = msix, .modern = true };
	dma_new(vfio, &nic->dma, identity);
	vfio_command(vfio, 7);
	multiplier = find_structures(nic, &notify);
	nic->doorbell_region = nic->modern_bar;
	nic_reset_modern(nic);
	put(nic, STATUS, 1, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	negotiate(nic);
	if (msix) {
		nic_open_events(nic);
		put(nic, CONFIG_VECTOR, 2, 0);
		CHECK_EQUAL(get(nic, CONFIG_VECTOR, 2), 0, "the configuration's vector");
	}
	for (unsigned int i = 0; i < sizeof(nic->mac); i++)
		nic->mac[i] = vfio_get(vfio, nic->modern_bar, nic->device + i, 1);
	for (unsigned int queue = 0; queue < QUEUES; queue++) {
		set_queue(nic, queue, rings[queue]);
		nic->doorbells[queue] = notify + multiplier * get(nic, QUEUE_NOTIFY_OFFSET, 2);
	}
	put(nic, STATUS, 1,
	    STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
	vfio_put(vfio, nic->doorbell_region, nic->doorbells[0], 2, 0);
}
