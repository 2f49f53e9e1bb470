/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network interface of a function, and whether the host uses it. */
#include "netdev.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "host.h"
#include "text.h"

/* Columns of /proc/net/if_inet6 and its value for link-local addresses. */
#define INET6_SCOPE_COLUMN 3
#define INET6_NAME_COLUMN  5
#define INET6_SCOPE_LINK   "20"
#define COLUMNS_MAX	   6

static void cleanup_file(FILE **stream)
{
	if (*stream)
		fclose(*stream);
}
#define CLOSE_FILE __attribute__((cleanup(cleanup_file)))

static int take_first(void *context, const char *entry)
{
	char *ret_name = context;

	if (!vfv_text_is_name(entry, IFNAMSIZ - 1))
		return 0;
	snprintf(ret_name, VFV_SYSFS_TEXT_BYTES, "%s", entry);
	return 1;
}

/* Interfaces that are made on top of one appear in its folder as upper_NAME. */
static int is_upper(void *context, const char *entry)
{
	return !strncmp(entry, "upper_", strlen("upper_"));
}

/* Cut a line at blanks; the number of columns. */
static size_t split(char *line, char *columns[COLUMNS_MAX])
{
	size_t count = 0;
	char *rest = NULL;

	for (char *word = strtok_r(line, " \t\n", &rest); word && count < COLUMNS_MAX;
	     word = strtok_r(NULL, " \t\n", &rest))
		columns[count++] = word;
	return count;
}

static bool is_route_of(char *line, const char *name)
{
	char *columns[COLUMNS_MAX];

	return split(line, columns) > 0 && !strcmp(columns[0], name);
}

static bool is_address_of(char *line, const char *name)
{
	char *columns[COLUMNS_MAX];

	return split(line, columns) > INET6_NAME_COLUMN &&
	       !strcmp(columns[INET6_NAME_COLUMN], name) &&
	       strcmp(columns[INET6_SCOPE_COLUMN], INET6_SCOPE_LINK);
}

/* Whether a line of a file in /proc/net is about an interface; a missing file says nothing. */
static bool is_named_in(const struct vfv_host *host, const char *file, const char *name,
			bool (*is_about)(char *line, const char *name))
{
	char path[PATH_MAX];
	VFV_FREE char *line = NULL;
	size_t room = 0;

	if ((size_t)snprintf(path, sizeof(path), "%s/net/%s", host->procfs, file) >= sizeof(path))
		return false;
	CLOSE_FILE FILE *stream = fopen(path, "re");

	if (!stream)
		return false;
	while (getline(&line, &room, stream) >= 0)
		if (is_about(line, name))
			return true;
	return false;
}

static bool is_in_use(const struct vfv_host *host, int folder, const char *name)
{
	char master[VFV_SYSFS_TEXT_BYTES];
	uint64_t flags;

	if (vfv_sysfs_number(folder, "flags", 16, UINT32_MAX, &flags) || !(flags & IFF_UP))
		return false;
	return !vfv_sysfs_link(folder, "master", master) ||
	       vfv_sysfs_each(folder, ".", is_upper, NULL) > 0 ||
	       is_named_in(host, "route", name, is_route_of) ||
	       is_named_in(host, "if_inet6", name, is_address_of);
}

int vfv_netdev_read(const struct vfv_host *host, int folder, struct vfv_netdev *ret_netdev)
{
	struct vfv_netdev netdev = {0};
	char path[sizeof("net/") + VFV_SYSFS_TEXT_BYTES], text[VFV_SYSFS_TEXT_BYTES];
	int found = vfv_sysfs_each(folder, "net", take_first, netdev.name);

	if (found <= 0)
		return found ? found : -ENOENT;
	snprintf(path, sizeof(path), "net/%s", netdev.name);
	VFV_CLOSE int own = vfv_sysfs_folder_at(folder, path);

	if (own < 0)
		return own;
	netdev.in_use = is_in_use(host, own, netdev.name);
	netdev.has_mac = !vfv_sysfs_text(own, "address", text) && vfv_text_mac(text, netdev.mac);
	*ret_netdev = netdev;
	return 0;
}
