// SPDX-License-Identifier: GPL-2.0-or-later
/* Resets of VFs, by their users and their guests, and those of their card. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"
#include "handout.h"
#include "host.h"
#include "measure.h"
#include "module.h"
#include "net.h"
#include "nic.h"
#include "owner.h"
#include "test.h"

#define PF_HOST 1
#define VFS 4
#define RESETS 5
#define RESETTERS 3 /* of each VF */
#define RESET_LIMIT_MS 3000 /* for the card to acknowledge its reset */
#define EVENT_LIMIT_MS 1000 /* less than that, and than what is left of it after a close */
#define CALL_LIMIT_MS 20000
#define ACCESS_LIMIT_MS 1000 /* of a guest: what its own reset may wait */
#define TRIES 30
#define HELD_MS 5000
#define IGATE_HELD "/sys/module/vfvirt_igate/parameters/held"
#define KILL_WINDOW_MS 8000
#define COMMAND 4
#define COMMAND_ALL 7 /* I/O, memory, bus master */
#define BAR0 0x10
#define BAR0_PLACED 0xd001

static int reset_pf(const struct handout *handout)
{
	char path[PCI_PATH_SIZE];

	return file_write(pci_path(path, handout->pf, "reset"), "1");
}

/* The user is told by a worker of the kernel: soon after the end of a reset of the card. */
static bool is_told(int event, unsigned int limit_ms)
{
	struct pollfd ready = { .fd = event, .events = POLLIN };

	return poll(&ready, 1, limit_ms) == 1;
}

static void check_place(const struct vfio *vfio)
{
	CHECK_EQUAL(vfio_get(vfio, VFIO_CONFIG, COMMAND, 2) & COMMAND_ALL, COMMAND_ALL,
		    "the command register after a reset");
	CHECK_EQUAL(vfio_get(vfio, VFIO_CONFIG, BAR0, 4), BAR0_PLACED, "BAR0 after a reset");
}

/*
 * The guest's own reset takes away what its driver told the device, and nothing of what belongs to
 * the function's place on the bus. That it was the card that forgot is to be seen by its counters:
 * nobody wrote a register, and the status came from there. The VMM's reset does the same.
 */
TEST(vfio_guest_resets_its_function, .modules = HANDOUT_MODULES)
{
	struct handout handout;
	struct net_end pf_end;
	unsigned int express;
	long writes, reads;
	struct vfio vfio;
	struct nic nic;

	handout_open(&handout, PF_OURS, 1);
	net_end_open(&pf_end, handout.pf, "10.9.0.1");
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	express = vfio_capability(&vfio, CAPABILITY_EXPRESS);
	nic_start_legacy(&nic, &vfio, true, false);
	nic_check_ping(&nic, 100, PF_HOST, NULL, 1);
	vfio_put(&vfio, VFIO_CONFIG, BAR0, 4, BAR0_PLACED);
	CHECK(vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1), "the driver has set no status");
	CHECK(vfio_get(&vfio, VFIO_BAR0, LEGACY_DRIVER_FEATURES, 4),
	      "the driver has taken no features");
	CHECK(vfio_get(&vfio, VFIO_BAR0, LEGACY_QUEUE_PFN, 4), "the driver has set up no queue");
	writes = host_count("pf0", 1, "commands.2.submitted");
	reads = host_count("pf0", 1, "commands.3.ok");
	CHECK_OK(vfio_guest_reset(&vfio, express));
	check_place(&vfio);
	CHECK_EQUAL(vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1), 0, "the status after a reset");
	CHECK_EQUAL(vfio_get(&vfio, VFIO_BAR0, LEGACY_DRIVER_FEATURES, 4), 0,
		    "the driver's features after a reset");
	CHECK_EQUAL(vfio_get(&vfio, VFIO_BAR0, LEGACY_QUEUE_PFN, 4), 0, "a queue after a reset");
	CHECK_EQUAL(host_count("pf0", 1, "commands.2.submitted"), writes, "register writes");
	CHECK_EQUAL(host_count("pf0", 1, "commands.3.ok"), reads + 3, "register reads");
	nic_stop(&nic);
	nic_start_legacy(&nic, &vfio, true, false);
	nic_check_ping(&nic, 100, PF_HOST, NULL, 1);
	nic_stop(&nic);
	vfio_put(&vfio, VFIO_CONFIG, BAR0, 4, BAR0_PLACED);
	vfio_command(&vfio, COMMAND_ALL);
	vfio_put(&vfio, VFIO_BAR0, LEGACY_STATUS, 1, 1);
	CHECK_OK(vfio_reset(&vfio));
	check_place(&vfio);
	CHECK_EQUAL(vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1), 0, "the status after a reset");
	vfio_close(&vfio);
	net_end_close(&pf_end);
	handout_close(&handout);
}

