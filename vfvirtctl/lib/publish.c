/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What lies in the run folder: hostdev files, claims of domains, entries for Nova. */
#include "publish.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "host.h"
#include "sysfs.h"
#include "text.h"

/* A UUID, a space, a name of libvirt's (at most 255 bytes of file name), a newline. */
#define CLAIM_BYTES_MAX 1024

/* How often a claim may come and go under our eyes before we give up. */
#define CLAIM_TRIES 3

char *vfv_hostdev_xml(const struct vfv_address *vf)
{
	return vfv_text(
		"<hostdev mode='subsystem' type='pci' managed='no'>\n"
		"  <source>\n"
		"    <address domain='0x%04x' bus='0x%02x' slot='0x%02x' function='0x%x'/>\n"
		"  </source>\n"
		"  <alias name='ua-vfvirt-%04x-%02x-%02x-%x'/>\n"
		"</hostdev>\n",
		vf->domain, vf->bus, vf->device, vf->function, vf->domain, vf->bus, vf->device,
		vf->function);
}

/* "RUN/FOLDER/NAME SUFFIX" into ret_path. */
static int place_name(const struct vfv_host *host, const char *folder, const char *name,
		      const char *suffix, char ret_path[PATH_MAX], struct vfv_error *ret_error)
{
	int length = snprintf(ret_path, PATH_MAX, "%s/%s/%s%s", host->run, folder, name, suffix);

	if (length < PATH_MAX)
		return 0;
	return vfv_error_set(ret_error, VFV_ERROR_STORAGE, ENAMETOOLONG,
			     "%s: cannot use %s: the path of the run folder is too long", name,
			     folder);
}

/* The same for a function. */
static int place(const struct vfv_host *host, const char *folder, const struct vfv_address *vf,
		 const char *suffix, char ret_path[PATH_MAX], struct vfv_error *ret_error)
{
	char text[VFV_ADDRESS_BYTES];

	return place_name(host, folder, vfv_address_format(vf, text), suffix, ret_path, ret_error);
}

/* Make the folder of a file in the run folder. */
static int make_folder(const struct vfv_host *host, const char *folder, struct vfv_error *ret_error)
{
	VFV_FREE char *path = vfv_text("%s/%s", host->run, folder);
	int error;

	if (!path)
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
	error = vfv_folder_make(path);
	if (error)
		return vfv_error_set(ret_error, VFV_ERROR_STORAGE, error,
				     "%s: cannot make the folder: %s", path, strerror(-error));
	return 0;
}

int vfv_publish(const struct vfv_host *host, const struct vfv_address *vf,
		struct vfv_error *ret_error)
{
	VFV_FREE char *xml = vfv_hostdev_xml(vf);
	char path[PATH_MAX];
	int error;

	if (!xml)
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
	error = place(host, "hostdev", vf, ".xml", path, ret_error);
	if (!error)
		error = make_folder(host, "hostdev", ret_error);
	if (error)
		return error;
	error = vfv_file_write(path, xml, strlen(xml), 0644);
	if (error)
		return vfv_error_set(ret_error, VFV_ERROR_STORAGE, error, "%s: cannot write: %s",
				     path, strerror(-error));
	return 0;
}

int vfv_unpublish(const struct vfv_host *host, const struct vfv_address *vf,
		  struct vfv_error *ret_error)
{
	char path[PATH_MAX];
	int error = place(host, "hostdev", vf, ".xml", path, ret_error);

	if (error)
		return error;
	error = vfv_file_remove(path);
	if (error && error != -ENOENT)
		return vfv_error_set(ret_error, VFV_ERROR_STORAGE, error, "%s: cannot remove: %s",
				     path, strerror(-error));
	return 0;
}

bool vfv_is_published(const struct vfv_host *host, const struct vfv_address *vf)
{
	char path[PATH_MAX];

	return !place(host, "hostdev", vf, ".xml", path, NULL) && !access(path, F_OK);
}

