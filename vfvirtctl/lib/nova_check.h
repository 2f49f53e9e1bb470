/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The doctor for Nova: holds a nova.conf against the host. */
#ifndef VFV_LIB_NOVA_CHECK_H
#define VFV_LIB_NOVA_CHECK_H

#include "check.h"
#include "nova.h"

struct vfv_host;

/* A PF of the host. */
struct vfv_nova_pf {
	const struct vfv_pf *pf;
	const struct vfv_intent *intent; /* NULL: none */
	bool wanted;			 /* Nova is to have its VFs */
};

/* What is held against what; all borrowed. */
struct vfv_nova_scene {
	const struct vfv_host *host;
	const char *file; /* a nova.conf, or a folder of .conf files */
	const struct vfv_nova_rules *rules;
	const char *alias; /* the alias that must be there; NULL: those of the intents */
	const struct vfv_nova_pf *pfs;
	size_t pf_count;
};

/**
 * vfv_nova_check - say what Nova would get wrong
 * @scene: see there
 * @ret_findings: new; vfv_findings_free() it
 * @ret_error: VFV_ERROR_STORAGE when the file cannot be read, VFV_ERROR_NO_MEMORY
 *
 * Reads the file, and the links of network interfaces in sysfs. That a file is not there or too long
 * is an error; everything else is a finding.
 *
 * Return: 0 or a negative errno.
 */
int vfv_nova_check(const struct vfv_nova_scene *scene, struct vfv_findings **ret_findings,
		   struct vfv_error *ret_error);

#endif
