// SPDX-License-Identifier: GPL-2.0-only
/*
 * The transitional identity: bytes laid over the configuration space that vfio-pci-core shows.
 *
 * Device id 0x1000, revision 0, subsystem 1af4:0001 and an I/O BAR0 make a legacy driver take the
 * device; the virtio capabilities and memory BARs stay visible for a modern one (virtio 1.3,
 * "Transitional interface"). All other bytes, among them the vendor id, the class and the
 * capabilities, are vfio-pci-core's, also when one access covers both kinds.
 */
#include <linux/pagemap.h>
#include <linux/pci.h>
#include <linux/uaccess.h>
#include <linux/virtio_ids.h>

#include "vf.h"

#define IDENTITY_DEVICE_ID	0x1000
#define HEADER_BYTES		64	/* the standard header; nothing is overlaid behind it */
#define PIECE_MAX_BYTES		4	/* the widest access to configuration space */
#define PIECE_TRIES		16

/* The part of an access that touches one register. */
struct overlap {
	unsigned int in_access;		/* offset from the start of the access, bytes */
	unsigned int in_register;	/* offset from the start of the register, bytes */
	unsigned int length;		/* bytes; 0: none */
};

static struct overlap overlap_of(u64 pos, size_t count, u64 start, unsigned int length)
{
	u64 first = max(pos, start);
	u64 end = min_t(u64, pos + count, start + length);

	if (first >= end)
		return (struct overlap){ 0 };
	return (struct overlap){
		.in_access = first - pos,
		.in_register = first - start,
		.length = end - first,
	};
}

/* Lays the bytes of one register over what the user just read. */
static int lay_over(char __user *buf, u64 pos, size_t count, u64 start, const void *bytes,
		    unsigned int length)
{
	struct overlap overlap = overlap_of(pos, count, start, length);

	if (!overlap.length)
		return 0;
	if (copy_to_user(buf + overlap.in_access, bytes + overlap.in_register, overlap.length))
		return -EFAULT;
	return 0;
}

/*
 * vfio-pci-core keeps the user's I/O bit but does not show it, as a VF has none. The bit is or-ed
 * into the byte that core has put there; the byte goes back where it came from and nowhere else,
 * so a user that changes it meanwhile only fools himself.
 */
static int show_io_bit(char __user *buf, u64 pos, size_t count)
{
	struct overlap overlap = overlap_of(pos, count, PCI_COMMAND, 1);
	u8 __user *command = (u8 __user *)buf + overlap.in_access;
	u8 low;

	if (!overlap.length)
		return 0;
	if (get_user(low, command) || put_user(low | PCI_COMMAND_IO, command))
		return -EFAULT;
	return 0;
}

/**
 * vfvirt_config_open() - forget what an earlier user wrote
 * @vf: the VF, not yet accessible to the new user
 */
void vfvirt_config_open(struct vfvirt_vf *vf)
{
	spin_lock(&vf->config_lock);
	vf->io_enabled = false;
	vf->bar0 = 0;
	spin_unlock(&vf->config_lock);
}

/**
 * vfvirt_config_io_enabled() - whether the user has switched I/O decoding on
 * @vf: the VF, open
 *
 * Return: true when BAR0 answers.
 */
bool vfvirt_config_io_enabled(struct vfvirt_vf *vf)
{
	return READ_ONCE(vf->io_enabled);
}

/**
 * vfvirt_config_read() - a read of the configuration region
 * @vf: the VF, open and transitional
 * @buf: the user's memory
 * @count: bytes, any number
 * @ppos: file position, advanced by what was read
 *
 * Return: bytes read, as many as vfio-pci-core gave, or a negative errno.
 */
ssize_t vfvirt_config_read(struct vfvirt_vf *vf, char __user *buf, size_t count, loff_t *ppos)
{
	const __le16 device_id = cpu_to_le16(IDENTITY_DEVICE_ID);
	const __le16 subsystem[2] = {
		cpu_to_le16(PCI_VENDOR_ID_REDHAT_QUMRANET), cpu_to_le16(VIRTIO_ID_NET)
	};
	u64 pos = *ppos & VFIO_PCI_OFFSET_MASK;
	const u8 revision = 0;
	bool io_enabled;
	ssize_t done;
	__le32 bar0;

	done = vfio_pci_core_read(&vf->core.vdev, buf, count, ppos);
	if (done <= 0 || pos >= HEADER_BYTES)
		return done;

	spin_lock(&vf->config_lock);
	io_enabled = vf->io_enabled;
	bar0 = cpu_to_le32((vf->bar0 & ~(VFVIRT_BAR0_BYTES - 1)) | PCI_BASE_ADDRESS_SPACE_IO);
	spin_unlock(&vf->config_lock);

	if (lay_over(buf, pos, done, PCI_DEVICE_ID, &device_id, sizeof(device_id)) ||
	    lay_over(buf, pos, done, PCI_REVISION_ID, &revision, sizeof(revision)) ||
	    lay_over(buf, pos, done, PCI_BASE_ADDRESS_0, &bar0, sizeof(bar0)) ||
	    lay_over(buf, pos, done, PCI_SUBSYSTEM_VENDOR_ID, subsystem, sizeof(subsystem)) ||
	    (io_enabled && show_io_bit(buf, pos, done)))
		return -EFAULT;
	return done;
}

