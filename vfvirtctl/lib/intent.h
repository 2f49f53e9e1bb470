/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Intent files: what a person wants of a PF. One file a PF; its name is the PF's stable name. */
#ifndef VFV_LIB_INTENT_H
#define VFV_LIB_INTENT_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"
#include "model.h"

struct vfv_host;

/* How an intent names its PF; at least one is there, and all that are there must agree. */
struct vfv_match {
	bool has_address;
	struct vfv_address address;
	char *path;   /* owned, as struct vfv_pf */
	char *serial; /* owned, as struct vfv_pf */
	char *netdev; /* owned */
	bool has_mac;
	uint8_t mac[VFV_MAC_BYTES];
};

struct vfv_intent {
	char *name;	 /* owned; of the file, without .json */
	char *file;	 /* owned; its whole path */
	bool owned_by_create; /* "created-by": "vfvirtctl create": destroy may remove the file */
	bool runtime;	 /* from the run folder: this boot only */
	struct vfv_match match;
	unsigned int vfs; /* 0..65535 */
	enum vfv_transport transport;
	char *driver; /* owned; default VFV_INTENT_DRIVER */
	bool has_nova;
	char *nova_alias;	   /* owned; default VFV_INTENT_ALIAS */
	char *nova_resource_class; /* owned; default VFV_INTENT_RESOURCE_CLASS */
	char *nova_release;	   /* owned; default VFV_INTENT_RELEASE */
};

/* All files that could be read, and what was wrong with the others. */
struct vfv_intents {
	struct vfv_intent *all; /* owned array of count, by name */
	size_t count;
	struct vfv_error *errors; /* owned array of error_count; each names its file */
	size_t error_count;
};

#define VFV_INTENT_FILE_BYTES_MAX 65536
#define VFV_INTENT_FILES_MAX 1024
#define VFV_INTENT_NAME_BYTES_MAX 64
#define VFV_INTENT_VFS_MAX 65535
#define VFV_DRIVER_NAME_BYTES_MAX 63
#define VFV_INTENT_DRIVER "vfvirt_vfio_pci"
#define VFV_INTENT_ALIAS "vfvirt"
#define VFV_INTENT_RESOURCE_CLASS "CUSTOM_VFVIRT_NET"
#define VFV_INTENT_RELEASE "2025.1"
#define VFV_INTENT_CREATED_BY "vfvirtctl create"

/* A key of an intent file, for the manual page and for tests that hold it against them. */
struct vfv_intent_key {
	const char *path;     /* "match.address" */
	const char *form;     /* what its value must be, in words that follow "must be" */
	const char *fallback; /* the value when it is missing; NULL: it may be missing, or see vfs */
	const char *meaning;  /* a line */
};

/* A key by its index from 0, in the order in which they are best written; NULL behind the last. */
const struct vfv_intent_key *vfv_intent_key(size_t index);

/* Whether a text may be the name of an intent: see vfv_intent_parse(). */
bool vfv_intent_is_name(const char *name);

/* Whether a text may be the name of a driver: 1..63 letters, digits, '-', '_'; so never a path. */
bool vfv_is_driver_name(const char *text);

/**
 * vfv_intent_parse - read one intent from text
 * @name: the stable name: 1..64 letters, digits, '-', '_', '.', beginning with a letter or digit;
 *	so it is never of the form of an address, of a VF's label or of a glob
 * @file: path for error messages
 * @text: JSON; @length bytes; NUL bytes, duplicate and unknown keys are errors
 * @ret_intent: filled; vfv_intent_clear() it; untouched on failure
 * @ret_error: names file, key path ("match.address") and, for syntax, the line
 *
 * Return: 0 or a negative errno.
 */
int vfv_intent_parse(const char *name, const char *file, const char *text, size_t length,
		     struct vfv_intent *ret_intent, struct vfv_error *ret_error);
void vfv_intent_clear(struct vfv_intent *intent);

/**
 * vfv_intents_read - read all intent files of the host
 * @host: paths; a name in the run folder's pf.d hides the same name in /etc, that one the vendor's
 * @ret_intents: new, also when files were bad (see its errors); vfv_intents_free() it
 *
 * Only regular files whose name ends in ".json" are read; a symlink, FIFO, device or socket of that
 * name is an error of its own and is not opened for reading. Names that begin with '.' are skipped:
 * editors leave them. A folder that does not exist is empty.
 *
 * Return: 0, or -ENOMEM.
 */
int vfv_intents_read(const struct vfv_host *host, struct vfv_intents **ret_intents);
void vfv_intents_free(struct vfv_intents *intents);

/**
 * vfv_intents_for - the intent of a PF
 * @intents: all
 * @pf: as facts.h filled it
 * @ret_intent: borrowed; NULL: there is none
 * @ret_error: VFV_ERROR_INTENT_CONFLICT, naming both files
 *
 * Return: 0, or -EEXIST for a conflict.
 */
int vfv_intents_for(const struct vfv_intents *intents, const struct vfv_pf *pf,
		    const struct vfv_intent **ret_intent, struct vfv_error *ret_error);

/* The path of the file that vfv_intent_write() writes; owned by the caller. NULL: no memory. */
char *vfv_intent_path(const struct vfv_host *host, const struct vfv_intent *intent);

/**
 * vfv_intent_write - write an intent file that create owns
 * @host: paths
 * @intent: name, match, vfs, transport, driver and runtime are used; file is set by this call
 * @ret_before: owned by the caller: the text of the file that was replaced; untouched when there
 *	was none; NULL: do not tell
 * @ret_error: VFV_ERROR_STORAGE (full, read-only), VFV_ERROR_INTENT when a file of that name
 *	exists that create does not own or that is for another PF
 *
 * Atomic: temporary file, fsync, rename, fsync of the folder. Return: 0 or a negative errno.
 */
int vfv_intent_write(const struct vfv_host *host, struct vfv_intent *intent, char **ret_before,
		     struct vfv_error *ret_error);

/* Undo vfv_intent_write(): before is the text that it told, NULL: there was no file. */
void vfv_intent_restore(const struct vfv_intent *intent, const char *before);

/*
 * Remove the file of an intent that create owns; any other is refused (VFV_ERROR_INTENT), also one
 * that somebody made his own since it was read. A file that is gone already is no error.
 */
int vfv_intent_remove(const struct vfv_intent *intent, struct vfv_error *ret_error);

#endif
