/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small reads and writes of sysfs, relative to an open folder. What is read is checked here, once:
 * no text leaves this file that is cut, or has control characters in it.
 */
#ifndef VFV_LIB_SYSFS_H
#define VFV_LIB_SYSFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"

struct vfv_host;

/* No attribute that we read as text, and no name in sysfs, is longer. */
#define VFV_SYSFS_TEXT_BYTES 256

/* Entries of one folder that are looked at; a host with more PCI functions does not exist. */
#define VFV_SYSFS_ENTRIES_MAX (1u << 20)

/* Words of the kernel's interface that more than one file needs. */
#define VFV_PCI_DEVICES	   "bus/pci/devices"
#define VFV_DRIVER_VARIANT "vfvirt_vfio_pci"
#define VFV_DRIVER_PF	   "vfvirt_pf"
#define VFV_DRIVER_VIRTIO  "virtio-pci"

/**
 * vfv_sysfs_folder - open a folder below the root of sysfs
 * @host: paths
 * @name: relative to the root; "" is the root itself
 *
 * Return: a file descriptor for the *at() functions, owned by the caller, or a negative errno.
 */
int vfv_sysfs_folder(const struct vfv_host *host, const char *name);

/* As vfv_sysfs_folder() for the folder of a PCI function. */
int vfv_sysfs_device(const struct vfv_host *host, const struct vfv_address *address);

/* A folder relative to another one. */
int vfv_sysfs_folder_at(int folder, const char *name);

/**
 * vfv_sysfs_text - read an attribute that is one short line
 * @folder: an open folder
 * @name: relative to it
 * @ret_text: the line without its newline; untouched on failure
 *
 * Return: 0; -EBADMSG: longer than the buffer, or with control characters; any errno of open and
 * read, -ENODEV among them when the device is on its way out.
 */
int vfv_sysfs_text(int folder, const char *name, char ret_text[VFV_SYSFS_TEXT_BYTES]);

/**
 * vfv_sysfs_number - read an attribute that is one number
 * @base: 10, or 16 with "0x" before it
 * @max: the largest value that makes sense
 * @ret_number: untouched on failure
 *
 * Return: as vfv_sysfs_text(); -EBADMSG also for what is no such number.
 */
int vfv_sysfs_number(int folder, const char *name, unsigned int base, uint64_t max,
		     uint64_t *ret_number);

/**
 * vfv_sysfs_link - the last part of what a symbolic link points to
 * @ret_name: such as "vfio-pci"; untouched on failure
 *
 * The target itself is not visited, so that a link to nowhere is as good as any.
 *
 * Return: 0; -EBADMSG: too long or no name; any errno of readlink.
 */
int vfv_sysfs_link(int folder, const char *name, char ret_name[VFV_SYSFS_TEXT_BYTES]);

/* As vfv_sysfs_link() for a link to a PCI function. */
int vfv_sysfs_link_address(int folder, const char *name, struct vfv_address *ret_address);

/**
 * vfv_sysfs_each - visit the entries of a folder
 * @folder: an open folder
 * @name: relative to it; "." is @folder itself
 * @visit: gets each entry but "." and ".."; a value other than 0 ends the visits
 *
 * Return: 0, the value of @visit that ended it, or a negative errno; -E2BIG after
 * VFV_SYSFS_ENTRIES_MAX entries.
 */
int vfv_sysfs_each(int folder, const char *name, int (*visit)(void *context, const char *entry),
		   void *context);

/**
 * vfv_sysfs_write - write an attribute, in one call as the kernel wants it
 *
 * May block for as long as the kernel likes. Return: 0 or a negative errno.
 */
int vfv_sysfs_write(int folder, const char *name, const char *text);

/* "virtioN" below a PCI function into ret_name: 0, -ENOENT, or as vfv_sysfs_each(). */
int vfv_sysfs_virtio_child(int folder, char ret_name[VFV_SYSFS_TEXT_BYTES]);

/* "vfioN" of a function that a VFIO driver has, into ret_name: 0, or -ENOENT. */
int vfv_sysfs_vfio_name(int folder, char ret_name[VFV_SYSFS_TEXT_BYTES]);

/**
 * vfv_sysfs_group_obstacle - who keeps an IOMMU group from being handed to a guest
 * @host: paths
 * @folder: of the function
 * @address: of the function, which is not looked at itself
 * @ret_text: "0000:3b:00.1 (e1000e)", the first such member
 *
 * Every member must be without a driver, on a VFIO driver, or on one that leaves DMA alone.
 *
 * Return: 1: there is an obstacle; 0: none; -ENOENT: the function has no group; other negative errno.
 */
int vfv_sysfs_group_obstacle(const struct vfv_host *host, int folder,
			     const struct vfv_address *address,
			     char ret_text[VFV_SYSFS_TEXT_BYTES]);

#endif
