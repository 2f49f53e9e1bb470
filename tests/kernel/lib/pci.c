// SPDX-License-Identifier: GPL-2.0-or-later
/* PCI functions through sysfs. */
#include <dirent.h>
#include <stdlib.h>

#include "file.h"
#include "pci.h"
#include "test.h"

#define DEVICES "/sys/bus/pci/devices"
#define SLOTS "/sys/bus/pci/slots"
#define VENDOR_VIRTIO 0x1af4
#define DEVICE_NET 0x1041

const char *pci_path(char *ret_path, const char *bdf, const char *attribute)
{
	snprintf(ret_path, PCI_PATH_SIZE, DEVICES "/%s/%s", bdf, attribute);
	return ret_path;
}

static bool is_pf(const char *bdf)
{
	char path[PCI_PATH_SIZE];

	return file_number(pci_path(path, bdf, "vendor")) == VENDOR_VIRTIO &&
	       file_number(pci_path(path, bdf, "device")) == DEVICE_NET &&
	       !file_exists(pci_path(path, bdf, "physfn"));
}

bool pci_find_pf(unsigned int index, char *ret_bdf)
{
	struct dirent **entries;
	int count = scandir(DEVICES, &entries, NULL, alphasort);
	bool found = false;

	for (int i = 0; i < count; i++) {
		const char *bdf = entries[i]->d_name;

		if (!found && bdf[0] != '.' && is_pf(bdf) && !index--) {
			snprintf(ret_bdf, BDF_SIZE, "%.15s", bdf);
			found = true;
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return found;
}

void pci_pf(unsigned int index, char *ret_bdf)
{
	CHECK(pci_find_pf(index, ret_bdf), "no card number %u on the PCI bus", index);
}

void pci_vf(const char *pf_bdf, unsigned int vf_index, char *ret_bdf)
{
	char attribute[32], path[PCI_PATH_SIZE];
	int error;

	snprintf(attribute, sizeof(attribute), "virtfn%u", vf_index);
	error = file_link_name(pci_path(path, pf_bdf, attribute), ret_bdf, BDF_SIZE);
	CHECK(!error, "%s: no VF %u: %s", pf_bdf, vf_index, strerror(-error));
}

int pci_set_vfs(const char *pf_bdf, unsigned int count)
{
	char path[PCI_PATH_SIZE];

	return file_write(pci_path(path, pf_bdf, "sriov_numvfs"), "%u", count);
}

long pci_vfs(const char *pf_bdf)
{
	char path[PCI_PATH_SIZE];

	return file_number(pci_path(path, pf_bdf, "sriov_numvfs"));
}

void pci_driver(const char *bdf, char *ret_name, size_t size)
{
	char path[PCI_PATH_SIZE];

	file_link_name(pci_path(path, bdf, "driver"), ret_name, size);
}

int pci_unbind(const char *bdf)
{
	char path[PCI_PATH_SIZE];
	int error = file_write(pci_path(path, bdf, "driver/unbind"), "%s", bdf);

	return error == -ENOENT ? 0 : error;
}

int pci_bind(const char *bdf, const char *driver)
{
	char path[PCI_PATH_SIZE], bound[64];
	int error = pci_unbind(bdf);

	if (!error)
		error = file_write(pci_path(path, bdf, "driver_override"), "%s\n", driver);
	if (!error)
		error = file_write("/sys/bus/pci/drivers_probe", "%s", bdf);
	if (error)
		return error;
	file_write(pci_path(path, bdf, "driver_override"), "\n");
	pci_driver(bdf, bound, sizeof(bound));
	return strcmp(bound, driver) ? -ENODEV : 0;
}

bool pci_present(const char *bdf)
{
	char path[PCI_PATH_SIZE];

	return file_exists(pci_path(path, bdf, "vendor"));
}

/* Name of the only entry of @path that starts with @prefix; false when there is none. */
static bool find_entry(const char *path, const char *prefix, char *ret_name, size_t size)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	bool found = false;

	if (!folder)
		return false;
	while (!found && (entry = readdir(folder)))
		if (entry->d_name[0] != '.' && !strncmp(entry->d_name, prefix, strlen(prefix))) {
			snprintf(ret_name, size, "%s", entry->d_name);
			found = true;
		}
	closedir(folder);
	return found;
}

int pci_switch_slot_off(void)
{
	char path[PCI_PATH_SIZE], slot[32];

	if (!find_entry(SLOTS, "", slot, sizeof(slot)))
		return -ENOENT;
	snprintf(path, sizeof(path), SLOTS "/%s/power", slot);
	return file_write(path, "0");
}

/* Path of a file of the virtio device of a function; false when it has none. */
static bool virtio_path(char *ret_path, const char *bdf, const char *attribute)
{
	char path[PCI_PATH_SIZE], name[32];

	if (!find_entry(pci_path(path, bdf, ""), "virtio", name, sizeof(name)))
		return false;
	snprintf(ret_path, PCI_PATH_SIZE, DEVICES "/%s/%s/%s", bdf, name, attribute);
	return true;
}

bool pci_netdev(const char *bdf, char *ret_name)
{
	char path[PCI_PATH_SIZE];

	ret_name[0] = '\0';
	return virtio_path(path, bdf, "net") && find_entry(path, "", ret_name, NETDEV_SIZE);
}

void pci_wait_netdev(const char *bdf, char *ret_name)
{
	char what[64];

	snprintf(what, sizeof(what), "the network interface of %s", bdf);
	WAIT_FOR(20000, pci_netdev(bdf, ret_name), what);
}

bool pci_feature(const char *bdf, unsigned int bit)
{
	char path[PCI_PATH_SIZE], bits[256];

	CHECK(virtio_path(path, bdf, "features"), "%s: no virtio device", bdf);
	CHECK_OK(file_read(path, bits, sizeof(bits)));
	CHECK(bit < strlen(bits), "%s: features has %zu bits, no bit %u", bdf, strlen(bits), bit);
	return bits[bit] == '1';
}

/* The virtio device of a PF, as sysfs names it. */
static void virtio_name(const char *pf, char *ret_name, size_t size)
{
	char path[PCI_PATH_SIZE];

	for (unsigned int n = 0; n < 64; n++) {
		snprintf(ret_name, size, "virtio%u", n);
		if (file_exists(pci_path(path, pf, ret_name)))
			return;
	}
	CHECK(false, "%s has no virtio device", pf);
}

void pci_class_driver(const char *pf, const char *verb)
{
	char name[32], path[96];

	virtio_name(pf, name, sizeof(name));
	snprintf(path, sizeof(path), "/sys/bus/virtio/drivers/virtio_net/%s", verb);
	CHECK_OK(file_write(path, "%s", name));
}
