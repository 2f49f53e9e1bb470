// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The core's command API, with a provider that answers as it is told: data, statuses, limits, kill
 * signals, retries, turns, the gate, counters and tracepoints.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "genl.h"
#include "measure.h"
#include "member.h"
#include "test.h"

#define FAKE_MODULES "virtio_pci virtio_net vfvirt_core vfvirt_test vfvirt_fake"
#define COMMON_READ 3
#define DEVICE_READ 5
#define STATUS_EAGAIN 11
#define STATUS_EINVAL 22

static void set_up(char *ret_pf, unsigned int members)
{
	pci_pf(0, ret_pf);
	fake_bind(ret_pf);
	member_bind(ret_pf, members);
	genl_open();
}

static void tear_down(const char *pf)
{
	CHECK_OK(pci_set_vfs(pf, 0));
	CHECK_OK(pci_bind(pf, "virtio-pci"));
}

/* The next @times commands get this answer. */
static void order_answers(const char *pf, int status, int qualifier, int error, int times)
{
	CHECK_OK(fake_order(pf, "set status %d", status));
	CHECK_OK(fake_order(pf, "set qualifier %d", qualifier));
	CHECK_OK(fake_order(pf, "set error %d", error));
	CHECK_OK(fake_order(pf, "set times %d", times));
}

TEST(core_reads_and_writes_arrive, .modules = FAKE_MODULES)
{
	char pf[BDF_SIZE], data[64];

	set_up(pf, 1);
	CHECK_OK(member_ask(pf, 0, data, sizeof(data), "common_read 0 4 0"));
	CHECK(!strcmp(data, "a0a1a2a3"), "the common read gave %s", data);
	CHECK_OK(member_ask(pf, 0, data, sizeof(data), "common_read 18 1 0"));
	CHECK(!strcmp(data, "b2"), "the status read gave %s", data);
	CHECK_OK(member_ask(pf, 0, data, sizeof(data), "device_read 0 6 0"));
	CHECK(!strcmp(data, "a0a1a2a3a4a5"), "the device read gave %s", data);
	CHECK_OK(member_ask(pf, 0, NULL, 0, "common_write 18 00 0"));
	CHECK_OK(member_ask(pf, 0, NULL, 0, "device_write 0 525400f00001 0"));
	tear_down(pf);
}

TEST(core_refuses_accesses_outside, .modules = FAKE_MODULES)
{
	static const char *const outside[] = {
		"common_read 0 0 0", "common_read 0 5 0", "common_read 24 1 0", "common_read 21 4 0",
		"common_read 255 1 0", "device_read 0 0 0", "device_read 0 9 0", "device_read 255 2 0",
		"common_write 24 00 0", "common_write 0 0011223344 0",
		"device_write 0 001122334455667788 0", "device_write 255 0011 0",
	};
	struct fake_seen before, after;
	char pf[BDF_SIZE];

	set_up(pf, 1);
	before = fake_look(pf);
	for (size_t n = 0; n < sizeof(outside) / sizeof(outside[0]); n++)
		CHECK(member_ask(pf, 0, NULL, 0, "%s", outside[n]) == -EINVAL, "%s was taken",
		      outside[n]);
	after = fake_look(pf);
	CHECK_EQUAL(after.executed, before.executed, "commands executed");
	CHECK_OK(member_ask(pf, 0, NULL, 0, "device_read 255 1 0"));
	tear_down(pf);
}

