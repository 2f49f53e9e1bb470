/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the facts of a PF or VF amount to: its state, and why. */
#include "judge.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "sysfs.h"
#include "text.h"
#include "users.h"

enum vfv_transport vfv_transport_wanted(enum vfv_transport intended)
{
	return intended == VFV_TRANSPORT_AUTO ? VFV_TRANSPORT_VFVIRT : intended;
}

const char *vfv_transport_driver(enum vfv_transport transport)
{
	return transport == VFV_TRANSPORT_INTREE ? VFV_DRIVER_VIRTIO : VFV_DRIVER_PF;
}

enum vfv_transport vfv_transport_of_driver(const char *driver)
{
	if (vfv_text_equal(driver, VFV_DRIVER_PF))
		return VFV_TRANSPORT_VFVIRT;
	if (vfv_text_equal(driver, VFV_DRIVER_VIRTIO))
		return VFV_TRANSPORT_INTREE;
	return VFV_TRANSPORT_NONE;
}

bool vfv_is_vfio_driver(const char *driver)
{
	return strcmp(driver, VFV_DRIVER_VIRTIO) != 0;
}

/* Whether somebody else chose the driver that the VF is on. */
static bool is_foreign(const struct vfv_vf *vf, const char *driver)
{
	if (!vf->driver || vf->bound_by_hold || !strcmp(vf->driver, driver) ||
	    !strcmp(vf->driver, VFV_DRIVER_VARIANT))
		return false;
	return !vf->published && (strcmp(vf->driver, VFV_DRIVER_VIRTIO) || vf->driver_override);
}

/* State of a VF that is on the intended driver and that nobody uses. */
static enum vfv_vf_state judge_bound(const struct vfv_vf *vf, const char *driver, char **ret_reason)
{
	if (vf->group_obstacle) {
		*ret_reason = vfv_text("its IOMMU group is shared with %s: unbind that device",
				       vf->group_obstacle);
		return VFV_VF_FAILED;
	}
	if (vfv_is_vfio_driver(driver) && !vf->vfio_name) {
		*ret_reason = vfv_text("%s made no VFIO device: see the kernel log", driver);
		return VFV_VF_FAILED;
	}
	return vf->published ? VFV_VF_PUBLISHED : VFV_VF_BOUND;
}

static enum vfv_vf_state judge(const struct vfv_vf *vf, const char *driver, char **ret_reason)
{
	if (vfv_vf_is_used(vf))
		return VFV_VF_IN_USE;
	if (is_foreign(vf, driver)) {
		*ret_reason = vfv_text("somebody else bound it to %s", vf->driver);
		return VFV_VF_FOREIGN;
	}
	if (vfv_text_equal(vf->driver, driver))
		return judge_bound(vf, driver, ret_reason);
	if (!vf->driver && vfv_text_equal(vf->driver_override, driver)) {
		*ret_reason = vfv_text("%s did not take it: see the kernel log", driver);
		return VFV_VF_FAILED;
	}
	return VFV_VF_CREATED;
}

int vfv_judge_vf(struct vfv_vf *vf, const char *driver)
{
	char *reason = NULL;

	if (vf->state == VFV_VF_FOREIGN && vf->reason && !vfv_vf_is_used(vf))
		return 0;
	free(vf->reason);
	vf->reason = NULL;
	vf->state = judge(vf, driver, &reason);
	vf->reason = reason;
	return (vf->state == VFV_VF_FAILED || vf->state == VFV_VF_FOREIGN) && !reason ? -ENOMEM : 0;
}
