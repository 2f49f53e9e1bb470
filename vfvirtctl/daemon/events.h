/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What wakes the daemon up: udev's events of PCI functions and of their virtio devices, the events
 * of vfvirt's kernel modules, and claims that come and go. They only say where to look again.
 */
#ifndef VFV_DAEMON_EVENTS_H
#define VFV_DAEMON_EVENTS_H

#include "daemon.h"

/* Start to listen. A source that is not there is told to the journal. NULL: no memory. */
struct vfv_events *vfv_events_new(struct vfv_daemon *daemon);
void vfv_events_free(struct vfv_events *events);

/*
 * A worker has asked the kernel modules for the number of their multicast group, 0 when they are
 * not there: join it, unless that is done. Asks nothing itself: an answer could take its time, and
 * the loop must not. NULL is allowed.
 */
void vfv_events_listen_to_kernel(struct vfv_events *events, unsigned int group);

#endif
