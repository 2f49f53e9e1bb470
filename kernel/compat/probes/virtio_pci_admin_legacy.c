// SPDX-License-Identifier: GPL-2.0-only
/*
 * v6.8 "virtio-pci: Introduce APIs to execute legacy IO admin commands": the calls
 * are exported only where the kernel was configured for them (x86).
 */
#include <linux/kconfig.h>
#include <linux/virtio_pci_admin.h>

#if !IS_ENABLED(CONFIG_VIRTIO_PCI_ADMIN_LEGACY)
#error "this kernel was built without the legacy calls"
#endif

bool vfvirt_probe(struct pci_dev *vf);
bool vfvirt_probe(struct pci_dev *vf)
{
	u64 offset_bytes;
	u8 bar;

	return virtio_pci_admin_has_legacy_io(vf) &&
	       !virtio_pci_admin_legacy_io_notify_info(vf, 2, &bar, &offset_bytes);
}
