/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Drivers: which takes which function, and what then appears below it. */
#include "card.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vfvirt.h"

static struct fake_driver drivers[] = {
	{.name = "virtio-pci", .is_for_pfs = true, .is_for_vfs = true},
	{.name = "vfvirt_pf", .is_for_pfs = true, .needs_override = true},
	{.name = "vfio-pci",
	 .vfio = true,
	 .is_for_pfs = true,
	 .is_for_vfs = true,
	 .needs_override = true},
	{.name = "virtio_vfio_pci", .vfio = true, .is_for_vfs = true, .needs_override = true},
	{.name = "vfvirt_vfio_pci",
	 .vfio = true,
	 .sealable = true,
	 .is_for_vfs = true,
	 .needs_override = true},
};
#define DRIVER_COUNT (sizeof(drivers) / sizeof(*drivers))

struct fake_driver *fake_driver_find(const char *name)
{
	for (size_t i = 0; i < DRIVER_COUNT; i++)
		if (!strcmp(drivers[i].name, name))
			return &drivers[i];
	return NULL;
}

int fake_override_write(struct fake_node *node, const char *text)
{
	struct fake_function *function = node->owner;

	if (strlen(text) >= sizeof(function->override))
		return -EINVAL;
	snprintf(function->override, sizeof(function->override), "%s", text);
	fake_set(node, "%s\n", *text ? text : "(null)");
	return 0;
}

/* The virtio device below a PCI function, with the class driver and an interface. */
static void make_virtio(struct fake_function *function)
{
	static int next_virtio;
	struct fake_node *virtio, *net, *own = function->node;
	char name[32];

	function->virtio = next_virtio++;
	snprintf(name, sizeof(name), "virtio%d", function->virtio);
	fake_remove(fake_child(own, name));
	virtio = fake_file(own, name, "%s", "");
	virtio->kind = FAKE_FOLDER;
	fake_link(virtio, "subsystem", "../../../../../bus/virtio");
	if (!function->pf && ((struct fake_pf *)function)->is_virtio_late)
		return;
	fake_link(virtio, "driver", "../../../../../bus/virtio/drivers/virtio_net");
	net = fake_file(virtio, "net", "%s", "");
	net->kind = FAKE_FOLDER;
	snprintf(function->netdev, sizeof(function->netdev), "ens%d", function->virtio);
	net = fake_file(net, function->netdev, "%s", "");
	net->kind = FAKE_FOLDER;
	fake_file(net, "address", "52:54:00:00:00:%02x\n", function->virtio & 0xff);
	fake_file(net, "flags", "0x1002\n");
	fake_file(net, "operstate", "down\n");
	fake_link(net, "device", "../../../%s", name);
	fake_link(fake_folder("sys/class/net"), function->netdev,
		  "../../bus/pci/devices/%s/%s/net/%s", function->address, name, function->netdev);
}

static void unmake_virtio(struct fake_function *function)
{
	struct fake_node *class = fake_folder("sys/class/net");
	char name[32];

	snprintf(name, sizeof(name), "virtio%d", function->virtio);
	fake_remove(fake_child(function->node, name));
	fake_remove(fake_child(class, function->netdev));
	function->netdev[0] = '\0';
	function->virtio = -1;
}

static void make_vfio(struct fake_function *function)
{
	static int next_vfio;
	char path[512];

	if (fake_has_flaw(FAKE_FLAW_NO_VFIO, function->address))
		return;
	function->vfio = next_vfio++;
	fake_path(function->node, path, sizeof(path));
	fake_folder("%s/vfio-dev/vfio%d", path, function->vfio);
}

/* Whether a PF serves legacy access when this driver has it. */
static bool is_provider(const struct fake_driver *driver)
{
	return !driver->vfio;
}

void fake_bind(struct fake_function *function, struct fake_driver *driver)
{
	char path[512];

	function->driver = driver;
	fake_link(function->node, "driver", "../../../../bus/pci/drivers/%s", driver->name);
	fake_path(function->node, path, sizeof(path));
	fake_link(driver->folder, function->address, "../../../..%s", path + strlen("/sys"));
	if (driver->vfio)
		make_vfio(function);
	else
		make_virtio(function);
	fake_function_uevent(function, "bind");
	if (!function->pf && is_provider(driver))
		fake_netlink_event(VFVIRT_EVENT_OWNER_UP, function->address);
	pthread_cond_broadcast(&fake_changed);
}

