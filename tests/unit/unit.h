/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a unit test program is made of: TEST(name) { } for each test. The main program is in unit.c:
 * without arguments it runs all tests, with names these, with --list it names them.
 */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Called for each test before main(). */
void unit_register(const char *name, CMUnitTestFunction function);

/* A test; its name says what must hold. */
#define TEST(NAME)                                                             \
	static void NAME(void **state);                                        \
	static void __attribute__((constructor)) NAME##_register(void)         \
	{                                                                      \
		unit_register(#NAME, NAME);                                    \
	}                                                                      \
	static void NAME(void **state)

/* A new empty folder, by its whole path; good until the program ends, which removes it. */
const char *unit_folder(void);

/* "FOLDER/NAME" in a new folder of its own, as unit_folder(). */
const char *unit_path(const char *name);

/* Write a file; fails the test when it cannot. */
void unit_write(const char *path, const char *text);

/* The text has the words in it. */
#define assert_has(TEXT, WORDS) unit_assert_has(TEXT, WORDS, __FILE__, __LINE__)
void unit_assert_has(const char *text, const char *words, const char *file, int line);

#endif
