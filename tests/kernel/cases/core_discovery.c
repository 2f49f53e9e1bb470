// SPDX-License-Identifier: GPL-2.0-or-later
/* Discovery of the opcodes and of the doorbells, with a provider that answers as it is told. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "genl.h"
#include "member.h"
#include "test.h"

#define FAKE_MODULES "virtio_pci virtio_net vfvirt_core vfvirt_test vfvirt_fake"
#define LIST_QUERY 0
#define LIST_USE 1
#define STATUS_EAGAIN 11
#define STATUS_EINVAL 22
#define INVALID_GROUP 4
#define LIMIT_A_VF_MS 250 /* to bind one; a limit of a command is 1 s at least */

static void set_up(char *ret_pf, unsigned int members)
{
	pci_pf(0, ret_pf);
	fake_bind(ret_pf);
	genl_open();
	member_bind(ret_pf, members);
}

static void tear_down(const char *pf)
{
	CHECK_OK(pci_set_vfs(pf, 0));
	CHECK_OK(pci_bind(pf, "virtio-pci"));
}

static void make_ready(const char *pf)
{
	CHECK_OK(fake_order(pf, "state %d %d", VFVIRT_OWNER_ABSENT, VFVIRT_REASON_RESET));
	CHECK_OK(fake_order(pf, "state %d 0", VFVIRT_OWNER_READY));
}

static void check_no_legacy(const char *pf, unsigned int vf_index, int reason)
{
	char data[64];

	CHECK_EQUAL(member_ask(pf, vf_index, data, sizeof(data), "has_legacy"), 0, "legacy access");
	CHECK_EQUAL(atoi(data), reason, "the reason");
}

/* B-P15: asked lazily, once, and again after every change to ready; bits 0 and 1 stay set. */
TEST(core_bp15_opcodes_are_discovered_again, .modules = FAKE_MODULES)
{
	char pf[BDF_SIZE];

	pci_pf(0, pf);
	fake_bind(pf);
	CHECK_EQUAL(fake_look(pf).executed, 0, "commands before there is a VF");
	genl_open();
	member_bind(pf, 4);
	CHECK_EQUAL(fake_look(pf).executed, 2, "commands for four VFs");
	CHECK_EQUAL(fake_look(pf).used_opcodes, 0x7f, "the opcodes in use");
	CHECK_EQUAL(fake_look(pf).exclusive_broken, 0, "commands beside LIST_USE");
	make_ready(pf);
	CHECK_EQUAL(fake_look(pf).executed, 2, "commands before somebody needs them");
	CHECK_OK(member_ask(pf, 0, NULL, 0, "common_read 0 4 0"));
	CHECK_EQUAL(fake_look(pf).executed, 5, "commands for a read after a reset");
	CHECK_EQUAL(genl_stat(pf, LIST_USE, VFVIRT_A_OK), 2, "LIST_USE");
	tear_down(pf);
}

TEST(core_discovery_flies_single, .modules = FAKE_MODULES)
{
	pid_t askers[16];
	char pf[BDF_SIZE];

	set_up(pf, 16);
	CHECK_OK(fake_order(pf, "set delay_ms 300"));
	make_ready(pf);
	for (int n = 0; n < 16; n++)
		askers[n] = member_start(pf, n, "common_read 0 4 20000");
	for (int n = 0; n < 16; n++)
		CHECK_OK(member_end(askers[n]));
	CHECK_EQUAL(genl_stat(pf, LIST_QUERY, VFVIRT_A_COMMANDS), 2, "LIST_QUERY, all in all");
	tear_down(pf);
}

/* SX-1: a device that wants a member id in LIST_QUERY and LIST_USE gets the first. */
TEST(core_sx1_lists_are_asked_for_member_1, .modules = FAKE_MODULES)
{
	char pf[BDF_SIZE];

	pci_pf(0, pf);
	fake_bind(pf);
	CHECK_OK(fake_order(pf, "set list_member_id 1"));
	member_bind(pf, 1);
	CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "has_legacy"), 1, "legacy access");
	CHECK_EQUAL(fake_look(pf).list_member, 1, "the member id of LIST_USE");
	CHECK_EQUAL(fake_look(pf).executed, 3, "commands");
	tear_down(pf);
}

