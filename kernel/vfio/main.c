// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver: binds VFs, decides at each open what the user sees, and passes on what happens to
 * the VF and to its owner.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include "vf.h"
#include "vfio_compat.h"

static bool legacy = true;
module_param(legacy, bool, 0644);
MODULE_PARM_DESC(legacy, "show VFs bound from now on as transitional devices (default: on)");

static const char *why_plain(struct vfvirt_vf *vf)
{
	struct pci_dev *pdev = vf->core.pdev;

	if (!READ_ONCE(vf->legacy_wanted))
		return "vfvirt_legacy is off";
	if (pci_resource_len(pdev, 0))
		return "it has a BAR0 of its own";
	return NULL;
}

/* Legacy registers may have come or gone since the last user: asked again at each open. */
static bool is_transitional(struct vfvirt_vf *vf)
{
	enum vfvirt_owner_reason reason = VFVIRT_REASON_NONE;
	const char *why = why_plain(vf);

	if (why) {
		pci_info(vf->core.pdev, "plain pass-through: %s\n", why);
		return false;
	}
	if (vfvirt_member_has_legacy(vf->member, &reason) == 1)
		return true;
	pci_info(vf->core.pdev,
		 "plain pass-through: no legacy registers, reason %u: see vfvirtctl show %s\n",
		 reason, pci_name(vf->core.pdev));
	return false;
}

/* Core resets the function. */
static int enable(struct vfvirt_vf *vf)
{
	struct vfvirt_owner *owner;
	int ret;

	ret = vfvirt_reset_begin(vf, VFVIRT_SETUP_LIMIT_MS, &owner);
	if (ret)
		return ret;
	ret = vfio_pci_core_enable(&vf->core);
	vfvirt_reset_end(vf, owner);
	return ret;
}

/* The opener gets a number only. */
static void tell_refusal(struct vfvirt_vf *vf, const char *why)
{
	if (__ratelimit(&vf->log_limit))
		pci_warn(vf->core.pdev, "cannot be opened: %s\n", why);
}

static const char *why_not_enabled(int error)
{
	switch (error) {
	case -EBUSY:
		return "its PF is being reset; if that lasts, reset the PF";
	case -ENODEV:
		return "it does not answer on the bus";
	case -EINTR:
		return "who opened it was killed";
	default:
		return "it cannot be enabled or reset";
	}
}

static int vf_open(struct vfio_device *vdev)
{
	struct vfvirt_vf *vf = vfvirt_vf_of(vdev);
	int ret;

	ret = vfvirt_member_open(vf->member);
	if (ret) {
		tell_refusal(vf, ret == -EBUSY ? "it is sealed, as the host is about to change it" :
			     "the module of its PF's driver is being unloaded");
		return ret;
	}
	ret = enable(vf);
	if (ret) {
		tell_refusal(vf, why_not_enabled(ret));
		vfvirt_member_close(vf->member);
		return ret;
	}
	vfvirt_reset_forget(vf);
	vfvirt_config_open(vf);
	vf->transitional = is_transitional(vf);
	if (vf->transitional && !vf->core.reset_works)
		vf->transitional = !vfvirt_reset_device(vf);
	if (vf->transitional)
		vfvirt_notify_open(vf);
	vfio_pci_core_finish_enable(&vf->core);
	return 0;
}

/*
 * Called when the last reference to the user's file is gone: no access can run any more. Upcalls
 * of core can; they touch nothing that ends here. A VF that cannot be reset now is either gone or
 * reset by what happens to its card; the next open resets it if it can. So the wait is short: a
 * user that was killed must be gone soon, and has its signal behind it.
 */
