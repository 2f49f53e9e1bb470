// SPDX-License-Identifier: GPL-2.0-or-later
/* VFs on the driver vfvirt_test, which makes the calls of the core's API, and PFs on vfvirt_fake. */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"
#include "member.h"
#include "module.h"
#include "test.h"

#define ANSWER_SIZE 160
#define CALL_LIMIT_MS 30000
#define ERRNO_MAX 132 /* exit codes up to here are errnos */

void member_bind(const char *pf_bdf, unsigned int count)
{
	char path[PCI_PATH_SIZE], vf[BDF_SIZE];

	CHECK_OK(file_write(pci_path(path, pf_bdf, "sriov_drivers_autoprobe"), "0"));
	CHECK_OK(pci_set_vfs(pf_bdf, count));
	for (unsigned int n = 0; n < count; n++) {
		pci_vf(pf_bdf, n, vf);
		CHECK_OK(pci_bind(vf, "vfvirt_test"));
	}
}

static int open_call(const char *pf_bdf, unsigned int vf_index)
{
	char vf[BDF_SIZE], path[PCI_PATH_SIZE];
	int fd;

	pci_vf(pf_bdf, vf_index, vf);
	snprintf(path, sizeof(path), "/sys/kernel/debug/vfvirt_test/%s", vf);
	fd = open(path, O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0, "cannot open %s: %s", path, strerror(errno));
	return fd;
}

/* The answer to one call; it begins with the result. */
static void converse(int fd, const char *words, char *ret_answer, size_t size)
{
	ssize_t length;

	CHECK(write(fd, words, strlen(words)) == (ssize_t)strlen(words),
	      "vfvirt_test does not know \"%s\": %s", words, strerror(errno));
	length = pread(fd, ret_answer, size - 1, 0);
	CHECK(length > 0, "no answer to \"%s\"", words);
	ret_answer[length] = '\0';
}

long member_ask(const char *pf_bdf, unsigned int vf_index, char *ret_data, size_t size,
		const char *format, ...)
{
	char words[ANSWER_SIZE], answer[ANSWER_SIZE], *rest;
	int fd = open_call(pf_bdf, vf_index);
	va_list args;
	long result;

	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	converse(fd, words, answer, sizeof(answer));
	close(fd);
	result = strtol(answer, &rest, 10);
	if (ret_data)
		snprintf(ret_data, size, "%s", *rest == ' ' ? rest + 1 : rest);
	return result;
}

pid_t member_start(const char *pf_bdf, unsigned int vf_index, const char *words)
{
	char answer[ANSWER_SIZE];
	pid_t process = fork();

	CHECK(process >= 0, "cannot fork: %s", strerror(errno));
	if (process)
		return process;
	converse(open_call(pf_bdf, vf_index), words, answer, sizeof(answer));
	_exit(-strtol(answer, NULL, 10));
}

int member_end(pid_t process)
{
	uint64_t end_ms = now_ms() + CALL_LIMIT_MS;
	int status;

	while (!waitpid(process, &status, WNOHANG)) {
		CHECK(now_ms() < end_ms, "a call did not end within %d ms", CALL_LIMIT_MS);
		pause_ms(2);
	}
	if (WIFSIGNALED(status))
		return -EINTR;
	CHECK(WEXITSTATUS(status) <= ERRNO_MAX, "a call ended with %d", WEXITSTATUS(status));
	return -WEXITSTATUS(status);
}

struct member_reads member_read_during(const char *pf_bdf, unsigned int vf_index,
				       uint64_t begin_ns, uint64_t end_ns)
{
	struct member_reads reads;
	char data[64];

	CHECK_OK(member_ask(pf_bdf, vf_index, data, sizeof(data), "read_during %llu %llu",
			    (unsigned long long)begin_ns, (unsigned long long)end_ns));
	CHECK(sscanf(data, "%u %u %u", &reads.done, &reads.failed, &reads.median_ns) == 3,
	      "cannot understand \"%s\"", data);
	return reads;
}

void fake_bind(const char *pf_bdf)
{
	CHECK_OK(pci_bind(pf_bdf, "vfvirt_fake"));
	CHECK_OK(fake_order(pf_bdf, "state %d 0", 1));
}

int fake_order(const char *pf_bdf, const char *format, ...)
{
	char path[PCI_PATH_SIZE], words[256];
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	snprintf(path, sizeof(path), "/sys/kernel/debug/vfvirt_fake/%s", pf_bdf);
	return file_write(path, "%s", words);
}

void member_unload_core(void)
{
	static const char *const users[] = {
		"vfvirt_vfio_pci", "vfvirt_test", "vfvirt_fake", "vfvirt_pf",
	};

	for (size_t n = 0; n < sizeof(users) / sizeof(users[0]); n++)
		if (module_loaded(users[n]))
			CHECK_OK(module_unload(users[n]));
	CHECK_OK(module_unload("vfvirt_core"));
}

struct fake_seen fake_look(const char *pf_bdf)
{
	char path[PCI_PATH_SIZE], text[160];
	struct fake_seen seen;

	snprintf(path, sizeof(path), "/sys/kernel/debug/vfvirt_fake/%s", pf_bdf);
	CHECK_OK(file_read(path, text, sizeof(text)));
	CHECK(sscanf(text, "%u %u %u %u %d %llx", &seen.executed, &seen.running,
		     &seen.running_max, &seen.exclusive_broken, &seen.list_member,
		     &seen.used_opcodes) == 6, "cannot understand \"%s\"", text);
	return seen;
}
