/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small reads and writes of sysfs, relative to an open folder. */
#include "sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "host.h"
#include "text.h"

int vfv_sysfs_folder_at(int folder, const char *name)
{
	int fd = openat(folder, name, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int vfv_sysfs_folder(const struct vfv_host *host, const char *name)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", host->sysfs, name) >= sizeof(path))
		return -ENAMETOOLONG;
	return vfv_sysfs_folder_at(AT_FDCWD, path);
}

int vfv_sysfs_device(const struct vfv_host *host, const struct vfv_address *address)
{
	char name[sizeof(VFV_PCI_DEVICES) + 1 + VFV_ADDRESS_BYTES];
	char text[VFV_ADDRESS_BYTES];

	snprintf(name, sizeof(name), "%s/%s", VFV_PCI_DEVICES, vfv_address_format(address, text));
	return vfv_sysfs_folder(host, name);
}

/* Whether all bytes may be shown to a person: printable ASCII. */
static bool is_printable(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return true;
}

int vfv_sysfs_text(int folder, const char *name, char ret_text[VFV_SYSFS_TEXT_BYTES])
{
	VFV_CLOSE int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char text[VFV_SYSFS_TEXT_BYTES + 1];
	ssize_t length;

	if (fd < 0)
		return -errno;
	length = read(fd, text, sizeof(text));
	if (length < 0)
		return -errno;
	if (length && text[length - 1] == '\n')
		length--;
	if (length >= VFV_SYSFS_TEXT_BYTES || !is_printable(text, (size_t)length))
		return -EBADMSG;
	memcpy(ret_text, text, (size_t)length);
	ret_text[length] = '\0';
	return 0;
}

int vfv_sysfs_number(int folder, const char *name, unsigned int base, uint64_t max,
		     uint64_t *ret_number)
{
	char text[VFV_SYSFS_TEXT_BYTES];
	const char *digits = text;
	int error = vfv_sysfs_text(folder, name, text);

	if (error)
		return error;
	if (base == 16) {
		if (strncmp(text, "0x", 2))
			return -EBADMSG;
		digits += 2;
	}
	return vfv_text_number(digits, base, max, ret_number) ? -EBADMSG : 0;
}

int vfv_sysfs_link(int folder, const char *name, char ret_name[VFV_SYSFS_TEXT_BYTES])
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(folder, name, target, sizeof(target) - 1);
	const char *last;

	if (length < 0)
		return -errno;
	target[length] = '\0';
	last = strrchr(target, '/');
	last = last ? last + 1 : target;
	if (!vfv_text_is_name(last, VFV_SYSFS_TEXT_BYTES - 1))
		return -EBADMSG;
	memcpy(ret_name, last, strlen(last) + 1);
	return 0;
}

int vfv_sysfs_link_address(int folder, const char *name, struct vfv_address *ret_address)
{
	char text[VFV_SYSFS_TEXT_BYTES];
	int error = vfv_sysfs_link(folder, name, text);

	if (error)
		return error;
	return vfv_address_parse(text, ret_address) ? 0 : -EBADMSG;
}

/* Visit the entries that one call returned. */
static int visit_some(const char *entries, size_t length, unsigned int *count,
		      int (*visit)(void *context, const char *entry), void *context)
{
	int result = 0;

	for (size_t at = 0; at < length && !result;) {
		const struct dirent64 *entry = (const void *)(entries + at);

		at += entry->d_reclen;
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		result = ++*count > VFV_SYSFS_ENTRIES_MAX ? -E2BIG : visit(context, entry->d_name);
	}
	return result;
}

int vfv_sysfs_each(int folder, const char *name, int (*visit)(void *context, const char *entry),
		   void *context)
{
	VFV_CLOSE int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* readdir() would cost three more calls for each folder. */
	char entries[8192] __attribute__((aligned(__alignof__(struct dirent64))));
	unsigned int count = 0;
	int result = 0;

	if (fd < 0)
		return -errno;
	while (!result) {
		ssize_t length = getdents64(fd, entries, sizeof(entries));

		if (length <= 0)
			return length ? -errno : 0;
		result = visit_some(entries, (size_t)length, &count, visit, context);
	}
	return result;
}

int vfv_sysfs_write(int folder, const char *name, const char *text)
{
	VFV_CLOSE int fd = openat(folder, name, O_WRONLY | O_CLOEXEC);
	size_t length = strlen(text);
	ssize_t written;

	if (fd < 0)
		return -errno;
	written = write(fd, text, length);
	if (written < 0)
		return -errno;
	return (size_t)written == length ? 0 : -EIO;
}

/* A name that is a prefix and a number, and where to put it. */
struct numbered {
	const char *prefix;
	char *ret_name;
};

static int take_numbered(void *context, const char *entry)
{
	const struct numbered *wanted = context;
	size_t length = strlen(wanted->prefix);
	uint64_t number;

	if (strncmp(entry, wanted->prefix, length) ||
	    vfv_text_number(entry + length, 10, UINT32_MAX, &number))
		return 0;
	snprintf(wanted->ret_name, VFV_SYSFS_TEXT_BYTES, "%s", entry);
	return 1;
}

/* The first entry of a folder that is a prefix and a number. */
static int find_numbered(int folder, const char *name, const char *prefix,
			 char ret_name[VFV_SYSFS_TEXT_BYTES])
{
	struct numbered wanted = {.prefix = prefix, .ret_name = ret_name};
	int found = vfv_sysfs_each(folder, name, take_numbered, &wanted);

	return found > 0 ? 0 : found ? found : -ENOENT;
}

int vfv_sysfs_virtio_child(int folder, char ret_name[VFV_SYSFS_TEXT_BYTES])
{
	return find_numbered(folder, ".", "virtio", ret_name);
}

int vfv_sysfs_vfio_name(int folder, char ret_name[VFV_SYSFS_TEXT_BYTES])
{
	return find_numbered(folder, "vfio-dev", "vfio", ret_name);
}

/* What the look at an IOMMU group needs to know, and finds. */
struct group_look {
	const struct vfv_host *host;
	const struct vfv_address *self;
	char *ret_text;
};

/* Whether a driver does no DMA of its own, so that the group stays a guest's. */
static bool is_harmless_driver(const char *driver)
{
	return !strcmp(driver, "pcieport") || !strcmp(driver, "pci-stub");
}

static int look_at_member(void *context, const char *entry)
{
	const struct group_look *look = context;
	char driver[VFV_SYSFS_TEXT_BYTES], vfio[VFV_SYSFS_TEXT_BYTES], text[VFV_ADDRESS_BYTES];
	struct vfv_address address;
	int error;

	if (!vfv_address_parse(entry, &address) || !vfv_address_compare(&address, look->self))
		return 0;
	VFV_CLOSE int folder = vfv_sysfs_device(look->host, &address);

	if (folder < 0)
		return folder == -ENOENT ? 0 : folder;
	error = vfv_sysfs_link(folder, "driver", driver);
	if (error)
		return error == -ENOENT ? 0 : error;
	if (is_harmless_driver(driver) || !vfv_sysfs_vfio_name(folder, vfio))
		return 0;
	snprintf(look->ret_text, VFV_SYSFS_TEXT_BYTES, "%s (%.200s)",
		 vfv_address_format(&address, text), driver);
	return 1;
}

int vfv_sysfs_group_obstacle(const struct vfv_host *host, int folder,
			     const struct vfv_address *address, char ret_text[VFV_SYSFS_TEXT_BYTES])
{
	struct group_look look = {.host = host, .self = address, .ret_text = ret_text};

	return vfv_sysfs_each(folder, "iommu_group/devices", look_at_member, &look);
}
