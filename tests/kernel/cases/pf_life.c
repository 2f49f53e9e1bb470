// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A PF comes, goes, is reset, sleeps and loses its class driver while VFs and commands are there.
 */
#include <errno.h>
#include <stdlib.h>

#include "file.h"
#include "host.h"
#include "net.h"
#include "owner.h"
#include "test.h"

#define READ_STATUS "common_read 18 1 0"
#define LONG_READ "common_read 18 1 15000"
#define PENDING 4 /* commands that one VF may have under way */
#define VFS_MANY 240
#define LIMIT_A_VF_MS 170 /* to bind one; a limit of a command is 1 s at least */

/* A number of calls that the card will not answer. */
static void start_stuck(const char *pf, pid_t *ret_processes, unsigned int count, const char *words)
{
	host_do("fault pf0 stall,opcode=3");
	for (unsigned int n = 0; n < count; n++)
		ret_processes[n] = member_start(pf, n % 2, words);
	WAIT_FOR(5000, owner_look(pf).in_flight == count, "the commands to be with the card");
}

/* B-P02, B-F02: unbinding virtio_net takes the queue away under open VFs; binding brings it back. */
TEST(pf_class_driver_may_go_and_come, .modules = OWNER_MODULES, .limit_s = 60)
{
	char pf[BDF_SIZE], name[NETDEV_SIZE];
	pid_t stuck[PENDING];

	owner_open(pf, 2);
	owner_check_works(pf, 0);
	CHECK_OK(member_ask(pf, 0, NULL, 0, "open"));
	for (unsigned int n = 0; n < 3; n++) {
		pci_class_driver(pf, "unbind");
		owner_wait_state(pf, VFVIRT_OWNER_ABSENT, 2000);
		CHECK_EQUAL(owner_look(pf).reason, VFVIRT_REASON_NO_DRIVER, "the reason");
		CHECK_EQUAL(member_ask(pf, 0, NULL, 0, READ_STATUS), -ENODEV, "a read without it");
		CHECK_EQUAL(pci_vfs(pf), 2, "VFs");
		pci_class_driver(pf, "bind");
		owner_wait_state(pf, VFVIRT_OWNER_READY, 5000);
		pci_wait_netdev(pf, name);
		owner_check_works(pf, 0);
		owner_check_works(pf, 1);
	}
	start_stuck(pf, stuck, PENDING, LONG_READ);
	pci_class_driver(pf, "unbind");
	for (unsigned int n = 0; n < PENDING; n++)
		CHECK_EQUAL(member_end(stuck[n]), -ENODEV, "a command under the unbind");
	CHECK_EQUAL(owner_look(pf).in_flight, 0, "commands in flight");
	host_do("fault-clear pf0 all");
	pci_class_driver(pf, "bind");
	owner_wait_state(pf, VFVIRT_OWNER_READY, 5000);
	owner_check_works(pf, 0);
	CHECK_OK(member_ask(pf, 0, NULL, 0, "close"));
	owner_close(pf);
}

/* B-P07: a function level reset of the PF; the interface stays, VF drivers are told. */
TEST(pf_function_reset, .modules = OWNER_MODULES, .limit_s = 60)
{
	char pf[BDF_SIZE], path[PCI_PATH_SIZE], before[NETDEV_SIZE], after[NETDEV_SIZE], events[64];
	struct net_end end;
	pid_t stuck[PENDING];

	owner_open(pf, 2);
	owner_check_works(pf, 0);
	pci_wait_netdev(pf, before);
	start_stuck(pf, stuck, PENDING, LONG_READ);
	CHECK_OK(file_write(pci_path(path, pf, "reset"), "1"));
	for (unsigned int n = 0; n < PENDING; n++)
		CHECK_EQUAL(member_end(stuck[n]), -ENODEV, "a command under the reset");
	host_do("fault-clear pf0 all");
	owner_wait_state(pf, VFVIRT_OWNER_READY, 2000);
	pci_wait_netdev(pf, after);
	CHECK(!strcmp(before, after), "the interface is %s, no longer %s", after, before);
	CHECK_OK(member_ask(pf, 0, events, sizeof(events), "events"));
	CHECK(!strcmp(strrchr(events, ' '), " 1"), "events down, degraded, up, reset: %s", events);
	owner_check_works(pf, 0);
	CHECK_OK(pci_set_vfs(pf, 0));
	net_end_open(&end, pf, "10.9.0.1");
	net_end_close(&end);
	owner_close(pf);
}

