/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Carries out the steps of a plan: in order, past what fails, or back to where it began. */
#include "step.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "intent.h"
#include "step_parts.h"
#include "sysfs.h"

/* VFs whose steps are not gone on with. */
struct failed_vfs {
	bool *at; /* owned, by vf_index */
	int count;
};

static bool is_failed(const struct failed_vfs *failed, int vf_index)
{
	return vf_index >= 0 && vf_index < failed->count && failed->at[vf_index];
}

static void note_failed(struct failed_vfs *failed, int vf_index)
{
	if (vf_index >= 0 && vf_index < failed->count)
		failed->at[vf_index] = true;
}

/* How many VFs the steps of a plan may be about. */
static int count_vfs(const struct vfv_plan *plan)
{
	int count = 0;

	for (size_t i = 0; i < plan->count; i++)
		if (plan->steps[i].vf_index >= count)
			count = plan->steps[i].vf_index + 1;
	return count;
}

/* Before anything is taken away: is every driver there that the plan will need? */
static int check_drivers(const struct vfv_run *run, const struct vfv_plan *plan,
			 struct vfv_error *ret_error)
{
	const char *known = NULL;
	char name[sizeof("drivers/") + VFV_DRIVER_NAME_BYTES_MAX];

	for (size_t i = 0; i < plan->count; i++) {
		const struct vfv_step *step = &plan->steps[i];
		int folder;

		if ((step->kind != VFV_STEP_TRANSPORT && step->kind != VFV_STEP_OVERRIDE) ||
		    !*step->text || (known && !strcmp(known, step->text)))
			continue;
		if (!vfv_is_driver_name(step->text))
			return vfv_error_set(ret_error, VFV_ERROR_NO_DRIVER, EINVAL,
					     "%.64s: is no name of a driver", step->text);
		snprintf(name, sizeof(name), "drivers/%s", step->text);
		folder = vfv_sysfs_folder_at(run->bus, name);
		if (folder < 0)
			return vfv_error_set(ret_error, VFV_ERROR_NO_DRIVER, ENODEV,
					     "%s: there is no such driver: load its module with "
					     "\"modprobe %s\"",
					     step->text, step->text);
		vfv_close(folder);
		known = step->text;
	}
	return 0;
}

static int open_run(struct vfv_run *run, struct vfv_error *ret_error)
{
	char text[VFV_ADDRESS_BYTES];

	run->bus = vfv_sysfs_folder(run->host, "bus/pci");
	run->folder = run->bus < 0 ? run->bus : vfv_sysfs_device(run->host, &run->pf->address);
	if (run->folder >= 0)
		return 0;
	return vfv_error_set(ret_error, VFV_ERROR_GONE, ENODEV, "%s: the PF is gone",
			     vfv_address_format(&run->pf->address, text));
}

static void close_run(struct vfv_run *run)
{
	vfv_close(run->bus);
	vfv_close(run->folder);
	for (size_t i = 0; i < run->done_count; i++) {
		free(run->done[i].text);
		free(run->done[i].override_text);
	}
	free(run->done);
	free(run->seals);
}

/* Whether nothing more can or may be done after a step has failed. */
static bool is_end(const struct vfv_run *run, const struct vfv_goal *goal,
		   const struct vfv_step *step)
{
	if (goal->kind == VFV_GOAL_CREATE || !vfv_run_has_pf(run))
		return true;
	if (step->kind == VFV_STEP_SEAL)
		return step->number;
	/* Without the transport that is wanted VFs may still serve over the other one. */
	return step->vf_index == VFV_STEP_PF && step->kind != VFV_STEP_TRANSPORT;
}

static void tell(const struct vfv_run_watcher *watcher, size_t index, const struct vfv_error *error)
{
	if (watcher && watcher->step)
		watcher->step(watcher->context, index, error);
}

/* All steps; *ret_error gets the first failure. */
static int run_steps(struct vfv_run *run, const struct vfv_plan *plan, const struct vfv_goal *goal,
		     const struct vfv_run_watcher *watcher, struct failed_vfs *failed,
		     struct vfv_run_result *ret_result, struct vfv_error *ret_error)
{
	int first = 0;

	for (size_t i = 0; i < plan->count; i++) {
		const struct vfv_step *step = &plan->steps[i];
		struct vfv_error why = VFV_NO_ERROR;
		int error;

		if (is_failed(failed, step->vf_index))
			continue;
		tell(watcher, i, NULL);
		error = vfv_step_act(run, step, &why);
		if (!error) {
			ret_result->done_count++;
			continue;
		}
		tell(watcher, i, &why);
		if (!first) {
			first = error;
			*ret_error = why;
		}
		if (is_end(run, goal, step))
			break;
		if (step->vf_index != VFV_STEP_PF) {
			note_failed(failed, step->vf_index);
			ret_result->failed_count++;
		}
	}
	return first;
}

int vfv_plan_run(const struct vfv_host *host, struct vfv_netlink *netlink, const struct vfv_pf *pf,
		 const struct vfv_plan *plan, const struct vfv_goal *goal,
		 const struct vfv_run_watcher *watcher, struct vfv_run_result *ret_result,
		 struct vfv_error *ret_error)
{
	struct vfv_run run = {.host = host,
			      .netlink = netlink,
			      .force = goal->force,
			      .pf = pf,
			      .claimant = goal->claimant,
			      .bus = -1,
			      .folder = -1};
	struct failed_vfs failed = {.count = count_vfs(plan)};
	struct vfv_error why = VFV_NO_ERROR;
	int error;

	*ret_result = (struct vfv_run_result){0};
	failed.at = calloc((size_t)failed.count + 1, sizeof(*failed.at));
	if (!failed.at)
		error = vfv_error_set(&why, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
	else
		error = open_run(&run, &why);
	if (!error)
		error = check_drivers(&run, plan, &why);
	if (!error)
		error = run_steps(&run, plan, goal, watcher, &failed, ret_result, &why);
	if (error && goal->kind == VFV_GOAL_CREATE)
		ret_result->undone = vfv_run_undo(&run);
	vfv_run_unseal(&run);
	close_run(&run);
	free(failed.at);
	if (error && ret_error && ret_error->code == VFV_ERROR_NONE)
		*ret_error = why;
	return error;
}
