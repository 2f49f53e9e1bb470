/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a worker does with a PF: plans, runs, reconciles. */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "json.h"
#include "mark.h"
#include "publish.h"
#include "worker_parts.h"

#define STEP_TEXT_BYTES 160

/* Which intent file is written or removed along with the steps. */
static bool add_files(const struct vfv_worker *worker, struct json_object *plan)
{
	return (!worker->intent_written ||
		vfv_json_add_text(plan, "intent_written", worker->intent_written)) &&
	       (!worker->intent_removed ||
		vfv_json_add_text(plan, "intent_removed", worker->intent_removed));
}

int vfv_worker_plan(struct vfv_worker *worker, const struct vfv_goal *goal,
		    struct vfv_plan **ret_plan)
{
	struct json_object *object;
	int error = vfv_plan_make(worker->pf, goal, ret_plan, &worker->error);

	if (error)
		return error;
	worker->pending_reboot |= (*ret_plan)->pending_reboot;
	object = vfv_plan_to_json(worker->pf, *ret_plan);
	if (object && add_files(worker, object))
		vfv_worker_report("plan", object);
	else
		json_object_put(object);
	return 0;
}

/* A run under way. */
struct run {
	struct vfv_worker *worker;
	const struct vfv_plan *plan;
};

static void report_step(const struct run *run, size_t index)
{
	struct json_object *progress = json_object_new_object();
	char text[STEP_TEXT_BYTES];

	vfv_step_describe(run->worker->pf, &run->plan->steps[index], text, sizeof(text));
	if (progress && vfv_json_add_number(progress, "done", (int64_t)index) &&
	    vfv_json_add_number(progress, "total", (int64_t)run->plan->count) &&
	    vfv_json_add_text(progress, "step", text))
		vfv_worker_report("progress", progress);
	else
		json_object_put(progress);
}

static void report_failed(const struct run *run, size_t index, const struct vfv_error *error)
{
	struct json_object *failed = json_object_new_object();

	if (!run->worker->failed)
		run->worker->failed = json_object_new_array();
	if (!failed || !run->worker->failed ||
	    !vfv_json_add_number(failed, "vf_index", run->plan->steps[index].vf_index) ||
	    !vfv_json_add_text(failed, "code", vfv_error_name(error->code)->json_code) ||
	    !vfv_json_add_text(failed, "text", error->text)) {
		json_object_put(failed);
		return;
	}
	json_object_array_add(run->worker->failed, json_object_get(failed));
	vfv_worker_report("failed", failed);
}

static void on_step(void *context, size_t index, const struct vfv_error *error)
{
	if (error)
		report_failed(context, index, error);
	else
		report_step(context, index);
}

int vfv_worker_run(struct vfv_worker *worker, const struct vfv_goal *goal,
		   const struct vfv_plan *plan)
{
	struct run run = {worker, plan};
	struct vfv_run_watcher watcher = {.step = on_step, .context = &run};
	struct vfv_run_result result = {0};
	int error, again;

	if (!plan->count)
		return 0;
	error = vfv_plan_run(worker->host, worker->netlink, worker->pf, plan, goal, &watcher,
			     &result, &worker->error);
	worker->result.done_count += result.done_count;
	worker->result.failed_count += result.failed_count;
	worker->result.undone |= result.undone;
	again = vfv_worker_read_facts(worker);
	return error ? error : again;
}

/* Make the facts as the intent says; without one, end the seals that a killed worker left. */
static int reach_intent(struct vfv_worker *worker)
{
	struct vfv_goal goal = {.kind = worker->intent ? VFV_GOAL_INTENT : VFV_GOAL_UNSEAL,
				.intent = worker->intent,
				.force = worker->request->force};
	struct vfv_plan *plan = NULL;
	int error = vfv_worker_plan(worker, &goal, &plan);

	if (!error && !worker->request->dry_run)
		error = vfv_worker_run(worker, &goal, plan);
	vfv_plan_free(plan);
	return error;
}

