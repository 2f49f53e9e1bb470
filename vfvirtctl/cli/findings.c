/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a doctor found, for people and programs. */
#include <stdio.h>

#include "check.h"
#include "cleanup.h"
#include "cli.h"
#include "table.h"
#include "text.h"

/* A line for each finding, and below it what to do. false: no memory. */
static bool print_finding(struct vfv_cli *cli, const struct vfv_finding *finding)
{
	static const enum vfv_color colors[VFV_FINDING_LEVEL_COUNT] = {
		VFV_COLOR_GREEN, VFV_COLOR_YELLOW, VFV_COLOR_RED};
	VFV_FREE char *text = vfv_text("%s%s%s", finding->object ? finding->object : "",
				       finding->object ? ": " : "", finding->text);
	VFV_FREE char *shown = text ? vfv_display_text(text) : NULL;
	char level[8];

	if (!shown)
		return false;
	snprintf(level, sizeof(level), "%-4s", vfv_finding_level_name(finding->level));
	vfv_print_colored(cli->out, cli->colors, colors[finding->level], level);
	fprintf(cli->out, "  %-14s %s\n", finding->topic, shown);
	if (finding->remedy)
		fprintf(cli->out, "%6s%-14s -> %s\n", "", "", finding->remedy);
	return true;
}

static int print_text(struct vfv_cli *cli, const struct vfv_findings *findings,
		      struct vfv_error *ret_error)
{
	for (size_t i = 0; i < findings->count; i++) {
		if (vfv_given(cli, VFV_OPTION_quiet) && findings->all[i].level == VFV_FINDING_OK)
			continue;
		if (!print_finding(cli, &findings->all[i]))
			return vfv_no_memory(ret_error);
	}
	fprintf(cli->out, "%zu ok, %zu to look at, %zu wrong\n",
		vfv_findings_count(findings, VFV_FINDING_OK),
		vfv_findings_count(findings, VFV_FINDING_WARN),
		vfv_findings_count(findings, VFV_FINDING_FAIL));
	return VFV_EXIT_DONE;
}

int vfv_print_findings(struct vfv_cli *cli, const struct vfv_findings *findings,
		       struct vfv_error *ret_error)
{
	int ret = vfv_given(cli, VFV_OPTION_json)
			  ? vfv_print_json(cli, vfv_findings_to_json(findings), ret_error)
			  : print_text(cli, findings, ret_error);

	if (ret < 0)
		return ret;
	return vfv_findings_count(findings, VFV_FINDING_FAIL) ? VFV_EXIT_FAILED : VFV_EXIT_DONE;
}
