/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI functions through sysfs: cards, VFs, drivers, network interfaces. */
#ifndef VFVIRT_TESTS_PCI_H
#define VFVIRT_TESTS_PCI_H

#include <stdbool.h>
#include <stddef.h>

#define BDF_SIZE 16      /* "0000:01:00.0" and some air */
#define NETDEV_SIZE 16   /* IFNAMSIZ */
#define PCI_PATH_SIZE 192

/**
 * pci_path() - build the sysfs path of an attribute.
 * @ret_path: PCI_PATH_SIZE bytes.
 * @bdf: address of the function.
 * @attribute: file in its folder.
 *
 * Return: @ret_path.
 */
const char *pci_path(char *ret_path, const char *bdf, const char *attribute);

/**
 * pci_find_pf() - find a card: a virtio network PF with SR-IOV, or without when it has no VFs.
 * @index: 0 for the first in address order.
 * @ret_bdf: BDF_SIZE bytes; untouched when there is none.
 *
 * Return: true when found.
 */
bool pci_find_pf(unsigned int index, char *ret_bdf);

/**
 * pci_pf() - pci_find_pf() that ends the test when there is no such card.
 * @index: 0 for the first in address order.
 * @ret_bdf: BDF_SIZE bytes.
 */
void pci_pf(unsigned int index, char *ret_bdf);

/**
 * pci_vf() - address of a VF; ends the test when it does not exist.
 * @pf_bdf: its PF.
 * @vf_index: from 0.
 * @ret_bdf: BDF_SIZE bytes.
 */
void pci_vf(const char *pf_bdf, unsigned int vf_index, char *ret_bdf);

/**
 * pci_set_vfs() - write sriov_numvfs.
 * @pf_bdf: the PF.
 * @count: how many; 0 removes them.
 *
 * Return: 0 or negative errno.
 */
int pci_set_vfs(const char *pf_bdf, unsigned int count);

/**
 * pci_vfs() - read sriov_numvfs.
 * @pf_bdf: the PF.
 *
 * Return: number of VFs, or negative errno.
 */
long pci_vfs(const char *pf_bdf);

/**
 * pci_driver() - name of the driver that a function is bound to.
 * @bdf: the function.
 * @ret_name: empty when unbound.
 * @size: of that buffer, in bytes.
 */
void pci_driver(const char *bdf, char *ret_name, size_t size);

/**
 * pci_bind() - bind a function to a driver by driver_override, from whatever it is bound to.
 * @bdf: the function.
 * @driver: its sysfs name.
 *
 * The override is cleared again, so that later probes are free.
 *
 * Return: 0, -ENODEV when the driver did not take it, or negative errno.
 */
int pci_bind(const char *bdf, const char *driver);

/**
 * pci_unbind() - take a function from its driver.
 * @bdf: the function.
 *
 * Return: 0 (also when it was unbound), or negative errno.
 */
int pci_unbind(const char *bdf);

/**
 * pci_present() - tell whether a function is on the bus.
 * @bdf: the function.
 *
 * Return: true when the kernel knows it.
 */
bool pci_present(const char *bdf);

/**
 * pci_switch_slot_off() - switch off the only slot for cards; its card is gone then.
 *
 * Return: 0, -ENOENT when there is no slot, or negative errno.
 */
int pci_switch_slot_off(void);

/**
 * pci_netdev() - name of the network interface of a function, in this network namespace.
 * @bdf: the function.
 * @ret_name: NETDEV_SIZE bytes; empty when there is none.
 *
 * Return: true when there is one.
 */
bool pci_netdev(const char *bdf, char *ret_name);

/**
 * pci_wait_netdev() - wait at most 20 s for the interface of a function; else ends the test.
 * @bdf: the function.
 * @ret_name: NETDEV_SIZE bytes.
 */
void pci_wait_netdev(const char *bdf, char *ret_name);

/**
 * pci_class_driver() - unbind or bind the network driver of a PF's virtio device; else ends the
 * test. The driver of the PF itself stays.
 * @pf: the PF.
 * @verb: "unbind" or "bind".
 */
void pci_class_driver(const char *pf, const char *verb);

/**
 * pci_feature() - tell whether the driver of a virtio function negotiated a feature bit.
 * @bdf: the function.
 * @bit: number of the bit.
 *
 * Return: true when set; ends the test when the function has no virtio device.
 */
bool pci_feature(const char *bdf, unsigned int bit);

#endif
