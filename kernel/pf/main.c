// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PCI driver of the PF. It has no ids: it is bound by driver_override only, because every
 * virtio function of the host would match.
 */
#include <linux/dma-mapping.h>
#include <linux/module.h>

#include "pf.h"

struct workqueue_struct *vfvirt_pf_workqueue;

static void facts(void *priv, struct vfvirt_owner_facts *ret_facts)
{
	struct vfvirt_pf *pf = priv;
	struct vfvirt_admin *admin = &pf->admin;

	spin_lock_irq(&admin->lock);
	*ret_facts = (struct vfvirt_owner_facts) {
		.known = true,
		.device_features = pf->device_features,
		.driver_features = pf->driver_features,
		.admin_queue_index = admin->first_index,
		.admin_queue_num = admin->count,
		.admin_queue_depth = admin->count ? admin->queues[0].depth : 0,
	};
	spin_unlock_irq(&admin->lock);
	ret_facts->in_flight = vfvirt_adminq_in_flight(pf);
}

static const struct vfvirt_owner_ops owner_ops = {
	.provider = "vfvirt",
	.execute = vfvirt_command_execute,
	.facts = facts,
};

/* The last reference to the virtio device is gone; the PF lives in it. */
static void release(struct device *dev)
{
	struct vfvirt_pf *pf = container_of(dev, struct vfvirt_pf, vdev.dev);

	vfvirt_admin_exit(pf);
	kfree(pf);
}

static bool is_modern_virtio(struct pci_dev *pdev)
{
	return pdev->vendor == PCI_VENDOR_ID_REDHAT_QUMRANET &&
	       pdev->device >= 0x1040 && pdev->device <= 0x107f;
}

static int check(struct pci_dev *pdev)
{
	if (pdev->is_virtfn) {
		pci_err(pdev, "is a VF: vfvirt_pf drives physical functions only\n");
		return -ENODEV;
	}
	if (!is_modern_virtio(pdev)) {
		pci_err(pdev, "%04x:%04x is no modern virtio device\n", pdev->vendor,
			pdev->device);
		return -ENODEV;
	}
	return 0;
}

static int open_device(struct vfvirt_pf *pf)
{
	struct pci_dev *pdev = pf->pdev;
	int error;

	error = pci_enable_device(pdev);
	if (error)
		return error;
	error = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (error)
		goto disable;
	pf->mdev.pci_dev = pdev;
	error = vp_modern_probe(&pf->mdev);
	if (error) {
		pci_err(pdev, "has no usable virtio capabilities (%d)\n", error);
		goto disable;
	}
	error = vfvirt_features_init(pf);
	if (error)
		goto remove;
	pci_set_master(pdev);
	pf->vdev.id = pf->mdev.id;
	return 0;

remove:
	vp_modern_remove(&pf->mdev);
disable:
	pci_disable_device(pdev);
	return error;
}

static void close_device(struct vfvirt_pf *pf)
{
	vfvirt_features_exit(pf);
	vp_modern_remove(&pf->mdev);
	pci_disable_device(pf->pdev);
}

/* Core hears no more of this PF, also from interrupts; no execute() runs any more. */
static void unregister_owner(struct vfvirt_pf *pf)
{
	struct vfvirt_owner *owner = pf->owner;

	mutex_lock(&pf->publish.mutex);
	spin_lock_irq(&pf->admin.lock);
	pf->owner = NULL;
	spin_unlock_irq(&pf->admin.lock);
	mutex_unlock(&pf->publish.mutex);
	vfvirt_owner_unregister(owner);
}

static void stop_workers(struct vfvirt_pf *pf)
{
	vfvirt_recovery_pause(pf);
	cancel_work_sync(&pf->publish.work);
}

static struct vfvirt_pf *new_pf(struct pci_dev *pdev)
{
	struct vfvirt_pf *pf = kzalloc(sizeof(*pf), GFP_KERNEL);

