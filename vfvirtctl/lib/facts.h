/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the facts into a model. Reads of sysfs may block: the daemon calls this in workers only. */
#ifndef VFV_LIB_FACTS_H
#define VFV_LIB_FACTS_H

#include <stdbool.h>

#include "error.h"
#include "model.h"

struct vfv_host;
struct vfv_intents;

enum vfv_facts_flags {
	VFV_FACTS_USERS = 1 << 0, /* also who has each VF open: scans open files of all processes */
	VFV_FACTS_MAC = 1 << 1,	  /* also the MAC of each VF, over the administration virtqueue */
};

/**
 * vfv_facts_read - all capable PFs, or one, with their VFs
 * @host: paths
 * @intents: for stable names and intended values; NULL: without
 * @only: this PF alone; NULL: all. A PF is capable when it is 1af4:1041 and has SR-IOV
 * @flags: of enum vfv_facts_flags
 * @ret_model: new; vfv_model_free() it
 * @ret_error: VFV_ERROR_NOT_FOUND for @only, VFV_ERROR_KERNEL_IO, VFV_ERROR_NO_MEMORY
 *
 * A device that vanishes while it is read is left out. What sysfs says is bounded and checked
 * (numbers, lengths, names without control characters), never trusted.
 *
 * Return: 0 or a negative errno.
 */
int vfv_facts_read(const struct vfv_host *host, const struct vfv_intents *intents,
		   const struct vfv_address *only, unsigned int flags,
		   struct vfv_model **ret_model, struct vfv_error *ret_error);

/*
 * Whether the function of an open folder is a PF that vfvirt can use; *ret_max is its
 * sriov_totalvfs. Reads only what the kernel answers without taking the device lock.
 */
bool vfv_facts_is_capable(int folder, unsigned int *ret_max);

#endif
