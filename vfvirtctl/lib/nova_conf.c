/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads nova.conf, by the rules of oslo.config. */
#include "nova_conf.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "file.h"
#include "text.h"

/* What Python takes for blanks, as far as it is ASCII. */
#define BLANKS " \t\n\r\v\f\x1c\x1d\x1e\x1f"

/* clang-format off */
static const struct {
	const char *section, *name;
	enum vfv_nova_key key;
	bool old_name;
} known[] = {
	{ "pci", "device_spec", VFV_NOVA_DEVICE_SPEC, false },
	{ "pci", "passthrough_whitelist", VFV_NOVA_DEVICE_SPEC, true },
	{ "DEFAULT", "pci_passthrough_whitelist", VFV_NOVA_DEVICE_SPEC, true },
	{ "pci", "alias", VFV_NOVA_ALIAS, false },
	{ "DEFAULT", "pci_alias", VFV_NOVA_ALIAS, true },
	{ "pci", "report_in_placement", VFV_NOVA_REPORT_IN_PLACEMENT, false },
	{ "filter_scheduler", "pci_in_placement", VFV_NOVA_PCI_IN_PLACEMENT, false },
};
/* clang-format on */
#define KNOWN_COUNT (sizeof(known) / sizeof(known[0]))

/* The setting that is being read; its value may go on with the next line. */
struct pending {
	bool open;	   /* there is one, known to us or not */
	ssize_t row;	   /* in known; -1: not one of ours */
	unsigned int line; /* where it began */
	char *value;	   /* owned; of a row */
};

/* A text being read. */
struct reader {
	const char *file;
	char *section; /* owned; NULL: none yet */
	unsigned int line;
	struct pending pending;
	struct vfv_nova_conf *conf;
	struct vfv_error *ret_error;
};

static int no_memory(struct reader *reader)
{
	return vfv_error_set(reader->ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "%s: no memory",
			     reader->file);
}

static int fault(struct reader *reader, const char *why)
{
	return vfv_error_set(reader->ret_error, VFV_ERROR_STORAGE, EBADMSG, "%s:%u: %s",
			     reader->file, reader->line, why);
}

static bool is_blank(char byte)
{
	return byte && strchr(BLANKS, byte);
}

/* Cut the blanks at both ends of a text off, in place; returns where it begins now. */
static char *strip(char *text)
{
	size_t length;

	text += strspn(text, BLANKS);
	length = strlen(text);
	while (length > 0 && is_blank(text[length - 1]))
		text[--length] = '\0';
	return text;
}

/* Names of sections are written in any case, but for the one in capitals. */
static bool is_section(const char *written, const char *wanted)
{
	if (strcmp(wanted, "DEFAULT") == 0)
		return strcmp(written, wanted) == 0;
	return strcasecmp(written, wanted) == 0;
}

static ssize_t find_known(const char *section, const char *name)
{
	for (size_t i = 0; i < KNOWN_COUNT; i++)
		if (is_section(section, known[i].section) && strcmp(known[i].name, name) == 0)
			return (ssize_t)i;
	return -1;
}

/* The setting before this line has ended: keep it if it is one of ours. */
static int flush(struct reader *reader)
{
	struct pending pending = reader->pending;
	struct vfv_nova_conf *conf = reader->conf;
	struct vfv_nova_setting *grown;
	VFV_FREE char *file = NULL;

	reader->pending = (struct pending){0};
	if (!pending.open || pending.row < 0)
		return 0;
	file = strdup(reader->file);
	grown = conf->count < VFV_NOVA_SETTINGS_MAX
			? reallocarray(conf->all, conf->count + 1, sizeof(*grown))
			: NULL;
	if (grown)
		conf->all = grown;
	if (!grown || !file) {
		free(pending.value);
		return conf->count < VFV_NOVA_SETTINGS_MAX ? no_memory(reader)
							   : fault(reader, "too many settings");
	}
	conf->all[conf->count++] =
		(struct vfv_nova_setting){.key = known[pending.row].key,
					  .old_name = known[pending.row].old_name,
					  .value = pending.value,
					  .file = vfv_take(file),
					  .line = pending.line};
	return 0;
}

/* Add a line to the value that is being read. */
static int go_on(struct reader *reader, const char *line)
{
	struct pending *pending = &reader->pending;
	char *longer;

	if (!pending->open)
		return fault(reader, "a line that begins with a blank goes on with no value");
	if (pending->row < 0)
		return 0;
	longer = vfv_text("%s\n%s", pending->value, line + strspn(line, BLANKS));
	if (!longer)
		return no_memory(reader);
	free(pending->value);
	pending->value = longer;
	return 0;
}

static int begin_section(struct reader *reader, const char *line)
{
	size_t length = strlen(line);

	if (line[length - 1] != ']' || length == 2)
		return fault(reader, "a section is written [NAME]");
	free(reader->section);
	reader->section = strndup(line + 1, length - 2);
	return reader->section ? 0 : no_memory(reader);
}

/* Without the quotes around all of it, if there are some; in place. */
static char *unquote(char *value)
{
	size_t length = strlen(value);

	if (length == 0 || !strchr("\"'", value[0]) || value[length - 1] != value[0])
		return value;
	value[length - 1] = '\0';
	return length == 1 ? value : value + 1;
}

static int begin_setting(struct reader *reader, char *line)
{
	char *mark = strpbrk(line, "=:"), *name, *value;

	if (!mark)
		return fault(reader, "neither a section nor NAME = VALUE");
	*mark = '\0';
	name = strip(line);
	value = unquote(strip(mark + 1));
	if (!*name)
		return fault(reader, "a value without a name");
	if (!reader->section)
		return fault(reader, "a setting before the first section");
	reader->pending = (struct pending){
		.open = true, .row = find_known(reader->section, name), .line = reader->line};
	if (reader->pending.row < 0)
		return 0;
	reader->pending.value = strdup(value);
	return reader->pending.value ? 0 : no_memory(reader);
}

