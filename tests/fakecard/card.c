/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PFs and VFs: made, plugged in, counted, opened, gone. */
#include "card.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vfvirt.h"

#define UP	     "../../../../" /* from the folder of a function to the root of sysfs */
#define CONFIG_BYTES 4096
#define FIRST_GROUP  20

pthread_mutex_t fake_lock = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t fake_changed = PTHREAD_COND_INITIALIZER;

struct fake_pf fake_pfs[FAKE_PFS_MAX];
unsigned int fake_pf_count;

static unsigned int next_group = FIRST_GROUP;
static char flaws[FAKE_FLAW_COUNT][FAKE_NAME_BYTES];

/* A function that has nothing to do with the card: a NIC on a driver of the host. */
static struct fake_function other;

void fake_flaw_set(enum fake_flaw flaw, const char *glob)
{
	snprintf(flaws[flaw], sizeof(flaws[flaw]), "%s", glob);
}

bool fake_has_flaw(enum fake_flaw flaw, const char *address)
{
	return !fnmatch(flaws[flaw], address, 0);
}

void fake_function_uevent(const struct fake_function *function, const char *action)
{
	char path[512];

	fake_path(function->node, path, sizeof(path));
	/* The kernel's device paths begin behind /sys. */
	fake_uevent(action, path + strlen("/sys"), "pci", "PCI_SLOT_NAME=%s%cPCI_ID=1AF4:1041",
		    function->address, 0);
}

static void fill_config(struct fake_node *node, unsigned int number)
{
	unsigned char config[CONFIG_BYTES] = {0xf4, 0x1a, 0x41, 0x10};

	/* Extended capabilities: an error report one, behind it a serial number. */
	memcpy(config + 0x100, (unsigned char[]){0x01, 0x00, 0x02, 0x15}, 4);
	memcpy(config + 0x150,
	       (unsigned char[]){0x03, 0x00, 0x01, 0x00, (unsigned char)number, 0x33, 0x22, 0x11,
				 0x77, 0x66, 0x55, 0x44},
	       12);
	fake_bytes(node, "config", config, sizeof(config));
}

/* What all PCI functions have. */
static void make_function(struct fake_function *function, const char *parent, const char *device)
{
	struct fake_node *node = fake_folder("sys/devices/%s/%s", parent, function->address);

	function->node = node;
	function->virtio = function->vfio = -1;
	fake_file(node, "vendor", "0x1af4\n");
	fake_file(node, "device", "%s\n", device);
	fake_file(node, "class", "0x020000\n");
	fake_file(node, "subsystem_vendor", "0x1af4\n");
	fake_file(node, "subsystem_device", "0x0001\n");
	fake_file(node, "numa_node", "0\n");
	fake_file(node, "modalias", "pci:v00001AF4d0000%ssv00001AF4sd00000001bc02sc00i00\n",
		  device + 2);
	fake_file(node, "uevent", "PCI_SLOT_NAME=%s\n", function->address);
	fake_link(node, "subsystem", UP "bus/pci");
	fake_link(fake_folder("sys/bus/pci/devices"), function->address, "../../../devices/%s/%s",
		  parent, function->address);
	function->group = fake_has_flaw(FAKE_FLAW_SHARED, function->address) ? other.group
									     : (int)next_group++;
	fake_link(node, "iommu_group", UP "kernel/iommu_groups/%d", function->group);
	fake_link(fake_folder("sys/kernel/iommu_groups/%d/devices", function->group),
		  function->address, UP "devices/%s/%s", parent, function->address);
}

static void unmake_function(struct fake_function *function)
{
	char path[128];

	fake_remove(function->node);
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s", function->address);
	fake_remove(fake_find(path));
	snprintf(path, sizeof(path), "sys/kernel/iommu_groups/%d/devices/%s", function->group,
		 function->address);
	fake_remove(fake_find(path));
	if (function->group == other.group)
		return;
	snprintf(path, sizeof(path), "sys/kernel/iommu_groups/%d", function->group);
	fake_remove(fake_find(path));
}

static void parent_of(const struct fake_pf *pf, char ret_parent[64])
{
	unsigned int bus = (unsigned int)strtoul(pf->function.address + 5, NULL, 16);

	snprintf(ret_parent, 64, "pci0000:%02x/0000:%02x:00.0", bus - 1, bus - 1);
}

