/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The oracle: QEMU's own transitional virtio-net-pci, in the machine "oracle". */
#ifndef VFVIRT_TESTS_STOCK_H
#define VFVIRT_TESTS_STOCK_H

#include "vfio.h"

#define STOCK_MODULES "virtio_pci virtio_net vfio_iommu_type1 vfio_pci"

/**
 * stock_open() - bind the oracle to vfio-pci and open it; ends the test on failure.
 * @ret_stock: the open function.
 */
void stock_open(struct vfio *ret_stock);

#endif
