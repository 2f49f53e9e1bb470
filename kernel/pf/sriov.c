// SPDX-License-Identifier: GPL-2.0-only
/* Enabling and disabling the VFs of the PF: sriov_numvfs. */
#include "pf.h"

static int enable_vfs(struct vfvirt_pf *pf, int num_vfs)
{
	int error;

	if (!(pf->vdev.config->get_status(&pf->vdev) & VIRTIO_CONFIG_S_DRIVER_OK)) {
		pci_err(pf->pdev,
			"cannot enable VFs: no driver runs the PF's virtio device; bind one first\n");
		return -EBUSY;
	}
	/* VFs may be enabled only after the feature was negotiated (S-14). */
	if (!__virtio_test_bit(&pf->vdev, VFVIRT_F_SR_IOV)) {
		pci_err(pf->pdev, "cannot enable VFs: the device does not offer VIRTIO_F_SR_IOV\n");
		return -EOPNOTSUPP;
	}
	/*
	 * The group is a new one: core must ask for its commands again, first of all for the VF
	 * drivers that are probed before pci_enable_sriov() returns.
	 */
	vfvirt_adminq_resume(pf);
	vfvirt_publish(pf);
	error = pci_enable_sriov(pf->pdev, num_vfs);
	return error ? : num_vfs;
}

static void disable_vfs(struct vfvirt_pf *pf)
{
	vfvirt_recovery_pause(pf);
	if (vfvirt_owner_quiesce(pf->owner, VFVIRT_DRAIN_LIMIT_MS)) {
		vfvirt_adminq_abort(pf);
		vfvirt_adminq_await_idle(pf);
	}
	if (vfvirt_recovery_flush(pf) && !pf->gone) {
		pci_warn(pf->pdev, "resetting the PF: a command for its VFs is not answered\n");
		vfvirt_class_quiesce(pf);
		vfvirt_class_thaw(pf);
	}
	pci_disable_sriov(pf->pdev);
	vfvirt_adminq_resume(pf);
	vfvirt_publish(pf);
	vfvirt_owner_unquiesce(pf->owner);
	vfvirt_recovery_resume(pf);
}

/**
 * vfvirt_sriov_configure() - the number of VFs changes
 * @pdev: the PF
 * @num_vfs: 0 to disable, else how many to enable
 *
 * Context: process context, PCI device lock held, on some kernels the rescan lock as well. VF
 * drivers are probed and removed in here. Disabling waits for the users of VFs, however long.
 * Return: @num_vfs or a negative errno.
 */
int vfvirt_sriov_configure(struct pci_dev *pdev, int num_vfs)
{
	struct vfvirt_pf *pf = pci_get_drvdata(pdev);

	if (num_vfs)
		return enable_vfs(pf, num_vfs);
	disable_vfs(pf);
	return 0;
}
