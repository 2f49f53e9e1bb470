// SPDX-License-Identifier: GPL-2.0-only
/* v6.6 "vfio: Add cdev for vfio_device" and its series: required where IOMMUFD is configured. */
#include <linux/vfio_pci_core.h>

extern const struct vfio_device_ops vfvirt_probe;
const struct vfio_device_ops vfvirt_probe = {
	.bind_iommufd = vfio_iommufd_physical_bind,
	.unbind_iommufd = vfio_iommufd_physical_unbind,
	.attach_ioas = vfio_iommufd_physical_attach_ioas,
	.detach_ioas = vfio_iommufd_physical_detach_ioas,
};