/* B-P13: what the device did not return is zero, never something old. */
TEST(core_bp13_short_answers_leave_no_old_bytes, .modules = FAKE_MODULES)
{
	char pf[BDF_SIZE], data[64];

	set_up(pf, 1);
	CHECK_OK(fake_order(pf, "set used_bytes 2"));
	CHECK_OK(member_ask(pf, 0, data, sizeof(data), "common_read 0 4 0"));
	CHECK(!strcmp(data, "a0a10000"), "the short read gave %s", data);
	CHECK_OK(fake_order(pf, "set used_bytes 0"));
	CHECK_OK(member_ask(pf, 0, data, sizeof(data), "common_read 0 4 0"));
	CHECK(!strcmp(data, "00000000"), "the empty read gave %s", data);
	CHECK_OK(fake_order(pf, "set used_bytes -1"));
	order_answers(pf, STATUS_EINVAL, 3, 0, 1);
	CHECK_EQUAL(member_ask(pf, 0, data, sizeof(data), "common_read 0 4 0"), -EIO, "a refusal");
	CHECK(!strcmp(data, "00000000"), "the refused read gave %s", data);
	tear_down(pf);
}

/* B-P11: every status but OK and EAGAIN is a refusal, whatever its number. */
TEST(core_bp11_statuses_are_never_used_as_errno, .modules = FAKE_MODULES, .limit_s = 60)
{
	char pf[BDF_SIZE], vf[BDF_SIZE];
	long refused = 0;

	set_up(pf, 1);
	pci_vf(pf, 0, vf);
	for (int status = 1; status <= 0xffff; status = status < 140 ? status + 1 : status * 2 + 1) {
		if (status == STATUS_EAGAIN)
			continue;
		for (int qualifier = 0; qualifier <= 9; qualifier += 3) {
			order_answers(pf, status, qualifier == 9 ? 0xffff : qualifier, 0, 1);
			CHECK(member_ask(pf, 0, NULL, 0, "common_read 0 4 0") == -EIO,
			      "status %d was taken for something else", status);
			refused++;
		}
	}
	CHECK_EQUAL(genl_stat(vf, COMMON_READ, VFVIRT_A_REFUSED), refused, "refusals counted");
	CHECK_OK(member_ask(pf, 0, NULL, 0, "common_read 0 4 0"));
	tear_down(pf);
}

/* S-25: a reserved qualifier is a refusal as any other, all 65528 of them. */
TEST(core_every_reserved_qualifier_is_a_refusal, .modules = FAKE_MODULES, .limit_s = 300,
     .on_demand = true)
{
	char pf[BDF_SIZE], vf[BDF_SIZE];

	set_up(pf, 1);
	pci_vf(pf, 0, vf);
	order_answers(pf, STATUS_EINVAL, 0, 0, -1);
	CHECK_OK(fake_order(pf, "set opcode %d", COMMON_READ));
	for (int qualifier = 8; qualifier <= 0xffff; qualifier++) {
		CHECK_OK(fake_order(pf, "set qualifier %d", qualifier));
		CHECK(member_ask(pf, 0, NULL, 0, "common_read 0 4 0") == -EIO,
		      "qualifier %d was taken for something else", qualifier);
	}
	CHECK_EQUAL(genl_stat(vf, COMMON_READ, VFVIRT_A_REFUSED), 0x10000 - 8, "refusals counted");
	tear_down(pf);
}

TEST(core_eagain_is_tried_again, .modules = FAKE_MODULES)
{
	char pf[BDF_SIZE], vf[BDF_SIZE];
	uint64_t begin_ms, took_ms;

	set_up(pf, 1);
	pci_vf(pf, 0, vf);
	order_answers(pf, STATUS_EAGAIN, 7, 0, 5);
	CHECK_OK(member_ask(pf, 0, NULL, 0, "common_read 0 4 0"));
	CHECK_EQUAL(genl_stat(vf, COMMON_READ, VFVIRT_A_RETRIES), 5, "retries");
	CHECK_EQUAL(genl_stat(vf, COMMON_READ, VFVIRT_A_COMMANDS), 6, "commands");
	CHECK_EQUAL(genl_stat(vf, COMMON_READ, VFVIRT_A_REFUSED), 5, "refusals");
	CHECK_EQUAL(genl_stat(vf, COMMON_READ, VFVIRT_A_OK), 1, "successes");

	order_answers(pf, STATUS_EAGAIN, 7, 0, -1);
	begin_ms = now_ms();
	CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "common_read 0 4 300"), -ETIMEDOUT,
		    "a read that never gets further");
	took_ms = now_ms() - begin_ms;
	CHECK(took_ms < test_limit(1500), "it took %d ms instead of 300", (int)took_ms);
	order_answers(pf, 0, 0, 0, 0);
	CHECK_OK(member_ask(pf, 0, NULL, 0, "common_read 0 4 0"));
	tear_down(pf);
}

