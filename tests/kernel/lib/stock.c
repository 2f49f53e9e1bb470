// SPDX-License-Identifier: GPL-2.0-or-later
/* The oracle, found on the bus by its transitional identity. */
#include <dirent.h>

#include "file.h"
#include "stock.h"
#include "test.h"

#define DEVICES "/sys/bus/pci/devices"

static bool find(char *ret_bdf)
{
	DIR *folder = opendir(DEVICES);
	struct dirent *entry;
	bool found = false;

	while (folder && !found && (entry = readdir(folder))) {
		char path[PCI_PATH_SIZE];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(ret_bdf, BDF_SIZE, "%.15s", entry->d_name);
		found = file_number(pci_path(path, ret_bdf, "vendor")) == 0x1af4 &&
			file_number(pci_path(path, ret_bdf, "device")) == 0x1000;
	}
	if (folder)
		closedir(folder);
	return found;
}

void stock_open(struct vfio *ret_stock)
{
	char bdf[BDF_SIZE];

	CHECK(find(bdf), "this machine has no transitional virtio-net-pci");
	CHECK_OK(pci_bind(bdf, "vfio-pci"));
	CHECK_OK(vfio_open(ret_stock, bdf));
}
