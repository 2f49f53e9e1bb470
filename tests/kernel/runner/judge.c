// SPDX-License-Identifier: GPL-2.0-or-later
/* The judge of the kernel's log: guilty patterns, allowed lines, /dev/kmsg and the taint bits. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "judge.h"

static const char *const guilty[] = {
	"------------[ cut here ]",
	"BUG ",
	"BUG:",
	"Call Trace:",
	"DMAR: [DMA",
	"DMAR: DRHD: handling fault",
	"Dead loop on",
	"INFO: rcu",
	"INFO: task",
	"INFO: trying to register non-static key",
	"KASAN:",
	"Kernel panic",
	"Oops",
	"UBSAN:",
	"WARNING:",
	"bad unlock balance",
	"blocked for more than",
	"general protection",
	"hard LOCKUP",
	"held lock freed",
	"inconsistent lock state",
	"kernel BUG at",
	"kmemleak: Cannot",
	"kmemleak: Kernel memory leak detector disabled",
	"kmemleak: Memory pool empty",
	"list_add corruption",
	"list_add double add",
	"list_del corruption",
	"nobody cared",
	"page allocation failure",
	"possible circular locking",
	"possible irq lock inversion",
	"possible recursive locking",
	"rcu: INFO:",
	"refcount_t:",
	"rcu_preempt detected stalls",
	"scheduling while atomic",
	"self-detected stall",
	"sleeping function called from",
	"soft lockup",
	"stack-protector",
	"suspicious RCU usage",
	"unable to handle",
};

/* Lines that are no bug of anything under test, whole and exact. Empty at best. */
static const char *const allowed[] = {
	NULL,
};

/* Taint bits that the kernel sets on a bug: bad page, died, warned, soft lockup. */
#define TAINT_GUILTY (1ul << 5 | 1ul << 7 | 1ul << 9 | 1ul << 14)

static int kmsg_fd = -1;
static unsigned long taint_seen;

bool judge_line(const char *line)
{
	for (size_t i = 0; allowed[i]; i++)
		if (!strcmp(line, allowed[i]))
			return false;
	for (size_t i = 0; i < sizeof(guilty) / sizeof(guilty[0]); i++)
		if (strstr(line, guilty[i]))
			return true;
	return false;
}

int judge_open(void)
{
	kmsg_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return kmsg_fd < 0 ? -errno : 0;
}

void judge_note(const char *format, ...)
{
	char text[200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	file_write("/dev/kmsg", "<4>vfvirt tests: %s\n", text);
}

static void note(unsigned int *findings, char *ret_finding, size_t size, const char *text)
{
	if (!(*findings)++)
		snprintf(ret_finding, size, "%s", text);
}

/* The taint bits are a second witness: the kernel sets them even where no pattern fits. */
static void judge_taint(unsigned int *findings, char *ret_finding, size_t size)
{
	unsigned long taint = file_number("/proc/sys/kernel/tainted");
	char text[80];

	if (taint & ~taint_seen & TAINT_GUILTY) {
		snprintf(text, sizeof(text), "kernel became tainted: %#lx, was %#lx", taint,
			 taint_seen);
		note(findings, ret_finding, size, text);
	}
	taint_seen = taint;
}

unsigned int judge_since_mark(bool to_console, char *ret_finding, size_t size)
{
	int console = to_console ? open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC) : -1;
	unsigned int findings = 0;
	char record[8192];

	/* A line that its writer left open is not shown to readers before the next one begins. */
	judge_note("mark");
	for (;;) {
		ssize_t length = read(kmsg_fd, record, sizeof(record) - 1);
		char *text;

		if (length < 0 && errno == EPIPE) {
			note(&findings, ret_finding, size, "kernel log overran, unjudged");
			continue;
		}
		if (length <= 0)
			break;
		record[length] = '\0';
		record[strcspn(record, "\n")] = '\0';
		text = strchr(record, ';');
		if (console >= 0)
			dprintf(console, "logged: %s\r\n", record);
		if (text && judge_line(text + 1))
			note(&findings, ret_finding, size, text + 1);
	}
	if (console >= 0)
		close(console);
	judge_taint(&findings, ret_finding, size);
	return findings;
}
