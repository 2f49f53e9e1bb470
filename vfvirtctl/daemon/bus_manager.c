/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * org.vfvirt1.Manager. A method that changes something asks the bus who calls, then has workers do
 * it, and answers when the last one has ended; nothing of that waits in the loop.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "bus_contract.h"
#include "bus_parts.h"
#include "cleanup.h"
#include "journal.h"
#include "json.h"
#include "reconcile.h"
#include "select.h"
#include "text.h"

#define PROGRESS_PAUSE_US 50000 /* between two signals about a PF */

struct call;

/* A method that needs rights: reads the arguments and submits requests. */
struct method {
	const char *name;
	int (*start)(struct call *call, struct vfv_error *ret_error);
};

/* A method call under way. */
struct call {
	struct vfv_bus *bus;
	sd_bus_message *message;
	const struct method *method;
	unsigned int pending;	 /* requests whose end is not told yet, plus 1 while starting */
	unsigned int done_count; /* requests that did, or planned, something */
	struct json_object *pfs; /* of the report */
	struct vfv_error error;	 /* the first one */
	uint64_t progress_us;	 /* of the last signal */
};

static uint64_t now_us(struct call *call)
{
	uint64_t now = 0;

	sd_event_now(call->bus->daemon->event, CLOCK_MONOTONIC, &now);
	return now;
}

static void call_free(struct call *call)
{
	sd_bus_message_unref(call->message);
	json_object_put(call->pfs);
	free(call);
}

/* A named error; the errno is behind the text. */
static void reply_error(sd_bus_message *message, const struct vfv_error *error)
{
	const sd_bus_error named =
		SD_BUS_ERROR_MAKE_CONST(vfv_error_name(error->code)->dbus_name, error->text);
	sd_bus_message *reply = NULL;

	if (sd_bus_message_get_expect_reply(message) > 0 &&
	    sd_bus_message_new_method_error(message, &reply, &named) >= 0 &&
	    sd_bus_message_append(reply, "u", (uint32_t)error->errno_value) >= 0)
		sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
}

/* By address of the PF; workers end in any order. */
static int compare_rows(const void *a, const void *b)
{
	struct json_object *first = *(struct json_object *const *)a;
	struct json_object *second = *(struct json_object *const *)b;

	return strcmp(json_object_get_string(json_object_object_get(first, "pf")),
		      json_object_get_string(json_object_object_get(second, "pf")));
}

/* The end of one of the call's requests, or of its start; the last one answers the caller. */
static void call_end(struct call *call)
{
	struct json_object *report;

	if (--call->pending)
		return;
	if (call->error.code != VFV_ERROR_NONE && !call->done_count) {
		reply_error(call->message, &call->error);
	} else {
		report = json_object_new_object();
		json_object_array_sort(call->pfs, compare_rows);
		vfv_json_add(report, "pfs", vfv_take(call->pfs));
		sd_bus_reply_method_return(
			call->message, "s",
			json_object_to_json_string_ext(report, JSON_C_TO_STRING_PLAIN));
		json_object_put(report);
	}
	call_free(call);
}

static void add_to_report(struct call *call, const struct vfv_request *request,
			  const struct vfv_outcome *outcome)
{
	struct json_object *row = json_object_new_object();
	char pf[VFV_ADDRESS_BYTES];

	if (!row)
		return;
	vfv_json_add_text(row, "pf", vfv_address_format(&request->pf, pf));
	if (outcome->plan)
		vfv_json_add(row, "plan", json_object_get(outcome->plan));
	if (!request->dry_run)
		vfv_json_add(row, "result", vfv_outcome_result(outcome));
	vfv_json_add(row, "failed",
		     outcome->failed ? json_object_get(outcome->failed) : json_object_new_array());
	if (outcome->end) {
		/* Between a worker and its daemon only. */
		json_object_object_del(outcome->end, "failed_facts");
		vfv_json_add(row, "end", json_object_get(outcome->end));
	} else {
		struct json_object *end = json_object_new_object();

		vfv_json_add_text(end, "code", vfv_error_name(outcome->error.code)->json_code);
		vfv_json_add_number(end, "errno", outcome->error.errno_value);
		vfv_json_add_text(end, "text", outcome->error.text);
		vfv_json_add_number(end, "done", 0);
		vfv_json_add_number(end, "failed", 0);
		vfv_json_add_bool(end, "undone", false);
		vfv_json_add(row, "end", end);
	}
	json_object_array_add(call->pfs, row);
}

