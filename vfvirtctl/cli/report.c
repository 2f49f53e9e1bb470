/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What came of a change, for people; the form of the object is in bus_contract.h. */
#include <errno.h>
#include <string.h>

#include "change.h"
#include "cleanup.h"
#include "json.h"
#include "plan.h"
#include "table.h"

/* What the steps of a plan add up to. */
struct sums {
	int step_count;
	int num_vfs; /* -1: the number of VFs does not change */
	int bound, unbound, published;
	const char *transport; /* driver that the PF goes to; NULL: it stays */
};

/* How a PF ended. */
enum ending {
	ENDING_DONE,
	ENDING_PARTLY,
	ENDING_FAILED,
};

static const char *text_of(struct json_object *object, const char *key)
{
	const char *text;

	return vfv_json_get_text(object, key, &text) == 0 ? text : NULL;
}

static int64_t number_of(struct json_object *object, const char *key)
{
	int64_t number;

	return vfv_json_get_number(object, key, 0, UINT32_MAX, &number) == 0 ? number : 0;
}

static bool truth_of(struct json_object *object, const char *key)
{
	bool value;

	return vfv_json_get_bool(object, key, &value) == 0 && value;
}

/* A member of an object, or NULL; also for an object that is NULL. */
static struct json_object *member(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (json_object_is_type(object, json_type_object))
		json_object_object_get_ex(object, key, &value);
	return value;
}

