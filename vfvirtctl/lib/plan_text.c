/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plans in words and as JSON. */
#include <stdio.h>

#include "json.h"
#include "plan.h"

#define LINE_BYTES 200

static const char *const names[VFV_STEP_KIND_COUNT] = {
	[VFV_STEP_TRANSPORT] = "transport", [VFV_STEP_AUTOPROBE] = "autoprobe",
	[VFV_STEP_NUM_VFS] = "num-vfs",	    [VFV_STEP_SEAL] = "seal",
	[VFV_STEP_UNSEAL] = "unseal",	    [VFV_STEP_UNPUBLISH] = "unpublish",
	[VFV_STEP_UNBIND] = "unbind",	    [VFV_STEP_OVERRIDE] = "override",
	[VFV_STEP_PROBE] = "probe",	    [VFV_STEP_VERIFY] = "verify",
	[VFV_STEP_PUBLISH] = "publish",
};

const char *vfv_step_name(enum vfv_step_kind kind)
{
	return (unsigned int)kind < VFV_STEP_KIND_COUNT ? names[kind] : "unknown";
}

/* What a step does, in words: with a driver or a number behind it, and without. */
static const struct phrase {
	const char *with, *without;
} phrases[VFV_STEP_KIND_COUNT] = {
	[VFV_STEP_TRANSPORT] = {"bind the PF to", "bind the PF"},
	[VFV_STEP_AUTOPROBE] = {"set sriov_drivers_autoprobe to",
				"set sriov_drivers_autoprobe to 0"},
	[VFV_STEP_NUM_VFS] = {"set the number of VFs to", "remove all VFs"},
	[VFV_STEP_SEAL] = {NULL, "seal against being opened"},
	[VFV_STEP_UNSEAL] = {NULL, "let be opened again"},
	[VFV_STEP_UNPUBLISH] = {NULL, "remove the hostdev file"},
	[VFV_STEP_UNBIND] = {"unbind from", "unbind"},
	[VFV_STEP_OVERRIDE] = {"set driver_override to", "clear driver_override"},
	[VFV_STEP_PROBE] = {NULL, "let its driver take it"},
	[VFV_STEP_VERIFY] = {"check that it works with", "check that it works"},
	[VFV_STEP_PUBLISH] = {NULL, "write the hostdev file"},
};

/* "0000:3b:00.2", or "VF 3 of 0000:3b:00.0" for one that does not exist yet. */
static const char *object(const struct vfv_pf *pf, const struct vfv_step *step,
			  char ret_text[LINE_BYTES])
{
	static const struct vfv_address none;
	char address[VFV_ADDRESS_BYTES];

	if (step->vf_index != VFV_STEP_PF && !vfv_address_compare(&step->address, &none))
		snprintf(ret_text, LINE_BYTES, "VF %d of %s", step->vf_index,
			 vfv_address_format(&pf->address, address));
	else
		snprintf(ret_text, LINE_BYTES, "%s", vfv_address_format(&step->address, address));
	return ret_text;
}

const char *vfv_step_describe(const struct vfv_pf *pf, const struct vfv_step *step, char *ret_text,
			      size_t size)
{
	const struct phrase *phrase = &phrases[step->kind];
	char who[LINE_BYTES], number[16] = "";
	const char *value = step->text;

	if (step->number && !value) {
		snprintf(number, sizeof(number), "%u", step->number);
		value = number;
	}
	object(pf, step, who);
	if (value && *value && phrase->with)
		snprintf(ret_text, size, "%s: %s %.100s", who, phrase->with, value);
	else
		snprintf(ret_text, size, "%s: %s", who, phrase->without);
	return ret_text;
}

static struct json_object *step_to_json(const struct vfv_pf *pf, const struct vfv_step *step)
{
	struct json_object *json = json_object_new_object();
	static const struct vfv_address none;
	char line[LINE_BYTES], address[VFV_ADDRESS_BYTES];
	bool exists = vfv_address_compare(&step->address, &none) != 0;
	bool ok;

	ok = json && vfv_json_add_text(json, "step", vfv_step_name(step->kind)) &&
	     vfv_json_add_text(json, "address",
			       exists ? vfv_address_format(&step->address, address) : NULL);
	if (ok && step->vf_index != VFV_STEP_PF)
		ok = vfv_json_add_number(json, "vf_index", step->vf_index);
	if (ok && (step->kind == VFV_STEP_NUM_VFS || step->kind == VFV_STEP_AUTOPROBE))
		ok = vfv_json_add_number(json, "number", step->number);
	if (ok && step->text)
		ok = vfv_json_add_text(json, "driver", step->text);
	if (ok)
		ok = vfv_json_add_text(json, "text",
				       vfv_step_describe(pf, step, line, sizeof(line)));
	if (ok)
		return json;
	json_object_put(json);
	return NULL;
}

struct json_object *vfv_plan_to_json(const struct vfv_pf *pf, const struct vfv_plan *plan)
{
	struct json_object *json = json_object_new_object();
	struct json_object *steps = json_object_new_array();
	bool ok = json && steps;

	for (size_t i = 0; i < plan->count && ok; i++) {
		struct json_object *step = step_to_json(pf, &plan->steps[i]);

		ok = step && !json_object_array_add(steps, step);
	}
	/* The array belongs to the object, or to nobody when that could not be done. */
	if (!json || !vfv_json_add(json, "steps", ok ? json_object_get(steps) : NULL))
		ok = false;
	json_object_put(steps);
	ok = ok && vfv_json_add_bool(json, "pending_reboot", plan->pending_reboot) &&
	     vfv_json_add_text(json, "notice", plan->notice);
	if (ok)
		return json;
	json_object_put(json);
	return NULL;
}