static void end_holds(struct vfv_worker *worker)
{
	vfv_hold_clear(worker->host, &worker->pf->address);
	for (size_t i = 0; i < worker->pf->vf_count; i++)
		vfv_hold_clear(worker->host, &worker->pf->vfs[i].address);
}

/* Remember how it ended: in a file for people, and for the next reconcile in what is reported. */
static void remember(struct vfv_worker *worker, int error)
{
	if (!worker->pf)
		return;
	worker->failed_facts = error ? vfv_facts_fingerprint(worker->pf) : 0;
	vfv_result_write(worker->host, worker->pf, error ? worker->error.text : NULL,
			 worker->failed, NULL);
}

/* What stands before the intent when no person asked: interrupted wishes, holds, old failures. */
static int reconcile_quietly(struct vfv_worker *worker)
{
	struct vfv_hold hold;
	int error = vfv_worker_finish_holds(worker);

	if (error)
		return error;
	/* It would only fail again, and its own events would make that an endless loop. */
	if (!worker->request->retry &&
	    worker->request->failed_facts == vfv_facts_fingerprint(worker->pf)) {
		worker->failed_facts = worker->request->failed_facts;
		return 0;
	}
	vfv_hold_get(worker->host, &worker->pf->address, &hold);
	if (hold.kind == VFV_HOLD_DESTROY) {
		remember(worker, 0);
		return 0;
	}
	if (vfv_holds_apply(worker->host, worker->pf))
		return vfv_error_set(&worker->error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
	error = reach_intent(worker);
	if (!error)
		remember(worker, 0);
	return error;
}

/* Somebody may have written something else into a hostdev file. */
static void mend_published(struct vfv_worker *worker)
{
	for (size_t i = 0; worker->pf && i < worker->pf->vf_count; i++) {
		const struct vfv_vf *vf = &worker->pf->vfs[i];

		if (vf->published && !vfv_is_published_well(worker->host, &vf->address))
			vfv_publish(worker->host, &vf->address, NULL);
	}
}

static int reconcile(struct vfv_worker *worker)
{
	bool dry_run = worker->request->dry_run;
	int error;

	if (worker->request->explicit) {
		if (!dry_run)
			end_holds(worker);
		error = reach_intent(worker);
		if (!error && !dry_run)
			remember(worker, 0);
	} else {
		error = reconcile_quietly(worker);
	}
	if (!dry_run)
		mend_published(worker);
	if (error && !dry_run)
		remember(worker, error);
	return error;
}

/* Keep only the step that gives the PF its own driver. */
static void keep_transport(struct vfv_plan *plan)
{
	size_t kept = 0;

	for (size_t i = 0; i < plan->count; i++) {
		if (plan->steps[i].kind == VFV_STEP_TRANSPORT)
			plan->steps[kept++] = plan->steps[i];
		else
			free(plan->steps[i].text);
	}
	plan->count = kept;
}

static int do_transport(struct vfv_worker *worker)
{
	struct vfv_goal goal = {.kind = VFV_GOAL_INTENT, .intent = worker->intent};
	struct vfv_plan *plan = NULL;
	int error;

	if (!worker->intent)
		return 0;
	error = vfv_plan_make(worker->pf, &goal, &plan, &worker->error);
	if (!error) {
		keep_transport(plan);
		error = vfv_worker_run(worker, &goal, plan);
	}
	vfv_plan_free(plan);
	return error;
}

int vfv_worker_do(struct vfv_worker *worker)
{
	switch (worker->request->op) {
	case VFV_OP_APPLY:
		return reconcile(worker);
	case VFV_OP_CREATE:
		return vfv_worker_create(worker);
	case VFV_OP_DESTROY:
		return vfv_worker_destroy(worker);
	case VFV_OP_BIND:
	case VFV_OP_UNBIND:
		return vfv_worker_bind(worker);
	case VFV_OP_TRANSPORT:
		return do_transport(worker);
	default:
		return 0;
	}
}
