/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The facts that verbs look at, and which of them the operands mean. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus.h"
#include "cleanup.h"
#include "cli.h"
#include "facts.h"
#include "json.h"
#include "mark.h"

int vfv_view_read(struct vfv_cli *cli, unsigned int flags, struct vfv_view *ret_view,
		  struct vfv_error *ret_error)
{
	struct vfv_view view = {0};
	int ret;

	if (vfv_intents_read(cli->host, &view.intents) < 0)
		return vfv_no_memory(ret_error);
	ret = vfv_facts_read(cli->host, view.intents, NULL, flags, &view.model, ret_error);
	if (ret < 0) {
		vfv_view_clear(&view);
		return ret;
	}
	*ret_view = view;
	return 0;
}

int vfv_view_complete(struct vfv_cli *cli, struct vfv_view *view, struct vfv_error *ret_error)
{
	for (size_t i = 0; i < view->model->pf_count; i++)
		if (vfv_marks_apply(cli->host, &view->model->pfs[i]) < 0)
			return vfv_no_memory(ret_error);
	return 0;
}

static int read_here(struct vfv_cli *cli, unsigned int flags, struct vfv_view *ret_view,
		     struct vfv_error *ret_error)
{
	int ret = vfv_view_read(cli, flags, ret_view, ret_error);

	return ret < 0 ? ret : vfv_view_complete(cli, ret_view, ret_error);
}

/* The model as vfvirtd has it; without intents. */
static int ask_daemon(struct vfv_bus *bus, struct vfv_view *ret_view, struct vfv_error *ret_error)
{
	VFV_JSON struct json_object *object = NULL;
	VFV_FREE char *text = NULL;
	int ret;

	ret = vfv_bus_get_model(bus, &text, ret_error);
	if (ret < 0)
		return ret;
	ret = vfv_json_parse("vfvirtd", text, strlen(text), VFV_ERROR_INTERNAL, &object, ret_error);
	if (ret < 0)
		return ret;
	return vfv_model_from_json(object, &ret_view->model, ret_error);
}

int vfv_view_get(struct vfv_cli *cli, unsigned int flags, struct vfv_view *ret_view,
		 struct vfv_error *ret_error)
{
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_view view = {0};
	struct vfv_bus *bus = NULL;
	int ret;

	if (vfv_bus_open(&bus, &error) < 0)
		return read_here(cli, flags, ret_view, ret_error);
	ret = ask_daemon(bus, &view, &error);
	vfv_bus_close(bus);
	if (ret < 0) {
		/* Who may not ask is not told so each time: the facts are there for everybody. */
		if (error.code != VFV_ERROR_ACCESS)
			vfv_tell("%s; reading the facts without it", error.text);
		return read_here(cli, flags, ret_view, ret_error);
	}
	*ret_view = view;
	return 0;
}

void vfv_view_clear(struct vfv_view *view)
{
	vfv_model_free(view->model);
	vfv_intents_free(view->intents);
	*view = (struct vfv_view){0};
}

const struct vfv_address *vfv_chosen_address(const struct vfv_chosen *chosen)
{
	return chosen->vf ? &chosen->vf->address : &chosen->pf->address;
}

void vfv_chosen_label(const struct vfv_chosen *chosen, char *ret_text, size_t size)
{
	char address[VFV_ADDRESS_BYTES];

	if (chosen->vf)
		vfv_vf_label(chosen->pf, chosen->vf, ret_text, size);
	else
		snprintf(ret_text, size, "%s",
			 chosen->pf->name ? chosen->pf->name
					  : vfv_address_format(&chosen->pf->address, address));
}

/* A PF comes before its VFs. */
static int compare(const void *a, const void *b)
{
	const struct vfv_chosen *one = a, *other = b;
	int ret = vfv_address_compare(&one->pf->address, &other->pf->address);

	if (ret == 0)
		ret = (one->vf != NULL) - (other->vf != NULL);
	if (ret == 0 && one->vf)
		ret = (one->vf->vf_index > other->vf->vf_index) -
		      (one->vf->vf_index < other->vf->vf_index);
	return ret;
}

int vfv_select_operands(struct vfv_cli *cli, struct vfv_model *model, unsigned int select_flags,
			struct vfv_chosen **ret_chosen, size_t *ret_count,
			struct vfv_error *ret_error)
{
	VFV_FREE struct vfv_chosen *all = NULL;
	size_t count = 0, kept = 0;

	for (int i = 0; i < cli->arguments.operand_count; i++) {
		VFV_FREE struct vfv_chosen *some = NULL;
		struct vfv_chosen *grown;
		size_t some_count;
		int ret = vfv_select(model, cli->arguments.operands[i], select_flags, &some,
				     &some_count, ret_error);

		if (ret < 0)
			return ret;
		grown = reallocarray(all, count + some_count, sizeof(*grown));
		if (!grown)
			return vfv_no_memory(ret_error);
		all = grown;
		memcpy(all + count, some, some_count * sizeof(*some));
		count += some_count;
	}
	qsort(all, count, sizeof(*all), compare);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || compare(&all[kept - 1], &all[i]) != 0)
			all[kept++] = all[i];
	*ret_chosen = vfv_take(all);
	*ret_count = kept;
	return 0;
}

static bool is_chosen(const struct vfv_chosen *chosen, size_t count, const struct vfv_pf *pf,
		      const struct vfv_vf *vf)
{
	for (size_t i = 0; i < count; i++)
		if (chosen[i].pf == pf && chosen[i].vf == vf)
			return true;
	return false;
}

/* Take the VFs that were not chosen out of a PF's object; returns how many are left. */
static size_t keep_vfs(struct json_object *object, const struct vfv_pf *pf,
		       const struct vfv_chosen *chosen, size_t count)
{
	struct json_object *vfs;

	if (!json_object_object_get_ex(object, "vfs", &vfs))
		return 0;
	for (size_t i = pf->vf_count; i-- > 0;)
		if (!is_chosen(chosen, count, pf, &pf->vfs[i]))
			json_object_array_del_idx(vfs, i, 1);
	return json_object_array_length(vfs);
}

struct json_object *vfv_chosen_to_json(const struct vfv_model *model,
				       const struct vfv_chosen *chosen, size_t count)
{
	struct json_object *object = vfv_model_to_json(model), *pfs;

	if (!object || !json_object_object_get_ex(object, "pfs", &pfs))
		return object;
	for (size_t i = model->pf_count; i-- > 0;) {
		const struct vfv_pf *pf = &model->pfs[i];

		if (!is_chosen(chosen, count, pf, NULL) &&
		    keep_vfs(json_object_array_get_idx(pfs, i), pf, chosen, count) == 0)
			json_object_array_del_idx(pfs, i, 1);
	}
	return object;
}
