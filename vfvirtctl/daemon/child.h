/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A child process on the event loop: gets a text, answers in lines, ends. */
#ifndef VFV_DAEMON_CHILD_H
#define VFV_DAEMON_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

struct vfv_child;

struct vfv_child_handler {
	/* A line without its newline, NUL-terminated; good during the call. */
	void (*line)(void *context, char *line, size_t length);
	/* It ended and all its lines were told; ok: with status 0. The child is freed after that. */
	void (*end)(void *context, bool ok);
};

/**
 * vfv_child_start - start a program
 * @event: loop; SIGCHLD must be blocked in this process
 * @arguments: path of the program and its arguments, ending with NULL
 * @input: what it reads from its standard input, then end of file; any length
 * @handler: called from the loop; must live as long as the child
 * @context: handed to @handler
 * @ret_child: frees itself after handler->end()
 *
 * Standard error is shared. The child gets no signals blocked and default handlers. It is not ended
 * with this process.
 *
 * Return: 0 or a negative errno.
 */
int vfv_child_start(sd_event *event, const char *const *arguments, const char *input,
		    const struct vfv_child_handler *handler, void *context,
		    struct vfv_child **ret_child);

pid_t vfv_child_pid(const struct vfv_child *child);

/* SIGKILL. handler->end() comes when, and if, the kernel lets it go. */
void vfv_child_kill(struct vfv_child *child);

/* Forget a child that goes on by itself; no handler is called any more. NULL is allowed. */
void vfv_child_forget(struct vfv_child *child);

#endif