TEST(core_incomplete_opcodes_mean_no_legacy, .modules = FAKE_MODULES)
{
	char pf[BDF_SIZE];

	pci_pf(0, pf);
	fake_bind(pf);
	CHECK_OK(fake_order(pf, "set offered %d", 0x77)); /* opcode 3 is missing: S-60 */
	member_bind(pf, 1);
	check_no_legacy(pf, 0, VFVIRT_REASON_NO_LEGACY);
	CHECK_EQUAL(fake_look(pf).used_opcodes, 0x3, "the opcodes in use");
	CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "common_read 0 4 0"), -EOPNOTSUPP, "a read");

	CHECK_OK(fake_order(pf, "set offered %d", 0xff3f)); /* no doorbells, unknown opcodes */
	make_ready(pf);
	CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "has_legacy"), 1, "legacy access");
	CHECK_EQUAL(fake_look(pf).used_opcodes, 0x3f, "the opcodes in use");
	CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "notify_info"), 0, "doorbells");
	tear_down(pf);
}

TEST(core_refused_lists_mean_no_legacy, .modules = FAKE_MODULES)
{
	char pf[BDF_SIZE];

	pci_pf(0, pf);
	fake_bind(pf);
	CHECK_OK(fake_order(pf, "set status %d", STATUS_EINVAL));
	CHECK_OK(fake_order(pf, "set qualifier %d", INVALID_GROUP));
	CHECK_OK(fake_order(pf, "set times -1"));
	member_bind(pf, 2);
	check_no_legacy(pf, 0, VFVIRT_REASON_NO_LEGACY);
	CHECK_EQUAL(member_ask(pf, 1, NULL, 0, "common_read 0 4 0"), -EIO, "a read");
	CHECK_OK(fake_order(pf, "set opcode %d", LIST_USE));
	check_no_legacy(pf, 1, VFVIRT_REASON_NO_LEGACY);
	tear_down(pf);
}

static void check_reason(const struct genl_message *message, void *context)
{
	CHECK_EQUAL(genl_number(message, VFVIRT_A_LEGACY), 0, "legacy access, as netlink says");
	CHECK_EQUAL(genl_number(message, VFVIRT_A_REASON), *(int *)context, "its reason");
}

/* What netlink says of all VFs. */
static void check_told(int reason)
{
	struct genl_request request;

	genl_request(&request, VFVIRT_CMD_GET_MEMBERS);
	CHECK_OK(genl_dump(&request, check_reason, &reason));
}

/* An answer that was bad once is asked for again: by an open, and by a running guest's read. */
TEST(core_bad_answers_to_lists_are_not_kept, .modules = FAKE_MODULES)
{
	static const char *const bad[] = { "set status 22", "set status 12", "set error -71" };
	static const int opcodes[] = { LIST_QUERY, LIST_USE };
	char pf[BDF_SIZE];

	set_up(pf, 2);
	for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]) * 2; n++) {
		CHECK_OK(fake_order(pf, "set status 0"));
		CHECK_OK(fake_order(pf, "set error 0"));
		CHECK_OK(fake_order(pf, "%s", bad[n / 2]));
		CHECK_OK(fake_order(pf, "set opcode %d", opcodes[n % 2]));
		CHECK_OK(fake_order(pf, "set times 1"));
		make_ready(pf);
		CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "common_read 0 4 0"), -EIO, bad[n / 2]);
		CHECK_OK(member_ask(pf, 0, NULL, 0, "common_read 0 4 0"));
	}
	CHECK_OK(fake_order(pf, "set times 1"));
	make_ready(pf);
	check_no_legacy(pf, 0, VFVIRT_REASON_BROKEN_ANSWER);
	check_told(VFVIRT_REASON_BROKEN_ANSWER);
	CHECK_OK(member_ask(pf, 1, NULL, 0, "open"));
	CHECK_EQUAL(member_ask(pf, 1, NULL, 0, "has_legacy"), 1, "legacy access at the next open");
	tear_down(pf);
}

/*
 * That time ran out is kept: nobody waits again. Not so for who opens a VF while the owner is
 * ready; a silent device's owner is not, and stays unasked.
 */