/* Ten in a row, while commands come. */
TEST(pf_function_reset_under_load, .modules = OWNER_MODULES, .limit_s = 90)
{
	char pf[BDF_SIZE], path[PCI_PATH_SIZE];

	owner_open(pf, 2);
	for (unsigned int n = 0; n < 10; n++) {
		pid_t busy[8];

		for (unsigned int i = 0; i < 8; i++)
			busy[i] = member_start(pf, i % 2, READ_STATUS);
		CHECK_OK(file_write(pci_path(path, pf, "reset"), "1"));
		for (unsigned int i = 0; i < 8; i++) {
			int error = member_end(busy[i]);

			CHECK(!error || error == -ENODEV || error == -EBUSY || error == -EIO,
			      "a command under a reset ended with %d", error);
		}
		owner_wait_state(pf, VFVIRT_OWNER_READY, 2000);
	}
	owner_check_works(pf, 0);
	owner_close(pf);
}

/* S-54, B-P30: VFs go while their commands are with the card, which answers none of them. */
static void check_numvfs_with_pending(void)
{
	pid_t stuck[PENDING];
	char pf[BDF_SIZE];
	uint64_t start_ms;

	owner_open(pf, 2);
	owner_check_works(pf, 0);
	start_stuck(pf, stuck, PENDING, LONG_READ);
	start_ms = now_ms();
	CHECK_OK(pci_set_vfs(pf, 0));
	CHECK(now_ms() - start_ms < test_limit(10000), "it took %d ms", (int)(now_ms() - start_ms));
	for (unsigned int n = 0; n < PENDING; n++)
		CHECK_EQUAL(member_end(stuck[n]), -ENODEV, "a command under sriov_numvfs=0");
	CHECK_EQUAL(owner_look(pf).in_flight, 0, "commands in flight");
	host_do("fault-clear pf0 all");
	member_bind(pf, 2);
	owner_check_works(pf, 0);
	owner_close(pf);
}

TEST(pf_vfs_go_with_commands_pending, .modules = OWNER_MODULES,
     .configs = "default no-queue-reset", .limit_s = 60)
{
	check_numvfs_with_pending();
}

TEST(pf_unbinds_with_commands_pending, .modules = OWNER_MODULES,
     .configs = "default no-queue-reset", .limit_s = 60)
{
	pid_t stuck[PENDING];
	char pf[BDF_SIZE];

	owner_open(pf, 2);
	owner_check_works(pf, 0);
	start_stuck(pf, stuck, PENDING, LONG_READ);
	CHECK_OK(pci_unbind(pf));
	for (unsigned int n = 0; n < PENDING; n++)
		CHECK_EQUAL(member_end(stuck[n]), -ENODEV, "a command under the unbind");
	host_do("fault-clear pf0 all");
	CHECK_OK(pci_bind(pf, "vfvirt_pf"));
	member_bind(pf, 2);
	owner_check_works(pf, 0);
	owner_close(pf);
}

/* A card that was plugged in is bound to the in-tree driver first, and then works with ours. */
static void check_return(char *pf)
{
	char name[NETDEV_SIZE];

	WAIT_FOR(30000, pci_find_pf(0, pf), "the PF to be back on the bus");
	pci_wait_netdev(pf, name);
	owner_open(pf, 1);
	owner_check_works(pf, 0);
	owner_close(pf);
}

/* B-P05, B-P06, B-F13: the card is pulled with commands pending; nobody waits for it. */
TEST(pf_card_gone_with_commands_pending, .modules = OWNER_MODULES, .limit_s = 90)
{
	pid_t stuck[PENDING];
	char pf[BDF_SIZE];
	uint64_t start_ms;

	owner_open(pf, 2);
	owner_check_works(pf, 0);
	start_stuck(pf, stuck, PENDING, LONG_READ);
	start_ms = now_ms();
	host_do("gone pf0 true");
	for (unsigned int n = 0; n < PENDING; n++) {
		int error = member_end(stuck[n]);

		/* The VF, and with it the file that has the answer, may be gone before it is read. */
		CHECK(error == -ENODEV || error == -TEST_EXIT_FAIL,
		      "a command on the pulled card ended with %d", error);
	}
	CHECK(now_ms() - start_ms < test_limit(3000), "they took %d ms",
	      (int)(now_ms() - start_ms));
	WAIT_FOR(30000, !pci_present(pf), "the PF to be taken off the bus");
	host_do("reset");
	host_do("gone pf0 false");
	check_return(pf);
}

