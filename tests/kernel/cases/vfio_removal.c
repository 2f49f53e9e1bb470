// SPDX-License-Identifier: GPL-2.0-or-later
/* The host takes VFs, or the whole card, from a user in orderly ways: the user is asked for them. */
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"
#include "handout.h"
#include "host.h"
#include "nic.h"
#include "test.h"

#define REQUEST_LIMIT_MS 30000 /* pciehp alone lets 5 s pass after the button was pressed */
#define REMOVAL_LIMIT_MS 30000
#define ACCESS_LIMIT_MS 10000

/* A user that reads registers all the time, and what the host asks it. */
struct user {
	struct vfio vfio;
	pthread_t thread;
	bool over;
	int request;
};

static void *read_on(void *context)
{
	struct user *user = context;

	while (!__atomic_load_n(&user->over, __ATOMIC_RELAXED)) {
		uint64_t begin_ms = now_ms();
		uint8_t status;

		vfio_read(&user->vfio, VFIO_BAR0, LEGACY_STATUS, &status, 1);
		CHECK(now_ms() - begin_ms < test_limit(ACCESS_LIMIT_MS), "a read took %u ms",
		      (unsigned int)(now_ms() - begin_ms));
	}
	return NULL;
}

static void user_start(struct user *user, const char *bdf)
{
	*user = (struct user){ .request = eventfd(0, EFD_CLOEXEC) };
	CHECK_OK(vfio_open(&user->vfio, bdf));
	CHECK_OK(vfio_request_event(&user->vfio, user->request));
	vfio_command(&user->vfio, 7);
	CHECK(!pthread_create(&user->thread, NULL, read_on, user), "no thread");
}

static void user_await_request(const struct user *user)
{
	struct pollfd ready = { .fd = user->request, .events = POLLIN };

	CHECK_EQUAL(poll(&ready, 1, test_limit(REQUEST_LIMIT_MS)), 1, "the number of requests");
}

static void user_end(struct user *user)
{
	__atomic_store_n(&user->over, true, __ATOMIC_RELAXED);
	pthread_join(user->thread, NULL);
	vfio_close(&user->vfio);
	close(user->request);
}

static void check_works(const char *bdf)
{
	struct vfio vfio;

	CHECK_OK(vfio_open(&vfio, bdf));
	vfio_command(&vfio, 7);
	CHECK_EQUAL(vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1), 0, "the status");
	vfio_close(&vfio);
}

/*
 * S-54, B-P30: VFs go while one is in use. Its registers fail at once, so that no command is under
 * way when VF Enable is cleared; its user is asked to leave, and the host waits for that.
 */
TEST(vfio_vfs_go_under_a_user, .modules = HANDOUT_MODULES, .limit_s = 120)
{
	struct handout handout;
	struct user user;
	uint8_t value;
	int status;
	pid_t pid;

	handout_open(&handout, PF_OURS, 2);
	user_start(&user, handout.vfs[0]);
	pid = fork();
	if (!pid) {
		vfio_close(&user.vfio); /* only this process's share of it */
		_exit(pci_set_vfs(handout.pf, 0) ? 1 : 0);
	}
	user_await_request(&user);
	CHECK_EQUAL(vfio_read(&user.vfio, VFIO_BAR0, LEGACY_STATUS, &value, 1), 1,
		    "what a read returned");
	CHECK_EQUAL(value, 0xff, "the status of a VF that is to go");
	CHECK_EQUAL(waitpid(pid, &status, WNOHANG), 0, "who removed VFs under their user");
	user_end(&user);
	CHECK(waitpid(pid, &status, 0) == pid && !status, "the removal failed");
	CHECK_EQUAL(pci_vfs(handout.pf), 0, "sriov_numvfs");
	handout_open(&handout, PF_OURS, 2);
	check_works(handout.vfs[0]);
	handout_close(&handout);
}

/* The card is taken out in order: VFs first, and they work until their users have left. */
TEST(vfio_card_is_unplugged_under_a_user, .modules = HANDOUT_MODULES, .limit_s = 150)
{
	struct handout handout;
	char name[NETDEV_SIZE];
	struct user user;

	handout_open(&handout, PF_OURS, 2);
	user_start(&user, handout.vfs[0]);
	host_do("unplug pf0");
	user_await_request(&user);
	CHECK_EQUAL(vfio_get(&user.vfio, VFIO_BAR0, LEGACY_STATUS, 1), 0,
		    "the status before the user has left");
	CHECK(pci_present(handout.pf), "the PF went before the users of its VFs");
	user_end(&user);
	host_replug("pf0", REMOVAL_LIMIT_MS);
	WAIT_FOR(REMOVAL_LIMIT_MS, pci_find_pf(0, handout.pf), "the PF to be back on the bus");
	pci_wait_netdev(handout.pf, name);
	handout_open(&handout, PF_OURS, 1);
	check_works(handout.vfs[0]);
	handout_close(&handout);
}
