/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of the made-up host, in memory. */
#include "tree.h"

#include <err.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_node fake_root = {.kind = FAKE_FOLDER, .name = (char *)""};

static void *must(void *memory)
{
	if (!memory)
		err(1, "no memory");
	return memory;
}

struct fake_node *fake_child(struct fake_node *folder, const char *name)
{
	for (struct fake_node *node = folder->children; node; node = node->next)
		if (!strcmp(node->name, name))
			return node;
	return NULL;
}

struct fake_node *fake_find(const char *path)
{
	struct fake_node *node = &fake_root;
	char *copy = must(strdup(path)), *rest = NULL;

	for (char *part = strtok_r(copy, "/", &rest); part && node;
	     part = strtok_r(NULL, "/", &rest))
		node = fake_child(node, part);
	free(copy);
	return node;
}

static struct fake_node *add(struct fake_node *folder, enum fake_kind kind, const char *name)
{
	struct fake_node *node = must(calloc(1, sizeof(*node)));

	node->kind = kind;
	node->name = must(strdup(name));
	node->text = must(strdup(""));
	node->parent = folder;
	node->next = folder->children;
	folder->children = node;
	return node;
}

static struct fake_node *add_or_replace(struct fake_node *folder, enum fake_kind kind,
					const char *name)
{
	fake_remove(fake_child(folder, name));
	return add(folder, kind, name);
}

struct fake_node *fake_folder(const char *format, ...)
{
	struct fake_node *node = &fake_root;
	char path[PATH_MAX], *rest = NULL;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(path, sizeof(path), format, arguments);
	va_end(arguments);
	for (char *part = strtok_r(path, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
		struct fake_node *below = fake_child(node, part);

		node = below ? below : add(node, FAKE_FOLDER, part);
	}
	return node;
}

static void set_text(struct fake_node *node, const char *format, va_list arguments)
{
	free(node->text);
	node->length = (size_t)vasprintf(&node->text, format, arguments);
	must(node->text);
}

static struct fake_node *add_text(struct fake_node *folder, enum fake_kind kind, const char *name,
				  const char *format, va_list arguments)
{
	struct fake_node *node = add_or_replace(folder, kind, name);

	set_text(node, format, arguments);
	return node;
}

struct fake_node *fake_file(struct fake_node *folder, const char *name, const char *format, ...)
{
	struct fake_node *node;
	va_list arguments;

	va_start(arguments, format);
	node = add_text(folder, FAKE_FILE, name, format, arguments);
	va_end(arguments);
	return node;
}

struct fake_node *fake_link(struct fake_node *folder, const char *name, const char *format, ...)
{
	struct fake_node *node;
	va_list arguments;

	va_start(arguments, format);
	node = add_text(folder, FAKE_LINK, name, format, arguments);
	va_end(arguments);
	return node;
}

struct fake_node *fake_bytes(struct fake_node *folder, const char *name, const void *bytes,
			     size_t length)
{
	struct fake_node *node = add_or_replace(folder, FAKE_FILE, name);

	free(node->text);
	node->text = must(malloc(length + 1));
	memcpy(node->text, bytes, length);
	node->text[length] = '\0';
	node->length = length;
	return node;
}

struct fake_node *fake_attribute(struct fake_node *folder, const char *name, const char *text,
				 fake_write write, void *owner)
{
	struct fake_node *node = fake_file(folder, name, "%s", text);

	node->write = write;
	node->owner = owner;
	return node;
}

void fake_set(struct fake_node *node, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	set_text(node, format, arguments);
	va_end(arguments);
}

static void free_node(struct fake_node *node)
{
	while (node->children) {
		struct fake_node *child = node->children;

		node->children = child->next;
		free_node(child);
	}
	free(node->name);
	free(node->text);
	free(node);
}

void fake_remove(struct fake_node *node)
{
	if (!node || node == &fake_root)
		return;
	for (struct fake_node **place = &node->parent->children; *place; place = &(*place)->next) {
		if (*place == node) {
			*place = node->next;
			break;
		}
	}
	free_node(node);
}

const char *fake_path(const struct fake_node *node, char *ret_path, size_t size)
{
	size_t place = size - 1;

	ret_path[place] = '\0';
	for (; node->parent; node = node->parent) {
		size_t length = strlen(node->name);

		if (length + 1 > place)
			break;
		place -= length;
		memcpy(ret_path + place, node->name, length);
		ret_path[--place] = '/';
	}
	memmove(ret_path, ret_path + place, size - place);
	return ret_path;
}
