/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The main program of each unit test program, and what tests share. */
#include "unit.h"

#include <err.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TESTS_MAX 400

static struct CMUnitTest tests[TESTS_MAX];
static size_t test_count;

static char base[PATH_MAX]; /* of all folders of this process; empty: not made yet */
static unsigned int folder_count;

void unit_register(const char *name, CMUnitTestFunction function)
{
	if (test_count == TESTS_MAX)
		errx(1, "more than %d tests in one program", TESTS_MAX);
	tests[test_count++] = (struct CMUnitTest){ .name = name, .test_func = function };
}

static int remove_one(const char *path, const struct stat *found, int kind, struct FTW *walk)
{
	remove(path);
	return 0;
}

static void remove_base(void)
{
	nftw(base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *unit_folder(void)
{
	static char path[PATH_MAX];
	const char *parent = getenv("TMPDIR");

	if (!*base) {
		snprintf(base, sizeof(base), "%s/unit-XXXXXX", parent ? parent : "/tmp");
		if (!mkdtemp(base))
			err(1, "%s", base);
		atexit(remove_base);
	}
	snprintf(path, sizeof(path), "%.4000s/%u", base, folder_count++);
	if (mkdir(path, 0755) < 0)
		fail_msg("%s: %m", path);
	return path;
}

const char *unit_path(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.3000s/%.200s", unit_folder(), name);
	return path;
}

void unit_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		fail_msg("%s: %m", path);
}

void unit_assert_has(const char *text, const char *words, const char *file, int line)
{
	if (text && strstr(text, words))
		return;
	print_error("\"%s\" is not in \"%s\"\n", words, text ? text : "(null)");
	_fail(file, line);
}

static bool is_chosen(const char *name, int count, char **names)
{
	for (int i = 0; i < count; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return count == 0;
}

int main(int argc, char **argv)
{
	bool list = argc == 2 && strcmp(argv[1], "--list") == 0;
	size_t chosen = 0;

	for (size_t i = 0; i < test_count; i++) {
		if (list)
			puts(tests[i].name);
		else if (is_chosen(tests[i].name, argc - 1, argv + 1))
			tests[chosen++] = tests[i];
	}
	if (list)
		return 0;
	if (chosen == 0)
		errx(2, "no such test");
	return _cmocka_run_group_tests(program_invocation_short_name, tests, chosen, NULL, NULL);
}