/* The length of an array; 0 for what is none. */
static size_t length(struct json_object *array)
{
	return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

static bool is_step(struct json_object *step, enum vfv_step_kind kind)
{
	const char *name = text_of(step, "step");

	return name && strcmp(name, vfv_step_name(kind)) == 0;
}

static struct sums add_up(struct json_object *plan)
{
	struct json_object *steps = member(plan, "steps");
	struct sums sums = {.num_vfs = -1};

	for (size_t i = 0; i < length(steps); i++) {
		struct json_object *step = json_object_array_get_idx(steps, i);

		sums.step_count++;
		sums.bound += is_step(step, VFV_STEP_PROBE);
		sums.unbound += is_step(step, VFV_STEP_UNBIND);
		sums.published += is_step(step, VFV_STEP_PUBLISH);
		if (is_step(step, VFV_STEP_NUM_VFS))
			sums.num_vfs = (int)number_of(step, "number");
		if (is_step(step, VFV_STEP_TRANSPORT))
			sums.transport = text_of(step, "driver");
	}
	return sums;
}

/* How it ended; strictly: what failed in part does not stand, as with create. */
static enum ending ending_of(struct json_object *row, bool strictly)
{
	struct json_object *end = member(row, "end");
	const char *code = text_of(end, "code");
	size_t failed = length(member(row, "failed"));

	if (code && strcmp(code, "none") == 0 && failed == 0)
		return ENDING_DONE;
	if (strictly || truth_of(end, "undone") || number_of(end, "done") == 0 ||
	    !member(row, "result"))
		return ENDING_FAILED;
	return ENDING_PARTLY;
}

/* What the plan wanted and stands: the numbers are those of the facts afterwards. */
static void print_result(FILE *out, const struct sums *plan, struct json_object *result)
{
	const char *driver = text_of(result, "driver");
	int vfs = (int)number_of(result, "vfs");

	if (plan->transport && driver && strcmp(plan->transport, driver) == 0)
		fprintf(out, " PF bound to %s,", driver);
	if (plan->num_vfs > 0 && plan->num_vfs == vfs)
		fprintf(out, " %d VFs created,", vfs);
	else if (plan->num_vfs == 0 && vfs == 0)
		fputs(" VFs removed,", out);
	else if (plan->num_vfs < 0 && plan->unbound > plan->bound)
		fprintf(out, " %d VFs unbound,", (int)number_of(result, "unbound"));
	if (plan->bound > 0)
		fprintf(out, " %d bound,", (int)number_of(result, "bound"));
	if (plan->published > 0)
		fprintf(out, " %d published,", (int)number_of(result, "published"));
}

/* What was done, in a line; the failed VFs are told one by one, on standard error. */
/* Which intent files go with a plan, a line each; whether there are any. out NULL: only look. */
static bool print_files(FILE *out, struct json_object *plan, bool dry_run)
{
	const char *written = text_of(plan, "intent_written");
	const char *removed = text_of(plan, "intent_removed");
	VFV_FREE char *shown_written = written ? vfv_display_text(written) : NULL;
	VFV_FREE char *shown_removed = removed ? vfv_display_text(removed) : NULL;

	if (out && shown_written)
		fprintf(out, "%s: %s\n", shown_written,
			dry_run ? "write what is wanted" : "written");
	if (out && shown_removed)
		fprintf(out, "%s: %s\n", shown_removed, dry_run ? "remove it" : "removed");
	return written || removed;
}

static void print_done(FILE *out, const char *pf, struct json_object *row, bool strictly)
{
	struct sums sums = add_up(member(row, "plan"));
	int failed = (int)length(member(row, "failed"));
	enum ending ending = ending_of(row, strictly);

	/* What failed before its first step has been told already. */
	if (sums.step_count == 0 && ending != ENDING_DONE)
		return;
	if (sums.step_count == 0 && print_files(out, member(row, "plan"), false))
		return;
	fprintf(out, "%s:", pf);
	if (sums.step_count == 0)
		fputs(" nothing to do", out);
	else if (ending != ENDING_FAILED)
		print_result(out, &sums, member(row, "result"));
	if (ending == ENDING_FAILED && truth_of(member(row, "end"), "undone"))
		fputs(" failed, all steps taken back", out);
	else if (ending == ENDING_FAILED)
		fputs(strictly && member(row, "result")
			      ? " failed, some steps could not be taken back"
			      : " failed",
		      out);
	else if (failed)
		fprintf(out, " %d failed", failed);
	else if (sums.step_count > 0)
		fputs(" done", out);
	fputc('\n', out);
	if (ending == ENDING_DONE)
		print_files(out, member(row, "plan"), false);
}

/* Whether a verb does all that it was asked for, or takes it back. */
static bool is_strict(const struct vfv_cli *cli)
{
	return cli->arguments.verb == VFV_VERB_create;
}

static void print_steps(FILE *out, const char *pf, struct json_object *plan)
{
	struct json_object *steps = member(plan, "steps");

	if (length(steps) == 0 && !print_files(NULL, plan, true))
		fprintf(out, "%s: nothing to do\n", pf);
	for (size_t i = 0; i < length(steps); i++) {
		const char *text = text_of(json_object_array_get_idx(steps, i), "text");
		VFV_FREE char *shown = text ? vfv_display_text(text) : NULL;

		if (shown)
			fprintf(out, "%s\n", shown);
	}
	print_files(out, plan, true);
}

/* What failed goes to standard error, each with its named error. */
static void tell_failures(const struct vfv_cli *cli, const char *pf, struct json_object *row)
{
	struct json_object *failed = member(row, "failed"), *end = member(row, "end");
	const char *code = text_of(end, "code");

	for (size_t i = 0; i < length(failed); i++) {
		struct json_object *one = json_object_array_get_idx(failed, i);
		const char *one_code = text_of(one, "code"), *text = text_of(one, "text");

		vfv_tell("%s [%s]", text ? text : "failed", one_code ? one_code : "internal");
	}
	if (length(failed) > 0 || !code || strcmp(code, "none") == 0)
		return;
	vfv_tell("%s [%s]", text_of(end, "text") ? text_of(end, "text") : pf, code);
	vfv_tell("what to do: %s", vfv_error_name(vfv_error_from_json(code))->remedy);
}

static void print_row(struct vfv_cli *cli, const char *pf, struct json_object *row, bool dry_run)
{
	struct json_object *plan = member(row, "plan");
	const char *notice = text_of(plan, "notice");
	VFV_FREE char *shown = notice ? vfv_display_text(notice) : NULL;

	if (dry_run && plan)
		print_steps(cli->out, pf, plan);
	else if (!dry_run && !vfv_given(cli, VFV_OPTION_quiet))
		print_done(cli->out, pf, row, is_strict(cli));
	if (vfv_given(cli, VFV_OPTION_quiet))
		return;
	if (truth_of(plan, "pending_reboot"))
		fprintf(cli->out,
			"%s: its transport changes at the next boot: its interface is in use\n",
			pf);
	if (shown)
		fprintf(cli->out, "%s\n", shown);
}

/* The exit status of a report: some PFs or VFs done, some not, is "partly". */
static enum vfv_exit status_of(struct json_object *pfs, bool strictly)
{
	bool done = false, failed = false;

	for (size_t i = 0; i < length(pfs); i++) {
		enum ending ending = ending_of(json_object_array_get_idx(pfs, i), strictly);

		done |= ending != ENDING_FAILED;
		failed |= ending != ENDING_DONE;
	}
	if (!failed)
		return VFV_EXIT_DONE;
	return done ? VFV_EXIT_PARTLY : VFV_EXIT_FAILED;
}

/* The report as an object of --json. */
static int print_json(struct vfv_cli *cli, struct json_object *pfs, struct vfv_error *ret_error)
{
	VFV_JSON struct json_object *object = json_object_new_object();

	if (!object || !vfv_json_add_number(object, "schema", VFV_JSON_SCHEMA_VERSION) ||
	    !vfv_json_add(object, "pfs", json_object_get(pfs)))
		return vfv_no_memory(ret_error);
	if (cli->intent_errors &&
	    !vfv_json_add(object, "intent_errors", json_object_get(cli->intent_errors)))
		return vfv_no_memory(ret_error);
	return vfv_print_json(cli, vfv_take(object), ret_error);
}

int vfv_report_print(struct vfv_cli *cli, struct json_object *report, bool dry_run,
		     struct vfv_error *ret_error)
{
	VFV_JSON struct json_object *kept = report;
	struct json_object *pfs = member(report, "pfs");
	enum vfv_exit status;
	int ret;

	if (!json_object_is_type(pfs, json_type_array))
		return vfv_error_set(ret_error, VFV_ERROR_INTERNAL, EINVAL,
				     "vfvirtd's report has no \"pfs\"");
	status = status_of(pfs, is_strict(cli));
	if (length(pfs) == 0 && !vfv_given(cli, VFV_OPTION_json) &&
	    !vfv_given(cli, VFV_OPTION_quiet))
		fputs("nothing to do: no intent file is for such a PF\n", cli->out);
	for (size_t i = 0; i < length(pfs); i++) {
		struct json_object *row = json_object_array_get_idx(pfs, i);
		const char *text = text_of(row, "pf");
		VFV_FREE char *pf = vfv_display_text(text ? text : "(unknown)");

		if (!pf)
			return vfv_no_memory(ret_error);
		tell_failures(cli, pf, row);
		if (!vfv_given(cli, VFV_OPTION_json))
			print_row(cli, pf, row, dry_run);
	}
	if (!vfv_given(cli, VFV_OPTION_json))
		return status;
	ret = print_json(cli, pfs, ret_error);
	return ret < 0 ? ret : (int)status;
}
