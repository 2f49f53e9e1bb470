/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which PF or VF a person means: address (short or full), stable name, netdev, glob. */
#ifndef VFV_LIB_SELECT_H
#define VFV_LIB_SELECT_H

#include <stddef.h>

#include "error.h"
#include "model.h"

/* One chosen object: vf NULL means the PF itself. Both borrowed from the model. */
struct vfv_chosen {
	struct vfv_pf *pf;
	struct vfv_vf *vf;
};

enum vfv_select_flags {
	VFV_SELECT_PF = 1 << 0,	  /* PFs may be meant */
	VFV_SELECT_VF = 1 << 1,	  /* VFs may be meant */
	VFV_SELECT_GLOB = 1 << 2, /* *, ? and [] are allowed: on addresses, names and netdevs */
};

/**
 * vfv_select - find what a name means
 * @model: facts with stable names
 * @name: "3b:00.0", "0000:3b:00.2", "dpu0", "dpu0/3", "ens1f0", "dpu?/1*"
 * @flags: of enum vfv_select_flags
 * @ret_chosen: array of *ret_count >= 1, in order of address; free() it
 * @ret_error: VFV_ERROR_NOT_FOUND (with what there is), VFV_ERROR_AMBIGUOUS, VFV_ERROR_USAGE for a
 *	glob where none is allowed or a VF where a PF is wanted
 *
 * Return: 0 or a negative errno.
 */
int vfv_select(struct vfv_model *model, const char *name, unsigned int flags,
	       struct vfv_chosen **ret_chosen, size_t *ret_count, struct vfv_error *ret_error);

#endif
