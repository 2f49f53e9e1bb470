/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a plan stands when its worker has ended: told from the facts afterwards, not the plan. */
#include <string.h>

#include "cleanup.h"
#include "json.h"
#include "plan.h"
#include "request.h"
#include "text.h"

/* Numbers of VFs. */
struct sums {
	int bound, unbound, published;
};

static bool is_step(struct json_object *step, enum vfv_step_kind kind)
{
	const char *name;

	return !vfv_json_get_text(step, "step", &name) && !strcmp(name, vfv_step_name(kind));
}

static const struct vfv_vf *find_vf(const struct vfv_pf *pf, int64_t vf_index)
{
	for (size_t i = 0; i < pf->vf_count; i++)
		if (pf->vfs[i].vf_index == vf_index)
			return &pf->vfs[i];
	return NULL;
}

static void add_up(const struct vfv_pf *pf, struct json_object *steps, struct sums *sums)
{
	int64_t vf_index, probed = -1;

	for (size_t i = 0; i < json_object_array_length(steps); i++) {
		struct json_object *step = json_object_array_get_idx(steps, i);
		const struct vfv_vf *vf;
		const char *driver;

		if (vfv_json_get_number(step, "vf_index", 0, UINT32_MAX, &vf_index))
			continue;
		/* Which driver shall have taken it is said by the step that checks. */
		if (is_step(step, VFV_STEP_PROBE))
			probed = vf_index;
		vf = find_vf(pf, vf_index);
		if (!vf)
			continue;
		if (is_step(step, VFV_STEP_VERIFY) && probed == vf_index &&
		    !vfv_json_get_text(step, "driver", &driver))
			sums->bound +=
				vfv_text_equal(vf->driver, driver) && vf->state != VFV_VF_FAILED;
		sums->unbound += is_step(step, VFV_STEP_UNBIND) && !vf->driver;
		sums->published += is_step(step, VFV_STEP_PUBLISH) && vf->published;
	}
}

struct json_object *vfv_outcome_result(const struct vfv_outcome *outcome)
{
	struct json_object *result VFV_JSON = NULL;
	struct json_object *steps;
	const struct vfv_pf *pf;
	struct sums sums = {0};

	if (!outcome->model || outcome->model->pf_count != 1)
		return NULL;
	pf = &outcome->model->pfs[0];
	if (json_object_object_get_ex(outcome->plan, "steps", &steps) &&
	    json_object_is_type(steps, json_type_array))
		add_up(pf, steps, &sums);
	result = json_object_new_object();
	if (!result || !vfv_json_add_text(result, "driver", pf->driver) ||
	    !vfv_json_add_number(result, "vfs", pf->vfs_now) ||
	    !vfv_json_add_number(result, "bound", sums.bound) ||
	    !vfv_json_add_number(result, "unbound", sums.unbound) ||
	    !vfv_json_add_number(result, "published", sums.published))
		return NULL;
	return vfv_take(result);
}
