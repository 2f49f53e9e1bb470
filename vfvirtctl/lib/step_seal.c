/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes sure that nobody uses a VF, nor begins to, before it is unbound or removed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "judge.h"
#include "netdev.h"
#include "netlink.h"
#include "publish.h"
#include "step_parts.h"
#include "sysfs.h"
#include "text.h"
#include "users.h"

/* Refuse a VF that is open or claimed, naming by whom. */
static int refuse_used(const struct vfv_object *object, const struct vfv_vf *vf,
		       struct vfv_error *ret_error)
{
	char user[256];

	return vfv_error_set(ret_error, VFV_ERROR_IN_USE, EBUSY, "%s: is in use by %s: %s",
			     object->name, vfv_users_describe(vf, user, sizeof(user)),
			     vfv_users_remedy(vf));
}

bool vfv_object_is_used_interface(const struct vfv_run *run, const struct vfv_object *object,
				  char ret_name[VFV_SYSFS_TEXT_BYTES])
{
	char child[VFV_SYSFS_TEXT_BYTES];
	struct vfv_netdev netdev;

	if (vfv_sysfs_virtio_child(object->folder, child))
		return false;
	VFV_CLOSE int below = vfv_sysfs_folder_at(object->folder, child);

	if (below < 0 || vfv_netdev_read(run->host, below, &netdev) || !netdev.in_use)
		return false;
	memcpy(ret_name, netdev.name, sizeof(netdev.name));
	return true;
}

int vfv_object_check_interface(const struct vfv_run *run, const struct vfv_object *object,
			       struct vfv_error *ret_error)
{
	char name[VFV_SYSFS_TEXT_BYTES];

	if (run->force || !vfv_object_is_used_interface(run, object, name))
		return 0;
	return vfv_error_set(ret_error, VFV_ERROR_FOREIGN, EPERM,
			     "%s: the host uses its interface %s: take it down first, or use "
			     "--force",
			     object->name, name);
}

/* What has to be known of a VF to find its users; to be freed with forget_look(). */
static int look_at_vf(const struct vfv_run *run, const struct vfv_object *object,
		      struct vfv_vf *ret_vf)
{
	char text[VFV_SYSFS_TEXT_BYTES], uuid[VFV_UUID_BYTES] = VFV_CLAIM_UNREADABLE;
	uint64_t group;
	bool has_file, claimed;

	*ret_vf = (struct vfv_vf){
		.address = object->address, .iommu_group = VFV_UNKNOWN, .open_count = VFV_UNKNOWN};
	if (!vfv_sysfs_link(object->folder, "iommu_group", text) &&
	    !vfv_text_number(text, 10, INT32_MAX, &group))
		ret_vf->iommu_group = (int)group;
	has_file = !vfv_sysfs_vfio_name(object->folder, text);
	ret_vf->vfio_name = has_file ? strdup(text) : NULL;
	claimed = vfv_claim_read(run->host, &object->address, uuid, &ret_vf->domain, NULL);
	if (claimed && vfv_text_equal(uuid, run->claimant))
		claimed = false;
	ret_vf->claim_uuid = claimed ? strdup(uuid) : NULL;
	if ((has_file && !ret_vf->vfio_name) || (claimed && !ret_vf->claim_uuid))
		return -ENOMEM;
	return 0;
}

static void forget_look(struct vfv_vf *vf)
{
	for (size_t i = 0; i < vf->user_count; i++)
		free(vf->users[i].command);
	free(vf->users);
	free(vf->vfio_name);
	free(vf->claim_uuid);
	free(vf->domain);
	*vf = (struct vfv_vf){0};
}

static bool is_sealed(const struct vfv_run *run, const struct vfv_address *address)
{
	for (size_t i = 0; i < run->seal_count; i++)
		if (!vfv_address_compare(&run->seals[i], address))
			return true;
	return false;
}