void fake_unbind(struct fake_function *function)
{
	struct fake_driver *driver = function->driver;

	if (!driver)
		return;
	if (!function->pf && is_provider(driver))
		fake_netlink_event(VFVIRT_EVENT_OWNER_DOWN, function->address);
	function->driver = NULL;
	function->sealed = false;
	fake_remove(fake_child(function->node, "driver"));
	fake_remove(fake_child(driver->folder, function->address));
	fake_remove(fake_child(function->node, "vfio-dev"));
	function->vfio = -1;
	if (function->virtio >= 0)
		unmake_virtio(function);
	fake_function_uevent(function, "unbind");
	pthread_cond_broadcast(&fake_changed);
}

/* Whether a driver would take a function. */
static bool is_match(const struct fake_driver *driver, const struct fake_function *function)
{
	if (!driver->folder || !(function->pf ? driver->is_for_vfs : driver->is_for_pfs))
		return false;
	if (*function->override)
		return !strcmp(function->override, driver->name);
	return !driver->needs_override;
}

void fake_probe(struct fake_function *function)
{
	for (size_t i = 0; i < DRIVER_COUNT && !function->driver; i++)
		if (is_match(&drivers[i], function) &&
		    !fake_has_flaw(FAKE_FLAW_REFUSED, function->address))
			fake_bind(function, &drivers[i]);
}

/* A VF of a PF that does not probe drivers is left alone, unless it is overridden. */
static int probe_write(struct fake_node *node, const char *text)
{
	struct fake_function *function = fake_function_find(text);

	if (!function)
		return -ENODEV;
	if (!function->pf || function->pf->autoprobe || *function->override)
		fake_probe(function);
	return 0;
}

/* Waits, as the kernel does, while somebody has the function, or a VF of it, open. */
static int unbind_write(struct fake_node *node, const char *text)
{
	struct fake_function *function = fake_function_find(text);
	struct fake_pf *pf = NULL;

	if (!function || function->driver != node->owner)
		return -ENODEV;
	if (!function->pf)
		pf = (struct fake_pf *)function;
	while (function && (function->open_count || (pf && fake_vf_is_open(pf)))) {
		pthread_cond_wait(&fake_changed, &fake_lock);
		function = fake_function_find(text);
	}
	if (!function)
		return 0;
	if (pf && pf->vfs_now)
		fake_vfs_remove(pf);
	fake_unbind(function);
	return 0;
}

static int bind_write(struct fake_node *node, const char *text)
{
	struct fake_function *function = fake_function_find(text);

	if (!function || !is_match(node->owner, function))
		return -ENODEV;
	if (function->driver)
		return -EBUSY;
	if (fake_has_flaw(FAKE_FLAW_REFUSED, function->address))
		return -EINVAL;
	fake_bind(function, node->owner);
	return 0;
}

void fake_driver_load(struct fake_driver *driver)
{
	if (driver->folder)
		return;
	driver->folder = fake_folder("sys/bus/pci/drivers/%s", driver->name);
	fake_attribute(driver->folder, "bind", "", bind_write, driver);
	fake_attribute(driver->folder, "unbind", "", unbind_write, driver);
	fake_file(fake_folder("sys/module/%s", driver->name), "refcnt", "0\n");
}

int fake_driver_unload(struct fake_driver *driver)
{
	char path[128];

	for (unsigned int i = 0; i < fake_pf_count; i++) {
		if (fake_pfs[i].function.driver == driver)
			return -EBUSY;
		for (unsigned int j = 0; j < fake_pfs[i].vfs_now; j++)
			if (fake_pfs[i].vfs[j]->driver == driver)
				return -EBUSY;
	}
	fake_remove(driver->folder);
	driver->folder = NULL;
	snprintf(path, sizeof(path), "sys/module/%s", driver->name);
	fake_remove(fake_find(path));
	return 0;
}

void fake_drivers_make(void)
{
	for (size_t i = 0; i < DRIVER_COUNT; i++)
		fake_driver_load(&drivers[i]);
	fake_file(fake_folder("sys/module/vfvirt_core"), "refcnt", "1\n");
	fake_folder("sys/bus/virtio/drivers/virtio_net");
	fake_attribute(fake_folder("sys/bus/pci"), "drivers_probe", "", probe_write, NULL);
}