static void tell_request(const struct vfv_request *request, const struct vfv_outcome *outcome)
{
	struct vfv_subject subject = {.pf = &request->pf,
				      .op = vfv_op_name(request->op),
				      .errno_value = outcome->error.errno_value};
	char pf[VFV_ADDRESS_BYTES];

	if (request->dry_run)
		return;
	if (outcome->error.code == VFV_ERROR_NONE)
		vfv_journal(VFV_MESSAGE_REQUEST, &subject, "%s: %s: %u steps done",
			    vfv_address_format(&request->pf, pf), subject.op, outcome->done_count);
	else
		vfv_journal(VFV_MESSAGE_FAILED, &subject, "%s", outcome->error.text);
}

static void on_done(void *context, const struct vfv_request *request, struct vfv_outcome *outcome)
{
	struct call *call = context;

	tell_request(request, outcome);
	add_to_report(call, request, outcome);
	/* Of a PF that is gone nothing stands. */
	if (outcome->error.code == VFV_ERROR_NONE ||
	    (outcome->done_count && !outcome->undone && outcome->model))
		call->done_count++;
	if (outcome->error.code != VFV_ERROR_NONE)
		vfv_error_set(&call->error, outcome->error.code, outcome->error.errno_value, "%s",
			      outcome->error.text);
	vfv_daemon_take(call->bus->daemon, outcome);
	call_end(call);
}

static void on_progress(void *context, const struct vfv_request *request,
			const struct vfv_progress *progress)
{
	struct call *call = context;
	uint64_t now = now_us(call);
	char pf[VFV_ADDRESS_BYTES];

	if (progress->done && now - call->progress_us < PROGRESS_PAUSE_US)
		return;
	call->progress_us = now;
	sd_bus_emit_signal(call->bus->connection, VFV_BUS_ROOT, VFV_BUS_MANAGER, "Progress", "suus",
			   vfv_address_format(&request->pf, pf), progress->done, progress->total,
			   progress->step);
}

static const struct vfv_job_handler job_handler = {.progress = on_progress, .done = on_done};

/* Submit a request of the call; a refusal is an outcome of that PF. */
static void submit(struct call *call, struct vfv_request *request)
{
	struct vfv_outcome refused = {0};
	struct vfv_request *copy;
	int error;

	request->explicit = true;
	request->retry = true;
	request->mac = !request->dry_run;
	copy = vfv_request_new(request->op, &request->pf);
	call->pending++;
	error = vfv_pool_submit(call->bus->daemon->pool, request, &job_handler, call,
				&refused.error);
	if (error && copy)
		on_done(call, copy, &refused);
	else if (error)
		call_end(call);
	vfv_request_free(copy);
}

static int no_memory(struct vfv_error *ret_error)
{
	return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
}

static int bad_call(struct vfv_error *ret_error)
{
	return vfv_error_set(ret_error, VFV_ERROR_USAGE, EINVAL,
			     "the call has arguments of other types than org.vfvirt1 says");
}

/* The one PF that a name means. */
static int choose_pf(struct call *call, const char *name, struct vfv_address *ret_pf,
		     struct vfv_error *ret_error)
{
	struct vfv_chosen *chosen VFV_FREE = NULL;
	size_t count;
	int error = vfv_select(call->bus->daemon->model, name, VFV_SELECT_PF, &chosen, &count,
			       ret_error);

	if (!error)
		*ret_pf = chosen[0].pf->address;
	return error;
}

static int start_create(struct call *call, struct vfv_error *ret_error)
{
	const char *pf, *name;
	struct vfv_request *request;
	struct vfv_address address;
	int runtime, dry_run, error;
	uint32_t vfs;

	if (sd_bus_message_read(call->message, "ssubb", &pf, &name, &vfs, &runtime, &dry_run) < 0)
		return bad_call(ret_error);
	if (vfs == 0)
		return vfv_error_set(ret_error, VFV_ERROR_USAGE, EINVAL,
				     "%s: cannot make 0 VFs: call Destroy to have none", pf);
	if (vfs > UINT16_MAX)
		return vfv_error_set(ret_error, VFV_ERROR_TOO_MANY_VFS, ERANGE,
				     "%s: cannot make %u VFs: no PF can have more than %d", pf, vfs,
				     UINT16_MAX);
	error = choose_pf(call, pf, &address, ret_error);
	if (error)
		return error;
	request = vfv_request_new(VFV_OP_CREATE, &address);
	if (!request)
		return no_memory(ret_error);
	request->vfs = vfs;
	request->runtime = runtime;
	request->dry_run = dry_run;
	request->name = *name ? strdup(name) : NULL;
	submit(call, request);
	return 0;
}

