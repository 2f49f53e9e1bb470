/* SPDX-License-Identifier: GPL-2.0-only */
/* A PCI driver for tests and its folder in debugfs, which user space writes its orders to. */
#ifndef TEST_DRIVER_H
#define TEST_DRIVER_H

#include <linux/debugfs.h>
#include <linux/pci.h>

/* Makes the folder, named as the driver, and registers it; 0 or negative errno. */
static inline int test_driver_begin(struct pci_driver *driver, struct dentry **ret_folder)
{
	int error;

	*ret_folder = debugfs_create_dir(driver->name, NULL);
	error = pci_register_driver(driver);
	if (error)
		debugfs_remove(*ret_folder);
	return error;
}

/* Undoes test_driver_begin(). */
static inline void test_driver_end(struct pci_driver *driver, struct dentry *folder)
{
	pci_unregister_driver(driver);
	debugfs_remove(folder);
}

#endif
