// SPDX-License-Identifier: GPL-2.0-or-later
/* Odd answers of the card, opcode by opcode: each is an error with a name, or is put right. */
#include <stdlib.h>

#include "file.h"
#include "host.h"
#include "owner.h"
#include "test.h"

#define STATUS_BYTES 8 /* status, qualifier and what is reserved, before the result */
#define LIST_QUERY 0
#define LIST_USE 1
#define NOTIFY_INFO 6
#define ACCESS_LIMIT_MS 1000 /* of a register access; the limits of vfvirt_core.h */
#define SETUP_LIMIT_MS 10000
#define BUSY_VFS 64

/* A call of each legacy opcode; @result_bytes is what the card returns besides the status. */
static const struct call {
	int opcode;
	const char *words;
	unsigned int result_bytes;
	int good; /* result of the call */
} calls[] = {
	{ 2, "common_write 18 00 0", 0, 0 },
	{ 3, "common_read 0 4 0", 4, 0 },
	{ 4, "device_write 0 525400f00001 0", 0, 0 },
	{ 5, "device_read 0 6 0", 6, 0 },
	{ 6, "notify_info", 64, 2 },
};

#define CALLS (sizeof(calls) / sizeof(calls[0]))

/* Makes the card tell its opcodes again: the next call asks for them. */
static void forget_opcodes(const char *pf)
{
	char path[PCI_PATH_SIZE];

	CHECK_OK(file_write(pci_path(path, pf, "reset"), "1"));
	owner_wait_state(pf, VFVIRT_OWNER_READY, 5000);
}

/* What a register access gives when the last @missing of its bytes were not returned. */
static void check_bytes(const struct call *call, const char *data, const char *all,
			unsigned int missing)
{
	unsigned int kept = missing < call->result_bytes ? call->result_bytes - missing : 0;

	CHECK(strlen(data) == 2 * call->result_bytes && !strncmp(data, all, 2 * kept) &&
	      strspn(data + 2 * kept, "0") == 2 * (call->result_bytes - kept),
	      "%s gave %s with %u bytes missing, and %s with all", call->words, data, missing, all);
}

/* One call answered with a used length too short by @missing. */
static void check_short(const char *pf, const struct call *call, unsigned int missing)
{
	unsigned int used = STATUS_BYTES + call->result_bytes - missing;
	char all[128], data[128];
	int result;

	CHECK_EQUAL(member_ask(pf, 0, all, sizeof(all), "%s", call->words), call->good, call->words);
	host_do("fault pf0 used-length,mode=short,bytes=%u,opcode=%d,times=1", missing, call->opcode);
	result = member_ask(pf, 0, data, sizeof(data), "%s", call->words);
	CHECK_EQUAL(host_struck("pf0", "used-length"), 1, "answers cut short");
	/* Without a status there is no answer; without a qualifier the status still counts. */
	if (used < 2)
		CHECK(result == -EIO, "%s cut to %u bytes gave %d", call->words, used, result);
	else if (call->opcode == NOTIFY_INFO)
		CHECK(result >= 0 && result <= call->good, "doorbells of %u bytes: %d", used, result);
	else
		CHECK(!result, "%s cut to %u bytes gave %d", call->words, used, result);
	if (used >= 2 && call->result_bytes && call->opcode != NOTIFY_INFO)
		check_bytes(call, data, all, missing);
	host_do("fault-clear pf0 all");
}

/* B-P13, B-F03: a used length that is too short, by every number of bytes, and zero. */
TEST(pf_short_answer_to_each_opcode, .modules = OWNER_MODULES, .limit_s = 60)
{
	char pf[BDF_SIZE];

	owner_open(pf, 1);
	for (size_t n = 0; n < CALLS; n++) {
		unsigned int all = STATUS_BYTES + calls[n].result_bytes;

		for (unsigned int missing = 1; missing < all; missing += missing < 12 ? 1 : 9)
			check_short(pf, &calls[n], missing);
		check_short(pf, &calls[n], all);
		host_do("fault pf0 used-length,mode=zero,opcode=%d,times=1", calls[n].opcode);
		CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "%s", calls[n].words), -EIO, calls[n].words);
		host_do("fault-clear pf0 all");
		CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "%s", calls[n].words), calls[n].good,
			    calls[n].words);
	}
	CHECK_EQUAL(owner_look(pf).state, VFVIRT_OWNER_READY, "the state");
	owner_close(pf);
}

