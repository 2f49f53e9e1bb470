/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network interface of a function, and whether the host uses it. */
#ifndef VFV_LIB_NETDEV_H
#define VFV_LIB_NETDEV_H

#include <stdbool.h>
#include <stdint.h>

#include "model.h"
#include "sysfs.h"

struct vfv_host;

/* What is known of an interface. */
struct vfv_netdev {
	char name[VFV_SYSFS_TEXT_BYTES];
	bool in_use; /* up, and enslaved, stacked upon, or with an address or route of its own */
	bool has_mac;
	uint8_t mac[VFV_MAC_BYTES];
};

/**
 * vfv_netdev_read - the first interface of a function
 * @host: paths
 * @folder: whose net/ it is: of a PCI function, or of its virtio device
 * @ret_netdev: untouched on failure
 *
 * Addresses and routes are looked up in /proc/net of this network namespace; link-local IPv6
 * addresses do not count, since every interface that is up has one.
 *
 * Return: 0; -ENOENT: there is none; another negative errno.
 */
int vfv_netdev_read(const struct vfv_host *host, int folder, struct vfv_netdev *ret_netdev);

#endif