bool vfv_is_published_well(const struct vfv_host *host, const struct vfv_address *vf)
{
	VFV_FREE char *wanted = vfv_hostdev_xml(vf);
	VFV_FREE char *text = NULL;
	char path[PATH_MAX];
	size_t length;

	return wanted && !place(host, "hostdev", vf, ".xml", path, NULL) &&
	       !vfv_file_read(path, strlen(wanted), &text, &length) && length == strlen(wanted) &&
	       !memcmp(text, wanted, length);
}

/* Remove the files "ADDRESS ENDING" of a folder whose function is not there any more. */
static void remove_absent(const struct vfv_host *host, const char *folder_name, const char *ending)
{
	VFV_CLOSE int devices = vfv_sysfs_folder(host, VFV_PCI_DEVICES);
	VFV_FREE char *folder_path = vfv_text("%s/%s", host->run, folder_name);
	DIR *folder = devices >= 0 && folder_path ? opendir(folder_path) : NULL;

	for (struct dirent *entry; folder && (entry = readdir(folder));) {
		char *name = entry->d_name, *dot = strrchr(name, '.');
		char text[VFV_ADDRESS_BYTES], path[PATH_MAX];
		struct vfv_address address;

		if (!dot || strcmp(dot, ending))
			continue;
		*dot = '\0';
		if (vfv_address_parse(name, &address) &&
		    faccessat(devices, vfv_address_format(&address, text), F_OK, 0) &&
		    errno == ENOENT && !place(host, folder_name, &address, ending, path, NULL))
			vfv_file_remove(path);
	}
	if (folder)
		closedir(folder);
}

void vfv_unpublish_absent(const struct vfv_host *host)
{
	remove_absent(host, "hostdev", ".xml");
	remove_absent(host, "nova", ".conf");
}

int vfv_publish_nova_folder(const struct vfv_host *host, struct vfv_error *ret_error)
{
	return make_folder(host, "nova", ret_error);
}

int vfv_publish_nova(const struct vfv_host *host, const struct vfv_address *pf, const char *text,
		     struct vfv_error *ret_error)
{
	VFV_FREE char *old = NULL;
	char path[PATH_MAX];
	int error = pf ? place(host, "nova", pf, ".conf", path, ret_error)
		       : place_name(host, "nova", "alias", ".conf", path, ret_error);

	if (error)
		return error;
	if (!text) {
		error = vfv_file_remove(path);
		if (error == -ENOENT)
			return 0;
	} else {
		if (!vfv_file_read(path, strlen(text), &old, NULL) && !strcmp(old, text))
			return 0;
		error = make_folder(host, "nova", ret_error);
		if (!error)
			error = vfv_file_write(path, text, strlen(text), 0644);
	}
	if (error)
		return vfv_error_set(ret_error, VFV_ERROR_STORAGE, error,
				     "%s: cannot be kept up to date: %s", path, strerror(-error));
	return 1;
}

/* Whether a text is a UUID in its usual form. */
static bool is_uuid(const char *text)
{
	for (size_t i = 0; i < VFV_UUID_BYTES - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return false;
	}
	return true;
}

