// SPDX-License-Identifier: GPL-2.0-only
/* v6.15 "vfio-iommufd: Support pasid [at|de]tach for physical VFIO devices". */
#include <linux/vfio_pci_core.h>

extern const struct vfio_device_ops vfvirt_probe;
const struct vfio_device_ops vfvirt_probe = {
	.pasid_attach_ioas = vfio_iommufd_physical_pasid_attach_ioas,
	.pasid_detach_ioas = vfio_iommufd_physical_pasid_detach_ioas,
};
