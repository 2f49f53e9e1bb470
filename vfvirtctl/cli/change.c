/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks vfvirtd for a change and tells how it goes. */
#include "change.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cleanup.h"
#include "json.h"
#include "table.h"
#include "text.h"

#define LINE_COLUMNS 80

VFV_DEFINE_CLEANUP(close_bus, struct vfv_bus *, vfv_bus_close)

/* Whether a line of progress stands on the terminal that must go before anything else is said. */
static bool line_stands;

/* One line that is written again and again, never wider than the terminal. */
static void show_progress(const char *pf, unsigned int done, unsigned int total, const char *step)
{
	struct winsize size = {0};
	VFV_FREE char *text = vfv_text("%u/%u  %s", done, total, step);
	VFV_FREE char *shown = text ? vfv_display_text(text) : NULL;
	int columns = LINE_COLUMNS;

	if (!shown)
		return;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1)
		columns = size.ws_col;
	/* Steps are ASCII: vfvirtd describes them by addresses and drivers. */
	fprintf(stderr, "\r%.*s\033[K", columns - 1, shown);
	line_stands = true;
}

static void end_progress(void)
{
	if (line_stands)
		fputs("\r\033[K", stderr);
	line_stands = false;
}

static int change(struct vfv_cli *cli, struct vfv_bus *bus, struct vfv_bus_call *call,
		  struct vfv_error *ret_error)
{
	VFV_JSON struct json_object *report = NULL;
	VFV_FREE char *text = NULL;
	int ret;

	call->dry_run = vfv_given(cli, VFV_OPTION_dry_run);
	if (isatty(STDERR_FILENO) && !vfv_given(cli, VFV_OPTION_quiet))
		call->progress = show_progress;
	ret = vfv_bus_change(bus, call, &text, ret_error);
	end_progress();
	if (ret >= 0)
		ret = vfv_json_parse("vfvirtd's report", text, strlen(text), VFV_ERROR_INTERNAL,
				     &report, ret_error);
	if (ret < 0)
		return ret;
	return vfv_report_print(cli, vfv_take(report), call->dry_run, ret_error);
}

/*
 * What the operands mean, in the facts of vfvirtd: those are read without waiting, while a look of
 * our own would wait for a change that is under way.
 */
static int select_objects(struct vfv_cli *cli, struct vfv_bus *bus, unsigned int flags,
			  struct vfv_view *ret_view, struct vfv_chosen **ret_chosen,
			  size_t *ret_count, struct vfv_error *ret_error)
{
	int ret = vfv_view_ask(bus, ret_view, ret_error);

	if (ret < 0)
		return ret;
	return vfv_select_operands(cli, ret_view->model, flags, ret_chosen, ret_count, ret_error);
}

int vfv_change_pf(struct vfv_cli *cli, struct vfv_bus_call *call, struct vfv_error *ret_error)
{
	__attribute__((cleanup(vfv_view_clear))) struct vfv_view view = {0};
	__attribute__((cleanup(close_bus))) struct vfv_bus *bus = NULL;
	VFV_FREE struct vfv_chosen *chosen = NULL;
	char address[VFV_ADDRESS_BYTES] = "";
	size_t count = 0;
	int ret = vfv_bus_open(&bus, ret_error);

	if (ret >= 0 && cli->arguments.operand_count > 0)
		ret = select_objects(cli, bus, VFV_SELECT_PF, &view, &chosen, &count, ret_error);
	if (ret < 0)
		return ret;
	if (count > 0)
		vfv_address_format(&chosen[0].pf->address, address);
	call->pf = address;
	return change(cli, bus, call, ret_error);
}

int vfv_change_objects(struct vfv_cli *cli, struct vfv_bus_call *call, struct vfv_error *ret_error)
{
	__attribute__((cleanup(vfv_view_clear))) struct vfv_view view = {0};
	__attribute__((cleanup(close_bus))) struct vfv_bus *bus = NULL;
	VFV_FREE char(*addresses)[VFV_ADDRESS_BYTES] = NULL;
	VFV_FREE struct vfv_chosen *chosen = NULL;
	VFV_FREE const char **objects = NULL;
	size_t count;
	int ret = vfv_bus_open(&bus, ret_error);

	if (ret >= 0)
		ret = select_objects(cli, bus, VFV_SELECT_PF | VFV_SELECT_VF | VFV_SELECT_GLOB,
				     &view, &chosen, &count, ret_error);
	if (ret < 0)
		return ret;
	addresses = calloc(count, sizeof(*addresses));
	objects = calloc(count + 1, sizeof(*objects));
	if (!addresses || !objects)
		return vfv_no_memory(ret_error);
	for (size_t i = 0; i < count; i++)
		objects[i] = vfv_address_format(vfv_chosen_address(&chosen[i]), addresses[i]);
	call->objects = objects;
	return change(cli, bus, call, ret_error);
}
