/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vfvirtctl list */
#include <stdlib.h>

#include "cleanup.h"
#include "cli.h"
#include "facts.h"

/* Add a PF and, behind it, its VFs; returns how many rows that are. */
static size_t add_rows(struct vfv_pf *pf, struct vfv_chosen *rows)
{
	size_t count = 0;

	rows[count++] = (struct vfv_chosen){.pf = pf};
	for (size_t i = 0; i < pf->vf_count; i++)
		rows[count++] = (struct vfv_chosen){.pf = pf, .vf = &pf->vfs[i]};
	return count;
}

static size_t row_limit(const struct vfv_model *model, size_t chosen_count)
{
	size_t limit = chosen_count + 1;

	for (size_t i = 0; i < model->pf_count; i++)
		limit += 1 + model->pfs[i].vf_count;
	return limit;
}

static int render(struct vfv_cli *cli, struct vfv_model *model, const struct vfv_chosen *chosen,
		  size_t chosen_count, struct vfv_error *ret_error)
{
	VFV_FREE struct vfv_chosen *rows = calloc(row_limit(model, chosen_count), sizeof(*rows));
	const struct vfv_pf *whole = NULL; /* the PF whose VFs are all there already */
	size_t count = 0;

	if (!rows)
		return vfv_no_memory(ret_error);
	if (cli->arguments.operand_count == 0)
		for (size_t i = 0; i < model->pf_count; i++)
			count += add_rows(&model->pfs[i], rows + count);
	for (size_t i = 0; i < chosen_count; i++) {
		if (!chosen[i].vf) {
			whole = chosen[i].pf;
			count += add_rows(chosen[i].pf, rows + count);
		} else if (chosen[i].pf != whole) {
			rows[count++] = chosen[i];
		}
	}
	if (count == 0) {
		vfv_tell("there is no virtio card with SR-IOV: see vfvirtctl check");
		return VFV_EXIT_DONE;
	}
	return vfv_render_list(rows, count, cli->colors, cli->out) ? VFV_EXIT_DONE
								   : vfv_no_memory(ret_error);
}

int vfv_cmd_list(struct vfv_cli *cli, struct vfv_error *ret_error)
{
	__attribute__((cleanup(vfv_view_clear))) struct vfv_view view = {0};
	VFV_FREE struct vfv_chosen *chosen = NULL;
	size_t count = 0;
	int ret;

	ret = vfv_view_get(cli, VFV_FACTS_USERS | VFV_FACTS_MAC, &view, ret_error);
	if (ret < 0)
		return ret;
	if (cli->arguments.operand_count > 0)
		ret = vfv_select_operands(cli, view.model,
					  VFV_SELECT_PF | VFV_SELECT_VF | VFV_SELECT_GLOB, &chosen,
					  &count, ret_error);
	if (ret < 0)
		return ret;
	if (!vfv_given(cli, VFV_OPTION_json) && !vfv_given(cli, VFV_OPTION_quiet) &&
	    view.model->kernel_problem)
		vfv_tell("not all is known: %s", view.model->kernel_problem);
	if (!vfv_given(cli, VFV_OPTION_json))
		return render(cli, view.model, chosen, count, ret_error);
	if (cli->arguments.operand_count > 0)
		return vfv_print_json(cli, vfv_chosen_to_json(view.model, chosen, count),
				      ret_error);
	return vfv_print_json(cli, vfv_model_to_json(view.model), ret_error);
}
