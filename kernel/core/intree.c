// SPDX-License-Identifier: GPL-2.0-only
/*
 * The provider "intree": legacy access through the calls that virtio-pci exports, for PFs that stay
 * bound to it.
 *
 * Its administration queue exists while a class driver is bound to the PF's virtio device; a call
 * after that driver went reads freed memory (B-P02). So a notifier of the virtio bus shuts the gate
 * before the driver is unbound. The waits inside those calls belong to the kernel: they have no
 * limit and cannot be killed.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci_admin.h>

#include "core.h"

/* How long an unbind waits for commands; what still runs then ends when virtio-pci resets. */
#define STOP_LIMIT_MS 10000

#define NOTIFY_ENTRY_BYTES		16
#define NOTIFY_ENTRY_ADDRESS_OFFSET	8

/* A PF that is bound to virtio-pci. */
struct intree_pf {
	struct list_head node;
	struct pci_dev *pdev; /* compared; the owner has the reference */
	struct vfvirt_owner *owner;
	bool closed; /* the gate is shut; changed under the virtio child's device lock */
};

static LIST_HEAD(pfs);
/*
 * Protects the list. Inside the locks of PF and virtio child and of a bus's notifiers, so nothing
 * that changes the latter may be called with it; outside of the registry mutex.
 */
static DEFINE_MUTEX(pfs_mutex);
static typeof_member(struct device, bus) virtio_bus;

/* ---- commands ------------------------------------------------------------------------------ */

/*
 * The kernel's calls give the device's status as a negative errno. What can only come from the
 * kernel itself stays an error; the rest goes to core's table as the status it was.
 */
static int answer(struct vfvirt_command *command, int error)
{
	switch (error) {
	case -EIO:
	case -ENODEV:
		return error;
	case -EOPNOTSUPP:
		return -ENODEV;
	}
	command->status = -error;
	command->qualifier = 0;
	return 0;
}

/* The buffer goes to the device as it is, so it must be memory that can be mapped for DMA. */
static int access_registers(struct vfvirt_command *command)
{
	u16 length_bytes = command->in_length_bytes + command->out_length_bytes;
	u8 *buffer = kzalloc(max_t(u16, length_bytes, sizeof(u64)), GFP_KERNEL);
	int error;

	if (!buffer)
		return -ENOMEM;
	if (command->in_length_bytes)
		memcpy(buffer, command->in, command->in_length_bytes);
	switch (command->opcode) {
	case VFVIRT_OP_LEGACY_COMMON_CFG_WRITE:
		error = virtio_pci_admin_legacy_common_io_write(command->vf, command->offset,
								length_bytes, buffer);
		break;
	case VFVIRT_OP_LEGACY_COMMON_CFG_READ:
		error = virtio_pci_admin_legacy_common_io_read(command->vf, command->offset,
							       length_bytes, buffer);
		break;
	case VFVIRT_OP_LEGACY_DEV_CFG_WRITE:
		error = virtio_pci_admin_legacy_device_io_write(command->vf, command->offset,
								length_bytes, buffer);
		break;
	default:
		error = virtio_pci_admin_legacy_device_io_read(command->vf, command->offset,
							       length_bytes, buffer);
		break;
	}
	if (!error && command->out_length_bytes) {
		memcpy(command->out, buffer, command->out_length_bytes);
		command->out_used_bytes = command->out_length_bytes;
	}
	kfree(buffer);
	return answer(command, error);
}

/* The kernel picks one entry of a kind; they are written down as the device would list them. */
static int list_doorbells(struct vfvirt_command *command)
{
	static const u8 kinds[] = { VFVIRT_NOTIFY_MEMBER, VFVIRT_NOTIFY_OWNER };
	u8 *list = command->out;
	u16 used_bytes = 0;
	u64 offset_bytes;
	unsigned int n;
	int error = 0;
	u8 bar;

	for (n = 0; n < ARRAY_SIZE(kinds); n++) {
		if (used_bytes + NOTIFY_ENTRY_BYTES > command->out_length_bytes)
			break;
		error = virtio_pci_admin_legacy_io_notify_info(command->vf, kinds[n], &bar,
							       &offset_bytes);
		if (error == -ENOENT) /* no entry of this kind */
			continue;
		if (error)
			return answer(command, error);
		memset(list + used_bytes, 0, NOTIFY_ENTRY_BYTES);
		list[used_bytes] = kinds[n];
		list[used_bytes + 1] = bar;
		put_unaligned_le64(offset_bytes, list + used_bytes + NOTIFY_ENTRY_ADDRESS_OFFSET);
		used_bytes += NOTIFY_ENTRY_BYTES;
	}
	command->out_used_bytes = used_bytes;
	return answer(command, 0);
}

