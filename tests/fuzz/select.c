/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as the name of a PF or VF; the first byte says what is allowed. */
#include "select.h"

#include <string.h>

#include "fuzz.h"

static struct vfv_model *example(void)
{
	struct vfv_address address = { .bus = 0x3b };
	struct vfv_model *model = vfv_model_new();

	for (int i = 0; i < 2; i++) {
		struct vfv_pf *pf;

		address.device = i;
		pf = vfv_model_add_pf(model, &address);
		pf->name = strdup(i ? "dpu1" : "dpu0");
		pf->netdev = strdup(i ? "dpu0" : "ens1f0"); /* one name with two meanings */
		for (int j = 1; j < 4; j++) {
			address.function = j;
			must(vfv_pf_add_vf(pf, j - 1, &address));
		}
		address.function = 0;
	}
	return model;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_chosen *chosen = NULL;
	struct vfv_model *model;
	size_t count = 0;
	char *name;

	if (size == 0 || size > 200)
		return 0;
	name = strndup((const char *)data + 1, size - 1);
	model = example();
	if (vfv_select(model, name, data[0], &chosen, &count, &error) < 0) {
		must(error.code != VFV_ERROR_NONE && !chosen);
	} else {
		must(count >= 1 && count <= 8);
		must(count == 1 || (data[0] & VFV_SELECT_GLOB));
	}
	free(chosen);
	vfv_model_free(model);
	free(name);
	return 0;
}
