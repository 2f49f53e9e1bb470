// SPDX-License-Identifier: GPL-2.0-or-later
/* What a guest gets when the card refuses, is late, lies, or goes away. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"
#include "genl.h"
#include "handout.h"
#include "host.h"
#include "log.h"
#include "measure.h"
#include "net.h"
#include "nic.h"
#include "proc.h"
#include "test.h"

#define OP_READ 3
#define OP_WRITE 2
#define FAILURES 1000
#define LOG_WINDOW_MS 5000 /* of the kernel's limits */
#define LOG_BURST 20 /* lines in it: 10 of core, 5 of the VF's driver, and some air */
#define LIMIT_MS 1000 /* for one access of a guest */
#define SLACK_MS 1500 /* of an emulated machine */
#define NEXT_READS 10
#define RECOVERY_LIMIT_MS 20000
#define KILL_LIMIT_MS 5000

static void open_vf(struct handout *handout, struct vfio *vfio, const char *pf_driver)
{
	handout_open(handout, pf_driver, 2);
	CHECK_OK(vfio_open(vfio, handout->vfs[0]));
	vfio_command(vfio, 7);
}

static void close_vf(struct handout *handout, struct vfio *vfio)
{
	host_do("reset");
	vfio_close(vfio);
	handout_close(handout);
}

/* Milliseconds that a read of the status took; @ret_value is what it gave. */
static unsigned int timed_read(const struct vfio *vfio, uint8_t *ret_value)
{
	uint64_t begin_ms = now_ms();

	*ret_value = vfio_get(vfio, VFIO_BAR0, LEGACY_STATUS, 1);
	return now_ms() - begin_ms;
}

/* Reads of every width give ones while the card refuses them. */
static void check_ones(const struct vfio *vfio)
{
	CHECK_EQUAL(vfio_get(vfio, VFIO_BAR0, LEGACY_STATUS, 1), 0xff, "a byte");
	CHECK_EQUAL(vfio_get(vfio, VFIO_BAR0, LEGACY_QUEUE_SIZE, 2), 0xffff, "a word");
	CHECK_EQUAL(vfio_get(vfio, VFIO_BAR0, 0, 4), 0xffffffff, "four bytes");
	CHECK_EQUAL(vfio_get(vfio, VFIO_BAR0, 0, 8), UINT64_MAX, "eight bytes");
}

/* B-P11: whatever status the card gives, the guest's read gives ones and its write is dropped. */
static void check_refusals(const char *pf_driver)
{
	static const unsigned int statuses[] = { 1, 5, 16, 22, 512, 4095, 4096, 32768, 65535 };
	struct handout handout;
	struct vfio vfio;

	open_vf(&handout, &vfio, pf_driver);
	for (unsigned int i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		host_do("fault pf0 status,status=%u,qualifier=3,member=1,opcode=%d", statuses[i],
			OP_READ);
		check_ones(&vfio);
		CHECK(host_struck("pf0", "status") >= 4, "status %u never struck", statuses[i]);
		host_do("fault-clear pf0 all");
		CHECK(vfio_get(&vfio, VFIO_BAR0, 0, 4) != 0xffffffff, "status %u lasts",
		      statuses[i]);
	}
	vfio_put(&vfio, VFIO_BAR0, LEGACY_STATUS, 1, 1);
	host_do("fault pf0 status,status=22,qualifier=3,member=1,opcode=%d", OP_WRITE);
	vfio_put(&vfio, VFIO_BAR0, LEGACY_STATUS, 1, 3);
	host_do("fault-clear pf0 all");
	CHECK_EQUAL(vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1), 1,
		    "the status after a write that was refused");
	close_vf(&handout, &vfio);
}

TEST(vfio_refusals_read_as_ones, .modules = HANDOUT_MODULES)
{
	check_refusals(PF_OURS);
}

TEST(vfio_refusals_read_as_ones_intree, .modules = HANDOUT_MODULES_INTREE, .kernels = "6.12 7.3")
{
	check_refusals(PF_INTREE);
}

