// SPDX-License-Identifier: GPL-2.0-only
/* v6.8 "vfio/pci: Expose vfio_pci_core_iowrite/read##size()"; with test_mem as here since v6.10. */
#include <linux/vfio_pci_core.h>

int vfvirt_probe(struct vfio_pci_core_device *core, void __iomem *io);
int vfvirt_probe(struct vfio_pci_core_device *core, void __iomem *io)
{
	return vfio_pci_core_iowrite16(core, true, 0, io);
}
