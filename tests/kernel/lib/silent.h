/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory that does not answer: whoever reads its second page waits until the test lets it. */
#ifndef VFVIRT_TESTS_SILENT_H
#define VFVIRT_TESTS_SILENT_H

#include <stdint.h>

#define SILENT_PAGE_BYTES 4096

struct silent {
	uint8_t *bytes; /* two pages; the first answers */
	int fd;         /* of userfaultfd */
};

/**
 * silent_open() - make such memory; ends the test on failure.
 * @silent: filled in.
 *
 * Children of the process do not inherit the waiting: they read zeroes.
 */
void silent_open(struct silent *silent);

/**
 * silent_await() - wait until somebody waits for the second page; ends the test when nobody does.
 * @silent: open.
 */
void silent_await(const struct silent *silent);

/**
 * silent_answer() - the second page answers from now on.
 * @silent: open, with somebody waiting.
 * @page: what it holds, SILENT_PAGE_BYTES.
 */
void silent_answer(const struct silent *silent, const uint8_t *page);

/**
 * silent_close() - give the memory back.
 * @silent: open, with nobody waiting.
 */
void silent_close(struct silent *silent);

#endif
