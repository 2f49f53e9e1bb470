/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The difference between intent and facts as a list of steps. Pure: reads nothing, changes nothing;
 * --dry-run prints it, step.h carries it out.
 */
#ifndef VFV_LIB_PLAN_H
#define VFV_LIB_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"
#include "model.h"

struct vfv_intent;

enum vfv_step_kind {
	VFV_STEP_TRANSPORT,   /* driver_override and rebind of the PF; text: driver */
	VFV_STEP_AUTOPROBE,   /* sriov_drivers_autoprobe of the PF; number: 0 or 1 */
	VFV_STEP_NUM_VFS,     /* sriov_numvfs of the PF; number */
	VFV_STEP_SEAL,	      /* VF over netlink; plain vfio-pci: is it open? number: 1: when it
			       * fails nothing else is done, since what follows is about all VFs */
	VFV_STEP_UNSEAL,
	VFV_STEP_UNPUBLISH,   /* remove the hostdev file of a VF */
	VFV_STEP_UNBIND,      /* VF from its driver; text: the driver */
	VFV_STEP_OVERRIDE,    /* driver_override of a VF; text: driver, or "" to clear it */
	VFV_STEP_PROBE,	      /* drivers_probe of a VF */
	VFV_STEP_VERIFY,      /* VF: right driver, vfio-dev/ there, IOMMU group viable; text: driver */
	VFV_STEP_PUBLISH,     /* write the hostdev file of a VF */
	VFV_STEP_KIND_COUNT,
};

#define VFV_STEP_PF (-1) /* vf_index of a step that is about the PF */

struct vfv_step {
	enum vfv_step_kind kind;
	int vf_index; /* or VFV_STEP_PF */
	struct vfv_address address; /* of PF or VF; of a VF that does not exist yet: all zero */
	unsigned int number;
	char *text; /* owned; NULL: none */
};

struct vfv_plan {
	struct vfv_step *steps; /* owned array of count */
	size_t count;
	bool pending_reboot;	/* the transport would change but the PF's interface is in use */
	char *notice;		/* owned; what is left alone and why; NULL: nothing */
};

/* What is asked for. */
enum vfv_goal_kind {
	VFV_GOAL_INTENT,  /* make facts as the intent says: apply, reconcile */
	VFV_GOAL_CREATE,  /* as INTENT, but undo own steps on failure */
	VFV_GOAL_DESTROY, /* no VFs */
	VFV_GOAL_BIND,	  /* the chosen VFs to a driver */
	VFV_GOAL_UNBIND,  /* the chosen VFs from their driver, override cleared */
	VFV_GOAL_UNSEAL,  /* no VF sealed that nobody uses */
};

struct vfv_goal {
	enum vfv_goal_kind kind;
	const struct vfv_intent *intent; /* INTENT, CREATE; borrowed */
	const char *driver;		 /* BIND; borrowed */
	const unsigned int *vf_indexes;	 /* BIND, UNBIND: which; borrowed; NULL: all */
	size_t vf_index_count;
	bool force; /* take a foreign VF too (never one in use) */
	const char *claimant; /* UUID of the domain that this is done for, whose own claim on a VF
			       * is no use of it while the plan runs; borrowed; NULL: none */
};

/**
 * vfv_plan_make - which steps lead from the facts to the goal
 * @pf: facts, with users
 * @goal: see there
 * @ret_plan: new; empty when nothing is to be done; vfv_plan_free() it
 * @ret_error: VFV_ERROR_IN_USE naming VF and user, VFV_ERROR_FOREIGN, VFV_ERROR_TOO_MANY_VFS,
 *	VFV_ERROR_NOT_CAPABLE, VFV_ERROR_NO_MEMORY
 *
 * Rules: nothing that matches is touched; sriov_numvfs is never rewritten with the same value; N->M
 * goes over 0 and, like every unbind, seals first and is refused when a VF is open or claimed; with
 * VFV_GOAL_INTENT a VF in use or foreign is left as it is and named in the notice, and what is
 * there already is adopted.
 *
 * Return: 0 or a negative errno.
 */
int vfv_plan_make(const struct vfv_pf *pf, const struct vfv_goal *goal, struct vfv_plan **ret_plan,
		  struct vfv_error *ret_error);
void vfv_plan_free(struct vfv_plan *plan);

/* One line for people, such as "0000:3b:00.2: bind to vfvirt_vfio_pci"; returns ret_text. */
const char *vfv_step_describe(const struct vfv_pf *pf, const struct vfv_step *step, char *ret_text,
			      size_t size);
const char *vfv_step_name(enum vfv_step_kind kind);

/* {"steps": [...], "pending_reboot": .., "notice": ..}; new reference, NULL without memory. */
struct json_object;
struct json_object *vfv_plan_to_json(const struct vfv_pf *pf, const struct vfv_plan *plan);

#endif
