/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a test of the kernel tier is written: its row in the table, its checks, its waits.
 *
 * A test runs as a process of its own, as root, in the VM. It ends well by returning; a check
 * that does not hold ends it at once with the reason. What it does to the machine it undoes,
 * unless its row says last.
 */
#ifndef VFVIRT_TESTS_TEST_H
#define VFVIRT_TESTS_TEST_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Fields of a row. Lists are separated by single spaces. */
struct test {
	const char *name;
	const char *configs;  /* machine configurations (tests/lib/machines.py), one run in each */
	const char *kernels;  /* kernels it runs on */
	const char *modules;  /* loaded before it starts, in this order, with what they need */
	const char *at_hand;  /* further modules that it may load itself */
	unsigned int limit_s; /* time limit */
	bool own_boot;        /* needs a VM of its own */
	bool last;            /* leaves the machine unfit for other tests: the last of its VM */
	bool on_demand;       /* long: runs only when a pattern on the command line chooses it */
	void (*run)(void);
};

/*
 * TEST(name, .field = value, ...) { body } defines a test and puts it in the table. Fields not
 * given: the default machine, every kernel, the in-tree network driver, 30 s, a shared VM.
 */
#define TEST(test_name, ...)                                                                     \
	static void test_name(void);                                                             \
	_Pragma("GCC diagnostic push")                                                           \
	_Pragma("GCC diagnostic ignored \"-Woverride-init\"")                                    \
	static const struct test test_name##_row = {                                             \
		.name = #test_name,                                                              \
		.configs = "default",                                                            \
		.kernels = "6.1 6.12 7.3",                                                       \
		.modules = "virtio_pci virtio_net",                                              \
		.at_hand = "",                                                                   \
		.limit_s = 30,                                                                   \
		.run = test_name,                                                                \
		__VA_ARGS__                                                                      \
	};                                                                                       \
	_Pragma("GCC diagnostic pop")                                                            \
	static const struct test *const test_name##_entry                                        \
		__attribute__((used, section("tests"))) = &test_name##_row;                      \
	static void test_name(void)

/* The table: every row of every linked file. */
extern const struct test *const __start_tests[];
extern const struct test *const __stop_tests[];

/* How a test's process ends; anything else, a signal included, is a failure too. */
enum test_exit {
	TEST_EXIT_PASS = 0,
	TEST_EXIT_FAIL = 1,
	TEST_EXIT_SKIP = 4,
};

/**
 * test_attach() - make this process the one of a test.
 * @report_fd: where its log and the reason of its end go; borrowed until the process ends.
 */
void test_attach(int report_fd);

/**
 * test_fail() - end the test as failed.
 * @file: source file, for the reason.
 * @line: source line.
 * @format: reason, as printf; one line.
 */
void test_fail(const char *file, int line, const char *format, ...)
	__attribute__((noreturn, format(printf, 3, 4)));

/**
 * test_skip() - end the test as one that cannot run here; it counts as skipped, never as passed.
 * @format: reason, as printf; one line.
 */
void test_skip(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/**
 * test_log() - a line for the reader of the results.
 * @format: text, as printf; one line. "bench NAME VALUE UNIT" is a measurement.
 */
void test_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * now_ms() - milliseconds of the monotonic clock.
 *
 * Return: the time, for differences.
 */
uint64_t now_ms(void);

/**
 * pause_ms() - let other processes run, inside a wait that has a limit.
 * @duration_ms: how long.
 */
void pause_ms(unsigned int duration_ms);

/**
 * test_number() - a number that the run was given for its tests.
 * @name: of the setting (lib/vmtier.py).
 * @normal: what it is when the run says nothing.
 *
 * Return: the number.
 */
unsigned int test_number(const char *name, unsigned int normal);

/**
 * test_limit() - a time limit on the kernel that is running; a debug kernel is slower.
 * @limit: on a normal one, in any unit.
 *
 * Return: the limit, in the same unit.
 */
unsigned int test_limit(unsigned int limit);

/* Ends the test unless @condition holds; the rest is the reason, as printf. */
#define CHECK(condition, ...)                                                                    \
	do {                                                                                     \
		if (!(condition))                                                                \
			test_fail(__FILE__, __LINE__, __VA_ARGS__);                              \
	} while (0)

/* Ends the test unless @call, which returns 0 or negative errno, succeeds. */
#define CHECK_OK(call)                                                                           \
	do {                                                                                     \
		int check_error = (call);                                                        \
		if (check_error < 0)                                                             \
			test_fail(__FILE__, __LINE__, "%s: %s", #call, strerror(-check_error));  \
	} while (0)

/* Ends the test unless the two integers are equal. */
#define CHECK_EQUAL(actual, expected, what)                                                      \
	do {                                                                                     \
		long long check_actual = (actual), check_expected = (expected);                  \
		if (check_actual != check_expected)                                              \
			test_fail(__FILE__, __LINE__, "%s is %lld, not %lld", what,              \
				  check_actual, check_expected);                                 \
	} while (0)

/* Waits until @condition holds; ends the test when it does not within the limit. */
#define WAIT_FOR(wait_limit_ms, condition, what)                                                 \
	do {                                                                                     \
		unsigned int wait_ms = test_limit(wait_limit_ms);                                \
		uint64_t wait_end_ms = now_ms() + wait_ms;                                       \
		while (!(condition)) {                                                           \
			if (now_ms() >= wait_end_ms)                                             \
				test_fail(__FILE__, __LINE__, "waited %u ms in vain for %s",     \
					  wait_ms, what);                                        \
			pause_ms(5);                                                             \
		}                                                                                \
	} while (0)

#endif
