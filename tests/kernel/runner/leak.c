// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel's leak detector: scans, and reads its report object by object. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "file.h"
#include "leak.h"
#include "test.h"

#define REPORT "/sys/kernel/debug/kmemleak"
#define SETTLE_MS 5500 /* the detector takes no object younger than 5 s for leaked */
#define LINES_MAX 40   /* of one object: 16 of them are its backtrace */
#define LINE_SIZE 160

/* Functions of the kernel that lose memory themselves, whoever calls them. Empty at best. */
static const char *const allowed[] = {
	NULL,
};

struct object {
	char lines[LINES_MAX][LINE_SIZE];
	unsigned int count;
};

static bool counts(const struct object *object)
{
	for (unsigned int i = 0; i < object->count; i++)
		for (unsigned int n = 0; allowed[n]; n++)
			if (strstr(object->lines[i], allowed[n]))
				return false;
	return object->count;
}

/* Ends an object: prints it when it counts. Returns 1 then. */
static int finish(struct object *object, void (*print)(const char *line))
{
	int found = counts(object);

	for (unsigned int i = 0; found && i < object->count; i++)
		print(object->lines[i]);
	object->count = 0;
	return found;
}

static int read_report(void (*print)(const char *line))
{
	static struct object object;
	FILE *report = fopen(REPORT, "re");
	char line[LINE_SIZE];
	int leaks = 0;

	if (!report)
		return -errno;
	while (fgets(line, sizeof(line), report)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "unreferenced object", strlen("unreferenced object")))
			leaks += finish(&object, print);
		if (object.count < LINES_MAX)
			strcpy(object.lines[object.count++], line);
	}
	fclose(report);
	return leaks + finish(&object, print);
}

static int scan_twice(void)
{
	pause_ms(SETTLE_MS);
	/* Twice: a pointer may have been on its way between two places during one scan. */
	for (int i = 0; i < 2; i++) {
		int error = file_write(REPORT, "scan");

		if (error)
			return error;
	}
	return 0;
}

int leak_scan(void (*print)(const char *line))
{
	int error;

	if (!file_exists(REPORT))
		return 0;
	error = scan_twice();
	return error ? error : read_report(print);
}

static void print_nothing(const char *line)
{
	(void)line;
}

int leak_forgive(void)
{
	int error, leaks;

	if (!file_exists(REPORT))
		return -ENOENT;
	error = scan_twice();
	if (error)
		return error;
	leaks = read_report(print_nothing);
	error = file_write(REPORT, "clear");
	return error ? error : leaks;
}
