/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The doctor for Nova: what entries say beside the place, aliases, placement. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "json.h"
#include "nova_check_parts.h"
#include "text.h"

/* Whether an alias or entry asks for a number that is ours, or for any. */
static bool may_be(struct json_object *object, const char *key, const char *ours)
{
	struct json_object *value;

	return !json_object_object_get_ex(object, key, &value) ||
	       (json_object_is_type(value, json_type_string) &&
		strcasecmp(json_object_get_string(value), ours) == 0);
}

/* ---- tags of device_spec ---- */

static void check_managed(struct vfv_nova_look *look, const struct vfv_nova_entry *entry)
{
	struct vfv_about about = {VFV_FINDING_FAIL, "nova-spec", entry->place,
				  "add \"managed\": \"no\" to the entry"};
	int managed = vfv_nova_spec_flag(&entry->spec, "managed");

	if (look->scene->rules->managed && managed != 0) {
		vfv_finding_add(
			look->findings, &about,
			"managed is not \"no\", so that libvirt rebinds the VF to a driver of "
			"its own choice");
	} else if (!look->scene->rules->managed && managed != VFV_NOVA_TAG_ABSENT) {
		about.level = VFV_FINDING_WARN;
		about.remedy = "take it out; see the finding about the release";
		vfv_finding_add(look->findings, &about, "managed is not known to Nova %s",
				look->scene->rules->name);
	}
}

static void check_migratable(struct vfv_nova_look *look, const struct vfv_nova_entry *entry)
{
	struct vfv_about about = {VFV_FINDING_FAIL, "nova-spec", entry->place,
				  "take live_migratable out"};
	int flag = vfv_nova_spec_flag(&entry->spec, "live_migratable");

	if (!look->scene->rules->managed || flag == VFV_NOVA_TAG_ABSENT)
		return;
	if (flag != 1)
		about.level = VFV_FINDING_WARN;
	vfv_finding_add(
		look->findings, &about,
		"live_migratable is set%s; with it, nova-compute does not start below libvirt "
		"10.0.0 and QEMU 8.2.2",
		flag == 1 ? ", and these VFs cannot migrate" : "");
}

void vfv_nova_check_tags(struct vfv_nova_look *look, const struct vfv_nova_entry *entry)
{
	struct vfv_about about = {VFV_FINDING_FAIL, "nova-spec", entry->place,
				  "take remote_managed out"};

	check_managed(look, entry);
	check_migratable(look, entry);
	if (vfv_nova_spec_flag(&entry->spec, "remote_managed") == 1)
		vfv_finding_add(look->findings, &about,
				"remote_managed needs a serial number in the VF's vital product "
				"data, which these VFs lack: Nova gives none of them to guests");
	about.level = VFV_FINDING_WARN;
	about.remedy = "take physical_network out, and ask for VFs by an alias in the flavor";
	if (vfv_nova_spec_tag(&entry->spec, "physical_network"))
		vfv_finding_add(look->findings, &about,
				"physical_network is for ports of Neutron, which cannot work with "
				"VFs of virtio, and keeps the VFs out of placement");
}

/* A tag as placement takes it: "" where there is none. */
static const char *class_of(const struct vfv_nova_entry *entry, const char *tag)
{
	const char *text = vfv_nova_spec_tag(&entry->spec, tag);

	return text ? text : "";
}

static void check_alike(struct vfv_nova_look *look, const struct vfv_nova_pf *row, const char *tag)
{
	const struct vfv_nova_entry *first = NULL;
	char address[VFV_ADDRESS_BYTES];
	struct vfv_about about = {vfv_nova_is_on(look, VFV_NOVA_REPORT_IN_PLACEMENT)
					  ? VFV_FINDING_FAIL
					  : VFV_FINDING_WARN,
				  "nova-placement", vfv_address_format(&row->pf->address, address),
				  "write the same into all entries of a PF's VFs"};

	for (size_t i = 0; i < row->pf->vf_count; i++) {
		const struct vfv_nova_entry *entry =
			vfv_nova_first(look, row->pf, &row->pf->vfs[i]);

		if (!entry)
			continue;
		if (!first)
			first = entry;
		if (strcasecmp(class_of(first, tag), class_of(entry, tag)) == 0)
			continue;
		vfv_finding_add(look->findings, &about,
				"its VFs have different %s, \"%s\" in %s and \"%s\" in %s, which "
				"placement refuses",
				tag, class_of(first, tag), first->place, class_of(entry, tag),
				entry->place);
		return;
	}
}

