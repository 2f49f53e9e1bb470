// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Loads modules by finit_module(2), in the order that /modules/list gives. A line of that file
 * names a module, its file (or "builtin"), and what must be loaded before it, in order.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "file.h"
#include "module.h"

#define LIST "/modules/list"

bool module_loaded(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/%s", name);
	return file_exists(path);
}

static int load_file(const char *name, const char *file, const char *parameters)
{
	char path[128];
	int fd, error;

	if (!strcmp(file, "builtin") || module_loaded(name))
		return 0;
	snprintf(path, sizeof(path), "/modules/%s", file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	error = syscall(SYS_finit_module, fd, parameters, 0) ? -errno : 0;
	close(fd);
	return error;
}

/* Copies the line of @name without its name to @ret_line. */
static int find_line(const char *name, char *ret_line, size_t size)
{
	size_t length = strlen(name);
	FILE *list = fopen(LIST, "re");
	char line[1024];
	int error = -ENOKEY;

	if (!list)
		return -errno;
	while (error && fgets(line, sizeof(line), list)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, name, length) || line[length] != ' ')
			continue;
		snprintf(ret_line, size, "%s", line + length + 1);
		error = 0;
	}
	fclose(list);
	return error;
}

int module_load(const char *name, const char *parameters)
{
	char line[1024], *file, *need, *position;
	int error = find_line(name, line, sizeof(line));

	if (error)
		return error;
	file = strtok_r(line, " ", &position);
	while ((need = strtok_r(NULL, " ", &position))) {
		char need_line[1024], *need_position;

		error = find_line(need, need_line, sizeof(need_line));
		if (!error)
			error = load_file(need, strtok_r(need_line, " ", &need_position), "");
		if (error)
			return error;
	}
	return load_file(name, file, parameters);
}

int module_load_all(const char *names, char *ret_failed)
{
	char copy[512], *name, *position;

	snprintf(copy, sizeof(copy), "%s", names);
	for (name = strtok_r(copy, " ", &position); name; name = strtok_r(NULL, " ", &position)) {
		int error = module_load(name, "");

		if (error) {
			snprintf(ret_failed, 64, "%s", name);
			return error;
		}
	}
	return 0;
}

int module_unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}
