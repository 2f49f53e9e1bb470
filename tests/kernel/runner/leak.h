/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks the kernel's leak detector, where there is one. */
#ifndef VFVIRT_TESTS_LEAK_H
#define VFVIRT_TESTS_LEAK_H

/**
 * leak_scan() - look for memory that nothing points to any more.
 * @print: called with each line of the kernel's report on a leak that counts.
 *
 * Takes at least 5 s on a kernel with kmemleak, and no time on others.
 *
 * Return: number of leaks, or negative errno when the detector does not work.
 */
int leak_scan(void (*print)(const char *line));

/**
 * leak_forgive() - take what has leaked by now off the detector's books.
 *
 * For a test whose driver has to leak. As slow as leak_scan().
 *
 * Return: number of leaks, -ENOENT on a kernel without kmemleak, or another negative errno.
 */
int leak_forgive(void);

#endif
