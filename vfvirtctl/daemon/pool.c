/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The worker processes: one at a time for a PF, PFs in parallel, a limit on silence. */
#include "pool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "child.h"
#include "cleanup.h"

#define STEP_BYTES 128

struct job {
	struct job *next;
	struct vfv_request *request; /* owned */
	const struct vfv_job_handler *handler;
	void *context;
};

/* A PF, or the host as a whole, with the requests to it in their order. */
struct lane {
	struct lane *next;
	struct vfv_pool *pool;
	bool whole;	       /* of VFV_OP_LIST */
	struct vfv_address pf; /* unless whole */
	struct job *first;     /* owned list; the first one is at work when there is a child */
	struct vfv_child *child;
	bool stuck;		/* the child was given up, its job is gone */
	bool mute;		/* nobody waits for what the child says */
	sd_event_source *timer; /* of silence */
	struct vfv_outcome outcome;
	char step[STEP_BYTES]; /* the last one told */
};

struct vfv_pool {
	sd_event *event;
	unsigned int stuck_limit_ms;
	struct vfv_pool_watcher watcher;
	struct lane *lanes;
};

static void start_next(struct lane *lane);

static void job_free(struct job *job)
{
	vfv_request_free(job->request);
	free(job);
}

/* Take the first job off and tell its end; the outcome of the lane is empty afterwards. */
static void finish_job(struct lane *lane)
{
	struct job *job = lane->first;

	lane->first = job->next;
	job->handler->done(job->context, job->request, &lane->outcome);
	vfv_outcome_clear(&lane->outcome);
	job_free(job);
}

static void on_line(void *context, char *line, size_t length)
{
	struct lane *lane = context;
	struct json_object *object = NULL;
	struct vfv_progress progress;
	enum vfv_report kind;
	int error;

	if (lane->mute)
		return;
	if (lane->timer)
		sd_event_source_set_time_relative(lane->timer,
						  lane->pool->stuck_limit_ms * UINT64_C(1000));
	error = vfv_outcome_take(&lane->outcome, line, length, &kind, &progress, &object);
	if (!error && kind == VFV_REPORT_PROGRESS) {
		snprintf(lane->step, sizeof(lane->step), "%s", progress.step);
		if (lane->first->handler->progress)
			lane->first->handler->progress(lane->first->context, lane->first->request,
						       &progress);
	}
	json_object_put(object);
}

static void on_ended(void *context, bool ok)
{
	struct lane *lane = context;
	struct vfv_pool *pool = lane->pool;
	bool was_stuck = lane->stuck;

	lane->child = NULL;
	lane->stuck = false;
	lane->timer = sd_event_source_disable_unref(lane->timer);
	if (was_stuck) {
		pool->watcher.freed(pool->watcher.context, lane->whole ? NULL : &lane->pf);
	} else {
		if (!lane->outcome.end)
			vfv_error_set(&lane->outcome.error, VFV_ERROR_INTERNAL, 0,
				      "the worker ended without a result (%s): see the journal",
				      lane->step);
		finish_job(lane);
	}
	start_next(lane);
}

static const struct vfv_child_handler child_handler = {.line = on_line, .end = on_ended};

static void describe_stuck(const struct lane *lane, struct vfv_error *ret_error)
{
	char pf[VFV_ADDRESS_BYTES];

	snprintf(pf, sizeof(pf), "host");
	if (!lane->whole)
		vfv_address_format(&lane->pf, pf);
	if (lane->outcome.waiting_for)
		vfv_error_set(
			ret_error, VFV_ERROR_STUCK, 0,
			"%s: process %d, started by an earlier vfvirtd, still works on it and "
			"does not come to an end: look at /proc/%d/stack",
			pf, (int)lane->outcome.waiting_for, (int)lane->outcome.waiting_for);
	else
		vfv_error_set(ret_error, VFV_ERROR_STUCK, 0,
			      "%s: process %d has not come back for %u s from: %s: look at "
			      "/proc/%d/stack; it goes on by itself, or ends with a reboot",
			      pf, (int)vfv_child_pid(lane->child),
			      lane->pool->stuck_limit_ms / 1000, lane->step,
			      (int)vfv_child_pid(lane->child));
}

/* Whether the worker of a lane does what nobody wants any more once its caller was sent away. */
static bool is_moot(const struct lane *lane)
{
	return lane->whole || (lane->outcome.waiting_for && lane->first->request->explicit);
}

static int on_silence(sd_event_source *source, uint64_t now, void *context)
{
	struct lane *lane = context;
	struct vfv_error error = VFV_NO_ERROR;
	bool moot = is_moot(lane);

	describe_stuck(lane, &error);
	lane->timer = sd_event_source_disable_unref(lane->timer);
	lane->stuck = true;
	lane->mute = true;
	while (lane->first) {
		lane->outcome.error = error;
		finish_job(lane);
	}
	if (moot)
		vfv_child_kill(lane->child);
	lane->pool->watcher.stuck(lane->pool->watcher.context, lane->whole ? NULL : &lane->pf,
				  &error);
	return 0;
}

