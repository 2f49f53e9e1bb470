// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands that go wrong on the card: every one ends in bounded time with a named error, and the
 * owner is usable again afterwards.
 */
#include <signal.h>
#include <stdlib.h>

#include "host.h"
#include "measure.h"
#include "owner.h"
#include "test.h"

#define READ_STATUS "common_read 18 1 0"
#define OPCODE_COMMON_READ 3
#define ACCESS_LIMIT_MS 1000
#define AIR_MS 1500 /* the machine is emulated and shared */

/* One command is never answered: its caller waits for the limit, others fail fast, then all is well. */
TEST(pf_recovers_from_a_command_that_is_never_answered, .modules = OWNER_MODULES,
     .configs = "default packed intx four-admin-queues no-queue-reset")
{
	unsigned int took_ms;
	uint64_t start_tick_ms;
	char pf[BDF_SIZE];

	owner_open(pf, 2);
	owner_check_works(pf, 0);
	host_do("fault pf0 stall,opcode=3,times=1");
	start_tick_ms = measure_tick_ms();
	CHECK_EQUAL(owner_timed_read(pf, 0, &took_ms), -ETIMEDOUT, "a read without an answer");
	CHECK(measure_tick_ms() - start_tick_ms >= ACCESS_LIMIT_MS - MEASURE_TICKS_MS,
	      "the wait ended before its limit, after %u ms", took_ms);
	CHECK(took_ms < test_limit(ACCESS_LIMIT_MS + AIR_MS), "it took %u ms", took_ms);
	CHECK_EQUAL(owner_look(pf).state, VFVIRT_OWNER_DEGRADED, "the state after a time-out");
	CHECK_EQUAL(owner_look(pf).reason, VFVIRT_REASON_TIMEOUT, "the reason");
	CHECK_EQUAL(owner_timed_read(pf, 1, &took_ms), -EIO, "a read while degraded");
	CHECK(took_ms < test_limit(300), "it did not fail fast but took %u ms", took_ms);
	owner_wait_state(pf, VFVIRT_OWNER_READY, 8000);
	CHECK_EQUAL(owner_look(pf).in_flight, 0, "commands in flight");
	owner_check_works(pf, 0);
	owner_check_works(pf, 1);
	owner_close(pf);
}

/* As long as nothing is answered, the owner stays degraded; then it comes back by itself. */
TEST(pf_stays_degraded_while_the_card_is_silent, .modules = OWNER_MODULES, .limit_s = 60)
{
	unsigned int took_ms;
	char pf[BDF_SIZE];

	owner_open(pf, 1);
	owner_check_works(pf, 0);
	host_do("fault pf0 stall");
	CHECK_EQUAL(owner_timed_read(pf, 0, &took_ms), -ETIMEDOUT, "a read without an answer");
	/* Two recoveries have failed when the card has seen two questions more. */
	WAIT_FOR(15000, host_struck("pf0", "stall") >= 3, "two failed recoveries");
	CHECK_EQUAL(owner_look(pf).state, VFVIRT_OWNER_DEGRADED, "the state");
	host_do("fault-clear pf0 stall");
	owner_wait_state(pf, VFVIRT_OWNER_READY, 15000);
	owner_check_works(pf, 0);
	owner_close(pf);
}

/* B-P04: a kill ends the wait at once; the slot stays with the card and comes back. */
TEST(pf_kill_ends_a_wait, .modules = OWNER_MODULES)
{
	char pf[BDF_SIZE];
	uint64_t start_ms;
	pid_t process;

	owner_open(pf, 1);
	owner_check_works(pf, 0);
	host_do("fault pf0 stall,opcode=3,times=1");
	process = member_start(pf, 0, "common_read 18 1 8000");
	WAIT_FOR(2000, owner_look(pf).in_flight == 1, "the command to be with the card");
	start_ms = now_ms();
	kill(process, SIGKILL);
	CHECK_EQUAL(member_end(process), -EINTR, "the killed call");
	CHECK(now_ms() - start_ms < test_limit(1000), "the kill took %d ms",
	      (int)(now_ms() - start_ms));
	CHECK_EQUAL(owner_look(pf).in_flight, 1, "commands in flight after the kill");
	owner_check_works(pf, 0);
	owner_close(pf);
}

/* The card answers after the caller has gone: the slot is free again, and no reset is needed. */
TEST(pf_late_answer_ends_the_trouble, .modules = OWNER_MODULES)
{
	unsigned int took_ms;
	char pf[BDF_SIZE];

	owner_open(pf, 1);
	owner_check_works(pf, 0);
	host_do("fault pf0 delay,ms=1300,opcode=3,times=1");
	CHECK_EQUAL(owner_timed_read(pf, 0, &took_ms), -ETIMEDOUT, "a read answered too late");
	owner_wait_state(pf, VFVIRT_OWNER_READY, 3000);
	CHECK_EQUAL(owner_look(pf).in_flight, 0, "commands in flight");
	CHECK_EQUAL(genl_stat(pf, OPCODE_COMMON_READ, VFVIRT_A_LATE), 1,
		    "late answers counted");
	CHECK_EQUAL(genl_stat(pf, OPCODE_COMMON_READ, VFVIRT_A_ABORTED), 0,
		    "aborted commands counted");
	owner_check_works(pf, 0);
	owner_close(pf);
}

