/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vfvirtd --transport: gives each PF, early in boot, the driver that its intent wants. */
#include "transport.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "journal.h"

struct transport {
	sd_event *event;
	struct vfv_pool *pool;
	unsigned int pending; /* requests not ended */
	bool failed;
};

static void end_one(struct transport *transport)
{
	if (!--transport->pending)
		sd_event_exit(transport->event, transport->failed);
}

static void on_done(void *context, const struct vfv_request *request, struct vfv_outcome *outcome)
{
	struct vfv_subject subject = {.pf = &request->pf,
				      .op = vfv_op_name(request->op),
				      .errno_value = outcome->error.errno_value};
	struct transport *transport = context;
	char pf[VFV_ADDRESS_BYTES];

	if (outcome->error.code != VFV_ERROR_NONE) {
		transport->failed = true;
		vfv_journal(VFV_MESSAGE_FAILED, &subject, "%s", outcome->error.text);
	} else if (outcome->done_count) {
		vfv_journal(VFV_MESSAGE_RECONCILED, &subject, "%s: bound to its transport",
			    vfv_address_format(&request->pf, pf));
	}
	end_one(transport);
}

static const struct vfv_job_handler pf_handler = {.done = on_done};

static void submit(struct transport *transport, struct vfv_request *request,
		   const struct vfv_job_handler *handler)
{
	transport->pending++;
	if (!request || vfv_pool_submit(transport->pool, request, handler, transport, NULL)) {
		transport->failed = true;
		end_one(transport);
	}
}

static void on_listed(void *context, const struct vfv_request *request, struct vfv_outcome *outcome)
{
	struct transport *transport = context;
	struct json_object *part = NULL;
	struct vfv_address pf;

	if (outcome->error.code != VFV_ERROR_NONE) {
		transport->failed = true;
		vfv_journal(VFV_MESSAGE_FAILED, NULL, "%s", outcome->error.text);
	}
	if (json_object_object_get_ex(outcome->list, "intent_errors", &part))
		for (size_t i = 0; i < json_object_array_length(part); i++) {
			transport->failed = true;
			vfv_journal(VFV_MESSAGE_INTENT, NULL, "%s; ignoring the file",
				    json_object_get_string(json_object_array_get_idx(part, i)));
		}
	if (json_object_object_get_ex(outcome->list, "pfs", &part))
		for (size_t i = 0; i < json_object_array_length(part); i++)
			if (vfv_address_parse(
				    json_object_get_string(json_object_array_get_idx(part, i)),
				    &pf))
				submit(transport, vfv_request_new(VFV_OP_TRANSPORT, &pf),
				       &pf_handler);
	end_one(transport);
}

static const struct vfv_job_handler list_handler = {.done = on_listed};

/* The boot goes on; workers that are still at it go on too, and vfvirtd waits for them later. */
static int on_limit(sd_event_source *source, uint64_t now, void *context)
{
	struct transport *transport = context;

	vfv_journal(VFV_MESSAGE_STUCK, NULL,
		    "%u PFs did not get their transport in time; the boot goes on without",
		    transport->pending);
	return sd_event_exit(transport->event, EXIT_FAILURE);
}

static void ignore_stuck(void *context, const struct vfv_address *pf, const struct vfv_error *error)
{
}

static void ignore_freed(void *context, const struct vfv_address *pf)
{
}

int vfv_transport_main(void)
{
	unsigned int limit_ms = vfv_limit_ms("VFVIRT_TRANSPORT_LIMIT_MS", VFV_TRANSPORT_LIMIT_MS);
	struct vfv_pool_watcher watcher = {.stuck = ignore_stuck, .freed = ignore_freed};
	struct transport transport = {0};
	int status = EXIT_FAILURE;
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	if (sd_event_default(&transport.event) < 0)
		return EXIT_FAILURE;
	/* A worker has no limit of its own here: that of the whole comes first. */
	transport.pool = vfv_pool_new(transport.event, 2 * limit_ms, &watcher);
	if (transport.pool &&
	    sd_event_add_time_relative(transport.event, NULL, CLOCK_MONOTONIC,
				       limit_ms * UINT64_C(1000), 0, on_limit, &transport) >= 0) {
		submit(&transport, vfv_request_new(VFV_OP_LIST, NULL), &list_handler);
		status = sd_event_loop(transport.event);
	}
	vfv_pool_free(transport.pool);
	sd_event_unref(transport.event);
	return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