static int start_destroy(struct call *call, struct vfv_error *ret_error)
{
	struct vfv_request *request;
	struct vfv_address address;
	int dry_run, error;
	const char *pf;

	if (sd_bus_message_read(call->message, "sb", &pf, &dry_run) < 0)
		return bad_call(ret_error);
	error = choose_pf(call, pf, &address, ret_error);
	if (error)
		return error;
	request = vfv_request_new(VFV_OP_DESTROY, &address);
	if (!request)
		return no_memory(ret_error);
	request->dry_run = dry_run;
	submit(call, request);
	return 0;
}

static int start_apply(struct call *call, struct vfv_error *ret_error)
{
	struct vfv_model *model = call->bus->daemon->model;
	struct vfv_request *request;
	struct vfv_address address;
	int dry_run, error;
	const char *pf;

	if (sd_bus_message_read(call->message, "sb", &pf, &dry_run) < 0)
		return bad_call(ret_error);
	if (*pf) {
		error = choose_pf(call, pf, &address, ret_error);
		if (error)
			return error;
	}
	for (size_t i = 0; i < model->pf_count; i++) {
		if (*pf && vfv_address_compare(&address, &model->pfs[i].address))
			continue;
		request = vfv_request_new(VFV_OP_APPLY, &model->pfs[i].address);
		if (!request)
			return no_memory(ret_error);
		request->dry_run = dry_run;
		submit(call, request);
	}
	/* Files were changed, it seems: IntentErrors has to follow. */
	if (!*pf && !dry_run)
		vfv_reconciler_mark_all(call->bus->daemon->reconciler);
	return 0;
}

/* Requests for the chosen PFs and VFs, one a PF; a PF stands for all of its VFs. */
struct batch {
	struct vfv_request **requests; /* owned array of count */
	size_t count;
};

static void batch_free(struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		vfv_request_free(batch->requests[i]);
	free(batch->requests);
}

