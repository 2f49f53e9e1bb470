/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a person asks for: create, destroy, bind, unbind. Each first writes down what is wanted (an
 * intent file or a hold) and then makes it so; a worker that was killed in between leaves a wish,
 * which the next reconcile fulfils. That is why no journal is needed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "mark.h"
#include "sysfs.h"
#include "text.h"
#include "worker_parts.h"

#define NAME_BYTES 64

/* The name of a new intent file when nobody gave one: from the address, as "pf-0000-3b-00-0". */
static const char *default_name(const struct vfv_address *address, char ret_name[NAME_BYTES])
{
	snprintf(ret_name, NAME_BYTES, "pf-%04x-%02x-%02x-%x", address->domain, address->bus,
		 address->device, address->function);
	return ret_name;
}

/* End the holds of all VFs: they go, or are what the intent wants. */
static void forget_vfs(struct vfv_worker *worker)
{
	for (size_t i = 0; i < worker->pf->vf_count; i++)
		vfv_hold_clear(worker->host, &worker->pf->vfs[i].address);
}

/* What is wanted for good ends what create wrote for this boot, which would hide it. */
static int end_runtime(struct vfv_worker *worker, const struct vfv_intent *wanted,
		       const struct vfv_intent *old)
{
	int error;

	if (!old || !old->runtime || wanted->runtime)
		return 0;
	error = vfv_intent_remove(old, &worker->error);
	return error ? error : vfv_worker_read_facts(worker);
}

static int write_and_create(struct vfv_worker *worker, const struct vfv_goal *goal,
			    const struct vfv_plan *plan, struct vfv_intent *wanted,
			    const struct vfv_intent *old)
{
	const struct vfv_address pf = worker->request->pf;
	char *before VFV_FREE = NULL;
	struct vfv_hold hold;
	int error = vfv_intent_write(worker->host, wanted, &before, &worker->error);

	if (error)
		return error;
	vfv_hold_get(worker->host, &pf, &hold);
	vfv_hold_clear(worker->host, &pf);
	error = plan->count ? vfv_worker_run(worker, goal, plan) : vfv_worker_read_facts(worker);
	if (!error) {
		forget_vfs(worker);
		vfv_result_write(worker->host, worker->pf, NULL, NULL, NULL);
		return end_runtime(worker, wanted, old);
	}
	vfv_intent_restore(wanted, before);
	if (hold.kind != VFV_HOLD_NONE)
		vfv_hold_set(worker->host, &pf, &hold, NULL);
	vfv_worker_read_facts(worker);
	return error;
}

static int check_driver(struct vfv_worker *worker, const char *driver)
{
	char shown[VFV_SHOWN_BYTES];

	if (vfv_is_driver_name(driver))
		return 0;
	return vfv_error_set(&worker->error, VFV_ERROR_NO_DRIVER, EINVAL,
			     "%s: is no name of a driver",
			     vfv_text_show(driver, strlen(driver), shown));
}

/* Whether create may write an intent of that name, before anything is done. */
static int check_intent(struct vfv_worker *worker, const struct vfv_intent *wanted)
{
	const struct vfv_intent *old = worker->intent;
	char address[VFV_ADDRESS_BYTES];

	if (old && !old->owned_by_create && !wanted->runtime)
		return vfv_error_set(&worker->error, VFV_ERROR_INTENT, EEXIST,
				     "%s says what this PF shall be: change it and run \"vfvirtctl "
				     "apply\", or use --runtime for this boot",
				     old->file);
	/* Two files for one PF would stop all that is done with it. */
	if (old && strcmp(old->name, wanted->name))
		return vfv_error_set(&worker->error, VFV_ERROR_INTENT, EEXIST,
				     "%s: is called %s by %s: leave out --name, or remove the "
				     "VFs and that file first",
				     vfv_address_format(&worker->request->pf, address), old->name,
				     old->file);
	/* A file of the same name in another folder would hide this one, or be hidden by it. */
	for (size_t i = 0; i < worker->intents->count; i++) {
		const struct vfv_intent *other = &worker->intents->all[i];

		if (other != old && !strcmp(other->name, wanted->name))
			return vfv_error_set(&worker->error, VFV_ERROR_INTENT, EEXIST,
					     "%s: is for another PF: choose another name",
					     other->file);
	}
	return 0;
}

