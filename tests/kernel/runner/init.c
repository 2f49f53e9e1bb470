// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PID 1 of a test VM: prepares the system, runs the tests that /plan names, switches off.
 * On the host the same program prints its table (--list), judges a console log (--judge) and
 * prints the rate of the clock in kHz (--clock).
 */
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "host.h"
#include "judge.h"
#include "net.h"
#include "port.h"
#include "runner.h"
#include "test.h"

#define TESTS_MAX 512

static void list(void)
{
	for (const struct test *const *test = __start_tests; test < __stop_tests; test++)
		printf("%s\t%s\t%s\t%s %s\t%u\t%d\t%d\t%d\n", (*test)->name, (*test)->configs,
		       (*test)->kernels, (*test)->modules, (*test)->at_hand, (*test)->limit_s,
		       (*test)->own_boot, (*test)->last, (*test)->on_demand);
}

/* Prints the guilty lines of a console log on stdin, the time stamps removed. */
static void judge_stdin(void)
{
	char line[4096];

	while (fgets(line, sizeof(line), stdin)) {
		char *text = line, *end = strstr(line, "] ");

		line[strcspn(line, "\r\n")] = '\0';
		if (line[0] == '[' && end && end < line + 24)
			text = end + 2;
		if (judge_line(text))
			puts(text);
	}
}

/*
 * Prints the rate of this machine's time stamp counter, which is also that of an emulated one. A
 * guest that measures it on a busy host is wrong by any factor, and so is all its time.
 */
static void print_clock_rate(void)
{
	struct timespec begin, end;
	uint64_t ticks, elapsed_us;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	ticks = __builtin_ia32_rdtsc();
	pause_ms(50);
	clock_gettime(CLOCK_MONOTONIC, &end);
	ticks = __builtin_ia32_rdtsc() - ticks;
	elapsed_us = (end.tv_sec - begin.tv_sec) * 1000000ull +
		     (end.tv_nsec - begin.tv_nsec) / 1000;
	printf("%llu\n", (unsigned long long)(ticks * 1000 / elapsed_us));
}

/* Takes "NAME" or "NAME@MACHINE"; false when there is no such test. */
static bool take_run(const char *label, struct run *ret_run)
{
	size_t length = strcspn(label, "@");

	ret_run->label = strdup(label);
	ret_run->machine = label[length] ? ret_run->label + length + 1 : "default";
	for (const struct test *const *test = __start_tests; test < __stop_tests; test++) {
		ret_run->test = *test;
		if (!strncmp((*test)->name, label, length) && !(*test)->name[length])
			return true;
	}
	return false;
}

static int mount_at(const char *type, const char *path)
{
	mkdir(path, 0755);
	return mount(type, path, type, 0, NULL) && errno != EBUSY ? -errno : 0;
}

/* Returns what failed, or NULL. */
static const char *prepare(void)
{
	if (mount_at("devtmpfs", "/dev"))
		return "mount /dev";
	if (runner_open())
		return "open /dev/ttyS1";
	if (mount_at("proc", "/proc") || mount_at("sysfs", "/sys"))
		return "mount /proc and /sys";
	if (mount_at("debugfs", "/sys/kernel/debug") || mount_at("tracefs", "/sys/kernel/tracing"))
		return "mount debugfs and tracefs";
	if (mount_at("tmpfs", "/tmp") || mount_at("tmpfs", "/run"))
		return "mount /tmp and /run";
	if (judge_open())
		return "open /dev/kmsg";
	if (host_open())
		return "open /dev/ttyS2";
	if (net_loopback_up())
		return "switch lo on";
	return NULL;
}

/* A task blocked for this long is a finding, well before the limit of a VM. */
static const char *watch_for_hung_tasks(void)
{
	if (file_write("/proc/sys/kernel/hung_task_timeout_secs", "%u", test_limit(20)))
		return "set hung_task_timeout_secs";
	return NULL;
}

/* Takes "NAME NUMBER", for test_number(). */
static bool take_setting(char *words)
{
	char *number = strchr(words, ' ');

	if (!number)
		return false;
	*number++ = '\0';
	return !setenv(words, number, 1);
}

/*
 * Reads /plan: one "run LABEL" a line, before that "set NAME NUMBER", and "sit" for --sit; returns
 * what is wrong, or NULL.
 */
static const char *read_plan(struct run *ret_runs, unsigned int *ret_count, bool *ret_sit)
{
	static char line[256];
	FILE *plan = fopen("/plan", "re");

	if (!plan)
		return "open /plan";
	while (fgets(line, sizeof(line), plan)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strcmp(line, "sit")) {
			*ret_sit = true;
			continue;
		}
		if (!strncmp(line, "set ", 4) && take_setting(line + 4))
			continue;
		if (strncmp(line, "run ", 4) || *ret_count == TESTS_MAX ||
		    !take_run(line + 4, &ret_runs[(*ret_count)++]))
			return line;
	}
	fclose(plan);
	return NULL;
}

int main(int argc, char **argv)
{
	static struct run runs[TESTS_MAX];
	unsigned int count = 0;
	bool sit = false;
	const char *problem;

	if (getpid() != 1) {
		if (argc == 2 && !strcmp(argv[1], "--list"))
			return list(), 0;
		if (argc == 2 && !strcmp(argv[1], "--judge"))
			return judge_stdin(), 0;
		if (argc == 2 && !strcmp(argv[1], "--clock"))
			return print_clock_rate(), 0;
		fprintf(stderr, "usage: %s --list | --clock | --judge < CONSOLE\n", argv[0]);
		return 2;
	}
	problem = prepare();
	if (!problem)
		problem = read_plan(runs, &count, &sit);
	if (!problem)
		problem = watch_for_hung_tasks();
	if (problem)
		runner_print("Bail out! init cannot: %s (%s)", problem, strerror(errno));
	else
		runner_run(runs, count, sit);
	runner_close();
	reboot(RB_POWER_OFF);
	return 1;
}
