// SPDX-License-Identifier: GPL-2.0-or-later
/* Small files of sysfs and procfs. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "test.h"

int file_read(const char *path, char *ret_text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length;
	int error;

	ret_text[0] = '\0';
	if (fd < 0)
		return -errno;
	length = read(fd, ret_text, size - 1);
	error = length < 0 ? -errno : 0;
	close(fd);
	if (error)
		return error;
	ret_text[length] = '\0';
	if (length && ret_text[length - 1] == '\n')
		ret_text[length - 1] = '\0';
	return 0;
}

long file_number(const char *path)
{
	char text[64], *end;
	int error = file_read(path, text, sizeof(text));
	long number;

	if (error)
		return error;
	number = strtol(text, &end, 0);
	return end == text || *end ? -EINVAL : number;
}

int file_write(const char *path, const char *format, ...)
{
	char text[256];
	va_list args;
	int fd, length, error;

	va_start(args, format);
	length = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (length < 0 || (size_t)length >= sizeof(text))
		return -E2BIG;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	error = write(fd, text, length) == length ? 0 : -errno;
	close(fd);
	return error;
}

bool file_exists(const char *path)
{
	return !access(path, F_OK);
}

int file_link_name(const char *path, char *ret_name, size_t size)
{
	char target[PATH_MAX];
	ssize_t length = readlink(path, target, sizeof(target) - 1);
	const char *slash;

	ret_name[0] = '\0';
	if (length < 0)
		return -errno;
	target[length] = '\0';
	slash = strrchr(target, '/');
	snprintf(ret_name, size, "%s", slash ? slash + 1 : target);
	return 0;
}

unsigned int file_lines_with(const char *path, const char *text)
{
	FILE *file = fopen(path, "re");
	unsigned int count = 0;
	char *line = NULL;
	size_t size = 0;

	CHECK(file, "cannot open %s: %s", path, strerror(errno));
	while (getline(&line, &size, file) >= 0)
		count += strstr(line, text) != NULL;
	free(line);
	fclose(file);
	return count;
}
