// SPDX-License-Identifier: GPL-2.0-or-later
/* Before a domain starts: its VFs are there, on the right driver, free, and then claimed. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "facts.h"
#include "hook.h"
#include "host.h"
#include "intent.h"
#include "judge.h"
#include "netlink.h"
#include "plan.h"
#include "publish.h"
#include "step.h"
#include "sysfs.h"
#include "text.h"
#include "users.h"

VFV_DEFINE_CLEANUP(cleanup_model, struct vfv_model *, vfv_model_free)
VFV_DEFINE_CLEANUP(cleanup_intents, struct vfv_intents *, vfv_intents_free)
VFV_DEFINE_CLEANUP(cleanup_plan, struct vfv_plan *, vfv_plan_free)
VFV_DEFINE_CLEANUP(cleanup_netlink, struct vfv_netlink *, vfv_netlink_close)

/* Whether there is a hostdev file: whatever stands in it, the VF was meant for guests. */
static bool has_file(const struct vfv_host *host, const struct vfv_address *vf)
{
	char address[VFV_ADDRESS_BYTES];
	VFV_FREE char *path =
		vfv_text("%s/hostdev/%s.xml", host->run, vfv_address_format(vf, address));

	return path && access(path, F_OK) == 0;
}

bool vfv_hook_owns(const struct vfv_host *host, const struct vfv_address *address)
{
	VFV_CLOSE int folder = vfv_sysfs_device(host, address);
	char override[VFV_SYSFS_TEXT_BYTES];
	struct vfv_address pf;

	if (has_file(host, address))
		return true;
	return folder >= 0 && !vfv_sysfs_link_address(folder, "physfn", &pf) &&
	       !vfv_sysfs_text(folder, "driver_override", override) &&
	       !strcmp(override, VFV_DRIVER_VARIANT);
}

/* The PF of a VF; a VF that was published and is gone has none. */
static int find_pf(const struct vfv_host *host, const struct vfv_address *vf,
		   struct vfv_address *ret_pf, struct vfv_error *ret_error)
{
	VFV_CLOSE int folder = vfv_sysfs_device(host, vf);
	char text[VFV_ADDRESS_BYTES];

	if (folder >= 0 && !vfv_sysfs_link_address(folder, "physfn", ret_pf))
		return 0;
	return vfv_error_set(ret_error, VFV_ERROR_GONE, ENODEV,
			     "%s: the VF does not exist any more: see vfvirtctl list",
			     vfv_address_format(vf, text));
}

static bool is_ready(const struct vfv_vf *vf, const char *driver)
{
	return vf->driver && !strcmp(vf->driver, driver) && vf->vfio_name && !vf->group_obstacle;
}

/* Bind a VF again that libvirt, an administrator or a crash took from its driver. */
static int repair(const struct vfv_host *host, const struct vfv_pf *pf, const struct vfv_vf *vf,
		  const char *driver, const char *uuid, struct vfv_error *ret_error)
{
	struct vfv_goal goal = {.kind = VFV_GOAL_BIND,
				.driver = driver,
				.vf_indexes = &vf->vf_index,
				.vf_index_count = 1,
				.claimant = uuid};
	__attribute__((cleanup(cleanup_netlink))) struct vfv_netlink *netlink = NULL;
	__attribute__((cleanup(cleanup_plan))) struct vfv_plan *plan = NULL;
	struct vfv_run_result result = {0};
	char address[VFV_ADDRESS_BYTES];
	int error;

	vfv_netlink_open(host, &netlink, NULL);
	error = vfv_plan_make(pf, &goal, &plan, ret_error);
	if (!error)
		error = vfv_plan_run(host, netlink, pf, plan, &goal, NULL, &result, ret_error);
	if (error)
		vfv_error_prefix(ret_error, "%s lost its driver and cannot get it back: ",
				 vfv_address_format(&vf->address, address));
	return error;
}

/* Who has a VF must stop the start; the claim that the domain itself just took is left out. */
static int check_free(const struct vfv_host *host, struct vfv_vf *vf, const char *uuid,
		      const char *driver, struct vfv_error *ret_error)
{
	char address[VFV_ADDRESS_BYTES], user[128];

	if (vfv_text_equal(vf->claim_uuid, uuid)) {
		free(vfv_take(vf->claim_uuid));
		free(vfv_take(vf->domain));
		/* Our own claim hid the name of the domain that has it by hot-plugging. */
		if (vf->user_count)
			vfv_users_find(host, &vf, 1, NULL);
	}
	if (!vfv_vf_is_used(vf))
		return vfv_judge_vf(vf, driver);
	return vfv_error_set(
		ret_error, VFV_ERROR_IN_USE, EBUSY,
		"%s: the VF is in use by %s: stop that, or give this domain another VF",
		vfv_address_format(&vf->address, address),
		vfv_users_describe(vf, user, sizeof(user)));
}

static int check_vf(const struct vfv_host *host, const struct vfv_intents *intents,
		    const struct vfv_address *address, const char *uuid,
		    struct vfv_error *ret_error)
{
	__attribute__((cleanup(cleanup_model))) struct vfv_model *model = NULL;
	const struct vfv_intent *intent = NULL;
	char text[VFV_ADDRESS_BYTES];
	struct vfv_address pf_address;
	struct vfv_pf *pf = NULL;
	const char *driver;
	struct vfv_vf *vf;
	int error = find_pf(host, address, &pf_address, ret_error);

	if (!error)
		error = vfv_facts_read(host, intents, &pf_address, VFV_FACTS_USERS, &model,
				       ret_error);
	if (error)
		return error;
	vf = vfv_model_find_vf(model, address, &pf);
	if (!vf)
		return vfv_error_set(ret_error, VFV_ERROR_GONE, ENODEV, "%s: the VF vanished",
				     vfv_address_format(address, text));
	vfv_intents_for(intents, pf, &intent, NULL);
	driver = intent ? intent->driver : VFV_DRIVER_VARIANT;
	error = check_free(host, vf, uuid, driver, ret_error);
	if (error || is_ready(vf, driver))
		return error;
	return repair(host, pf, vf, driver, uuid, ret_error);
}

/* Drop the claims on the first count devices that were not there before. */
static void drop_new(const struct vfv_host *host, const struct vfv_domain *domain,
		     const bool *is_new, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_new[i])
			vfv_claim_drop(host, &domain->devices[i], domain->uuid);
}

int vfv_hook_prepare(const struct vfv_host *host, const struct vfv_domain *domain,
		     struct vfv_error *ret_error)
{
	__attribute__((cleanup(cleanup_intents))) struct vfv_intents *intents = NULL;
	bool is_new[VFV_DOMAIN_DEVICES_MAX] = {false};
	char uuid[VFV_UUID_BYTES];
	int error = vfv_intents_read(host, &intents);

	for (size_t i = 0; !error && i < domain->device_count; i++) {
		const struct vfv_address *address = &domain->devices[i];
		VFV_FREE char *name = NULL;

		if (!vfv_hook_owns(host, address))
			continue;
		is_new[i] = vfv_claim_read(host, address, uuid, &name, NULL) != 1;
		/* The claim first: who comes second sees it, and no check can be overtaken. */
		error = vfv_claim_take(host, address, domain->uuid, domain->name, ret_error);
		if (error)
			is_new[i] = false;
		else
			error = check_vf(host, intents, address, domain->uuid, ret_error);
		if (error)
			drop_new(host, domain, is_new, i + 1);
	}
	return error;
}
