/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The made-up card (tests/fakecard) for unit tests. One at a time; it ends with the program. */
#ifndef UNIT_FAKE_H
#define UNIT_FAKE_H

#include "address.h"
#include "host.h"
#include "model.h"

/* Start a card with PFs 0000:3b:00.0, 0000:4b:00.0 ...; ends one that a failed test left. */
const struct vfv_host *fake_start(unsigned int pfs, unsigned int vfs_max);
void fake_stop(void);

/* Give a command; fails the test when it is refused. Returns the answer, good until the next. */
const char *fake_do(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What an attribute of a PCI function holds, without its newline; good until the next call. */
const char *fake_read(const char *address, const char *name);

/* The driver of a function, or "" for none; good until the next call. */
const char *fake_driver(const char *address);

/* How many writes the log has that match a glob of PATH=TEXT RESULT. */
unsigned int fake_count(const char *pattern);

/* Write an attribute of a PCI function, past the code under test; fails the test on error. */
void fake_write(const char *address, const char *name, const char *text);

/* An address out of its text. */
struct vfv_address fake_address(const char *text);

/* Facts of all PFs with users; frees those of the last call. The PF of an address, or fail. */
struct vfv_model *fake_facts(void);
struct vfv_pf *fake_pf(const char *address);

#endif
