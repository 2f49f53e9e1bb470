/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small files of sysfs and procfs, as text and as numbers. */
#ifndef VFVIRT_TESTS_FILE_H
#define VFVIRT_TESTS_FILE_H

#include <stdbool.h>
#include <stddef.h>

/**
 * file_read() - read a small file.
 * @path: which.
 * @ret_text: its content without the last newline, always terminated; empty on error.
 * @size: of that buffer, in bytes.
 *
 * Return: 0 or negative errno.
 */
int file_read(const char *path, char *ret_text, size_t size);

/**
 * file_number() - read a file that holds one number, decimal or 0x....
 * @path: which.
 *
 * Return: the number, or negative errno.
 */
long file_number(const char *path);

/**
 * file_write() - write to an existing file in one write(2), as sysfs wants it.
 * @path: which.
 * @format: content, as printf.
 *
 * Return: 0 or negative errno of open or write.
 */
int file_write(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));

/**
 * file_exists() - tell whether a path exists.
 * @path: which.
 *
 * Return: true when it does.
 */
bool file_exists(const char *path);

/**
 * file_link_name() - last component of what a symbolic link points at.
 * @path: the link.
 * @ret_name: the name, terminated; empty on error.
 * @size: of that buffer, in bytes.
 *
 * Return: 0 or negative errno.
 */
int file_link_name(const char *path, char *ret_name, size_t size);

/**
 * file_lines_with() - count the lines of a file that contain a text; ends the test on failure.
 * @path: of the file.
 * @text: what.
 *
 * Return: how many.
 */
unsigned int file_lines_with(const char *path, const char *text);

#endif
