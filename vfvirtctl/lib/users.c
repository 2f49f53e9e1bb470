/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who has VFs open, found by the open files of all processes. */
#include "users.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "host.h"
#include "sysfs.h"
#include "text.h"

#define VFIO_FOLDER  "/dev/vfio/"
#define VFIO_DEVICES "/dev/vfio/devices/"
#define NAME_KEY     "guest="

/* The name stands near the start of a command line, whose rest may be as long as it likes. */
#define COMMAND_LINE_BYTES 8192

/* One search through the open files. */
struct search {
	struct vfv_vf *const *vfs;
	size_t count;
	int procfs;
	pid_t pid;   /* the process that is being looked at */
	int files;   /* its fd/ */
	bool hidden; /* the files of some process may not be seen */
};

/* A domain's name as QEMU's -name has it, up to a comma that is not doubled; NULL: none. */
static char *name_in(const char *words)
{
	const char *from = strncmp(words, NAME_KEY, strlen(NAME_KEY)) ? NULL : words;
	char name[VFV_SYSFS_TEXT_BYTES];
	size_t length = 0;

	if (!from)
		return NULL;
	for (from += strlen(NAME_KEY); *from && length < sizeof(name) - 1; from++) {
		if (*from == ',' && *++from != ',')
			break;
		if ((unsigned char)*from < ' ' || *from == 0x7f)
			return NULL;
		name[length++] = *from;
	}
	return length ? strndup(name, length) : NULL;
}

/*
 * The domain that a QEMU runs, as libvirt wrote it on its command line: a VF that was attached to a
 * running guest has no claim, and libvirt is not asked here. A label for people; NULL: none.
 */
static char *find_domain(const struct search *search)
{
	char path[32], text[COMMAND_LINE_BYTES];
	ssize_t length = 0, got;

	snprintf(path, sizeof(path), "%d/cmdline", (int)search->pid);
	VFV_CLOSE int fd = openat(search->procfs, path, O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && length < (ssize_t)sizeof(text) - 1 &&
	       (got = read(fd, text + length, sizeof(text) - 1 - (size_t)length)) > 0)
		length += got;
	text[length] = '\0';
	for (const char *word = text; word < text + length; word += strlen(word) + 1)
		if (!strcmp(word, "-name") && word + strlen(word) + 1 < text + length)
			return name_in(word + strlen(word) + 1);
	return NULL;
}