void vfv_nova_check_classes(struct vfv_nova_look *look)
{
	for (size_t i = 0; i < look->scene->pf_count; i++) {
		check_alike(look, &look->scene->pfs[i], "resource_class");
		check_alike(look, &look->scene->pfs[i], "traits");
	}
}

/* ---- aliases ---- */

/* Whether a release takes a key in an alias. */
static bool is_alias_key(const struct vfv_nova_rules *rules, const char *key)
{
	static const char *const keys[] = {"name",	     "capability_type", "vendor_id",
					   "product_id",     "device_type",	"numa_policy",
					   "resource_class", "traits",		"live_migratable"};
	size_t count = sizeof(keys) / sizeof(keys[0]) - (rules->alias_by_class ? 0 : 3);

	for (size_t i = 0; i < count; i++)
		if (strcmp(keys[i], key) == 0)
			return true;
	return false;
}

static const char *text_of(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) &&
			       json_object_is_type(value, json_type_string)
		       ? json_object_get_string(value)
		       : NULL;
}

/* Whether a number is written as aliases want it: four digits. */
static bool is_alias_id(struct json_object *alias, const char *key)
{
	const char *text = text_of(alias, key);
	uint64_t number;

	if (!json_object_object_get_ex(alias, key, NULL))
		return true;
	return text && strlen(text) == 4 && vfv_text_number(text, 16, 0xffff, &number) == 0;
}

/* Find why Nova refuses an alias; false: it does not. */
static bool is_refused(struct vfv_nova_look *look, struct json_object *alias,
		       struct vfv_about *about)
{
	static const char *const ids[] = {"vendor_id", "product_id"};
	char shown[VFV_SHOWN_BYTES];

	about->remedy = "take it out: nova-api refuses flavors with this alias";
	json_object_object_foreach(alias, key, value)
	{
		(void)value;
		if (is_alias_key(look->scene->rules, key))
			continue;
		vfv_finding_add(look->findings, about, "Nova %s takes no \"%s\" in an alias",
				look->scene->rules->name, vfv_text_show(key, strlen(key), shown));
		return true;
	}
	about->remedy = "write four hexadecimal digits, without 0x";
	for (size_t i = 0; i < 2; i++) {
		if (is_alias_id(alias, ids[i]))
			continue;
		vfv_finding_add(
			look->findings, about,
			"%s of an alias is four hexadecimal digits; device_spec takes 0x, an "
			"alias does not",
			ids[i]);
		return true;
	}
	about->remedy = "give it a name";
	if (text_of(alias, "name"))
		return false;
	vfv_finding_add(look->findings, about, "an alias without a name");
	return true;
}

/* A resource class as placement writes it, without what it puts before its own. */
static const char *bare_class(const char *text)
{
	return strncasecmp(text, "CUSTOM_", 7) == 0 ? text + 7 : text;
}

/* Placement finds a VF only by the class under which it is counted. */
static void check_class(struct vfv_nova_look *look, struct vfv_about *about, const char *asked)
{
	if (!vfv_nova_is_on(look, VFV_NOVA_PCI_IN_PLACEMENT))
		return;
	asked = asked ? asked : VFV_NOVA_DEFAULT_CLASS;
	about->remedy = "write the same resource_class into alias and device_spec";
	for (size_t i = 0; i < look->scene->pf_count; i++) {
		const struct vfv_pf *pf = look->scene->pfs[i].pf;
		const struct vfv_nova_entry *entry =
			pf->vf_count ? vfv_nova_first(look, pf, &pf->vfs[0]) : NULL;
		const char *counted = entry ? class_of(entry, "resource_class") : NULL;

		if (counted && !*counted)
			counted = VFV_NOVA_DEFAULT_CLASS;
		if (counted && strcasecmp(bare_class(asked), bare_class(counted)) != 0)
			vfv_finding_add(
				look->findings, about,
				"the alias asks for resource class %s, but %s counts VFs as "
				"%s: the scheduler finds none",
				asked, entry->place, counted);
	}
}

