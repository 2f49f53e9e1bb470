/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The doctor for Nova: which VFs it would miss, see twice, or confuse with their PF. */
#include "nova_check.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "host.h"
#include "json.h"
#include "nova_check_parts.h"
#include "text.h"

#define PER_VF "print entries that are right with: vfvirtctl nova"

char *vfv_nova_place(struct vfv_nova_look *look, const struct vfv_nova_setting *setting)
{
	char *place = vfv_text("%s:%u", setting->file, setting->line);

	if (!place)
		look->findings->no_memory = true;
	return place;
}

/* Any JSON, as the only member of an object, which is what our own parser takes; NULL: it is none. */
static struct json_object *parse(struct vfv_nova_look *look, const char *value)
{
	VFV_JSON struct json_object *outer = NULL;
	VFV_FREE char *text = vfv_text("{\"value\":%s}", value);
	struct vfv_error error = VFV_NO_ERROR;
	struct json_object *inner;

	if (text)
		vfv_json_parse("", text, strlen(text), VFV_ERROR_STORAGE, &outer, &error);
	if (!text || error.code == VFV_ERROR_NO_MEMORY)
		look->findings->no_memory = true;
	if (!outer || json_object_object_length(outer) != 1 ||
	    !json_object_object_get_ex(outer, "value", &inner))
		return NULL;
	return json_object_get(inner);
}

struct json_object *vfv_nova_value(struct vfv_nova_look *look,
				   const struct vfv_nova_setting *setting, const char *place,
				   const char *topic)
{
	struct vfv_about about = {VFV_FINDING_FAIL, topic, place,
				  "write an object of JSON in one line, or print one with: "
				  "vfvirtctl nova"};
	struct json_object *value = parse(look, setting->value);

	if (json_object_is_type(value, json_type_object) ||
	    (json_object_is_type(value, json_type_array) && setting->key == VFV_NOVA_DEVICE_SPEC))
		return value;
	json_object_put(value);
	vfv_finding_add(look->findings, &about,
			"is no object of JSON with each key once, so that Nova refuses it");
	return NULL;
}

const struct vfv_nova_entry *vfv_nova_first(const struct vfv_nova_look *look,
					    const struct vfv_pf *pf, const struct vfv_vf *vf)
{
	for (size_t i = 0; i < look->entry_count; i++)
		if (vfv_nova_spec_match(&look->entries[i].spec, pf, vf) == VFV_NOVA_MATCH_YES)
			return &look->entries[i];
	return NULL;
}

bool vfv_nova_is_on(const struct vfv_nova_look *look, enum vfv_nova_key key)
{
	const struct vfv_nova_setting *setting = vfv_nova_conf_last(&look->conf, key);

	return setting && vfv_nova_boolean(setting->value) == 1;
}

/* ---- reading the entries ---- */

/* Whether an interface is that of a virtio device, by the name of the device. */
static bool is_virtio(const struct vfv_host *host, const char *netdev)
{
	VFV_FREE char *path = strchr(netdev, '/')
				      ? NULL
				      : vfv_text("%s/class/net/%s/device", host->sysfs, netdev);
	char target[PATH_MAX], *last;
	ssize_t length = path ? readlink(path, target, sizeof(target) - 1) : -1;

	if (length < 0)
		return false;
	target[length] = '\0';
	last = strrchr(target, '/');
	return strncmp(last ? last + 1 : target, "virtio", 6) == 0;
}

static void check_devname(struct vfv_nova_look *look, const struct vfv_nova_entry *entry)
{
	const char *name = entry->spec.devname;
	struct vfv_about about = {VFV_FINDING_FAIL, "nova-spec", entry->place,
				  "name the VFs by address instead; " PER_VF};

	if (!name || !is_virtio(look->scene->host, name))
		return;
	look->refused = true;
	vfv_finding_add(
		look->findings, &about,
		"devname %s is the interface of a virtio device, at which nova-compute dies "
		"when it starts",
		name);
}

