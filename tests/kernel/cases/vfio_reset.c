// SPDX-License-Identifier: GPL-2.0-or-later
/* Resets of VFs and of their card meet. */
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"
#include "handout.h"
#include "host.h"
#include "net.h"
#include "nic.h"
#include "owner.h"
#include "test.h"

#define PF_HOST 1
#define VFS 4
#define RESETS 5
#define RESET_LIMIT_MS 2000 /* for the card to acknowledge its reset */
#define CALL_LIMIT_MS 20000

static int reset_pf(const struct handout *handout)
{
	char path[PCI_PATH_SIZE];

	return file_write(pci_path(path, handout->pf, "reset"), "1");
}

static bool is_ready(int event)
{
	struct pollfd ready = { .fd = event, .events = POLLIN };

	return poll(&ready, 1, 0) == 1;
}

/*
 * A reset of the PF takes VFs off the bus for a moment. A VF that its user resets just then must
 * wait: the kernel would wait a minute for it to come back, or reset the whole slot.
 */
TEST(vfio_reset_waits_for_that_of_the_card, .modules = HANDOUT_MODULES, .limit_s = 90)
{
	struct handout handout;
	struct vfio vfio;
	int event, status;
	pid_t pid;

	handout_open(&handout, PF_OURS, 1);
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	event = eventfd(0, EFD_CLOEXEC);
	CHECK_OK(vfio_error_event(&vfio, event));
	/* Holds the reset of the PF up before it begins in earnest. */
	CHECK_OK(file_write("/sys/module/vfvirt_pf/parameters/reset_limit_ms", "%d",
			    RESET_LIMIT_MS));
	host_do("fault pf0 reset-stuck,member=0");
	pid = fork();
	if (!pid)
		_exit(reset_pf(&handout) ? 1 : 0);
	WAIT_FOR(CALL_LIMIT_MS, host_struck("pf0", "reset-stuck") > 0, "the reset of the PF");
	CHECK(!is_ready(event), "the user was told of a reset that has not ended");
	CHECK_OK(vfio_reset(&vfio));
	CHECK(is_ready(event), "the VF was reset while its card was");
	CHECK(waitpid(pid, &status, 0) == pid && !status, "the reset of the PF failed");
	host_do("fault-clear pf0 all");
	CHECK_OK(reset_pf(&handout));
	owner_wait_state(handout.pf, VFVIRT_OWNER_READY, CALL_LIMIT_MS);
	CHECK_OK(vfio_reset(&vfio));
	vfio_close(&vfio);
	handout_close(&handout);
}

/* Resets a VF by every way a user has, until killed. */
static void keep_resetting(const char *bdf)
{
	for (;;) {
		struct vfio vfio;

		if (vfio_open(&vfio, bdf))
			continue;
		for (unsigned int i = 0; i < 4; i++)
			vfio_reset(&vfio);
		vfio_close(&vfio);
	}
}

/* However they meet, PF and VFs work in the end, and no call lasts longer than its limit. */
TEST(vfio_resets_of_card_and_vfs_meet, .modules = HANDOUT_MODULES, .limit_s = 120)
{
	struct handout handout;
	struct net_end pf_end;
	pid_t users[VFS];
	struct vfio vfio;
	struct nic nic;

	handout_open(&handout, PF_OURS, VFS);
	for (unsigned int i = 0; i < VFS; i++) {
		users[i] = fork();
		if (!users[i])
			keep_resetting(handout.vfs[i]);
	}
	for (unsigned int i = 0; i < RESETS; i++) {
		uint64_t begin_ms = now_ms();

		CHECK_OK(reset_pf(&handout));
		CHECK(now_ms() - begin_ms < test_limit(CALL_LIMIT_MS), "a reset of the PF took %u ms",
		      (unsigned int)(now_ms() - begin_ms));
		owner_wait_state(handout.pf, VFVIRT_OWNER_READY, CALL_LIMIT_MS);
	}
	for (unsigned int i = 0; i < VFS; i++) {
		kill(users[i], SIGKILL);
		waitpid(users[i], NULL, 0);
	}
	net_end_open(&pf_end, handout.pf, "10.9.0.1");
	for (unsigned int i = 0; i < VFS; i++) {
		CHECK_OK(vfio_open(&vfio, handout.vfs[i]));
		nic_start_legacy(&nic, &vfio, true, false);
		nic_check_ping(&nic, 100, PF_HOST, NULL, 2);
		nic_stop(&nic);
		vfio_close(&vfio);
	}
	net_end_close(&pf_end);
	handout_close(&handout);
}
