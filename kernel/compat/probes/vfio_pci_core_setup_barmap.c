// SPDX-License-Identifier: GPL-2.0-only
/* v6.8 "vfio/pci: Expose vfio_pci_core_setup_barmap()". */
#include <linux/vfio_pci_core.h>

int vfvirt_probe(struct vfio_pci_core_device *core);
int vfvirt_probe(struct vfio_pci_core_device *core)
{
	return vfio_pci_core_setup_barmap(core, 1);
}