/* Remember that the process has the VF open, once. */
static int add_user(struct search *search, struct vfv_vf *vf)
{
	char name[32], command[VFV_SYSFS_TEXT_BYTES];
	struct vfv_user *grown;

	if (vf->user_count && vf->users[vf->user_count - 1].pid == search->pid)
		return 0;
	grown = reallocarray(vf->users, vf->user_count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	vf->users = grown;
	snprintf(name, sizeof(name), "%d/comm", (int)search->pid);
	if (vfv_sysfs_text(search->procfs, name, command))
		snprintf(command, sizeof(command), "?");
	grown[vf->user_count].pid = search->pid;
	grown[vf->user_count].command = strdup(command);
	if (!grown[vf->user_count].command)
		return -ENOMEM;
	vf->user_count++;
	if (!vf->domain)
		vf->domain = find_domain(search);
	return 0;
}

/* Whether an open file, by its path, is that of a VF. */
static bool is_file_of(const struct vfv_vf *vf, const char *path)
{
	uint64_t group;

	if (!strncmp(path, VFIO_DEVICES, strlen(VFIO_DEVICES)))
		return vf->vfio_name && !strcmp(path + strlen(VFIO_DEVICES), vf->vfio_name);
	path += strlen(VFIO_FOLDER);
	if (!strncmp(path, "noiommu-", strlen("noiommu-")))
		path += strlen("noiommu-");
	return vf->vfio_name && vf->iommu_group >= 0 &&
	       !vfv_text_number(path, 10, INT_MAX, &group) && group == (uint64_t)vf->iommu_group;
}

static int look_at_file(void *context, const char *entry)
{
	struct search *search = context;
	char target[PATH_MAX];
	ssize_t length = readlinkat(search->files, entry, target, sizeof(target) - 1);
	int error = 0;

	if (length < 0)
		return 0;
	target[length] = '\0';
	if (strncmp(target, VFIO_FOLDER, strlen(VFIO_FOLDER)))
		return 0;
	for (size_t i = 0; i < search->count && !error; i++)
		if (is_file_of(search->vfs[i], target))
			error = add_user(search, search->vfs[i]);
	return error;
}

/* A process that ends while it is looked at has nothing open any more. */
static int look_at_process(void *context, const char *entry)
{
	struct search *search = context;
	uint64_t pid;
	char name[64];
	int error;

	if (vfv_text_number(entry, 10, INT_MAX, &pid))
		return 0;
	snprintf(name, sizeof(name), "%s/fd", entry);
	VFV_CLOSE int files = openat(search->procfs, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (files < 0) {
		search->hidden |= errno == EACCES || errno == EPERM;
		return 0;
	}
	search->pid = (pid_t)pid;
	search->files = files;
	error = vfv_sysfs_each(files, ".", look_at_file, search);
	if (error == -EACCES || error == -EPERM)
		search->hidden = true;
	return error == -ENOMEM ? error : 0;
}

static void forget_users(struct vfv_vf *vf)
{
	for (size_t i = 0; i < vf->user_count; i++)
		free(vf->users[i].command);
	free(vf->users);
	vf->users = NULL;
	vf->user_count = 0;
}

int vfv_users_find(const struct vfv_host *host, struct vfv_vf *const *vfs, size_t count,
		   struct vfv_error *ret_error)
{
	VFV_CLOSE int procfs = vfv_sysfs_folder_at(AT_FDCWD, host->procfs);
	struct search search = {.vfs = vfs, .count = count, .procfs = procfs};
	int error;

	for (size_t i = 0; i < count; i++)
		forget_users(vfs[i]);
	error = procfs < 0 ? procfs : vfv_sysfs_each(procfs, ".", look_at_process, &search);
	if (error == -ENOMEM)
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, error, "no memory");
	if (error)
		return vfv_error_set(ret_error, VFV_ERROR_KERNEL_IO, error,
				     "%s: cannot look for open files: %s", host->procfs,
				     strerror(-error));
	if (search.hidden)
		return vfv_error_set(ret_error, VFV_ERROR_ACCESS, EACCES,
				     "%s: cannot see the open files of all processes: run as root",
				     host->procfs);
	return 0;
}

/* Whether all that is known is a file that names no domain. */
static bool is_unreadable(const struct vfv_vf *vf)
{
	return !vf->domain && !vf->user_count && vf->open_count <= 0 &&
	       vfv_text_equal(vf->claim_uuid, VFV_CLAIM_UNREADABLE);
}

const char *vfv_users_remedy(const struct vfv_vf *vf)
{
	return is_unreadable(vf) ? "remove its file in /run/vfvirt/claims if no domain has it"
				 : "detach it from its user first";
}

const char *vfv_users_describe(const struct vfv_vf *vf, char *ret_text, size_t size)
{
	if (vf->domain)
		snprintf(ret_text, size, "the domain %s", vf->domain);
	else if (vf->claim_uuid && !vfv_text_equal(vf->claim_uuid, VFV_CLAIM_UNREADABLE))
		snprintf(ret_text, size, "the domain %s", vf->claim_uuid);
	else if (vf->user_count)
		snprintf(ret_text, size, "%s (process %d)", vf->users[0].command,
			 (int)vf->users[0].pid);
	else if (is_unreadable(vf))
		snprintf(ret_text, size, VFV_CLAIM_UNREADABLE);
	else
		snprintf(ret_text, size, "a process that has it open");
	return ret_text;
}

bool vfv_vf_is_used(const struct vfv_vf *vf)
{
	return vf->user_count || vf->open_count > 0 || vf->claim_uuid;
}
