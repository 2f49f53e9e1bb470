/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vfvirtctl xml */
#include "cleanup.h"
#include "cli.h"
#include "facts.h"
#include "json.h"
#include "publish.h"

/* Append {"address": ..., "xml": ...}; false: no memory. */
static bool add_row(struct json_object *array, const struct vfv_address *address, const char *xml)
{
	struct json_object *row = json_object_new_object();
	char text[VFV_ADDRESS_BYTES];

	if (!row || json_object_array_add(array, row) < 0) {
		json_object_put(row);
		return false;
	}
	return vfv_json_add_text(row, "address", vfv_address_format(address, text)) &&
	       vfv_json_add_text(row, "xml", xml);
}

int vfv_cmd_xml(struct vfv_cli *cli, struct vfv_error *ret_error)
{
	__attribute__((cleanup(vfv_view_clear))) struct vfv_view view = {0};
	VFV_JSON struct json_object *object = json_object_new_object();
	struct json_object *array = json_object_new_array();
	VFV_FREE struct vfv_chosen *chosen = NULL;
	size_t count;
	int ret;

	if (!object || !vfv_json_add_number(object, "schema", VFV_JSON_SCHEMA_VERSION) ||
	    !vfv_json_add(object, "vfs", array))
		return vfv_no_memory(ret_error);
	ret = vfv_view_read(cli, 0, &view, ret_error);
	if (ret < 0)
		return ret;
	ret = vfv_select_operands(cli, view.model, VFV_SELECT_VF | VFV_SELECT_GLOB, &chosen, &count,
				  ret_error);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < count; i++) {
		const struct vfv_address *address = vfv_chosen_address(&chosen[i]);
		VFV_FREE char *xml = vfv_hostdev_xml(address);

		if (!xml || !add_row(array, address, xml))
			return vfv_no_memory(ret_error);
		if (!vfv_given(cli, VFV_OPTION_json))
			fputs(xml, cli->out);
	}
	if (vfv_given(cli, VFV_OPTION_json))
		return vfv_print_json(cli, vfv_take(object), ret_error);
	return VFV_EXIT_DONE;
}
