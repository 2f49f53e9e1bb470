/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A request to a worker, and what came of it: the two halves of worker_protocol.h. */
#include "request.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "cleanup.h"
#include "json.h"
#include "text.h"
#include "worker_protocol.h"

static const char *const op_names[VFV_OP_COUNT] = VFV_WORKER_OPS;

struct vfv_request *vfv_request_new(enum vfv_op op, const struct vfv_address *pf)
{
	struct vfv_request *request = calloc(1, sizeof(*request));

	if (!request)
		return NULL;
	request->op = op;
	if (pf)
		request->pf = *pf;
	return request;
}

void vfv_request_free(struct vfv_request *request)
{
	if (!request)
		return;
	free(request->name);
	free(request->driver);
	free(request->vf_indexes);
	free(request);
}

const char *vfv_op_name(enum vfv_op op)
{
	return op_names[op];
}

static bool add_indexes(struct json_object *object, const struct vfv_request *request)
{
	struct json_object *array;

	if (!request->vf_indexes)
		return vfv_json_add_text(object, "vf_indexes", NULL);
	array = json_object_new_array();
	for (size_t i = 0; array && i < request->vf_index_count; i++)
		json_object_array_add(array, json_object_new_int64(request->vf_indexes[i]));
	return vfv_json_add(object, "vf_indexes", array);
}

char *vfv_request_to_text(const struct vfv_request *request)
{
	struct json_object *object VFV_JSON = json_object_new_object();
	char address[VFV_ADDRESS_BYTES];
	const char *pf = NULL;

	if (request->op != VFV_OP_LIST)
		pf = vfv_address_format(&request->pf, address);
	if (!object || !vfv_json_add_text(object, "op", op_names[request->op]) ||
	    !vfv_json_add_text(object, "pf", pf) ||
	    !vfv_json_add_bool(object, "dry_run", request->dry_run) ||
	    !vfv_json_add_bool(object, "force", request->force) ||
	    !vfv_json_add_bool(object, "explicit", request->explicit) ||
	    !vfv_json_add_bool(object, "retry", request->retry) ||
	    !vfv_json_add_bool(object, "mac", request->mac) ||
	    !vfv_json_add_bool(object, "runtime", request->runtime) ||
	    !vfv_json_add_number(object, "failed_facts", (int64_t)request->failed_facts) ||
	    !vfv_json_add_number(object, "vfs", request->vfs) ||
	    !vfv_json_add_text(object, "name", request->name) ||
	    !vfv_json_add_text(object, "driver", request->driver) || !add_indexes(object, request))
		return NULL;
	return strdup(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
}

/* A text that may be null; *ret_copy is NULL then. */
static int get_maybe_text(struct json_object *object, const char *key, char **ret_copy)
{
	const char *text;

	if (!json_object_object_get(object, key))
		return 0;
	if (vfv_json_get_text(object, key, &text))
		return -EINVAL;
	*ret_copy = strdup(text);
	return *ret_copy ? 0 : -ENOMEM;
}

static int get_indexes(struct json_object *object, struct vfv_request *request)
{
	struct json_object *array = json_object_object_get(object, "vf_indexes");
	size_t count;

	if (!array)
		return 0;
	if (!json_object_is_type(array, json_type_array))
		return -EINVAL;
	count = json_object_array_length(array);
	request->vf_indexes = calloc(count + 1, sizeof(*request->vf_indexes));
	if (!request->vf_indexes)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		int64_t index = json_object_get_int64(json_object_array_get_idx(array, i));

		if (index < 0 || index > UINT16_MAX)
			return -EINVAL;
		request->vf_indexes[i] = (unsigned int)index;
	}
	request->vf_index_count = count;
	return 0;
}

static int get_op(struct json_object *object, struct vfv_request *request)
{
	const char *text;

	if (vfv_json_get_text(object, "op", &text))
		return -EINVAL;
	for (int op = 0; op < VFV_OP_COUNT; op++) {
		if (strcmp(text, op_names[op]))
			continue;
		request->op = op;
		if (op == VFV_OP_LIST)
			return 0;
		if (vfv_json_get_text(object, "pf", &text) ||
		    !vfv_address_parse(text, &request->pf))
			return -EINVAL;
		return 0;
	}
	return -EINVAL;
}

static int get_all(struct json_object *object, struct vfv_request *request)
{
	int64_t vfs, failed_facts;
	int error;

	if (get_op(object, request) || vfv_json_get_bool(object, "dry_run", &request->dry_run) ||
	    vfv_json_get_bool(object, "force", &request->force) ||
	    vfv_json_get_bool(object, "explicit", &request->explicit) ||
	    vfv_json_get_bool(object, "retry", &request->retry) ||
	    vfv_json_get_bool(object, "mac", &request->mac) ||
	    vfv_json_get_bool(object, "runtime", &request->runtime) ||
	    vfv_json_get_number(object, "failed_facts", 0, INT64_MAX, &failed_facts) ||
	    vfv_json_get_number(object, "vfs", 0, UINT16_MAX, &vfs))
		return -EINVAL;
	request->failed_facts = (uint64_t)failed_facts;
	request->vfs = (unsigned int)vfs;
	error = get_maybe_text(object, "name", &request->name);
	if (!error)
		error = get_maybe_text(object, "driver", &request->driver);
	return error ? error : get_indexes(object, request);
}