/* Whether create left a file that says all of this already. */
static bool is_written(const struct vfv_intent *old, const struct vfv_intent *wanted)
{
	return old && old->owned_by_create && old->runtime == wanted->runtime &&
	       old->vfs == wanted->vfs && old->transport == wanted->transport &&
	       !strcmp(old->driver, wanted->driver);
}

/* Tell, with the plan, which intent files create changes and removes. */
static int tell_files(struct vfv_worker *worker, const struct vfv_intent *wanted)
{
	const struct vfv_intent *old = worker->intent;
	bool ends_runtime = old && old->runtime && !wanted->runtime;

	if (is_written(old, wanted))
		return 0;
	worker->intent_written = vfv_intent_path(worker->host, wanted);
	worker->intent_removed = ends_runtime ? strdup(old->file) : NULL;
	if (worker->intent_written && (!ends_runtime || worker->intent_removed))
		return 0;
	return vfv_error_set(&worker->error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
}

int vfv_worker_create(struct vfv_worker *worker)
{
	const struct vfv_request *request = worker->request;
	const struct vfv_intent *old = worker->intent;
	char name[NAME_BYTES];
	struct vfv_intent wanted = {.match = {.has_address = true, .address = request->pf},
				    .owned_by_create = true,
				    .runtime = request->runtime,
				    .vfs = request->vfs,
				    .transport = VFV_TRANSPORT_AUTO};
	struct vfv_goal goal = {.kind = VFV_GOAL_CREATE, .intent = &wanted};
	struct vfv_intents *before;
	struct vfv_plan *plan = NULL;
	int error;

	default_name(&request->pf, name);
	wanted.name = request->name ? request->name : old ? old->name : (char *)name;
	wanted.driver = request->driver ? request->driver : (char *)VFV_DRIVER_VARIANT;
	if (old)
		wanted.match = old->match;
	error = check_intent(worker, &wanted);
	if (!error)
		error = check_driver(worker, wanted.driver);
	if (!error)
		error = tell_files(worker, &wanted);
	if (!error)
		error = vfv_worker_plan(worker, &goal, &plan);
	if (error || request->dry_run) {
		vfv_plan_free(plan);
		return error;
	}
	/* The facts are read again on the way; what was intended before must outlive that. */
	before = worker->intents;
	worker->intents = NULL;
	error = write_and_create(worker, &goal, plan, &wanted, old);
	/* Not read again: the intent of the PF is one of these still. */
	if (!worker->intents)
		worker->intents = vfv_take(before);
	vfv_intents_free(before);
	vfv_plan_free(plan);
	free(wanted.file);
	return error;
}

/* The PF has no VFs any more: what is left of the wish to have some? */
static int conclude_destroy(struct vfv_worker *worker)
{
	struct vfv_hold done = {.kind = VFV_HOLD_DESTROY, .done = true};
	int error = 0;

	if (worker->intent && worker->intent->owned_by_create) {
		error = vfv_intent_remove(worker->intent, &worker->error);
		if (error)
			return error;
		/* Beneath a file for this boot there may be another one. */
		error = vfv_worker_read_facts(worker);
		if (error)
			return error;
	}
	vfv_result_write(worker->host, worker->pf, NULL, NULL, NULL);
	if (worker->intent && worker->intent->vfs > 0)
		return vfv_hold_set(worker->host, &worker->pf->address, &done, &worker->error);
	vfv_hold_clear(worker->host, &worker->pf->address);
	return 0;
}

int vfv_worker_destroy(struct vfv_worker *worker)
{
	struct vfv_goal goal = {.kind = VFV_GOAL_DESTROY, .force = worker->request->force};
	struct vfv_hold hold = {.kind = VFV_HOLD_DESTROY};
	const struct vfv_address pf = worker->request->pf;
	struct vfv_plan *plan = NULL;
	int error;

	if (worker->intent && worker->intent->owned_by_create)
		worker->intent_removed = strdup(worker->intent->file);
	error = vfv_worker_plan(worker, &goal, &plan);
	if (!error && !worker->request->dry_run) {
		error = vfv_hold_set(worker->host, &pf, &hold, &worker->error);
		if (!error) {
			forget_vfs(worker);
			error = vfv_worker_run(worker, &goal, plan);
			if (!error)
				error = conclude_destroy(worker);
			if (error)
				vfv_hold_clear(worker->host, &pf);
		}
	}
	vfv_plan_free(plan);
	return error;
}

/* Whether a bind or unbind is about that VF. */
static bool is_chosen(const struct vfv_request *request, unsigned int vf_index)
{
	if (!request->vf_indexes)
		return true;
	for (size_t i = 0; i < request->vf_index_count; i++)
		if (request->vf_indexes[i] == vf_index)
			return true;
	return false;
}

/* Write down what is wanted of a VF; what the intent wants too needs no hold. */
static int hold_vf(struct vfv_worker *worker, const struct vfv_address *vf,
		   const struct vfv_hold *hold)
{
	bool as_intended = hold->kind == VFV_HOLD_BIND && worker->intent &&
			   !strcmp(hold->driver, worker->intent->driver);

	if (worker->intent && !as_intended && hold->kind != VFV_HOLD_NONE)
		return vfv_hold_set(worker->host, vf, hold, &worker->error);
	vfv_hold_clear(worker->host, vf);
	return 0;
}

/* A chosen VF and the hold that it had before. */
struct held_before {
	struct vfv_address address;
	struct vfv_hold hold;
};

/* The holds of the chosen VFs; owned by the caller. NULL: no memory. */
static struct held_before *keep_holds(const struct vfv_worker *worker, size_t *ret_count)
{
	struct held_before *kept = calloc(worker->pf->vf_count + 1, sizeof(*kept));
	size_t count = 0;

	for (size_t i = 0; kept && i < worker->pf->vf_count; i++) {
		const struct vfv_vf *vf = &worker->pf->vfs[i];

		if (!is_chosen(worker->request, vf->vf_index))
			continue;
		kept[count].address = vf->address;
		vfv_hold_get(worker->host, &vf->address, &kept[count++].hold);
	}
	*ret_count = count;
	return kept;
}

/* Whether a VF is on a driver; NULL: on none. */
static bool is_on(const struct vfv_pf *pf, const struct vfv_address *vf, const char *driver)
{
	for (size_t i = 0; pf && i < pf->vf_count; i++)
		if (!vfv_address_compare(&pf->vfs[i].address, vf))
			return vfv_text_equal(pf->vfs[i].driver, driver);
	return false;
}

/* Write down what is wanted, do it, and keep the wish only where it came true. */
static int hold_and_run(struct vfv_worker *worker, const struct vfv_goal *goal,
			const struct vfv_plan *plan, struct vfv_hold hold)
{
	struct held_before *kept VFV_FREE = NULL;
	size_t count;
	int error = 0;

	kept = keep_holds(worker, &count);
	if (!kept)
		return vfv_error_set(&worker->error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
	for (size_t i = 0; i < count && !error; i++)
		error = hold_vf(worker, &kept[i].address, &hold);
	if (!error)
		error = vfv_worker_run(worker, goal, plan);
	hold.done = true;
	for (size_t i = 0; i < count; i++)
		hold_vf(worker, &kept[i].address,
			is_on(worker->pf, &kept[i].address, goal->driver) ? &hold : &kept[i].hold);
	return error;
}

int vfv_worker_bind(struct vfv_worker *worker)
{
	const struct vfv_request *request = worker->request;
	bool bind = request->op == VFV_OP_BIND;
	const char *driver = request->driver  ? request->driver
			     : worker->intent ? worker->intent->driver
					      : VFV_DRIVER_VARIANT;
	char driver_kept[VFV_DRIVER_NAME_BYTES_MAX + 1];
	struct vfv_goal goal = {.kind = bind ? VFV_GOAL_BIND : VFV_GOAL_UNBIND,
				.driver = bind ? driver_kept : NULL,
				.vf_indexes = request->vf_indexes,
				.vf_index_count = request->vf_index_count,
				.force = request->force};
	struct vfv_hold hold = {.kind = bind ? VFV_HOLD_BIND : VFV_HOLD_UNBIND};
	struct vfv_plan *plan = NULL;
	int error;

	error = check_driver(worker, driver);
	if (error)
		return error;
	snprintf(driver_kept, sizeof(driver_kept), "%s", driver);
	if (bind)
		memcpy(hold.driver, driver_kept, sizeof(hold.driver));
	error = vfv_worker_plan(worker, &goal, &plan);
	if (!error && !request->dry_run)
		error = hold_and_run(worker, &goal, plan, hold);
	vfv_plan_free(plan);
	return error;
}

/* Carry out the interrupted wish for one VF. */
static int finish_vf(struct vfv_worker *worker, const struct vfv_vf *chosen, struct vfv_hold *hold)
{
	const struct vfv_address vf = chosen->address;
	const unsigned int vf_index = chosen->vf_index;
	struct vfv_goal goal = {.kind = hold->kind == VFV_HOLD_BIND ? VFV_GOAL_BIND
								    : VFV_GOAL_UNBIND,
				.driver = hold->driver,
				.vf_indexes = &vf_index,
				.vf_index_count = 1};
	struct vfv_plan *plan = NULL;
	int error = vfv_plan_make(worker->pf, &goal, &plan, &worker->error);

	if (!error)
		error = vfv_worker_run(worker, &goal, plan);
	vfv_plan_free(plan);
	hold->done = true;
	if (!error)
		error = vfv_hold_set(worker->host, &vf, hold, &worker->error);
	else
		vfv_hold_clear(worker->host, &vf);
	return error;
}

static int finish_destroy(struct vfv_worker *worker)
{
	struct vfv_goal goal = {.kind = VFV_GOAL_DESTROY};
	const struct vfv_address pf = worker->request->pf;
	struct vfv_plan *plan = NULL;
	int error = vfv_plan_make(worker->pf, &goal, &plan, &worker->error);

	if (!error)
		error = vfv_worker_run(worker, &goal, plan);
	vfv_plan_free(plan);
	if (!error)
		error = conclude_destroy(worker);
	/* A VF is in use now: the intent holds again. */
	if (error)
		vfv_hold_clear(worker->host, &pf);
	return error;
}

int vfv_worker_finish_holds(struct vfv_worker *worker)
{
	struct vfv_hold hold;
	int error;

	if (worker->request->dry_run)
		return 0;
	vfv_hold_get(worker->host, &worker->pf->address, &hold);
	if (hold.kind == VFV_HOLD_DESTROY && !hold.done)
		return finish_destroy(worker);
	/* The facts are read again after each one. */
	for (size_t i = 0; i < worker->pf->vf_count; i++) {
		vfv_hold_get(worker->host, &worker->pf->vfs[i].address, &hold);
		if (hold.kind != VFV_HOLD_UNBIND && hold.kind != VFV_HOLD_BIND)
			continue;
		error = hold.done ? 0 : finish_vf(worker, &worker->pf->vfs[i], &hold);
		if (error)
			return error;
	}
	return 0;
}
