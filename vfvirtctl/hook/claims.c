// SPDX-License-Identifier: GPL-2.0-or-later
/* Claims of a domain: made again when libvirtd comes back, dropped when the domain has ended. */
#include <dirent.h>

#include "cleanup.h"
#include "hook.h"
#include "host.h"
#include "publish.h"
#include "text.h"

static void close_folder(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

void vfv_hook_reconnect(const struct vfv_host *host, const struct vfv_domain *domain)
{
	for (size_t i = 0; i < domain->device_count; i++)
		if (vfv_hook_owns(host, &domain->devices[i]))
			vfv_claim_take(host, &domain->devices[i], domain->uuid, domain->name, NULL);
}

void vfv_hook_release(const struct vfv_host *host, const char *uuid)
{
	VFV_FREE char *path = vfv_text("%s/claims", host->run);
	__attribute__((cleanup(close_folder))) DIR *folder = path ? opendir(path) : NULL;
	struct vfv_address address;
	struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		if (vfv_address_parse(entry->d_name, &address))
			vfv_claim_drop(host, &address, uuid);
}
