/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Speaks to vfvirtd, and never starts it. */
#ifndef VFV_CLI_BUS_H
#define VFV_CLI_BUS_H

#include <stdbool.h>

#include "error.h"

struct vfv_bus;

/*
 * Connect to the system bus and look whether vfvirtd is on it: VFV_ERROR_NO_DAEMON. The bus goes
 * with vfv_bus_close(), which accepts NULL.
 */
int vfv_bus_open(struct vfv_bus **ret_bus, struct vfv_error *ret_error);
void vfv_bus_close(struct vfv_bus *bus);

/* Whether vfvirtd runs: 1, 0; VFV_UNKNOWN: there is no bus to ask. */
int vfv_bus_daemon_runs(void);

/* The text of the model; owned by the caller. Waits a few seconds at most. */
int vfv_bus_get_model(struct vfv_bus *bus, char **ret_text, struct vfv_error *ret_error);

/* What a changing method is called with; which fields, bus_contract.h says. Borrowed. */
struct vfv_bus_call {
	const char *method;   /* "Create", "Destroy", "Bind", "Unbind", "Apply" */
	const char *pf;	      /* any name; "" for all, with Apply */
	const char **objects; /* names and globs, NULL at the end, with Bind and Unbind */
	const char *name;     /* stable name; "": as it is */
	const char *driver;   /* "": of the intent */
	unsigned int num_vfs;
	bool runtime, force, dry_run;
	/* Called as the daemon goes on; may be NULL. */
	void (*progress)(const char *pf, unsigned int done, unsigned int total, const char *step);
};

/*
 * Call, and wait for its report (owned by the caller) for up to ten minutes. The error is the
 * daemon's own; VFV_ERROR_NO_DAEMON when it went away meanwhile.
 */
int vfv_bus_change(struct vfv_bus *bus, const struct vfv_bus_call *call, char **ret_report,
		   struct vfv_error *ret_error);

#endif
