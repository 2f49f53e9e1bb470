/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of the search for users, in a made-up folder in place of /proc. */
#include "users.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"
#include "unit.h"

static struct vfv_host host;
static char folder[PATH_MAX];
static struct vfv_vf vfs[2];
static struct vfv_vf *const both[] = {&vfs[0], &vfs[1]};

/* No processes, and two VFs in groups 12 and 120. */
static void start(void)
{
	snprintf(folder, sizeof(folder), "%s", unit_folder());
	host = (struct vfv_host){.procfs = folder};
	memset(vfs, 0, sizeof(vfs));
	vfs[0].iommu_group = 12;
	vfs[0].vfio_name = (char *)"vfio1";
	vfs[1].iommu_group = 120;
	vfs[1].vfio_name = (char *)"vfio12";
}

/* A process with one open file. */
static void add_process(const char *pid, const char *command, const char *target)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", folder, pid);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/%s/fd", folder, pid);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/%s/comm", folder, pid);
	if (command)
		unit_write(path, command);
	for (int i = 0;; i++) {
		snprintf(path, sizeof(path), "%s/%s/fd/%d", folder, pid, i);
		if (!symlink(target, path))
			return;
		assert_int_equal(errno, EEXIST);
	}
}

static void find(void)
{
	struct vfv_error error = VFV_NO_ERROR;

	if (vfv_users_find(&host, both, 2, &error))
		fail_msg("%s", error.text);
}

static void forget(void)
{
	for (int i = 0; i < 2; i++) {
		for (size_t j = 0; j < vfs[i].user_count; j++)
			free(vfs[i].users[j].command);
		free(vfs[i].users);
	}
}

TEST(users_are_found_by_group_and_by_device)
{
	start();
	add_process("7", "qemu\n", "/dev/vfio/12");
	add_process("8", "vmm\n", "/dev/vfio/devices/vfio12");
	find();
	assert_int_equal(vfs[0].user_count, 1);
	assert_int_equal(vfs[0].users[0].pid, 7);
	assert_string_equal(vfs[0].users[0].command, "qemu");
	assert_int_equal(vfs[1].user_count, 1);
	assert_int_equal(vfs[1].users[0].pid, 8);
	forget();
}

TEST(users_of_other_files_are_none)
{
	static const char *const others[] = {
		"/dev/vfio/1",	    "/dev/vfio/vfio",	  "/dev/vfio/12x",  "/dev/vfio/",
		"/dev/vfio/012345", "socket:[12]",	  "/tmp/dev/vfio/12", "/dev/vfio/devices/vfio",
		"/dev/vfio/-12",    "/dev/vfio/devices/", "12",
	};

	start();
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		add_process("7", "qemu", others[i]);
	add_process("self", "me", "/dev/vfio/12");
	add_process("7x", "me", "/dev/vfio/12");
	find();
	assert_int_equal(vfs[0].user_count + vfs[1].user_count, 0);
}

TEST(users_are_named_once_each)
{
	start();
	add_process("7", "qemu\n", "/dev/vfio/12");
	add_process("7", "qemu\n", "/dev/vfio/12");
	add_process("7", "qemu\n", "/dev/vfio/devices/vfio1");
	add_process("9", "other\n", "/dev/vfio/noiommu-12");
	find();
	assert_int_equal(vfs[0].user_count, 2);
	/* And a second search replaces the first. */
	find();
	assert_int_equal(vfs[0].user_count, 2);
	forget();
}

TEST(users_with_hostile_names_are_shown_safely)
{
	start();
	add_process("7", "a\x1b[2Jb\n", "/dev/vfio/12");
	add_process("8", NULL, "/dev/vfio/120");
	find();
	assert_string_equal(vfs[0].users[0].command, "?");
	assert_string_equal(vfs[1].users[0].command, "?");
	forget();
}

TEST(users_of_a_vf_without_driver_are_none)
{
	start();
	vfs[0].vfio_name = NULL;
	add_process("7", "qemu", "/dev/vfio/12");
	find();
	assert_int_equal(vfs[0].user_count, 0);
}