TEST(core_lists_out_of_time_wait_for_an_open, .modules = FAKE_MODULES)
{
	unsigned int executed;
	char pf[BDF_SIZE];

	set_up(pf, 2);
	CHECK_OK(fake_order(pf, "set status %d", STATUS_EAGAIN));
	CHECK_OK(fake_order(pf, "set times -1"));
	make_ready(pf);
	CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "common_read 0 4 300"), -ETIMEDOUT, "EAGAIN all along");
	CHECK_OK(fake_order(pf, "set times 0"));
	executed = fake_look(pf).executed;
	check_no_legacy(pf, 0, VFVIRT_REASON_TIMEOUT);
	check_told(VFVIRT_REASON_TIMEOUT);
	CHECK_EQUAL(member_ask(pf, 1, NULL, 0, "common_read 0 4 0"), -EIO, "a read after that");
	CHECK_EQUAL(fake_look(pf).executed, executed, "commands for who comes later");
	CHECK_OK(member_ask(pf, 1, NULL, 0, "open"));
	CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "has_legacy"), 1, "legacy access after an open");

	CHECK_OK(fake_order(pf, "set delay_ms 20000"));
	make_ready(pf);
	CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "common_read 0 4 300"), -ETIMEDOUT, "silence");
	executed = fake_look(pf).executed;
	CHECK_OK(member_ask(pf, 0, NULL, 0, "open"));
	check_no_legacy(pf, 0, VFVIRT_REASON_TIMEOUT);
	CHECK_EQUAL(fake_look(pf).executed, executed, "commands to a silent device");
	tear_down(pf);
}

/* What a list does not return is zero; one that lacks the list commands is asked for again. */
TEST(core_empty_opcode_list_is_no_answer, .modules = FAKE_MODULES)
{
	char pf[BDF_SIZE];

	pci_pf(0, pf);
	fake_bind(pf);
	CHECK_OK(fake_order(pf, "set used_bytes 0"));
	member_bind(pf, 1);
	check_no_legacy(pf, 0, VFVIRT_REASON_BROKEN_ANSWER);
	CHECK_OK(fake_order(pf, "set used_bytes -1"));
	CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "has_legacy"), 1, "legacy access, asked again");
	tear_down(pf);
}

/* 240 VFs of a device that never answers are bound in about one limit, not in 240. */
TEST(core_dead_device_costs_one_limit, .modules = FAKE_MODULES, .configs = "vfs240",
     .limit_s = 240)
{
	unsigned int vfs = test_number("many_vfs", 240);
	uint64_t begin_ms, took_ms;
	char pf[BDF_SIZE];

	pci_pf(0, pf);
	fake_bind(pf);
	CHECK_OK(fake_order(pf, "set delay_ms 1000000"));
	begin_ms = now_ms();
	member_bind(pf, vfs);
	took_ms = now_ms() - begin_ms;
	test_log("%u VFs bound in %d ms", vfs, (int)took_ms);
	CHECK(took_ms < test_limit(vfs * LIMIT_A_VF_MS),
	      "%u VFs of a dead device took %d ms to bind", vfs, (int)took_ms);
	CHECK_EQUAL(fake_look(pf).executed, 1, "commands");
	check_no_legacy(pf, vfs - 1, VFVIRT_REASON_TIMEOUT);
	tear_down(pf);
}

/* One entry of LEGACY_NOTIFY_INFO as hex digits. */
static void entry(char *ret_hex, int flags, int bar, uint64_t offset_bytes)
{
	int used = sprintf(ret_hex, "%02x%02x000000000000", flags, bar);

	for (int n = 0; n < 8; n++)
		used += sprintf(ret_hex + used, "%02x", (unsigned int)(offset_bytes >> 8 * n & 0xff));
}

/* B-P17: the VF has BARs 1 and 4, the PF 1, 2 and 4; entries that do not fit them are ignored. */
TEST(core_bp17_doorbells_are_checked, .modules = FAKE_MODULES)
{
	static const struct {
		int flags;
		int bar;
		uint64_t offset_bytes;
		bool sound;
	} entries[] = {
		{ 2, 4, 0x2800, true }, { 1, 2, 0, true }, { 2, 4, 0, true },
		{ 3, 4, 0, false }, { 0xff, 4, 0, false }, { 2, 0, 0, false }, { 2, 6, 0, false },
		{ 2, 255, 0, false }, { 2, 3, 0, false }, { 1, 3, 0, false }, { 2, 4, 0x2801, false },
		{ 2, 4, 0x10000000, false }, { 2, 4, UINT64_MAX - 1, false },
		{ 2, 4, UINT64_MAX, false }, { 1, 2, 1ull << 63, false },
	};
	char pf[BDF_SIZE], hex[33], data[64];

	set_up(pf, 1);
	for (size_t n = 0; n < sizeof(entries) / sizeof(entries[0]); n++) {
		entry(hex, entries[n].flags, entries[n].bar, entries[n].offset_bytes);
		CHECK_OK(fake_order(pf, "notify %s%032d%032d%032d", hex, 0, 0, 0));
		CHECK(member_ask(pf, 0, data, sizeof(data), "notify_info") == entries[n].sound,
		      "flags %d bar %d offset %#llx gave %s", entries[n].flags, entries[n].bar,
		      (unsigned long long)entries[n].offset_bytes, data);
	}
	tear_down(pf);
}