/*
 * B-P12: a guest decides how often it fails, but not how long the log gets: neither by the lines of
 * core, which name the PF, nor by those of the VF's driver. The notify information is bad, so that
 * doorbells are commands, which can fail.
 */
TEST(vfio_guest_cannot_flood_the_log, .modules = HANDOUT_MODULES,
     .limit_s = 120)
{
	unsigned int of_pf, of_vf, allowed;
	long long reads, writes;
	struct handout handout;
	int pf_log, vf_log;
	uint64_t begin_ms;
	struct vfio vfio;

	host_do("fault pf0 notify-info,bad=flag");
	open_vf(&handout, &vfio, PF_OURS);
	pf_log = log_follow();
	vf_log = log_follow();
	begin_ms = now_ms();
	host_do("fault pf0 status,status=22,qualifier=3,member=1");
	/* The test before may have used up what core may say now. */
	WAIT_FOR(4 * LOG_WINDOW_MS,
		 vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1) == 0xff &&
		 log_says(pf_log, "refused by the device"), "core to log a refusal");
	reads = genl_stat(vfio.bdf, OP_READ, VFVIRT_A_REFUSED);
	writes = genl_stat(vfio.bdf, OP_WRITE, VFVIRT_A_REFUSED);
	for (unsigned int i = 0; i < FAILURES; i++)
		vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1);
	for (unsigned int i = 0; i < FAILURES; i++)
		vfio_put(&vfio, VFIO_BAR0, LEGACY_NOTIFY, 2, 0);
	allowed = LOG_BURST * (2 + (now_ms() - begin_ms) / LOG_WINDOW_MS);
	host_do("fault-clear pf0 all");
	CHECK_EQUAL(genl_stat(vfio.bdf, OP_READ, VFVIRT_A_REFUSED) - reads, FAILURES,
		    "the number of refused reads that were counted");
	CHECK_EQUAL(genl_stat(vfio.bdf, OP_WRITE, VFVIRT_A_REFUSED) - writes, FAILURES,
		    "the number of refused doorbells that were counted");
	of_pf = log_lines(pf_log, handout.pf);
	of_vf = log_lines(vf_log, vfio.bdf);
	test_log("%u lines name the PF, %u the VF, allowed are %u", of_pf, of_vf, allowed);
	CHECK(of_vf > 0, "no refusal was logged for the VF");
	CHECK(of_pf + of_vf <= allowed, "%d refusals made %u log lines", 2 * FAILURES,
	      of_pf + of_vf);
	close(pf_log);
	close(vf_log);
	close_vf(&handout, &vfio);
}

/* B-P13: what the card did not return is zero, never what was there before. */
TEST(vfio_short_answers_are_zero, .modules = HANDOUT_MODULES)
{
	struct handout handout;
	struct vfio vfio;

	open_vf(&handout, &vfio, PF_OURS);
	CHECK(vfio_get(&vfio, VFIO_BAR0, 0, 4), "the device offers no feature");
	host_do("fault pf0 used-length,mode=short,bytes=3,member=1,opcode=%d", OP_READ);
	CHECK_EQUAL(vfio_get(&vfio, VFIO_BAR0, 0, 4) & ~0xffull, 0, "bytes not returned");
	host_do("fault-clear pf0 all");
	host_do("fault pf0 used-length,mode=short,bytes=4,member=1,opcode=%d", OP_READ);
	CHECK_EQUAL(vfio_get(&vfio, VFIO_BAR0, 0, 4), 0, "bytes not returned");
	host_do("fault-clear pf0 all");
	host_do("fault pf0 used-length,mode=long,member=1,opcode=%d", OP_READ);
	vfio_get(&vfio, VFIO_BAR0, 0, 4);
	close_vf(&handout, &vfio);
}

