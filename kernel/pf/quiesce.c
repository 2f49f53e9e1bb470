// SPDX-License-Identifier: GPL-2.0-only
/*
 * Quiescing the class driver around a reset of the function or a sleep of the system, and
 * bringing it back; errors of the bus.
 *
 * Class drivers rarely know a reset of the transport (virtio_net does not), but all that matter
 * can be frozen and thawed, which is the same to them. Between the two a class driver may not be
 * unbound: its remove() would free again what freezing has freed. The device lock of the virtio
 * device is therefore held from one to the other.
 */
#include <linux/pm.h>

#include "pf.h"

/**
 * vfvirt_class_quiesce() - stop the class driver and reset the virtio device
 * @pf: the PF
 *
 * A class driver that cannot be frozen is unbound.
 *
 * Context: process context, PCI device lock held. Returns with the device lock of the virtio
 * device held. Pair: vfvirt_class_thaw().
 */
void vfvirt_class_quiesce(struct vfvirt_pf *pf)
{
	int error;

	device_lock(&pf->vdev.dev);
	pf->resetting = true;
	pf->frozen = true;
	error = virtio_device_freeze(&pf->vdev);
	/* A driver without a freeze operation counts as frozen, but keeps its queues. */
	if (!error && !pf->queues)
		return;

	pci_warn(pf->pdev, "class driver cannot be frozen (%d): unbinding it\n", error);
	pf->frozen = false;
	pf->detached = true;
	device_unlock(&pf->vdev.dev);
	device_release_driver(&pf->vdev.dev);
	device_lock(&pf->vdev.dev);
}

/**
 * vfvirt_class_thaw() - bring back what vfvirt_class_quiesce() stopped
 * @pf: the PF
 *
 * A class driver that cannot be brought back with the device is brought back without: it can
 * then be unbound, or tried again by a function reset.
 *
 * Context: process context, PCI device lock and device lock of the virtio device held; the latter
 * is released.
 */
void vfvirt_class_thaw(struct vfvirt_pf *pf)
{
	int error;

	if (pf->detached) {
		pf->detached = false;
		pf->resetting = false;
		device_unlock(&pf->vdev.dev);
		error = device_attach(&pf->vdev.dev);
		if (error < 0)
			pci_err(pf->pdev, "class driver cannot be bound again (%d)\n", error);
		return;
	}
	error = virtio_device_restore(&pf->vdev);
	if (error) {
		pci_err(pf->pdev, "class driver cannot be thawed (%d): try a function reset\n",
			error);
		pf->give_up = true;
		error = virtio_device_restore(&pf->vdev);
		pf->give_up = false;
	}
	if (error)
		pci_err(pf->pdev, "class driver cannot be thawed without the device (%d)\n", error);
	pf->frozen = false;
	pf->resetting = false;
	device_unlock(&pf->vdev.dev);
}

/*
 * Refuses commands and resets of VFs, then gives those under way time to end; what remains of the
 * commands is aborted later.
 */
static void close_gate(struct vfvirt_pf *pf)
{
	vfvirt_recovery_pause(pf);
	if (vfvirt_owner_reset_begin(pf->owner, VFVIRT_DRAIN_LIMIT_MS))
		pci_warn(pf->pdev, "a command or a reset of a VF has not ended within %u ms: going on without\n",
			 VFVIRT_DRAIN_LIMIT_MS);
}

static void open_gate(struct vfvirt_pf *pf)
{
	vfvirt_publish(pf);
	vfvirt_owner_was_reset(pf->owner);
	vfvirt_owner_reset_end(pf->owner);
	vfvirt_recovery_resume(pf);
}

/* The link was reset, and with it all that was configured. */
static pci_ers_result_t slot_reset(struct pci_dev *pdev)
{
	pci_restore_state(pdev);
	pci_save_state(pdev);
	pci_set_master(pdev);
	return PCI_ERS_RESULT_RECOVERED;
}

/*
 * Function level reset. It clears VF Enable for a moment, so no command may be outstanding. A PF
 * whose recovery from an error of the bus failed is stopped already; it gets another chance, but
 * first what the link's reset took from it, since that is what will be restored.
 */
static void reset_prepare(struct pci_dev *pdev)
{
	struct vfvirt_pf *pf = pci_get_drvdata(pdev);

	if (pf->error_stopped)
		slot_reset(pdev);
	else
		close_gate(pf);
	pf->error_stopped = false;
	vfvirt_class_quiesce(pf);
	vfvirt_publish(pf);
}

static void reset_done(struct pci_dev *pdev)
{
	struct vfvirt_pf *pf = pci_get_drvdata(pdev);

	vfvirt_class_thaw(pf);
	open_gate(pf);
}

/*
 * The bus to the card failed. Commands and the class driver's queues are stopped here; the class
 * driver is frozen and thawed only after the link was reset, since no call may follow this one.
 */
static pci_ers_result_t error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	struct vfvirt_pf *pf = pci_get_drvdata(pdev);

	if (state == pci_channel_io_normal)
		return PCI_ERS_RESULT_CAN_RECOVER;
	if (state == pci_channel_io_perm_failure) {
		vfvirt_pf_gone(pf);
		vfvirt_publish(pf);
		return PCI_ERS_RESULT_DISCONNECT;
	}
	if (!pf->error_stopped) {
		pf->error_stopped = true;
		vfvirt_adminq_abort(pf);
		virtio_break_device(&pf->vdev);
		vfvirt_owner_decide(pf, VFVIRT_OWNER_ABSENT, VFVIRT_REASON_RESET);
		close_gate(pf);
		vfvirt_publish(pf);
	}
	return PCI_ERS_RESULT_NEED_RESET;
}

static void error_resume(struct pci_dev *pdev)
{
	struct vfvirt_pf *pf = pci_get_drvdata(pdev);

	if (!pf->error_stopped)
		return;
	pf->error_stopped = false;
	vfvirt_class_quiesce(pf);
	vfvirt_class_thaw(pf);
	open_gate(pf);
}

const struct pci_error_handlers vfvirt_error_handlers = {
	.error_detected = error_detected,
	.slot_reset = slot_reset,
	.resume = error_resume,
	.reset_prepare = reset_prepare,
	.reset_done = reset_done,
};

/*
 * System sleep. User space is frozen, nobody can unbind the class driver, and the PM core locks
 * the virtio device itself on the way; so the lock is not kept.
 */
static int __maybe_unused pm_freeze(struct device *dev)
{
	struct vfvirt_pf *pf = dev_get_drvdata(dev);

	close_gate(pf);
	vfvirt_class_quiesce(pf);
	device_unlock(&pf->vdev.dev);
	return 0;
}

/* What became of the VFs is unknown: their power may have been cut. */
static int __maybe_unused pm_restore(struct device *dev)
{
	struct vfvirt_pf *pf = dev_get_drvdata(dev);

	device_lock(&pf->vdev.dev);
	vfvirt_class_thaw(pf);
	open_gate(pf);
	return 0;
}

const struct dev_pm_ops vfvirt_pm_ops = {
	SET_SYSTEM_SLEEP_PM_OPS(pm_freeze, pm_restore)
};
