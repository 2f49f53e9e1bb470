// SPDX-License-Identifier: GPL-2.0-or-later
/* Suspend, as far as each level of /sys/power/pm_test goes, and resume: the PF carries on. */
#include <stdlib.h>

#include "file.h"
#include "host.h"
#include "net.h"
#include "owner.h"
#include "test.h"

#define PENDING 4

/* Does a list of words in a sysfs file, the chosen one in brackets, have this word? */
static bool offers(const char *path, const char *wanted)
{
	char words[256], *save = NULL;

	CHECK_OK(file_read(path, words, sizeof(words)));
	for (char *word = strtok_r(words, " []\n", &save); word; word = strtok_r(NULL, " []\n", &save))
		if (!strcmp(word, wanted))
			return true;
	return false;
}

/* The whole way down to a level and back; nothing is really switched off. */
static void sleep_and_wake(const char *state, const char *level)
{
	/* How long the kernel stays at the level, in seconds. */
	CHECK_OK(file_write("/sys/module/suspend/parameters/pm_test_delay", "1"));
	CHECK_OK(file_write("/sys/power/pm_test", "%s", level));
	CHECK_OK(file_write("/sys/power/state", "%s", state));
	CHECK_OK(file_write("/sys/power/pm_test", "none"));
	test_log("%s as far as %s", state, level);
}

static void check_after_sleep(const char *pf, const char *name, long opcode_lists)
{
	char data[64], now[NETDEV_SIZE];

	owner_wait_state(pf, VFVIRT_OWNER_READY, 5000);
	CHECK_OK(member_ask(pf, 1, data, sizeof(data), "device_read 0 6 0"));
	CHECK(!strcmp(data, "525400f00002"), "the MAC of VF 1 is %s", data);
	owner_check_works(pf, 0);
	pci_wait_netdev(pf, now);
	CHECK(!strcmp(now, name), "the interface is %s, no longer %s", now, name);
	CHECK_EQUAL(pci_vfs(pf), 2, "VFs");
	if (opcode_lists)
		CHECK(host_count("pf0", 0, "commands.1.ok") > opcode_lists,
		      "the opcodes were not put to use again");
}

static void check_levels(const char *state, const char *const *levels, size_t count)
{
	char pf[BDF_SIZE], name[NETDEV_SIZE];
	unsigned int tried = 0;

	if (!offers("/sys/power/state", state))
		test_skip("this machine does not offer the state %s", state);
	owner_open(pf, 2);
	pci_wait_netdev(pf, name);
	owner_check_works(pf, 0);
	for (size_t n = 0; n < count; n++) {
		long lists = host_count("pf0", 0, "commands.1.ok");

		if (!offers("/sys/power/pm_test", levels[n]))
			continue;
		sleep_and_wake(state, levels[n]);
		/* The first level freezes processes only: the card notices nothing. */
		check_after_sleep(pf, name, n ? lists : 0);
		tried++;
	}
	CHECK(tried >= 2, "only %u levels", tried);
	owner_close(pf);
}

/* The later levels of suspend to idle would sleep until somebody pushes a button. */
TEST(pf_sleeps_to_idle_at_every_level, .modules = OWNER_MODULES, .limit_s = 90)
{
	static const char *const levels[] = { "freezer", "devices", "platform" };

	check_levels("freeze", levels, 3);
}

TEST(pf_sleeps_to_memory_at_every_level, .modules = OWNER_MODULES, .limit_s = 120)
{
	static const char *const levels[] = {
		"freezer", "devices", "platform", "processors", "core",
	};

	check_levels("mem", levels, 5);
}

/*
 * Commands that the card does not answer hold a suspend up for their limit, because who waits for
 * one cannot be frozen; then the PF sleeps in the middle of its recovery.
 */
TEST(pf_sleeps_with_commands_pending, .modules = OWNER_MODULES, .limit_s = 90)
{
	char pf[BDF_SIZE], name[NETDEV_SIZE];
	pid_t stuck[PENDING];

	owner_open(pf, 2);
	pci_wait_netdev(pf, name);
	owner_check_works(pf, 0);
	host_do("fault pf0 stall,opcode=3,times=%d", PENDING);
	for (unsigned int n = 0; n < PENDING; n++)
		stuck[n] = member_start(pf, n % 2, "common_read 18 1 1500");
	WAIT_FOR(5000, owner_look(pf).in_flight == PENDING, "the commands to be with the card");
	sleep_and_wake("freeze", "devices");
	for (unsigned int n = 0; n < PENDING; n++) {
		int error = member_end(stuck[n]);

		/* The recovery from the first one may come before the time-out of the last. */
		CHECK(error == -ETIMEDOUT || error == -ENODEV || error == -EIO,
		      "a command under the suspend ended with %d", error);
	}
	check_after_sleep(pf, name, 0);
	CHECK_EQUAL(owner_look(pf).in_flight, 0, "commands in flight");
	owner_close(pf);
}