/* Whether an alias can mean our VFs; what is wrong with it becomes a finding. */
static void check_alias(struct vfv_nova_look *look, struct vfv_nova_alias *entry, bool *found)
{
	struct json_object *alias = entry->object;
	const char *type = text_of(alias, "device_type"), *name = entry->name;
	struct vfv_about about = {VFV_FINDING_FAIL, "nova-alias", entry->place,
				  "add \"device_type\": \"type-VF\""};
	char shown[VFV_SHOWN_BYTES];

	if (!may_be(alias, "vendor_id", VFV_NOVA_VENDOR) && is_alias_id(alias, "vendor_id"))
		return; /* for another card */
	if (is_refused(look, alias, &about))
		return;
	if (!may_be(alias, "product_id", VFV_NOVA_PRODUCT))
		return;
	entry->of_ours = true;
	about.remedy = "add \"device_type\": \"type-VF\"";
	if (!type || strcmp(type, "type-VF") != 0) {
		about.level = VFV_FINDING_WARN;
		vfv_finding_add(look->findings, &about,
				"device_type is not \"type-VF\", so that alias %s is not for VFs",
				vfv_text_show(name, strlen(name), shown));
		return;
	}
	if (look->scene->rules->alias_by_class)
		check_class(look, &about, text_of(alias, "resource_class"));
	*found = *found || !look->scene->alias || strcmp(look->scene->alias, name) == 0;
}

/* What Nova takes for a key of an alias that is not there. */
static const char *text_or(struct json_object *alias, const char *key, const char *fallback)
{
	const char *text = text_of(alias, key);

	return text ? text : fallback;
}

/* Whether Nova takes two aliases as one name for either: else it refuses both, and all others. */
static bool is_either(struct json_object *one, struct json_object *other)
{
	const char *type = text_of(one, "device_type");

	return type && vfv_text_equal(type, text_of(other, "device_type")) &&
	       !strcmp(text_or(one, "numa_policy", "legacy"),
		       text_or(other, "numa_policy", "legacy"));
}

/* Two aliases of one name, of which one at least may mean our VFs. */
static void add_same_name(struct vfv_nova_look *look, const struct vfv_nova_alias *first,
			  const struct vfv_nova_alias *second)
{
	struct vfv_about about = {VFV_FINDING_FAIL, "nova-alias", second->place,
				  "keep one of them, or give one another name (in an intent: "
				  "nova.alias)"};
	bool by_class = look->scene->rules->alias_by_class;
	char shown[VFV_SHOWN_BYTES];

	vfv_text_show(second->name, strlen(second->name), shown);
	if (!is_either(first->object, second->object)) {
		vfv_finding_add(look->findings, &about,
				"%s has another device_type or numa_policy than that of the same "
				"name in %s, so that Nova refuses every alias",
				shown, first->place);
		return;
	}
	if (by_class && vfv_nova_is_on(look, VFV_NOVA_PCI_IN_PLACEMENT)) {
		vfv_finding_add(look->findings, &about,
				"%s stands in %s too, and with pci_in_placement Nova refuses a "
				"name that is there twice",
				shown, first->place);
		return;
	}
	about.level = VFV_FINDING_WARN;
	vfv_finding_add(look->findings, &about,
			"%s stands in %s too, and Nova gives guests what either asks for%s", shown,
			first->place, by_class ? ", but nothing where pci_in_placement is on" : "");
}

/* Look for the first alias of the same name as one that was just read. */
static void check_same_name(struct vfv_nova_look *look, const struct vfv_nova_alias *second)
{
	for (const struct vfv_nova_alias *first = look->aliases; first < second; first++) {
		if (!second->name || !vfv_text_equal(first->name, second->name))
			continue;
		if (first->of_ours || second->of_ours)
			add_same_name(look, first, second);
		return;
	}
}

