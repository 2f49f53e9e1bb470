// SPDX-License-Identifier: GPL-2.0-or-later
/* What legacy and modern have in common: interrupts, sending, receiving. */
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "nic_parts.h"
#include "test.h"

void nic_send(struct nic *nic, const void *frame, unsigned int length_bytes)
{
	WAIT_FOR(2000, frame_ring_send(&nic->send, frame, length_bytes) == 0,
		 "the device to take frames that were sent");
	vfio_put(nic->vfio, nic->doorbell_region, nic->doorbells[1], 2, 1);
}

/* Waits for the receive vector; without MSI-X lets time pass. */
static void wait_interrupt(struct nic *nic, unsigned int limit_ms)
{
	struct pollfd ready = { .fd = nic->events[1], .events = POLLIN };
	uint64_t count;

	if (!nic->msix)
		return pause_ms(1);
	if (poll(&ready, 1, limit_ms) == 1)
		CHECK(read(nic->events[1], &count, sizeof(count)) == sizeof(count),
		      "cannot read an eventfd: %s", strerror(errno));
}

int nic_receive(struct nic *nic, void *ret_frame, unsigned int size_bytes, unsigned int limit_ms)
{
	uint64_t end_ms = now_ms() + limit_ms;

	for (;;) {
		uint64_t now = now_ms();
		int length;

		length = frame_ring_receive(&nic->receive, ret_frame, size_bytes);
		CHECK(length >= 0, "%s: the device broke its receive ring", nic->vfio->bdf);
		if (length) {
			vfio_put(nic->vfio, nic->doorbell_region, nic->doorbells[0], 2, 0);
			return length;
		}
		if (now >= end_ms)
			return 0;
		wait_interrupt(nic, end_ms - now);
	}
}

void nic_open_events(struct nic *nic)
{
	for (unsigned int i = 0; i < NIC_VECTORS; i++) {
		nic->events[i] = eventfd(0, EFD_CLOEXEC);
		CHECK(nic->events[i] >= 0, "no eventfd: %s", strerror(errno));
	}
	CHECK_OK(vfio_msix(nic->vfio, nic->events, NIC_VECTORS));
}

void nic_close_events(struct nic *nic)
{
	if (!nic->msix)
		return;
	CHECK_OK(vfio_msix(nic->vfio, NULL, 0));
	for (unsigned int i = 0; i < NIC_VECTORS; i++)
		close(nic->events[i]);
}
