/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vfvirtctl bind, vfvirtctl unbind */
#include "change.h"

int vfv_cmd_bind(struct vfv_cli *cli, struct vfv_error *ret_error)
{
	const char *driver = cli->arguments.value[VFV_OPTION_driver];
	struct vfv_bus_call call = {
		.method = "Bind",
		.driver = driver ? driver : "",
		.force = vfv_given(cli, VFV_OPTION_force),
	};

	return vfv_change(cli, &call, ret_error);
}

int vfv_cmd_unbind(struct vfv_cli *cli, struct vfv_error *ret_error)
{
	struct vfv_bus_call call = {
		.method = "Unbind",
		.force = vfv_given(cli, VFV_OPTION_force),
	};

	return vfv_change(cli, &call, ret_error);
}
