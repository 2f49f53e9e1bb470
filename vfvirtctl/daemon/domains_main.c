/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vfvirt-domains: asks libvirt which domain has which PCI devices, for vfvirtd. A process of its
 * own because libvirt may not answer; the only program of vfvirt's that links libvirt.
 *
 * Writes a line {"domain": NAME, "uuid": UUID, "devices": [ADDRESS...]} for each running domain, and
 * {"complete": true} when none is left out; or {"problem": TEXT}. Nothing when libvirt does not run:
 * its sockets belong to systemd, and connecting would start it.
 */
#include <errno.h>
#include <fcntl.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "domain.h"
#include "json.h"

#define DEFAULT_URI "qemu:///system"

/* The monolithic daemon and the modular one, each with a lock on its file while it runs. */
static const char *const pid_files[] = {"/run/libvirtd.pid", "/run/virtqemud.pid"};

static bool is_locked(const char *path)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
	int fd VFV_CLOSE = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	return fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static bool is_running(void)
{
	const char *other = getenv("VFVIRT_LIBVIRT_PIDFILE");

	if (other)
		return is_locked(other);
	for (size_t i = 0; i < sizeof(pid_files) / sizeof(pid_files[0]); i++)
		if (is_locked(pid_files[i]))
			return true;
	return false;
}

static void write_line(struct json_object *object)
{
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
}

static void write_problem(const char *what)
{
	struct json_object *object VFV_JSON = json_object_new_object();
	const char *why = virGetLastErrorMessage();
	char text[512];

	snprintf(text, sizeof(text), "libvirt: %s: %s", what, why);
	if (object && vfv_json_add_text(object, "problem", text))
		write_line(object);
}

static void write_domain(const struct vfv_domain *domain)
{
	struct json_object *object VFV_JSON = json_object_new_object();
	struct json_object *devices = json_object_new_array();
	char address[VFV_ADDRESS_BYTES];

	for (size_t i = 0; devices && i < domain->device_count; i++)
		json_object_array_add(devices, json_object_new_string(vfv_address_format(
						       &domain->devices[i], address)));
	if (object && vfv_json_add_text(object, "domain", domain->name) &&
	    (!domain->uuid || vfv_json_add_text(object, "uuid", domain->uuid)) &&
	    vfv_json_add(object, "devices", devices))
		write_line(object);
}

/* False: what the domain has cannot be told. */
static bool tell_domain(virDomainPtr handle)
{
	struct vfv_domain domain = {0};
	char *text = virDomainGetXMLDesc(handle, 0);
	bool known = text &&
		     !vfv_domain_parse(virDomainGetName(handle), text, strlen(text), &domain, NULL);

	if (known)
		write_domain(&domain);
	vfv_domain_clear(&domain);
	free(text);
	/* One that ended meanwhile has nothing any more. */
	return known || (!text && virGetLastErrorCode() == VIR_ERR_NO_DOMAIN);
}

static void write_complete(void)
{
	struct json_object *object VFV_JSON = json_object_new_object();

	if (object && vfv_json_add(object, "complete", json_object_new_boolean(true)))
		write_line(object);
}

/* Errors are reported in the line, not on standard error. */
static void keep_quiet(void *context, virErrorPtr error)
{
}

int main(void)
{
	const char *uri = getenv("VFVIRT_LIBVIRT_URI");
	virDomainPtr *domains = NULL;
	virConnectPtr connection;
	bool complete = true;
	int count;

	if (!is_running())
		return 0;
	virSetErrorFunc(NULL, keep_quiet);
	connection = virConnectOpenReadOnly(uri ? uri : DEFAULT_URI);
	if (!connection) {
		write_problem("cannot connect");
		return 1;
	}
	count = virConnectListAllDomains(connection, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
	if (count < 0)
		write_problem("cannot list domains");
	for (int i = 0; i < count; i++) {
		complete &= tell_domain(domains[i]);
		virDomainFree(domains[i]);
	}
	if (count >= 0 && complete)
		write_complete();
	free(domains);
	virConnectClose(connection);
	return count < 0;
}
