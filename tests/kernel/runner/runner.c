// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs tests one by one: each in a process of its own under a time limit, then everything it
 * left running is killed, the kernel's log judged, the card put back to what it was, and the
 * result written to the second serial port. README.md describes the stream.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"
#include "host.h"
#include "judge.h"
#include "leak.h"
#include "module.h"
#include "pci.h"
#include "port.h"
#include "proc.h"
#include "runner.h"

#define RESTORE_LIMIT_S 30 /* removing 240 VFs takes seconds */
#define SWAP_LIMIT_S 20    /* for each half */
#define KILL_LIMIT_MS 5000 /* a killed process that lives longer hangs in the kernel */
#define REASON_SIZE 1024

static int port_fd = -1;

/* What became of a process under supervision. */
struct outcome {
	enum { PASSED, FAILED, SKIPPED, STUCK } verdict; /* STUCK: failed, and not to be killed */
	char reason[REASON_SIZE];
};

void runner_print(const char *format, ...)
{
	char line[2048];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (length > (int)sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length++] = '\n';
	port_write(port_fd, line, length);
}

int runner_open(void)
{
	port_fd = port_open("/dev/ttyS1");
	if (port_fd < 0)
		return port_fd;
	runner_print("KTAP version 1");
	return 0;
}

void runner_close(void)
{
	port_drain(port_fd);
}

/* Adds to the reason why a test is not passed. */
__attribute__((format(printf, 2, 3)))
static void add_reason(struct outcome *outcome, const char *format, ...)
{
	size_t used = strlen(outcome->reason);
	va_list args;

	if (used)
		used += snprintf(outcome->reason + used, REASON_SIZE - used, "; ");
	if (used >= REASON_SIZE)
		return;
	va_start(args, format);
	vsnprintf(outcome->reason + used, REASON_SIZE - used, format, args);
	va_end(args);
}

/* Where a process is in the kernel, one log line, so that a hang can be understood. */
static void print_stack(int pid, void *context)
{
	char name[64], stack[1500];

	(void)context;
	proc_name(pid, name, sizeof(name));
	proc_stack(pid, stack, sizeof(stack));
	if (stack[0])
		runner_print("# stack of %d (%s): %s", pid, name, stack);
}

/* Kills and reaps every process but this one; false when one outlives it. */
static bool kill_everything(void)
{
	uint64_t end_ms = now_ms() + test_limit(KILL_LIMIT_MS);

	while (kill(-1, SIGKILL), now_ms() < end_ms) {
		pid_t pid;

		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (pid < 0)
			return true;
		pause_ms(2);
	}
	return false;
}

/* Takes in the records that wait in the pipe: log lines go out, the reason is kept. */
static void take_report(FILE *pipe, char *ret_reason)
{
	char line[REASON_SIZE];

	while (fgets(line, sizeof(line), pipe)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == 'L')
			runner_print("# %s", line + 1);
		else
			snprintf(ret_reason, REASON_SIZE, "%s", line + 1);
	}
	clearerr(pipe);
}

/* Waits until the process ends or the limit is reached; false for the latter. */
static bool await_end(pid_t pid, unsigned int limit_s, FILE *pipe, char *ret_reason)
{
	uint64_t end_ms = now_ms() + limit_s * 1000ull, now;
	int pid_fd = syscall(SYS_pidfd_open, pid, 0);
	struct pollfd events[2] = {
		{ .fd = pid_fd, .events = POLLIN },
		{ .fd = fileno(pipe), .events = POLLIN },
	};
	bool ended = false;

	while (!ended && (now = now_ms()) < end_ms) {
		poll(events, 2, end_ms - now);
		ended = events[0].revents;
		take_report(pipe, ret_reason);
		if (events[1].revents & (POLLHUP | POLLERR))
			events[1].fd = -1;
	}
	close(pid_fd);
	return ended;
}