static void vf_close(struct vfio_device *vdev)
{
	struct vfvirt_vf *vf = vfvirt_vf_of(vdev);
	struct vfvirt_owner *owner;
	int ret;

	ret = vfvirt_reset_begin(vf, VFVIRT_ACCESS_LIMIT_MS, &owner);
	if (ret)
		vf->core.reset_works = false;
	vfio_pci_core_close_device(vdev);
	if (!ret)
		vfvirt_reset_end(vf, owner);
	vfvirt_notify_close(vf);
	vf->transitional = false;
	vfvirt_member_close(vf->member);
}

static ssize_t vf_read(struct vfio_device *vdev, char __user *buf, size_t count, loff_t *ppos)
{
	struct vfvirt_vf *vf = vfvirt_vf_of(vdev);
	u64 region = VFIO_PCI_OFFSET_TO_INDEX((u64)*ppos);

	if (vf->transitional && region == VFIO_PCI_CONFIG_REGION_INDEX)
		return vfvirt_config_read(vf, buf, count, ppos);
	if (vf->transitional && region == VFIO_PCI_BAR0_REGION_INDEX)
		return vfvirt_legacy_read(vf, buf, count, ppos);
	return vfio_pci_core_read(vdev, buf, count, ppos);
}

static ssize_t vf_write(struct vfio_device *vdev, const char __user *buf, size_t count,
			loff_t *ppos)
{
	struct vfvirt_vf *vf = vfvirt_vf_of(vdev);
	u64 region = VFIO_PCI_OFFSET_TO_INDEX((u64)*ppos);

	if (region == VFIO_PCI_CONFIG_REGION_INDEX)
		return vfvirt_config_write(vf, buf, count, ppos);
	if (vf->transitional && region == VFIO_PCI_BAR0_REGION_INDEX)
		return vfvirt_legacy_write(vf, buf, count, ppos);
	return vfio_pci_core_write(vdev, buf, count, ppos);
}

/* True when @info asks for the BAR0 that only this driver knows; then it is filled. */
static bool is_bar0_info(struct vfvirt_vf *vf, struct vfio_region_info *info)
{
	if (!vf->transitional || info->index != VFIO_PCI_BAR0_REGION_INDEX)
		return false;
	info->offset = VFIO_PCI_INDEX_TO_OFFSET(VFIO_PCI_BAR0_REGION_INDEX);
	info->size = VFVIRT_BAR0_BYTES;
	info->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	return true;
}

#if VFVIRT_HAVE_VFIO_GET_REGION_INFO_CAPS
static int vf_region_info(struct vfio_device *vdev, struct vfio_region_info *info,
			  struct vfio_info_cap *caps)
{
	if (is_bar0_info(vfvirt_vf_of(vdev), info))
		return 0;
	return vfio_pci_ioctl_get_region_info(vdev, info, caps);
}
#else
static long vf_region_info(struct vfio_device *vdev, unsigned long arg)
{
	const size_t minimum = offsetofend(struct vfio_region_info, offset);
	void __user *user = (void __user *)arg;
	struct vfio_region_info info = { 0 };

	if (copy_from_user(&info, user, minimum))
		return -EFAULT;
	if (info.argsz < minimum)
		return -EINVAL;
	if (!is_bar0_info(vfvirt_vf_of(vdev), &info))
		return vfio_pci_core_ioctl(vdev, VFIO_DEVICE_GET_REGION_INFO, arg);
	return copy_to_user(user, &info, minimum) ? -EFAULT : 0;
}
#endif

static long reset(struct vfvirt_vf *vf, unsigned long arg)
{
	struct vfvirt_owner *owner;
	long ret;

	ret = vfvirt_reset_begin(vf, VFVIRT_SETUP_LIMIT_MS, &owner);
	if (ret)
		return ret;
	ret = vfio_pci_core_ioctl(&vf->core.vdev, VFIO_DEVICE_RESET, arg);
	vfvirt_reset_end(vf, owner);
	return ret;
}

