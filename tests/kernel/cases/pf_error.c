// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What befalls a PF from outside: the system ends, the bus reports errors, a card neither obeys nor
 * lets go of the memory, a transport feature that would couple the VFs is offered.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "handout.h"
#include "host.h"
#include "leak.h"
#include "log.h"
#include "nic.h"
#include "owner.h"
#include "test.h"

#define BUS_MODULES OWNER_MODULES " vfvirt_bus"
#define ERROR_MODULES HANDOUT_MODULES " vfvirt_test"
#define ORDER "/sys/module/vfvirt_bus/parameters/order"
#define LONG_READ "common_read 18 1 15000"
#define COMMAND_REGISTER 4
#define COMMAND_MASTER 4
#define F_IN_ORDER 35

static bool is_master(const char *pf)
{
	char path[PCI_PATH_SIZE];
	uint8_t command;
	int fd = open(pci_path(path, pf, "config"), O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0 && pread(fd, &command, 1, COMMAND_REGISTER) == 1, "no configuration space");
	close(fd);
	return command & COMMAND_MASTER;
}

/* IN_ORDER would make every VF wait for the slowest command of all. */
TEST(pf_refuses_in_order, .modules = OWNER_MODULES, .configs = "in-order")
{
	char pf[BDF_SIZE], offered[16];
	unsigned int took_ms;
	pid_t stuck;

	CHECK_OK(host_ask(offered, sizeof(offered), "get pf0 in_order"));
	CHECK(!strcmp(offered, "true"), "the card does not offer it: %s", offered);
	owner_open(pf, 2);
	CHECK(!(owner_look(pf).driver_features & 1ll << F_IN_ORDER), "IN_ORDER is negotiated");
	owner_check_works(pf, 0);
	host_do("fault pf0 delay,ms=2000,hold=self,opcode=3,member=1,times=1");
	stuck = member_start(pf, 0, LONG_READ);
	WAIT_FOR(2000, owner_look(pf).in_flight == 1, "the slow command to be with the card");
	CHECK_OK(owner_timed_read(pf, 1, &took_ms));
	CHECK_EQUAL(owner_look(pf).in_flight, 1, "the slow command was answered meanwhile");
	CHECK_OK(member_end(stuck));
	owner_close(pf);
}

/* B-F14: after shutdown() the card has no memory of ours, and users of VFs get errors at once. */
TEST(pf_shutdown_stops_the_card, .modules = BUS_MODULES, .last = true, .limit_s = 60)
{
	unsigned int took_ms;
	char pf[BDF_SIZE];
	pid_t stuck;

	owner_open(pf, 1);
	owner_check_works(pf, 0);
	CHECK(is_master(pf), "the card is no bus master");
	host_do("fault pf0 stall,opcode=3,times=1");
	stuck = member_start(pf, 0, LONG_READ);
	WAIT_FOR(2000, owner_look(pf).in_flight == 1, "the command to be with the card");
	CHECK_OK(file_write(ORDER, "shutdown %s", pf));
	CHECK_EQUAL(member_end(stuck), -ENODEV, "the command under way");
	CHECK_EQUAL(host_count("pf0", 1, "commands.3.unanswered"), 1, "commands the card dropped");
	CHECK(!is_master(pf), "the card is still a bus master");
	CHECK_EQUAL(owner_timed_read(pf, 0, &took_ms), -ENODEV, "a read after that");
	CHECK(took_ms < 300, "it took %u ms", took_ms);
	/* The end of the system goes no further; here the driver must still be able to go. */
	CHECK_OK(pci_unbind(pf));
	CHECK_OK(pci_bind(pf, "vfvirt_pf"));
	member_bind(pf, 1);
	owner_check_works(pf, 0);
	owner_close(pf);
}

/* What a reset takes back from the card is told with all that was known of it. */
TEST(pf_aborted_command_is_traced_in_full, .modules = OWNER_MODULES)
{
	static char trace[65536];
	char pf[BDF_SIZE], wanted[128];

	owner_open(pf, 1);
	owner_check_works(pf, 0);
	CHECK_OK(file_write("/sys/kernel/tracing/trace", "\n"));
	CHECK_OK(file_write("/sys/kernel/tracing/events/vfvirt/enable", "1"));
	host_do("fault pf0 stall,opcode=5,times=1");
	CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "device_read 2 4 0"), -ETIMEDOUT, "a stuck read");
	owner_wait_state(pf, VFVIRT_OWNER_READY, 8000);
	CHECK_OK(file_write("/sys/kernel/tracing/events/vfvirt/enable", "0"));
	CHECK_OK(file_read("/sys/kernel/tracing/trace", trace, sizeof(trace)));
	snprintf(wanted, sizeof(wanted), "vfvirt_abort: pf=%s opcode=5 member=1 offset=2 length=4", pf);
	CHECK(strstr(trace, wanted), "no abort in the trace");
	owner_close(pf);
}

