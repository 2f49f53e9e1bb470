/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The entries device_spec and alias of nova.conf. */
#include "nova.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "json.h"
#include "text.h"

/* clang-format off */
static const struct vfv_nova_rules releases[] = {
	{ "zed",    26, .managed = false, .alias_by_class = false },
	{ "2025.1", 31, .managed = true,  .alias_by_class = true },
};
/* clang-format on */
#define RELEASE_COUNT (sizeof(releases) / sizeof(releases[0]))

const struct vfv_nova_rules *vfv_nova_release(size_t index)
{
	return index < RELEASE_COUNT ? &releases[index] : NULL;
}

const struct vfv_nova_rules *vfv_nova_rules(const char *release)
{
	for (size_t i = 0; i < RELEASE_COUNT; i++)
		if (strcmp(releases[i].name, release) == 0)
			return &releases[i];
	return NULL;
}

const char *vfv_nova_obstacle(const struct vfv_vf *vf, char *ret_text, size_t size)
{
	if (vf->address.domain > VFV_NOVA_DOMAIN_MAX)
		snprintf(ret_text, size, "Nova takes no PCI domain of more than four digits");
	else if (vf->state == VFV_VF_FAILED || vf->state == VFV_VF_FOREIGN)
		snprintf(ret_text, size, "%s",
			 vf->reason ? vf->reason : vfv_vf_state_name(vf->state));
	else
		return NULL;
	vfv_text_mend_end(ret_text);
	return ret_text;
}

bool vfv_nova_config_start(struct vfv_nova_config *config, const struct vfv_nova_rules *rules)
{
	config->rules = rules;
	config->specs = json_object_new_array();
	config->aliases = json_object_new_array();
	return config->specs && config->aliases;
}

void vfv_nova_config_clear(struct vfv_nova_config *config)
{
	json_object_put(config->specs);
	json_object_put(config->aliases);
	*config = (struct vfv_nova_config){0};
}

/* Add an object to an array, taking its reference; false: no memory. */
static bool append(struct json_object *array, struct json_object *object)
{
	if (object && json_object_array_add(array, object) == 0)
		return true;
	json_object_put(object);
	return false;
}

/*
 * Whether legacy guests can use the VFs of a PF. A degraded one says no to everything, and that
 * says nothing about the card.
 */
static bool is_legacy(const struct vfv_pf *pf)
{
	return pf->legacy != 0 || vfv_text_equal(pf->owner_state, "degraded");
}

/* What placement counts VFs by; Nova wants the same for all VFs of a PF. */
static bool add_class(struct json_object *object, const struct vfv_intent *intent, bool legacy)
{
	const char *resource_class = intent && intent->has_nova ? intent->nova_resource_class
								: VFV_INTENT_RESOURCE_CLASS;

	return vfv_json_add_text(object, "resource_class", resource_class) &&
	       (!legacy || vfv_json_add_text(object, "traits", VFV_NOVA_TRAIT));
}

/*
 * The entry of a VF. The ids are there so that another card in the same place is not taken for it;
 * managed "no", because libvirt would else rebind the VF by its own choice of a driver.
 */
static struct json_object *new_spec(const struct vfv_nova_rules *rules, const struct vfv_pf *pf,
				    const struct vfv_vf *vf, const struct vfv_intent *intent)
{
	VFV_JSON struct json_object *spec = json_object_new_object();
	char address[VFV_ADDRESS_BYTES];

	if (!spec ||
	    !vfv_json_add_text(spec, "address", vfv_address_format(&vf->address, address)) ||
	    !vfv_json_add_text(spec, "vendor_id", VFV_NOVA_VENDOR) ||
	    !vfv_json_add_text(spec, "product_id", VFV_NOVA_PRODUCT) ||
	    (rules->managed && !vfv_json_add_text(spec, "managed", "no")) ||
	    !add_class(spec, intent, is_legacy(pf)))
		return NULL;
	return vfv_take(spec);
}

/*
 * The alias of an intent, whatever its PF can do: PFs of one intent's words have one alias, and with
 * placement Nova refuses a name that stands for two. Without type-VF it would be served with a PF
 * just as well.
 */
static struct json_object *new_alias(const struct vfv_nova_rules *rules,
				     const struct vfv_intent *intent, const char *name)
{
	VFV_JSON struct json_object *alias = json_object_new_object();

	if (!alias || !vfv_json_add_text(alias, "name", name) ||
	    !vfv_json_add_text(alias, "vendor_id", VFV_NOVA_VENDOR) ||
	    !vfv_json_add_text(alias, "product_id", VFV_NOVA_PRODUCT) ||
	    !vfv_json_add_text(alias, "device_type", "type-VF") ||
	    (rules->alias_by_class && !add_class(alias, intent, true)))
		return NULL;
	return vfv_take(alias);
}

