/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What libvirt's hook does for the VFs of ours that a domain names. It talks neither to libvirt,
 * which waits for it and holds the domain meanwhile, nor to vfvirtd, which may be asking libvirt.
 */
#ifndef VFV_HOOK_H
#define VFV_HOOK_H

#include <stdbool.h>

#include "domain.h"
#include "error.h"

struct vfv_host;

/**
 * vfv_hook_owns - whether a device is a VF that vfvirt hands out
 * @host: paths
 * @address: of any PCI function, also one that does not exist
 *
 * It is when it is published, or is a VF that was given to the variant driver.
 */
bool vfv_hook_owns(const struct vfv_host *host, const struct vfv_address *address);

/**
 * vfv_hook_prepare - before a domain starts: make sure of its VFs and claim them
 * @host: paths
 * @domain: parsed; its uuid is there
 * @ret_error: why the domain must not start; names the VF, and who has it
 *
 * A VF that lost its binding gets it back. All of the VFs are claimed, or none.
 *
 * Return: 0, also when no device is ours; a negative errno.
 */
int vfv_hook_prepare(const struct vfv_host *host, const struct vfv_domain *domain,
		     struct vfv_error *ret_error);

/* After libvirtd restarted under a running domain: claim its VFs again, as far as that goes. */
void vfv_hook_reconnect(const struct vfv_host *host, const struct vfv_domain *domain);

/* After a domain has ended: drop its claims, those too on VFs that it no longer names. */
void vfv_hook_release(const struct vfv_host *host, const char *uuid);

#endif
