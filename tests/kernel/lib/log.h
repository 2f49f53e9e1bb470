/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel logs, for tests that wait for it to say something. */
#ifndef VFVIRT_TESTS_LOG_H
#define VFVIRT_TESTS_LOG_H

#include <stdbool.h>

/**
 * log_follow() - begin to follow the kernel's log; ends the test on failure.
 *
 * Return: a descriptor for log_says(), which the caller closes. What was logged before is not in it.
 */
int log_follow(void);

/**
 * log_says() - tell whether the kernel has logged a text.
 * @log: of log_follow().
 * @text: part of a line.
 *
 * Return: true when a line not read yet holds it; the lines up to that one count as read.
 */
bool log_says(int log, const char *text);

/**
 * log_lines() - count the lines of the kernel's log that hold a text.
 * @log: of log_follow().
 * @text: part of a line, or the address of the device that it is about.
 *
 * Ends the test when the log has overflown since the last call.
 *
 * Return: how many of the lines not read yet hold it; all of them count as read.
 */
unsigned int log_lines(int log, const char *text);

#endif
