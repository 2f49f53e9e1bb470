/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vfvirtctl check */
#include <stdlib.h>
#include <unistd.h>

#include "bus.h"
#include "check.h"
#include "cleanup.h"
#include "cli.h"
#include "facts.h"

VFV_DEFINE_CLEANUP(free_findings, struct vfv_findings *, vfv_findings_free)

int vfv_cmd_check(struct vfv_cli *cli, struct vfv_error *ret_error)
{
	__attribute__((cleanup(free_findings))) struct vfv_findings *findings = NULL;
	__attribute__((cleanup(vfv_view_clear))) struct vfv_view view = {0};
	const char *root = getenv("VFVIRT_ROOT");
	struct vfv_check_scene scene = {.host = cli->host, .root = root ? root : ""};
	int ret = vfv_view_read(cli, VFV_FACTS_USERS, &view, ret_error);

	if (ret >= 0)
		ret = vfv_view_complete(cli, &view, ret_error);
	if (ret < 0)
		return ret;
	scene.model = view.model;
	scene.intents = view.intents;
	scene.is_root = geteuid() == 0;
	scene.daemon_runs = vfv_bus_daemon_runs();
	ret = vfv_check_run(&scene, &findings, ret_error);
	return ret < 0 ? ret : vfv_print_findings(cli, findings, ret_error);
}