static long vf_ioctl(struct vfio_device *vdev, unsigned int cmd, unsigned long arg)
{
	if (cmd == VFIO_DEVICE_RESET)
		return reset(vfvirt_vf_of(vdev), arg);
#if !VFVIRT_HAVE_VFIO_GET_REGION_INFO_CAPS
	if (cmd == VFIO_DEVICE_GET_REGION_INFO)
		return vf_region_info(vdev, arg);
#endif
	return vfio_pci_core_ioctl(vdev, cmd, arg);
}

static const struct vfio_device_ops vf_ops = {
	.name = "vfvirt-vfio-pci",
	.init = vfio_pci_core_init_dev,
	.release = vfio_pci_core_release_dev,
	.open_device = vf_open,
	.close_device = vf_close,
	.read = vf_read,
	.write = vf_write,
	.ioctl = vf_ioctl,
#if VFVIRT_HAVE_VFIO_GET_REGION_INFO_CAPS
	.get_region_info_caps = vf_region_info,
#endif
	.device_feature = vfio_pci_core_ioctl_feature,
	.mmap = vfio_pci_core_mmap,
	.request = vfio_pci_core_request,
	.match = vfio_pci_core_match,
	VFVIRT_VFIO_TOKEN_OPS
	VFVIRT_VFIO_IOMMUFD_OPS
};

/* From core, with a lock of core's held. */
static void vf_owner_event(struct vfvirt_member *member, enum vfvirt_member_event event)
{
	struct vfvirt_vf *vf = vfvirt_member_priv(member);

	switch (event) {
	case VFVIRT_EVENT_DOWN:
		WRITE_ONCE(vf->owner_up, false);
		break;
	case VFVIRT_EVENT_UP:
		WRITE_ONCE(vf->owner_up, true);
		break;
	case VFVIRT_EVENT_RESET:
		vfvirt_reset_tell(vf);
		break;
	case VFVIRT_EVENT_DEGRADED:
		/* Core makes commands fail fast; a doorbell in the owner's BAR still works. */
		break;
	}
}

static void vf_describe(struct vfvirt_member *member, struct vfvirt_member_facts *ret_facts)
{
	struct vfvirt_vf *vf = vfvirt_member_priv(member);

	/* Without igate: an ioctl of the VF's user can hold that for a whole reset. */
	ret_facts->msix_on = READ_ONCE(vf->core.irq_type) == VFIO_PCI_MSIX_IRQ_INDEX;
	ret_facts->notify_path = READ_ONCE(vf->notify_path);
}

static const struct vfvirt_member_ops vf_member_ops = {
	.event = vf_owner_event,
	.describe = vf_describe,
};

static void vf_init(struct vfvirt_vf *vf)
{
	/* Read once: a later change of the parameter is for VFs bound later. */
	vf->legacy_wanted = READ_ONCE(legacy);
	vfvirt_reset_init(vf);
	mutex_init(&vf->access_lock);
	spin_lock_init(&vf->config_lock);
	ratelimit_state_init(&vf->log_limit, 5 * HZ, 5);
}

/*
 * Only by driver_override, and with the class given too: more exact fields than the entries of the
 * in-tree drivers, so that a choice by the best "vfio_pci:" alias takes this one. The programming
 * interface is left open, because an alias always ends in '*': "i00*" is neither the exact "00" nor
 * the wildcard to who compares field by field, as libvirt does.
 */
static const struct pci_device_id vf_ids[] = {
	{
		.vendor = PCI_VENDOR_ID_REDHAT_QUMRANET,
		.device = 0x1041,
		.subvendor = PCI_ANY_ID,
		.subdevice = PCI_ANY_ID,
		.class = PCI_CLASS_NETWORK_ETHERNET << 8,
		.class_mask = 0xffff00,
		.override_only = PCI_ID_F_VFIO_DRIVER_OVERRIDE,
	},
	{ }
};
MODULE_DEVICE_TABLE(pci, vf_ids);

