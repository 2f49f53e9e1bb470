/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Judges what the kernel logged: the one list of patterns, for guest and host. */
#ifndef VFVIRT_TESTS_JUDGE_H
#define VFVIRT_TESTS_JUDGE_H

#include <stdbool.h>
#include <stddef.h>

/**
 * judge_line() - tell whether a log line speaks of a kernel bug.
 * @line: text of one record, without priority and time.
 *
 * Return: true for BUG, WARNING, Oops and their like, unless the exact line is allowed.
 */
bool judge_line(const char *line);

/**
 * judge_open() - start to follow the kernel's log.
 *
 * Return: 0 or negative errno.
 */
int judge_open(void);

/**
 * judge_note() - write a line to the kernel's log and console, for people who read it later.
 * @format: text, as printf.
 */
void judge_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * judge_since_mark() - judge what was logged since the last call (or since boot), and set the mark.
 * @to_console: also write all of it to the console, which by itself shows warnings only.
 * @ret_finding: the first line found guilty, cut to the buffer; untouched when there is none.
 * @size: of that buffer, in bytes.
 *
 * Records that were overwritten before they could be read, and a kernel that became tainted
 * without a guilty line, are findings too.
 *
 * Return: number of findings.
 */
unsigned int judge_since_mark(bool to_console, char *ret_finding, size_t size);

#endif
