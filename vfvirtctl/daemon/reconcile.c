/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When facts are compared with intent: at start, after events, on reload. */
#include "reconcile.h"

#include <errno.h>
#include <string.h>

#include "bus.h"
#include "cleanup.h"
#include "events.h"
#include "journal.h"

/*
 * How long marks are gathered: short after a quiet time; longer when looks follow upon each other,
 * so that thousands of events, our own among them, cause a few looks only.
 */
#define GATHER_MIN_US 100000
#define GATHER_MAX_US 2000000
#define QUIET_US      5000000

/* How often a PF is looked at again because of a VF that is half open: up to a minute. */
#define HALF_OPEN_LOOKS_MAX 40

struct target {
	struct target *next;
	struct vfv_address pf;
	bool marked; /* to be looked at */
	bool retry;  /* and what failed is to be tried again */
	bool mac;    /* and MACs are to be read */
	bool again;  /* to be looked at too, but nobody waits for that */
	bool running;
	bool listed;	       /* it was there when PFs were last listed */
	uint64_t macless;      /* VFs whose MAC the last look for MACs did not find, as a number */
	uint64_t failed_facts; /* that the last look failed at; 0: it did not */
	unsigned int half_open_looks; /* one after the other */
};

struct waiter {
	struct waiter *next;
	struct vfv_reconciler *reconciler;
	sd_event_source *timer;
	void (*ended)(void *context, bool all);
	void *context;
};

struct vfv_reconciler {
	struct vfv_daemon *daemon;
	struct target *targets; /* owned list of PFs */
	bool list_marked, list_running;
	bool list_stuck;	/* its worker does not come back; it stays marked until then */
	bool list_retry;	/* the next list shall try again what failed */
	bool listing_retry;	/* the running one does */
	sd_event_source *timer; /* of gathering; NULL: nothing is marked */
	uint64_t gather_us, last_look_us;
	struct waiter *waiters; /* owned list */
};

static void gather(struct vfv_reconciler *reconciler);

static struct target *find_target(struct vfv_reconciler *reconciler, const struct vfv_address *pf,
				  bool make)
{
	struct target *target;

	for (target = reconciler->targets; target; target = target->next)
		if (!vfv_address_compare(&target->pf, pf))
			return target;
	target = make ? calloc(1, sizeof(*target)) : NULL;
	if (!target)
		return NULL;
	target->pf = *pf;
	target->mac = true;
	target->next = reconciler->targets;
	reconciler->targets = target;
	return target;
}

static bool can_list(const struct vfv_reconciler *reconciler)
{
	return reconciler->list_marked && !reconciler->list_running && !reconciler->list_stuck;
}

static bool is_settled(const struct vfv_reconciler *reconciler)
{
	if (can_list(reconciler) || reconciler->list_running)
		return false;
	for (const struct target *target = reconciler->targets; target; target = target->next)
		if (target->marked || target->running)
			return false;
	return true;
}

static void end_wait(struct waiter *waiter, bool all)
{
	struct waiter **link = &waiter->reconciler->waiters;

	while (*link != waiter)
		link = &(*link)->next;
	*link = waiter->next;
	sd_event_source_disable_unref(waiter->timer);
	waiter->ended(waiter->context, all);
	free(waiter);
}

static void settle(struct vfv_reconciler *reconciler)
{
	vfv_bus_manager_changed(reconciler->daemon->bus, "ReconcilesRunning");
	while (reconciler->waiters && is_settled(reconciler))
		end_wait(reconciler->waiters, true);
}

unsigned int vfv_reconciler_running(const struct vfv_reconciler *reconciler)
{
	unsigned int running = 0;

	for (const struct target *target = reconciler->targets; target; target = target->next)
		running += target->running;
	return running;
}

