// SPDX-License-Identifier: GPL-2.0-only
/*
 * The operations of the virtio device that a class driver sees: configuration space, status,
 * reset. The others are in features.c, queues.c and vectors.c.
 *
 * A device that is gone, or that does not acknowledge a reset, must not take a frozen class
 * driver with it: such a driver can neither be thawed nor unbound. While pf->dead is set, the
 * operations therefore play a device that accepts everything and answers nothing.
 */
#include <linux/iopoll.h>

#include "pf.h"

static unsigned int reset_limit_ms = 10000;
module_param(reset_limit_ms, uint, 0644);
MODULE_PARM_DESC(reset_limit_ms,
		 "Time that a device may take to acknowledge its reset, in ms (default 10000)");

/**
 * vfvirt_pf_present() - the card answers on the bus
 * @pf: the PF
 *
 * Context: may sleep; reads configuration space.
 * Return: false once the card was found missing, until a reset finds it again.
 */
bool vfvirt_pf_present(struct vfvirt_pf *pf)
{
	return !READ_ONCE(pf->gone) && pci_device_is_present(pf->pdev);
}

/**
 * vfvirt_pf_gone() - the card was pulled: end everything that waits for it
 * @pf: the PF
 *
 * The class driver's loops end because its queues are broken; commands end with -ENODEV.
 *
 * Context: process context, no locks but device locks.
 */
void vfvirt_pf_gone(struct vfvirt_pf *pf)
{
	if (xchg(&pf->gone, true))
		return;
	pci_err(pf->pdev, "the card does not answer on the bus: giving up what it was asked\n");
	vfvirt_adminq_abort(pf);
	virtio_break_device(&pf->vdev);
	vfvirt_owner_decide(pf, VFVIRT_OWNER_ABSENT, VFVIRT_REASON_GONE);
}

static bool reset_ended(struct vfvirt_pf *pf, u8 status)
{
	return !status || (status == 0xff && !pci_device_is_present(pf->pdev));
}

/*
 * The device neither left nor obeyed. Without bus mastering it cannot write to memory, so that
 * everything it was given can be freed; if even that cannot be taken from it, nothing may be.
 */
static void take_bus_master(struct vfvirt_pf *pf)
{
	u16 command;

	pci_clear_master(pf->pdev);
	pf->master_cleared = true;
	pci_read_config_word(pf->pdev, PCI_COMMAND, &command);
	if (PCI_POSSIBLE_ERROR(command) || !(command & PCI_COMMAND_MASTER)) {
		pci_err(pf->pdev,
			"device does not acknowledge its reset: bus mastering taken from it; try a function reset\n");
		return;
	}
	pf->may_dma = true;
	pci_err(pf->pdev,
		"device does not acknowledge its reset and keeps bus mastering: leaking what it may write to\n");
}

/**
 * vfvirt_device_reset() - reset the virtio device, within limits
 * @pf: the PF
 *
 * Afterwards the device owns no memory any more, unless pf->may_dma says so.
 *
 * Context: process context, may sleep for reset_limit_ms.
 * Return: 0, -ENODEV when the card is gone, -ETIMEDOUT when it did not acknowledge.
 */
int vfvirt_device_reset(struct vfvirt_pf *pf)
{
	unsigned int limit_ms = pf->stuck ? VFVIRT_STUCK_RESET_LIMIT_MS : reset_limit_ms;
	u8 status;
	int error;

	vp_modern_set_status(&pf->mdev, 0);
	/* The read also flushes the write. A device may take its time, so sleep between reads. */
	error = read_poll_timeout(vp_modern_get_status, status, reset_ended(pf, status),
				  USEC_PER_MSEC, (u64)limit_ms * USEC_PER_MSEC, false, &pf->mdev);
	if (!error && status) {
		WRITE_ONCE(pf->gone, true);
		return -ENODEV;
	}
	if (error) {
		if (!pf->stuck)
			take_bus_master(pf);
		pf->stuck = true;
		return error;
	}
	pf->gone = false;
	pf->stuck = false;
	pf->may_dma = false;
	if (pf->master_cleared)
		pci_set_master(pf->pdev);
	pf->master_cleared = false;
	return 0;
}

/*
 * Called by the core before a class driver is bound and by class drivers before they leave or
 * freeze; also at shutdown, while VF drivers are alive.
 */
static void reset(struct virtio_device *vdev)
{
	struct vfvirt_pf *pf = vdev_to_pf(vdev);
	int error;

	vfvirt_adminq_stop(pf, pf->resetting ? VFVIRT_REASON_RESET : VFVIRT_REASON_NO_DRIVER);
	mutex_lock(&pf->admin.life);
	error = vfvirt_device_reset(pf);
	/* Interrupts that were on their way have been handled before the rings go. */
	vfvirt_vectors_synchronize(pf);
	vfvirt_adminq_reset_all(pf);
	mutex_unlock(&pf->admin.life);

	pf->soft_status = 0;
	pf->dead = pf->frozen && (error || pf->give_up);
	if (pf->dead)
		pci_err(pf->pdev, "class driver goes on without the device, as if without a link\n");
}

