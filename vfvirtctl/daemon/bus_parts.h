/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the bus share; nobody else includes it. */
#ifndef VFV_DAEMON_BUS_PARTS_H
#define VFV_DAEMON_BUS_PARTS_H

#include <systemd/sd-bus.h>

#include "bus.h"
#include "daemon.h"

/* A PF or VF that sd-bus asks about. */
struct vfv_object {
	struct vfv_daemon *daemon;
	const struct vfv_pf *pf;
	const struct vfv_vf *vf; /* NULL: the PF itself */
};

struct vfv_bus {
	struct vfv_daemon *daemon;
	sd_bus *connection;
	struct vfv_object found;   /* the last one looked up; sd-bus uses it before it asks again */
	unsigned int running_told; /* ReconcilesRunning as it was last told */
};

/* Offer PF and VF objects. 0 or a negative errno. */
int vfv_bus_add_objects(struct vfv_bus *bus);

/* Offer org.vfvirt1.Manager. 0 or a negative errno. */
int vfv_bus_add_manager(struct vfv_bus *bus);

#endif
