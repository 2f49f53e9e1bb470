/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A host that hands VFs out: who serves the PF, VFs made and bound to the VFIO driver. */
#ifndef VFVIRT_TESTS_HANDOUT_H
#define VFVIRT_TESTS_HANDOUT_H

#include "pci.h"

#define HANDOUT_VFS_MAX 16

/* Drivers of the PF that give VFs their legacy registers. */
#define PF_OURS "vfvirt_pf"
#define PF_INTREE "virtio-pci"
#define VF_OURS "vfvirt_vfio_pci"

/* Modules for the row of a test; the VFIO core of 6.1 has interrupts in a module of its own. */
#define HANDOUT_MODULES                                                                          \
	"virtio_pci virtio_net vfio_iommu_type1 vfio_pci vfvirt_core vfvirt_pf vfvirt_vfio_pci"
#define HANDOUT_MODULES_INTREE                                                                   \
	"virtio_pci virtio_net vfio_iommu_type1 vfio_pci vfvirt_core vfvirt_vfio_pci"

struct handout {
	char pf[BDF_SIZE];
	char vfs[HANDOUT_VFS_MAX][BDF_SIZE];
	unsigned int count;
};

/**
 * handout_open() - bind the first card's PF, make VFs without drivers, give them to VF_OURS.
 * @handout: filled in.
 * @pf_driver: PF_OURS or PF_INTREE.
 * @count: VFs, at most HANDOUT_VFS_MAX.
 *
 * Connects to netlink, too. Ends the test on failure.
 */
void handout_open(struct handout *handout, const char *pf_driver, unsigned int count);

/**
 * handout_close() - remove the VFs and give the PF back to the in-tree driver.
 * @handout: of handout_open(), nobody using a VF.
 */
void handout_close(struct handout *handout);

#endif