static void vf_address(const struct fake_pf *pf, unsigned int vf_index, char ret_address[16])
{
	unsigned int place = vf_index + 1;

	snprintf(ret_address, 16, "%.8s%02x.%u", pf->function.address, place / 8 & 0x1f, place % 8);
}

static void vf_add(struct fake_pf *pf, unsigned int vf_index)
{
	struct fake_function *vf = calloc(1, sizeof(*vf));
	char parent[64], name[32];

	vf->pf = pf;
	vf->vf_index = vf_index;
	vf_address(pf, vf_index, vf->address);
	parent_of(pf, parent);
	make_function(vf, parent, "0x1041");
	fake_attribute(vf->node, "driver_override", "(null)\n", fake_override_write, vf);
	fake_link(vf->node, "physfn", "../%s", pf->function.address);
	snprintf(name, sizeof(name), "virtfn%u", vf_index);
	fake_link(pf->function.node, name, "../%s", vf->address);
	pf->vfs[vf_index] = vf;
	fake_function_uevent(vf, "add");
	if (pf->autoprobe)
		fake_probe(vf);
	fake_function_uevent(vf, "change");
}

bool fake_vf_is_open(const struct fake_pf *pf)
{
	for (unsigned int i = 0; i < pf->vfs_now; i++)
		if (pf->vfs[i] && pf->vfs[i]->open_count)
			return true;
	return false;
}

void fake_vfs_remove(struct fake_pf *pf)
{
	struct fake_node *numvfs = fake_child(pf->function.node, "sriov_numvfs");
	char name[32];

	while (pf->vfs_now) {
		struct fake_function *vf = pf->vfs[--pf->vfs_now];

		fake_function_uevent(vf, "remove");
		fake_unbind(vf);
		snprintf(name, sizeof(name), "virtfn%u", pf->vfs_now);
		fake_remove(fake_child(pf->function.node, name));
		unmake_function(vf);
		pf->vfs[pf->vfs_now] = NULL;
		free(vf);
	}
	if (numvfs)
		fake_set(numvfs, "0\n");
}

/* A whole number as the kernel reads it; false: it is none. */
static bool read_number(const char *text, unsigned long *ret_number)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	*ret_number = strtoul(text, &end, 0);
	return !*end;
}

/* Waits, as the kernel does, until nobody has a VF open any more. */
static int numvfs_clear(struct fake_pf *pf)
{
	while (fake_vf_is_open(pf) && !pf->gone)
		pthread_cond_wait(&fake_changed, &fake_lock);
	if (!pf->gone)
		fake_vfs_remove(pf);
	return 0;
}

static int numvfs_set(struct fake_pf *pf, const char *text)
{
	unsigned long number;

	if (!read_number(text, &number))
		return -EINVAL;
	if (number > pf->vfs_max)
		return -ERANGE;
	if (number == pf->vfs_now)
		return 0;
	if (!pf->function.driver)
		return -ENOENT;
	if (!number)
		return numvfs_clear(pf);
	if (pf->vfs_now || pf->is_virtio_late)
		return -EBUSY;
	for (; pf->vfs_now < number; pf->vfs_now++)
		vf_add(pf, pf->vfs_now);
	fake_set(fake_child(pf->function.node, "sriov_numvfs"), "%u\n", pf->vfs_now);
	return 0;
}

static int numvfs_write(struct fake_node *node, const char *text)
{
	struct fake_pf *pf = node->owner;
	unsigned int before = pf->vfs_now;
	int result = numvfs_set(pf, text);

	if (!pf->gone && pf->vfs_now != before)
		fake_function_uevent(&pf->function, "change");
	pthread_cond_broadcast(&fake_changed);
	return result;
}

static int autoprobe_write(struct fake_node *node, const char *text)
{
	struct fake_pf *pf = node->owner;

	if (strcmp(text, "0") && strcmp(text, "1"))
		return -EINVAL;
	pf->autoprobe = *text == '1';
	fake_set(node, "%s\n", text);
	return 0;
}

