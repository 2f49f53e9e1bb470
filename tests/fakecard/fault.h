/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers of errors by name. */
#ifndef FAKE_FAULT_H
#define FAKE_FAULT_H

/* "EBUSY", or a number in decimal, to the number. */
int fake_errno(const char *name);

#endif
