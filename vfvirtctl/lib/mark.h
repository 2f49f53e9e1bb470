/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is remembered in the run folder until the next boot, so that it outlives the daemon:
 * held/ADDRESS, what a person asked for against the intent, and results/ADDRESS.json, how the last
 * reconcile of a PF ended. Neither is a journal: without them the facts say what is to be done.
 */
#ifndef VFV_LIB_MARK_H
#define VFV_LIB_MARK_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "intent.h"
#include "model.h"

struct vfv_host;
struct json_object;

enum vfv_hold_kind {
	VFV_HOLD_NONE,
	VFV_HOLD_DESTROY, /* of a PF: it shall have no VFs */
	VFV_HOLD_UNBIND,  /* of a VF: it shall have no driver */
	VFV_HOLD_BIND,	  /* of a VF: it shall have another driver than the intent says */
	VFV_HOLD_KIND_COUNT,
};

/*
 * A reconcile leaves a held PF or VF alone once the hold is done; one that is not done was
 * interrupted and is carried out by the next reconcile. "vfvirtctl apply" and a boot end all holds.
 */
struct vfv_hold {
	enum vfv_hold_kind kind;
	bool done;
	char driver[VFV_DRIVER_NAME_BYTES_MAX + 1]; /* VFV_HOLD_BIND; else empty */
};

/* Write the hold of a PF or VF, atomically. VFV_ERROR_STORAGE. */
int vfv_hold_set(const struct vfv_host *host, const struct vfv_address *address,
		 const struct vfv_hold *hold, struct vfv_error *ret_error);

/* The hold of a PF or VF; kind VFV_HOLD_NONE when there is none that can be read. */
void vfv_hold_get(const struct vfv_host *host, const struct vfv_address *address,
		  struct vfv_hold *ret_hold);

/* End a hold; that there is none is no error. */
void vfv_hold_clear(const struct vfv_host *host, const struct vfv_address *address);

/**
 * vfv_result_write - remember how the last reconcile of a PF ended
 * @host: paths
 * @pf: which
 * @failure: why it failed, NULL: it did not, and then nothing is kept
 * @failed: array of {"vf_index", "code", "text"}, as in worker_protocol.h; NULL: none
 * @ret_error: VFV_ERROR_STORAGE
 *
 * Return: 0 or a negative errno.
 */
int vfv_result_write(const struct vfv_host *host, const struct vfv_pf *pf, const char *failure,
		     struct json_object *failed, struct vfv_error *ret_error);

/* Set the state of VFs that are held and done to foreign, with the reason. 0, or -ENOMEM. */
int vfv_holds_apply(const struct vfv_host *host, struct vfv_pf *pf);

/**
 * vfv_marks_apply - complete the facts of a PF with what is remembered of it
 * @host: paths
 * @pf: facts; failure, and state and reason of VFs that failed or are held, are set
 *
 * A VF that failed stays "failed" only while it has no driver; a held one is shown as foreign.
 *
 * Return: 0, or -ENOMEM.
 */
int vfv_marks_apply(const struct vfv_host *host, struct vfv_pf *pf);

/* The facts that a reconcile acts upon as one number, never 0: equal facts give equal numbers. */
uint64_t vfv_facts_fingerprint(const struct vfv_pf *pf);

#endif