/* B-P04: an answer that never comes holds a guest for the limit, and the next ones not at all. */
TEST(vfio_stalled_card_holds_nobody, .modules = HANDOUT_MODULES, .limit_s = 120)
{
	struct handout handout;
	struct vfio vfio;
	unsigned int took_ms;
	uint64_t begin_tick_ms;
	uint8_t value;

	open_vf(&handout, &vfio, PF_OURS);
	host_do("fault pf0 stall,hold=queue,member=1");
	begin_tick_ms = measure_tick_ms();
	took_ms = timed_read(&vfio, &value);
	CHECK_EQUAL(value, 0xff, "a read that is not answered");
	CHECK(measure_tick_ms() - begin_tick_ms >= LIMIT_MS - MEASURE_TICKS_MS,
	      "a read that is not answered ended before its limit, after %u ms", took_ms);
	CHECK(took_ms <= test_limit(LIMIT_MS + SLACK_MS), "a read that is not answered took %u ms",
	      took_ms);
	/* A single one that waits takes the limit, which is the same on a slow kernel. */
	begin_tick_ms = measure_tick_ms();
	for (unsigned int i = 0; i < NEXT_READS; i++) {
		timed_read(&vfio, &value);
		CHECK_EQUAL(value, 0xff, "a read while the owner is known to be silent");
	}
	took_ms = measure_tick_ms() - begin_tick_ms;
	CHECK(took_ms < LIMIT_MS / 2, "the next %d reads took %u ms", NEXT_READS, took_ms);
	host_do("fault-clear pf0 all");
	WAIT_FOR(RECOVERY_LIMIT_MS, vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1) == 0,
		 "the owner to recover");
	close_vf(&handout, &vfio);
}

/* A wide access is many commands, but the guest waits for its limit only once. */
TEST(vfio_wide_access_has_one_limit, .modules = HANDOUT_MODULES, .limit_s = 120)
{
	struct handout handout;
	uint8_t bytes[64];
	struct vfio vfio;
	uint64_t begin_ms;

	open_vf(&handout, &vfio, PF_OURS);
	host_do("fault pf0 delay,ms=400,hold=self,member=1,opcode=%d", OP_READ);
	begin_ms = now_ms();
	CHECK_EQUAL(vfio_read(&vfio, VFIO_BAR0, 0, bytes, sizeof(bytes)), sizeof(bytes),
		    "what a read of the whole BAR returned");
	CHECK(now_ms() - begin_ms <= test_limit(LIMIT_MS + SLACK_MS), "it took %u ms",
	      (unsigned int)(now_ms() - begin_ms));
	CHECK_EQUAL(bytes[63], 0xff, "its last byte");
	host_do("fault-clear pf0 all");
	close_vf(&handout, &vfio);
}

static bool waits_for_card(pid_t pid)
{
	char stack[4096];

	proc_stack(pid, stack, sizeof(stack));
	return strstr(stack, "vfvirt_command_run");
}

/* Behind another access: it has come to the driver, and not to core. */
static bool waits_for_turn(pid_t pid)
{
	char stack[4096];

	proc_stack(pid, stack, sizeof(stack));
	return strstr(stack, "vfvirt_legacy_read") && !strstr(stack, "vfvirt_core");
}

/* A process that reads the status, fails when it gets an answer, and is waiting by now. */
static pid_t start_reader(const struct vfio *vfio, bool (*waits)(pid_t pid))
{
	pid_t pid = fork();

	if (!pid) {
		vfio_get(vfio, VFIO_BAR0, LEGACY_STATUS, 1);
		_exit(1);
	}
	WAIT_FOR(10000, waits(pid), "an access to wait");
	return pid;
}

/* Returns how long the kill took by the clock of ticks, in milliseconds. */
static unsigned int kill_reader(pid_t pid)
{
	uint64_t begin_tick_ms = measure_tick_ms();
	int status;

	kill(pid, SIGKILL);
	CHECK_EQUAL(waitpid(pid, &status, 0), pid, "who was killed");
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the user ended by itself");
	return measure_tick_ms() - begin_tick_ms;
}