/*
 * S-15: the card neither acknowledges its reset nor loses bus mastering. What it may write to is
 * leaked, that is said, and the driver can go and come.
 */
TEST(pf_leaks_on_purpose_what_the_card_keeps, .modules = BUS_MODULES, .own_boot = true,
     .limit_s = 60)
{
	char pf[BDF_SIZE];
	int log, leaks;

	owner_open(pf, 1);
	owner_check_works(pf, 0);
	log = log_follow();
	CHECK_OK(file_write("/sys/module/vfvirt_pf/parameters/reset_limit_ms", "1000"));
	CHECK_OK(file_write(ORDER, "keep_master %s", pf));
	host_do("fault pf0 reset-stuck,member=0");
	CHECK_OK(pci_unbind(pf));
	CHECK(is_master(pf), "the card lost bus mastering");
	CHECK(log_says(log, "leaking what it may write to"), "nobody said that memory is leaked");
	close(log);
	leaks = leak_forgive();
	CHECK(leaks > 0 || leaks == -ENOENT, "the leak detector found %d", leaks);
	host_do("fault-clear pf0 all");
	CHECK_OK(file_write(ORDER, "let_master"));
	CHECK_OK(pci_bind(pf, "vfvirt_pf"));
	member_bind(pf, 1);
	owner_check_works(pf, 0);
	owner_close(pf);
}

/* The card reports an error; the PF, its network interface and its VFs are there again afterwards. */
static void check_bus_error(const char *error, bool with_vf)
{
	char before[NETDEV_SIZE], after[NETDEV_SIZE];
	struct handout handout;
	struct vfio vfio;
	int log;

	handout_open(&handout, PF_OURS, 1);
	pci_wait_netdev(handout.pf, before);
	if (!with_vf)
		CHECK_OK(pci_set_vfs(handout.pf, 0));
	log = log_follow();
	host_do("aer pf0 %s", error);
	WAIT_FOR(20000, log_says(log, "device recovery successful"), "the end of the recovery");
	close(log);
	owner_wait_state(handout.pf, VFVIRT_OWNER_READY, 5000);
	pci_wait_netdev(handout.pf, after);
	CHECK(!strcmp(before, after), "the interface is %s, no longer %s", after, before);
	if (with_vf) {
		CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
		vfio_command(&vfio, 7);
		CHECK_EQUAL(vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1), 0, "the status");
		vfio_close(&vfio);
	}
	handout_close(&handout);
	owner_open(handout.pf, 1);
	owner_check_works(handout.pf, 0);
	owner_close(handout.pf);
}

/* An error that leaves the link as it is: nothing needs to be reset. */
TEST(pf_survives_an_error_of_the_bus, .modules = ERROR_MODULES, .configs = "aer", .limit_s = 60)
{
	check_bus_error("COMP_ABORT", true);
}

/* An error that takes the link down: the function is reset, the class driver frozen and thawed. */
TEST(pf_survives_a_fatal_error_of_the_bus, .modules = ERROR_MODULES, .configs = "aer",
     .limit_s = 90)
{
	check_bus_error("MALF_TLP", false);
	check_bus_error("MALF_TLP", true);
}

/*
 * A VF's driver that knows nothing of such errors makes the kernel give the recovery up. The PF
 * stays stopped, nobody waits for it, and a reset of the function brings all of it back.
 */
TEST(pf_function_reset_ends_a_failed_recovery, .modules = OWNER_MODULES, .configs = "aer",
     .limit_s = 60)
{
	char pf[BDF_SIZE], path[PCI_PATH_SIZE];
	unsigned int took_ms;
	int log;

	owner_open(pf, 1);
	owner_check_works(pf, 0);
	log = log_follow();
	host_do("aer pf0 MALF_TLP");
	WAIT_FOR(20000, log_says(log, "device recovery failed"), "the end of the recovery");
	close(log);
	CHECK_EQUAL(owner_look(pf).state, VFVIRT_OWNER_ABSENT, "the state");
	CHECK_EQUAL(owner_timed_read(pf, 0, &took_ms), -ENODEV, "a read");
	CHECK(took_ms < 300, "it took %u ms", took_ms);
	CHECK_OK(pci_set_vfs(pf, 0));
	CHECK_OK(file_write(pci_path(path, pf, "reset"), "1"));
	owner_wait_state(pf, VFVIRT_OWNER_READY, 5000);
	member_bind(pf, 1);
	owner_check_works(pf, 0);
	owner_close(pf);
}
