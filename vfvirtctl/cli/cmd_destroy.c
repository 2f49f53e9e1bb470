/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vfvirtctl destroy */
#include "change.h"

int vfv_cmd_destroy(struct vfv_cli *cli, struct vfv_error *ret_error)
{
	struct vfv_bus_call call = {.method = "Destroy"};

	return vfv_change(cli, &call, ret_error);
}
