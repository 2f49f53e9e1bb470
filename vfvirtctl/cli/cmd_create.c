/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vfvirtctl create */
#include "change.h"

int vfv_cmd_create(struct vfv_cli *cli, struct vfv_error *ret_error)
{
	const char *name = cli->arguments.value[VFV_OPTION_name];
	struct vfv_bus_call call = {
		.method = "Create",
		.name = name ? name : "",
		.num_vfs = cli->arguments.num_vfs,
		.runtime = vfv_given(cli, VFV_OPTION_runtime),
	};

	return vfv_change(cli, &call, ret_error);
}