/* The card is taken out in order, with VFs there. */
TEST(pf_orderly_unplug, .modules = OWNER_MODULES, .limit_s = 90)
{
	char pf[BDF_SIZE];

	owner_open(pf, 2);
	owner_check_works(pf, 0);
	host_do("unplug pf0");
	host_replug("pf0", 20000);
	check_return(pf);
}

/* B-P06, S-09: the card never acknowledges its reset; it loses bus mastering, and we go on. */
TEST(pf_reset_never_acknowledged, .modules = OWNER_MODULES, .limit_s = 90, .last = true)
{
	char pf[BDF_SIZE], path[PCI_PATH_SIZE];
	uint64_t start_ms;

	owner_open(pf, 2);
	owner_check_works(pf, 0);
	CHECK_OK(file_write("/sys/module/vfvirt_pf/parameters/reset_limit_ms", "2000"));
	host_do("fault pf0 reset-stuck,member=0");
	/* Frozen for the function reset, thawed without a device: VFs get -ENODEV, nothing hangs. */
	start_ms = now_ms();
	CHECK_OK(file_write(pci_path(path, pf, "reset"), "1"));
	CHECK(now_ms() - start_ms < test_limit(10000), "the reset took %d ms",
	      (int)(now_ms() - start_ms));
	CHECK_EQUAL(member_ask(pf, 0, NULL, 0, READ_STATUS), -ENODEV, "a read");
	/* Once the card obeys again, another function reset brings everything back. */
	host_do("fault-clear pf0 all");
	CHECK_OK(file_write(pci_path(path, pf, "reset"), "1"));
	owner_wait_state(pf, VFVIRT_OWNER_READY, 5000);
	owner_check_works(pf, 0);
	/* Stuck again, and the PF is unbound for good. */
	host_do("fault pf0 reset-stuck,member=0");
	start_ms = now_ms();
	CHECK_OK(pci_unbind(pf));
	CHECK(now_ms() - start_ms < test_limit(15000), "unbinding took %d ms",
	      (int)(now_ms() - start_ms));
	host_do("fault-clear pf0 all");
	CHECK_OK(pci_bind(pf, "vfvirt_pf"));
	member_bind(pf, 1);
	owner_check_works(pf, 0);
	owner_close(pf);
}

/* A dead card at the first discovery: 240 VF drivers probe in pci_enable_sriov(), all locks held. */
TEST(pf_dead_card_at_first_discovery, .modules = OWNER_MODULES, .configs = "vfs240",
     .limit_s = 150)
{
	unsigned int vfs = test_number("many_vfs", VFS_MANY);
	char pf[BDF_SIZE], path[PCI_PATH_SIZE], vf[BDF_SIZE];
	uint64_t start_ms, took_ms;

	owner_open(pf, 0);
	owner_wait_state(pf, VFVIRT_OWNER_READY, 2000);
	host_do("fault pf0 stall");
	CHECK_OK(file_write(pci_path(path, pf, "sriov_drivers_autoprobe"), "0"));
	CHECK_OK(pci_set_vfs(pf, vfs));
	start_ms = now_ms();
	for (unsigned int n = 0; n < vfs; n++) {
		pci_vf(pf, n, vf);
		CHECK_OK(pci_bind(vf, "vfvirt_test"));
	}
	took_ms = now_ms() - start_ms;
	test_log("bench dead_card_%u_vfs %d ms", vfs, (int)took_ms);
	CHECK(took_ms < test_limit(vfs * LIMIT_A_VF_MS), "probing %u VFs took %d ms",
	      vfs, (int)took_ms);
	host_do("fault-clear pf0 all");
	owner_wait_state(pf, VFVIRT_OWNER_READY, 70000);
	owner_check_works(pf, vfs - 1);
	owner_close(pf);
}

/* B-F14: the machine is switched off with VFs in use and a command that the card has. */
TEST(pf_bf14_machine_is_switched_off, .modules = OWNER_MODULES, .last = true)
{
	pid_t stuck[1];
	char pf[BDF_SIZE];

	owner_open(pf, 2);
	owner_check_works(pf, 0);
	CHECK_OK(member_ask(pf, 1, NULL, 0, "open"));
	start_stuck(pf, stuck, 1, LONG_READ);
	/* The runner switches off now; what the kernel says about it, the host judges. */
}
