/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Texts for people: tables sized to their content, colors, and bytes that no terminal misreads. */
#ifndef VFV_CLI_TABLE_H
#define VFV_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum vfv_color {
	VFV_COLOR_NONE,
	VFV_COLOR_BOLD,
	VFV_COLOR_GREEN,
	VFV_COLOR_YELLOW,
	VFV_COLOR_RED,
	VFV_COLOR_COUNT,
};

/*
 * A text as it may be printed: control characters and what is no UTF-8 (or, in a locale of one byte,
 * no ASCII) become '?'. Owned by the caller; NULL: no memory.
 */
char *vfv_display_text(const char *text);

/* Columns that a text of vfv_display_text() takes on a terminal. */
int vfv_display_columns(const char *text);

/* Print a text in a color; plain where color is VFV_COLOR_NONE or !colors. */
void vfv_print_colored(FILE *out, bool colors, enum vfv_color color, const char *text);

struct vfv_table;

/* What a column holds decides where its cells stand. */
struct vfv_column {
	const char *title; /* static */
	bool right;	   /* numbers stand right */
};
#define VFV_LEFT(TITLE)                                                                            \
	{                                                                                          \
		TITLE, false                                                                       \
	}
#define VFV_RIGHT(TITLE)                                                                           \
	{                                                                                          \
		TITLE, true                                                                        \
	}

/* columns: static, column_count of them. NULL: no memory. vfv_table_free() accepts NULL. */
struct vfv_table *vfv_table_new(const struct vfv_column *columns, size_t column_count);
void vfv_table_free(struct vfv_table *table);

/*
 * Add the next cell, row after row. NULL and empty texts show as "-", but in the last column as
 * nothing. Lack of memory is remembered until vfv_table_print().
 */
void vfv_table_cell(struct vfv_table *table, enum vfv_color color, const char *text);
void vfv_table_number(struct vfv_table *table, long long number);

/* Print title and rows. false: no memory. */
bool vfv_table_print(const struct vfv_table *table, bool colors, FILE *out);

#endif
