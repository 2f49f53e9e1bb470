// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tests that go wrong on purpose, each in its own way. They are the only table of a second init
 * program, so that the kernel tier never runs them; __init__.py says how each must turn red.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "file.h"
#include "module.h"
#include "port.h"
#include "runner.h"
#include "test.h"

#define PLANTED(test_name, ...)                                                                  \
	TEST(test_name, .configs = "no-card", .modules = "", .limit_s = 2, __VA_ARGS__)

/* Loads the module of bugs; what comes after is reached only when the bug lets it. */
static void plant(const char *bug)
{
	char parameters[32];

	snprintf(parameters, sizeof(parameters), "bug=%s", bug);
	CHECK_OK(module_load("vfvirt_planted", parameters));
}

/* Writes to the result port behind the runner's back. */
static void forge(const char *text)
{
	int fd = port_open("/dev/ttyS1");

	CHECK(fd >= 0, "no result port: %s", strerror(-fd));
	CHECK_OK(port_write(fd, text, strlen(text)));
	port_drain(fd);
}

PLANTED(planted_pass)
{
	test_log("nothing is wrong here");
}

PLANTED(planted_skip)
{
	test_skip("planted");
}

PLANTED(planted_check)
{
	CHECK_EQUAL(1 + 1, 3, "the sum");
}

PLANTED(planted_hang)
{
	for (;;)
		pause();
}

PLANTED(planted_exit_code)
{
	_exit(3);
}

PLANTED(planted_exit_fail_without_reason)
{
	_exit(TEST_EXIT_FAIL);
}

PLANTED(planted_signal)
{
	raise(SIGSEGV);
}

PLANTED(planted_kernel_log)
{
	CHECK_OK(file_write("/dev/kmsg", "BUG: planted line"));
}

PLANTED(planted_missing_module, .at_hand = "vfvirt_planted")
{
	CHECK_OK(module_load("vfvirt_absent", ""));
}

PLANTED(planted_warn, .at_hand = "vfvirt_planted")
{
	plant("warn");
	CHECK_OK(module_unload("vfvirt_planted"));
}

PLANTED(planted_oops, .at_hand = "vfvirt_planted")
{
	plant("oops");
}

PLANTED(planted_stuck, .at_hand = "vfvirt_planted")
{
	plant("stuck");
}

PLANTED(planted_freeze, .at_hand = "vfvirt_planted")
{
	plant("freeze");
}

PLANTED(planted_warn_at_power_off, .at_hand = "vfvirt_planted")
{
	plant("reboot");
}

PLANTED(planted_leak, .at_hand = "vfvirt_planted")
{
	plant("leak");
}

PLANTED(planted_use_after_free, .at_hand = "vfvirt_planted")
{
	plant("use_after_free");
	CHECK_OK(module_unload("vfvirt_planted"));
}

PLANTED(planted_sleep_in_atomic, .at_hand = "vfvirt_planted")
{
	plant("sleep_in_atomic");
	CHECK_OK(module_unload("vfvirt_planted"));
}

PLANTED(planted_lock_inversion, .at_hand = "vfvirt_planted")
{
	plant("lock_inversion");
	CHECK_OK(module_unload("vfvirt_planted"));
}

PLANTED(planted_panic)
{
	CHECK_OK(file_write("/proc/sysrq-trigger", "c"));
}

PLANTED(planted_power_off)
{
	reboot(RB_POWER_OFF);
}

/* Overwrites code that PID 1, of which this process is a copy, runs next. */
PLANTED(planted_death_of_init)
{
	static const char invalid_instruction[] = "\x0f\x0b";
	int fd = open("/proc/1/mem", O_WRONLY);

	CHECK(fd >= 0, "/proc/1/mem: %s", strerror(errno));
	CHECK(pwrite(fd, invalid_instruction, 2, (off_t)(uintptr_t)runner_print) == 2,
	      "/proc/1/mem: %s", strerror(errno));
}

PLANTED(planted_garbled)
{
	forge("ok 1 planted_gar@no-card\n");
}

PLANTED(planted_duplicate)
{
	forge("ok 1 planted_duplicate@no-card\n");
}

PLANTED(planted_early_pass_mark)
{
	forge("ok 1 planted_early_pass_mark@no-card\ndone 2\n");
	reboot(RB_POWER_OFF);
}

PLANTED(planted_smaller_plan)
{
	forge("1..1\n");
}
