/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the facts into a model: finds the PFs, reads them, asks the kernel modules, judges. */
#include "facts.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "facts_vf.h"
#include "host.h"
#include "intent.h"
#include "judge.h"
#include "netdev.h"
#include "netlink.h"
#include "sysfs.h"
#include "text.h"
#include "users.h"

#define VIRTIO_VENDOR	  0x1af4
#define VIRTIO_NET_DEVICE 0x1041

/* PCI Express: extended capabilities begin here, each with id, version and place of the next. */
#define EXTENDED_BEGIN	  0x100
#define CONFIG_BYTES	  4096
#define CAPABILITY_SERIAL 3
#define SERIAL_BYTES	  12

/* One reading of all facts. */
struct reading {
	const struct vfv_host *host;
	const struct vfv_intents *intents;
	struct vfv_model *model;
	int devices; /* the folder of all PCI functions */
	bool found;
};

static uint32_t config_word(const unsigned char *config, size_t offset)
{
	uint32_t word;

	memcpy(&word, config + offset, sizeof(word));
	return le32toh(word);
}

/* The device serial number out of the configuration space; 0: it has none. */
static uint64_t find_serial(const unsigned char *config, size_t length)
{
	size_t offset = EXTENDED_BEGIN;

	/* The list is the card's: it may loop. */
	for (int i = 0; i < (CONFIG_BYTES - EXTENDED_BEGIN) / 4; i++) {
		uint32_t header;

		if (offset < EXTENDED_BEGIN || offset + SERIAL_BYTES > length)
			return 0;
		header = config_word(config, offset);
		if ((header & 0xffff) == CAPABILITY_SERIAL)
			return (uint64_t)config_word(config, offset + 8) << 32 |
			       config_word(config, offset + 4);
		offset = (header >> 20) & ~3u;
	}
	return 0;
}

static int read_serial(int folder, struct vfv_pf *pf)
{
	VFV_CLOSE int fd = openat(folder, "config", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	unsigned char config[CONFIG_BYTES];
	uint64_t serial;
	ssize_t length;

	if (fd < 0)
		return 0;
	length = read(fd, config, sizeof(config));
	serial = length < 0 ? 0 : find_serial(config, (size_t)length);
	if (!serial)
		return 0;
	pf->serial = vfv_text("%016llx", (unsigned long long)serial);
	return pf->serial ? 0 : -ENOMEM;
}

/* The place on the bus: what stands behind "devices/" in the link of the function. */
static int read_path(int devices, const char *name, struct vfv_pf *pf)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(devices, name, target, sizeof(target) - 1);
	const char *place;

	if (length < 0)
		return 0;
	target[length] = '\0';
	place = strstr(target, "/devices/");
	if (!place)
		return 0;
	place += strlen("/devices/");
	for (const char *c = place; *c; c++)
		if (*c < ' ' || *c > '~')
			return 0;
	pf->path = strdup(place);
	return pf->path ? 0 : -ENOMEM;
}

/* The virtio device of the PF, its driver and its interface; a vendor's PF may have none. */
static int read_virtio(const struct vfv_host *host, int folder, struct vfv_pf *pf)
{
	char child[VFV_SYSFS_TEXT_BYTES];
	struct vfv_netdev netdev;
	int error;

	if (vfv_sysfs_virtio_child(folder, child))
		return 0;
	VFV_CLOSE int below = vfv_sysfs_folder_at(folder, child);

	if (below < 0)
		return 0;
	error = vfv_facts_link(below, "driver", &pf->class_driver);
	if (error || vfv_netdev_read(host, below, &netdev))
		return error;
	pf->netdev = strdup(netdev.name);
	pf->netdev_in_use = netdev.in_use;
	pf->has_mac = netdev.has_mac;
	memcpy(pf->mac, netdev.mac, sizeof(pf->mac));
	return pf->netdev ? 0 : -ENOMEM;
}

