/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small files: read whole within a limit, written so that a crash leaves the old or the new one. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "text.h"

/*
 * Open a regular file for reading. The path is first opened without access to what it names, since
 * opening a FIFO or a device for reading is felt by others.
 */
static int open_regular(const char *path)
{
	int named VFV_CLOSE = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char again[64];
	struct stat found;
	int fd;

	if (named < 0 || fstat(named, &found) < 0)
		return -errno;
	if (S_ISLNK(found.st_mode))
		return -ELOOP;
	if (S_ISDIR(found.st_mode))
		return -EISDIR;
	if (!S_ISREG(found.st_mode))
		return -EINVAL;
	snprintf(again, sizeof(again), "/proc/self/fd/%d", named);
	fd = open(again, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int vfv_file_read(const char *path, size_t max_bytes, char **ret_text, size_t *ret_length)
{
	int fd VFV_CLOSE = open_regular(path);
	char *text VFV_FREE = NULL;
	size_t length = 0, room = 0;

	if (fd < 0)
		return fd;
	for (;;) {
		ssize_t got;

		if (room - length < 2) {
			size_t larger = room ? 2 * room : 4096;
			char *grown = realloc(text, larger);

			if (!grown)
				return -ENOMEM;
			text = grown;
			room = larger;
		}
		got = read(fd, text + length, room - length - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		length += got;
		if (length > max_bytes)
			return -EFBIG;
	}
	text[length] = '\0';
	if (ret_length)
		*ret_length = length;
	*ret_text = vfv_take(text);
	return 0;
}

/* The folder of a path; owned by the caller. NULL: no memory. */
static char *folder_of(const char *path)
{
	char *copy VFV_FREE = strdup(path);

	return copy ? strdup(dirname(copy)) : NULL;
}

static int folder_sync(const char *path)
{
	char *folder VFV_FREE = folder_of(path);
	int fd VFV_CLOSE = -1;

	if (!folder)
		return -ENOMEM;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int write_whole(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t put = write(fd, text, length);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		text += put;
		length -= put;
	}
	return 0;
}

/*
 * Write a hidden file with a name of its own beside path and bring it to the disk. *ret_name: owned
 * by the caller. Nothing is left on failure.
 */
static int write_beside(const char *path, const char *text, size_t length, unsigned int mode,
			char **ret_name)
{
	char *folder VFV_FREE = folder_of(path);
	const char *slash = strrchr(path, '/');
	char *name VFV_FREE = NULL;
	int fd VFV_CLOSE = -1;
	int result;

	if (folder)
		name = vfv_text("%s/.%s.XXXXXX", folder, slash ? slash + 1 : path);
	if (!name)
		return -ENOMEM;
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	result = write_whole(fd, text, length);
	if (result == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0))
		result = -errno;
	if (result < 0) {
		unlink(name);
		return result;
	}
	*ret_name = vfv_take(name);
	return 0;
}

int vfv_file_write(const char *path, const char *text, size_t length, unsigned int mode)
{
	char *name VFV_FREE = NULL;
	int result = write_beside(path, text, length, mode, &name);

	if (result < 0)
		return result;
	if (rename(name, path) < 0) {
		result = -errno;
		unlink(name);
		return result;
	}
	return folder_sync(path);
}

int vfv_file_create(const char *path, const char *text, size_t length, unsigned int mode)
{
	char *name VFV_FREE = NULL;
	int result = write_beside(path, text, length, mode, &name);

	if (result < 0)
		return result;
	/* Unlike rename(), link() does not replace what is there. */
	if (link(name, path) < 0)
		result = -errno;
	unlink(name);
	return result < 0 ? result : folder_sync(path);
}

/* Make one folder; one that exists is fine, anything else of that name is not. */
static int make_one(const char *path)
{
	struct stat found;

	if (mkdir(path, 0755) == 0) /* the umask of a service is narrower */
		return chmod(path, 0755) < 0 ? -errno : 0;
	if (errno != EEXIST)
		return -errno;
	if (stat(path, &found) < 0)
		return -errno;
	return S_ISDIR(found.st_mode) ? 0 : -ENOTDIR;
}

int vfv_folder_make(const char *path)
{
	char *part VFV_FREE = strdup(path);

	if (!part)
		return -ENOMEM;
	for (char *end = part + 1; *part && *end; end++) {
		if (*end == '/') {
			int result;

			*end = '\0';
			result = make_one(part);
			if (result < 0)
				return result;
			*end = '/';
		}
	}
	return make_one(part);
}

int vfv_file_remove(const char *path)
{
	if (unlink(path) < 0)
		return -errno;
	return folder_sync(path);
}