/* An answer without a status to the questions for opcodes: no legacy access, until asked again. */
TEST(pf_short_answer_to_the_lists, .modules = OWNER_MODULES, .limit_s = 60)
{
	char pf[BDF_SIZE], data[64];

	owner_open(pf, 1);
	for (int opcode = LIST_QUERY; opcode <= LIST_USE; opcode++) {
		host_do("fault pf0 used-length,mode=zero,opcode=%d,times=1", opcode);
		forget_opcodes(pf);
		CHECK_EQUAL(member_ask(pf, 0, data, sizeof(data), "has_legacy"), 0, "legacy access");
		CHECK_EQUAL(atoi(data), VFVIRT_REASON_BROKEN_ANSWER, "the reason");
		CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "has_legacy"), 1, "legacy access, asked again");
		host_do("fault-clear pf0 all");
	}
	/* An empty list does not even offer the command that it answers. */
	host_do("fault pf0 used-length,mode=short,bytes=8,opcode=%d,times=1", LIST_QUERY);
	forget_opcodes(pf);
	CHECK_EQUAL(member_ask(pf, 0, data, sizeof(data), "has_legacy"), 0, "legacy access");
	CHECK_EQUAL(atoi(data), VFVIRT_REASON_BROKEN_ANSWER, "the reason");
	owner_check_works(pf, 0);
	owner_close(pf);
}

/* B-P11, S-26: EAGAIN to any opcode is tried again, so that nobody notices. */
TEST(pf_eagain_to_each_opcode, .modules = OWNER_MODULES, .limit_s = 60)
{
	char pf[BDF_SIZE];

	owner_open(pf, 1);
	for (size_t n = 0; n < CALLS; n++) {
		host_do("fault pf0 status,status=11,qualifier=7,opcode=%d,times=4", calls[n].opcode);
		CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "%s", calls[n].words), calls[n].good,
			    calls[n].words);
		CHECK_EQUAL(host_struck("pf0", "status"), 4, "times the card said EAGAIN");
		host_do("fault-clear pf0 all");
	}
	for (int opcode = LIST_QUERY; opcode <= LIST_USE; opcode++) {
		host_do("fault pf0 status,status=11,qualifier=7,opcode=%d,times=4", opcode);
		forget_opcodes(pf);
		CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "has_legacy"), 1, "legacy access");
		CHECK_EQUAL(host_struck("pf0", "status"), 4, "times the card said EAGAIN");
		host_do("fault-clear pf0 all");
	}
	owner_close(pf);
}

/* S-25: the card's refusals with a reserved status or qualifier, for each opcode. */
TEST(pf_reserved_refusals_of_each_opcode, .modules = OWNER_MODULES, .limit_s = 60)
{
	static const unsigned int qualifiers[] = { 8, 9, 0xff, 0x100, 0x7fff, 0x8000, 0xffff };
	char pf[BDF_SIZE];

	owner_open(pf, 1);
	for (size_t n = 0; n < CALLS; n++) {
		for (size_t i = 0; i < sizeof(qualifiers) / sizeof(qualifiers[0]); i++) {
			host_do("fault pf0 status,status=%u,qualifier=%u,opcode=%d,times=1",
				i % 2 ? 0xffff : 22, qualifiers[i], calls[n].opcode);
			CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "%s", calls[n].words), -EIO,
				    calls[n].words);
		}
	}
	owner_check_works(pf, 0);
	CHECK_EQUAL(owner_look(pf).state, VFVIRT_OWNER_READY, "the state");
	owner_close(pf);
}

