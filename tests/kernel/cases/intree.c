// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel's own virtio-pci and virtio_net on the card: the ground that ours stand on. */
#include "../host.h"
#include "../net.h"
#include "../pci.h"
#include "../test.h"

TEST(intree_pf_is_found)
{
	char pf[BDF_SIZE], name[NETDEV_SIZE];

	pci_pf(0, pf);
	pci_wait_netdev(pf, name);
	test_log("%s is %s", pf, name);
}