TEST(users_without_proc_are_an_error)
{
	struct vfv_error error = VFV_NO_ERROR;

	start();
	host.procfs = (char *)"/nowhere";
	assert_int_equal(vfv_users_find(&host, both, 2, &error), -ENOENT);
	assert_int_equal(error.code, VFV_ERROR_KERNEL_IO);
}

TEST(users_that_may_not_be_seen_are_an_error)
{
	struct vfv_error error = VFV_NO_ERROR;
	char path[PATH_MAX + 64];
	int result;

	if (geteuid())
		skip();
	start();
	add_process("7", "qemu\n", "/dev/vfio/12");
	add_process("8", "other\n", "/dev/vfio/12");
	snprintf(path, sizeof(path), "%s/8/fd", folder);
	assert_int_equal(chmod(path, 0), 0);
	/* From within, so that the folders above need not be open to all. */
	host.procfs = (char *)".";
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(seteuid(65534), 0);
	result = vfv_users_find(&host, both, 2, &error);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(result, -EACCES);
	assert_int_equal(error.code, VFV_ERROR_ACCESS);
	/* What could be seen is there. */
	assert_int_equal(vfs[0].user_count, 1);
	forget();
}

/* The domain of VF 0 when the QEMU that has it open was started with these words. */
static const char *domain_of(const char *words, size_t length)
{
	static char domain[256];
	char path[PATH_MAX + 64];
	FILE *file;

	start();
	add_process("77", "qemu-system-x86\n", "/dev/vfio/12");
	snprintf(path, sizeof(path), "%s/77/cmdline", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(words, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
	find();
	assert_int_equal(vfs[0].user_count, 1);
	snprintf(domain, sizeof(domain), "%s", vfs[0].domain ? vfs[0].domain : "(none)");
	free(vfs[0].domain);
	vfs[0].domain = NULL;
	forget();
	return domain;
}

#define DOMAIN_OF(words) domain_of(words, sizeof(words) - 1)

TEST(users_that_run_a_domain_name_it)
{
	assert_string_equal(DOMAIN_OF("qemu\0-name\0guest=web1,debug-threads=on\0-S\0"), "web1");
	assert_string_equal(DOMAIN_OF("qemu\0-name\0guest=a,,b,x=y\0"), "a,b");
	assert_string_equal(DOMAIN_OF("qemu\0-name\0guest=last"), "last");
}

TEST(users_with_odd_command_lines_name_no_domain)
{
	static char long_line[20000];

	assert_string_equal(DOMAIN_OF(""), "(none)");
	assert_string_equal(DOMAIN_OF("qemu\0-name\0"), "(none)");
	assert_string_equal(DOMAIN_OF("qemu\0-name\0guest=\0"), "(none)");
	assert_string_equal(DOMAIN_OF("qemu\0-name\0guest=,x\0"), "(none)");
	assert_string_equal(DOMAIN_OF("qemu\0-name\0web1\0"), "(none)");
	assert_string_equal(DOMAIN_OF("qemu\0-name\0guest=a\033[2Jb\0"), "(none)");
	memset(long_line, 'x', sizeof(long_line));
	assert_string_equal(domain_of(long_line, sizeof(long_line)), "(none)");
	memcpy(long_line, "q\0-name\0guest=", 14);
	assert_int_equal(strlen(domain_of(long_line, sizeof(long_line))), 255);
}

TEST(users_are_described_by_what_is_known)
{
	struct vfv_user user = {.pid = 7, .command = (char *)"qemu"};
	struct vfv_vf vf = {.open_count = 1};
	char text[64];

	assert_true(vfv_vf_is_used(&vf));
	assert_string_equal(vfv_users_describe(&vf, text, sizeof(text)),
			    "a process that has it open");
	vf.users = &user;
	vf.user_count = 1;
	assert_string_equal(vfv_users_describe(&vf, text, sizeof(text)), "qemu (process 7)");
	vf.claim_uuid = (char *)"c7a5";
	assert_string_equal(vfv_users_describe(&vf, text, sizeof(text)), "the domain c7a5");
	vf.domain = (char *)"web1";
	assert_string_equal(vfv_users_describe(&vf, text, sizeof(text)), "the domain web1");
	vf = (struct vfv_vf){.open_count = VFV_UNKNOWN};
	assert_false(vfv_vf_is_used(&vf));
}
