/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon on D-Bus, as lib/bus_contract.h says. */
#ifndef VFV_DAEMON_BUS_H
#define VFV_DAEMON_BUS_H

#include "daemon.h"

/**
 * vfv_bus_open - connect to the system bus and offer the objects; the name is not asked for yet
 * @daemon: daemon
 * @ret_bus: vfv_bus_close() it
 *
 * The loop ends with an error when the connection breaks: systemd starts the daemon anew, which
 * costs nothing as it has no state.
 *
 * Return: 0 or a negative errno.
 */
int vfv_bus_open(struct vfv_daemon *daemon, struct vfv_bus **ret_bus);

/* Sends what is left to be sent. NULL is allowed, here and below. */
void vfv_bus_close(struct vfv_bus *bus);

/* Take the name org.vfvirt1: callers find something to ask from now on. 0 or a negative errno. */
int vfv_bus_take_name(struct vfv_bus *bus);

/*
 * Tell what changed of a PF and its VFs: interfaces that appeared (old NULL for the PF), went (new
 * NULL), and properties whose values differ. new is in daemon->model already, old may be.
 */
void vfv_bus_pf_changed(struct vfv_bus *bus, const struct vfv_pf *old, const struct vfv_pf *new);

/* Tell that a property of the manager changed. */
void vfv_bus_manager_changed(struct vfv_bus *bus, const char *property);

#endif