/*
 * A user that waits for the card can be killed at once, and leaves a VF that works. The test has
 * the same file open, so the kill waits for the end of the access and not for that of a close.
 */
TEST(vfio_kill_while_waiting, .modules = HANDOUT_MODULES, .limit_s = 120)
{
	struct handout handout;
	unsigned int took_ms;
	long long timeouts;
	struct vfio vfio;

	open_vf(&handout, &vfio, PF_OURS);
	timeouts = genl_stat(vfio.bdf, OP_READ, VFVIRT_A_TIMEOUTS);
	host_do("fault pf0 stall,hold=self,member=1,opcode=%d,times=1", OP_READ);
	took_ms = kill_reader(start_reader(&vfio, waits_for_card));
	CHECK_EQUAL(host_struck("pf0", "stall"), 1, "accesses that the card left unanswered");
	CHECK_EQUAL(genl_stat(vfio.bdf, OP_READ, VFVIRT_A_TIMEOUTS), timeouts,
		    "accesses that ran to their limit");
	CHECK(took_ms < LIMIT_MS / 2, "the kill took %u ms", took_ms);
	vfio_close(&vfio);
	host_do("fault-clear pf0 all");
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	vfio_command(&vfio, 7);
	WAIT_FOR(RECOVERY_LIMIT_MS, vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1) == 0,
		 "the VF to work again");
	close_vf(&handout, &vfio);
}

/* So can one that waits for its turn behind another's access, which goes on. */
TEST(vfio_kill_while_waiting_behind_another, .modules = HANDOUT_MODULES, .limit_s = 120)
{
	struct handout handout;
	struct vfio vfio;
	pid_t first;

	open_vf(&handout, &vfio, PF_OURS);
	host_do("fault pf0 stall,hold=self,member=1,opcode=%d,times=1", OP_READ);
	first = start_reader(&vfio, waits_for_card);
	kill_reader(start_reader(&vfio, waits_for_turn));
	CHECK(waits_for_card(first), "the kill waited for the other's access");
	kill_reader(first);
	host_do("fault-clear pf0 all");
	WAIT_FOR(RECOVERY_LIMIT_MS, vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1) == 0,
		 "the VF to work again");
	close_vf(&handout, &vfio);
}

/* Where a user is when it is killed. */
enum phase {
	PHASE_OPEN, PHASE_DMA, PHASE_MSIX, PHASE_RUNNING, PHASE_READING, PHASE_RESETTING,
	PHASE_REOPENING, PHASES
};

static void live_on(enum phase phase, struct vfio *vfio, struct nic *nic)
{
	switch (phase) {
	case PHASE_RUNNING:
		nic_send(nic, nic->mac, 60);
		break;
	case PHASE_READING:
		vfio_get(vfio, VFIO_BAR0, LEGACY_STATUS, 1);
		break;
	case PHASE_RESETTING:
		vfio_reset(vfio);
		break;
	case PHASE_REOPENING:
		vfio_close(vfio);
		vfio_open(vfio, vfio->bdf);
		break;
	default:
		pause();
	}
}

static void live_until(enum phase phase, const char *bdf, int fd)
{
	struct vfio vfio;
	struct nic nic = { .vfio = &vfio };

	if (vfio_open(&vfio, bdf))
		_exit(2);
	vfio_command(&vfio, 7);
	if (phase == PHASE_DMA)
		dma_new(&vfio, &nic.dma, false);
	if (phase == PHASE_MSIX) {
		int event = eventfd(0, 0);

		vfio_msix(&vfio, &event, 1);
	}
	if (phase == PHASE_RUNNING)
		nic_start_legacy(&nic, &vfio, true, false);
	if (write(fd, "", 1) != 1)
		_exit(3);
	for (;;)
		live_on(phase, &vfio, &nic);
}

