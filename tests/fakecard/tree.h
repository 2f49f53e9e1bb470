/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of the made-up host, in memory. Everything here is called with fake_lock held; nothing
 * here waits.
 */
#ifndef FAKE_TREE_H
#define FAKE_TREE_H

#include <stddef.h>

enum fake_kind { FAKE_FOLDER, FAKE_FILE, FAKE_LINK };

struct fake_node;

/* A write to a file: 0 or a negative errno. text is what was written, a newline at its end gone. */
typedef int (*fake_write)(struct fake_node *node, const char *text);

struct fake_node {
	enum fake_kind kind;
	char *name;
	struct fake_node *parent, *children, *next;
	char *text; /* of a file: what it holds; of a link: its target */
	size_t length;
	fake_write write; /* NULL: read-only */
	void *owner;	  /* for write */
};

/* The root, which has "sys" and "proc" in it. */
extern struct fake_node fake_root;

/* Find by a path relative to the root, with or without a slash before it; NULL: not there. */
struct fake_node *fake_find(const char *path);

/* Find below a folder; links are not followed. */
struct fake_node *fake_child(struct fake_node *folder, const char *name);

/* The folder of a path, made with those above it. */
struct fake_node *fake_folder(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Make or replace a file or link below a folder; text is formatted. */
struct fake_node *fake_file(struct fake_node *folder, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
struct fake_node *fake_link(struct fake_node *folder, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* As fake_file() for bytes. */
struct fake_node *fake_bytes(struct fake_node *folder, const char *name, const void *bytes,
			     size_t length);

/* A file that takes writes. */
struct fake_node *fake_attribute(struct fake_node *folder, const char *name, const char *text,
				 fake_write write, void *owner);

/* Replace what a file holds. */
void fake_set(struct fake_node *node, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Remove with all below it; NULL is allowed. */
void fake_remove(struct fake_node *node);

/* The path below the root, "/sys/bus/..."; returns ret_path. */
const char *fake_path(const struct fake_node *node, char *ret_path, size_t size);

#endif