/* Resets the PF in a process of its own, held up before that begins in earnest. */
static pid_t begin_slow_reset(const struct handout *handout, unsigned int limit_ms)
{
	pid_t pid;

	CHECK_OK(file_write("/sys/module/vfvirt_pf/parameters/reset_limit_ms", "%u", limit_ms));
	host_do("fault pf0 reset-stuck,member=0");
	pid = fork();
	if (!pid) {
		closefrom(3); /* the VFs that the test has open are not this process's */
		_exit(reset_pf(handout) ? 1 : 0);
	}
	WAIT_FOR(CALL_LIMIT_MS, host_struck("pf0", "reset-stuck") > 0, "the reset of the PF");
	return pid;
}

/* Another reset, of a card that obeys, leaves a PF that works. */
static void end_slow_reset(const struct handout *handout, pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid && !status, "the reset of the PF failed");
	host_do("fault-clear pf0 all");
	CHECK_OK(reset_pf(handout));
	owner_wait_state(handout->pf, VFVIRT_OWNER_READY, CALL_LIMIT_MS);
}

/* Opens the first VF of a new handout; returns its error eventfd. */
static int open_watched(struct handout *handout, struct vfio *vfio)
{
	int event = eventfd(0, EFD_CLOEXEC);

	handout_open(handout, PF_OURS, 1);
	CHECK_OK(vfio_open(vfio, handout->vfs[0]));
	CHECK_OK(vfio_error_event(vfio, event));
	return event;
}

/*
 * A reset of the PF takes VFs off the bus for a moment. A VF that its user resets just then must
 * wait: the kernel would wait a minute for it to come back, or reset the whole slot.
 */
TEST(vfio_reset_waits_for_that_of_the_card, .modules = HANDOUT_MODULES, .limit_s = 90)
{
	struct handout handout;
	struct vfio vfio;
	pid_t pid;
	int event;

	event = open_watched(&handout, &vfio);
	pid = begin_slow_reset(&handout, RESET_LIMIT_MS);
	CHECK(!is_told(event, 0), "the user was told of a reset that has not ended");
	CHECK_OK(vfio_reset(&vfio));
	CHECK(is_told(event, EVENT_LIMIT_MS), "the VF was reset while its card was");
	end_slow_reset(&handout, pid);
	CHECK_OK(vfio_reset(&vfio));
	vfio_close(&vfio);
	handout_close(&handout);
}

/*
 * The same by the guest's hand. Its write waits no longer than any access; while the card is still
 * being reset then, it is refused, and not let through to a function that is off the bus.
 */