/* Whether flavors can ask for the VFs of a PF by its alias. */
static void check_found(struct vfv_nova_look *look, bool found)
{
	const char *name = look->scene->alias ? look->scene->alias : VFV_INTENT_ALIAS;
	VFV_FREE char *remedy = vfv_text("add one, here and for nova-api: see vfvirtctl nova "
					 "--release %s --alias %s",
					 look->scene->rules->name, name);
	struct vfv_about about = {VFV_FINDING_WARN, "nova-alias", NULL, remedy};

	if (!remedy)
		look->findings->no_memory = true;
	if (!found)
		vfv_finding_add(
			look->findings, &about,
			"no alias%s%s asks for VFs; it may stand in nova-api's configuration",
			look->scene->alias ? " " : "",
			look->scene->alias ? look->scene->alias : "");
}

/* Take an alias in; NULL: it is none, which becomes a finding. */
static struct vfv_nova_alias *add_alias(struct vfv_nova_look *look,
					const struct vfv_nova_setting *setting)
{
	VFV_FREE char *place = vfv_nova_place(look, setting);
	VFV_JSON struct json_object *object = vfv_nova_value(look, setting, place, "nova-alias");
	struct vfv_nova_alias *grown;

	if (!object)
		return NULL;
	grown = reallocarray(look->aliases, look->alias_count + 1, sizeof(*grown));
	if (!grown) {
		look->findings->no_memory = true;
		return NULL;
	}
	look->aliases = grown;
	grown += look->alias_count++;
	*grown = (struct vfv_nova_alias){.name = text_of(object, "name"), .place = vfv_take(place)};
	grown->object = vfv_take(object);
	return grown;
}

void vfv_nova_check_aliases(struct vfv_nova_look *look)
{
	bool found = false;

	for (size_t i = 0; i < look->conf.count; i++) {
		struct vfv_nova_alias *alias = NULL;

		if (look->conf.all[i].key == VFV_NOVA_ALIAS)
			alias = add_alias(look, &look->conf.all[i]);
		if (!alias)
			continue;
		check_alias(look, alias, &found);
		check_same_name(look, alias);
	}
	check_found(look, found);
}

/* ---- names, placement, and the release ---- */

void vfv_nova_check_names(struct vfv_nova_look *look)
{
	for (size_t i = 0; i < look->conf.count; i++) {
		const struct vfv_nova_setting *setting = &look->conf.all[i];
		bool spec = setting->key == VFV_NOVA_DEVICE_SPEC;
		VFV_FREE char *place = setting->old_name ? vfv_nova_place(look, setting) : NULL;
		struct vfv_about about = {VFV_FINDING_WARN, "nova-file", place,
					  spec ? "write it as device_spec in the section [pci]"
					       : "write it as alias in the section [pci]"};

		if (setting->old_name)
			vfv_finding_add(look->findings, &about,
					"an old name, which Nova %s still reads",
					look->scene->rules->name);
	}
}

void vfv_nova_check_placement(struct vfv_nova_look *look)
{
	const struct vfv_nova_setting *setting =
		vfv_nova_conf_last(&look->conf, VFV_NOVA_REPORT_IN_PLACEMENT);
	VFV_FREE char *place = setting ? vfv_nova_place(look, setting) : NULL;
	struct vfv_about about = {VFV_FINDING_WARN, "nova-placement", place,
				  "be sure before nova-compute starts with it"};

	if (vfv_nova_is_on(look, VFV_NOVA_REPORT_IN_PLACEMENT))
		vfv_finding_add(look->findings, &about,
				"report_in_placement cannot be turned off again once it was on");
	about = (struct vfv_about){VFV_FINDING_WARN, "nova-file", NULL,
				   "have libvirt 10 or newer, which picks vfvirt_vfio_pci, or let "
				   "libvirt's hook of vfvirt mend the driver: see vfvirtctl check"};
	if (!look->scene->rules->managed)
		vfv_finding_add(look->findings, &about,
				"Nova %s always lets libvirt rebind VFs (managed=\"yes\")",
				look->scene->rules->name);
}
