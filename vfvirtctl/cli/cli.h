/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the verbs share: the command line, where output goes, facts, and vfvirtd. */
#ifndef VFV_CLI_CLI_H
#define VFV_CLI_CLI_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

#include "arguments.h"
#include "error.h"
#include "host.h"
#include "intent.h"
#include "model.h"
#include "select.h"

enum vfv_exit {
	VFV_EXIT_DONE,
	VFV_EXIT_FAILED,
	VFV_EXIT_USAGE,
	VFV_EXIT_PARTLY,
};

struct vfv_cli {
	struct vfv_arguments arguments;
	struct vfv_host *host; /* owned */
	FILE *out;	       /* what goes to standard output when the verb has ended */
	bool colors;	       /* on standard output */
	struct json_object *intent_errors; /* owned; texts for the report's object; NULL: none */
};

/*
 * The verbs, one file each: cmd_NAME.c. Each returns an enum vfv_exit, or a negative errno with
 * *ret_error, which main() tells.
 */
#define VERB(NAME, ...) int vfv_cmd_##NAME(struct vfv_cli *cli, struct vfv_error *ret_error);
#include "options.def"

static inline bool vfv_given(const struct vfv_cli *cli, enum vfv_option option)
{
	return cli->arguments.given[option];
}

/* VFV_ERROR_NO_MEMORY as a return value. */
int vfv_no_memory(struct vfv_error *ret_error);

/* Tell a person, or with --json a program, on standard error what failed and what to do. */
void vfv_tell_error(const struct vfv_cli *cli, const struct vfv_error *error);

/* As printf, to standard error, with the program's name before it and a newline behind. */
void vfv_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Print an object; takes the reference. NULL: no memory. */
int vfv_print_json(struct vfv_cli *cli, struct json_object *object, struct vfv_error *ret_error);

/* What the verbs look at; vfv_view_clear() accepts a zeroed one. */
struct vfv_view {
	struct vfv_model *model;
	struct vfv_intents *intents;
};

/*
 * Read intent files and facts of this host. flags: of enum vfv_facts_flags. What the kernel modules
 * know is missing, and said in kernel_problem, when they or the right to ask them are not there.
 */
int vfv_view_read(struct vfv_cli *cli, unsigned int flags, struct vfv_view *ret_view,
		  struct vfv_error *ret_error);

/* Complete a view that was read with what vfvirtd left for people: failures, VFs that are held. */
int vfv_view_complete(struct vfv_cli *cli, struct vfv_view *view, struct vfv_error *ret_error);

/* Both from vfvirtd, which also knows domains, where it runs; else both here. */
int vfv_view_get(struct vfv_cli *cli, unsigned int flags, struct vfv_view *ret_view,
		 struct vfv_error *ret_error);
void vfv_view_clear(struct vfv_view *view);

/* Every operand selected, each object once, in order of address. free() *ret_chosen. */
int vfv_select_operands(struct vfv_cli *cli, struct vfv_model *model, unsigned int select_flags,
			struct vfv_chosen **ret_chosen, size_t *ret_count,
			struct vfv_error *ret_error);

/* The address of a chosen object, and how it is called: "dpu0/3", else its address. */
const struct vfv_address *vfv_chosen_address(const struct vfv_chosen *chosen);
void vfv_chosen_label(const struct vfv_chosen *chosen, char *ret_text, size_t size);
#define VFV_LABEL_BYTES 128

/* A copy of the model's JSON with the chosen objects only; a chosen PF brings its VFs. */
struct json_object *vfv_chosen_to_json(const struct vfv_model *model,
				       const struct vfv_chosen *chosen, size_t count);

/* Print what a doctor found; VFV_EXIT_FAILED when something is wrong. */
struct vfv_findings;
int vfv_print_findings(struct vfv_cli *cli, const struct vfv_findings *findings,
		       struct vfv_error *ret_error);

/* Tables and blocks for people; false: no memory. */
bool vfv_render_list(const struct vfv_chosen *rows, size_t count, bool colors, FILE *out);
bool vfv_render_show(const struct vfv_chosen *chosen, bool colors, FILE *out);

#endif
