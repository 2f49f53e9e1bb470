/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables sized to their content, colors, and bytes that no terminal misreads. */
#include "table.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "cleanup.h"
#include "text.h"

struct cell {
	char *text; /* owned, fit to be shown */
	int columns;
	enum vfv_color color;
};

struct vfv_table {
	const struct vfv_column *columns;
	size_t column_count;
	struct cell *cells; /* owned array of cell_count, row after row */
	size_t cell_count;
	bool no_memory;
};

/* The character that begins at text, of length bytes, all of which are there. */
static wchar_t decode(const char *text, size_t length)
{
	static const unsigned char bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	wchar_t character = (unsigned char)text[0] & bits[length];

	for (size_t i = 1; i < length; i++)
		character = (wchar_t)(character << 6 | ((unsigned char)text[i] & 0x3f));
	return character;
}

/* Terminal columns of a character; -1: it may not be shown. */
static int character_columns(wchar_t character)
{
	if (character < 0x20 || (character >= 0x7f && character < 0xa0))
		return -1;
	/* Marks that turn the direction of writing make a line read as what it is not. */
	if ((character >= 0x200e && character <= 0x200f) ||
	    (character >= 0x2028 && character <= 0x202e) ||
	    (character >= 0x2066 && character <= 0x2069))
		return -1;
	return character < 0x7f ? 1 : wcwidth(character);
}

char *vfv_display_text(const char *text)
{
	bool utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	size_t left = strlen(text);
	char *shown = malloc(left + 1), *end = shown;

	while (shown && left) {
		size_t length = vfv_text_utf8(text, left);

		if (length == 0 || (length > 1 && !utf8) ||
		    character_columns(decode(text, length)) < 0) {
			*end++ = '?';
			length = length ? length : 1;
		} else {
			end = mempcpy(end, text, length);
		}
		text += length;
		left -= length;
	}
	if (shown)
		*end = '\0';
	return shown;
}

int vfv_display_columns(const char *text)
{
	size_t left = strlen(text);
	int columns = 0;

	while (left) {
		size_t length = vfv_text_utf8(text, left);

		if (length == 0)
			break;
		columns += character_columns(decode(text, length));
		text += length;
		left -= length;
	}
	return columns;
}

void vfv_print_colored(FILE *out, bool colors, enum vfv_color color, const char *text)
{
	static const char *const codes[VFV_COLOR_COUNT] = {
		[VFV_COLOR_BOLD] = "1",
		[VFV_COLOR_GREEN] = "32",
		[VFV_COLOR_YELLOW] = "33",
		[VFV_COLOR_RED] = "31",
	};

	if (colors && color != VFV_COLOR_NONE)
		fprintf(out, "\033[%sm%s\033[0m", codes[color], text);
	else
		fputs(text, out);
}

struct vfv_table *vfv_table_new(const struct vfv_column *columns, size_t column_count)
{
	struct vfv_table *table = calloc(1, sizeof(*table));

	if (table) {
		table->columns = columns;
		table->column_count = column_count;
	}
	return table;
}

void vfv_table_free(struct vfv_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->cell_count; i++)
		free(table->cells[i].text);
	free(table->cells);
	free(table);
}

void vfv_table_cell(struct vfv_table *table, enum vfv_color color, const char *text)
{
	bool last = (table->cell_count + 1) % table->column_count == 0;
	struct cell *grown;
	char *shown;

	if (!text || !*text)
		text = last ? "" : "-";
	shown = vfv_display_text(text);
	grown = reallocarray(table->cells, table->cell_count + 1, sizeof(*grown));
	if (grown)
		table->cells = grown;
	if (!grown || !shown) {
		free(shown);
		table->no_memory = true;
		return;
	}
	grown[table->cell_count++] = (struct cell){shown, vfv_display_columns(shown), color};
}

void vfv_table_number(struct vfv_table *table, long long number)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", number);
	vfv_table_cell(table, VFV_COLOR_NONE, text);
}

/* How wide a column must be for its title and all its cells. */
static int column_width(const struct vfv_table *table, size_t column)
{
	int width = (int)strlen(table->columns[column].title);

	for (size_t i = column; i < table->cell_count; i += table->column_count)
		if (table->cells[i].columns > width)
			width = table->cells[i].columns;
	return width;
}

/* Print a row of cells; behind the last one that is not empty there are no blanks. */
static void print_row(const struct vfv_table *table, const struct cell *cells, const int *widths,
		      bool colors, FILE *out)
{
	size_t count = table->column_count;

	while (count > 0 && !*cells[count - 1].text)
		count--;
	for (size_t i = 0; i < count; i++) {
		int padding = widths[i] - cells[i].columns;

		if (table->columns[i].right)
			fprintf(out, "%*s", padding, "");
		vfv_print_colored(out, colors, cells[i].color, cells[i].text);
		if (i + 1 < count)
			fprintf(out, "%*s", 2 + (table->columns[i].right ? 0 : padding), "");
	}
	fputc('\n', out);
}

bool vfv_table_print(const struct vfv_table *table, bool colors, FILE *out)
{
	VFV_FREE struct cell *titles = calloc(table->column_count, sizeof(*titles));
	VFV_FREE int *widths = calloc(table->column_count, sizeof(*widths));

	if (!titles || !widths || table->no_memory)
		return false;
	for (size_t i = 0; i < table->column_count; i++) {
		const char *title = table->columns[i].title;

		titles[i] = (struct cell){(char *)title, (int)strlen(title), VFV_COLOR_BOLD};
		widths[i] = column_width(table, i);
	}
	print_row(table, titles, widths, colors, out);
	for (size_t i = 0; i < table->cell_count; i += table->column_count)
		print_row(table, &table->cells[i], widths, colors, out);
	return true;
}