/* Add an alias unless the same one is there; takes its reference. false: no memory. */
static bool append_once(struct json_object *array, struct json_object *alias)
{
	for (size_t i = 0; alias && i < json_object_array_length(array); i++) {
		if (json_object_equal(json_object_array_get_idx(array, i), alias)) {
			json_object_put(alias);
			return true;
		}
	}
	return append(array, alias);
}

/* Add the entries of a PF's VFs; how many, or -ENOMEM. */
static int add_specs(struct vfv_nova_config *config, const struct vfv_pf *pf,
		     const struct vfv_intent *intent)
{
	char text[VFV_NOVA_OBSTACLE_BYTES];
	int count = 0;

	for (size_t i = 0; i < pf->vf_count; i++) {
		if (vfv_nova_obstacle(&pf->vfs[i], text, sizeof(text)))
			continue;
		if (!append(config->specs, new_spec(config->rules, pf, &pf->vfs[i], intent)))
			return -ENOMEM;
		count++;
	}
	return count;
}

int vfv_nova_config_add(struct vfv_nova_config *config, const struct vfv_pf *pf,
			const struct vfv_intent *intent, const char *alias)
{
	int count = add_specs(config, pf, intent);

	if (!alias)
		alias = intent && intent->has_nova ? intent->nova_alias : VFV_INTENT_ALIAS;
	if (count > 0 && !append_once(config->aliases, new_alias(config->rules, intent, alias)))
		return -ENOMEM;
	return count;
}

/* A line "KEY = ENTRY" for each entry. */
static void print_entries(FILE *out, const char *key, struct json_object *entries)
{
	for (size_t i = 0; i < json_object_array_length(entries); i++)
		fprintf(out, "%s = %s\n", key,
			json_object_to_json_string_ext(json_object_array_get_idx(entries, i),
						       JSON_C_TO_STRING_SPACED |
							       JSON_C_TO_STRING_NOSLASHESCAPE));
}

char *vfv_nova_config_text(const struct vfv_nova_config *config)
{
	VFV_FREE char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return NULL;
	fprintf(out, "# For OpenStack Nova%s%s, made by vfvirt.%s\n[pci]\n",
		config->rules ? " " : "", config->rules ? config->rules->name : "",
		json_object_array_length(config->aliases) > 0 ? " nova-api needs the alias too."
							      : "");
	print_entries(out, "device_spec", config->specs);
	print_entries(out, "alias", config->aliases);
	return fclose(out) == 0 ? vfv_take(text) : NULL;
}

/* The text of a configuration that has count entries, and clear it; count may be an error. */
static int end_file(struct vfv_nova_config *config, int count, char **ret_text)
{
	*ret_text = count > 0 ? vfv_nova_config_text(config) : NULL;
	vfv_nova_config_clear(config);
	if (count > 0 && !*ret_text)
		return -ENOMEM;
	return count < 0 ? count : 0;
}

int vfv_nova_file_text(const struct vfv_pf *pf, const struct vfv_intent *intent, char **ret_text)
{
	struct vfv_nova_config config = {0};
	int count = 0;

	if (intent && intent->has_nova)
		count = vfv_nova_config_start(&config, vfv_nova_rules(intent->nova_release))
				? add_specs(&config, pf, intent)
				: -ENOMEM;
	return end_file(&config, count, ret_text);
}

int vfv_nova_aliases_text(const struct vfv_intents *intents, char **ret_text)
{
	struct vfv_nova_config config = {0};
	int count = vfv_nova_config_start(&config, NULL) ? 0 : -ENOMEM;

	for (size_t i = 0; i < intents->count && count >= 0; i++) {
		const struct vfv_intent *intent = &intents->all[i];

		if (!intent->has_nova)
			continue;
		count++;
		if (!append_once(config.aliases, new_alias(vfv_nova_rules(intent->nova_release),
							   intent, intent->nova_alias)))
			count = -ENOMEM;
	}
	return end_file(&config, count, ret_text);
}

struct json_object *vfv_nova_config_json(const struct vfv_nova_config *config)
{
	VFV_JSON struct json_object *object = json_object_new_object();

	if (!object || !vfv_json_add_number(object, "schema", VFV_JSON_SCHEMA_VERSION) ||
	    !vfv_json_add_text(object, "release", config->rules->name) ||
	    !vfv_json_add(object, "device_spec", json_object_get(config->specs)) ||
	    !vfv_json_add(object, "alias", json_object_get(config->aliases)))
		return NULL;
	return vfv_take(object);
}
