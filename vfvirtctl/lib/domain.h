/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which PCI devices of the host a libvirt domain names. Never talks to libvirt. */
#ifndef VFV_LIB_DOMAIN_H
#define VFV_LIB_DOMAIN_H

#include <stddef.h>

#include "address.h"
#include "error.h"

#define VFV_DOMAIN_BYTES_MAX   (4 << 20) /* of a description that is read at all */
#define VFV_DOMAIN_DEVICES_MAX 1024	 /* more than any machine has slots for */

struct vfv_domain {
	char *name;		     /* owned; any UTF-8 text, as libvirt allows */
	char *uuid;		     /* owned; NULL: it has none */
	struct vfv_address *devices; /* owned array of device_count, in order of appearance */
	size_t device_count;
};

/**
 * vfv_domain_parse - read a domain's XML description
 * @what: for messages, a path or name
 * @text: XML whose root is <domain>; @length bytes; from outside, so nothing in it is trusted
 * @ret_domain: filled; vfv_domain_clear() it; untouched on failure
 * @ret_error: VFV_ERROR_STORAGE naming the line for syntax; VFV_ERROR_NO_MEMORY
 *
 * Looks at <hostdev type='pci'> and <interface type='hostdev'>. Document types (entities) are
 * refused, nothing is loaded from elsewhere.
 *
 * Return: 0 or a negative errno.
 */
int vfv_domain_parse(const char *what, const char *text, size_t length,
		     struct vfv_domain *ret_domain, struct vfv_error *ret_error);

/* Accepts a zeroed one. */
void vfv_domain_clear(struct vfv_domain *domain);

#endif
