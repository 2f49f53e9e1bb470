/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Serial ports as plain byte streams. */
#ifndef VFVIRT_TESTS_PORT_H
#define VFVIRT_TESTS_PORT_H

#include <stddef.h>

/**
 * port_open() - open a serial port in raw mode, not as the controlling terminal.
 * @path: of the device node.
 *
 * Return: file descriptor, closed by exec, or negative errno.
 */
int port_open(const char *path);

/**
 * port_write() - write all bytes.
 * @fd: of port_open().
 * @bytes: what to write.
 * @length_bytes: how much.
 *
 * Return: 0 or negative errno.
 */
int port_write(int fd, const char *bytes, size_t length_bytes);

/**
 * port_drain() - wait until the last byte left the port.
 * @fd: of port_open().
 */
void port_drain(int fd);

#endif