static int intree_execute(void *priv, struct vfvirt_command *command)
{
	switch (command->opcode) {
	case VFVIRT_OP_LEGACY_COMMON_CFG_WRITE:
	case VFVIRT_OP_LEGACY_COMMON_CFG_READ:
	case VFVIRT_OP_LEGACY_DEV_CFG_WRITE:
	case VFVIRT_OP_LEGACY_DEV_CFG_READ:
		return access_registers(command);
	case VFVIRT_OP_LEGACY_NOTIFY_INFO:
		return list_doorbells(command);
	default:
		return -EOPNOTSUPP;
	}
}

static int intree_has_legacy(void *priv, struct pci_dev *vf)
{
	return virtio_pci_admin_has_legacy_io(vf);
}

/* virtio-pci tells nobody about its queue. */
static void intree_facts(void *priv, struct vfvirt_owner_facts *ret_facts)
{
	ret_facts->known = false;
}

static const struct vfvirt_owner_ops intree_ops = {
	.provider = "intree",
	.execute = intree_execute,
	.has_legacy = intree_has_legacy,
	.facts = intree_facts,
};

/* ---- coming and going ------------------------------------------------------------------------ */

static struct intree_pf *pf_find(const struct device *dev)
{
	struct intree_pf *pf, *found = NULL;

	mutex_lock(&pfs_mutex);
	list_for_each_entry(pf, &pfs, node)
		if (&pf->pdev->dev == dev)
			found = pf;
	mutex_unlock(&pfs_mutex);
	return found;
}

static bool is_ours(struct pci_dev *pdev)
{
	return pdev->is_physfn && pdev->vendor == PCI_VENDOR_ID_REDHAT_QUMRANET &&
	       pdev->dev.driver && !strcmp(pdev->dev.driver->name, "virtio-pci");
}

/* The class driver is there: commands may run, if the device has the queue at all. */
static void pf_start(struct intree_pf *pf, struct virtio_device *vdev)
{
	device_lock_assert(&vdev->dev);
	if (!__virtio_test_bit(vdev, VIRTIO_F_ADMIN_VQ)) {
		vfvirt_owner_set_state(pf->owner, VFVIRT_OWNER_ABSENT, VFVIRT_REASON_NO_FEATURE);
		return;
	}
	if (pf->closed) {
		pf->closed = false;
		vfvirt_owner_unquiesce(pf->owner);
	}
	vfvirt_owner_set_state(pf->owner, VFVIRT_OWNER_READY, VFVIRT_REASON_NONE);
}

/* The class driver is about to go, and the queue with it. */
static void pf_stop(struct intree_pf *pf)
{
	vfvirt_owner_set_state(pf->owner, VFVIRT_OWNER_ABSENT, VFVIRT_REASON_NO_DRIVER);
	if (pf->closed)
		return;
	pf->closed = true;
	if (vfvirt_owner_quiesce(pf->owner, STOP_LIMIT_MS))
		pci_warn(pf->pdev, "vfvirt: a command still waits for the device while the PF's class driver is unbound\n");
}

static int child_event(struct notifier_block *block, unsigned long action, void *data)
{
	struct device *dev = data;
	struct intree_pf *pf;

	if (action != BUS_NOTIFY_BOUND_DRIVER && action != BUS_NOTIFY_UNBIND_DRIVER)
		return NOTIFY_DONE;
	/* It stays: a PF is let go of only after its child, whose lock is held here. */
	pf = pf_find(dev->parent);
	if (!pf)
		return NOTIFY_DONE;
	if (action == BUS_NOTIFY_BOUND_DRIVER)
		pf_start(pf, dev_to_virtio(dev));
	else
		pf_stop(pf);
	return NOTIFY_OK;
}

static struct notifier_block child_notifier = { .notifier_call = child_event };

static int take_virtio(struct device *dev, void *ret_child)
{
	if (!is_virtio_device(dev))
		return 0;
	*(struct device **)ret_child = get_device(dev);
	return 1;
}

