// SPDX-License-Identifier: GPL-2.0-only
/* v7.0 "vfio: Provide a get_region_info op": the ioctl no longer reaches the driver's .ioctl. */
#include <linux/vfio_pci_core.h>

extern const struct vfio_device_ops vfvirt_probe;
const struct vfio_device_ops vfvirt_probe = {
	.get_region_info_caps = vfio_pci_ioctl_get_region_info,
};
