// SPDX-License-Identifier: GPL-2.0-or-later
/* What a test says: its log lines and the reason of its end, sent to the runner over a pipe. */
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

static int report_fd = -1;

void test_attach(int fd)
{
	report_fd = fd;
}

/*
 * One write a record, shorter than PIPE_BUF, so that records of several processes never mix.
 * The first letter says what it is: L log, R reason.
 */
static void report(char kind, const char *prefix, const char *format, va_list args)
{
	char line[1024] = { kind };
	size_t used = 1;

	used += snprintf(line + used, sizeof(line) - used, "%s", prefix);
	used += vsnprintf(line + used, sizeof(line) - used, format, args);
	if (used > sizeof(line) - 2)
		used = sizeof(line) - 2;
	for (size_t i = 0; i < used; i++)
		if (line[i] == '\n')
			line[i] = ' ';
	line[used++] = '\n';
	if (write(report_fd, line, used) < 0)
		_exit(TEST_EXIT_FAIL);
}

void test_fail(const char *file, int line, const char *format, ...)
{
	char place[64];
	const char *slash = strrchr(file, '/');
	va_list args;

	snprintf(place, sizeof(place), "%s:%d: ", slash ? slash + 1 : file, line);
	va_start(args, format);
	report('R', place, format, args);
	va_end(args);
	_exit(TEST_EXIT_FAIL);
}

void test_skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	report('R', "", format, args);
	va_end(args);
	_exit(TEST_EXIT_SKIP);
}

void test_log(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	report('L', "", format, args);
	va_end(args);
}

unsigned int test_number(const char *name, unsigned int normal)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 10) : normal;
}

unsigned int test_limit(unsigned int limit)
{
	return limit * test_number("slowness", 1);
}

uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ull + now.tv_nsec / 1000000;
}

void pause_ms(unsigned int duration_ms)
{
	struct timespec duration = { duration_ms / 1000, duration_ms % 1000 * 1000000l };

	nanosleep(&duration, NULL);
}