/* What the intent says of the PF; files that contradict each other are its failure. */
static int read_intent(const struct vfv_intents *intents, struct vfv_pf *pf, char **ret_driver)
{
	struct vfv_error conflict = VFV_NO_ERROR;
	const struct vfv_intent *intent = NULL;

	*ret_driver = strdup(VFV_DRIVER_VARIANT);
	if (!*ret_driver)
		return -ENOMEM;
	if (!intents)
		return 0;
	if (vfv_intents_for(intents, pf, &intent, &conflict)) {
		pf->failure = strdup(conflict.text);
		return pf->failure ? 0 : -ENOMEM;
	}
	if (!intent)
		return 0;
	free(*ret_driver);
	*ret_driver = strdup(intent->driver);
	pf->name = strdup(intent->name);
	pf->intent_path = strdup(intent->file);
	pf->vfs_intended = intent->vfs;
	pf->transport_intended = intent->transport;
	pf->pending_reboot =
		pf->netdev_in_use && vfv_transport_wanted(intent->transport) != pf->transport;
	return *ret_driver && pf->name && pf->intent_path ? 0 : -ENOMEM;
}

static int read_pf_itself(const struct reading *reading, int folder, const char *name,
			  struct vfv_pf *pf)
{
	uint64_t number;
	int error;

	pf->numa_node = vfv_facts_numa_node(folder);
	if (!vfv_sysfs_number(folder, "sriov_numvfs", 10, pf->vfs_max, &number))
		pf->vfs_now = (unsigned int)number;
	if (!vfv_sysfs_number(folder, "sriov_drivers_autoprobe", 10, 1, &number))
		pf->autoprobe = (int)number;
	error = read_path(reading->devices, name, pf);
	if (!error)
		error = vfv_facts_link(folder, "driver", &pf->driver);
	if (!error)
		error = vfv_facts_override(folder, &pf->driver_override);
	if (!error)
		error = read_serial(folder, pf);
	if (!error)
		error = read_virtio(reading->host, folder, pf);
	pf->transport = vfv_transport_of_driver(pf->driver);
	return error;
}

bool vfv_facts_is_capable(int folder, unsigned int *ret_max)
{
	struct vfv_address owner;
	uint64_t vendor, device, max;

	/* Only PFs with SR-IOV have this attribute, so most functions cost one call. */
	if (vfv_sysfs_number(folder, "sriov_totalvfs", 10, UINT16_MAX, &max) || !max ||
	    vfv_sysfs_number(folder, "vendor", 16, UINT16_MAX, &vendor) ||
	    vfv_sysfs_number(folder, "device", 16, UINT16_MAX, &device) ||
	    vendor != VIRTIO_VENDOR || device != VIRTIO_NET_DEVICE)
		return false;
	*ret_max = (unsigned int)max;
	return vfv_sysfs_link_address(folder, "physfn", &owner) == -ENOENT;
}

static int read_pf(struct reading *reading, int folder, const char *name,
		   const struct vfv_address *address, unsigned int max)
{
	struct vfv_pf *pf = vfv_model_add_pf(reading->model, address);
	int error;

	if (!pf)
		return -ENOMEM;
	pf->vfs_max = max;
	error = read_pf_itself(reading, folder, name, pf);
	for (unsigned int i = 0; i < pf->vfs_now && !error; i++)
		error = vfv_facts_read_vf(reading->host, reading->devices, folder, pf, i);
	/* A PF that went meanwhile is left out, as if it had gone before. */
	if (!error && faccessat(folder, "vendor", F_OK, 0))
		vfv_model_drop_pf(reading->model, pf);
	else
		reading->found = true;
	return error;
}

static int look_at_function(void *context, const char *entry)
{
	struct reading *reading = context;
	char name[sizeof("/sriov_totalvfs") + VFV_ADDRESS_BYTES];
	struct vfv_address address;
	unsigned int max;

	if (!vfv_address_parse(entry, &address) || strlen(entry) >= VFV_ADDRESS_BYTES)
		return 0;
	snprintf(name, sizeof(name), "%s/sriov_totalvfs", entry);
	if (faccessat(reading->devices, name, F_OK, 0))
		return 0;
	VFV_CLOSE int folder = vfv_sysfs_folder_at(reading->devices, entry);

	if (folder < 0 || !vfv_facts_is_capable(folder, &max))
		return 0;
	return read_pf(reading, folder, entry, &address, max);
}

/* Find and read the PFs. */
static int read_sysfs(struct reading *reading, const struct vfv_address *only,
		      struct vfv_error *ret_error)
{
	char text[VFV_ADDRESS_BYTES];
	int error;

