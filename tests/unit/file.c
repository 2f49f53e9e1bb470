/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of reading and writing small files. */
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "cleanup.h"
#include "unit.h"

static int read_it(const char *path, size_t max_bytes)
{
	char *text VFV_FREE = NULL;

	return vfv_file_read(path, max_bytes, &text, NULL);
}

static void holds(const char *path, const char *expected)
{
	char *text VFV_FREE = NULL;
	size_t length;

	assert_int_equal(vfv_file_read(path, 100000, &text, &length), 0);
	assert_int_equal(length, strlen(expected));
	assert_string_equal(text, expected);
}

/* How many entries a folder has. */
static int entries(const char *folder)
{
	DIR *open_folder = opendir(folder);
	int count = 0;

	assert_non_null(open_folder);
	for (struct dirent *entry; (entry = readdir(open_folder));)
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(open_folder);
	return count;
}

TEST(file_is_read_whole_with_nul_bytes)
{
	const char *path = unit_path("f");
	char *text VFV_FREE = NULL;
	size_t length;

	assert_int_equal(vfv_file_write(path, "a\0b", 3, 0644), 0);
	assert_int_equal(vfv_file_read(path, 3, &text, &length), 0);
	assert_int_equal(length, 3);
	assert_memory_equal(text, "a\0b", 4);
}

TEST(file_that_is_empty_is_read)
{
	const char *path = unit_path("f");

	unit_write(path, "");
	holds(path, "");
	assert_int_equal(read_it(path, 0), 0);
}

TEST(file_without_a_size_is_read)
{
	/* As those of /proc and sysfs are. */
	assert_int_equal(read_it("/proc/self/status", 100000), 0);
}

TEST(file_longer_than_the_limit_is_refused)
{
	const char *path = unit_path("f");
	char *text VFV_FREE = calloc(1, 20001);

	memset(text, 'x', 20000);
	unit_write(path, text);
	assert_int_equal(read_it(path, 19999), -EFBIG);
	assert_int_equal(read_it(path, 20000), 0);
	holds(path, text);
	assert_int_equal(read_it("/dev/zero", 100), -EINVAL);
}

TEST(file_read_takes_regular_files_only)
{
	char folder[200], path[256];
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd VFV_CLOSE = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(folder, sizeof(folder), "%s", unit_folder());
	snprintf(path, sizeof(path), "%s/link", folder);
	assert_int_equal(symlink("/etc/hostname", path), 0);
	assert_int_equal(read_it(path, 100), -ELOOP);
	snprintf(path, sizeof(path), "%s/fifo", folder);
	assert_int_equal(mkfifo(path, 0644), 0);
	assert_int_equal(read_it(path, 100), -EINVAL); /* and does not wait for a writer */
	snprintf(name.sun_path, sizeof(name.sun_path), "%.90s/socket", folder);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(read_it(name.sun_path, 100), -EINVAL);
	assert_int_equal(read_it(folder, 100), -EISDIR);
	assert_int_equal(read_it("/dev/null", 100), -EINVAL);
	snprintf(path, sizeof(path), "%s/none", folder);
	assert_int_equal(read_it(path, 100), -ENOENT);
}

TEST(file_is_written_and_replaced_with_its_mode)
{
	char folder[200], path[256];
	struct stat found;

	snprintf(folder, sizeof(folder), "%s", unit_folder());
	snprintf(path, sizeof(path), "%s/f", folder);
	assert_int_equal(vfv_file_write(path, "one", 3, 0600), 0);
	holds(path, "one");
	assert_int_equal(vfv_file_write(path, "three", 5, 0644), 0);
	holds(path, "three");
	assert_int_equal(stat(path, &found), 0);
	assert_int_equal(found.st_mode & 07777, 0644);
	assert_int_equal(entries(folder), 1);
}

TEST(file_create_does_not_replace)
{
	char folder[200], path[256];

	snprintf(folder, sizeof(folder), "%s", unit_folder());
	snprintf(path, sizeof(path), "%s/f", folder);
	assert_int_equal(vfv_file_create(path, "one", 3, 0644), 0);
	assert_int_equal(vfv_file_create(path, "two", 3, 0644), -EEXIST);
	holds(path, "one");
	assert_int_equal(entries(folder), 1);
}

TEST(file_in_the_current_folder_needs_no_slash)
{
	char before[4096];

	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(unit_folder()), 0);
	assert_int_equal(vfv_file_write("f", "one", 3, 0644), 0);
	holds("f", "one");
	assert_int_equal(vfv_file_remove("f"), 0);
	assert_int_equal(chdir(before), 0);
}