/* With driver_override the PCI core asks the driver about any device, whatever its table says. */
static int vf_check(struct pci_dev *pdev)
{
	if (pci_match_id(vf_ids, pdev))
		return 0;
	pci_err(pdev, "%04x:%04x of class 0x%06x is no virtio network device\n", pdev->vendor,
		pdev->device, pdev->class);
	return -ENODEV;
}

/* Runs inside pci_enable_sriov(): with the PF's device lock held, and before any owner is asked. */
static int vf_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct vfvirt_vf *vf;
	int ret;

	ret = vf_check(pdev);
	if (ret)
		return ret;
	vf = vfio_alloc_device(vfvirt_vf, core.vdev, &pdev->dev, &vf_ops);
	if (IS_ERR(vf))
		return PTR_ERR(vf);
	vf_init(vf);
	dev_set_drvdata(&pdev->dev, &vf->core);

	vf->member = vfvirt_member_register(pdev, &vf_member_ops, vf);
	if (IS_ERR(vf->member)) {
		ret = PTR_ERR(vf->member);
		goto put;
	}
	ret = vfio_pci_core_register_device(&vf->core);
	if (ret)
		goto unregister;
	return 0;

unregister:
	vfvirt_member_unregister(vf->member);
	vfvirt_reset_forget(vf);
put:
	vfio_put_device(&vf->core.vdev);
	return ret;
}

/*
 * The first call waits for the user, who gets the request eventfd; then nobody can open the VF.
 * Core's upcalls end with the second. The third drops what an open file might still refer to.
 */
static void vf_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = dev_get_drvdata(&pdev->dev);
	struct vfvirt_vf *vf = container_of(core, struct vfvirt_vf, core);

	vfio_pci_core_unregister_device(&vf->core);
	vfvirt_member_unregister(vf->member);
	vfvirt_reset_forget(vf);
	vfio_put_device(&vf->core.vdev);
}

/*
 * No reset_done: nothing here goes stale by a reset. The card forgets the legacy registers by
 * itself; the command register and BAR0 keep the user's values, as vfio-pci restores both.
 */
static const struct pci_error_handlers vf_error_handlers = {
	.error_detected = vfio_pci_core_aer_err_detected,
};

static ssize_t vfvirt_legacy_show(struct device *dev, struct device_attribute *attribute, char *buf)
{
	struct vfio_pci_core_device *core = dev_get_drvdata(dev);
	struct vfvirt_vf *vf = container_of(core, struct vfvirt_vf, core);

	return sysfs_emit(buf, "%d\n", READ_ONCE(vf->legacy_wanted));
}

static ssize_t vfvirt_legacy_store(struct device *dev, struct device_attribute *attribute,
				   const char *buf, size_t count)
{
	struct vfio_pci_core_device *core = dev_get_drvdata(dev);
	struct vfvirt_vf *vf = container_of(core, struct vfvirt_vf, core);
	bool wanted;
	int ret;

	ret = kstrtobool(buf, &wanted);
	if (ret)
		return ret;
	WRITE_ONCE(vf->legacy_wanted, wanted);
	return count;
}

/* vfvirt_legacy: 0 makes the VF plain pass-through from its next open on, 1 transitional. */
static DEVICE_ATTR_RW(vfvirt_legacy);

static struct attribute *vf_attrs[] = {
	&dev_attr_vfvirt_legacy.attr,
	NULL
};
ATTRIBUTE_GROUPS(vf);

static struct pci_driver vf_driver = {
	.name = "vfvirt_vfio_pci",
	.id_table = vf_ids,
	.probe = vf_probe,
	.remove = vf_remove,
	.err_handler = &vf_error_handlers,
	.dev_groups = vf_groups,
	.driver_managed_dma = true,
};
module_pci_driver(vf_driver);

MODULE_LICENSE("GPL");
MODULE_VERSION(VFVIRT_VERSION);
MODULE_DESCRIPTION("VFIO driver that shows virtio-net VFs as transitional devices");
