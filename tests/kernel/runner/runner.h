/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs tests one by one and writes their results. */
#ifndef VFVIRT_TESTS_RUNNER_H
#define VFVIRT_TESTS_RUNNER_H

#include <stdbool.h>

#include "test.h"

/* One entry of the plan. */
struct run {
	const struct test *test;
	const char *machine; /* configuration whose card must be in the slot */
	const char *label;   /* name in the stream */
};

/**
 * runner_print() - write one line of the result stream.
 * @format: line without its end, as printf.
 */
void runner_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * runner_open() - open the result port and write the stream's first line.
 *
 * Return: 0 or negative errno.
 */
int runner_open(void);

/**
 * runner_close() - wait until the stream's last byte left the port.
 */
void runner_close(void);

/**
 * runner_run() - plan, every test in order, its checks, and last the pass mark.
 * @runs: what to run; the machine booted with the first one's card.
 * @count: how many.
 * @sit: open a shell on the console after a test that failed.
 *
 * Stops with "Bail out!" and without pass mark when the kernel is no longer fit to run the
 * rest; the host runs that in another VM.
 */
void runner_run(const struct run *runs, unsigned int count, bool sit);

#endif
