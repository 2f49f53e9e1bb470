/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The worker processes: one at a time for a PF, PFs in parallel, a limit on silence. */
#ifndef VFV_DAEMON_POOL_H
#define VFV_DAEMON_POOL_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "request.h"

/* Silence after which a worker counts as stuck: twice what the slowest card takes for a step. */
#define VFV_STUCK_LIMIT_MS 30000
#define VFV_QUEUE_MAX	   16 /* requests that wait for a PF; more are refused */

struct vfv_pool;

/* Who is told about workers that do not come back. */
struct vfv_pool_watcher {
	/*
	 * The worker of a PF, or of the list of PFs (pf NULL), was silent for the limit; error: what
	 * is shown to people.
	 */
	void (*stuck)(void *context, const struct vfv_address *pf, const struct vfv_error *error);
	/* That one has ended after all. */
	void (*freed)(void *context, const struct vfv_address *pf);
	void *context;
};

/* Who is told about a request. */
struct vfv_job_handler {
	/* A step begins; may be NULL. */
	void (*progress)(void *context, const struct vfv_request *request,
			 const struct vfv_progress *progress);
	/*
	 * The end, exactly once for each submitted request. What the outcome holds may be taken out;
	 * it is cleared after the call. A worker that got stuck is an outcome too: VFV_ERROR_STUCK.
	 */
	void (*done)(void *context, const struct vfv_request *request, struct vfv_outcome *outcome);
};

/**
 * vfv_pool_new - a pool without workers
 * @event: loop
 * @stuck_limit_ms: silence after which a worker counts as stuck
 * @watcher: copied
 *
 * Return: the pool, NULL without memory.
 */
struct vfv_pool *vfv_pool_new(sd_event *event, unsigned int stuck_limit_ms,
			      const struct vfv_pool_watcher *watcher);

/* Workers that still run go on by themselves; no handler is called any more. NULL is allowed. */
void vfv_pool_free(struct vfv_pool *pool);

/**
 * vfv_pool_submit - have a request carried out
 * @pool: pool
 * @request: taken, also on failure
 * @handler: called from the loop, or, when no process can be started, before this returns
 * @context: handed to @handler
 * @ret_error: VFV_ERROR_STUCK, a worker of that PF is; VFV_ERROR_BUSY, too many wait for it;
 *	VFV_ERROR_NO_MEMORY. @handler is not called then
 *
 * Return: 0 or a negative errno.
 */
int vfv_pool_submit(struct vfv_pool *pool, struct vfv_request *request,
		    const struct vfv_job_handler *handler, void *context,
		    struct vfv_error *ret_error);

/* Workers at work, those that are stuck not counted. */
unsigned int vfv_pool_running(const struct vfv_pool *pool);

#endif
