/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The doctor's look at cards, their VFs, and what files want of them. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "check_parts.h"
#include "cleanup.h"
#include "host.h"
#include "intent.h"
#include "text.h"
#include "users.h"

#define ADMIN_VQ_BIT 41 /* VIRTIO_F_ADMIN_VQ */

/* How a PF is called in the report. */
static const char *pf_label(const struct vfv_pf *pf, char ret_text[VFV_ADDRESS_BYTES])
{
	return pf->name ? pf->name : vfv_address_format(&pf->address, ret_text);
}

/*
 * Whether the PF's virtio device has negotiated administration queues: 1, 0; VFV_UNKNOWN: it has no
 * virtio device now. The file has one digit for each feature bit.
 */
static int negotiated_admin_queue(const struct vfv_check_scene *scene, const struct vfv_pf *pf)
{
	char address[VFV_ADDRESS_BYTES];
	VFV_FREE char *path = vfv_text("%s/bus/pci/devices/%s", scene->host->sysfs,
				       vfv_address_format(&pf->address, address));
	DIR *folder = path ? opendir(path) : NULL;
	int ret = VFV_UNKNOWN;

	for (struct dirent *entry; folder && (entry = readdir(folder));) {
		VFV_FREE char *file = NULL, *bits = NULL;

		if (strncmp(entry->d_name, "virtio", 6) != 0)
			continue;
		file = vfv_text("%s/%s/features", path, entry->d_name);
		bits = file ? vfv_check_read_line(file) : NULL;
		if (bits && strlen(bits) > ADMIN_VQ_BIT)
			ret = bits[ADMIN_VQ_BIT] == '1';
	}
	if (folder)
		closedir(folder);
	return ret;
}

/* How vfvirt_pf, which can tell of legacy registers, gets the PF. */
static const char *remedy_for_unknown(const struct vfv_pf *pf)
{
	if (!pf->intent_path)
		return "vfvirtctl create binds the PF to vfvirt_pf, which can tell";
	if (pf->transport_intended == VFV_TRANSPORT_INTREE)
		return "make \"transport\" in its intent file \"vfvirt\", then vfvirtctl apply";
	return "vfvirtctl apply binds the PF to vfvirt_pf, which can tell";
}

static void check_legacy(const struct vfv_check_scene *scene, struct vfv_findings *findings,
			 const struct vfv_pf *pf)
{
	char label[VFV_ADDRESS_BYTES];
	struct vfv_about about = {VFV_FINDING_OK, "card", pf_label(pf, label), NULL};
	const char *driver = pf->driver ? pf->driver : "no driver";

	if (pf->legacy == 1) {
		vfv_finding_add(findings, &about,
				"offers legacy registers over its administration queue (bit 41), "
				"provider %s",
				vfv_transport_name(pf->transport));
	} else if (pf->legacy == 0) {
		about.level = VFV_FINDING_FAIL;
		about.remedy = pf->legacy_remedy;
		vfv_finding_add(findings, &about, "offers no legacy registers: %s",
				pf->legacy_reason ? pf->legacy_reason : "reason unknown");
	} else if (negotiated_admin_queue(scene, pf) == 1) {
		vfv_finding_add(findings, &about, "offers administration queues (bit 41)");
	} else {
		about.level = VFV_FINDING_WARN;
		about.remedy = remedy_for_unknown(pf);
		vfv_finding_add(
			findings, &about,
			"cannot tell whether it offers administration queues (bit 41): it is "
			"on %s",
			driver);
	}
}

static void check_pf(const struct vfv_check_scene *scene, struct vfv_findings *findings,
		     const struct vfv_pf *pf)
{
	char label[VFV_ADDRESS_BYTES];
	struct vfv_about about = {VFV_FINDING_WARN, "card", pf_label(pf, label), NULL};

	/* A degraded one has no legacy registers now, which says nothing about the card. */
	if (!pf->owner_state || strcmp(pf->owner_state, "degraded") != 0) {
		check_legacy(scene, findings, pf);
	} else {
		about.level = VFV_FINDING_FAIL;
		about.remedy =
			"see the kernel log; if it does not recover, reset or replace the card";
		vfv_finding_add(findings, &about,
				"is degraded: a command was not answered in time");
	}
	if (pf->failure) {
		about.level = VFV_FINDING_FAIL;
		about.remedy = "see journalctl -u vfvirtd, then vfvirtctl apply";
		vfv_finding_add(findings, &about, "the last reconcile failed: %s", pf->failure);
	}
	about.level = VFV_FINDING_WARN;
	if (pf->pending_reboot) {
		about.remedy =
			"restart the host, or take the PF's interface down and vfvirtctl apply";
		vfv_finding_add(
			findings, &about,
			"its transport changes to %s at the next boot: its interface is in use",
			vfv_transport_name(pf->transport_intended));
	}
	if (pf->intent_path && pf->vfs_now != pf->vfs_intended) {
		about.remedy = "vfvirtctl apply";
		vfv_finding_add(findings, &about, "has %u VFs, %u are intended", pf->vfs_now,
				pf->vfs_intended);
	}
}