static void tell_end(const struct vfv_request *request, const struct vfv_outcome *outcome,
		     const struct vfv_pf *pf)
{
	struct vfv_subject subject = {.pf = &request->pf,
				      .op = vfv_op_name(request->op),
				      .errno_value = outcome->error.errno_value};
	char address[VFV_ADDRESS_BYTES];

	vfv_address_format(&request->pf, address);
	/* A stuck worker was told of already. */
	if (outcome->error.code != VFV_ERROR_NONE && outcome->error.code != VFV_ERROR_STUCK)
		vfv_journal(VFV_MESSAGE_FAILED, &subject, "%s", outcome->error.text);
	if (outcome->done_count)
		vfv_journal(VFV_MESSAGE_RECONCILED, &subject,
			    "%s: %u steps done: %u VFs, %u failed", address, outcome->done_count,
			    pf ? pf->vfs_now : 0, outcome->failed_count);
	for (size_t i = 0; outcome->failed && i < json_object_array_length(outcome->failed); i++) {
		struct json_object *row = json_object_array_get_idx(outcome->failed, i);

		subject.vf_number =
			json_object_get_int(json_object_object_get(row, "vf_index")) + 1;
		vfv_journal(VFV_MESSAGE_VF_FAILED, &subject, "%s",
			    json_object_get_string(json_object_object_get(row, "text")));
	}
}

static void forget_target(struct vfv_reconciler *reconciler, struct target *gone)
{
	struct target **link = &reconciler->targets;

	while (*link != gone)
		link = &(*link)->next;
	*link = gone->next;
	free(gone);
}

/*
 * The VFs without a MAC as one number, 0: each has one. With their drivers: one that gets another
 * may tell its MAC then.
 */
static uint64_t macless_vfs(const struct vfv_pf *pf)
{
	uint64_t hash = 0;

	for (size_t i = 0; pf && i < pf->vf_count; i++) {
		const char *driver = pf->vfs[i].driver ? pf->vfs[i].driver : "";

		if (pf->vfs[i].has_mac)
			continue;
		hash = hash * 31 + pf->vfs[i].vf_index + 1;
		for (; *driver; driver++)
			hash = hash * 31 + (unsigned char)*driver;
	}
	return hash;
}

/* VFs that somebody else made have MACs too: look once for those that no look searched for yet. */
static void look_for_macs(struct vfv_reconciler *reconciler, struct target *target, bool has_looked)
{
	uint64_t macless = macless_vfs(vfv_model_find_pf(reconciler->daemon->model, &target->pf));

	if (has_looked)
		target->macless = macless;
	else if (macless && macless != target->macless)
		target->mac = target->marked = true;
}

/*
 * A VF whose VFIO group somebody has open without the device is about to be opened or closed. QEMU
 * closes the group last, when all memory of its guest is unmapped, and no event tells: look again.
 */
static bool is_half_open(const struct vfv_pf *pf)
{
	for (size_t i = 0; pf && i < pf->vf_count; i++)
		if (pf->vfs[i].user_count && !pf->vfs[i].open_count)
			return true;
	return false;
}

static void look_at_half_open(struct vfv_reconciler *reconciler, struct target *target)
{
	if (!is_half_open(vfv_model_find_pf(reconciler->daemon->model, &target->pf)))
		target->half_open_looks = 0;
	else if (target->half_open_looks++ < HALF_OPEN_LOOKS_MAX)
		target->again = true;
}

static void on_looked(void *context, const struct vfv_request *request, struct vfv_outcome *outcome)
{
	struct vfv_reconciler *reconciler = context;
	struct target *target = find_target(reconciler, &request->pf, false);
	enum vfv_error_code code = outcome->error.code;

	if (code == VFV_ERROR_NOT_FOUND) {
		vfv_daemon_drop(reconciler->daemon, &request->pf);
		if (target)
			forget_target(reconciler, target);
	} else {
		tell_end(request, outcome, outcome->model ? &outcome->model->pfs[0] : NULL);
		/* VFs came or went, so they have other MACs; they are read by a look of their own. */
		if (target) {
			target->running = false;
			target->failed_facts = outcome->failed_facts;
			target->mac = outcome->done_count > 0 && !request->mac;
			target->marked |= target->mac;
			if (code == VFV_ERROR_GONE)
				reconciler->list_marked = true;
		}
		if (!outcome->model && code != VFV_ERROR_NONE)
			vfv_daemon_set_failure(reconciler->daemon, &request->pf,
					       outcome->error.text);
		bool told = outcome->model;

		vfv_daemon_take(reconciler->daemon, outcome);
		if (target && told) {
			look_for_macs(reconciler, target, request->mac);
			look_at_half_open(reconciler, target);
		}
	}
	if (outcome->has_events_group)
		vfv_events_listen_to_kernel(reconciler->daemon->events, outcome->events_group);
	gather(reconciler);
	settle(reconciler);
}

