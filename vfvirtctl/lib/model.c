/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PFs and VFs as facts: making, finding, naming and freeing them. */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const state_names[VFV_VF_STATE_COUNT] = {
	[VFV_VF_CREATED] = "created", [VFV_VF_BOUND] = "bound",	  [VFV_VF_PUBLISHED] = "published",
	[VFV_VF_IN_USE] = "in-use",   [VFV_VF_FAILED] = "failed", [VFV_VF_FOREIGN] = "foreign",
};

static const char *const transport_names[VFV_TRANSPORT_COUNT] = {
	[VFV_TRANSPORT_AUTO] = "auto",
	[VFV_TRANSPORT_VFVIRT] = "vfvirt",
	[VFV_TRANSPORT_INTREE] = "intree",
	[VFV_TRANSPORT_NONE] = "none",
};

const char *vfv_vf_state_name(enum vfv_vf_state state)
{
	return (unsigned int)state < VFV_VF_STATE_COUNT ? state_names[state] : "unknown";
}

const char *vfv_transport_name(enum vfv_transport transport)
{
	return (unsigned int)transport < VFV_TRANSPORT_COUNT ? transport_names[transport]
							     : "unknown";
}

struct vfv_model *vfv_model_new(void)
{
	return calloc(1, sizeof(struct vfv_model));
}

static void vf_clear(struct vfv_vf *vf)
{
	free(vf->driver);
	free(vf->driver_override);
	free(vf->group_obstacle);
	free(vf->vfio_name);
	free(vf->netdev);
	free(vf->legacy_reason);
	free(vf->claim_uuid);
	free(vf->domain);
	free(vf->reason);
	for (size_t i = 0; i < vf->user_count; i++)
		free(vf->users[i].command);
	free(vf->users);
}

static void pf_clear(struct vfv_pf *pf)
{
	free(pf->name);
	free(pf->intent_path);
	free(pf->path);
	free(pf->serial);
	free(pf->driver);
	free(pf->driver_override);
	free(pf->class_driver);
	free(pf->netdev);
	free(pf->legacy_reason);
	free(pf->owner_state);
	free(pf->failure);
	for (size_t i = 0; i < pf->vf_count; i++)
		vf_clear(&pf->vfs[i]);
	free(pf->vfs);
}

void vfv_model_free(struct vfv_model *model)
{
	if (!model)
		return;
	for (size_t i = 0; i < model->pf_count; i++)
		pf_clear(&model->pfs[i]);
	free(model->pfs);
	free(model->kernel_problem);
	free(model);
}

struct vfv_pf *vfv_model_add_pf(struct vfv_model *model, const struct vfv_address *address)
{
	struct vfv_pf *grown = reallocarray(model->pfs, model->pf_count + 1, sizeof(*grown));
	size_t place = model->pf_count;

	if (!grown)
		return NULL;
	model->pfs = grown;
	while (place > 0 && vfv_address_compare(&grown[place - 1].address, address) > 0)
		place--;
	memmove(&grown[place + 1], &grown[place], (model->pf_count - place) * sizeof(*grown));
	model->pf_count++;
	grown[place] = (struct vfv_pf){
		.address = *address,
		.numa_node = VFV_UNKNOWN,
		.autoprobe = VFV_UNKNOWN,
		.transport = VFV_TRANSPORT_NONE,
		.legacy = VFV_UNKNOWN,
		.admin_queue_index = VFV_UNKNOWN,
		.admin_queue_num = VFV_UNKNOWN,
		.admin_queue_depth = VFV_UNKNOWN,
		.in_flight = VFV_UNKNOWN,
	};
	return &grown[place];
}

void vfv_model_drop_pf(struct vfv_model *model, struct vfv_pf *pf)
{
	size_t behind = model->pf_count - (size_t)(pf - model->pfs) - 1;

	pf_clear(pf);
	memmove(pf, pf + 1, behind * sizeof(*pf));
	model->pf_count--;
}

struct vfv_vf *vfv_pf_add_vf(struct vfv_pf *pf, unsigned int vf_index,
			     const struct vfv_address *address)
{
	struct vfv_vf *grown = reallocarray(pf->vfs, pf->vf_count + 1, sizeof(*grown));
	size_t place = pf->vf_count;

	if (!grown)
		return NULL;
	pf->vfs = grown;
	while (place > 0 && grown[place - 1].vf_index > vf_index)
		place--;
	memmove(&grown[place + 1], &grown[place], (pf->vf_count - place) * sizeof(*grown));
	pf->vf_count++;
	grown[place] = (struct vfv_vf){
		.vf_index = vf_index,
		.address = *address,
		.iommu_group = VFV_UNKNOWN,
		.numa_node = VFV_UNKNOWN,
		.legacy = VFV_UNKNOWN,
		.open_count = VFV_UNKNOWN,
		.sealed = VFV_UNKNOWN,
		.msix_on = VFV_UNKNOWN,
	};
	return &grown[place];
}

struct vfv_pf *vfv_model_find_pf(struct vfv_model *model, const struct vfv_address *address)
{
	for (size_t i = 0; i < model->pf_count; i++)
		if (vfv_address_compare(&model->pfs[i].address, address) == 0)
			return &model->pfs[i];
	return NULL;
}

struct vfv_vf *vfv_model_find_vf(struct vfv_model *model, const struct vfv_address *address,
				 struct vfv_pf **ret_pf)
{
	for (size_t i = 0; i < model->pf_count; i++) {
		struct vfv_pf *pf = &model->pfs[i];

		for (size_t j = 0; j < pf->vf_count; j++) {
			if (vfv_address_compare(&pf->vfs[j].address, address) == 0) {
				if (ret_pf)
					*ret_pf = pf;
				return &pf->vfs[j];
			}
		}
	}
	return NULL;
}

void vfv_vf_label(const struct vfv_pf *pf, const struct vfv_vf *vf, char *ret_text, size_t size)
{
	char address[VFV_ADDRESS_BYTES];

	if (pf->name)
		snprintf(ret_text, size, "%s/%u", pf->name, vf->vf_index);
	else
		snprintf(ret_text, size, "%s", vfv_address_format(&vf->address, address));
}
