/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who has VFs open, found by the open files of all processes. */
#ifndef VFV_LIB_USERS_H
#define VFV_LIB_USERS_H

#include <stddef.h>

#include "error.h"
#include "model.h"

struct vfv_host;

/**
 * vfv_users_find - fill in the users of VFs
 * @host: paths
 * @vfs: array of @count; their iommu_group and vfio_name say which files are meant; the users that
 *	stand there are replaced
 * @ret_error: VFV_ERROR_ACCESS when open files of others may not be seen, VFV_ERROR_KERNEL_IO,
 *	VFV_ERROR_NO_MEMORY
 *
 * Opening /dev/vfio/GROUP to see whether it is busy would make a guest's start fail, so the links
 * in /proc/PID/fd are read. The domain of a VF is filled in where it has none and a QEMU that has
 * the VF open names one on its command line. A process that starts or opens something meanwhile may be missed. All
 * VFs of a group count as used when the group is open.
 *
 * Return: 0 or a negative errno.
 */
int vfv_users_find(const struct vfv_host *host, struct vfv_vf *const *vfs, size_t count,
		   struct vfv_error *ret_error);

/* In the place of the UUID, of a file that is no claim: it still says that somebody claims. */
#define VFV_CLAIM_UNREADABLE "an unreadable claim"

/* "qemu-system-x86 (process 1234)" or "the domain web1", for messages, into ret_text; returns it. */
const char *vfv_users_describe(const struct vfv_vf *vf, char *ret_text, size_t size);

/* What to do about the users of a VF, for messages; static. */
const char *vfv_users_remedy(const struct vfv_vf *vf);

/* Whether a VF is open or claimed, by all that the facts say. */
bool vfv_vf_is_used(const struct vfv_vf *vf);

#endif