/* SX-3: four entries need no end; B-P18: those of the owner count, after those of the member. */
TEST(core_bp18_best_doorbell_comes_first, .modules = FAKE_MODULES)
{
	char pf[BDF_SIZE], hex[4][33], data[128];

	set_up(pf, 1);
	entry(hex[0], 1, 2, 0x10);
	entry(hex[1], 2, 4, 0x2800);
	entry(hex[2], 7, 4, 0x2800);
	entry(hex[3], 1, 2, 0x20);
	CHECK_OK(fake_order(pf, "notify %s%s%s%s", hex[0], hex[1], hex[2], hex[3]));
	CHECK_EQUAL(member_ask(pf, 0, data, sizeof(data), "notify_info"), 3, "doorbells");
	CHECK(!strcmp(data, "2:4:0x2800 1:2:0x10 1:2:0x20"), "they are %s", data);
	CHECK_OK(fake_order(pf, "notify %s%032d%s%s", hex[0], 0, hex[1], hex[3]));
	CHECK_EQUAL(member_ask(pf, 0, data, sizeof(data), "notify_info"), 1, "up to the end mark");
	CHECK_OK(fake_order(pf, "set used_bytes 31"));
	CHECK_EQUAL(member_ask(pf, 0, data, sizeof(data), "notify_info"), 1, "of one and a half");
	CHECK_OK(fake_order(pf, "set used_bytes 15"));
	CHECK_EQUAL(member_ask(pf, 0, data, sizeof(data), "notify_info"), 0, "of less than one");
	tear_down(pf);
}

/* Whoever waits for another's discovery waits no longer than his own limit, and can be killed. */
TEST(core_waiting_for_a_discovery_has_a_limit, .modules = FAKE_MODULES)
{
	uint64_t begin_ms, took_ms;
	pid_t first, second;
	char pf[BDF_SIZE];

	set_up(pf, 3);
	CHECK_OK(fake_order(pf, "set delay_ms 20000"));
	make_ready(pf);
	first = member_start(pf, 0, "common_read 0 4 15000");
	WAIT_FOR(5000, fake_look(pf).running == 1, "LIST_QUERY to be under way");
	begin_ms = now_ms();
	CHECK_EQUAL(member_ask(pf, 1, NULL, 0, "common_read 0 4 300"), -ETIMEDOUT, "a second read");
	took_ms = now_ms() - begin_ms;
	CHECK(took_ms < test_limit(1500), "the second read took %d ms instead of 300",
	      (int)took_ms);
	second = member_start(pf, 2, "common_read 0 4 15000");
	kill(second, SIGKILL);
	CHECK_EQUAL(member_end(second), -EINTR, "a killed read");

	/* The asker is killed too: that says nothing about the device, the next one asks anew. */
	kill(first, SIGKILL);
	CHECK_EQUAL(member_end(first), -EINTR, "the killed asker");
	CHECK_OK(fake_order(pf, "set delay_ms 0"));
	CHECK_OK(member_ask(pf, 1, NULL, 0, "common_read 0 4 0"));
	tear_down(pf);
}

/* The card is reset while somebody asks: the answer is from before, so it is asked again. */
TEST(core_answer_from_before_a_reset_is_dropped, .modules = FAKE_MODULES)
{
	char pf[BDF_SIZE];
	pid_t asker;

	set_up(pf, 1);
	CHECK_OK(fake_order(pf, "set delay_ms 500"));
	make_ready(pf);
	asker = member_start(pf, 0, "common_read 0 4 15000");
	WAIT_FOR(5000, fake_look(pf).running == 1, "LIST_QUERY to be under way");
	CHECK_OK(fake_order(pf, "state %d 0", VFVIRT_OWNER_READY));
	CHECK_OK(member_end(asker));
	CHECK_EQUAL(genl_stat(pf, LIST_USE, VFVIRT_A_OK), 3, "LIST_USE, with the bind's");
	tear_down(pf);
}
