/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vfvirtd --transport: early in boot, before the network, each PF gets the driver that its intent
 * wants. No D-Bus, nothing else is changed, and the boot never waits for longer than the limit.
 */
#ifndef VFV_DAEMON_TRANSPORT_H
#define VFV_DAEMON_TRANSPORT_H

#define VFV_TRANSPORT_LIMIT_MS 3500 /* the network waits: 5 s with the start of the process */

/* The exit status: 0 done, 1 something failed or was too slow, which the journal tells. */
int vfv_transport_main(void);

#endif
