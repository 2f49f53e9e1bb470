/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control plane in a test: a bus, vfvirtd, and runs of vfvirtctl. For the machine "control". */
#ifndef VFVIRT_TESTS_CONTROL_H
#define VFVIRT_TESTS_CONTROL_H

#include <stddef.h>

#define CONTROL_OUTPUT_BYTES 65536

/* A run of vfvirtctl that has ended. */
struct control_run {
	int status;			   /* exit status; -1: a signal */
	char output[CONTROL_OUTPUT_BYTES]; /* standard output and error, terminated; cut */
};

/**
 * control_start() - start a D-Bus daemon and vfvirtd, and wait until vfvirtd answers.
 *
 * Ends the test on failure. Both are killed when the test ends.
 */
void control_start(void);

/**
 * control_kill() - SIGKILL to vfvirtd and to its workers, wherever they are, at once.
 *
 * Returns when all of them are gone.
 */
void control_kill(void);

/**
 * control_restart() - start vfvirtd again after control_kill(); returns when it answers.
 */
void control_restart(void);

/**
 * control_begin() - start vfvirtctl and do not wait; it ends with the daemon at the latest.
 * @format: as control_run().
 */
void control_begin(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * control_run() - run vfvirtctl to its end.
 * @ret_run: filled in.
 * @format: the words behind "vfvirtctl", with single blanks between, as printf.
 *
 * Ends the test when it takes longer than two minutes.
 */
void control_run(struct control_run *ret_run, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * control_lines() - how many lines of the output have a text.
 * @run: of control_run().
 * @text: what to look for.
 *
 * Return: the number.
 */
unsigned int control_lines(const struct control_run *run, const char *text);

#endif
