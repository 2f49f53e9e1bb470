// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vfvirt-hook DOMAIN OPERATION SUBOPERATION EXTRA: called by libvirt, through the stub in
 * qemu.d, with the domain's description on standard input.
 *
 * Exit status: 0, or VFV_HOOK_REFUSED when the domain must not start and the reason is on standard
 * error. The stub makes any other status 0: a broken hook must not keep guests from running.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "hook.h"
#include "host.h"
#include "publish.h"

#define VFV_HOOK_REFUSED 10
#define LIMIT_MS	 10000 /* libvirt waits without one, and holds the domain */

VFV_DEFINE_CLEANUP(cleanup_host, struct vfv_host *, vfv_host_free)

/* All of standard input, so that libvirt can write it all; NULL: too long, or unreadable. */
static char *read_description(size_t *ret_length)
{
	VFV_FREE char *text = malloc(VFV_DOMAIN_BYTES_MAX + 1);
	size_t length = 0;
	ssize_t got = 1;

	while (text && got > 0 && length <= VFV_DOMAIN_BYTES_MAX) {
		got = read(STDIN_FILENO, text + length, VFV_DOMAIN_BYTES_MAX + 1 - length);
		if (got > 0)
			length += (size_t)got;
		else if (got < 0 && errno == EINTR)
			got = 1;
	}
	if (!text || got < 0 || length > VFV_DOMAIN_BYTES_MAX)
		return NULL;
	*ret_length = length;
	return vfv_take(text);
}

/* The work itself; the status, and in ret_error why a domain must not start. */
static int work(const char *operation, const struct vfv_domain *domain, struct vfv_error *ret_error)
{
	__attribute__((cleanup(cleanup_host))) struct vfv_host *host = vfv_host_new();

	/* Without a UUID to claim by there is nothing that could be told apart later. */
	if (!host || !domain->uuid || strlen(domain->uuid) != VFV_UUID_BYTES - 1)
		return 0;
	if (!strcmp(operation, "prepare"))
		return vfv_hook_prepare(host, domain, ret_error) ? VFV_HOOK_REFUSED : 0;
	if (!strcmp(operation, "reconnect"))
		vfv_hook_reconnect(host, domain);
	else
		vfv_hook_release(host, domain->uuid);
	return 0;
}

/*
 * In a process of its own: it may hang in the kernel so that no signal reaches it. It keeps none of
 * libvirt's files open, since libvirt waits for the last one to be closed.
 */
static void work_apart(const char *operation, const struct vfv_domain *domain, int answers)
{
	struct vfv_error error = VFV_NO_ERROR;
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	int status;

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		dup2(nothing, fd);
	status = work(operation, domain, &error);
	if (status && dprintf(answers, "%s", error.text) < 0)
		status = VFV_HOOK_REFUSED;
	_exit(status);
}

/* Why the start is refused, as the worker says it; false: no answer within the limit. */
static bool hear(int answers, char *ret_text, size_t size)
{
	struct pollfd ready = {.fd = answers, .events = POLLIN};
	ssize_t length;

	if (poll(&ready, 1, LIMIT_MS) != 1)
		return false;
	length = read(answers, ret_text, size - 1);
	ret_text[length > 0 ? length : 0] = '\0';
	return true;
}

static int run(const char *operation, const struct vfv_domain *domain)
{
	char text[VFV_ERROR_TEXT_BYTES];
	int answers[2], status;
	pid_t child;

	if (pipe2(answers, O_CLOEXEC))
		return 0;
	child = fork();
	if (!child)
		work_apart(operation, domain, answers[1]);
	vfv_close(answers[1]);
	if (child < 0)
		return 0;
	if (!hear(answers[0], text, sizeof(text))) {
		kill(child, SIGKILL);
		fputs("vfvirt: the kernel did not say in time how the VFs of this domain are: see "
		      "vfvirtctl check and the kernel log\n",
		      stderr);
		return strcmp(operation, "prepare") ? 0 : VFV_HOOK_REFUSED;
	}
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || !WEXITSTATUS(status))
		return 0;
	fprintf(stderr, "vfvirt: %s\n", *text ? text : strerror(ENOMEM));
	return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	static const char *const operations[] = {"prepare", "reconnect", "stopped", "release"};
	const char *operation = argc > 2 ? argv[2] : "";
	struct vfv_domain domain = {0};
	VFV_FREE char *text = NULL;
	bool is_ours = false;
	size_t length = 0;
	int status = 0;

	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		is_ours |= !strcmp(operation, operations[i]);
	if (!is_ours)
		return 0;
	text = read_description(&length);
	/* A domain without host devices costs nobody a process; one that has ended may have had. */
	if (text && !vfv_domain_parse(argv[1], text, length, &domain, NULL) &&
	    (domain.device_count || *operation == 's' || !strcmp(operation, "release")))
		status = run(operation, &domain);
	vfv_domain_clear(&domain);
	return status;
}
