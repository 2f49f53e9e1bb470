/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A request to a worker, and what came of it: the two halves of worker_protocol.h. */
#ifndef VFV_DAEMON_REQUEST_H
#define VFV_DAEMON_REQUEST_H

#include <json-c/json.h>

#include "error.h"
#include "model.h"

/* In the order of VFV_WORKER_OPS. */
enum vfv_op {
	VFV_OP_LIST,
	VFV_OP_FACTS,
	VFV_OP_APPLY,
	VFV_OP_CREATE,
	VFV_OP_DESTROY,
	VFV_OP_BIND,
	VFV_OP_UNBIND,
	VFV_OP_TRANSPORT,
	VFV_OP_COUNT,
};

struct vfv_request {
	enum vfv_op op;
	struct vfv_address pf; /* not of VFV_OP_LIST */
	bool dry_run;
	bool force;
	bool explicit;	       /* a person asked for it */
	bool retry;	       /* try again what failed */
	uint64_t failed_facts; /* that the last reconcile failed at; 0: none */
	bool mac;	       /* read the MACs too */
	bool runtime;
	unsigned int vfs;
	char *name;		  /* owned; NULL: none */
	char *driver;		  /* owned; NULL: the intent's */
	unsigned int *vf_indexes; /* owned array of vf_index_count; NULL: all */
	size_t vf_index_count;
};

/* A request of that kind for a PF, which may be NULL; the rest zeroed. NULL: no memory. */
struct vfv_request *vfv_request_new(enum vfv_op op, const struct vfv_address *pf);
void vfv_request_free(struct vfv_request *request);

const char *vfv_op_name(enum vfv_op op);

/* As a line without newline, owned by the caller; NULL: no memory. */
char *vfv_request_to_text(const struct vfv_request *request);

/* Back. VFV_ERROR_USAGE for a text that is no request; VFV_ERROR_NO_MEMORY. */
int vfv_request_parse(const char *text, size_t length, struct vfv_request **ret_request,
		      struct vfv_error *ret_error);

/* What a worker told. Zeroed by vfv_outcome_clear(). */
struct vfv_outcome {
	struct json_object *list; /* owned, as the others; NULL: was not told */
	struct json_object *plan;
	struct json_object *failed; /* array */
	struct json_object *end;
	struct vfv_model *model;   /* owned; one PF */
	struct vfv_error error;	   /* of the end, or why there is none; code NONE: all is done */
	unsigned int done_count;   /* steps carried out */
	unsigned int failed_count; /* VFs left failed */
	bool undone;		   /* the steps were taken back again */
	uint64_t failed_facts;	   /* of what a reconcile failed at; 0: it did not */
	bool has_events_group;	   /* events_group was told */
	unsigned int events_group; /* of the kernel modules; 0: they are not there */
	pid_t waiting_for;	   /* the worker that has the PF; 0: this one has it */
};

/*
 * What of the plan stands in the facts that were told, as the "result" of bus_contract.h; a new
 * reference. NULL: there are no facts, as of a PF that is gone, or no memory.
 */
struct json_object *vfv_outcome_result(const struct vfv_outcome *outcome);

/* What a report was. */
enum vfv_report {
	VFV_REPORT_OTHER,
	VFV_REPORT_PROGRESS,
};

struct vfv_progress {
	unsigned int done, total;
	const char *step; /* good until the report's object goes */
};

/*
 * Take one line of a worker into the outcome. *ret_object keeps what *ret_progress points into; put
 * it. A line that is no report is a negative errno and changes nothing.
 */
int vfv_outcome_take(struct vfv_outcome *outcome, const char *line, size_t length,
		     enum vfv_report *ret_kind, struct vfv_progress *ret_progress,
		     struct json_object **ret_object);
void vfv_outcome_clear(struct vfv_outcome *outcome);

#endif