TEST(vfio_guest_reset_waits_for_that_of_the_card, .modules = HANDOUT_MODULES, .limit_s = 90)
{
	unsigned int express, refused = 0;
	struct handout handout;
	struct vfio vfio;
	pid_t pid;
	int event;

	event = open_watched(&handout, &vfio);
	express = vfio_capability(&vfio, CAPABILITY_EXPRESS);
	pid = begin_slow_reset(&handout, RESET_LIMIT_MS);
	for (;;) {
		uint64_t begin_tick_ms = measure_tick_ms();
		int error = vfio_guest_reset(&vfio, express);

		if (!error)
			break;
		CHECK_EQUAL(error, -EBUSY, "a guest's reset during that of the card");
		CHECK(measure_tick_ms() - begin_tick_ms >= ACCESS_LIMIT_MS - MEASURE_TICKS_MS,
		      "a guest's reset was refused before its limit");
		CHECK(++refused < TRIES, "a guest's reset was refused %d times", TRIES);
	}
	CHECK(is_told(event, EVENT_LIMIT_MS), "the guest reset the VF while its card was being reset");
	CHECK(refused > 0, "the reset of the card took no longer than an access may");
	end_slow_reset(&handout, pid);
	vfio_command(&vfio, COMMAND_ALL);
	vfio_put(&vfio, VFIO_BAR0, LEGACY_STATUS, 1, 1);
	CHECK_OK(vfio_guest_reset(&vfio, express));
	CHECK_EQUAL(vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1), 0, "the status after a reset");
	vfio_close(&vfio);
	handout_close(&handout);
}

/*
 * Open waits as well. Close waits no longer than an access, and then does without a reset: who was
 * killed must be gone soon, and the next open resets the VF.
 */
TEST(vfio_open_and_close_wait_for_the_reset_of_the_card, .modules = HANDOUT_MODULES,
     .limit_s = 90)
{
	uint64_t begin_tick_ms, took_ms;
	struct vfio vfio, other;
	struct handout handout;
	int event;
	pid_t pid;

	event = eventfd(0, EFD_CLOEXEC);
	handout_open(&handout, PF_OURS, 3);
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	CHECK_OK(vfio_error_event(&vfio, event));
	CHECK_OK(vfio_open(&other, handout.vfs[1]));
	pid = begin_slow_reset(&handout, 3 * ACCESS_LIMIT_MS);
	begin_tick_ms = measure_tick_ms();
	vfio_close(&other);
	took_ms = measure_tick_ms() - begin_tick_ms;
	CHECK(took_ms >= ACCESS_LIMIT_MS - MEASURE_TICKS_MS,
	      "a VF was closed after %llu ms, while its card was being reset",
	      (unsigned long long)took_ms);
	CHECK(!is_told(event, 0), "a close took as long as the reset of the card");
	CHECK_OK(vfio_open(&other, handout.vfs[2]));
	CHECK(is_told(event, EVENT_LIMIT_MS), "a VF was opened while its card was being reset");
	end_slow_reset(&handout, pid);
	vfio_close(&other);
	vfio_close(&vfio);
	handout_close(&handout);
}

/*
 * A VMM that is just changing its interrupts, which v6.1 must wait for before it can be told, keeps
 * neither the reset of the card waiting nor the users of other VFs.
 */
TEST(vfio_reset_of_the_card_waits_for_no_user, .modules = HANDOUT_MODULES,
     .at_hand = "vfvirt_igate", .limit_s = 90)
{
	struct handout handout;
	char parameters[64];
	struct vfio other;
	struct vfio vfio;
	int event, status;
	pid_t pid;

	event = eventfd(0, EFD_CLOEXEC);
	handout_open(&handout, PF_OURS, 2);
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	CHECK_OK(vfio_error_event(&vfio, event));
	snprintf(parameters, sizeof(parameters), "vf=%s hold_ms=%u", handout.vfs[0],
		 test_limit(HELD_MS));
	pid = fork();
	if (!pid) {
		closefrom(3); /* the VF that the test has open is not this process's */
		_exit(module_load("vfvirt_igate", parameters) == -ECANCELED ? 0 : 1);
	}
	WAIT_FOR(CALL_LIMIT_MS, file_number(IGATE_HELD) == 1, "a change of the interrupt mode");
	CHECK_OK(reset_pf(&handout));
	owner_wait_state(handout.pf, VFVIRT_OWNER_READY, CALL_LIMIT_MS);
	CHECK_OK(vfio_open(&other, handout.vfs[1]));
	vfio_close(&other);
	CHECK(file_number(IGATE_HELD) == 1, "a user of another VF was kept waiting");
	CHECK(waitpid(pid, &status, 0) == pid && !status, "the change failed");
	CHECK(is_told(event, EVENT_LIMIT_MS), "the user was not told of the reset");
	vfio_close(&vfio);
	close(event);
	handout_close(&handout);
}

