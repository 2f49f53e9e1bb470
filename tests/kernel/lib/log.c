// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel's log, line by line. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "test.h"

int log_follow(void)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	CHECK(log >= 0 && lseek(log, 0, SEEK_END) >= 0, "cannot follow the kernel's log");
	return log;
}

bool log_says(int log, const char *text)
{
	char record[2048];
	ssize_t length;

	while ((length = read(log, record, sizeof(record) - 1)) > 0) {
		record[length] = '\0';
		if (strstr(record, text))
			return true;
	}
	return false;
}

unsigned int log_lines(int log, const char *text)
{
	unsigned int lines = 0;
	char record[2048];
	ssize_t length;

	while ((length = read(log, record, sizeof(record) - 1)) > 0) {
		record[length] = '\0';
		lines += strstr(record, text) != NULL;
	}
	CHECK(errno == EAGAIN, "lines of the kernel's log are lost: %s", strerror(errno));
	return lines;
}