	if (only)
		error = look_at_function(reading, vfv_address_format(only, text));
	else
		error = vfv_sysfs_each(reading->devices, ".", look_at_function, reading);
	if (error == -ENOMEM)
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, error, "no memory");
	if (error)
		return vfv_error_set(ret_error, VFV_ERROR_KERNEL_IO, error,
				     "%s/%s: cannot list the PCI functions: %s",
				     reading->host->sysfs, VFV_PCI_DEVICES, strerror(-error));
	if (only && !reading->found)
		return vfv_error_set(ret_error, VFV_ERROR_NOT_FOUND, ENOENT,
				     "%s: is no PF of a virtio network card with SR-IOV", text);
	return 0;
}

/* Ask the kernel modules; that they do not answer is a fact too, unless memory is out. */
static int ask_modules(struct reading *reading, bool read_mac)
{
	struct vfv_error problem = VFV_NO_ERROR;
	struct vfv_netlink *netlink = NULL;
	int error = vfv_netlink_open(reading->host, &netlink, &problem);

	if (!error)
		error = vfv_netlink_complete(netlink, reading->model, read_mac, &problem);
	vfv_netlink_close(netlink);
	reading->model->kernel_contract_ok = !error;
	if (!error)
		return 0;
	if (error == -ENOMEM)
		return error;
	reading->model->kernel_problem = strdup(problem.text);
	return reading->model->kernel_problem ? 0 : -ENOMEM;
}

/* All VFs of the model as one array of pointers, owned by the caller; NULL: none, or no memory. */
static struct vfv_vf **all_vfs(struct vfv_model *model, size_t *ret_count)
{
	struct vfv_vf **vfs;
	size_t count = 0;

	for (size_t i = 0; i < model->pf_count; i++)
		count += model->pfs[i].vf_count;
	vfs = calloc(count + 1, sizeof(*vfs));
	*ret_count = count;
	for (size_t i = 0, n = 0; vfs && i < model->pf_count; i++)
		for (size_t j = 0; j < model->pfs[i].vf_count; j++)
			vfs[n++] = &model->pfs[i].vfs[j];
	return vfs;
}

static int find_users(struct reading *reading)
{
	size_t count;
	VFV_FREE struct vfv_vf **vfs = all_vfs(reading->model, &count);
	int error;

	if (!vfs)
		return -ENOMEM;
	error = count ? vfv_users_find(reading->host, vfs, count, NULL) : 0;
	/* Without the right to see all, what could be seen stands. */
	return error == -ENOMEM ? error : 0;
}

static int judge_all(struct reading *reading)
{
	for (size_t i = 0; i < reading->model->pf_count; i++) {
		struct vfv_pf *pf = &reading->model->pfs[i];
		VFV_FREE char *driver = NULL;

		if (read_intent(reading->intents, pf, &driver))
			return -ENOMEM;
		for (size_t j = 0; j < pf->vf_count; j++)
			if (vfv_judge_vf(&pf->vfs[j], driver))
				return -ENOMEM;
	}
	return 0;
}

int vfv_facts_read(const struct vfv_host *host, const struct vfv_intents *intents,
		   const struct vfv_address *only, unsigned int flags, struct vfv_model **ret_model,
		   struct vfv_error *ret_error)
{
	VFV_CLOSE int devices = vfv_sysfs_folder(host, VFV_PCI_DEVICES);
	struct reading reading = {.host = host, .intents = intents, .devices = devices};
	int error;

	reading.model = vfv_model_new();
	if (!reading.model)
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
	if (devices < 0)
		error = vfv_error_set(ret_error, VFV_ERROR_KERNEL_IO, devices,
				      "%s/%s: cannot open: %s", host->sysfs, VFV_PCI_DEVICES,
				      strerror(-devices));
	else
		error = read_sysfs(&reading, only, ret_error);
	if (!error)
		error = ask_modules(&reading, flags & VFV_FACTS_MAC);
	if (!error && flags & VFV_FACTS_USERS)
		error = find_users(&reading);
	if (!error)
		error = judge_all(&reading);
	if (error) {
		vfv_model_free(reading.model);
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, error, "no memory");
	}
	*ret_model = reading.model;
	return 0;
}