static int remember_seal(struct vfv_run *run, const struct vfv_object *object)
{
	struct vfv_address *grown = reallocarray(run->seals, run->seal_count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	run->seals = grown;
	grown[run->seal_count++] = object->address;
	return 0;
}

/* A seal ends with the binding. */
void vfv_run_forget_seal(struct vfv_run *run, const struct vfv_address *address)
{
	for (size_t i = 0; i < run->seal_count; i++)
		if (!vfv_address_compare(&run->seals[i], address))
			run->seals[i--] = run->seals[--run->seal_count];
}

/*
 * Seal one VF. One whose driver knows no seals is put into @look instead, for the search through the
 * open files; look->vfio_name is NULL when there is nothing to search for.
 */
static int seal(struct vfv_run *run, const struct vfv_object *object, struct vfv_vf *look,
		struct vfv_error *ret_error)
{
	struct vfv_error refused = VFV_NO_ERROR;
	char driver[VFV_SYSFS_TEXT_BYTES];
	int error;

	if (is_sealed(run, &object->address) || vfv_sysfs_link(object->folder, "driver", driver))
		return 0;
	if (!vfv_is_vfio_driver(driver))
		return vfv_object_check_interface(run, object, ret_error);
	if (look_at_vf(run, object, look))
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
	error = run->netlink ? vfv_netlink_seal(run->netlink, &object->address, &refused) : -ENODEV;
	/* The hook claims before the guest's start opens: a claim that came meanwhile counts. */
	if (!error)
		error = remember_seal(run, object);
	if ((!error || error == -ENODEV) && look->claim_uuid)
		return refuse_used(object, look, ret_error);
	if (error == -ENODEV)
		return 0;
	if (refused.code == VFV_ERROR_IN_USE && !vfv_users_find(run->host, &look, 1, NULL))
		return refuse_used(object, look, ret_error);
	if (error)
		return vfv_error_set(ret_error, refused.code ? refused.code : VFV_ERROR_NO_MEMORY,
				     error, "%s", refused.code ? refused.text : "no memory");
	forget_look(look);
	return 0;
}

/* VFs that were looked at: is one of them open at this moment? */
static int check_open_files(const struct vfv_run *run, struct vfv_vf *looks, size_t count,
			    struct vfv_error *ret_error)
{
	VFV_FREE struct vfv_vf **found = calloc(count + 1, sizeof(*found));
	size_t found_count = 0;
	int error = 0;

	if (!found)
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
	for (size_t i = 0; i < count; i++)
		if (looks[i].vfio_name)
			found[found_count++] = &looks[i];
	if (found_count)
		error = vfv_users_find(run->host, found, found_count, ret_error);
	for (size_t i = 0; i < found_count && !error; i++) {
		struct vfv_object object = {.address = found[i]->address};

		vfv_address_format(&object.address, object.name);
		if (found[i]->user_count)
			error = refuse_used(&object, found[i], ret_error);
	}
	return error;
}

int vfv_act_seal(struct vfv_run *run, const struct vfv_step *step, const struct vfv_object *object,
		 struct vfv_error *ret_error)
{
	struct vfv_vf look = {0};
	int error;

	/* One of those that are about all VFs: the search through open files is done once. */
	if (step->number && run->has_sealed_all)
		return 0;
	if (step->number)
		return vfv_run_seal_all(run, ret_error);
	error = seal(run, object, &look, ret_error);
	if (!error)
		error = check_open_files(run, &look, 1, ret_error);
	forget_look(&look);
	return error;
}

int vfv_run_seal_all(struct vfv_run *run, struct vfv_error *ret_error)
{
	VFV_FREE struct vfv_vf *looks = NULL;
	uint64_t count = 0;
	int error = vfv_sysfs_number(run->folder, "sriov_numvfs", 10, UINT16_MAX, &count);

	if (error)
		return vfv_error_set(ret_error,
				     vfv_run_has_pf(run) ? VFV_ERROR_KERNEL_IO : VFV_ERROR_GONE,
				     error, "cannot read the number of VFs: %s", strerror(-error));
	looks = calloc(count + 1, sizeof(*looks));
	if (!looks)
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
	for (int i = 0; !error && i < (int)count; i++) {
		struct vfv_step step = {.kind = VFV_STEP_SEAL, .vf_index = i};
		VFV_CLOSE_OBJECT struct vfv_object object = {.folder = -1};

		error = vfv_object_find(run, &step, &object, ret_error);
		if (!error)
			error = seal(run, &object, &looks[i], ret_error);
	}
	if (!error)
		error = check_open_files(run, looks, count, ret_error);
	for (size_t i = 0; i < count; i++)
		forget_look(&looks[i]);
	run->has_sealed_all = !error;
	return error;
}

int vfv_act_unseal(struct vfv_run *run, const struct vfv_step *step,
		   const struct vfv_object *object, struct vfv_error *ret_error)
{
	struct vfv_error refused = VFV_NO_ERROR;

	if (!run->netlink || !vfv_netlink_unseal(run->netlink, &object->address, &refused) ||
	    refused.code == VFV_ERROR_NO_DRIVER)
		return 0;
	*ret_error = refused;
	return -refused.errno_value;
}

void vfv_run_unseal(struct vfv_run *run)
{
	for (size_t i = 0; run->netlink && i < run->seal_count; i++)
		vfv_netlink_unseal(run->netlink, &run->seals[i], NULL);
	run->seal_count = 0;
}