/*
 * A status of a device that cannot be talked to is reported as 0: the class driver has done what
 * it could, and the core warns of any bit left after a driver has gone.
 */
static u8 get_status(struct virtio_device *vdev)
{
	struct vfvirt_pf *pf = vdev_to_pf(vdev);
	u8 status;

	if (pf->dead)
		return pf->soft_status;
	if (pf->gone || pf->stuck)
		return 0;
	status = vp_modern_get_status(&pf->mdev);
	return status == 0xff ? 0 : status;
}

static void set_status(struct virtio_device *vdev, u8 status)
{
	struct vfvirt_pf *pf = vdev_to_pf(vdev);

	pf->soft_status = status;
	if (pf->dead)
		return;
	/* Memory that the rings describe is written before the device is told to look at it. */
	wmb();
	vp_modern_set_status(&pf->mdev, status);
	if (status & VIRTIO_CONFIG_S_DRIVER_OK)
		vfvirt_adminq_start(pf);
}

static bool config_contains(struct vfvirt_pf *pf, unsigned int offset, unsigned int length)
{
	if (pf->mdev.device && offset <= pf->mdev.device_len &&
	    length <= pf->mdev.device_len - offset)
		return true;
	if (!pf->dead)
		pci_warn_once(pf->pdev, "class driver wants configuration bytes %u..%u of %zu\n",
			      offset, offset + length, pf->mdev.device_len);
	return false;
}

/* Each field has its natural width (virtio 1.3, 4.1.3.1); 8 bytes are two fields of 4. */
static void config_get(struct virtio_device *vdev, unsigned int offset, void *buf,
		       unsigned int length)
{
	struct vfvirt_pf *pf = vdev_to_pf(vdev);
	void __iomem *at = pf->mdev.device + offset;
	unsigned int i;

	if (pf->dead || pf->gone || !config_contains(pf, offset, length)) {
		memset(buf, 0, length);
		return;
	}
	switch (length) {
	case 2:
		*(__le16 *)buf = cpu_to_le16(ioread16(at));
		break;
	case 4:
		*(__le32 *)buf = cpu_to_le32(ioread32(at));
		break;
	case 8:
		((__le32 *)buf)[0] = cpu_to_le32(ioread32(at));
		((__le32 *)buf)[1] = cpu_to_le32(ioread32(at + 4));
		break;
	default:
		for (i = 0; i < length; i++)
			((u8 *)buf)[i] = ioread8(at + i);
	}
}

static void config_set(struct virtio_device *vdev, unsigned int offset, const void *buf,
		       unsigned int length)
{
	struct vfvirt_pf *pf = vdev_to_pf(vdev);
	void __iomem *at = pf->mdev.device + offset;
	unsigned int i;

	if (pf->dead || pf->gone || !config_contains(pf, offset, length))
		return;
	switch (length) {
	case 2:
		iowrite16(le16_to_cpu(*(const __le16 *)buf), at);
		break;
	case 4:
		iowrite32(le32_to_cpu(*(const __le32 *)buf), at);
		break;
	case 8:
		iowrite32(le32_to_cpu(((const __le32 *)buf)[0]), at);
		iowrite32(le32_to_cpu(((const __le32 *)buf)[1]), at + 4);
		break;
	default:
		for (i = 0; i < length; i++)
			iowrite8(((const u8 *)buf)[i], at + i);
	}
}

static u32 generation(struct virtio_device *vdev)
{
	struct vfvirt_pf *pf = vdev_to_pf(vdev);

	return pf->dead ? 0 : vp_modern_generation(&pf->mdev);
}

static void synchronize_callbacks(struct virtio_device *vdev)
{
	vfvirt_vectors_synchronize(vdev_to_pf(vdev));
}

static const char *bus_name(struct virtio_device *vdev)
{
	return pci_name(vdev_to_pf(vdev)->pdev);
}

VFVIRT_DEFINE_FIND_VQS(find_vqs, vfvirt_queues_find)
VFVIRT_DEFINE_GET_FEATURES(get_features, vfvirt_features_offered)

const struct virtio_config_ops vfvirt_config_ops = {
	.get = config_get,
	.set = config_set,
	.generation = generation,
	.get_status = get_status,
	.set_status = set_status,
	.reset = reset,
	.find_vqs = find_vqs,
	.del_vqs = vfvirt_queues_delete,
	.synchronize_cbs = synchronize_callbacks,
	.VFVIRT_GET_FEATURES_OP = get_features,
	.finalize_features = vfvirt_features_finalize,
	.bus_name = bus_name,
	.set_vq_affinity = vfvirt_vectors_set_affinity,
	.get_vq_affinity = vfvirt_vectors_affinity,
	.disable_vq_and_reset = vfvirt_queue_disable_and_reset,
	.enable_vq_after_reset = vfvirt_queue_enable_after_reset,
};