TEST(vfio_kill_in_each_phase, .modules = HANDOUT_MODULES, .limit_s = 120)
{
	struct handout handout;
	struct net_end pf_end;
	struct vfio vfio;
	struct nic nic;

	handout_open(&handout, PF_OURS, 1);
	net_end_open(&pf_end, handout.pf, "10.9.0.1");
	for (unsigned int phase = 0; phase < PHASES; phase++) {
		int ends[2], status;
		uint64_t begin_ms;
		char byte;
		pid_t pid;

		CHECK(!pipe(ends), "no pipe: %s", strerror(errno));
		pid = fork();
		if (!pid)
			live_until(phase, handout.vfs[0], ends[1]);
		close(ends[1]);
		CHECK_EQUAL(read(ends[0], &byte, 1), 1, "the user's sign of life");
		/* Somewhere in the middle of what it does over and over. */
		pause_ms(phase >= PHASE_RUNNING ? 37 : 0);
		begin_ms = now_ms();
		kill(pid, SIGKILL);
		CHECK_EQUAL(waitpid(pid, &status, 0), pid, "who was killed");
		CHECK(WIFSIGNALED(status), "phase %u: the user ended by itself", phase);
		CHECK(now_ms() - begin_ms < test_limit(KILL_LIMIT_MS),
		      "phase %u: the kill took %u ms", phase, (unsigned int)(now_ms() - begin_ms));
		close(ends[0]);
	}
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	nic_start_legacy(&nic, &vfio, true, false);
	nic_check_ping(&nic, 100, 1, NULL, 3);
	nic_stop(&nic);
	vfio_close(&vfio);
	net_end_close(&pf_end);
	handout_close(&handout);
}

/* The card's reset takes the guest's state away: its VMM must hear of it. */
TEST(vfio_owner_reset_tells_the_user, .modules = HANDOUT_MODULES,
     .limit_s = 120)
{
	struct pollfd ready = { .events = POLLIN };
	char path[PCI_PATH_SIZE];
	struct handout handout;
	struct vfio vfio;

	open_vf(&handout, &vfio, PF_OURS);
	ready.fd = eventfd(0, EFD_CLOEXEC);
	CHECK_OK(vfio_error_event(&vfio, ready.fd));
	CHECK_OK(file_write(pci_path(path, handout.pf, "reset"), "1"));
	CHECK_EQUAL(poll(&ready, 1, 5000), 1, "the number of error events");
	close_vf(&handout, &vfio);
}

/* B-P05: the card goes away under an open VF; every call returns, and the rest can be removed. */
TEST(vfio_card_goes_away, .modules = HANDOUT_MODULES, .last = true,
     .limit_s = 120)
{
	struct handout handout;
	struct vfio vfio;
	unsigned int express;
	uint64_t begin_ms;
	uint8_t value;

	open_vf(&handout, &vfio, PF_OURS);
	express = vfio_capability(&vfio, CAPABILITY_EXPRESS);
	CHECK_EQUAL(vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1), 0, "the status");
	host_do("gone pf0 true");
	begin_ms = now_ms();
	for (unsigned int i = 0; i < 20; i++) {
		ssize_t done = vfio_read(&vfio, VFIO_BAR0, LEGACY_STATUS, &value, 1);

		CHECK(done < 0 || value == 0xff, "a card that is gone answers 0x%02x", value);
	}
	CHECK(now_ms() - begin_ms < test_limit(5000), "20 reads took %u ms",
	      (unsigned int)(now_ms() - begin_ms));
	begin_ms = now_ms();
	CHECK(vfio_guest_reset(&vfio, express) < 0,
	      "a card that is gone takes a function reset by its guest");
	CHECK(vfio_reset(&vfio) < 0, "a card that is gone was reset");
	CHECK(now_ms() - begin_ms < test_limit(5000), "two resets took %u ms",
	      (unsigned int)(now_ms() - begin_ms));
	vfio_close(&vfio);
	WAIT_FOR(30000, !pci_present(handout.pf), "the PF to leave the bus");
}
