/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the worker share; nobody else includes it. */
#ifndef VFV_DAEMON_WORKER_PARTS_H
#define VFV_DAEMON_WORKER_PARTS_H

#include <stdio.h>

#include "facts.h"
#include "host.h"
#include "intent.h"
#include "netlink.h"
#include "plan.h"
#include "request.h"
#include "step.h"

struct vfv_worker {
	struct vfv_request *request; /* owned, as all below */
	struct vfv_host *host;
	struct vfv_intents *intents;
	const struct vfv_intent *intent; /* of the PF; NULL: none; borrowed from intents */
	struct vfv_model *model;	 /* facts, one PF */
	struct vfv_pf *pf;		 /* borrowed from model */
	struct vfv_netlink *netlink;	 /* NULL: the modules are not there */
	struct json_object *failed;	 /* reports of failed steps; NULL: none */
	char *intent_written;		 /* file that goes with the plan; NULL: none */
	char *intent_removed;		 /* likewise */
	bool pending_reboot;
	uint64_t failed_facts;	      /* the facts that a reconcile failed at; 0: it did not */
	struct vfv_run_result result; /* of all runs */
	struct vfv_error error;
};

/* Write a report {KEY: VALUE} and take the reference of value; that nobody reads it is no error. */
void vfv_worker_report(const char *key, struct json_object *value);

/* Read intents and facts anew. Negative errno and worker->error; VFV_ERROR_INTENT_CONFLICT too. */
int vfv_worker_read_facts(struct vfv_worker *worker);

/* Carry out a request that is about a PF, whose facts are read. Negative errno, worker->error. */
int vfv_worker_do(struct vfv_worker *worker);

/*
 * The parts of vfv_worker_do() that a person asks for with an intent or a hold behind them:
 * create and destroy of a PF, bind and unbind of VFs.
 */
int vfv_worker_create(struct vfv_worker *worker);
int vfv_worker_destroy(struct vfv_worker *worker);
int vfv_worker_bind(struct vfv_worker *worker);

/* Carry out what an interrupted worker began by the wish of a person. */
int vfv_worker_finish_holds(struct vfv_worker *worker);

/* Make a plan and report it. An error also when the goal is refused. */
int vfv_worker_plan(struct vfv_worker *worker, const struct vfv_goal *goal,
		    struct vfv_plan **ret_plan);

/* Carry out a plan, reporting each step, and read the facts again when it changed some. */
int vfv_worker_run(struct vfv_worker *worker, const struct vfv_goal *goal,
		   const struct vfv_plan *plan);

#endif
