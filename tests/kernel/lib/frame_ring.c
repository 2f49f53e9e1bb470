// SPDX-License-Identifier: GPL-2.0-or-later
/* A split ring with frame buffers. */
#include <linux/virtio_ring.h>

#include "test.h"
#include "frame_ring.h"

#define RING_ALIGN_BYTES 4096
#define BUFFERS_OFFSET 0x10000
#define HEADER_ROOM_BYTES 64 /* in front of the data of each buffer */

static void describe(struct frame_ring *ring, unsigned int buffer, unsigned int data_bytes)
{
	uint64_t at = ring->buffers_iova + buffer * FRAME_RING_BUFFER_BYTES;
	uint16_t write = ring->receives ? VRING_DESC_F_WRITE : 0;

	ring->descriptors[2 * buffer] = (struct vring_desc){
		.addr = at, .len = ring->header_bytes, .flags = VRING_DESC_F_NEXT | write,
		.next = 2 * buffer + 1,
	};
	ring->descriptors[2 * buffer + 1] = (struct vring_desc){
		.addr = at + HEADER_ROOM_BYTES, .len = data_bytes, .flags = write,
	};
}

static void expose(struct frame_ring *ring, unsigned int buffer)
{
	uint16_t index = ring->available->idx;

	ring->available->ring[index % ring->size] = 2 * buffer;
	__atomic_store_n(&ring->available->idx, index + 1, __ATOMIC_SEQ_CST);
}

void frame_ring_init(struct frame_ring *ring, const struct dma *dma, size_t offset,
		     unsigned int size, unsigned int header_bytes, bool receives)
{
	uint8_t *start = dma->memory + offset;
	size_t before_used = 16 * size + 6 + 2 * size;

	CHECK(size >= 2 * FRAME_RING_BUFFERS && size <= 1024, "a ring of %u entries", size);
	memset(start, 0, FRAME_RING_AREA_BYTES);
	before_used = (before_used + RING_ALIGN_BYTES - 1) / RING_ALIGN_BYTES * RING_ALIGN_BYTES;
	*ring = (struct frame_ring){
		.descriptors = (void *)start,
		.available = (void *)(start + 16 * size),
		.used = (void *)(start + before_used),
		.buffers = start + BUFFERS_OFFSET,
		.iova = dma->iova + offset,
		.buffers_iova = dma->iova + offset + BUFFERS_OFFSET,
		.size = size,
		.header_bytes = header_bytes,
		.receives = receives,
	};
	for (unsigned int i = 0; receives && i < FRAME_RING_BUFFERS; i++) {
		describe(ring, i, FRAME_RING_BUFFER_BYTES - HEADER_ROOM_BYTES);
		expose(ring, i);
	}
}

int frame_ring_send(struct frame_ring *ring, const void *frame, unsigned int length_bytes)
{
	unsigned int buffer = ring->available->idx % FRAME_RING_BUFFERS;
	uint8_t *at = ring->buffers + buffer * FRAME_RING_BUFFER_BYTES;

	ring->taken = __atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE);
	if ((uint16_t)(ring->available->idx - ring->taken) == FRAME_RING_BUFFERS)
		return -EBUSY;
	memset(at, 0, HEADER_ROOM_BYTES);
	memcpy(at + HEADER_ROOM_BYTES, frame, length_bytes);
	describe(ring, buffer, length_bytes);
	expose(ring, buffer);
	return 0;
}

bool frame_ring_used(const struct frame_ring *ring)
{
	return __atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE) != ring->taken;
}

int frame_ring_receive(struct frame_ring *ring, void *ret_frame, unsigned int size_bytes)
{
	struct vring_used_elem *element = &ring->used->ring[ring->taken % ring->size];
	unsigned int buffer, length;

	/* The element is the device's until the index says otherwise: nothing of it is read before. */
	if (!frame_ring_used(ring))
		return 0;
	buffer = element->id / 2;
	length = element->len - ring->header_bytes;
	if (element->id % 2 || buffer >= FRAME_RING_BUFFERS || element->len < ring->header_bytes ||
	    length > FRAME_RING_BUFFER_BYTES - HEADER_ROOM_BYTES)
		return -EPROTO;
	length = length < size_bytes ? length : size_bytes;
	memcpy(ret_frame, ring->buffers + buffer * FRAME_RING_BUFFER_BYTES + HEADER_ROOM_BYTES, length);
	ring->taken++;
	expose(ring, buffer);
	return length;
}
