/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a model in JSON; one that is read must come out as it went in. */
#include "model.h"

#include <string.h>

#include "fuzz.h"
#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_object *object = NULL, *first, *second;
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_model *model, *again;

	if (vfv_json_parse("f", (const char *)data, size, VFV_ERROR_INTERNAL, &object, &error) < 0) {
		must(error.code == VFV_ERROR_INTERNAL);
		return 0;
	}
	if (vfv_model_from_json(object, &model, &error) < 0) {
		must(error.code == VFV_ERROR_INTERNAL);
		json_object_put(object);
		return 0;
	}
	first = vfv_model_to_json(model);
	must(vfv_model_from_json(first, &again, &error) == 0);
	second = vfv_model_to_json(again);
	must(strcmp(json_object_to_json_string(first), json_object_to_json_string(second)) == 0);
	json_object_put(first);
	json_object_put(second);
	json_object_put(object);
	vfv_model_free(model);
	vfv_model_free(again);
	return 0;
}