int vfv_request_parse(const char *text, size_t length, struct vfv_request **ret_request,
		      struct vfv_error *ret_error)
{
	struct json_object *object VFV_JSON = NULL;
	struct vfv_request *request;
	int error = vfv_json_parse("request", text, length, VFV_ERROR_USAGE, &object, ret_error);

	if (error)
		return error;
	request = vfv_request_new(VFV_OP_LIST, NULL);
	if (!request)
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
	error = get_all(object, request);
	if (error) {
		vfv_request_free(request);
		return error == -ENOMEM
			       ? vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory")
			       : vfv_error_set(ret_error, VFV_ERROR_USAGE, EINVAL,
					       "request: not of the form of "
					       "worker_protocol.h");
	}
	*ret_request = request;
	return 0;
}

static void take_object(struct json_object **place, struct json_object *object)
{
	json_object_put(*place);
	*place = json_object_get(object);
}

static int take_end(struct vfv_outcome *outcome, struct json_object *end)
{
	int64_t errno_value, done, failed, failed_facts;
	const char *code, *text;
	bool undone;

	if (vfv_json_get_text(end, "code", &code) || vfv_json_get_text(end, "text", &text) ||
	    vfv_json_get_number(end, "errno", 0, INT32_MAX, &errno_value) ||
	    vfv_json_get_number(end, "done", 0, INT32_MAX, &done) ||
	    vfv_json_get_number(end, "failed", 0, INT32_MAX, &failed) ||
	    vfv_json_get_number(end, "failed_facts", 0, INT64_MAX, &failed_facts) ||
	    vfv_json_get_bool(end, "undone", &undone))
		return -EINVAL;
	take_object(&outcome->end, end);
	outcome->done_count = (unsigned int)done;
	outcome->failed_count = (unsigned int)failed;
	outcome->undone = undone;
	outcome->failed_facts = (uint64_t)failed_facts;
	outcome->error = VFV_NO_ERROR;
	if (strcmp(code, vfv_error_name(VFV_ERROR_NONE)->json_code))
		vfv_error_set(&outcome->error, vfv_error_from_json(code), (int)errno_value, "%s",
			      text);
	return 0;
}

static int take_failed(struct vfv_outcome *outcome, struct json_object *failed)
{
	if (!outcome->failed)
		outcome->failed = json_object_new_array();
	if (!outcome->failed)
		return -ENOMEM;
	return json_object_array_add(outcome->failed, json_object_get(failed));
}

static int take_model(struct vfv_outcome *outcome, struct json_object *object)
{
	struct vfv_model *model;
	int error = vfv_model_from_json(object, &model, NULL);

	if (error)
		return error;
	vfv_model_free(outcome->model);
	outcome->model = model;
	return 0;
}

static int take_progress(struct json_object *report, struct vfv_progress *ret_progress)
{
	int64_t done, total;
	const char *step;

	if (vfv_json_get_number(report, "done", 0, INT32_MAX, &done) ||
	    vfv_json_get_number(report, "total", 0, INT32_MAX, &total) ||
	    vfv_json_get_text(report, "step", &step))
		return -EINVAL;
	*ret_progress = (struct vfv_progress){(unsigned int)done, (unsigned int)total, step};
	return 0;
}

static int take_waiting(struct vfv_outcome *outcome, struct json_object *report)
{
	int64_t pid;
	int error = vfv_json_get_number(report, "pid", 1, INT32_MAX, &pid);

	if (!error)
		outcome->waiting_for = (pid_t)pid;
	return error;
}

static int take_kernel(struct vfv_outcome *outcome, struct json_object *report)
{
	int64_t group;
	int error = vfv_json_get_number(report, "events_group", 0, UINT32_MAX, &group);

	if (error)
		return error;
	outcome->has_events_group = true;
	outcome->events_group = (unsigned int)group;
	return 0;
}

int vfv_outcome_take(struct vfv_outcome *outcome, const char *line, size_t length,
		     enum vfv_report *ret_kind, struct vfv_progress *ret_progress,
		     struct json_object **ret_object)
{
	struct json_object *object VFV_JSON = NULL;
	struct json_object *part;
	int error = vfv_json_parse("report", line, length, VFV_ERROR_INTERNAL, &object, NULL);

	if (error)
		return error;
	*ret_kind = VFV_REPORT_OTHER;
	if (json_object_object_get_ex(object, "waiting", &part))
		return take_waiting(outcome, part);
	outcome->waiting_for = 0;
	if (json_object_object_get_ex(object, "end", &part))
		return take_end(outcome, part);
	if (json_object_object_get_ex(object, "failed", &part))
		return take_failed(outcome, part);
	if (json_object_object_get_ex(object, "kernel", &part))
		return take_kernel(outcome, part);
	if (json_object_object_get_ex(object, "model", &part))
		return take_model(outcome, part);
	if (json_object_object_get_ex(object, "progress", &part)) {
		*ret_kind = VFV_REPORT_PROGRESS;
		error = take_progress(part, ret_progress);
		*ret_object = vfv_take(object);
		return error;
	}
	if (json_object_object_get_ex(object, "plan", &part))
		take_object(&outcome->plan, part);
	else if (json_object_object_get_ex(object, "list", &part))
		take_object(&outcome->list, part);
	else
		return -EINVAL;
	return 0;
}

void vfv_outcome_clear(struct vfv_outcome *outcome)
{
	json_object_put(outcome->list);
	json_object_put(outcome->plan);
	json_object_put(outcome->failed);
	json_object_put(outcome->end);
	vfv_model_free(outcome->model);
	*outcome = (struct vfv_outcome){0};
}
