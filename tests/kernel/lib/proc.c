// SPDX-License-Identifier: GPL-2.0-or-later
/* Where processes and kernel threads are in the kernel, from procfs. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "proc.h"

void proc_stack(int pid, char *ret_stack, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/stack", pid);
	file_read(path, ret_stack, size);
	for (char *letter = ret_stack; *letter; letter++)
		if (*letter == '\n')
			*letter = ' ';
}

void proc_name(int pid, char *ret_name, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file_read(path, ret_name, size);
}

void proc_each_blocked(void (*visit)(int pid, void *context), void *context)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		int pid = atoi(entry->d_name);
		char path[64], stat[512];
		const char *state;

		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		if (!pid || file_read(path, stat, sizeof(stat)))
			continue;
		state = strrchr(stat, ')');
		if (state && state[1] == ' ' && state[2] == 'D')
			visit(pid, context);
	}
	if (folder)
		closedir(folder);
}

struct search {
	const char *function;
	bool found;
};

static void search_stack(int pid, void *context)
{
	struct search *search = context;
	char stack[4096];

	proc_stack(pid, stack, sizeof(stack));
	if (strstr(stack, search->function))
		search->found = true;
}

bool proc_blocked_in(const char *function)
{
	struct search search = { .function = function };

	proc_each_blocked(search_stack, &search);
	return search.found;
}
