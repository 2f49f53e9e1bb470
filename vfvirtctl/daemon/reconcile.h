/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When facts are compared with intent: at start, after events, on reload. Events only mark what is
 * to be looked at; a short while later each marked PF is looked at once. One reconcile a PF at a
 * time, PFs in parallel; what comes in between marks again.
 */
#ifndef VFV_DAEMON_RECONCILE_H
#define VFV_DAEMON_RECONCILE_H

#include "daemon.h"

struct vfv_reconciler *vfv_reconciler_new(struct vfv_daemon *daemon);
void vfv_reconciler_free(struct vfv_reconciler *reconciler);

/* Something happened to a PF or one of its VFs. */
void vfv_reconciler_mark(struct vfv_reconciler *reconciler, const struct vfv_address *pf);

/* Something happened that may concern any PF, or one that is not known yet. */
void vfv_reconciler_mark_all(struct vfv_reconciler *reconciler);

/**
 * vfv_reconciler_round - read the intent files, look at all PFs, try again what failed
 * @reconciler: reconciler
 * @limit_ms: of the wait for the end
 * @ended: called once, from the loop; all: false when the limit came first
 * @context: handed to @ended
 *
 * Return: 0 or a negative errno, and @ended is not called then.
 */
int vfv_reconciler_round(struct vfv_reconciler *reconciler, unsigned int limit_ms,
			 void (*ended)(void *context, bool all), void *context);

/* The worker of a PF, or of the list of PFs (pf NULL), got stuck, or came back. */
void vfv_reconciler_stuck(struct vfv_reconciler *reconciler, const struct vfv_address *pf,
			  const struct vfv_error *error);
void vfv_reconciler_freed(struct vfv_reconciler *reconciler, const struct vfv_address *pf);

/* Reconciles under way. */
unsigned int vfv_reconciler_running(const struct vfv_reconciler *reconciler);

#endif