/* The answer to one opcode comes 400 ms after the time-out of the call that asks for it. */
static void check_late(const char *pf, int opcode, const char *words, unsigned int limit_ms)
{
	long long late = genl_stat(pf, opcode, VFVIRT_A_LATE);
	long long aborted = genl_stat(pf, opcode, VFVIRT_A_ABORTED);

	host_do("fault pf0 delay,ms=%u,opcode=%d,times=1", limit_ms + 400, opcode);
	CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "%s", words), -ETIMEDOUT, words);
	owner_wait_state(pf, VFVIRT_OWNER_READY, 8000);
	CHECK_EQUAL(genl_stat(pf, opcode, VFVIRT_A_LATE) - late +
			    genl_stat(pf, opcode, VFVIRT_A_ABORTED) - aborted,
		    1, "late answers and aborted commands");
	host_do("fault-clear pf0 all");
	owner_check_works(pf, 0);
	CHECK_EQUAL(owner_look(pf).in_flight, 0, "commands in flight");
}

/* The answer to each opcode comes after the time-out: counted as late, and the owner is back. */
TEST(pf_late_answer_to_each_opcode, .modules = OWNER_MODULES, .limit_s = 90)
{
	char pf[BDF_SIZE];

	owner_open(pf, 1);
	for (size_t n = 0; n < CALLS; n++)
		check_late(pf, calls[n].opcode, calls[n].words,
			   calls[n].opcode == NOTIFY_INFO ? SETUP_LIMIT_MS : ACCESS_LIMIT_MS);
	owner_close(pf);
}

/* The same for the questions for opcodes, within the limit of the read that needs them. */
TEST(pf_late_answer_to_the_lists, .modules = OWNER_MODULES, .limit_s = 60)
{
	char pf[BDF_SIZE];

	owner_open(pf, 1);
	for (int opcode = LIST_QUERY; opcode <= LIST_USE; opcode++) {
		forget_opcodes(pf);
		check_late(pf, opcode, "common_read 18 1 0", ACCESS_LIMIT_MS);
		CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "has_legacy"), 1, "legacy access");
	}
	owner_close(pf);
}

/* B-P09: 64 VFs, each with two commands under way, on a ring that holds 32: all get their turn. */
TEST(pf_full_ring_serves_64_vfs, .modules = OWNER_MODULES, .configs = "vfs64", .limit_s = 120)
{
	pid_t processes[2 * BUSY_VFS];
	char pf[BDF_SIZE];

	owner_open(pf, BUSY_VFS);
	owner_check_works(pf, 0);
	host_do("fault pf0 stall,hold=self,opcode=3");
	for (unsigned int n = 0; n < 2 * BUSY_VFS; n++)
		processes[n] = member_start(pf, n % BUSY_VFS, "common_read 18 1 60000");
	WAIT_FOR(20000, owner_look(pf).in_flight == owner_look(pf).depth, "the ring to be full");
	CHECK(owner_look(pf).depth < BUSY_VFS, "the ring holds %lld commands",
	      owner_look(pf).depth);
	/* The card lets go of what it holds; from now on each answer takes a while. */
	host_do("fault pf0 delay,ms=50,hold=self,opcode=3");
	host_do("fault-clear pf0 stall");
	for (unsigned int n = 0; n < 2 * BUSY_VFS; n++)
		CHECK_OK(member_end(processes[n]));
	for (unsigned int vf = 0; vf < BUSY_VFS; vf++)
		CHECK_EQUAL(host_count("pf0", vf + 1, "commands.3.ok"), vf ? 2 : 3,
			    "reads of a VF that the card answered");
	CHECK_EQUAL(owner_look(pf).in_flight, 0, "commands in flight");
	CHECK_EQUAL(owner_look(pf).state, VFVIRT_OWNER_READY, "the state");
	owner_close(pf);
}
