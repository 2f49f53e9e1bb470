// SPDX-License-Identifier: GPL-2.0-or-later
/* A host that hands VFs out. */
#include "file.h"
#include "genl.h"
#include "handout.h"
#include "test.h"

void handout_open(struct handout *handout, const char *pf_driver, unsigned int count)
{
	char driver[32], path[PCI_PATH_SIZE], name[NETDEV_SIZE];

	CHECK(count <= HANDOUT_VFS_MAX, "%u VFs are more than %u", count, HANDOUT_VFS_MAX);
	pci_pf(0, handout->pf);
	handout->count = count;
	genl_open();
	CHECK_OK(pci_set_vfs(handout->pf, 0));
	pci_driver(handout->pf, driver, sizeof(driver));
	if (strcmp(driver, pf_driver))
		CHECK_OK(pci_bind(handout->pf, pf_driver));
	pci_wait_netdev(handout->pf, name);
	CHECK_OK(file_write(pci_path(path, handout->pf, "sriov_drivers_autoprobe"), "0"));
	CHECK_OK(pci_set_vfs(handout->pf, count));
	for (unsigned int i = 0; i < count; i++) {
		pci_vf(handout->pf, i, handout->vfs[i]);
		CHECK_OK(pci_bind(handout->vfs[i], VF_OURS));
	}
}

void handout_close(struct handout *handout)
{
	char path[PCI_PATH_SIZE];

	CHECK_OK(pci_set_vfs(handout->pf, 0));
	CHECK_OK(file_write(pci_path(path, handout->pf, "sriov_drivers_autoprobe"), "1"));
	CHECK_OK(pci_bind(handout->pf, PF_INTREE));
	CHECK_OK(file_write(pci_path(path, handout->pf, "driver_override"), "\n"));
}