/* Take an entry in; what Nova refuses becomes a finding. */
static void add_entry(struct vfv_nova_look *look, const struct vfv_nova_setting *setting,
		      struct json_object *object)
{
	struct vfv_nova_entry entry = {.place = vfv_nova_place(look, setting)}, *grown;
	struct vfv_about about = {VFV_FINDING_FAIL, "nova-spec", entry.place, PER_VF};
	char why[VFV_NOVA_FAULT_BYTES];
	int ret = vfv_nova_spec_parse(object, look->scene->rules, &entry.spec, why);

	if (ret < 0) {
		look->refused = true;
		look->findings->no_memory |= ret != -EINVAL;
		if (ret == -EINVAL)
			vfv_finding_add(look->findings, &about, "%s, so that Nova does not start",
					why);
		free(entry.place);
		return;
	}
	grown = reallocarray(look->entries, look->entry_count + 1, sizeof(*grown));
	if (grown) {
		look->entries = grown;
		grown[look->entry_count++] = entry;
		return;
	}
	look->findings->no_memory = true;
	vfv_nova_spec_clear(&entry.spec);
	free(entry.place);
}

/* The entries of a setting: one, or a list of them. */
static void read_setting(struct vfv_nova_look *look, const struct vfv_nova_setting *setting)
{
	VFV_FREE char *place = vfv_nova_place(look, setting);
	VFV_JSON struct json_object *value = vfv_nova_value(look, setting, place, "nova-spec");

	look->refused |= !value;
	if (json_object_is_type(value, json_type_object))
		add_entry(look, setting, value);
	for (size_t i = 0;
	     json_object_is_type(value, json_type_array) && i < json_object_array_length(value);
	     i++)
		add_entry(look, setting, json_object_array_get_idx(value, i));
}

static void read_entries(struct vfv_nova_look *look)
{
	for (size_t i = 0; i < look->conf.count; i++)
		if (look->conf.all[i].key == VFV_NOVA_DEVICE_SPEC)
			read_setting(look, &look->conf.all[i]);
}

/* ---- VFs and PFs ---- */

/* Whether two entries say the same of what they match, the place aside. */
static bool is_alike(const struct vfv_nova_entry *one, const struct vfv_nova_entry *other)
{
	static const char *const tags[] = {"managed", "resource_class", "traits",
					   "physical_network", "live_migratable"};

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		if (!vfv_text_equal(vfv_nova_spec_tag(&one->spec, tags[i]),
				    vfv_nova_spec_tag(&other->spec, tags[i])))
			return false;
	return true;
}

