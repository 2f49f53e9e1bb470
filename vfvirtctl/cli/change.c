/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks vfvirtd for a change and tells how it goes. */
#include "change.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cleanup.h"
#include "json.h"
#include "table.h"
#include "text.h"

#define LINE_COLUMNS 80

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

/* Names go to vfvirtd as they were typed; what is no text at all cannot. */
static int check_names(const struct vfv_cli *cli, struct vfv_error *ret_error)
{
	for (int i = 0; i < cli->arguments.operand_count; i++) {
		const char *name = cli->arguments.operands[i];
		size_t left = strlen(name), length;

		for (const char *text = name; left > 0; text += length, left -= length) {
			length = vfv_text_utf8(text, left);
			if (length == 0)
				return vfv_error_set(ret_error, VFV_ERROR_NOT_FOUND, ENOENT,
						     "%s: there is no PF or VF of that name",
						     vfv_text_show(name, strlen(name),
								   (char[VFV_SHOWN_BYTES]){0}));
		}
	}
	return 0;
}

int vfv_change(struct vfv_cli *cli, struct vfv_bus_call *call, struct vfv_error *ret_error)
{
	VFV_JSON struct json_object *report = NULL;
	struct vfv_bus *bus = NULL;
	VFV_FREE char *text = NULL;
	int ret = check_names(cli, ret_error);

	if (ret >= 0)
		ret = vfv_bus_open(&bus, ret_error);
	if (ret < 0)
		return ret;
	call->pf = cli->arguments.operand_count ? cli->arguments.operands[0] : "";
	call->objects = cli->arguments.operands;
	call->dry_run = vfv_given(cli, VFV_OPTION_dry_run);
	if (isatty(STDERR_FILENO) && !vfv_given(cli, VFV_OPTION_quiet))
		call->progress = show_progress;
	ret = vfv_bus_change(bus, call, &text, ret_error);
	end_progress();
	vfv_bus_close(bus);
	if (ret >= 0)
		ret = vfv_json_parse("vfvirtd's report", text, strlen(text), VFV_ERROR_INTERNAL,
				     &report, ret_error);
	if (ret < 0)
		return ret;
	return vfv_report_print(cli, vfv_take(report), call->dry_run, ret_error);
}
