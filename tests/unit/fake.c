/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The made-up card for unit tests. */
#include "fake.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "facts.h"
#include "unit.h"

static pid_t child;
static char folder[PATH_MAX];
static struct vfv_host *host;
static struct vfv_model *model;

static const char *place(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.3000s/%.500s", folder, name);
	return path;
}

static void use_variable(const char *variable, const char *name)
{
	setenv(variable, place(name), 1);
}

/* Start the program; its first line says that it is ready. */
static void start_program(unsigned int pfs, unsigned int vfs_max)
{
	const char *programs = getenv("VFVIRT_PROGRAMS");
	char program[PATH_MAX], pf_text[16], vf_text[16], ready[8] = "";
	int ends[2];

	if (!programs)
		fail_msg("VFVIRT_PROGRAMS does not say where programs are: use tests/run unit");
	snprintf(program, sizeof(program), "%s/tests/fakecard/fakecard", programs);
	snprintf(pf_text, sizeof(pf_text), "%u", pfs);
	snprintf(vf_text, sizeof(vf_text), "%u", vfs_max);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	child = fork();
	if (!child) {
		dup2(ends[1], STDOUT_FILENO);
		execl(program, program, folder, pf_text, vf_text, NULL);
		_exit(127);
	}
	close(ends[1]);
	if (read(ends[0], ready, sizeof(ready)) <= 0)
		fail_msg("%s did not start", program);
	close(ends[0]);
}

const struct vfv_host *fake_start(unsigned int pfs, unsigned int vfs_max)
{
	static bool is_registered;

	fake_stop();
	snprintf(folder, sizeof(folder), "%s", unit_folder());
	if (!is_registered)
		atexit(fake_stop);
	is_registered = true;
	start_program(pfs, vfs_max);
	use_variable("VFVIRT_SYSFS", "root/sys");
	use_variable("VFVIRT_PROCFS", "root/proc");
	use_variable("VFVIRT_RUN", "run");
	use_variable("VFVIRT_INTENT", "etc");
	use_variable("VFVIRT_INTENT_VENDOR", "usr");
	use_variable("VFVIRT_NETLINK", "netlink");
	use_variable("VFVIRT_UEVENTS", "uevents");
	host = vfv_host_new();
	assert_non_null(host);
	return host;
}

void fake_stop(void)
{
	vfv_model_free(model);
	model = NULL;
	vfv_host_free(host);
	host = NULL;
	if (child) {
		kill(child, SIGTERM);
		waitpid(child, NULL, 0);
	}
	child = 0;
}

/* Send a line and read up to the last line of the answer. */
static void talk(const char *line, char *ret_answer, size_t size)
{
	struct sockaddr_un other = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t length = 0;
	char *last;

	snprintf(other.sun_path, sizeof(other.sun_path), "%.107s", place("control"));
	if (connect(fd, (struct sockaddr *)&other, sizeof(other)) ||
	    send(fd, line, strlen(line), MSG_NOSIGNAL) < 0)
		fail_msg("the fake card does not listen: %m");
	do {
		ssize_t got = recv(fd, ret_answer + length, size - 1 - length, 0);

		if (got <= 0)
			fail_msg("the fake card said nothing to: %s", line);
		length += (size_t)got;
		ret_answer[length] = '\0';
		last = ret_answer[length - 1] == '\n' ? ret_answer + length - 1 : NULL;
		while (last && last > ret_answer && last[-1] != '\n')
			last--;
	} while (!last || (strcmp(last, "ok\n") && strncmp(last, "error ", 6)));
	close(fd);
	if (strcmp(last, "ok\n"))
		fail_msg("%s -> %s", line, last);
	*last = '\0';
}

const char *fake_do(const char *format, ...)
{
	static char answer[1 << 20];
	char line[8192];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line) - 1, format, arguments);
	va_end(arguments);
	strcat(line, "\n");
	talk(line, answer, sizeof(answer));
	return answer;
}

static const char *attribute(const char *address, const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.3000s/root/sys/bus/pci/devices/%s/%s", folder, address,
		 name);
	return path;
}

const char *fake_read(const char *address, const char *name)
{
	static char text[4096];
	int fd = open(attribute(address, name), O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (length < 0)
		fail_msg("%s: %m", attribute(address, name));
	close(fd);
	text[length] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return text;
}

const char *fake_driver(const char *address)
{
	static char target[PATH_MAX];
	ssize_t length = readlink(attribute(address, "driver"), target, sizeof(target) - 1);

	if (length < 0)
		return "";
	target[length] = '\0';
	return strrchr(target, '/') + 1;
}

unsigned int fake_count(const char *pattern)
{
	return (unsigned int)strtoul(fake_do("count %s", pattern), NULL, 10);
}

void fake_write(const char *address, const char *name, const char *text)
{
	int fd = open(attribute(address, name), O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail_msg("%s: %m", attribute(address, name));
	close(fd);
}

struct vfv_address fake_address(const char *text)
{
	struct vfv_address address;

	if (!vfv_address_parse(text, &address))
		fail_msg("%s is no address", text);
	return address;
}

struct vfv_model *fake_facts(void)
{
	struct vfv_error error = VFV_NO_ERROR;

	vfv_model_free(model);
	model = NULL;
	if (vfv_facts_read(host, NULL, NULL, VFV_FACTS_USERS, &model, &error))
		fail_msg("no facts: %s", error.text);
	return model;
}

struct vfv_pf *fake_pf(const char *address)
{
	struct vfv_address wanted = fake_address(address);
	struct vfv_pf *pf = vfv_model_find_pf(fake_facts(), &wanted);

	if (!pf)
		fail_msg("%s is not there", address);
	return pf;
}
