/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One entry of device_spec, as Nova understands it: which PFs and VFs it matches. */
#ifndef VFV_LIB_NOVA_SPEC_H
#define VFV_LIB_NOVA_SPEC_H

#include <json-c/json.h>
#include <regex.h>

#include "model.h"
#include "nova.h"

enum vfv_nova_match {
	VFV_NOVA_MATCH_NO,
	VFV_NOVA_MATCH_YES,
	VFV_NOVA_MATCH_UNKNOWN, /* a pattern of Python's that is not understood here */
};

#define VFV_NOVA_FIELDS 4 /* domain, bus, slot, function */

struct vfv_nova_spec {
	struct json_object *entry;    /* owned */
	bool ids;		      /* vendor and product are ours, or not said */
	const char *devname;	      /* borrowed from entry; NULL: by address */
	int numbers[VFV_NOVA_FIELDS]; /* VFV_UNKNOWN: any */
	bool patterns;		      /* by patterns instead of numbers */
	regex_t regexes[VFV_NOVA_FIELDS];
	bool has_regex[VFV_NOVA_FIELDS];
	bool unknown; /* a pattern is not understood */
};

#define VFV_NOVA_FAULT_BYTES 160

/**
 * vfv_nova_spec_parse - understand one entry
 * @entry: anybody's JSON; a reference is taken
 * @rules: of the release
 * @ret_spec: filled; vfv_nova_spec_clear() it; untouched on failure
 * @ret_fault: why Nova refuses it, and with it to start
 *
 * Return: 0, -EINVAL with *ret_fault, or -ENOMEM.
 */
int vfv_nova_spec_parse(struct json_object *entry, const struct vfv_nova_rules *rules,
			struct vfv_nova_spec *ret_spec, char ret_fault[VFV_NOVA_FAULT_BYTES]);
void vfv_nova_spec_clear(struct vfv_nova_spec *spec);

/* Whether it matches a VF, or with NULL the PF itself. Never one by devname. */
enum vfv_nova_match vfv_nova_spec_match(const struct vfv_nova_spec *spec, const struct vfv_pf *pf,
					const struct vfv_vf *vf);

/* The text of a tag; NULL: not there, or no text. */
const char *vfv_nova_spec_tag(const struct vfv_nova_spec *spec, const char *tag);

/* A tag that is a boolean: 1, 0; VFV_NOVA_TAG_ABSENT; -EINVAL: it is none. */
#define VFV_NOVA_TAG_ABSENT 2
int vfv_nova_spec_flag(const struct vfv_nova_spec *spec, const char *tag);

#endif
