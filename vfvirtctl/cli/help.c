/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --help, from the table in options.def. */
#include <string.h>

#include "arguments.h"

#define LINE_COLUMNS   80
#define OPTION_COLUMNS 22 /* of an option before its text */

/* Print a text in lines of at most LINE_COLUMNS, each from column indent; the first is there. */
static void print_wrapped(FILE *out, const char *text, int indent)
{
	int column = indent;

	while (*text) {
		int length = (int)strcspn(text, " ");

		if (column > indent && column + 1 + length > LINE_COLUMNS) {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			fputc(' ', out);
			column++;
		}
		fprintf(out, "%.*s", length, text);
		column += length;
		text += length;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static void print_options(enum vfv_verb verb, FILE *out)
{
	fputs("\nOptions:\n", out);
	for (int option = 0; option < VFV_OPTION_COUNT; option++) {
		const struct vfv_option_row *row = &vfv_options[option];
		char left[64];

		if (!(row->verbs & (1u << verb)))
			continue;
		snprintf(left, sizeof(left), "%c%c%c --%s%s%s", row->letter ? '-' : ' ',
			 row->letter ? row->letter : ' ', row->letter ? ',' : ' ', row->name,
			 row->value ? " " : "", row->value ? row->value : "");
		fprintf(out, "  %-*s", OPTION_COLUMNS, left);
		print_wrapped(out, row->text, OPTION_COLUMNS + 2);
	}
}

void vfv_help_print(enum vfv_verb verb, FILE *out)
{
	if (verb != VFV_VERB_COUNT) {
		fprintf(out, "Usage: vfvirtctl %s [OPTION]...%s%s\n\n", vfv_verbs[verb].name,
			*vfv_verbs[verb].operands ? " " : "", vfv_verbs[verb].operands);
		print_wrapped(out, vfv_verbs[verb].text, 0);
		print_options(verb, out);
		return;
	}
	fputs("Usage: vfvirtctl VERB [OPTION]... [PF|VF]...\n\n", out);
	print_wrapped(out, "Makes VFs of virtio cards, and hands them to virtual machines.", 0);
	fputs("\nVerbs:\n", out);
	for (int i = 0; i < VFV_VERB_COUNT; i++) {
		char left[64];

		snprintf(left, sizeof(left), "%s %s", vfv_verbs[i].name, vfv_verbs[i].operands);
		fprintf(out, "  %-*s%s\n", OPTION_COLUMNS, left, vfv_verbs[i].summary);
	}
	print_options(VFV_VERB_COUNT, out);
	fputc('\n', out);
	print_wrapped(
		out,
		"A PF or VF is named by address (3b:00.0 or 0000:3b:00.0), stable name (dpu0, "
		"dpu0/3), network interface, or a quoted pattern with *, ? and [] (not for "
		"create, destroy and apply). Exit status: 0 done, 1 failed, 2 wrong command line, 3 "
		"partly done. See vfvirtctl(1).",
		0);
}
