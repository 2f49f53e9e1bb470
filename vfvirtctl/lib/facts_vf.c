/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the facts of one VF. Few system calls: with 240 VFs each one counts. */
#include "facts_vf.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "host.h"
#include "judge.h"
#include "mark.h"
#include "netdev.h"
#include "publish.h"
#include "sysfs.h"
#include "text.h"
#include "users.h"

int vfv_facts_text(int folder, const char *name, char **ret_text)
{
	char text[VFV_SYSFS_TEXT_BYTES];

	if (vfv_sysfs_text(folder, name, text))
		return 0;
	*ret_text = strdup(text);
	return *ret_text ? 0 : -ENOMEM;
}

int vfv_facts_link(int folder, const char *name, char **ret_text)
{
	char text[VFV_SYSFS_TEXT_BYTES];

	if (vfv_sysfs_link(folder, name, text))
		return 0;
	*ret_text = strdup(text);
	return *ret_text ? 0 : -ENOMEM;
}

int vfv_facts_override(int folder, char **ret_text)
{
	int error = vfv_facts_text(folder, "driver_override", ret_text);

	if (*ret_text && (!**ret_text || !strcmp(*ret_text, "(null)"))) {
		free(*ret_text);
		*ret_text = NULL;
	}
	return error;
}

int vfv_facts_numa_node(int folder)
{
	uint64_t node;

	/* The kernel says -1 where the firmware does not tell; that is no number here. */
	if (vfv_sysfs_number(folder, "numa_node", 10, INT_MAX, &node))
		return VFV_UNKNOWN;
	return (int)node;
}

/* The number of the IOMMU group, and who else is in it. */
static int read_group(const struct vfv_host *host, int folder, struct vfv_vf *vf)
{
	char text[VFV_SYSFS_TEXT_BYTES];
	uint64_t group;

	if (vfv_sysfs_link(folder, "iommu_group", text) ||
	    vfv_text_number(text, 10, INT_MAX, &group))
		return 0;
	vf->iommu_group = (int)group;
	if (vfv_sysfs_group_obstacle(host, folder, &vf->address, text) <= 0)
		return 0;
	vf->group_obstacle = strdup(text);
	return vf->group_obstacle ? 0 : -ENOMEM;
}

/* A VF on virtio-pci is an interface of the host; one that is in use is not ours to take. */
static int read_netdev(const struct vfv_host *host, int folder, struct vfv_vf *vf)
{
	char child[VFV_SYSFS_TEXT_BYTES];
	struct vfv_netdev netdev;

	if (!vfv_text_equal(vf->driver, VFV_DRIVER_VIRTIO) || vfv_sysfs_virtio_child(folder, child))
		return 0;
	VFV_CLOSE int below = vfv_sysfs_folder_at(folder, child);

	if (below < 0 || vfv_netdev_read(host, below, &netdev))
		return 0;
	vf->netdev = strdup(netdev.name);
	if (!vf->netdev)
		return -ENOMEM;
	if (!netdev.in_use)
		return 0;
	vf->state = VFV_VF_FOREIGN;
	vf->reason = vfv_text("the host uses its interface %s", netdev.name);
	return vf->reason ? 0 : -ENOMEM;
}

static int read_vfio(int folder, struct vfv_vf *vf)
{
	char text[VFV_SYSFS_TEXT_BYTES];

	if (!vf->driver || !vfv_is_vfio_driver(vf->driver) || vfv_sysfs_vfio_name(folder, text))
		return 0;
	vf->vfio_name = strdup(text);
	return vf->vfio_name ? 0 : -ENOMEM;
}

/* Whether "vfvirtctl bind" gave a VF the driver that it has. */
static bool is_bound_by_hold(const struct vfv_host *host, const struct vfv_vf *vf)
{
	struct vfv_hold hold;

	/* Ours is never foreign: spare most VFs the look. */
	if (!vf->driver || vfv_text_equal(vf->driver, VFV_DRIVER_VARIANT))
		return false;
	vfv_hold_get(host, &vf->address, &hold);
	return hold.kind == VFV_HOLD_BIND && vfv_text_equal(vf->driver, hold.driver);
}

/* What lies in the run folder. A file that is no claim still says that somebody claims. */
static int read_run(const struct vfv_host *host, struct vfv_vf *vf)
{
	char uuid[VFV_UUID_BYTES] = VFV_CLAIM_UNREADABLE;
	int claimed;

	vf->bound_by_hold = is_bound_by_hold(host, vf);
	vf->published = vfv_is_published(host, &vf->address);
	claimed = vfv_claim_read(host, &vf->address, uuid, &vf->domain, NULL);
	if (claimed == -ENOMEM)
		return claimed;
	if (!claimed)
		return 0;
	vf->claim_uuid = strdup(uuid);
	return vf->claim_uuid ? 0 : -ENOMEM;
}

int vfv_facts_read_vf(const struct vfv_host *host, int devices, int pf_folder, struct vfv_pf *pf,
		      unsigned int vf_index)
{
	char name[32], text[VFV_ADDRESS_BYTES];
	struct vfv_address address, owner;
	struct vfv_vf *vf;
	int error;

	snprintf(name, sizeof(name), "virtfn%u", vf_index);
	if (vfv_sysfs_link_address(pf_folder, name, &address))
		return 0;
	VFV_CLOSE int folder = vfv_sysfs_folder_at(devices, vfv_address_format(&address, text));

	/* Only what points back at the PF is its VF; a card that goes leaves links to nowhere. */
	if (folder < 0 || vfv_sysfs_link_address(folder, "physfn", &owner) ||
	    vfv_address_compare(&owner, &pf->address))
		return 0;
	vf = vfv_pf_add_vf(pf, vf_index, &address);
	if (!vf)
		return -ENOMEM;
	vf->numa_node = vfv_facts_numa_node(folder);
	error = vfv_facts_link(folder, "driver", &vf->driver);
	if (!error)
		error = vfv_facts_override(folder, &vf->driver_override);
	if (!error)
		error = read_vfio(folder, vf);
	if (!error)
		error = read_group(host, folder, vf);
	if (!error)
		error = read_netdev(host, folder, vf);
	return error ? error : read_run(host, vf);
}