void vfv_check_pfs(const struct vfv_check_scene *scene, struct vfv_findings *findings)
{
	struct vfv_about about = {
		VFV_FINDING_FAIL, "card", NULL,
		"is the card there (lspci -d 1af4:1041), is SR-IOV enabled on it?"};

	if (scene->model->pf_count == 0)
		vfv_finding_add(findings, &about, "there is no virtio network card with SR-IOV");
	for (size_t i = 0; i < scene->model->pf_count; i++)
		check_pf(scene, findings, &scene->model->pfs[i]);
}

/* Adds what is wrong with a VF; returns whether something was. */
static bool check_vf(struct vfv_findings *findings, const struct vfv_pf *pf,
		     const struct vfv_vf *vf)
{
	char label[128];
	struct vfv_about about = {VFV_FINDING_FAIL, "vf", label, NULL};

	vfv_vf_label(pf, vf, label, sizeof(label));
	if (vf->group_obstacle) {
		about.remedy =
			"unbind that device, or use a slot with access control services (ACS)";
		vfv_finding_add(findings, &about,
				"shares IOMMU group %d with %s, a device of the host",
				vf->iommu_group, vf->group_obstacle);
	} else if (vf->state == VFV_VF_FAILED) {
		about.remedy = "mend that, then vfvirtctl apply";
		vfv_finding_add(findings, &about, "%s", vf->reason ? vf->reason : "failed");
	} else if (vf->state == VFV_VF_FOREIGN) {
		about.level = VFV_FINDING_WARN;
		about.remedy = "vfvirtctl bind --force takes it";
		vfv_finding_add(findings, &about, "is left alone: %s",
				vf->reason ? vf->reason : "somebody else has bound it");
	} else if (vf->sealed == 1 && !vfv_vf_is_used(vf)) {
		about.level = VFV_FINDING_WARN;
		about.remedy = "vfvirtctl apply ends that, if it does not end by itself";
		vfv_finding_add(findings, &about, "is sealed: no guest can open it");
	} else if (vf->legacy == 0 && pf->legacy != 0 && pf->owner_state) {
		about.level = VFV_FINDING_WARN;
		about.remedy =
			"only guests with a modern virtio driver can use it; see the kernel log";
		vfv_finding_add(findings, &about, "has no legacy registers: %s",
				vf->legacy_reason ? vf->legacy_reason : "reason unknown");
	} else {
		return false;
	}
	return true;
}

void vfv_check_vfs(const struct vfv_check_scene *scene, struct vfv_findings *findings)
{
	struct vfv_about about = {VFV_FINDING_OK, "vf", NULL, NULL};
	size_t count = 0, bad = 0;

	for (size_t i = 0; i < scene->model->pf_count; i++) {
		const struct vfv_pf *pf = &scene->model->pfs[i];

		count += pf->vf_count;
		for (size_t j = 0; j < pf->vf_count; j++)
			bad += check_vf(findings, pf, &pf->vfs[j]);
	}
	if (bad == 0)
		vfv_finding_add(findings, &about, "%zu VFs, nothing wrong with any", count);
}

/* Whether some PF of the model is the one that a file is for. */
static bool has_pf(const struct vfv_model *model, const struct vfv_intent *intent)
{
	for (size_t i = 0; i < model->pf_count; i++)
		if (vfv_text_equal(model->pfs[i].intent_path, intent->file))
			return true;
	return false;
}

void vfv_check_intents(const struct vfv_check_scene *scene, struct vfv_findings *findings)
{
	const struct vfv_intents *intents = scene->intents;
	struct vfv_about about = {VFV_FINDING_FAIL, "intent", NULL, NULL};
	size_t bad = intents->error_count;

	about.remedy = "mend the file; see vfvirt.json(5)";
	for (size_t i = 0; i < intents->error_count; i++)
		vfv_finding_add(findings, &about, "%s", intents->errors[i].text);
	about.remedy = "remove one of the two files";
	for (size_t i = 0; i < scene->model->pf_count; i++) {
		const struct vfv_intent *intent;
		struct vfv_error error = VFV_NO_ERROR;

		if (vfv_intents_for(intents, &scene->model->pfs[i], &intent, &error) >= 0)
			continue;
		vfv_finding_add(findings, &about, "%s", error.text);
		bad++;
	}
	about.level = VFV_FINDING_WARN;
	about.remedy = "is the card there? Else remove the file";
	for (size_t i = 0; bad == 0 && i < intents->count; i++) {
		about.object = intents->all[i].file;
		if (!has_pf(scene->model, &intents->all[i]))
			vfv_finding_add(findings, &about, "no PF of this host matches it");
	}
	about = (struct vfv_about){VFV_FINDING_OK, "intent", NULL, NULL};
	if (bad == 0)
		vfv_finding_add(findings, &about, "%zu intent files, all understood",
				intents->count);
}

void vfv_check_daemon(const struct vfv_check_scene *scene, struct vfv_findings *findings)
{
	struct vfv_about about = {VFV_FINDING_OK, "daemon", NULL, NULL};

	if (scene->daemon_runs == 1) {
		vfv_finding_add(findings, &about, "vfvirtd is running");
		return;
	}
	about.level = VFV_FINDING_WARN;
	about.remedy = "systemctl start vfvirtd";
	vfv_finding_add(findings, &about, "%s",
			scene->daemon_runs == 0 ? "vfvirtd is not running"
						: "there is no system bus to find vfvirtd on");
}