/* B-P04: no answer ends at the limit; then everybody fails fast until the owner is ready again. */
TEST(core_bp04_silence_ends_at_the_limit, .modules = FAKE_MODULES)
{
	char pf[BDF_SIZE], vf[BDF_SIZE], data[64];
	uint64_t begin_ms, begin_tick_ms, took_ms;

	set_up(pf, 2);
	pci_vf(pf, 0, vf);
	CHECK_OK(fake_order(pf, "set delay_ms 20000"));
	begin_ms = now_ms();
	begin_tick_ms = measure_tick_ms();
	CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "common_read 0 4 300"), -ETIMEDOUT, "the first read");
	took_ms = now_ms() - begin_ms;
	CHECK(measure_tick_ms() - begin_tick_ms >= 300 - MEASURE_TICKS_MS,
	      "it ended before its limit, after %d ms", (int)took_ms);
	CHECK(took_ms < test_limit(1500), "it took %d ms instead of 300", (int)took_ms);
	begin_ms = now_ms();
	CHECK_EQUAL(member_ask(pf, 1, NULL, 0, "common_read 0 4 0"), -EIO, "another VF's read");
	CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "common_write 18 00 0"), -EIO, "a write");
	took_ms = now_ms() - begin_ms;
	CHECK(took_ms < test_limit(300), "two accesses while degraded took %d ms", (int)took_ms);
	CHECK_EQUAL(genl_stat(vf, COMMON_READ, VFVIRT_A_TIMEOUTS), 1, "timeouts");
	member_ask(pf, 1, data, sizeof(data), "events");
	CHECK(!strncmp(data, "1 ", 2), "degraded was told %s times", data);

	CHECK_OK(fake_order(pf, "set delay_ms 0"));
	CHECK_OK(fake_order(pf, "state %d 0", VFVIRT_OWNER_READY));
	CHECK_OK(member_ask(pf, 0, NULL, 0, "common_read 0 4 0"));
	tear_down(pf);
}

TEST(core_kill_ends_a_wait, .modules = FAKE_MODULES)
{
	uint64_t begin_ms, took_ms;
	char pf[BDF_SIZE];
	pid_t reader;

	set_up(pf, 1);
	CHECK_OK(fake_order(pf, "set delay_ms 20000"));
	reader = member_start(pf, 0, "common_read 0 4 15000");
	WAIT_FOR(5000, fake_look(pf).running == 1, "the command to be under way");
	begin_ms = now_ms();
	kill(reader, SIGKILL);
	CHECK_EQUAL(member_end(reader), -EINTR, "the killed read");
	took_ms = now_ms() - begin_ms;
	CHECK(took_ms < test_limit(1000), "a killed process took %d ms to end", (int)took_ms);
	CHECK_EQUAL(fake_look(pf).running, 0, "commands under way");
	CHECK_OK(fake_order(pf, "set delay_ms 0"));
	CHECK_OK(member_ask(pf, 0, NULL, 0, "common_read 0 4 0"));
	tear_down(pf);
}