static const struct vfv_job_handler look_handler = {.done = on_looked};

static void look(struct vfv_reconciler *reconciler, struct target *target)
{
	struct vfv_request *request = vfv_request_new(VFV_OP_APPLY, &target->pf);

	if (!request)
		return; /* stays marked; the next event tries again */
	request->retry = target->retry;
	request->mac = target->mac;
	request->failed_facts = target->failed_facts;
	target->marked = false;
	target->again = false;
	target->retry = false;
	target->running = true;
	if (vfv_pool_submit(reconciler->daemon->pool, request, &look_handler, reconciler, NULL))
		target->running = false; /* a worker is stuck there; when it ends we are told */
}

static void take_listed(struct vfv_reconciler *reconciler, struct json_object *addresses)
{
	struct target *target, *next;

	for (target = reconciler->targets; target; target = target->next)
		target->listed = false;
	for (size_t i = 0; i < json_object_array_length(addresses); i++) {
		struct json_object *text = json_object_array_get_idx(addresses, i);
		struct vfv_address pf;

		if (!vfv_address_parse(json_object_get_string(text), &pf))
			continue;
		target = find_target(reconciler, &pf, true);
		if (!target)
			continue;
		target->listed = true;
		target->marked = true;
		target->retry |= reconciler->listing_retry;
	}
	for (target = reconciler->targets; target; target = next) {
		next = target->next;
		if (target->listed || target->running)
			continue;
		vfv_daemon_drop(reconciler->daemon, &target->pf);
		forget_target(reconciler, target);
	}
}

static void on_listed(void *context, const struct vfv_request *request, struct vfv_outcome *outcome)
{
	struct vfv_reconciler *reconciler = context;
	struct json_object *part;

	reconciler->list_running = false;
	reconciler->list_stuck = outcome->error.code == VFV_ERROR_STUCK;
	if (reconciler->list_stuck) {
		reconciler->list_marked = true;
		reconciler->list_retry |= reconciler->listing_retry;
	} else if (outcome->error.code != VFV_ERROR_NONE) {
		vfv_journal(VFV_MESSAGE_FAILED, NULL, "%s", outcome->error.text);
	}
	vfv_daemon_set_failure(reconciler->daemon, NULL,
			       outcome->error.code != VFV_ERROR_NONE ? outcome->error.text : NULL);
	if (json_object_object_get_ex(outcome->list, "intent_errors", &part))
		vfv_daemon_take_intent_errors(reconciler->daemon, part);
	if (json_object_object_get_ex(outcome->list, "pfs", &part))
		take_listed(reconciler, part);
	for (struct target *target = reconciler->targets; target; target = target->next)
		if (target->marked && !target->running)
			look(reconciler, target);
	gather(reconciler);
	settle(reconciler);
}

static const struct vfv_job_handler list_handler = {.done = on_listed};

static void list(struct vfv_reconciler *reconciler)
{
	struct vfv_request *request = vfv_request_new(VFV_OP_LIST, NULL);

	if (!request)
		return;
	reconciler->list_marked = false;
	reconciler->list_running = true;
	reconciler->listing_retry = reconciler->list_retry;
	reconciler->list_retry = false;
	if (vfv_pool_submit(reconciler->daemon->pool, request, &list_handler, reconciler, NULL))
		reconciler->list_running = false;
}

static int on_gathered(sd_event_source *source, uint64_t now, void *context)
{
	struct vfv_reconciler *reconciler = context;
	struct target *target, *next;

	reconciler->timer = sd_event_source_disable_unref(reconciler->timer);
	sd_event_now(reconciler->daemon->event, CLOCK_MONOTONIC, &reconciler->last_look_us);
	/* A list leads to looks at all, so it comes alone. */
	if (can_list(reconciler)) {
		list(reconciler);
	} else {
		for (target = reconciler->targets; target; target = next) {
			next = target->next;
			if ((target->marked || target->again) && !target->running)
				look(reconciler, target);
		}
	}
	settle(reconciler);
	return 0;
}

