/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where processes and kernel threads are in the kernel. */
#ifndef VFVIRT_TESTS_PROC_H
#define VFVIRT_TESTS_PROC_H

#include <stdbool.h>
#include <stddef.h>

/**
 * proc_stack() - read the kernel stack of a process.
 * @pid: which.
 * @ret_stack: functions on one line, innermost first; empty when it runs or is gone.
 * @size: of that buffer, in bytes.
 */
void proc_stack(int pid, char *ret_stack, size_t size);

/**
 * proc_name() - read the name of a process.
 * @pid: which.
 * @ret_name: empty when it is gone.
 * @size: of that buffer, in bytes.
 */
void proc_name(int pid, char *ret_name, size_t size);

/**
 * proc_each_blocked() - call a function for each process that waits and cannot be killed.
 * @visit: gets the process id and @context; kernel threads are processes too.
 * @context: handed on.
 */
void proc_each_blocked(void (*visit)(int pid, void *context), void *context);

/**
 * proc_blocked_in() - tell whether some process waits, not to be killed, inside a function.
 * @function: name of a kernel function on its stack.
 *
 * Return: true when one does.
 */
bool proc_blocked_in(const char *function);

#endif