static void judge_exit(int status, struct outcome *outcome)
{
	if (WIFSIGNALED(status)) {
		outcome->verdict = FAILED;
		add_reason(outcome, "killed by signal %d (%s)", WTERMSIG(status),
			   strsignal(WTERMSIG(status)));
	} else if (WEXITSTATUS(status) == TEST_EXIT_PASS) {
		outcome->verdict = PASSED;
	} else if (WEXITSTATUS(status) == TEST_EXIT_SKIP) {
		outcome->verdict = SKIPPED;
	} else {
		outcome->verdict = FAILED;
		if (WEXITSTATUS(status) != TEST_EXIT_FAIL || !outcome->reason[0])
			add_reason(outcome, "exit code %d", WEXITSTATUS(status));
	}
}

/* Runs @work in a process of its own, at most @limit_s long, and nothing of it survives. */
static void supervise(void (*work)(const struct run *), const struct run *run,
		      unsigned int limit_s, struct outcome *outcome)
{
	int ends[2], status = 0;
	FILE *pipe;
	pid_t pid;

	memset(outcome, 0, sizeof(*outcome));
	outcome->verdict = FAILED;
	if (pipe2(ends, O_CLOEXEC) || (pid = fork()) < 0) {
		add_reason(outcome, "runner: %s", strerror(errno));
		return;
	}
	if (!pid) {
		setsid();
		test_attach(ends[1]);
		work(run);
		_exit(TEST_EXIT_PASS);
	}
	close(ends[1]);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	pipe = fdopen(ends[0], "r");
	if (await_end(pid, limit_s, pipe, outcome->reason)) {
		waitpid(pid, &status, 0);
		judge_exit(status, outcome);
	} else {
		add_reason(outcome, "over its limit of %u s", limit_s);
		print_stack(pid, NULL);
	}
	fclose(pipe);
	if (!kill_everything()) {
		proc_each_blocked(print_stack, NULL);
		outcome->verdict = STUCK;
		add_reason(outcome, "a process hangs in the kernel and cannot be killed");
	}
}

static void run_test(const struct run *run)
{
	char name[64];
	int error = module_load_all(run->test->modules, name);

	CHECK(!error, "module %s: %s", name, strerror(-error));
	run->test->run();
}

/*
 * Puts the machine back to what the next test expects: every card on virtio-pci, no faults, no
 * VFs, and those that are made next find a driver.
 */
static void restore(const struct run *run)
{
	long cards = host_number("reset"), found = 0;
	char bdf[BDF_SIZE], driver[32], path[PCI_PATH_SIZE];

	(void)run;
	for (; pci_find_pf(found, bdf); found++) {
		if (pci_vfs(bdf) > 0)
			CHECK_OK(pci_set_vfs(bdf, 0));
		CHECK_OK(file_write(pci_path(path, bdf, "sriov_drivers_autoprobe"), "1"));
		pci_driver(bdf, driver, sizeof(driver));
		if (strcmp(driver, "virtio-pci") && file_exists("/sys/bus/pci/drivers/virtio-pci"))
			CHECK_OK(pci_bind(bdf, "virtio-pci"));
	}
	CHECK_EQUAL(found, cards, "the number of cards on the bus");
}

/* Puts another machine's card into the slot, which a person would switch off for it. */
static void swap_card(const struct run *run)
{
	char bdf[BDF_SIZE];

	CHECK_OK(pci_switch_slot_off());
	host_do("machine %s", run->machine);
	host_replug("pf0", SWAP_LIMIT_S * 1000);
	WAIT_FOR(SWAP_LIMIT_S * 1000, pci_find_pf(0, bdf), "the new card");
	/* It is there before drivers may have it. Both happens under the lock that this waits for. */
	CHECK_OK(file_write("/sys/bus/pci/rescan", "1"));
	restore(run);
}

/* Adds what the kernel logged to the outcome; all of it goes to the console when that is bad. */
static void judge_log(struct outcome *outcome)
{
	bool bad = outcome->verdict == FAILED || outcome->verdict == STUCK;
	char finding[512];
	unsigned int findings = judge_since_mark(bad, finding, sizeof(finding));

	if (!findings)
		return;
	if (outcome->verdict != STUCK)
		outcome->verdict = FAILED;
	add_reason(outcome, "kernel log (%u findings): %s", findings, finding);
}