TEST(core_provider_errors_have_names, .modules = FAKE_MODULES)
{
	static const struct {
		int given;
		int named;
	} errors[] = {
		{ -EPROTO, -EIO }, { -ENOSPC, -EBUSY }, { -ENODEV, -ENODEV }, { -ENOMEM, -EIO },
		{ -EINTR, -EINTR },
	};
	char pf[BDF_SIZE], vf[BDF_SIZE];

	set_up(pf, 1);
	pci_vf(pf, 0, vf);
	for (size_t n = 0; n < sizeof(errors) / sizeof(errors[0]); n++) {
		order_answers(pf, 0, 0, errors[n].given, 1);
		CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "common_read 0 4 0"), errors[n].named,
			    strerror(-errors[n].given));
	}
	CHECK_EQUAL(genl_stat(vf, COMMON_READ, VFVIRT_A_ERRORS), 5, "errors counted");
	tear_down(pf);
}

/* One VF cannot fill the queue: at most four of its commands are under way; others go past it. */
TEST(core_one_vf_has_few_commands_under_way, .modules = FAKE_MODULES)
{
	pid_t readers[12];
	char pf[BDF_SIZE];

	set_up(pf, 2);
	/* Long enough for all to start before the first has ended. */
	CHECK_OK(fake_order(pf, "set delay_ms %u", test_limit(600)));
	for (int n = 0; n < 12; n++)
		readers[n] = member_start(pf, 0, "common_read 0 4 20000");
	WAIT_FOR(5000, fake_look(pf).running == 4, "four commands to be under way");
	CHECK_OK(member_ask(pf, 1, NULL, 0, "common_read 0 4 20000"));
	for (int n = 0; n < 12; n++)
		CHECK_OK(member_end(readers[n]));
	CHECK_EQUAL(fake_look(pf).running_max, 5, "most commands under way at once");
	tear_down(pf);
}

TEST(core_waiting_for_a_turn_has_a_limit, .modules = FAKE_MODULES)
{
	pid_t readers[4];
	char pf[BDF_SIZE];

	set_up(pf, 1);
	CHECK_OK(fake_order(pf, "set delay_ms %u", test_limit(2000)));
	for (int n = 0; n < 4; n++)
		readers[n] = member_start(pf, 0, "common_read 0 4 20000");
	WAIT_FOR(5000, fake_look(pf).running == 4, "four commands to be under way");
	CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "common_read 0 4 200"), -EBUSY, "a fifth command");
	for (int n = 0; n < 4; n++)
		CHECK_OK(member_end(readers[n]));
	tear_down(pf);
}

TEST(core_gate_closes_waits_and_opens, .modules = FAKE_MODULES)
{
	char pf[BDF_SIZE];
	pid_t reader;

	set_up(pf, 1);
	CHECK_OK(fake_order(pf, "set delay_ms 700"));
	reader = member_start(pf, 0, "common_read 0 4 20000");
	WAIT_FOR(5000, fake_look(pf).running == 1, "the command to be under way");
	CHECK_EQUAL(fake_order(pf, "quiesce 50"), -ETIMEDOUT, "quiesce for 50 ms");
	CHECK_OK(fake_order(pf, "quiesce 20000"));
	CHECK_EQUAL(fake_look(pf).running, 0, "commands under way after quiesce");
	CHECK_OK(member_end(reader));
	CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "common_read 0 4 0"), -EBUSY, "a closed gate");
	CHECK_OK(fake_order(pf, "unquiesce"));
	CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "common_read 0 4 0"), -EBUSY, "a gate closed once");
	CHECK_OK(fake_order(pf, "unquiesce"));
	CHECK_OK(member_ask(pf, 0, NULL, 0, "common_read 0 4 0"));
	tear_down(pf);
}

/* Unregistering waits for the command under way; the one that backs off sees that it is over. */
TEST(core_unregister_waits_for_commands, .modules = FAKE_MODULES)
{
	char pf[BDF_SIZE];
	pid_t slow, again;

	set_up(pf, 2);
	CHECK_OK(fake_order(pf, "set delay_ms 700"));
	slow = member_start(pf, 0, "common_read 0 4 20000");
	WAIT_FOR(5000, fake_look(pf).running == 1, "the command to be under way");
	CHECK_OK(fake_order(pf, "set delay_ms 0"));
	order_answers(pf, STATUS_EAGAIN, 7, 0, -1);
	again = member_start(pf, 1, "common_read 0 4 20000");
	WAIT_FOR(5000, fake_look(pf).executed > 10, "a command to back off");
	CHECK_OK(fake_order(pf, "unregister"));
	CHECK_EQUAL(fake_look(pf).running, 0, "commands under way after unregister");
	CHECK_EQUAL(member_end(again), -ENODEV, "the command that was backing off");
	CHECK_EQUAL(member_end(slow), -ENODEV, "the command that was under way, told to try again");
	CHECK_OK(fake_order(pf, "register"));
	tear_down(pf);
}