static struct vfv_request *batch_request(struct batch *batch, enum vfv_op op,
					 const struct vfv_pf *pf)
{
	struct vfv_request **grown, *request;

	for (size_t i = 0; i < batch->count; i++)
		if (!vfv_address_compare(&batch->requests[i]->pf, &pf->address))
			return batch->requests[i];
	grown = realloc(batch->requests, (batch->count + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	batch->requests = grown;
	request = vfv_request_new(op, &pf->address);
	if (!request)
		return NULL;
	/* Room for each VF once, and one for the terminator that none needs. */
	request->vf_indexes = calloc(pf->vf_count + 1, sizeof(*request->vf_indexes));
	if (!request->vf_indexes) {
		vfv_request_free(request);
		return NULL;
	}
	batch->requests[batch->count++] = request;
	return request;
}

static void add_index(struct vfv_request *request, unsigned int vf_index)
{
	for (size_t i = 0; i < request->vf_index_count; i++)
		if (request->vf_indexes[i] == vf_index)
			return;
	request->vf_indexes[request->vf_index_count++] = vf_index;
}

static int batch_add(struct call *call, struct batch *batch, enum vfv_op op, const char *name,
		     struct vfv_error *ret_error)
{
	struct vfv_chosen *chosen VFV_FREE = NULL;
	size_t count;
	int error = vfv_select(call->bus->daemon->model, name,
			       VFV_SELECT_PF | VFV_SELECT_VF | VFV_SELECT_GLOB, &chosen, &count,
			       ret_error);

	for (size_t i = 0; !error && i < count; i++) {
		const struct vfv_pf *pf = chosen[i].pf;
		struct vfv_request *request = batch_request(batch, op, pf);

		if (!request)
			return no_memory(ret_error);
		for (size_t j = 0; j < pf->vf_count; j++)
			if (!chosen[i].vf || chosen[i].vf == &pf->vfs[j])
				add_index(request, pf->vfs[j].vf_index);
	}
	return error;
}

/* Read the "as" that bind and unbind begin with. */
static int read_batch(struct call *call, struct batch *batch, enum vfv_op op,
		      struct vfv_error *ret_error)
{
	const char *name;
	int error = 0, got;

	if (sd_bus_message_enter_container(call->message, 'a', "s") < 0)
		return bad_call(ret_error);
	while (!error) {
		got = sd_bus_message_read(call->message, "s", &name);
		if (got < 0)
			return bad_call(ret_error);
		if (got == 0)
			break;
		error = batch_add(call, batch, op, name, ret_error);
	}
	if (!error && !batch->count)
		return vfv_error_set(ret_error, VFV_ERROR_USAGE, EINVAL, "no VF was named");
	if (!error)
		sd_bus_message_exit_container(call->message);
	return error;
}

static int start_batch(struct call *call, enum vfv_op op, struct vfv_error *ret_error)
{
	struct batch batch = {0};
	const char *driver = "";
	int force, dry_run, error;

	error = read_batch(call, &batch, op, ret_error);
	if (!error && op == VFV_OP_BIND && sd_bus_message_read(call->message, "s", &driver) < 0)
		error = bad_call(ret_error);
	if (!error && sd_bus_message_read(call->message, "bb", &force, &dry_run) < 0)
		error = bad_call(ret_error);
	for (size_t i = 0; !error && i < batch.count; i++) {
		struct vfv_request *request = vfv_take(batch.requests[i]);

		request->force = force;
		request->dry_run = dry_run;
		request->driver = *driver ? strdup(driver) : NULL;
		submit(call, request);
	}
	batch_free(&batch);
	return error;
}

static int start_bind(struct call *call, struct vfv_error *ret_error)
{
	return start_batch(call, VFV_OP_BIND, ret_error);
}

static int start_unbind(struct call *call, struct vfv_error *ret_error)
{
	return start_batch(call, VFV_OP_UNBIND, ret_error);
}

static void on_reloaded(void *context, bool all)
{
	struct call *call = context;

	if (all)
		sd_bus_reply_method_return(call->message, "");
	else
		sd_bus_reply_method_errorf(call->message, vfv_error_name(VFV_ERROR_BUSY)->dbus_name,
					   "a PF is still being worked on; the reload goes on");
	call->pending = 0;
	call_free(call);
}

static int start_reload(struct call *call, struct vfv_error *ret_error)
{
	if (vfv_reconciler_round(call->bus->daemon->reconciler, VFV_READY_LIMIT_MS, on_reloaded,
				 call))
		return no_memory(ret_error);
	call->pending++; /* on_reloaded() answers */
	return 0;
}

static const struct method methods[] = {
	{"Create", start_create}, {"Destroy", start_destroy}, {"Bind", start_bind},
	{"Unbind", start_unbind}, {"Apply", start_apply},     {"Reload", start_reload},
};

static void begin(struct call *call)
{
	struct vfv_error error = VFV_NO_ERROR;

	call->pending = 1;
	if (call->method->start(call, &error))
		vfv_error_set(&call->error, error.code, error.errno_value, "%s", error.text);
	call_end(call);
}

/* The bus says who calls. */
static int on_caller(sd_bus_message *reply, void *context, sd_bus_error *ret_error)
{
	struct call *call = context;
	struct vfv_subject subject = {.op = call->method->name};
	uint32_t uid;

	if (!sd_bus_message_is_method_error(reply, NULL) &&
	    sd_bus_message_read(reply, "u", &uid) > 0 && uid == 0) {
		begin(call);
		return 0;
	}
	vfv_journal(VFV_MESSAGE_REFUSED, &subject, "%s by %s was refused: only root may do that",
		    call->method->name, sd_bus_message_get_sender(call->message));
	vfv_error_set(&call->error, VFV_ERROR_ACCESS, EACCES,
		      "%s: only root may do that: try it with sudo", call->method->name);
	call->pending = 1;
	call_end(call);
	return 0;
}

/* Any of the methods that change something. The bus policy says who may; here it is checked. */
static int on_method(sd_bus_message *message, void *context, sd_bus_error *ret_error)
{
	struct vfv_bus *bus = context;
	struct call *call = calloc(1, sizeof(*call));
	int error;

	if (!call)
		return -ENOMEM;
	call->bus = bus;
	call->message = sd_bus_message_ref(message);
	call->pfs = json_object_new_array();
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (!strcmp(methods[i].name, sd_bus_message_get_member(message)))
			call->method = &methods[i];
	error = sd_bus_call_method_async(bus->connection, NULL, "org.freedesktop.DBus",
					 "/org/freedesktop/DBus", "org.freedesktop.DBus",
					 "GetConnectionUnixUser", on_caller, call, "s",
					 sd_bus_message_get_sender(message));
	if (error < 0) {
		call_free(call);
		return error;
	}
	return 1;
}

static int on_get_model(sd_bus_message *message, void *context, sd_bus_error *ret_error)
{
	struct vfv_bus *bus = context;
	struct json_object *model VFV_JSON = vfv_model_to_json(bus->daemon->model);

	if (!model)
		return -ENOMEM;
	return sd_bus_reply_method_return(
		message, "s", json_object_to_json_string_ext(model, JSON_C_TO_STRING_PLAIN));
}

static int get_version(sd_bus *connection, const char *path, const char *interface,
		       const char *name, sd_bus_message *reply, void *context,
		       sd_bus_error *ret_error)
{
	return sd_bus_message_append(reply, "s", VFV_VERSION);
}

static int get_running(sd_bus *connection, const char *path, const char *interface,
		       const char *name, sd_bus_message *reply, void *context,
		       sd_bus_error *ret_error)
{
	struct vfv_bus *bus = context;

	return sd_bus_message_append(reply, "u", vfv_reconciler_running(bus->daemon->reconciler));
}

static int get_intent_errors(sd_bus *connection, const char *path, const char *interface,
			     const char *name, sd_bus_message *reply, void *context,
			     sd_bus_error *ret_error)
{
	struct json_object *errors = ((struct vfv_bus *)context)->daemon->intent_errors;
	int error = sd_bus_message_open_container(reply, 'a', "s");

	for (size_t i = 0; error >= 0 && errors && i < json_object_array_length(errors); i++)
		error = sd_bus_message_append(
			reply, "s", json_object_get_string(json_object_array_get_idx(errors, i)));
	return error < 0 ? error : sd_bus_message_close_container(reply);
}

/* Unprivileged: sd-bus would ask the bus who calls and wait for it; on_method() does not wait. */
#define METHOD(name, in, in_names, out, out_names, handler)                                        \
	SD_BUS_METHOD_WITH_NAMES(name, in, in_names, out, out_names, handler,                      \
				 SD_BUS_VTABLE_UNPRIVILEGED)

static const sd_bus_vtable manager_vtable[] = {
	SD_BUS_VTABLE_START(0),
	METHOD("Create", "ssubb",
	       SD_BUS_PARAM(pf) SD_BUS_PARAM(name) SD_BUS_PARAM(num_vfs) SD_BUS_PARAM(runtime)
		       SD_BUS_PARAM(dry_run),
	       "s", SD_BUS_PARAM(report), on_method),
	METHOD("Destroy", "sb", SD_BUS_PARAM(pf) SD_BUS_PARAM(dry_run), "s", SD_BUS_PARAM(report),
	       on_method),
	METHOD("Bind", "assbb",
	       SD_BUS_PARAM(objects) SD_BUS_PARAM(driver) SD_BUS_PARAM(force) SD_BUS_PARAM(dry_run),
	       "s", SD_BUS_PARAM(report), on_method),
	METHOD("Unbind", "asbb", SD_BUS_PARAM(objects) SD_BUS_PARAM(force) SD_BUS_PARAM(dry_run),
	       "s", SD_BUS_PARAM(report), on_method),
	METHOD("Apply", "sb", SD_BUS_PARAM(pf) SD_BUS_PARAM(dry_run), "s", SD_BUS_PARAM(report),
	       on_method),
	SD_BUS_METHOD("Reload", "", "", on_method, SD_BUS_VTABLE_UNPRIVILEGED),
	METHOD("GetModel", "", , "s", SD_BUS_PARAM(model), on_get_model),
	SD_BUS_SIGNAL_WITH_NAMES(
		"Progress", "suus",
		SD_BUS_PARAM(pf) SD_BUS_PARAM(done) SD_BUS_PARAM(total) SD_BUS_PARAM(step), 0),
	SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("ReconcilesRunning", "u", get_running, 0,
			SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("IntentErrors", "as", get_intent_errors, 0,
			SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_VTABLE_END,
};

int vfv_bus_add_manager(struct vfv_bus *bus)
{
	return sd_bus_add_object_vtable(bus->connection, NULL, VFV_BUS_ROOT, VFV_BUS_MANAGER,
					manager_vtable, bus);
}
