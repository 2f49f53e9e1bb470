/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line: what was asked for, by the table in options.def. Pure. */
#ifndef VFV_CLI_ARGUMENTS_H
#define VFV_CLI_ARGUMENTS_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include "error.h"

#define VERB(NAME, ...) VFV_VERB_##NAME,
enum vfv_verb {
#include "options.def"
	VFV_VERB_COUNT,
};

#define OPTION(ID, ...) VFV_OPTION_##ID,
enum vfv_option {
#include "options.def"
	VFV_OPTION_COUNT,
};

struct vfv_verb_row {
	const char *name;
	int least, most; /* operands */
	const char *operands;
	const char *summary;
	const char *text;
};

struct vfv_option_row {
	const char *name;   /* without its dashes */
	char letter;	    /* 0: none */
	const char *value;  /* what it takes, in capitals; NULL: nothing */
	unsigned int verbs; /* bit n: verb n has it; bit VFV_VERB_COUNT: the bare program too */
	const char *text;
};

extern const struct vfv_verb_row vfv_verbs[VFV_VERB_COUNT];
extern const struct vfv_option_row vfv_options[VFV_OPTION_COUNT];

struct vfv_arguments {
	enum vfv_verb verb; /* VFV_VERB_COUNT: none, with --help or --version */
	bool given[VFV_OPTION_COUNT];
	const char *value[VFV_OPTION_COUNT]; /* borrowed from argv */
	/* owned array, NULL at its end; borrowed texts. A value of --pf is one of them. */
	const char **operands;
	int operand_count;
	unsigned int num_vfs; /* of --num-vfs */
};

/**
 * vfv_arguments_parse - understand a command line
 * @argc, @argv: as main() got them; argv stays in use
 * @ret_arguments: filled, on failure as far as it came, and whether --json stands anywhere;
 *	vfv_arguments_clear() it
 * @ret_error: VFV_ERROR_USAGE, VFV_ERROR_NO_MEMORY
 *
 * Options may stand anywhere, as "--name VALUE", "--name=VALUE", "-n VALUE", "-nVALUE"; behind
 * "--" there are none. No abbreviations: a script must mean the same tomorrow.
 *
 * Return: 0 or a negative errno.
 */
int vfv_arguments_parse(int argc, char *const *argv, struct vfv_arguments *ret_arguments,
			struct vfv_error *ret_error);
void vfv_arguments_clear(struct vfv_arguments *arguments);

/* Print the help of a verb, or of the program (VFV_VERB_COUNT). */
void vfv_help_print(enum vfv_verb verb, FILE *out);

#endif
