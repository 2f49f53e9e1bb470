/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vfvirtctl apply */
#include "change.h"
#include "cleanup.h"
#include "facts.h"
#include "json.h"
#include "plan.h"

VFV_DEFINE_CLEANUP(free_plan, struct vfv_plan *, vfv_plan_free)
VFV_DEFINE_CLEANUP(free_intents, struct vfv_intents *, vfv_intents_free)

/* How it ended, as vfvirtd says it; NULL: no memory. */
static struct json_object *new_end(const struct vfv_error *error)
{
	VFV_JSON struct json_object *end = json_object_new_object();

	if (!end || !vfv_json_add_text(end, "code", vfv_error_name(error->code)->json_code) ||
	    !vfv_json_add_number(end, "errno", error->errno_value) ||
	    !vfv_json_add_text(end, "text", error->text) || !vfv_json_add_number(end, "done", 0) ||
	    !vfv_json_add_number(end, "failed", 0) || !vfv_json_add_bool(end, "undone", false))
		return NULL;
	return vfv_take(end);
}

/* {"pf": ..., "plan": ..., "failed": [], "end": {...}} as vfvirtd says it; NULL: no memory. */
static struct json_object *new_row(const struct vfv_pf *pf, const struct vfv_plan *plan,
				   const struct vfv_error *error)
{
	VFV_JSON struct json_object *row = json_object_new_object();
	char address[VFV_ADDRESS_BYTES];

	if (!row || !vfv_json_add_text(row, "pf", vfv_address_format(&pf->address, address)))
		return NULL;
	if (plan && !vfv_json_add(row, "plan", vfv_plan_to_json(pf, plan)))
		return NULL;
	if (!vfv_json_add(row, "failed", json_object_new_array()) ||
	    !vfv_json_add(row, "end", new_end(error)))
		return NULL;
	return vfv_take(row);
}

/* Add what apply would do to a PF; one without an intent has no row. */
static bool add_row(struct json_object *array, const struct vfv_intents *intents,
		    const struct vfv_pf *pf)
{
	__attribute__((cleanup(free_plan))) struct vfv_plan *plan = NULL;
	struct vfv_goal goal = {.kind = VFV_GOAL_INTENT};
	struct vfv_error error = VFV_NO_ERROR;
	struct json_object *row;

	if (vfv_intents_for(intents, pf, &goal.intent, &error) >= 0) {
		if (!goal.intent)
			return true;
		vfv_plan_make(pf, &goal, &plan, &error);
	}
	row = new_row(pf, plan, &error);
	if (row && json_object_array_add(array, row) == 0)
		return true;
	json_object_put(row);
	return false;
}

/* Name the files that are left out: to a person, and to who reads the report's object. */
static int tell_intent_errors(struct vfv_cli *cli, const struct vfv_intents *intents,
			      struct vfv_error *ret_error)
{
	if (intents->error_count > 0)
		cli->intent_errors = json_object_new_array();
	for (size_t i = 0; i < intents->error_count; i++) {
		struct json_object *text = json_object_new_string(intents->errors[i].text);

		vfv_tell("%s [intent]", intents->errors[i].text);
		if (!cli->intent_errors || !text ||
		    json_object_array_add(cli->intent_errors, text) != 0) {
			json_object_put(text);
			return vfv_no_memory(ret_error);
		}
	}
	return 0;
}

/* The exit status when the rest ended with ret. */
static int status_with(const struct vfv_intents *intents, int ret)
{
	return ret == VFV_EXIT_DONE && intents->error_count > 0 ? VFV_EXIT_PARTLY : ret;
}

/* What apply would do, from the facts alone: vfvirtd need not run. */
static int dry_run(struct vfv_cli *cli, struct vfv_error *ret_error)
{
	__attribute__((cleanup(vfv_view_clear))) struct vfv_view view = {0};
	VFV_JSON struct json_object *report = json_object_new_object();
	struct json_object *array = json_object_new_array();
	VFV_FREE struct vfv_chosen *chosen = NULL;
	size_t count = 0;
	int ret;

	if (!report || !vfv_json_add(report, "pfs", array))
		return vfv_no_memory(ret_error);
	ret = vfv_view_read(cli, VFV_FACTS_USERS, &view, ret_error);
	if (ret >= 0 && cli->arguments.operand_count > 0)
		ret = vfv_select_operands(cli, view.model, VFV_SELECT_PF, &chosen, &count,
					  ret_error);
	if (ret >= 0)
		ret = tell_intent_errors(cli, view.intents, ret_error);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < view.model->pf_count; i++)
		if ((count == 0 || chosen[0].pf == &view.model->pfs[i]) &&
		    !add_row(array, view.intents, &view.model->pfs[i]))
			return vfv_no_memory(ret_error);
	ret = vfv_report_print(cli, vfv_take(report), true, ret_error);
	return status_with(view.intents, ret);
}

int vfv_cmd_apply(struct vfv_cli *cli, struct vfv_error *ret_error)
{
	__attribute__((cleanup(free_intents))) struct vfv_intents *intents = NULL;
	struct vfv_bus_call call = {.method = "Apply"};
	int ret;

	if (vfv_given(cli, VFV_OPTION_dry_run))
		return dry_run(cli, ret_error);
	/* vfvirtd leaves such files out too, and cannot say which PF they are for. */
	if (vfv_intents_read(cli->host, &intents) < 0)
		return vfv_no_memory(ret_error);
	ret = tell_intent_errors(cli, intents, ret_error);
	if (ret < 0)
		return ret;
	ret = vfv_change(cli, &call, ret_error);
	return status_with(intents, ret);
}
