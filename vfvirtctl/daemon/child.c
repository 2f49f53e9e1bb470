/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A child process on the event loop: gets a text, answers in lines, ends. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "cleanup.h"
#include "worker_protocol.h"

#define READ_BYTES 16384

extern char **environ;

struct vfv_child {
	pid_t pid;
	int output; /* reading end of its standard output */
	sd_event_source *exit_source;
	sd_event_source *output_source;
	const struct vfv_child_handler *handler;
	void *context;
	char *line; /* owned; what has come since the last newline, length of room bytes */
	size_t length, room;
	bool overlong; /* a line was too long: the rest of it is thrown away */
};

/* A file in memory that holds the text, at its beginning: a pipe could be too small for it. */
static int input_file(const char *text)
{
	size_t left = strlen(text);
	int fd = memfd_create("vfvirt-request", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	while (left > 0) {
		ssize_t put = write(fd, text, left);

		if (put < 0) {
			int error = -errno;

			vfv_close(fd);
			return error;
		}
		text += put;
		left -= (size_t)put;
	}
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static int spawn(const char *const *arguments, int input, int output, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int error;

	sigemptyset(&none);
	sigfillset(&all);
	if (posix_spawn_file_actions_init(&actions))
		return -ENOMEM;
	if (posix_spawnattr_init(&attributes)) {
		posix_spawn_file_actions_destroy(&actions);
		return -ENOMEM;
	}
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	error = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	if (!error)
		error = posix_spawn(ret_pid, arguments[0], &actions, &attributes,
				    (char *const *)arguments, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -error;
}

void vfv_child_forget(struct vfv_child *child)
{
	if (!child)
		return;
	sd_event_source_disable_unref(child->exit_source);
	sd_event_source_disable_unref(child->output_source);
	vfv_close(child->output);
	free(child->line);
	free(child);
}

static void take_line(struct vfv_child *child)
{
	if (!child->overlong && child->length > 0) {
		child->line[child->length] = '\0';
		child->handler->line(child->context, child->line, child->length);
	}
	child->length = 0;
	child->overlong = false;
	if (child->room > READ_BYTES) {
		free(child->line);
		child->line = NULL;
		child->room = 0;
	}
}

static void take_byte_run(struct vfv_child *child, const char *bytes, size_t count)
{
	if (child->overlong || child->length + count >= VFV_WORKER_LINE_BYTES_MAX) {
		child->overlong = true;
		return;
	}
	if (child->length + count >= child->room) {
		size_t room = 2 * (child->length + count) + 256;
		char *line = realloc(child->line, room);

		if (!line) {
			child->overlong = true;
			return;
		}
		child->line = line;
		child->room = room;
	}
	memcpy(child->line + child->length, bytes, count);
	child->length += count;
}

static void take_bytes(struct vfv_child *child, const char *bytes, size_t count)
{
	while (count > 0) {
		const char *newline = memchr(bytes, '\n', count);
		size_t run = newline ? (size_t)(newline - bytes) : count;

		take_byte_run(child, bytes, run);
		if (!newline)
			return;
		take_line(child);
		bytes += run + 1;
		count -= run + 1;
	}
}

/* Read what is there; false: nothing more will come. */
static bool read_output(struct vfv_child *child, bool all)
{
	char bytes[READ_BYTES];

	do {
		ssize_t got = read(child->output, bytes, sizeof(bytes));

		if (got < 0)
			return errno == EAGAIN || errno == EINTR;
		if (got == 0)
			return false;
		take_bytes(child, bytes, (size_t)got);
	} while (all);
	return true;
}

static int on_output(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct vfv_child *child = context;

	if (!read_output(child, false))
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return 0;
}

static int on_ended(sd_event_source *source, const siginfo_t *info, void *context)
{
	struct vfv_child *child = context;
	bool ok = info->si_code == CLD_EXITED && info->si_status == 0;

	read_output(child, true);
	take_line(child);
	child->handler->end(child->context, ok);
	vfv_child_forget(child);
	return 0;
}

static int watch(sd_event *event, struct vfv_child *child)
{
	int error = sd_event_add_io(event, &child->output_source, child->output, EPOLLIN, on_output,
				    child);

	if (error < 0)
		return error;
	error = sd_event_add_child(event, &child->exit_source, child->pid, WEXITED, on_ended,
				   child);
	return error < 0 ? error : 0;
}

int vfv_child_start(sd_event *event, const char *const *arguments, const char *input,
		    const struct vfv_child_handler *handler, void *context,
		    struct vfv_child **ret_child)
{
	int input_fd VFV_CLOSE = input_file(input);
	int writing VFV_CLOSE = -1;
	struct vfv_child *child;
	int ends[2], error;

	if (input_fd < 0)
		return input_fd;
	child = calloc(1, sizeof(*child));
	if (!child)
		return -ENOMEM;
	child->output = -1;
	child->handler = handler;
	child->context = context;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		error = -errno;
		vfv_child_forget(child);
		return error;
	}
	child->output = ends[0];
	writing = ends[1];
	fcntl(child->output, F_SETFL, O_NONBLOCK);
	error = spawn(arguments, input_fd, writing, &child->pid);
	if (!error) {
		error = watch(event, child);
		if (error)
			vfv_child_kill(child);
	}
	if (error) {
		vfv_child_forget(child);
		return error;
	}
	*ret_child = child;
	return 0;
}

pid_t vfv_child_pid(const struct vfv_child *child)
{
	return child->pid;
}

void vfv_child_kill(struct vfv_child *child)
{
	kill(child->pid, SIGKILL);
}
