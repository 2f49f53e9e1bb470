/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vfvirtctl check */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus.h"
#include "check.h"
#include "cleanup.h"
#include "cli.h"
#include "facts.h"
#include "table.h"
#include "text.h"

VFV_DEFINE_CLEANUP(free_findings, struct vfv_findings *, vfv_findings_free)

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

static int print_findings(struct vfv_cli *cli, const struct vfv_findings *findings,
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
	if (ret >= 0)
		ret = vfv_given(cli, VFV_OPTION_json)
			      ? vfv_print_json(cli, vfv_findings_to_json(findings), ret_error)
			      : print_findings(cli, findings, ret_error);
	if (ret < 0)
		return ret;
	return vfv_findings_count(findings, VFV_FINDING_FAIL) ? VFV_EXIT_FAILED : VFV_EXIT_DONE;
}