static void keep_reopening(const char *bdf)
{
	struct vfio vfio;

	for (;;)
		if (!vfio_open(&vfio, bdf))
			vfio_close(&vfio);
}

static void reset_on(const char *bdf)
{
	struct vfio vfio;

	if (vfio_open(&vfio, bdf))
		_exit(1);
	for (;;)
		vfio_reset(&vfio);
}

/* Users that wait for the end of their card's reset, in an open or in a reset of their own. */
TEST(vfio_kill_during_the_reset_of_the_card, .modules = HANDOUT_MODULES, .limit_s = 90)
{
	static void (*const lives[])(const char *) = { keep_reopening, reset_on };
	struct handout handout;
	pid_t users[2], pid;

	handout_open(&handout, PF_OURS, 2);
	for (unsigned int i = 0; i < 2; i++) {
		users[i] = fork();
		if (!users[i])
			lives[i](handout.vfs[i]);
	}
	pause_ms(1000);
	pid = begin_slow_reset(&handout, KILL_WINDOW_MS);
	pause_ms(2 * ACCESS_LIMIT_MS); /* longer than a close may wait */
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t begin_ms = now_ms();
		int status;

		kill(users[i], SIGKILL);
		CHECK_EQUAL(waitpid(users[i], &status, 0), users[i], "who was killed");
		CHECK(WIFSIGNALED(status), "user %u ended by itself", i);
		CHECK(now_ms() - begin_ms < test_limit(3 * ACCESS_LIMIT_MS),
		      "user %u: the kill took %u ms", i, (unsigned int)(now_ms() - begin_ms));
	}
	CHECK_EQUAL(waitpid(pid, NULL, WNOHANG), 0, "who reset the card already");
	end_slow_reset(&handout, pid);
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

/* Resets the VF until that fails; its answer is how long the slowest call took, in milliseconds. */
static void *reset_until_gone(void *context)
{
	uintptr_t slowest_ms = 0;
	int error;

	do {
		uint64_t begin_ms = now_ms();

		error = vfio_reset(context);
		if (now_ms() - begin_ms > slowest_ms)
			slowest_ms = now_ms() - begin_ms;
	} while (!error);
	return (void *)slowest_ms;
}

/*
 * The card goes away while one reset of a VF is under way and others wait for it. However long the
 * kernel waits for the VF to come back from the first, the others must not do that again. Two VFs,
 * as the kernel refuses at once to reset the one that it is just about to remove.
 */
TEST(vfio_resets_end_when_the_card_goes, .modules = HANDOUT_MODULES, .last = true,
     .limit_s = 300)
{
	pthread_t resetters[2 * RESETTERS];
	struct handout handout;
	struct vfio vfios[2];
	unsigned int limit_ms;

	handout_open(&handout, PF_OURS, 2);
	for (unsigned int i = 0; i < 2; i++)
		CHECK_OK(vfio_open(&vfios[i], handout.vfs[i]));
	for (unsigned int i = 0; i < 2 * RESETTERS; i++)
		CHECK(!pthread_create(&resetters[i], NULL, reset_until_gone, &vfios[i % 2]),
		      "no thread");
	pause_ms(500);
	limit_ms = host_take_away("pf0");
	for (unsigned int i = 0; i < 2 * RESETTERS; i++) {
		void *slowest_ms;

		pthread_join(resetters[i], &slowest_ms);
		CHECK((uintptr_t)slowest_ms < limit_ms, "a reset took %zu ms",
		      (uintptr_t)slowest_ms);
	}
	for (unsigned int i = 0; i < 2; i++)
		vfio_close(&vfios[i]);
	WAIT_FOR(30000, !pci_present(handout.pf), "the PF to leave the bus");
}
