// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest's end of the channel to the host, on the third serial port. A request is one line
 * "NUMBER VERB WORDS...", its answer "NUMBER ok TEXT" or "NUMBER error TEXT"; the number keeps
 * an answer that came too late from being taken for the next one's.
 */
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "file.h"
#include "host.h"
#include "port.h"
#include "test.h"

#define ANSWER_LIMIT_MS 10000
#define GONE_LIMIT_MS 20000
#define GONE_LIMIT_MS_6_1 90000 /* not twice the 65 s */

static int port_fd = -1;
/* Shared with all forked tests, so that no number is used twice in a boot. */
static unsigned int *last_number;

int host_open(void)
{
	last_number = mmap(NULL, sizeof(*last_number), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (last_number == MAP_FAILED)
		return -errno;
	port_fd = port_open("/dev/ttyS2");
	return port_fd < 0 ? port_fd : 0;
}

/* Reads one line without its end; 0, -ETIMEDOUT or negative errno. */
static int read_line(char *ret_line, size_t size, uint64_t end_ms)
{
	size_t used = 0;

	for (;;) {
		struct pollfd ready = { .fd = port_fd, .events = POLLIN };
		uint64_t now = now_ms();
		char letter;

		if (now >= end_ms || poll(&ready, 1, end_ms - now) == 0)
			return -ETIMEDOUT;
		if (read(port_fd, &letter, 1) != 1)
			return -EIO;
		if (letter == '\n')
			break;
		if (used < size - 1)
			ret_line[used++] = letter;
	}
	ret_line[used] = '\0';
	return 0;
}

static int ask(char *ret_answer, size_t size, const char *format, va_list args)
{
	unsigned int number = __sync_add_and_fetch(last_number, 1);
	uint64_t end_ms = now_ms() + ANSWER_LIMIT_MS;
	char line[4096], *text;
	int used, error;

	used = snprintf(line, sizeof(line), "%u ", number);
	used += vsnprintf(line + used, sizeof(line) - used - 1, format, args);
	line[used++] = '\n';
	error = port_write(port_fd, line, used);
	while (!error) {
		error = read_line(line, sizeof(line), end_ms);
		if (error || strtoul(line, &text, 10) != number)
			continue;
		if (!strncmp(text, " ok", 3)) {
			snprintf(ret_answer, size, "%s", text[3] ? text + 4 : "");
			return 0;
		}
		snprintf(ret_answer, size, "%s", strncmp(text, " error ", 7) ? text : text + 7);
		return -EREMOTEIO;
	}
	snprintf(ret_answer, size, "no answer from the host: %s", strerror(-error));
	return error;
}

int host_ask(char *ret_answer, size_t size, const char *format, ...)
{
	va_list args;
	int error;

	va_start(args, format);
	error = ask(ret_answer, size, format, args);
	va_end(args);
	return error;
}

void host_do(const char *format, ...)
{
	char answer[512], request[256];
	va_list args;

	va_start(args, format);
	vsnprintf(request, sizeof(request), format, args);
	va_end(args);
	CHECK(!host_ask(answer, sizeof(answer), "%s", request), "host refused '%s': %s", request,
	      answer);
}

long host_number(const char *format, ...)
{
	char answer[512], request[256], *end;
	va_list args;
	long number;

	va_start(args, format);
	vsnprintf(request, sizeof(request), format, args);
	va_end(args);
	CHECK(!host_ask(answer, sizeof(answer), "%s", request), "host refused '%s': %s", request,
	      answer);
	number = strtol(answer, &end, 10);
	CHECK(end != answer && !*end, "host answered '%s' to '%s'", answer, request);
	return number;
}

void host_replug(const char *card, unsigned int limit_ms)
{
	WAIT_FOR(limit_ms, !host_number("plugged %s", card), "the card to leave its slot");
	pause_ms(1000);
	host_do("plug %s", card);
}

unsigned int host_take_away(const char *card)
{
	struct utsname kernel;
	bool waits;

	CHECK(!uname(&kernel), "uname: %s", strerror(errno));
	waits = !strncmp(kernel.release, "6.1.", 4);
	if (waits)
		CHECK_OK(file_write("/proc/sys/kernel/hung_task_timeout_secs", "%u",
				    test_limit(GONE_LIMIT_MS_6_1 / 1000)));
	host_do("gone %s true", card);
	return test_limit(waits ? GONE_LIMIT_MS_6_1 : GONE_LIMIT_MS);
}

long host_count(const char *card, unsigned int member_id, const char *counter)
{
	return host_number("count %s %u %s", card, member_id, counter);
}

long host_struck(const char *card, const char *kind)
{
	return host_number("struck %s %s", card, kind);
}
