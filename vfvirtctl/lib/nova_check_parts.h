/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the doctor for Nova, for nova_check*.c only. */
#ifndef VFV_LIB_NOVA_CHECK_PARTS_H
#define VFV_LIB_NOVA_CHECK_PARTS_H

#include "check_parts.h"
#include "nova_check.h"
#include "nova_conf.h"
#include "nova_spec.h"

/* An entry of device_spec that Nova understands, and where it stands. */
struct vfv_nova_entry {
	struct vfv_nova_spec spec;
	char *place;  /* owned; "FILE:LINE" */
	bool of_ours; /* matches a PF or VF of the host */
};

/* An alias, of any card, and where it stands. */
struct vfv_nova_alias {
	struct json_object *object; /* owned */
	const char *name;	    /* borrowed from object; NULL: none */
	char *place;		    /* owned; "FILE:LINE" */
	bool of_ours;		    /* Nova takes it, and it may mean our VFs */
};

/* What the parts look at. */
struct vfv_nova_look {
	const struct vfv_nova_scene *scene;
	struct vfv_nova_conf conf;
	struct vfv_nova_entry *entries; /* owned array of entry_count, in the order of the files */
	size_t entry_count;
	struct vfv_nova_alias *aliases; /* owned array of alias_count, likewise */
	size_t alias_count;
	bool refused; /* an entry that Nova refuses; it would not start */
	struct vfv_findings *findings;
};

/*
 * The JSON of a setting: an object, or for device_spec also a list; NULL, with a finding of a topic,
 * when it is neither. place: of the setting.
 */
struct json_object *vfv_nova_value(struct vfv_nova_look *look,
				   const struct vfv_nova_setting *setting, const char *place,
				   const char *topic);

/* "FILE:LINE" of a setting; owned by the caller; NULL: no memory, which is remembered. */
char *vfv_nova_place(struct vfv_nova_look *look, const struct vfv_nova_setting *setting);

/* Each looks at one thing and adds what it finds. */
void vfv_nova_check_tags(struct vfv_nova_look *look, const struct vfv_nova_entry *entry);
void vfv_nova_check_classes(struct vfv_nova_look *look);
void vfv_nova_check_aliases(struct vfv_nova_look *look);
void vfv_nova_check_names(struct vfv_nova_look *look);
void vfv_nova_check_placement(struct vfv_nova_look *look);

/* The first entry that matches a VF, which is the one that counts; NULL: none. */
const struct vfv_nova_entry *vfv_nova_first(const struct vfv_nova_look *look,
					    const struct vfv_pf *pf, const struct vfv_vf *vf);

/* Whether a setting that is yes or no is on. */
bool vfv_nova_is_on(const struct vfv_nova_look *look, enum vfv_nova_key key);

#endif