/* One line, whose end is cut off; it is written to. */
static int read_line(struct reader *reader, char *line)
{
	size_t length = strlen(line);
	int ret;

	while (length > 0 && is_blank(line[length - 1]))
		line[--length] = '\0';
	if (*line == ' ' || *line == '\t')
		return go_on(reader, line);
	ret = flush(reader);
	if (ret < 0 || !*line || *line == '#' || *line == ';')
		return ret;
	return *line == '[' ? begin_section(reader, line) : begin_setting(reader, line);
}

static int read_lines(struct reader *reader, char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\r\n");
		size_t end = text[length] == '\r' && text[length + 1] == '\n' ? 2 : !!text[length];
		int ret;

		reader->line++;
		text[length] = '\0';
		ret = read_line(reader, text);
		if (ret < 0)
			return ret;
		text += length + end;
	}
	return flush(reader);
}

int vfv_nova_conf_parse(const char *file, const char *text, size_t length,
			struct vfv_nova_conf *conf, struct vfv_error *ret_error)
{
	struct reader reader = {.file = file, .conf = conf, .ret_error = ret_error};
	VFV_FREE char *copy = strndup(text, length);
	int ret;

	if (!copy)
		return no_memory(&reader);
	reader.line = 1;
	if (strlen(copy) != length)
		return fault(&reader, "a NUL byte, so this is no text");
	reader.line = 0;
	ret = read_lines(&reader, copy);
	free(reader.section);
	free(reader.pending.value);
	return ret;
}

void vfv_nova_conf_clear(struct vfv_nova_conf *conf)
{
	for (size_t i = 0; i < conf->count; i++) {
		free(conf->all[i].value);
		free(conf->all[i].file);
	}
	free(conf->all);
	*conf = (struct vfv_nova_conf){0};
}

/* Read a file that may be a symbolic link. */
static int read_file(const char *path, struct vfv_nova_conf *conf, struct vfv_error *ret_error)
{
	VFV_FREE char *place = realpath(path, NULL);
	VFV_FREE char *text = NULL;
	size_t length;
	int error = place ? vfv_file_read(place, VFV_NOVA_CONF_BYTES_MAX, &text, &length) : -errno;

	if (error)
		return vfv_error_set(ret_error,
				     error == -ENOMEM ? VFV_ERROR_NO_MEMORY : VFV_ERROR_STORAGE,
				     error, "%s: cannot be read: %s", path, strerror(-error));
	return vfv_nova_conf_parse(path, text, length, conf, ret_error);
}

/* Read what a glob found; names that begin with a dot are not among it. */
static int read_all(const char *folder, const glob_t *found, struct vfv_nova_conf *conf,
		    struct vfv_error *ret_error)
{
	if (found->gl_pathc > VFV_NOVA_CONF_FILES_MAX)
		return vfv_error_set(ret_error, VFV_ERROR_STORAGE, E2BIG, "%s: more than %d files",
				     folder, VFV_NOVA_CONF_FILES_MAX);
	for (size_t i = 0; i < found->gl_pathc; i++) {
		int ret = read_file(found->gl_pathv[i], conf, ret_error);

		if (ret < 0)
			return ret;
	}
	return 0;
}

/* A folder's path as it may stand in a pattern; owned by the caller; NULL: no memory. */
static char *escape(const char *folder)
{
	char *text = calloc(2, strlen(folder) + 1), *at = text;

	for (; text && *folder; folder++) {
		if (strchr("*?[\\", *folder))
			*at++ = '\\';
		*at++ = *folder;
	}
	return text;
}

int vfv_nova_conf_read(const char *path, struct vfv_nova_conf *conf, struct vfv_error *ret_error)
{
	VFV_FREE char *escaped = NULL, *pattern = NULL;
	struct stat status;
	glob_t found = {0};
	int ret;

	if (stat(path, &status) < 0 || !S_ISDIR(status.st_mode))
		return read_file(path, conf, ret_error);
	escaped = escape(path);
	pattern = escaped ? vfv_text("%s/*.conf", escaped) : NULL;
	ret = pattern ? glob(pattern, 0, NULL, &found) : GLOB_NOSPACE;
	if (ret == GLOB_NOSPACE)
		ret = vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "%s: no memory", path);
	else if (ret == 0)
		ret = read_all(path, &found, conf, ret_error);
	else
		ret = vfv_error_set(ret_error, VFV_ERROR_STORAGE, ENOENT,
				    "%s: has no file whose name ends in .conf", path);
	globfree(&found);
	return ret;
}

const struct vfv_nova_setting *vfv_nova_conf_last(const struct vfv_nova_conf *conf,
						  enum vfv_nova_key key)
{
	for (size_t i = conf->count; i-- > 0;)
		if (conf->all[i].key == key)
			return &conf->all[i];
	return NULL;
}

int vfv_nova_boolean(const char *text)
{
	static const char *const words[][2] = {{"false", "true"}, {"0", "1"}, {"no", "yes"},
					       {"off", "on"},	  {"f", "t"}, {"n", "y"}};
	const char *word = text + strspn(text, BLANKS);
	size_t length = strlen(word);

	while (length > 0 && is_blank(word[length - 1]))
		length--;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (int value = 0; value < 2; value++)
			if (strlen(words[i][value]) == length &&
			    strncasecmp(words[i][value], word, length) == 0)
				return value;
	return -EINVAL;
}
