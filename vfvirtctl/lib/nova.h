/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What OpenStack Nova has to be told of VFs: the entries device_spec and alias of the section [pci]
 * of nova.conf. Pure.
 */
#ifndef VFV_LIB_NOVA_H
#define VFV_LIB_NOVA_H

#include <json-c/json.h>

#include "error.h"
#include "intent.h"
#include "model.h"

/* VFs and their PF bear the same numbers, so no rule that has only these can tell them apart. */
#define VFV_NOVA_VENDOR	 "1af4"
#define VFV_NOVA_PRODUCT "1041"
/* The trait of VFs that guests with legacy drivers can use. */
#define VFV_NOVA_TRAIT "CUSTOM_VFVIRT_LEGACY"
/* The class by which Nova counts devices of these numbers, where nobody names one. */
#define VFV_NOVA_DEFAULT_CLASS "CUSTOM_PCI_1AF4_1041"
/* Nova writes the domain of an address in four digits, and refuses more. */
#define VFV_NOVA_DOMAIN_MAX 0xffff

/* What a release of Nova takes. */
struct vfv_nova_rules {
	const char *name;     /* of the release, as on the command line */
	unsigned int version; /* of Nova */
	bool managed;	      /* device_spec may say "managed"; else libvirt moves the driver */
	bool alias_by_class;  /* alias may name resource_class, traits and live_migratable */
};

/* The rules of a release by its name; NULL: not one of vfv_nova_releases(). */
const struct vfv_nova_rules *vfv_nova_rules(const char *release);

/* The releases by index from 0; NULL behind the last. VFV_INTENT_RELEASE is one of them. */
const struct vfv_nova_rules *vfv_nova_release(size_t index);

/* The entries of one configuration file; vfv_nova_config_clear() accepts a zeroed one. */
struct vfv_nova_config {
	const struct vfv_nova_rules *rules; /* NULL: entries of several releases */
	struct json_object *specs;   /* owned array of device_spec entries, one a VF */
	struct json_object *aliases; /* owned array of alias entries, each once */
};

/* Why Nova must not have a VF, into ret_text; NULL: it may. Returns ret_text. */
const char *vfv_nova_obstacle(const struct vfv_vf *vf, char *ret_text, size_t size);
#define VFV_NOVA_OBSTACLE_BYTES 256

/* Begin an empty configuration; false: no memory. */
bool vfv_nova_config_start(struct vfv_nova_config *config, const struct vfv_nova_rules *rules);
void vfv_nova_config_clear(struct vfv_nova_config *config);

/**
 * vfv_nova_config_add - add a PF's VFs and the alias by which flavors ask for them
 * @config: begun
 * @pf: its VFs that have no vfv_nova_obstacle() are added, by address, never the PF itself
 * @intent: of the PF; NULL, or one without nova: the defaults
 * @alias: name of the alias, outdoing the intent's; NULL: that one
 *
 * Return: how many VFs were added, or -ENOMEM.
 */
int vfv_nova_config_add(struct vfv_nova_config *config, const struct vfv_pf *pf,
			const struct vfv_intent *intent, const char *alias);

/* The configuration as text of nova.conf; owned by the caller; NULL: no memory. */
char *vfv_nova_config_text(const struct vfv_nova_config *config);

/*
 * What the file in the run folder says of a PF, for publish.h: its VFs. Owned by the caller. 0 and
 * NULL: there is to be none, since no intent wants it or there is no VF. -ENOMEM.
 */
int vfv_nova_file_text(const struct vfv_pf *pf, const struct vfv_intent *intent, char **ret_text);

/*
 * What the file of the aliases says: those of all intents with nova, each once. Likewise; 0 and NULL:
 * no intent has nova.
 */
int vfv_nova_aliases_text(const struct vfv_intents *intents, char **ret_text);

/* {"schema": 1, "release": ..., "device_spec": [...], "alias": [...]}; NULL: no memory. */
struct json_object *vfv_nova_config_json(const struct vfv_nova_config *config);

#endif