/* Whether a domain's name can stand on one line: not empty, no control characters. */
static bool is_line(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

/* Take apart "UUID NAME\n"; false: it is no claim. *ret_name: in text, NULL: none. */
static bool parse_claim(char *text, size_t length, const char **ret_name)
{
	char *end = memchr(text, '\n', length);

	if (strlen(text) != length || !end || end != text + length - 1)
		return false;
	*end = '\0';
	if (strlen(text) < VFV_UUID_BYTES - 1 || !is_uuid(text))
		return false;
	text += VFV_UUID_BYTES - 1;
	*ret_name = *text ? text + 1 : NULL;
	return !*text || (*text == ' ' && is_line(text + 1));
}

int vfv_claim_read(const struct vfv_host *host, const struct vfv_address *vf,
		   char ret_uuid[VFV_UUID_BYTES], char **ret_domain, struct vfv_error *ret_error)
{
	VFV_FREE char *text = NULL;
	const char *name;
	char *domain = NULL;
	char path[PATH_MAX];
	size_t length;
	int error = place(host, "claims", vf, "", path, ret_error);

	if (error)
		return error;
	error = vfv_file_read(path, CLAIM_BYTES_MAX, &text, &length);
	if (error == -ENOENT)
		return 0;
	if (error)
		return vfv_error_set(ret_error, VFV_ERROR_STORAGE, error, "%s: cannot read: %s",
				     path, strerror(-error));
	if (!parse_claim(text, length, &name))
		return vfv_error_set(ret_error, VFV_ERROR_STORAGE, EBADMSG,
				     "%s: is no claim of a domain: remove it", path);
	if (name) {
		domain = strdup(name);
		if (!domain)
			return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
	}
	memcpy(ret_uuid, text, VFV_UUID_BYTES - 1);
	ret_uuid[VFV_UUID_BYTES - 1] = '\0';
	*ret_domain = domain;
	return 1;
}

/* Somebody has a claim on the VF: 0 when it is this domain's, -EAGAIN when it is gone again. */
static int check_claim(const struct vfv_host *host, const struct vfv_address *vf, const char *uuid,
		       struct vfv_error *ret_error)
{
	VFV_FREE char *domain = NULL;
	char other[VFV_UUID_BYTES], text[VFV_ADDRESS_BYTES];
	int found = vfv_claim_read(host, vf, other, &domain, ret_error);

	if (found < 0)
		return found;
	if (!found)
		return -EAGAIN;
	if (!strcmp(other, uuid))
		return 0;
	return vfv_error_set(ret_error, VFV_ERROR_IN_USE, EEXIST, "%s: is in use by the domain %s",
			     vfv_address_format(vf, text), domain ? domain : other);
}

int vfv_claim_take(const struct vfv_host *host, const struct vfv_address *vf, const char *uuid,
		   const char *domain, struct vfv_error *ret_error)
{
	VFV_FREE char *line = NULL;
	char path[PATH_MAX];
	int error;

	if (strlen(uuid) != VFV_UUID_BYTES - 1 || !is_uuid(uuid) || (domain && !is_line(domain)))
		return vfv_error_set(ret_error, VFV_ERROR_USAGE, EINVAL,
				     "this is no UUID and name of a domain");
	line = domain ? vfv_text("%s %s\n", uuid, domain) : vfv_text("%s\n", uuid);
	if (!line)
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
	error = place(host, "claims", vf, "", path, ret_error);
	if (!error)
		error = make_folder(host, "claims", ret_error);
	if (error)
		return error;
	for (int i = 0; i < CLAIM_TRIES; i++) {
		error = vfv_file_create(path, line, strlen(line), 0644);
		if (error == -EEXIST)
			error = check_claim(host, vf, uuid, ret_error);
		if (error != -EAGAIN)
			break;
	}
	/* What check_claim() said stays: the first error is kept. */
	if (error)
		return vfv_error_set(ret_error, VFV_ERROR_STORAGE, error, "%s: cannot write: %s",
				     path, strerror(-error));
	return 0;
}

uint64_t vfv_claim_stamp(const struct vfv_host *host, const struct vfv_address *vf)
{
	char path[PATH_MAX];
	struct stat found;

	if (place(host, "claims", vf, "", path, NULL) || lstat(path, &found))
		return 0;
	return (uint64_t)found.st_mtim.tv_sec * UINT64_C(1000000000) +
	       (uint64_t)found.st_mtim.tv_nsec;
}

int vfv_claim_drop(const struct vfv_host *host, const struct vfv_address *vf, const char *uuid)
{
	VFV_FREE char *domain = NULL;
	char other[VFV_UUID_BYTES], path[PATH_MAX];
	int found = vfv_claim_read(host, vf, other, &domain, NULL);

	if (found < 0)
		return found;
	if (!found || strcmp(other, uuid))
		return -ENOENT;
	found = place(host, "claims", vf, "", path, NULL);
	return found ? found : vfv_file_remove(path);
}