TEST(file_write_into_no_folder_fails)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/none/f", unit_folder());
	assert_int_equal(vfv_file_write(path, "x", 1, 0644), -ENOENT);
	assert_int_equal(vfv_file_create(path, "x", 1, 0644), -ENOENT);
}

TEST(file_write_over_a_folder_fails_and_leaves_nothing)
{
	char folder[200], path[256];

	snprintf(folder, sizeof(folder), "%s", unit_folder());
	snprintf(path, sizeof(path), "%s/f", folder);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(vfv_file_write(path, "x", 1, 0644), -EISDIR);
	assert_int_equal(entries(folder), 1);
}

TEST(file_write_that_cannot_end_leaves_the_old_file)
{
	struct rlimit before, small;
	char folder[200], path[256], *text VFV_FREE = calloc(1, 5000);
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	int result;

	snprintf(folder, sizeof(folder), "%s", unit_folder());
	snprintf(path, sizeof(path), "%s/f", folder);
	assert_int_equal(vfv_file_write(path, "old", 3, 0644), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 1000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	result = vfv_file_write(path, text, 5000, 0644);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, handler);
	assert_int_equal(result, -EFBIG);
	holds(path, "old");
	assert_int_equal(entries(folder), 1);
}

TEST(file_write_onto_a_full_disk_leaves_the_old_file)
{
	char folder[200], path[256], *text VFV_FREE = calloc(1, 500000);
	int result;

	snprintf(folder, sizeof(folder), "%s", unit_folder());
	snprintf(path, sizeof(path), "%s/f", folder);
	if (mount("none", folder, "tmpfs", 0, "size=65536") < 0)
		fail_msg("tests run as root: %m");
	result = vfv_file_write(path, "old", 3, 0644);
	if (result == 0)
		result = vfv_file_write(path, text, 500000, 0644);
	holds(path, "old");
	assert_int_equal(entries(folder), 1);
	assert_int_equal(umount(folder), 0);
	assert_int_equal(result, -ENOSPC);
}

TEST(file_write_onto_a_read_only_disk_fails)
{
	char folder[200], path[256];
	int result;

	snprintf(folder, sizeof(folder), "%s", unit_folder());
	snprintf(path, sizeof(path), "%s/f", folder);
	if (mount("none", folder, "tmpfs", MS_RDONLY, NULL) < 0)
		fail_msg("tests run as root: %m");
	result = vfv_file_write(path, "new", 3, 0644);
	assert_int_equal(umount(folder), 0);
	assert_int_equal(result, -EROFS);
}

TEST(file_remove_says_when_nothing_is_there)
{
	const char *path = unit_path("f");

	unit_write(path, "x");
	assert_int_equal(vfv_file_remove(path), 0);
	assert_int_equal(vfv_file_remove(path), -ENOENT);
}

TEST(file_folders_are_made_with_those_above)
{
	char path[300], folder[200];
	struct stat found;

	snprintf(folder, sizeof(folder), "%s", unit_folder());
	snprintf(path, sizeof(path), "%s/a/b/c", folder);
	assert_int_equal(vfv_folder_make(path), 0);
	assert_int_equal(stat(path, &found), 0);
	assert_true(S_ISDIR(found.st_mode));
	assert_int_equal(vfv_folder_make(path), 0);
	assert_int_equal(vfv_folder_make(folder), 0);
}

TEST(file_folders_are_readable_for_all_whatever_the_umask)
{
	char path[300], folder[200];
	mode_t before = umask(077);
	struct stat found;
	int result;

	snprintf(folder, sizeof(folder), "%s", unit_folder());
	snprintf(path, sizeof(path), "%s/a/b", folder);
	result = vfv_folder_make(path);
	umask(before);
	assert_int_equal(result, 0);
	assert_int_equal(stat(path, &found), 0);
	assert_int_equal(found.st_mode & 07777, 0755);
	snprintf(path, sizeof(path), "%s/a", folder);
	assert_int_equal(stat(path, &found), 0);
	assert_int_equal(found.st_mode & 07777, 0755);
	/* One that was there keeps the mode that somebody gave it. */
	assert_int_equal(chmod(path, 0700), 0);
	assert_int_equal(vfv_folder_make(path), 0);
	assert_int_equal(stat(path, &found), 0);
	assert_int_equal(found.st_mode & 07777, 0700);
}

TEST(file_folder_under_or_over_a_file_cannot_be_made)
{
	char file[256], path[300];

	snprintf(file, sizeof(file), "%s/f", unit_folder());
	unit_write(file, "x");
	assert_int_equal(vfv_folder_make(file), -ENOTDIR);
	snprintf(path, sizeof(path), "%s/a/b", file);
	assert_int_equal(vfv_folder_make(path), -ENOTDIR);
	assert_int_equal(vfv_folder_make(""), -ENOENT);
}