void fake_pf_add(struct fake_pf *pf)
{
	struct fake_node *node;
	char parent[64];

	parent_of(pf, parent);
	pf->gone = false;
	pf->autoprobe = true;
	pf->owner_state = -1;
	pf->opcodes = 0x7f;
	pf->function.override[0] = '\0';
	make_function(&pf->function, parent, "0x1041");
	node = pf->function.node;
	fill_config(node, (unsigned int)(pf - fake_pfs));
	fake_attribute(node, "driver_override", "(null)\n", fake_override_write, &pf->function);
	fake_file(node, "sriov_totalvfs", "%u\n", pf->vfs_max);
	fake_file(node, "sriov_offset", "1\n");
	fake_file(node, "sriov_stride", "1\n");
	fake_file(node, "sriov_vf_device", "1041\n");
	fake_attribute(node, "sriov_numvfs", "0\n", numvfs_write, pf);
	fake_attribute(node, "sriov_drivers_autoprobe", "1\n", autoprobe_write, pf);
	fake_function_uevent(&pf->function, "add");
	fake_probe(&pf->function);
	pthread_cond_broadcast(&fake_changed);
}

void fake_pf_vanish(struct fake_pf *pf)
{
	if (pf->gone)
		return;
	pf->gone = true;
	for (unsigned int i = 0; i < pf->vfs_now; i++)
		fake_function_close(pf->vfs[i]);
	fake_vfs_remove(pf);
	fake_function_uevent(&pf->function, "remove");
	fake_unbind(&pf->function);
	unmake_function(&pf->function);
	pthread_cond_broadcast(&fake_changed);
}

struct fake_function *fake_function_find(const char *address)
{
	if (!strcmp(other.address, address))
		return &other;
	for (unsigned int i = 0; i < fake_pf_count; i++) {
		struct fake_pf *pf = &fake_pfs[i];

		if (!pf->gone && !strcmp(pf->function.address, address))
			return &pf->function;
		for (unsigned int j = 0; j < pf->vfs_now; j++)
			if (!strcmp(pf->vfs[j]->address, address))
				return pf->vfs[j];
	}
	return NULL;
}

int fake_function_open(struct fake_function *function, int pid, const char *command)
{
	struct fake_node *process;
	char name[16];

	if (!function->driver || !function->driver->vfio)
		return -ENODEV;
	if (function->sealed || function->open_count)
		return -EBUSY;
	process = fake_folder("proc/%d", pid);
	fake_file(process, "comm", "%s\n", command);
	/* Numbered by the group, so that a process may have several. */
	snprintf(name, sizeof(name), "%d", 100 + function->group);
	fake_link(fake_folder("proc/%d/fd", pid), name, "/dev/vfio/%d", function->group);
	function->user = pid;
	function->open_count = 1;
	if (function->driver->sealable)
		fake_netlink_event(VFVIRT_EVENT_MEMBER_OPENED, function->address);
	return 0;
}

int fake_function_close(struct fake_function *function)
{
	char path[64];

	if (!function->open_count)
		return -ENOENT;
	snprintf(path, sizeof(path), "proc/%d/fd/%d", function->user, 100 + function->group);
	fake_remove(fake_find(path));
	function->open_count = 0;
	if (function->driver && function->driver->sealable)
		fake_netlink_event(VFVIRT_EVENT_MEMBER_CLOSED, function->address);
	pthread_cond_broadcast(&fake_changed);
	return 0;
}

/* A function of the host and what every /proc has. */
static void make_surroundings(void)
{
	struct fake_node *proc = fake_folder("proc"), *net = fake_folder("proc/net"), *init;

	snprintf(other.address, sizeof(other.address), "0000:02:00.0");
	make_function(&other, "pci0000:00/0000:00:1c.0", "0x1000");
	fake_file(other.node, "vendor", "0x8086\n");
	fake_attribute(other.node, "driver_override", "(null)\n", fake_override_write, &other);
	fake_link(other.node, "driver", UP "bus/pci/drivers/e1000e");
	fake_folder("sys/bus/pci/drivers/e1000e");
	fake_file(net, "route", "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n");
	fake_file(net, "if_inet6", "%s", "");
	fake_file(proc, "cmdline", "root=/dev/vda1 intel_iommu=on\n");
	init = fake_folder("proc/1");
	fake_file(init, "comm", "systemd\n");
	fake_folder("proc/1/fd");
	fake_folder("sys/class/net");
}

void fake_card_make(unsigned int pfs, unsigned int vfs_max)
{
	fake_drivers_make();
	make_surroundings();
	for (unsigned int i = 0; i < pfs && i < FAKE_PFS_MAX; i++) {
		struct fake_pf *pf = &fake_pfs[fake_pf_count++];

		snprintf(pf->function.address, sizeof(pf->function.address), "0000:%02x:00.0",
			 0x3b + 0x10 * i);
		pf->vfs_max = vfs_max;
		fake_pf_add(pf);
	}
}