static void check_histogram(const struct genl_message *message, void *context)
{
	const uint64_t *buckets = message->data[VFVIRT_A_LATENCY];
	uint64_t sum = 0, slow = 0;

	if (genl_number(message, VFVIRT_A_OPCODE) != DEVICE_READ)
		return;
	CHECK_EQUAL(message->length[VFVIRT_A_LATENCY], 8 * VFVIRT_LATENCY_BUCKETS, "bytes");
	for (int n = 0; n < VFVIRT_LATENCY_BUCKETS; n++) {
		sum += buckets[n];
		slow += n >= 26 ? buckets[n] : 0; /* 2^26 ns are 67 ms */
	}
	CHECK_EQUAL(sum, 4, "answers in the histogram");
	CHECK_EQUAL(slow, 1, "answers that took long");
	*(int *)context += 1;
}

TEST(core_counters_count_and_are_reset, .modules = FAKE_MODULES)
{
	struct genl_request request;
	char pf[BDF_SIZE], vf[BDF_SIZE];
	int checked = 0;

	set_up(pf, 2);
	pci_vf(pf, 1, vf);
	for (int n = 0; n < 3; n++)
		CHECK_OK(member_ask(pf, 1, NULL, 0, "device_read 0 6 0"));
	CHECK_OK(fake_order(pf, "set delay_ms 100"));
	CHECK_OK(member_ask(pf, 1, NULL, 0, "device_read 0 6 0"));
	CHECK_OK(fake_order(pf, "late %d 2", DEVICE_READ));
	CHECK_OK(fake_order(pf, "abort %d 2", DEVICE_READ));
	CHECK_OK(fake_order(pf, "abort 7777 2"));
	CHECK_EQUAL(genl_stat(vf, DEVICE_READ, VFVIRT_A_OK), 4, "the member's successes");
	CHECK_EQUAL(genl_stat(pf, DEVICE_READ, VFVIRT_A_OK), 4, "the owner's successes");
	CHECK_EQUAL(genl_stat(vf, DEVICE_READ, VFVIRT_A_LATE), 1, "late answers");
	CHECK_EQUAL(genl_stat(vf, DEVICE_READ, VFVIRT_A_ABORTED), 1, "aborted commands");
	CHECK_EQUAL(genl_stat(pf, 0, VFVIRT_A_OK), 1, "LIST_QUERY of the owner");
	genl_request(&request, VFVIRT_CMD_GET_STATS);
	CHECK_OK(genl_dump(&request, check_histogram, &checked));
	CHECK_EQUAL(checked, 2, "histograms, of owner and member");

	genl_request(&request, VFVIRT_CMD_RESET_STATS);
	genl_add(&request, VFVIRT_A_ADDRESS, vf, strlen(vf) + 1);
	CHECK_OK(genl_do(&request, NULL));
	CHECK_EQUAL(genl_stat(vf, DEVICE_READ, VFVIRT_A_OK), 0, "the member's, reset");
	CHECK_EQUAL(genl_stat(pf, DEVICE_READ, VFVIRT_A_OK), 4, "the owner's, not reset");
	genl_request(&request, VFVIRT_CMD_RESET_STATS);
	CHECK_OK(genl_do(&request, NULL));
	CHECK_EQUAL(genl_stat(pf, DEVICE_READ, VFVIRT_A_OK), 0, "the owner's, reset");
	tear_down(pf);
}

