/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which domain has a VF. Claims, made by the libvirt hook, say it for domains that were started
 * with their VFs; for hot-plugged ones libvirt is asked, by a process of its own (vfvirt-domains)
 * that is killed when libvirt does not answer. libvirt is asked only after a VF came into use, and
 * only while it runs.
 *
 * A claim lasts as long as its domain, but libvirt runs no hook when a VF is detached, and none of
 * ours where it was missing. So libvirt is also asked about claims on VFs that nobody has open; one
 * whose domain does not have the VF is dropped.
 */
#ifndef VFV_DAEMON_DOMAINS_H
#define VFV_DAEMON_DOMAINS_H

#include "daemon.h"

struct vfv_domains *vfv_domains_new(struct vfv_daemon *daemon);
void vfv_domains_free(struct vfv_domains *domains);

/*
 * Fill in the domains of VFs that are in use, as far as libvirt has told; plan to ask for others.
 * NULL is allowed.
 */
void vfv_domains_complete(struct vfv_domains *domains, struct vfv_pf *pf);

#endif
