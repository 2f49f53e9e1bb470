/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vfvirtctl nova */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "cleanup.h"
#include "cli.h"
#include "facts.h"
#include "nova.h"
#include "nova_check.h"

VFV_DEFINE_CLEANUP(free_findings, struct vfv_findings *, vfv_findings_free)

/* All PFs of the host with their intents; *ret_any: the intent of one at least has "nova". */
static int list_pfs(const struct vfv_view *view, struct vfv_nova_pf *ret_pfs, bool *ret_any,
		    struct vfv_error *ret_error)
{
	*ret_any = false;
	for (size_t i = 0; i < view->model->pf_count; i++) {
		struct vfv_nova_pf *row = &ret_pfs[i];
		int ret;

		row->pf = &view->model->pfs[i];
		ret = vfv_intents_for(view->intents, row->pf, &row->intent, ret_error);
		if (ret < 0)
			return ret;
		*ret_any = *ret_any || (row->intent && row->intent->has_nova);
	}
	return 0;
}

/* Say of each PF whether it is meant: by the command line, else by its intent, else all are. */
static int choose(struct vfv_cli *cli, struct vfv_view *view, struct vfv_nova_pf *pfs,
		  struct vfv_error *ret_error)
{
	VFV_FREE struct vfv_chosen *chosen = NULL;
	size_t count = 0;
	bool any;
	int ret = list_pfs(view, pfs, &any, ret_error);

	if (ret >= 0 && cli->arguments.operand_count > 0)
		ret = vfv_select_operands(cli, view->model, VFV_SELECT_PF | VFV_SELECT_GLOB,
					  &chosen, &count, ret_error);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < view->model->pf_count; i++) {
		pfs[i].wanted = !chosen && (!any || (pfs[i].intent && pfs[i].intent->has_nova));
		for (size_t j = 0; j < count; j++)
			pfs[i].wanted = pfs[i].wanted || chosen[j].pf == pfs[i].pf;
	}
	return 0;
}

/* The release that is asked for, else that of the first intent that names one. */
static const struct vfv_nova_rules *find_rules(const struct vfv_cli *cli,
					       const struct vfv_nova_pf *pfs, size_t count)
{
	const char *release = cli->arguments.value[VFV_OPTION_release];

	for (size_t i = 0; i < count && !release; i++)
		if (pfs[i].wanted && pfs[i].intent)
			release = pfs[i].intent->nova_release;
	return vfv_nova_rules(release ? release : VFV_INTENT_RELEASE);
}

/* Tell which VFs of a PF are left out, and why; returns how many. */
static size_t tell_left_out(const struct vfv_pf *pf)
{
	char label[VFV_LABEL_BYTES], text[VFV_NOVA_OBSTACLE_BYTES];
	size_t count = 0;

	for (size_t i = 0; i < pf->vf_count; i++) {
		if (!vfv_nova_obstacle(&pf->vfs[i], text, sizeof(text)))
			continue;
		vfv_vf_label(pf, &pf->vfs[i], label, sizeof(label));
		vfv_tell("%s: is left out: %s", label, text);
		count++;
	}
	return count;
}

/* Add all that is wanted; *ret_left: how many VFs are left out. */
static int gather(struct vfv_cli *cli, const struct vfv_nova_pf *pfs, size_t count,
		  struct vfv_nova_config *config, size_t *ret_left, struct vfv_error *ret_error)
{
	*ret_left = 0;
	for (size_t i = 0; i < count; i++) {
		if (!pfs[i].wanted)
			continue;
		*ret_left += tell_left_out(pfs[i].pf);
		if (vfv_nova_config_add(config, pfs[i].pf, pfs[i].intent,
					cli->arguments.value[VFV_OPTION_alias]) < 0)
			return vfv_no_memory(ret_error);
	}
	if (json_object_array_length(config->specs) > 0)
		return 0;
	return vfv_error_set(ret_error, VFV_ERROR_NOT_FOUND, 0, "there is no VF for Nova");
}

static int print_config(struct vfv_cli *cli, const struct vfv_nova_config *config,
			struct vfv_error *ret_error)
{
	VFV_FREE char *text = NULL;

	if (vfv_given(cli, VFV_OPTION_json))
		return vfv_print_json(cli, vfv_nova_config_json(config), ret_error);
	text = vfv_nova_config_text(config);
	if (!text)
		return vfv_no_memory(ret_error);
	fputs(text, cli->out);
	return VFV_EXIT_DONE;
}

static int print_entries(struct vfv_cli *cli, const struct vfv_nova_pf *pfs, size_t count,
			 struct vfv_error *ret_error)
{
	__attribute__((cleanup(vfv_nova_config_clear))) struct vfv_nova_config config = {0};
	size_t left;
	int ret;

	if (!vfv_nova_config_start(&config, find_rules(cli, pfs, count)))
		return vfv_no_memory(ret_error);
	ret = gather(cli, pfs, count, &config, &left, ret_error);
	if (ret >= 0)
		ret = print_config(cli, &config, ret_error);
	return ret < 0 ? ret : left > 0 ? VFV_EXIT_PARTLY : VFV_EXIT_DONE;
}

static int check_file(struct vfv_cli *cli, const struct vfv_nova_pf *pfs, size_t count,
		      struct vfv_error *ret_error)
{
	__attribute__((cleanup(free_findings))) struct vfv_findings *findings = NULL;
	struct vfv_nova_scene scene = {.host = cli->host,
				       .file = cli->arguments.value[VFV_OPTION_check],
				       .rules = find_rules(cli, pfs, count),
				       .alias = cli->arguments.value[VFV_OPTION_alias],
				       .pfs = pfs,
				       .pf_count = count};
	int ret = vfv_nova_check(&scene, &findings, ret_error);

	return ret < 0 ? ret : vfv_print_findings(cli, findings, ret_error);
}

int vfv_cmd_nova(struct vfv_cli *cli, struct vfv_error *ret_error)
{
	__attribute__((cleanup(vfv_view_clear))) struct vfv_view view = {0};
	VFV_FREE struct vfv_nova_pf *pfs = NULL;
	int ret = vfv_view_read(cli, VFV_FACTS_USERS, &view, ret_error);

	if (ret < 0)
		return ret;
	pfs = calloc(view.model->pf_count + 1, sizeof(*pfs));
	if (!pfs)
		return vfv_no_memory(ret_error);
	ret = choose(cli, &view, pfs, ret_error);
	if (ret < 0)
		return ret;
	if (vfv_given(cli, VFV_OPTION_check))
		return check_file(cli, pfs, view.model->pf_count, ret_error);
	return print_entries(cli, pfs, view.model->pf_count, ret_error);
}
