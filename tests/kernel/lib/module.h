/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernel modules, loaded from the list that the initramfs carries. */
#ifndef VFVIRT_TESTS_MODULE_H
#define VFVIRT_TESTS_MODULE_H

#include <stdbool.h>

/**
 * module_load() - load a module and before it what it needs.
 * @name: with underscores, from the field modules or at_hand of some row of this boot.
 * @parameters: of this module, as on modprobe's command line; "" for none.
 *
 * A module that is loaded or built in is left as it is.
 *
 * Return: 0, -ENOKEY when the initramfs does not list it, or negative errno of the kernel.
 */
int module_load(const char *name, const char *parameters);

/**
 * module_load_all() - load each module of a list, without parameters.
 * @names: separated by single spaces; "" for none.
 * @ret_failed: name of the first that failed, at least 64 bytes; untouched on success.
 *
 * Return: 0 or negative errno.
 */
int module_load_all(const char *names, char *ret_failed);

/**
 * module_unload() - remove one module, not what it needed.
 * @name: with underscores.
 *
 * Return: 0 or negative errno, -EWOULDBLOCK while it is in use.
 */
int module_unload(const char *name);

/**
 * module_loaded() - tell whether a module is loaded (or built in with parameters).
 * @name: with underscores.
 *
 * Return: true when it is.
 */
bool module_loaded(const char *name);

#endif
