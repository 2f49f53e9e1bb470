/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of a running vfvirtd, and what is known to all of them. */
#ifndef VFV_DAEMON_DAEMON_H
#define VFV_DAEMON_DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "host.h"
#include "model.h"
#include "pool.h"
#include "request.h"

#define VFV_READY_LIMIT_MS 30000 /* after that much the boot goes on without the slow ones */
#define VFV_STOP_LIMIT_MS  5000	 /* that long workers may finish when the daemon is stopped */

struct vfv_bus;
struct vfv_domains;
struct vfv_events;
struct vfv_reconciler;

/* Everything in it is used from the loop only; there are no threads. */
struct vfv_daemon {
	sd_event *event; /* owned, as all below */
	struct vfv_host *host;
	struct vfv_model *model;	   /* the facts last told by workers */
	struct json_object *intent_errors; /* array of texts; NULL: none */
	struct vfv_pool *pool;
	struct vfv_reconciler *reconciler;
	struct vfv_bus *bus; /* NULL: not there yet */
	struct vfv_events *events;
	struct vfv_domains *domains;
	char *failure; /* why PFs cannot be listed; NULL: they can */
	bool ready;
};

/**
 * vfv_daemon_take - make what a worker told known to all
 * @daemon: daemon
 * @outcome: its model is taken out; a PF in it replaces the one that was known
 *
 * Who listens on D-Bus is told what changed and nothing else.
 */
void vfv_daemon_take(struct vfv_daemon *daemon, struct vfv_outcome *outcome);

/* A PF is there no more. */
void vfv_daemon_drop(struct vfv_daemon *daemon, const struct vfv_address *pf);

/* Set why a PF, or the list of PFs (pf NULL), is in trouble, where no worker can tell; NULL: not. */
void vfv_daemon_set_failure(struct vfv_daemon *daemon, const struct vfv_address *pf,
			    const char *failure);

/* Take the errors of all intent files, an array of texts. */
void vfv_daemon_take_intent_errors(struct vfv_daemon *daemon, struct json_object *errors);

/* Tell systemd what there is, in one line. */
void vfv_daemon_update_status(struct vfv_daemon *daemon);

/* A number of milliseconds out of the environment, which is for tests; else the usual one. */
unsigned int vfv_limit_ms(const char *variable, unsigned int usual);

#endif