	if (!pf)
		return NULL;
	pf->pdev = pdev;
	pf->vdev.dev.parent = &pdev->dev;
	pf->vdev.dev.release = release;
	pf->vdev.config = &vfvirt_config_ops;
	mutex_init(&pf->registers);
	vfvirt_recovery_init(pf);
	if (vfvirt_admin_init(pf)) {
		kfree(pf);
		return NULL;
	}
	return pf;
}

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct vfvirt_owner *owner;
	struct vfvirt_pf *pf;
	int error;

	error = check(pdev);
	if (error)
		return error;
	pf = new_pf(pdev);
	if (!pf)
		return -ENOMEM;
	error = open_device(pf);
	if (error)
		goto free;

	pci_set_drvdata(pdev, pf);
	owner = vfvirt_owner_register(pdev, &owner_ops, pf, THIS_MODULE);
	if (IS_ERR(owner)) {
		error = PTR_ERR(owner);
		goto close;
	}
	pf->owner = owner;
	error = register_virtio_device(&pf->vdev);
	if (error)
		goto unregister;
	pci_save_state(pdev);
	vfvirt_recovery_resume(pf);
	return 0;

unregister:
	stop_workers(pf);
	unregister_owner(pf);
	close_device(pf);
	put_device(&pf->vdev.dev);
	return error;
close:
	close_device(pf);
free:
	vfvirt_admin_exit(pf);
	kfree(pf);
	return error;
}

/*
 * Refuse new commands, end those under way; then the users of VFs; then the class driver with
 * the queues; then the device. Who may still hold on to the PF: VF drivers, through core, until
 * unregister_owner() returns; the class driver until unregister_virtio_device(); readers of
 * sysfs until the last put_device().
 *
 * If the device keeps a command for its VFs and its queue cannot be reset, the device is reset
 * before VF Enable is cleared instead of after (S-54).
 */
static void remove(struct pci_dev *pdev)
{
	struct vfvirt_pf *pf = pci_get_drvdata(pdev);
	struct device *dev = get_device(&pf->vdev.dev);
	bool device_first;

	vfvirt_recovery_pause(pf);
	if (!vfvirt_pf_present(pf))
		vfvirt_pf_gone(pf);
	vfvirt_adminq_stop(pf, VFVIRT_REASON_REMOVED);
	vfvirt_publish(pf);
	unregister_owner(pf);
	device_first = vfvirt_recovery_flush(pf) && !pf->gone;

	if (device_first)
		unregister_virtio_device(&pf->vdev);
	pci_disable_sriov(pdev);
	if (!device_first)
		unregister_virtio_device(&pf->vdev);
	stop_workers(pf);
	close_device(pf);
	put_device(dev);
}

/*
 * The IOMMU may go before the card does: it must not reach for memory any more. Users of VFs can
 * be alive; what they ask for fails from here on.
 */
static void shutdown(struct pci_dev *pdev)
{
	struct vfvirt_pf *pf = pci_get_drvdata(pdev);

	stop_workers(pf);
	vfvirt_adminq_abort(pf);
	virtio_break_device(&pf->vdev);
	vfvirt_vectors_synchronize(pf);
	vfvirt_config_ops.reset(&pf->vdev);
	pci_clear_master(pdev);
}

static struct pci_driver pf_driver = {
	.name = "vfvirt_pf",
	.probe = probe,
	.remove = remove,
	.shutdown = shutdown,
	.sriov_configure = vfvirt_sriov_configure,
	.err_handler = &vfvirt_error_handlers,
	.driver.pm = &vfvirt_pm_ops,
};

static int __init vfvirt_pf_init(void)
{
	int error;

	vfvirt_pf_workqueue = alloc_workqueue("vfvirt_pf", WQ_UNBOUND, 0);
	if (!vfvirt_pf_workqueue)
		return -ENOMEM;
	error = pci_register_driver(&pf_driver);
	if (error)
		destroy_workqueue(vfvirt_pf_workqueue);
	return error;
}
module_init(vfvirt_pf_init);

static void __exit vfvirt_pf_exit(void)
{
	pci_unregister_driver(&pf_driver);
	destroy_workqueue(vfvirt_pf_workqueue);
}
module_exit(vfvirt_pf_exit);

MODULE_DESCRIPTION("Driver of virtio PFs that own VFs with legacy registers");
MODULE_LICENSE("GPL");
MODULE_VERSION(VFVIRT_VERSION);