static int start_child(struct lane *lane)
{
	static const char *const arguments[] = {"/proc/self/exe", "--worker", NULL};
	char *text VFV_FREE = vfv_request_to_text(lane->first->request);
	int error;

	if (!text)
		return -ENOMEM;
	snprintf(lane->step, sizeof(lane->step), "reading facts");
	error = sd_event_add_time_relative(lane->pool->event, &lane->timer, CLOCK_MONOTONIC,
					   lane->pool->stuck_limit_ms * UINT64_C(1000), 0,
					   on_silence, lane);
	if (error < 0)
		return error;
	lane->mute = false;
	error = vfv_child_start(lane->pool->event, arguments, text, &child_handler, lane,
				&lane->child);
	if (error)
		lane->timer = sd_event_source_disable_unref(lane->timer);
	return error;
}

static void start_next(struct lane *lane)
{
	while (lane->first && !lane->child) {
		int error = start_child(lane);

		if (!error)
			return;
		vfv_error_set(&lane->outcome.error, VFV_ERROR_INTERNAL, error,
			      "cannot start a worker: %s", strerror(-error));
		finish_job(lane);
	}
}

static struct lane *find_lane(struct vfv_pool *pool, const struct vfv_request *request)
{
	bool whole = request->op == VFV_OP_LIST;
	struct lane *lane;

	for (lane = pool->lanes; lane; lane = lane->next)
		if (lane->whole == whole &&
		    (whole || !vfv_address_compare(&lane->pf, &request->pf)))
			return lane;
	lane = calloc(1, sizeof(*lane));
	if (!lane)
		return NULL;
	lane->pool = pool;
	lane->whole = whole;
	lane->pf = request->pf;
	lane->next = pool->lanes;
	pool->lanes = lane;
	return lane;
}

static int refuse(struct lane *lane, size_t waiting, struct vfv_error *ret_error)
{
	char pf[VFV_ADDRESS_BYTES];

	vfv_address_format(&lane->pf, pf);
	if (lane->stuck)
		return vfv_error_set(ret_error, VFV_ERROR_STUCK, EBUSY,
				     "%s: process %d has not come back from: %s: look at "
				     "/proc/%d/stack",
				     pf, (int)vfv_child_pid(lane->child), lane->step,
				     (int)vfv_child_pid(lane->child));
	return vfv_error_set(ret_error, VFV_ERROR_BUSY, EBUSY,
			     "%s: %zu requests wait for it already: try again later", pf, waiting);
}

int vfv_pool_submit(struct vfv_pool *pool, struct vfv_request *request,
		    const struct vfv_job_handler *handler, void *context,
		    struct vfv_error *ret_error)
{
	struct lane *lane = find_lane(pool, request);
	struct job *job = calloc(1, sizeof(*job));
	struct job **last;
	size_t waiting = 0;

	if (!lane || !job) {
		vfv_request_free(request);
		free(job);
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
	}
	*job = (struct job){.request = request, .handler = handler, .context = context};
	for (last = &lane->first; *last; last = &(*last)->next)
		waiting++;
	if (lane->stuck || waiting > VFV_QUEUE_MAX) {
		job_free(job);
		return refuse(lane, waiting, ret_error);
	}
	*last = job;
	start_next(lane);
	return 0;
}

unsigned int vfv_pool_running(const struct vfv_pool *pool)
{
	unsigned int running = 0;

	for (const struct lane *lane = pool->lanes; lane; lane = lane->next)
		running += lane->child && !lane->stuck;
	return running;
}

struct vfv_pool *vfv_pool_new(sd_event *event, unsigned int stuck_limit_ms,
			      const struct vfv_pool_watcher *watcher)
{
	struct vfv_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->event = sd_event_ref(event);
	pool->stuck_limit_ms = stuck_limit_ms;
	pool->watcher = *watcher;
	return pool;
}

void vfv_pool_free(struct vfv_pool *pool)
{
	struct lane *lane, *next_lane;
	struct job *job, *next_job;

	if (!pool)
		return;
	for (lane = pool->lanes; lane; lane = next_lane) {
		next_lane = lane->next;
		for (job = lane->first; job; job = next_job) {
			next_job = job->next;
			job_free(job);
		}
		sd_event_source_disable_unref(lane->timer);
		vfv_child_forget(lane->child);
		vfv_outcome_clear(&lane->outcome);
		free(lane);
	}
	sd_event_unref(pool->event);
	free(pool);
}
