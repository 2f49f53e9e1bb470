// SPDX-License-Identifier: GPL-2.0-only
/* v7.2 "vfio/pci: Set up barmap in vfio_pci_core_enable()": all BARs are mapped at enable. */
#include <linux/vfio_pci_core.h>

void __iomem *vfvirt_probe(struct vfio_pci_core_device *core);
void __iomem *vfvirt_probe(struct vfio_pci_core_device *core)
{
	return vfio_pci_core_get_iomap(core, 1);
}