static void print_result(unsigned int number, const char *name, const struct outcome *outcome)
{
	if (outcome->verdict == PASSED)
		runner_print("ok %u %s", number, name);
	else if (outcome->verdict == SKIPPED)
		runner_print("ok %u %s # SKIP %s", number, name, outcome->reason);
	else
		runner_print("not ok %u %s # %s", number, name, outcome->reason);
}

/* A shell on the console for a person; returns when it is left. */
static void sit_in_shell(void)
{
	pid_t pid = fork();

	if (!pid) {
		int fd;

		setsid();
		fd = open("/dev/ttyS0", O_RDWR);
		ioctl(fd, TIOCSCTTY, 1);
		for (int i = 0; i < 3; i++)
			dup2(fd, i);
		execl("/bin/busybox", "sh", (char *)NULL);
		_exit(1);
	}
	runner_print("# sit");
	waitpid(pid, NULL, 0);
	runner_print("# stand up");
}

/* Why no further test may run in this boot, or NULL. */
static const char *unfit(const struct outcome *outcome, const struct outcome *around)
{
	if (outcome->verdict == STUCK || around->verdict == STUCK)
		return "a process hangs in the kernel";
	if (file_number("/proc/sys/kernel/tainted") & 1 << 7)
		return "the kernel oopsed";
	if (around->verdict != PASSED)
		return "the card could not be put back";
	return NULL;
}

static void print_leak(const char *line)
{
	runner_print("# %s", line);
}

/*
 * Runs one test, after its card was put in when that must be, and puts the machine back. Returns why
 * no further test may run in this boot, or NULL.
 */
static const char *run_one(unsigned int number, const struct run *run, bool swap, bool sit)
{
	struct outcome outcome = { .verdict = FAILED }, around = { .verdict = PASSED };

	runner_print("# start %s", run->label);
	judge_note("start of %s", run->label);
	if (swap)
		supervise(swap_card, run, test_limit(2 * SWAP_LIMIT_S), &around);
	if (around.verdict == PASSED) {
		supervise(run_test, run, test_limit(run->test->limit_s), &outcome);
		judge_log(&outcome);
		if (sit && outcome.verdict != PASSED && outcome.verdict != SKIPPED)
			sit_in_shell();
		if (!run->test->own_boot && !run->test->last)
			supervise(restore, run, test_limit(RESTORE_LIMIT_S), &around);
	}
	judge_log(&around);
	if (around.verdict != PASSED) {
		outcome.verdict = FAILED;
		add_reason(&outcome, "before or afterwards: %s", around.reason);
	}
	print_result(number, run->label, &outcome);
	return unfit(&outcome, &around);
}

/* Looks for leaks and late lines in the log, then sets the pass mark. */
static void end(unsigned int count)
{
	char finding[512];
	int leaks = leak_scan(print_leak);

	if (leaks)
		runner_print("Bail out! after the last test: %d leaks (below 0: errno)", leaks);
	else if (judge_since_mark(false, finding, sizeof(finding)))
		runner_print("Bail out! after the last test: kernel log: %s", finding);
	else
		runner_print("done %u", count);
}

void runner_run(const struct run *runs, unsigned int count, bool sit)
{
	char finding[512];

	runner_print("1..%u", count);
	if (judge_since_mark(false, finding, sizeof(finding))) {
		runner_print("Bail out! boot: kernel log: %s", finding);
		return;
	}
	for (unsigned int i = 0; i < count; i++) {
		bool swap = i && strcmp(runs[i].machine, runs[i - 1].machine);
		const char *reason = run_one(i + 1, &runs[i], swap, sit);

		if (reason) {
			runner_print("Bail out! %s", reason);
			return;
		}
	}
	end(count);
}
