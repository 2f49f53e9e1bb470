// SPDX-License-Identifier: GPL-2.0-only
/* Must not compile on any kernel: else a probe's "yes" means nothing. */
#include <linux/pci.h>

int vfvirt_probe(struct pci_dev *dev);
int vfvirt_probe(struct pci_dev *dev)
{
	return dev->vfvirt_no_such_field;
}
