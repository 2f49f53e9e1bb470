// SPDX-License-Identifier: GPL-2.0-only
/* Resets of the VF by its user, and what its user is told of those of the card. */
#include <linux/pci.h>
#include <linux/pm_runtime.h>
#include <linux/workqueue.h>

#include "vf.h"

/*
 * A reset of the card has taken the guest's device state away, whichever interface the guest uses:
 * its VMM hears of it by the error eventfd, if it has set one. v6.1 waits for igate here, which an
 * ioctl of the same VMM may hold for as long as a reset of the VF takes.
 */
static void tell(struct work_struct *work)
{
	struct vfvirt_vf *vf = container_of(work, struct vfvirt_vf, reset_event);

	vfio_pci_core_aer_err_detected(vf->core.pdev, pci_channel_io_normal);
}

/**
 * vfvirt_reset_init() - for a new VF
 * @vf: zeroed
 */
void vfvirt_reset_init(struct vfvirt_vf *vf)
{
	mutex_init(&vf->reset_lock);
	INIT_WORK(&vf->reset_event, tell);
}

/* The function itself is asked: a reset of the PF takes VFs off the bus that stay known. */
static bool is_present(struct vfvirt_vf *vf)
{
	struct pci_dev *pdev = vf->core.pdev;
	u32 command = 0;
	int ret;

	if (pm_runtime_resume_and_get(&pdev->dev) < 0)
		return false;
	ret = pci_read_config_dword(pdev, PCI_COMMAND, &command);
	pm_runtime_put(&pdev->dev);
	return !ret && !PCI_POSSIBLE_ERROR(command);
}

/**
 * vfvirt_reset_begin() - before anything that makes the PCI core reset the VF or wait for it
 * @vf: the VF
 * @limit_ms: how long to wait for the end of a reset of the card
 * @ret_owner: for vfvirt_reset_end()
 *
 * From here to vfvirt_reset_end() the VF answers, and the PF will not be reset. Otherwise 6.1 waits
 * more than a minute, unkillable, for the VF to come back, and 7.3 resets the whole slot in its
 * stead. One caller at a time, so that who waited for one that found the VF gone looks again.
 *
 * Context: may sleep, killable; with no lock of the device held. The user's memory must not be
 * waited for before vfvirt_reset_end(): a reset of the card waits for that, and the removal of the
 * PF's driver.
 * Return: 0; -EBUSY when the reset of the card went on, -ENODEV when the VF does not answer, -EINTR
 * when killed.
 */
int vfvirt_reset_begin(struct vfvirt_vf *vf, unsigned int limit_ms,
		       struct vfvirt_owner **ret_owner)
{
	struct vfvirt_owner *owner = vfvirt_member_hold(vf->member, limit_ms);
	int ret;

	if (IS_ERR(owner))
		return PTR_ERR(owner);
	ret = mutex_lock_killable(&vf->reset_lock);
	if (ret)
		goto release;
	if (!is_present(vf)) {
		ret = -ENODEV;
		goto unlock;
	}
	*ret_owner = owner;
	return 0;

unlock:
	mutex_unlock(&vf->reset_lock);
release:
	vfvirt_member_release(owner);
	return ret;
}

/**
 * vfvirt_reset_end() - the opposite of vfvirt_reset_begin()
 * @vf: the VF
 * @owner: what that gave
 */
void vfvirt_reset_end(struct vfvirt_vf *vf, struct vfvirt_owner *owner)
{
	mutex_unlock(&vf->reset_lock);
	vfvirt_member_release(owner);
}

/**
 * vfvirt_reset_device() - reset the virtio device where the function itself cannot be reset
 * @vf: the VF, enabled, with legacy registers
 *
 * What the last user told the device, above all where its queues are, must not be there when the
 * next one lets it reach for memory.
 *
 * Context: may sleep, killable.
 * Return: 0 or a negative errno, which is logged.
 */
int vfvirt_reset_device(struct vfvirt_vf *vf)
{
	const u8 status = 0;
	int ret;

	ret = vfvirt_legacy_common_write(vf->member, VFVIRT_STATUS_OFFSET, &status, sizeof(status),
					 VFVIRT_SETUP_LIMIT_MS);
	if (ret)
		pci_warn(vf->core.pdev,
			 "plain pass-through: neither the function nor its registers can be reset: error %d\n",
			 ret);
	return ret;
}

/**
 * vfvirt_reset_tell() - the card was reset under the VF: its user is to hear of it soon
 * @vf: the VF
 *
 * Context: any, with any lock held.
 */
void vfvirt_reset_tell(struct vfvirt_vf *vf)
{
	queue_work(system_long_wq, &vf->reset_event);
}

/**
 * vfvirt_reset_forget() - nobody is told of resets of the card that are over
 * @vf: the VF; its user has no eventfd yet, or is gone
 *
 * Context: may sleep; waits for a user that is being told.
 */
void vfvirt_reset_forget(struct vfvirt_vf *vf)
{
	cancel_work_sync(&vf->reset_event);
}
