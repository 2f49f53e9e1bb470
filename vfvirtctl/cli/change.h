/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the changing verbs share: the call, its progress, and the report for people. */
#ifndef VFV_CLI_CHANGE_H
#define VFV_CLI_CHANGE_H

#include "bus.h"
#include "cli.h"

/*
 * Call vfvirtd about what the operands name, and print what came of it. pf, objects, dry_run and
 * progress of the call are set here. Returns an enum vfv_exit or a negative errno.
 */
int vfv_change(struct vfv_cli *cli, struct vfv_bus_call *call, struct vfv_error *ret_error);

/*
 * Print a report of bus_contract.h, {"pfs": [...]}, or with --json the object itself; takes the
 * reference. dry_run: its steps were not taken.
 */
int vfv_report_print(struct vfv_cli *cli, struct json_object *report, bool dry_run,
		     struct vfv_error *ret_error);

#endif