/* A command counts when its try has ended, and as one of the four ways to end. */
TEST(core_counted_commands_have_ended, .modules = FAKE_MODULES)
{
	char pf[BDF_SIZE], vf[BDF_SIZE];
	pid_t process;

	set_up(pf, 1);
	pci_vf(pf, 0, vf);
	CHECK_OK(member_ask(pf, 0, NULL, 0, "common_read 0 4 0"));
	order_answers(pf, STATUS_EINVAL, 3, 0, 1);
	CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "common_read 0 4 0"), -EIO, "a refused read");
	order_answers(pf, 0, 0, -EPROTO, 1);
	CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "common_read 0 4 0"), -EIO, "a read in vain");
	CHECK_OK(fake_order(pf, "set delay_ms 60000"));
	process = member_start(pf, 0, "common_read 0 4 1000");
	WAIT_FOR(5000, fake_look(pf).running == 1, "the command to be under way");
	CHECK_EQUAL(genl_stat(vf, COMMON_READ, VFVIRT_A_COMMANDS), 3, "commands, one under way");
	CHECK_EQUAL(member_end(process), -ETIMEDOUT, "a read without an answer");
	CHECK_EQUAL(genl_stat(vf, COMMON_READ, VFVIRT_A_COMMANDS), 4, "commands");
	CHECK_EQUAL(genl_stat(vf, COMMON_READ, VFVIRT_A_OK), 1, "successes");
	CHECK_EQUAL(genl_stat(vf, COMMON_READ, VFVIRT_A_REFUSED), 1, "refusals");
	CHECK_EQUAL(genl_stat(vf, COMMON_READ, VFVIRT_A_ERRORS), 1, "errors");
	CHECK_EQUAL(genl_stat(vf, COMMON_READ, VFVIRT_A_TIMEOUTS), 1, "time-outs");
	tear_down(pf);
}

TEST(core_tracepoints_follow_a_command, .modules = FAKE_MODULES)
{
	static char trace[65536];
	char pf[BDF_SIZE], wanted[128];

	set_up(pf, 1);
	CHECK_OK(file_write("/sys/kernel/tracing/trace", "\n"));
	CHECK_OK(file_write("/sys/kernel/tracing/events/vfvirt/enable", "1"));
	CHECK_OK(member_ask(pf, 0, NULL, 0, "common_read 18 1 0"));
	order_answers(pf, STATUS_EINVAL, 3, 0, 1);
	member_ask(pf, 0, NULL, 0, "common_read 18 1 0");
	CHECK_OK(fake_order(pf, "late 3 1"));
	CHECK_OK(fake_order(pf, "abort 3 1"));
	CHECK_OK(fake_order(pf, "set delay_ms 5000"));
	member_ask(pf, 0, NULL, 0, "common_read 18 1 100");
	CHECK_OK(file_write("/sys/kernel/tracing/events/vfvirt/enable", "0"));
	CHECK_OK(file_read("/sys/kernel/tracing/trace", trace, sizeof(trace)));
	snprintf(wanted, sizeof(wanted),
		 "vfvirt_submit: pf=%s opcode=3 member=1 offset=18 length=1", pf);
	CHECK(strstr(trace, wanted), "no submit in the trace");
	snprintf(wanted, sizeof(wanted), "length=1 status=0 qualifier=0 error=0 ns=");
	CHECK(strstr(trace, wanted), "no completion in the trace");
	snprintf(wanted, sizeof(wanted), "length=1 status=22 qualifier=3 error=0 ns=");
	CHECK(strstr(trace, wanted), "no refusal in the trace");
	CHECK(strstr(trace, "vfvirt_timeout: "), "no time-out in the trace");
	CHECK(strstr(trace, "vfvirt_late: "), "no late answer in the trace");
	CHECK(strstr(trace, "vfvirt_abort: "), "no abort in the trace");
	tear_down(pf);
}
