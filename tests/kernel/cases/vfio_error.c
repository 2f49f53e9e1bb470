// SPDX-License-Identifier: GPL-2.0-or-later
/* Errors of the bus (AER): a VMM must hear of them, for only it can stop the guest. */
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "handout.h"
#include "host.h"
#include "log.h"
#include "nic.h"
#include "test.h"

#define EVENT_LIMIT_MS 20000

/* The VF's user is told once for each error; one without an eventfd goes on as it was. */
TEST(vfio_bus_error_tells_the_user, .configs = "aer", .modules = HANDOUT_MODULES, .limit_s = 90)
{
	struct pollfd ready = { .events = POLLIN };
	struct vfio told, untold;
	struct handout handout;
	uint64_t count;
	int log;

	handout_open(&handout, PF_OURS, 2);
	CHECK_OK(vfio_open(&told, handout.vfs[0]));
	CHECK_OK(vfio_open(&untold, handout.vfs[1]));
	vfio_command(&told, 7);
	vfio_command(&untold, 7);
	ready.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	CHECK_OK(vfio_error_event(&told, ready.fd));
	log = log_follow();
	for (unsigned int error = 0; error < 3; error++) {
		host_do("aer pf0 COMP_TIME");
		CHECK_EQUAL(poll(&ready, 1, test_limit(EVENT_LIMIT_MS)), 1, "the number of error events");
		CHECK_EQUAL(read(ready.fd, &count, sizeof(count)), sizeof(count), "the event");
		/* Not fatal: the device goes on, and it is the user's to decide. */
		CHECK_EQUAL(vfio_get(&told, VFIO_BAR0, LEGACY_STATUS, 1), 0, "the status");
		CHECK_EQUAL(vfio_get(&untold, VFIO_BAR0, LEGACY_STATUS, 1), 0, "the status");
		/* Another error before the kernel is done with this one would be taken for the same. */
		WAIT_FOR(EVENT_LIMIT_MS, log_says(log, "device recovery successful"),
			 "the end of the recovery");
	}
	close(log);
	vfio_close(&told);
	vfio_close(&untold);
	close(ready.fd);
	handout_close(&handout);
}
