// SPDX-License-Identifier: GPL-2.0-or-later
/* The legacy interface as a driver of virtio 0.95 uses it, in that order. */
#include "nic_parts.h"
#include "test.h"

#define BAR0_ADDRESS 0xc000
#define HEADER_BYTES 10
#define PAGE_BYTES 4096
#define QUEUES 2

static uint32_t get(struct nic *nic, unsigned int offset, unsigned int width)
{
	return vfio_get(nic->vfio, VFIO_BAR0, offset, width);
}

static void put(struct nic *nic, unsigned int offset, unsigned int width, uint32_t value)
{
	vfio_put(nic->vfio, VFIO_BAR0, offset, width, value);
}

static void set_vectors(struct nic *nic, unsigned int queue)
{
	if (!nic->msix)
		return;
	put(nic, LEGACY_QUEUE_VECTOR, 2, queue + 1);
	CHECK_EQUAL(get(nic, LEGACY_QUEUE_VECTOR, 2), queue + 1, "the queue's vector");
}

static void set_queue(struct nic *nic, unsigned int queue, struct frame_ring *ring, size_t offset)
{
	unsigned int size;

	put(nic, LEGACY_QUEUE_SELECT, 2, queue);
	CHECK_EQUAL(get(nic, LEGACY_QUEUE_SELECT, 2), queue, "the selected queue");
	CHECK_EQUAL(get(nic, LEGACY_QUEUE_PFN, 4), 0, "the address of a queue after a reset");
	size = get(nic, LEGACY_QUEUE_SIZE, 2);
	frame_ring_init(ring, &nic->dma, offset, size, HEADER_BYTES, queue == 0);
	put(nic, LEGACY_QUEUE_PFN, 4, ring->iova / PAGE_BYTES);
	CHECK_EQUAL(get(nic, LEGACY_QUEUE_PFN, 4), ring->iova / PAGE_BYTES,
		    "the address of a queue");
	set_vectors(nic, queue);
}

static void read_mac(struct nic *nic)
{
	unsigned int config = nic->msix ? LEGACY_CONFIG_MSIX : LEGACY_CONFIG;

	for (unsigned int i = 0; i < sizeof(nic->mac); i++)
		nic->mac[i] = get(nic, config + i, 1);
}

void nic_start_legacy(struct nic *nic, struct vfio *vfio, bool msix, bool identity)
{
	struct frame_ring *rings[QUEUES] = { &nic->receive, &nic->send };

	*nic = (struct nic){ .vfio = vfio, .msix = msix, .doorbell_region = VFIO_BAR0,
			     .doorbells = { LEGACY_NOTIFY, LEGACY_NOTIFY } };
	dma_new(vfio, &nic->dma, identity);
	vfio_put(vfio, VFIO_CONFIG, 0x10, 4, BAR0_ADDRESS);
	vfio_command(vfio, 7);
	put(nic, LEGACY_STATUS, 1, 0);
	CHECK_EQUAL(get(nic, LEGACY_STATUS, 1), 0, "the status after a reset");
	put(nic, LEGACY_STATUS, 1, STATUS_ACKNOWLEDGE);
	put(nic, LEGACY_STATUS, 1, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	nic->features = get(nic, LEGACY_DEVICE_FEATURES, 4) & (FEATURE_MAC | FEATURE_STATUS);
	put(nic, LEGACY_DRIVER_FEATURES, 4, nic->features);
	if (msix) {
		nic_open_events(nic);
		put(nic, LEGACY_CONFIG_VECTOR, 2, 0);
		CHECK_EQUAL(get(nic, LEGACY_CONFIG_VECTOR, 2), 0, "the configuration's vector");
	}
	read_mac(nic);
	for (unsigned int queue = 0; queue < QUEUES; queue++)
		set_queue(nic, queue, rings[queue],
			  queue ? SEND_OFFSET : RECEIVE_OFFSET);
	put(nic, LEGACY_STATUS, 1, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK);
	CHECK_EQUAL(get(nic, LEGACY_STATUS, 1),
		    STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK, "the status");
	put(nic, LEGACY_NOTIFY, 2, 0);
}

void nic_stop(struct nic *nic)
{
	if (nic->modern)
		nic_reset_modern(nic);
	else
		put(nic, LEGACY_STATUS, 1, 0);
	nic_close_events(nic);
	vfio_command(nic->vfio, 0);
	dma_unmap(nic->vfio, &nic->dma);
}
