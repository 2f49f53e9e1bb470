/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Carries out the steps of a plan. May block in the kernel: the daemon calls this in workers only. */
#ifndef VFV_LIB_STEP_H
#define VFV_LIB_STEP_H

#include "error.h"
#include "plan.h"

struct vfv_host;
struct vfv_netlink;

/* What the run of a plan tells while it goes on. */
struct vfv_run_watcher {
	/* Before a step (error NULL) and when one failed (error set). May be NULL. */
	void (*step)(void *context, size_t step_index, const struct vfv_error *error);
	void *context;
};

/* What came of it. */
struct vfv_run_result {
	size_t done_count;   /* steps carried out */
	size_t failed_count; /* VFs left in state failed (goals other than CREATE) */
	bool undone;	     /* CREATE failed and its own steps were taken back */
};

/**
 * vfv_plan_run - carry out a plan
 * @host: paths
 * @netlink: for sealing; NULL when the modules are not there
 * @pf: the facts that the plan was made from
 * @plan: made by vfv_plan_make()
 * @goal: the same as there: CREATE stops at the first failure and undoes exactly its own steps; the
 *	others go on with the next VF and count
 * @watcher: may be NULL
 * @ret_result: filled in any case
 * @ret_error: the first failure, with what to do about it
 *
 * Each step looks before it acts, so that a plan made from facts that have changed does no harm: a
 * VF that was opened meanwhile refuses to be sealed. Seals that it set are taken back at the end.
 *
 * Return: 0, or the negative errno of the first failure.
 */
int vfv_plan_run(const struct vfv_host *host, struct vfv_netlink *netlink, const struct vfv_pf *pf,
		 const struct vfv_plan *plan, const struct vfv_goal *goal,
		 const struct vfv_run_watcher *watcher, struct vfv_run_result *ret_result,
		 struct vfv_error *ret_error);

#endif
