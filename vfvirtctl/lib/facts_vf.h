/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the facts of one VF; a part of facts.c. */
#ifndef VFV_LIB_FACTS_VF_H
#define VFV_LIB_FACTS_VF_H

#include "model.h"

struct vfv_host;

/**
 * vfv_facts_read_vf - read what sysfs and the run folder say of a VF, and add it to its PF
 * @host: paths
 * @devices: the folder of all PCI functions
 * @pf_folder: of the PF
 * @pf: gets the VF
 * @vf_index: which one
 *
 * Who has it open is not looked up, the state not judged.
 *
 * Return: 0, also when there is no such VF any more; a negative errno.
 */
int vfv_facts_read_vf(const struct vfv_host *host, int devices, int pf_folder, struct vfv_pf *pf,
		      unsigned int vf_index);

/* Reads an attribute or link that may be missing or nonsense into a new text; -ENOMEM only. */
int vfv_facts_text(int folder, const char *name, char **ret_text);
int vfv_facts_link(int folder, const char *name, char **ret_text);

/* A function's NUMA node, or VFV_UNKNOWN. */
int vfv_facts_numa_node(int folder);

/* "(null)", which sysfs shows for none, and an empty text become NULL. */
int vfv_facts_override(int folder, char **ret_text);

#endif
