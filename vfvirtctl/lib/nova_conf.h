/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads out of nova.conf what is about passing PCI devices through. The rules are those of
 * oslo.config: a line that begins with a blank goes on with the value before it, a comment or an
 * empty line ends that, '=' and ':' both part key and value, quotes around a whole value go.
 */
#ifndef VFV_LIB_NOVA_CONF_H
#define VFV_LIB_NOVA_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

/* A nova.conf with every option explained has half a megabyte. */
#define VFV_NOVA_CONF_BYTES_MAX (4u << 20)
#define VFV_NOVA_CONF_FILES_MAX 256
#define VFV_NOVA_SETTINGS_MAX	16384 /* of all files; of those that we look at */

enum vfv_nova_key {
	VFV_NOVA_DEVICE_SPEC,	      /* [pci] device_spec, and its old names */
	VFV_NOVA_ALIAS,		      /* [pci] alias, and its old name */
	VFV_NOVA_REPORT_IN_PLACEMENT, /* [pci] report_in_placement */
	VFV_NOVA_PCI_IN_PLACEMENT,    /* [filter_scheduler] pci_in_placement */
};

struct vfv_nova_setting {
	enum vfv_nova_key key;
	bool old_name;	   /* written by a name that newer releases only put up with */
	char *value;	   /* owned; lines parted by newlines */
	char *file;	   /* owned */
	unsigned int line; /* where it begins, from 1 */
};

/* All settings that we look at, in the order in which they stand. */
struct vfv_nova_conf {
	struct vfv_nova_setting *all; /* owned array of count */
	size_t count;
};

/**
 * vfv_nova_conf_parse - read one text
 * @file: its path, for places and messages
 * @text: of @length bytes, anybody's
 * @conf: zeroed or filled by other files; what is found is added, also when an error comes behind it
 * @ret_error: VFV_ERROR_STORAGE "FILE:LINE: why", where Nova would not start with that file. Never
 *	a word of the text itself, since passwords stand in such files. VFV_ERROR_NO_MEMORY
 *
 * Return: 0, -EBADMSG for such a text, or -ENOMEM.
 */
int vfv_nova_conf_parse(const char *file, const char *text, size_t length,
			struct vfv_nova_conf *conf, struct vfv_error *ret_error);

/**
 * vfv_nova_conf_read - read a file, or all files of a folder whose names end in ".conf", in order
 * @path: file or folder; symbolic links are followed
 * @conf, @ret_error: as vfv_nova_conf_parse(); VFV_ERROR_STORAGE for what cannot be read, too
 *
 * Return: 0 or a negative errno.
 */
int vfv_nova_conf_read(const char *path, struct vfv_nova_conf *conf, struct vfv_error *ret_error);
void vfv_nova_conf_clear(struct vfv_nova_conf *conf);

/* The last setting of a key, which is the one that counts of those that take one; NULL: none. */
const struct vfv_nova_setting *vfv_nova_conf_last(const struct vfv_nova_conf *conf,
						  enum vfv_nova_key key);

/* Whether a text is a yes of oslo.config or of Nova's tags: 1; a no: 0; neither: -EINVAL. */
int vfv_nova_boolean(const char *text);

#endif
