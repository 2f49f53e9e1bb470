// SPDX-License-Identifier: GPL-2.0-or-later
/* The PF on vfvirt_pf as a network card: as with virtio-pci, whatever interrupts and rings it has. */
#include "../net.h"
#include "../module.h"
#include "../test.h"

#define PF_MODULES "virtio_pci virtio_net vfvirt_core vfvirt_pf"

TEST(pf_carries_pings, .configs = "default intx few-vectors packed", .modules = PF_MODULES)
{
	struct net_end pf_end, vf_end;
	char pf[BDF_SIZE], vf[BDF_SIZE];

	pci_pf(0, pf);
	CHECK_OK(pci_bind(pf, "vfvirt_pf"));
	CHECK_OK(pci_set_vfs(pf, 1));
	pci_vf(pf, 0, vf);
	net_end_open(&pf_end, pf, "10.9.0.1");
	net_end_open(&vf_end, vf, "10.9.0.2");
	net_check_ping(&pf_end, &vf_end);
	net_end_close(&vf_end);
	net_end_close(&pf_end);
	CHECK_OK(pci_set_vfs(pf, 0));
	CHECK_OK(pci_bind(pf, "virtio-pci"));
}
