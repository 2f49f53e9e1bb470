/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a nova.conf, and what stands in it as entries of device_spec. */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "nova_conf.h"
#include "nova_spec.h"

/* A value as an entry, matched with a PF and a VF. */
static void try_entry(const char *value, const struct vfv_nova_rules *rules)
{
	static const struct vfv_pf pf = {.address = {.bus = 0x3b}};
	static const struct vfv_vf vf = {.address = {.bus = 0x3b, .function = 1}};
	struct json_object *entry = json_tokener_parse(value);
	char why[VFV_NOVA_FAULT_BYTES] = "";
	struct vfv_nova_spec spec;

	if (vfv_nova_spec_parse(entry, rules, &spec, why) < 0) {
		must(*why);
	} else {
		must(!spec.devname || !vfv_nova_spec_match(&spec, &pf, NULL));
		vfv_nova_spec_match(&spec, &pf, &vf);
		vfv_nova_spec_clear(&spec);
	}
	json_object_put(entry);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_nova_conf conf = {0};
	int ret = vfv_nova_conf_parse("f", (const char *)data, size, &conf, &error);

	must(ret == 0 || (ret == -EBADMSG && strncmp(error.text, "f:", 2) == 0));
	must(conf.count <= VFV_NOVA_SETTINGS_MAX);
	for (size_t i = 0; i < conf.count; i++) {
		must(conf.all[i].line > 0 && conf.all[i].value && conf.all[i].file);
		if (conf.all[i].key != VFV_NOVA_DEVICE_SPEC)
			continue;
		try_entry(conf.all[i].value, vfv_nova_release(0));
		try_entry(conf.all[i].value, vfv_nova_release(1));
	}
	vfv_nova_conf_clear(&conf);
	return 0;
}