/* One VF's command is stuck while others are answered: nobody else notices (B-F05). */
TEST(pf_stuck_command_of_one_vf_harms_nobody, .modules = OWNER_MODULES)
{
	unsigned int took_ms;
	char pf[BDF_SIZE];
	pid_t process;

	owner_open(pf, 2);
	owner_check_works(pf, 0);
	owner_check_works(pf, 1);
	host_do("fault pf0 stall,hold=self,opcode=3,member=1,times=1");
	process = member_start(pf, 0, READ_STATUS);
	WAIT_FOR(2000, owner_look(pf).in_flight == 1, "the command to be with the card");
	for (unsigned int n = 0; n < 100; n++)
		CHECK_OK(owner_timed_read(pf, 1, &took_ms));
	CHECK_EQUAL(member_end(process), -ETIMEDOUT, "the stuck read");
	for (unsigned int n = 0; n < 100; n++) {
		CHECK_OK(owner_timed_read(pf, 1, &took_ms));
		CHECK(took_ms < test_limit(500), "a read of the other VF took %u ms", took_ms);
	}
	CHECK_EQUAL(owner_look(pf).state, VFVIRT_OWNER_READY, "the state");
	owner_check_works(pf, 0);
	owner_close(pf);
}

/* B-P13, S-30: what the card did not return is 0, and an answer without a status is none. */
TEST(pf_short_answers_are_not_trusted, .modules = OWNER_MODULES)
{
	char pf[BDF_SIZE], data[64];

	owner_open(pf, 1);
	CHECK_OK(member_ask(pf, 0, data, sizeof(data), "device_read 0 6 0"));
	host_do("fault pf0 used-length,mode=short,bytes=2,opcode=5,times=1");
	CHECK_OK(member_ask(pf, 0, data, sizeof(data), "device_read 0 6 0"));
	CHECK(!strcmp(data, "525400f00000"), "a MAC that ends early is %s", data);
	host_do("fault pf0 used-length,mode=zero,opcode=5,times=1");
	CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "device_read 0 6 0"), -EIO, "an empty answer");
	host_do("fault pf0 used-length,mode=long,opcode=5,times=1");
	CHECK_OK(member_ask(pf, 0, data, sizeof(data), "device_read 0 6 0"));
	CHECK(!strcmp(data, "525400f00001"), "a MAC with a used length too long is %s", data);
	owner_check_works(pf, 0);
	CHECK_EQUAL(owner_look(pf).state, VFVIRT_OWNER_READY, "the state");
	owner_close(pf);
}

/* The same element twice: the ring is not to be trusted any more, until it was reset. */
TEST(pf_duplicate_completion_is_survived, .modules = OWNER_MODULES, .configs = "default packed")
{
	char pf[BDF_SIZE];
	uint64_t end_ms;
	int error;

	owner_open(pf, 1);
	owner_check_works(pf, 0);
	host_do("fault pf0 duplicate,opcode=3,times=1");
	end_ms = now_ms() + 5000;
	do {
		error = member_ask(pf, 0, NULL, 0, READ_STATUS);
	} while (!error && host_struck("pf0", "duplicate") < 1 && now_ms() < end_ms);
	CHECK_EQUAL(host_struck("pf0", "duplicate"), 1, "duplicates");
	owner_wait_state(pf, VFVIRT_OWNER_READY, 5000);
	WAIT_FOR(8000, !member_ask(pf, 0, NULL, 0, READ_STATUS), "the owner to work again");
	for (unsigned int n = 0; n < 20; n++)
		owner_check_works(pf, 0);
	owner_close(pf);
}

/* Refusals of every kind reach the caller and change nothing. */
TEST(pf_refusals_are_errors_and_no_more, .modules = OWNER_MODULES)
{
	static const char *const refusals[] = {
		"status=0xffff,qualifier=0", "status=0xffff,qualifier=0xffff", "status=1,qualifier=0",
		"status=22,qualifier=8", "status=22,qualifier=3", "status=4095,qualifier=4",
		"status=4096,qualifier=1", "status=12,qualifier=6", "status=16,qualifier=7",
	};
	char pf[BDF_SIZE];

	owner_open(pf, 1);
	owner_check_works(pf, 0);
	for (size_t n = 0; n < sizeof(refusals) / sizeof(refusals[0]); n++) {
		host_do("fault pf0 status,%s,opcode=3,times=1", refusals[n]);
		CHECK_EQUAL(member_ask(pf, 0, NULL, 0, READ_STATUS), -EIO, refusals[n]);
		owner_check_works(pf, 0);
	}
	host_do("fault pf0 status,status=11,qualifier=7,opcode=3,times=5");
	owner_check_works(pf, 0);
	CHECK_EQUAL(host_struck("pf0", "status"), 5, "times the card said EAGAIN");
	CHECK_EQUAL(owner_look(pf).state, VFVIRT_OWNER_READY, "the state");
	owner_close(pf);
}

/* DEVICE_NEEDS_RESET: the PF is reset, its class driver goes on, commands too. */
TEST(pf_device_needs_reset, .modules = OWNER_MODULES, .limit_s = 60)
{
	char pf[BDF_SIZE], name[NETDEV_SIZE], before[NETDEV_SIZE];
	long resets;

	owner_open(pf, 1);
	pci_wait_netdev(pf, before);
	owner_check_works(pf, 0);
	resets = host_count("pf0", 0, "commands.0.ok");
	host_do("fault pf0 needs-reset,member=0,times=1");
	/* Recovery asks the card whether it is back. */
	WAIT_FOR(10000, host_count("pf0", 0, "commands.0.ok") > resets, "the proof after a reset");
	owner_wait_state(pf, VFVIRT_OWNER_READY, 5000);
	owner_check_works(pf, 0);
	pci_wait_netdev(pf, name);
	CHECK(!strcmp(name, before), "the network interface is %s, no longer %s", name, before);
	owner_close(pf);
}
