// SPDX-License-Identifier: GPL-2.0-only
/* Must compile on every kernel: else the compiler or the headers are broken. */
#include <linux/module.h>
#include <linux/pci.h>
#include <net/genetlink.h>

struct pci_dev *vfvirt_probe(struct pci_dev *dev);
struct pci_dev *vfvirt_probe(struct pci_dev *dev)
{
	return pci_physfn(dev);
}