/*
 * Takes the I/O bit over from vfio-pci-core's own copy of the command register, so that the two
 * cannot differ whatever the user's buffer held when core read it. Under config_lock: of two
 * racing writers the later one takes a value that includes both writes.
 */
static void take_io_bit(struct vfvirt_vf *vf)
{
	lockdep_assert_held(&vf->config_lock);
	WRITE_ONCE(vf->io_enabled, READ_ONCE(vf->core.vconfig[PCI_COMMAND]) & PCI_COMMAND_IO);
}

static void take_bar0(struct vfvirt_vf *vf, struct overlap overlap, const u8 *bytes)
{
	__le32 bar0 = cpu_to_le32(vf->bar0);

	lockdep_assert_held(&vf->config_lock);
	memcpy((u8 *)&bar0 + overlap.in_register, bytes, overlap.length);
	vf->bar0 = le32_to_cpu(bar0);
}

/*
 * What vfio-pci-core refuses changes nothing here either. It takes a write in pieces: an error may
 * come behind a command register that it has taken.
 */
static ssize_t write_overlaid(struct vfvirt_vf *vf, const char __user *buf, size_t count,
			      loff_t *ppos)
{
	u64 pos = *ppos & VFIO_PCI_OFFSET_MASK;
	struct overlap overlap = overlap_of(pos, count, PCI_BASE_ADDRESS_0, sizeof(u32));
	u8 bytes[sizeof(u32)];
	ssize_t done;

	if (copy_from_user(bytes, buf + overlap.in_access, overlap.length))
		return -EFAULT;
	done = vfio_pci_core_write(&vf->core.vdev, buf, count, ppos);

	spin_lock(&vf->config_lock);
	if (overlap_of(pos, count, PCI_COMMAND, sizeof(u16)).length)
		take_io_bit(vf);
	overlap = overlap_of(pos, max_t(ssize_t, done, 0), PCI_BASE_ADDRESS_0, sizeof(u32));
	if (overlap.length)
		take_bar0(vf, overlap, bytes);
	spin_unlock(&vf->config_lock);
	return done;
}

static ssize_t write_now(struct vfvirt_vf *vf, const char __user *buf, size_t count, loff_t *ppos)
{
	u64 pos = *ppos & VFIO_PCI_OFFSET_MASK;

	if (vf->transitional && pos < HEADER_BYTES)
		return write_overlaid(vf, buf, count, ppos);
	return vfio_pci_core_write(&vf->core.vdev, buf, count, ppos);
}

static size_t piece_bytes(u64 pos, size_t count)
{
	size_t bytes = PIECE_MAX_BYTES;

	while (bytes > count || pos & (bytes - 1))
		bytes /= 2;
	return bytes;
}

/*
 * The card must not be held for as long as the user's memory takes to answer: that is waited for
 * before, and if it is not there any more when it is needed, once more. Pages that go again and
 * again are the user's own doing.
 */
static ssize_t write_piece(struct vfvirt_vf *vf, const char __user *buf, size_t count, loff_t *ppos)
{
	struct vfvirt_owner *owner;
	ssize_t ret = -EFAULT;
	unsigned int i;

	for (i = 0; i < PIECE_TRIES && ret == -EFAULT; i++) {
		if (fault_in_readable(buf, count))
			return -EFAULT;
		ret = vfvirt_reset_begin(vf, VFVIRT_ACCESS_LIMIT_MS, &owner);
		if (ret)
			return ret;
		pagefault_disable();
		ret = write_now(vf, buf, count, ppos);
		pagefault_enable();
		vfvirt_reset_end(vf, owner);
	}
	return ret;
}

/**
 * vfvirt_config_write() - a write to the configuration region
 * @vf: the VF, open
 * @buf: the user's memory
 * @count: bytes, any number
 * @ppos: file position, advanced by what was written
 *
 * Behind the header are the guest's function reset and its power state: for a write that goes there
 * the card is held, for one piece after the other. vfio-pci-core takes no more than a piece at once
 * either, so that what cannot be read of the user's memory has changed nothing, and can be tried
 * again. Only where a capability ends inside of a piece, core takes two, and may be given the first
 * a second time, with what the user's memory holds then.
 *
 * Return: bytes written, as many as vfio-pci-core took, or a negative errno.
 */
ssize_t vfvirt_config_write(struct vfvirt_vf *vf, const char __user *buf, size_t count,
			    loff_t *ppos)
{
	u64 pos = *ppos & VFIO_PCI_OFFSET_MASK;
	size_t done = 0;

	/* Nothing to be held for, or refused as a whole. */
	if (pos + count <= HEADER_BYTES || pos + count > vf->core.pdev->cfg_size)
		return write_now(vf, buf, count, ppos);
	while (done < count) {
		size_t length = piece_bytes(pos + done, count - done);
		ssize_t ret = write_piece(vf, buf + done, length, ppos);

		if (ret < 0)
			return ret;
		done += length;
	}
	return done;
}
