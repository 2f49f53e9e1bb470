/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vfvirtctl show */
#include "cleanup.h"
#include "cli.h"
#include "facts.h"

int vfv_cmd_show(struct vfv_cli *cli, struct vfv_error *ret_error)
{
	__attribute__((cleanup(vfv_view_clear))) struct vfv_view view = {0};
	VFV_FREE struct vfv_chosen *chosen = NULL;
	size_t count;
	int ret;

	ret = vfv_view_get(cli, VFV_FACTS_USERS | VFV_FACTS_MAC, &view, ret_error);
	if (ret < 0)
		return ret;
	ret = vfv_select_operands(cli, view.model, VFV_SELECT_PF | VFV_SELECT_VF | VFV_SELECT_GLOB,
				  &chosen, &count, ret_error);
	if (ret < 0)
		return ret;
	if (vfv_given(cli, VFV_OPTION_json))
		return vfv_print_json(cli, vfv_chosen_to_json(view.model, chosen, count),
				      ret_error);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			fputc('\n', cli->out);
		if (!vfv_render_show(&chosen[i], cli->colors, cli->out))
			return vfv_no_memory(ret_error);
	}
	return VFV_EXIT_DONE;
}