/* What an address needs to be written as, for a remedy. */
static void add_missing(struct vfv_nova_look *look, const struct vfv_nova_pf *row,
			const struct vfv_vf *vf, bool unknown)
{
	__attribute__((cleanup(vfv_nova_config_clear))) struct vfv_nova_config config = {0};
	char label[128];
	struct vfv_pf one = *row->pf;
	struct vfv_vf copy = *vf;
	VFV_FREE char *remedy = NULL;
	struct vfv_about about = {unknown ? VFV_FINDING_WARN : VFV_FINDING_FAIL, "nova-vf", label,
				  NULL};

	one.vfs = &copy;
	one.vf_count = 1;
	if (vfv_nova_config_start(&config, look->scene->rules) &&
	    vfv_nova_config_add(&config, &one, row->intent, NULL) > 0)
		remedy =
			vfv_text("add: device_spec = %s",
				 json_object_to_json_string_ext(
					 json_object_array_get_idx(config.specs, 0),
					 JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
	if (!remedy)
		look->findings->no_memory = true;
	about.remedy = remedy;
	vfv_vf_label(row->pf, vf, label, sizeof(label));
	vfv_finding_add(look->findings, &about,
			unknown ? "only patterns that are not understood here may match it"
				: "Nova would miss it: no device_spec matches");
}

/* A VF that Nova would have and is not to. */
static void check_unwanted(struct vfv_nova_look *look, const struct vfv_nova_pf *row,
			   const struct vfv_vf *vf, const struct vfv_nova_entry *entry)
{
	char label[128], text[VFV_NOVA_OBSTACLE_BYTES];
	struct vfv_about about = {VFV_FINDING_WARN, "nova-vf", label,
				  "take it out of device_spec, or mend it; " PER_VF};
	const char *why = vfv_nova_obstacle(vf, text, sizeof(text));

	if (!row->wanted)
		why = "its PF is not meant for Nova";
	vfv_vf_label(row->pf, vf, label, sizeof(label));
	if (why)
		vfv_finding_add(look->findings, &about, "%s gives it to guests, but: %s",
				entry->place, why);
}

/* Entries behind the first one that matches a VF. */
static void check_twice(struct vfv_nova_look *look, const struct vfv_pf *pf,
			const struct vfv_vf *vf, const struct vfv_nova_entry *first)
{
	char label[128];
	struct vfv_about about = {VFV_FINDING_WARN, "nova-vf", label,
				  "keep one of the entries; " PER_VF};

	vfv_vf_label(pf, vf, label, sizeof(label));
	for (const struct vfv_nova_entry *entry = first + 1;
	     entry < look->entries + look->entry_count; entry++) {
		if (vfv_nova_spec_match(&entry->spec, pf, vf) != VFV_NOVA_MATCH_YES)
			continue;
		about.level = is_alike(first, entry) ? VFV_FINDING_WARN : VFV_FINDING_FAIL;
		vfv_finding_add(look->findings, &about,
				"Nova would see it twice: %s matches it after %s, which counts%s",
				entry->place, first->place,
				is_alike(first, entry) ? "" : " and says something else");
	}
}

/* Whether an entry with a pattern that is not understood may match a VF, or the PF. */
static bool may_match(const struct vfv_nova_look *look, const struct vfv_pf *pf,
		      const struct vfv_vf *vf)
{
	for (size_t i = 0; i < look->entry_count; i++)
		if (vfv_nova_spec_match(&look->entries[i].spec, pf, vf) == VFV_NOVA_MATCH_UNKNOWN)
			return true;
	return false;
}

static void check_vf(struct vfv_nova_look *look, const struct vfv_nova_pf *row,
		     const struct vfv_vf *vf)
{
	char text[VFV_NOVA_OBSTACLE_BYTES];
	const struct vfv_nova_entry *first = vfv_nova_first(look, row->pf, vf);

	if (!first) {
		if (row->wanted && !vfv_nova_obstacle(vf, text, sizeof(text)))
			add_missing(look, row, vf, may_match(look, row->pf, vf));
		return;
	}
	check_unwanted(look, row, vf, first);
	check_twice(look, row->pf, vf, first);
}

static void check_pf(struct vfv_nova_look *look, const struct vfv_nova_pf *row)
{
	const struct vfv_nova_entry *first = vfv_nova_first(look, row->pf, NULL);
	char address[VFV_ADDRESS_BYTES];
	struct vfv_about about = {VFV_FINDING_FAIL, "nova-pf",
				  vfv_address_format(&row->pf->address, address), PER_VF};

	if (first)
		vfv_finding_add(look->findings, &about,
				"Nova would confuse the PF with its VFs: %s matches it too%s",
				first->place,
				vfv_nova_is_on(look, VFV_NOVA_REPORT_IN_PLACEMENT)
					? ", and nova-compute refuses a PF beside its VFs"
					: ", so that a guest may get the PF, and all VFs go");
	else if (may_match(look, row->pf, NULL)) {
		about.level = VFV_FINDING_WARN;
		vfv_finding_add(look->findings, &about,
				"a pattern that is not understood here may match the PF");
	}
}

/* Entries for our kind of device that match nothing; those for other cards are not looked at. */
static void check_idle(struct vfv_nova_look *look, const struct vfv_nova_entry *entry)
{
	const char *vendor = vfv_nova_spec_tag(&entry->spec, "vendor_id");
	struct vfv_about about = {VFV_FINDING_WARN, "nova-spec", entry->place,
				  "is the VF there? Else take the entry out"};

	if (!entry->of_ours && entry->spec.ids && !entry->spec.devname && vendor &&
	    strcmp(vendor, "*") != 0 && !entry->spec.unknown)
		vfv_finding_add(look->findings, &about, "matches no PF or VF of this host");
}

/* Note which entries are about our cards. */
static void mark_entries(struct vfv_nova_look *look)
{
	for (size_t i = 0; i < look->entry_count; i++) {
		struct vfv_nova_entry *entry = &look->entries[i];

		for (size_t j = 0; j < look->scene->pf_count && !entry->of_ours; j++) {
			const struct vfv_pf *pf = look->scene->pfs[j].pf;

			entry->of_ours = vfv_nova_spec_match(&entry->spec, pf, NULL);
			for (size_t k = 0; k < pf->vf_count && !entry->of_ours; k++)
				entry->of_ours = vfv_nova_spec_match(&entry->spec, pf, &pf->vfs[k]);
		}
	}
}

static void look_at_all(struct vfv_nova_look *look)
{
	struct vfv_about about = {VFV_FINDING_OK, "nova-vf", NULL, NULL};
	size_t before, count = 0;

	read_entries(look);
	mark_entries(look);
	for (size_t i = 0; i < look->entry_count; i++) {
		check_devname(look, &look->entries[i]);
		check_idle(look, &look->entries[i]);
		if (look->entries[i].of_ours)
			vfv_nova_check_tags(look, &look->entries[i]);
	}
	before = look->findings->count;
	for (size_t i = 0; i < look->scene->pf_count; i++) {
		const struct vfv_nova_pf *row = &look->scene->pfs[i];

		check_pf(look, row);
		for (size_t j = 0; j < row->pf->vf_count; j++)
			check_vf(look, row, &row->pf->vfs[j]);
		count += row->wanted ? row->pf->vf_count : 0;
	}
	if (look->findings->count == before && !look->refused)
		vfv_finding_add(look->findings, &about, "%zu VFs, each matched once, and no PF",
				count);
	vfv_nova_check_classes(look);
	vfv_nova_check_aliases(look);
	vfv_nova_check_names(look);
	vfv_nova_check_placement(look);
}

static void clear(struct vfv_nova_look *look)
{
	for (size_t i = 0; i < look->entry_count; i++) {
		vfv_nova_spec_clear(&look->entries[i].spec);
		free(look->entries[i].place);
	}
	free(look->entries);
	for (size_t i = 0; i < look->alias_count; i++) {
		json_object_put(look->aliases[i].object);
		free(look->aliases[i].place);
	}
	free(look->aliases);
	vfv_nova_conf_clear(&look->conf);
}

/* Read the file and look; a negative errno when it cannot be read at all. */
static int look_at_file(struct vfv_nova_look *look, struct vfv_error *ret_error)
{
	struct vfv_about about = {VFV_FINDING_FAIL, "nova-file", NULL, "mend that line"};
	struct vfv_error error = VFV_NO_ERROR;
	int ret = vfv_nova_conf_read(look->scene->file, &look->conf, &error);

	if (ret == 0)
		look_at_all(look);
	else if (ret == -EBADMSG)
		vfv_finding_add(look->findings, &about, "%s, so that Nova does not start",
				error.text);
	else if (ret_error)
		*ret_error = error;
	return ret == -EBADMSG ? 0 : ret;
}

int vfv_nova_check(const struct vfv_nova_scene *scene, struct vfv_findings **ret_findings,
		   struct vfv_error *ret_error)
{
	struct vfv_nova_look look = {.scene = scene, .findings = calloc(1, sizeof(*look.findings))};
	int ret = look.findings ? look_at_file(&look, ret_error) : 0;

	clear(&look);
	if (ret == 0 && (!look.findings || look.findings->no_memory))
		ret = vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
	if (ret < 0)
		vfv_findings_free(look.findings);
	else
		*ret_findings = look.findings;
	return ret;
}