static void child_adopt(struct intree_pf *pf)
{
	struct device *child = NULL;

	device_for_each_child(&pf->pdev->dev, &child, take_virtio);
	if (!child)
		return;
	/* With the child's lock held no unbind is under way that began before @pf was listed. */
	device_lock(child);
	if (child->driver)
		pf_start(pf, dev_to_virtio(child));
	device_unlock(child);
	put_device(child);
}

/* A PF is bound to virtio-pci; its device lock is held. */
static void pf_adopt(struct pci_dev *pdev)
{
	struct intree_pf *pf;

	device_lock_assert(&pdev->dev);
	if (!is_ours(pdev) || pf_find(&pdev->dev))
		return;
	pf = kzalloc(sizeof(*pf), GFP_KERNEL);
	if (!pf)
		return;
	pf->pdev = pdev;
	pf->owner = vfvirt_owner_register(pdev, &intree_ops, pf, THIS_MODULE);
	if (IS_ERR(pf->owner)) {
		pci_warn(pdev, "vfvirt: cannot serve the VFs of this PF: error %ld\n",
			 PTR_ERR(pf->owner));
		kfree(pf);
		return;
	}
	mutex_lock(&pfs_mutex);
	list_add_tail(&pf->node, &pfs);
	mutex_unlock(&pfs_mutex);
	child_adopt(pf);
}

/* virtio-pci has let go of the PF; its reset ended every command. */
static void pf_release(struct intree_pf *pf)
{
	mutex_lock(&pfs_mutex);
	list_del(&pf->node);
	mutex_unlock(&pfs_mutex);
	vfvirt_owner_unregister(pf->owner);
	kfree(pf);
}

static int pci_event(struct notifier_block *block, unsigned long action, void *data)
{
	struct device *dev = data;
	struct intree_pf *pf;

	switch (action) {
	case BUS_NOTIFY_BOUND_DRIVER:
		pf_adopt(to_pci_dev(dev));
		return NOTIFY_OK;
	case BUS_NOTIFY_UNBOUND_DRIVER:
		pf = pf_find(dev);
		if (pf)
			pf_release(pf);
		return NOTIFY_OK;
	default:
		return NOTIFY_DONE;
	}
}

static struct notifier_block pci_notifier = { .notifier_call = pci_event };

/*
 * The bus type of virtio is not exported; a driver without devices leads to it. virtio-pci, whose
 * calls we link to, keeps the bus in place.
 */
static int __init find_virtio_bus(void)
{
	static const struct virtio_device_id no_ids[] = { { } };
	static struct virtio_driver driver = {
		.driver.name = "vfvirt_core",
		.id_table = no_ids,
	};
	int error = register_virtio_driver(&driver);

	if (error)
		return error;
	virtio_bus = driver.driver.bus;
	unregister_virtio_driver(&driver);
	return 0;
}

static void __init adopt_all(void)
{
	struct pci_dev *pdev = NULL;

	while ((pdev = pci_get_device(PCI_VENDOR_ID_REDHAT_QUMRANET, PCI_ANY_ID, pdev))) {
		if (!pdev->is_physfn)
			continue;
		device_lock(&pdev->dev);
		pf_adopt(pdev);
		device_unlock(&pdev->dev);
	}
}

/**
 * vfvirt_intree_start() - serve every PF that is bound to virtio-pci, now and later
 *
 * Return: 0 or negative errno.
 */
int __init vfvirt_intree_start(void)
{
	int error = find_virtio_bus();

	if (error)
		return error;
	error = bus_register_notifier(virtio_bus, &child_notifier);
	if (error)
		return error;
	error = bus_register_notifier(&pci_bus_type, &pci_notifier);
	if (error) {
		bus_unregister_notifier(virtio_bus, &child_notifier);
		return error;
	}
	adopt_all();
	return 0;
}

/**
 * vfvirt_intree_stop() - serve nobody any more
 */
void vfvirt_intree_stop(void)
{
	struct intree_pf *pf, *next;

	bus_unregister_notifier(&pci_bus_type, &pci_notifier);
	bus_unregister_notifier(virtio_bus, &child_notifier);
	/* No notifier runs any more: the list is ours alone. */
	list_for_each_entry_safe(pf, next, &pfs, node)
		pf_release(pf);
}
