/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon knows: facts told by workers replace older ones, and who listens is told. */
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "bus.h"
#include "cleanup.h"
#include "daemon.h"
#include "domains.h"
#include "journal.h"
#include "text.h"

#define STATUS_BYTES 256

unsigned int vfv_limit_ms(const char *variable, unsigned int usual)
{
	const char *text = getenv(variable);
	uint64_t number;

	if (!text || vfv_text_number(text, 10, 3600000, &number) || !number)
		return usual;
	return (unsigned int)number;
}

/* MACs are not read each time: the card would be asked for each VF. A VF keeps its own. */
static void keep_macs(const struct vfv_pf *old, struct vfv_pf *new)
{
	for (size_t i = 0; i < new->vf_count &&i < old->vf_count; i++) {
		struct vfv_vf *vf = &new->vfs[i];

		if (vf->has_mac || !old->vfs[i].has_mac ||
		    vfv_address_compare(&vf->address, &old->vfs[i].address))
			continue;
		vf->has_mac = true;
		memcpy(vf->mac, old->vfs[i].mac, sizeof(vf->mac));
	}
}

static void take_kernel_facts(struct vfv_model *known, struct vfv_model *told)
{
	known->kernel_contract_ok = told->kernel_contract_ok;
	free(known->kernel_problem);
	known->kernel_problem = vfv_take(told->kernel_problem);
}

static void tell_news(const struct vfv_pf *old, const struct vfv_pf *new)
{
	struct vfv_subject subject = {.pf = &new->address};
	char address[VFV_ADDRESS_BYTES];

	vfv_address_format(&new->address, address);
	if (!old)
		vfv_journal(VFV_MESSAGE_APPEARED, &subject, "%s: a PF with at most %u VFs", address,
			    new->vfs_max);
	if (new->pending_reboot && !(old && old->pending_reboot))
		vfv_journal(VFV_MESSAGE_PENDING_REBOOT, &subject,
			    "%s: its interface %s is in use: it changes over to transport %s at "
			    "the next boot",
			    address, new->netdev ? new->netdev : "",
			    vfv_transport_name(new->transport_intended));
}

void vfv_daemon_take(struct vfv_daemon *daemon, struct vfv_outcome *outcome)
{
	struct vfv_model *told = vfv_take(outcome->model);
	struct vfv_pf *old, swap;

	if (!told)
		return;
	if (told->pf_count != 1) {
		vfv_model_free(told);
		return;
	}
	take_kernel_facts(daemon->model, told);
	vfv_domains_complete(daemon->domains, &told->pfs[0]);
	old = vfv_model_find_pf(daemon->model, &told->pfs[0].address);
	if (old) {
		keep_macs(old, &told->pfs[0]);
		swap = *old;
		*old = told->pfs[0];
		told->pfs[0] = swap;
		tell_news(&told->pfs[0], old);
		vfv_bus_pf_changed(daemon->bus, &told->pfs[0], old);
	} else {
		struct vfv_pf *new = vfv_model_add_pf(daemon->model, &told->pfs[0].address);

		if (new) {
			swap = *new;
			*new = told->pfs[0];
			told->pfs[0] = swap;
			tell_news(NULL, new);
			vfv_bus_pf_changed(daemon->bus, NULL, new);
		}
	}
	vfv_model_free(told);
	vfv_daemon_update_status(daemon);
}

void vfv_daemon_drop(struct vfv_daemon *daemon, const struct vfv_address *pf)
{
	struct vfv_pf *known = vfv_model_find_pf(daemon->model, pf);
	struct vfv_subject subject = {.pf = pf};
	char address[VFV_ADDRESS_BYTES];

	if (!known)
		return;
	vfv_journal(VFV_MESSAGE_VANISHED, &subject, "%s: the PF is gone",
		    vfv_address_format(pf, address));
	vfv_bus_pf_changed(daemon->bus, known, NULL);
	vfv_model_drop_pf(daemon->model, known);
	vfv_daemon_update_status(daemon);
}

void vfv_daemon_set_failure(struct vfv_daemon *daemon, const struct vfv_address *pf,
			    const char *failure)
{
	struct vfv_pf *known = pf ? vfv_model_find_pf(daemon->model, pf) : NULL;
	struct vfv_pf before;

	if (!pf) {
		free(daemon->failure);
		daemon->failure = failure ? strdup(failure) : NULL;
		vfv_daemon_update_status(daemon);
		return;
	}
	/* A PF whose facts could never be read is known by its trouble alone. */
	if (!known && failure)
		known = vfv_model_add_pf(daemon->model, pf);
	if (!known || vfv_text_equal(known->failure, failure))
		return;
	before = *known;
	known->failure = failure ? strdup(failure) : NULL;
	vfv_bus_pf_changed(daemon->bus, &before, known);
	free(before.failure); /* the rest of it is known's */
	vfv_daemon_update_status(daemon);
}

void vfv_daemon_take_intent_errors(struct vfv_daemon *daemon, struct json_object *errors)
{
	bool same = json_object_equal(daemon->intent_errors, errors);

	if (same)
		return;
	json_object_put(daemon->intent_errors);
	daemon->intent_errors = json_object_get(errors);
	for (size_t i = 0; i < json_object_array_length(errors); i++)
		vfv_journal(VFV_MESSAGE_INTENT, NULL, "%s; ignoring the file",
			    json_object_get_string(json_object_array_get_idx(errors, i)));
	vfv_bus_manager_changed(daemon->bus, "IntentErrors");
}

void vfv_daemon_update_status(struct vfv_daemon *daemon)
{
	size_t vfs = 0, used = 0, failed = 0;
	const char *failure = daemon->failure;

	for (size_t i = 0; i < daemon->model->pf_count; i++) {
		const struct vfv_pf *pf = &daemon->model->pfs[i];

		failure = failure ? failure : pf->failure;
		vfs += pf->vf_count;
		for (size_t j = 0; j < pf->vf_count; j++) {
			used += pf->vfs[j].state == VFV_VF_IN_USE;
			failed += pf->vfs[j].state == VFV_VF_FAILED;
		}
	}
	sd_notifyf(false, "STATUS=%s%zu PFs, %zu VFs, %zu in use, %zu failed%s%.*s",
		   daemon->ready ? "" : "starting: ", daemon->model->pf_count, vfs, used, failed,
		   failure ? "; degraded: " : "", STATUS_BYTES, failure ? failure : "");
}
