/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shims of vfvirt_vfio_pci over vfio-pci-core: BAR maps, a 16-bit write, and operations that only
 * some kernels have.
 */
#ifndef VFVIRT_VFIO_COMPAT_H
#define VFVIRT_VFIO_COMPAT_H

#include "compat_probes.h"

#include <linux/io.h>
#include <linux/pci.h>
#include <linux/vfio_pci_core.h>

/**
 * vfvirt_vfio_iomap() - the mapping of a BAR that vfio-pci-core also uses
 * @core: the device, enabled; no user has access yet
 * @bar: 0..5
 *
 * Core unmaps it when the device is closed. Before v7.0 BARs are mapped on first use, before v6.8
 * by a function of core's own: the same steps here, which core finds done.
 *
 * Return: the address of the BAR's first byte, or an ERR_PTR().
 */
static inline void __iomem *vfvirt_vfio_iomap(struct vfio_pci_core_device *core, unsigned int bar)
{
#if VFVIRT_HAVE_VFIO_PCI_CORE_GET_IOMAP
	return vfio_pci_core_get_iomap(core, bar);
#elif VFVIRT_HAVE_VFIO_PCI_CORE_SETUP_BARMAP
	int ret = vfio_pci_core_setup_barmap(core, bar);

	return ret ? IOMEM_ERR_PTR(ret) : core->barmap[bar];
#else
	int ret;

	if (core->barmap[bar])
		return core->barmap[bar];
	ret = pci_request_selected_regions(core->pdev, BIT(bar), "vfio-pci");
	if (ret)
		return IOMEM_ERR_PTR(ret);
	core->barmap[bar] = pci_iomap(core->pdev, bar, 0);
	if (core->barmap[bar])
		return core->barmap[bar];
	pci_release_selected_regions(core->pdev, BIT(bar));
	return IOMEM_ERR_PTR(-ENOMEM);
#endif
}

/**
 * vfvirt_vfio_is_asleep() - whether a function's power state keeps it from answering
 * @pdev: the function; memory_lock held for reading
 *
 * Return: true in D3hot and D3cold.
 */
static inline bool vfvirt_vfio_is_asleep(struct pci_dev *pdev)
{
	return pdev->current_state == PCI_D3hot || pdev->current_state == PCI_D3cold;
}

/**
 * vfvirt_vfio_iowrite16() - write 16 bits to a memory BAR of a VF
 * @core: the device, a VF, enabled
 * @value: in host byte order
 * @io: inside a mapping of vfvirt_vfio_iomap()
 *
 * Takes memory_lock for reading. A VF has no memory enable bit, so only its power state counts.
 *
 * Return: 0, or -EIO when the function does not decode its BARs.
 */
static inline int vfvirt_vfio_iowrite16(struct vfio_pci_core_device *core, u16 value,
					void __iomem *io)
{
#if VFVIRT_HAVE_VFIO_PCI_CORE_IOWRITE16
	return vfio_pci_core_iowrite16(core, true, value, io);
#else
	int ret = -EIO;

	down_read(&core->memory_lock);
	if (!vfvirt_vfio_is_asleep(core->pdev)) {
		iowrite16(value, io);
		ret = 0;
	}
	up_read(&core->memory_lock);
	return ret;
#endif
}

#if VFVIRT_HAVE_VFIO_MATCH_TOKEN_UUID
#define VFVIRT_VFIO_TOKEN_OPS	.match_token_uuid = vfio_pci_core_match_token_uuid,
#else
#define VFVIRT_VFIO_TOKEN_OPS
#endif

#if VFVIRT_HAVE_VFIO_PASID_ATTACH
#define VFVIRT_VFIO_PASID_OPS						\
	.pasid_attach_ioas = vfio_iommufd_physical_pasid_attach_ioas,	\
	.pasid_detach_ioas = vfio_iommufd_physical_pasid_detach_ioas,
#else
#define VFVIRT_VFIO_PASID_OPS
#endif

#if VFVIRT_HAVE_VFIO_IOMMUFD_OPS
#define VFVIRT_VFIO_IOMMUFD_OPS						\
	.bind_iommufd = vfio_iommufd_physical_bind,			\
	.unbind_iommufd = vfio_iommufd_physical_unbind,			\
	.attach_ioas = vfio_iommufd_physical_attach_ioas,		\
	.detach_ioas = vfio_iommufd_physical_detach_ioas,		\
	VFVIRT_VFIO_PASID_OPS
#else
#define VFVIRT_VFIO_IOMMUFD_OPS
#endif

#endif