/* Arm the timer if there is something that a timer can start. */
static void gather(struct vfv_reconciler *reconciler)
{
	bool wanted = can_list(reconciler);
	uint64_t now;

	for (struct target *target = reconciler->targets; target; target = target->next)
		wanted |= (target->marked || target->again) && !target->running;
	if (!wanted || reconciler->timer)
		return;
	sd_event_now(reconciler->daemon->event, CLOCK_MONOTONIC, &now);
	if (now - reconciler->last_look_us > QUIET_US)
		reconciler->gather_us = GATHER_MIN_US;
	else if (reconciler->gather_us < GATHER_MAX_US)
		reconciler->gather_us = 2 * reconciler->gather_us;
	sd_event_add_time_relative(reconciler->daemon->event, &reconciler->timer, CLOCK_MONOTONIC,
				   reconciler->gather_us, 0, on_gathered, reconciler);
}

void vfv_reconciler_mark(struct vfv_reconciler *reconciler, const struct vfv_address *pf)
{
	struct target *target = find_target(reconciler, pf, false);

	if (!target) {
		vfv_reconciler_mark_all(reconciler);
		return;
	}
	target->marked = true;
	gather(reconciler);
}

void vfv_reconciler_mark_all(struct vfv_reconciler *reconciler)
{
	reconciler->list_marked = true;
	gather(reconciler);
}

static int on_limit(sd_event_source *source, uint64_t now, void *context)
{
	end_wait(context, false);
	return 0;
}

int vfv_reconciler_round(struct vfv_reconciler *reconciler, unsigned int limit_ms,
			 void (*ended)(void *context, bool all), void *context)
{
	struct waiter *waiter = calloc(1, sizeof(*waiter));
	int error;

	if (!waiter)
		return -ENOMEM;
	*waiter = (struct waiter){.next = reconciler->waiters,
				  .reconciler = reconciler,
				  .ended = ended,
				  .context = context};
	error = sd_event_add_time_relative(reconciler->daemon->event, &waiter->timer,
					   CLOCK_MONOTONIC, limit_ms * UINT64_C(1000), 0, on_limit,
					   waiter);
	if (error < 0) {
		free(waiter);
		return error;
	}
	reconciler->waiters = waiter;
	reconciler->list_retry = true;
	reconciler->list_marked = true;
	/* Who waits while the worker of a list is stuck is answered at the limit. */
	if (can_list(reconciler))
		list(reconciler);
	return 0;
}

void vfv_reconciler_stuck(struct vfv_reconciler *reconciler, const struct vfv_address *pf,
			  const struct vfv_error *error)
{
	struct vfv_subject subject = {.pf = pf};

	vfv_journal(VFV_MESSAGE_STUCK, &subject, "%s", error->text);
	vfv_daemon_set_failure(reconciler->daemon, pf, error->text);
}

void vfv_reconciler_freed(struct vfv_reconciler *reconciler, const struct vfv_address *pf)
{
	struct vfv_subject subject = {.pf = pf};
	char address[VFV_ADDRESS_BYTES];

	vfv_journal(VFV_MESSAGE_FREED, &subject, "%s: the stuck worker has ended",
		    pf ? vfv_address_format(pf, address) : "host");
	if (pf) {
		vfv_reconciler_mark(reconciler, pf);
		return;
	}
	reconciler->list_stuck = false;
	vfv_reconciler_mark_all(reconciler);
}

struct vfv_reconciler *vfv_reconciler_new(struct vfv_daemon *daemon)
{
	struct vfv_reconciler *reconciler = calloc(1, sizeof(*reconciler));

	if (!reconciler)
		return NULL;
	reconciler->daemon = daemon;
	reconciler->gather_us = GATHER_MIN_US;
	return reconciler;
}

void vfv_reconciler_free(struct vfv_reconciler *reconciler)
{
	if (!reconciler)
		return;
	while (reconciler->targets)
		forget_target(reconciler, reconciler->targets);
	while (reconciler->waiters) {
		struct waiter *waiter = reconciler->waiters;

		reconciler->waiters = waiter->next;
		sd_event_source_disable_unref(waiter->timer);
		free(waiter);
	}
	sd_event_source_disable_unref(reconciler->timer);
	free(reconciler);
}
