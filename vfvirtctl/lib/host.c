/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where things are on this host: the environment, else the usual places. */
#include "host.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* One row a path. fallback NULL: the path stays NULL without its variable. */
static const struct row {
	size_t offset;
	const char *variable;
	const char *fallback;
} rows[] = {
	{offsetof(struct vfv_host, sysfs), "VFVIRT_SYSFS", "/sys"},
	{offsetof(struct vfv_host, procfs), "VFVIRT_PROCFS", "/proc"},
	{offsetof(struct vfv_host, run), "VFVIRT_RUN", "/run/vfvirt"},
	{offsetof(struct vfv_host, intent), "VFVIRT_INTENT", "/etc/vfvirt/pf.d"},
	{offsetof(struct vfv_host, intent_vendor), "VFVIRT_INTENT_VENDOR", "/usr/lib/vfvirt/pf.d"},
	{offsetof(struct vfv_host, netlink), "VFVIRT_NETLINK", NULL},
	{offsetof(struct vfv_host, uevents), "VFVIRT_UEVENTS", NULL},
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static char **path_of(struct vfv_host *host, const struct row *row)
{
	return (char **)((char *)host + row->offset);
}

/* A variable that is set to something; an empty one counts as not set. */
static const char *variable(const char *name)
{
	const char *value = secure_getenv(name);

	return value && *value ? value : NULL;
}

/* systemd's run folder of the service: the first, when several are listed with ':' between. */
static char *runtime_directory(void)
{
	const char *value = variable("RUNTIME_DIRECTORY");

	return value ? strndup(value, strcspn(value, ":")) : NULL;
}

struct vfv_host *vfv_host_new(void)
{
	struct vfv_host *host = calloc(1, sizeof(*host));

	if (!host)
		return NULL;
	for (size_t i = 0; i < ROW_COUNT; i++) {
		char **path = path_of(host, &rows[i]);
		const char *value = variable(rows[i].variable);

		if (!value && path == &host->run)
			*path = runtime_directory();
		if (!value)
			value = rows[i].fallback;
		if (!*path && value)
			*path = strdup(value);
		if (value && !*path) {
			vfv_host_free(host);
			return NULL;
		}
	}
	return host;
}

void vfv_host_free(struct vfv_host *host)
{
	if (!host)
		return;
	for (size_t i = 0; i < ROW_COUNT; i++)
		free(*path_of(host, &rows[i]));
	free(host);
}
