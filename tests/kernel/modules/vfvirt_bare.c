// SPDX-License-Identifier: GPL-2.0-only
/*
 * The least that a command can cost: add, kick and poll, without locks, slots or statistics, on
 * the administration queue that the PF's driver made. That driver must be idle meanwhile; its
 * interrupts are held back, or it would take the answers of this loop.
 *
 * /sys/kernel/debug/vfvirt_bare: a write of "ADDRESS BEGIN_NS END_NS" reads the legacy status of
 * member 1 of that PF over and over; a read of the same open file gives "ERROR DONE FAILED
 * MEDIAN_NS".
 */
#include <linux/debugfs.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#include "test_text.h"
#include "test_window.h"
#include "vfvirt_compat.h"
#include "vfvirt_core.h"

#define TEXT_BYTES 96
#define ADMIN_INDEX 64		/* of the card's first administration queue */
#define STATUS_OFFSET 18
#define READABLE_BYTES 32
#define WRITABLE_BYTES 9	/* status, qualifier, reserved, one register */
#define ANSWER_LIMIT_NS (100 * NSEC_PER_MSEC)

/* What is read for; the device has the buffer while a command is under way. */
struct bare {
	struct virtqueue *vq;
	u8 *buffer;	/* the readable part, then the writable one */
	bool lost;	/* an answer did not come: the device still has the buffer */
};

static struct dentry *file;

static void fill(u8 *buffer)
{
	put_unaligned_le16(VFVIRT_OP_LEGACY_COMMON_CFG_READ, buffer);
	put_unaligned_le16(VFVIRT_GROUP_SRIOV, buffer + 2);
	put_unaligned_le64(1, buffer + 16);
	buffer[24] = STATUS_OFFSET;
}

static int read_once(void *context)
{
	struct bare *bare = context;
	struct scatterlist readable, writable, *parts[] = { &readable, &writable };
	unsigned int length;
	u64 limit_ns;
	int error;

	if (bare->lost)
		return -ETIMEDOUT;
	sg_init_one(&readable, bare->buffer, READABLE_BYTES);
	sg_init_one(&writable, bare->buffer + READABLE_BYTES, WRITABLE_BYTES);
	error = virtqueue_add_sgs(bare->vq, parts, 1, 1, bare, GFP_ATOMIC);
	if (error)
		return error;
	virtqueue_kick(bare->vq);
	limit_ns = ktime_get_ns() + ANSWER_LIMIT_NS;
	while (!virtqueue_get_buf(bare->vq, &length)) {
		if (ktime_get_ns() > limit_ns) {
			bare->lost = true;
			return -ETIMEDOUT;
		}
		cpu_relax();
	}
	return get_unaligned_le16(bare->buffer + READABLE_BYTES) ? -EREMOTEIO : 0;
}

static struct virtqueue *admin_queue(struct virtio_device *vdev)
{
	struct virtqueue *vq, *found = NULL;

	spin_lock(&vdev->vqs_list_lock);
	list_for_each_entry(vq, &vdev->vqs, list)
		if (vq->index == ADMIN_INDEX)
			found = vq;
	spin_unlock(&vdev->vqs_list_lock);
	return found;
}

static int run_on(struct virtio_device *vdev, struct test_window *window)
{
	struct bare bare = { .vq = admin_queue(vdev) };
	int error;

	if (!bare.vq)
		return -ENOENT;
	bare.buffer = kzalloc(READABLE_BYTES + WRITABLE_BYTES, GFP_KERNEL);
	if (!bare.buffer)
		return -ENOMEM;
	fill(bare.buffer);
	virtqueue_disable_cb(bare.vq);
	error = test_window_run(window, read_once, &bare);
	if (!bare.lost)
		kfree(bare.buffer);
	return error;
}

/* All vectors of the PF; a PF that has no MSI-X is not measured. */
static void hold_interrupts(struct pci_dev *pdev, bool hold)
{
	int n, irq;

	for (n = 0; (irq = pci_irq_vector(pdev, n)) > 0; n++) {
		if (hold)
			disable_irq(irq);
		else
			enable_irq(irq);
	}
}

static int find_virtio(struct device *dev, void *ret_dev)
{
	if (!dev->bus || strcmp(dev->bus->name, "virtio"))
		return 0;
	*(struct device **)ret_dev = get_device(dev);
	return 1;
}

static int run(const char *text, struct test_window *window)
{
	unsigned int domain, bus, slot, function;
	struct device *dev = NULL;
	struct pci_dev *pdev;
	int error = -ENODEV;

	if (sscanf(text, "%x:%x:%x.%x %llu %llu", &domain, &bus, &slot, &function,
		   &window->begin_ns, &window->end_ns) != 6)
		return -EINVAL;
	pdev = pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(slot, function));
	if (!pdev)
		return -ENODEV;
	device_for_each_child(&pdev->dev, &dev, find_virtio);
	if (dev) {
		/* The class driver stays, and with it the queue. */
		device_lock(dev);
		hold_interrupts(pdev, true);
		error = run_on(dev_to_virtio(dev), window);
		hold_interrupts(pdev, false);
		device_unlock(dev);
		put_device(dev);
	}
	pci_dev_put(pdev);
	return error;
}

static ssize_t bare_write(struct file *file, const char __user *user, size_t count, loff_t *pos)
{
	struct test_window window = {};
	char text[TEXT_BYTES], *answer = file->private_data;
	int error;

	error = test_text_copy(text, sizeof(text), user, count);
	if (error)
		return error;
	error = run(text, &window);
	scnprintf(answer, TEXT_BYTES, "%d %u %u %u", error, window.done, window.failed,
		  window.median_ns);
	return count;
}

static ssize_t bare_read(struct file *file, char __user *user, size_t count, loff_t *pos)
{
	const char *answer = file->private_data;
	loff_t start = 0;

	return simple_read_from_buffer(user, count, &start, answer, strlen(answer));
}

static int bare_open(struct inode *inode, struct file *file)
{
	file->private_data = kzalloc(TEXT_BYTES, GFP_KERNEL);
	return file->private_data ? 0 : -ENOMEM;
}

static int bare_release(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	return 0;
}

static const struct file_operations bare_fops = {
	.owner = THIS_MODULE,
	.open = bare_open,
	.release = bare_release,
	.write = bare_write,
	.read = bare_read,
};

static int __init bare_init(void)
{
	file = debugfs_create_file("vfvirt_bare", 0600, NULL, NULL, &bare_fops);
	return PTR_ERR_OR_ZERO(file);
}

static void __exit bare_exit(void)
{
	debugfs_remove(file);
}

module_init(bare_init);
module_exit(bare_exit);
MODULE_DESCRIPTION("Test yardstick: a bare loop on an administration queue");
MODULE_LICENSE("GPL");
