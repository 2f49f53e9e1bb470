// SPDX-License-Identifier: GPL-2.0-only
/*
 * BAR0: accesses of any width at any offset, split into single-field commands of the owner.
 *
 * The card takes accesses that lie inside one field (virtio 1.3, "Legacy Interfaces: SR-IOV group
 * administration commands"), a guest makes any; a native device gives the same result for both.
 * Pieces are 1, 2 or 4 bytes wide and naturally aligned, the widths that exist on an I/O bus, so
 * that no card meets a width it never saw. A piece that fails reads as ones and drops what is
 * written, as on a bus where nobody answers.
 */
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/pci.h>
#include <linux/pm_runtime.h>
#include <linux/uaccess.h>

#include "vf.h"
#include "vfio_compat.h"

#define HEADER_BYTES		0x14	/* without the two MSI-X vectors */
#define HEADER_MSIX_BYTES	0x18	/* with them */
#define PIECE_MAX_BYTES		4

struct field {
	u8 offset;
	u8 length;
	/* Without effect on a native device, where such a read gives ones: not worth a command. */
	bool read_only, write_only;
};

static const struct field header_fields[] = {
	{ 0x00, 4, .read_only = true },		/* device features */
	{ 0x04, 4 },				/* driver features */
	{ 0x08, 4 },				/* queue address, a page number */
	{ 0x0c, 2, .read_only = true },		/* queue size */
	{ 0x0e, 2 },				/* queue select */
	{ VFVIRT_NOTIFY_OFFSET, 2, .write_only = true },
	{ 0x12, 1 },				/* device status */
	{ 0x13, 1, .read_only = true },		/* ISR status, cleared by a read */
	{ 0x14, 2 },				/* configuration vector, with MSI-X on */
	{ 0x16, 2 },				/* queue vector, with MSI-X on */
};

static const struct field net_fields[] = {
	{ 0, 6 },	/* mac; a legacy driver may write it */
	{ 6, 2 },	/* status */
	{ 8, 2 },	/* max_virtqueue_pairs */
	{ 10, 2 },	/* mtu */
	{ 12, 4 },	/* speed */
	{ 16, 1 },	/* duplex */
	{ 17, 1 },	/* rss_max_key_size */
	{ 18, 2 },	/* rss_max_indirection_table_length */
	{ 20, 4 },	/* supported_hash_types */
	{ 24, 4 },	/* supported_tunnel_types */
};

/* A part of an access that one command can do. */
struct piece {
	bool in_header;		/* else in the device configuration */
	bool known;		/* there is a field; else nobody answers */
	bool read_only, write_only;
	u8 offset;		/* from the start of that area, bytes */
	u8 length;		/* bytes, at least 1 */
};

/* The first piece of an access to @count bytes at @pos, where the configuration is at @split. */
static struct piece first_piece(u8 pos, size_t count, u8 split)
{
	bool in_header = pos < split;
	const struct field *fields = in_header ? header_fields : net_fields;
	size_t n = in_header ? ARRAY_SIZE(header_fields) : ARRAY_SIZE(net_fields);
	struct piece piece = {
		.in_header = in_header,
		.offset = in_header ? pos : pos - split,
		.length = 1,
	};
	size_t i;

	for (i = 0; i < n; i++) {
		unsigned int into = piece.offset - fields[i].offset;
		unsigned int length;

		if (piece.offset < fields[i].offset || into >= fields[i].length)
			continue;
		length = min3(count, (size_t)fields[i].length - into, (size_t)PIECE_MAX_BYTES);
		length = rounddown_pow_of_two(length);
		while (piece.offset & (length - 1))
			length /= 2;
		piece.length = length;
		piece.known = true;
		piece.read_only = fields[i].read_only;
		piece.write_only = fields[i].write_only;
		break;
	}
	return piece;
}

static int write_doorbell(struct vfvirt_vf *vf, const u8 *data, unsigned int limit_ms)
{
	__le16 queue_index;

	memcpy(&queue_index, data, sizeof(queue_index));
	return vfvirt_notify_ring(vf, le16_to_cpu(queue_index), limit_ms);
}

static int read_piece(struct vfvirt_vf *vf, struct piece piece, u8 *data, unsigned int limit_ms)
{
	if (!piece.known)
		return -ENXIO;
	if (piece.write_only) {
		memset(data, 0xff, piece.length);
		return 0;
	}
	if (piece.in_header)
		return vfvirt_legacy_common_read(vf->member, piece.offset, data, piece.length,
						 limit_ms);
	return vfvirt_legacy_device_read(vf->member, piece.offset, data, piece.length, limit_ms);
}

static int write_piece(struct vfvirt_vf *vf, struct piece piece, const u8 *data,
		       unsigned int limit_ms)
{
	if (!piece.known)
		return -ENXIO;
	if (piece.read_only)
		return 0;
	if (piece.write_only && piece.length == 2)	/* the doorbell, all of it */
		return write_doorbell(vf, data, limit_ms);
	if (piece.in_header)
		return vfvirt_legacy_common_write(vf->member, piece.offset, data, piece.length,
						  limit_ms);
	return vfvirt_legacy_device_write(vf->member, piece.offset, data, piece.length, limit_ms);
}

/*
 * Core counts every command that fails; the log and the netlink group hear of it at a bounded
 * rate, because a guest decides how often it fails.
 */
static void tell_failure(struct vfvirt_vf *vf, const char *what, u8 pos, int error)
{
	if (!__ratelimit(&vf->log_limit))
		return;
	pci_warn(vf->core.pdev, "legacy register %s at 0x%02x failed: error %d\n", what, pos,
		 error);
	vfvirt_member_failed(vf->member, what, error);
}

/*
 * Where the device configuration begins: with the card's MSI-X on, two vector registers come
 * before it. The interrupt mode changes under igate, which is held here only to look: an access
 * that races with the change gets one of both layouts, as on a native device.
 */
static int header_bytes(struct vfvirt_vf *vf)
{
	bool msix_on;

	if (mutex_lock_killable(&vf->core.igate))
		return -EINTR;
	msix_on = vf->core.irq_type == VFIO_PCI_MSIX_IRQ_INDEX;
	mutex_unlock(&vf->core.igate);
	return msix_on ? HEADER_MSIX_BYTES : HEADER_BYTES;
}

/*
 * One access after the other, all pieces within one limit: the guest's vCPU waits. Only a fatal
 * signal is an error to the caller. After a time-out or a lost owner the other pieces are not
 * tried any more; they would only wait for the same.
 */
static int do_pieces(struct vfvirt_vf *vf, u8 pos, u8 *data, size_t count, bool write)
{
	int ret = 0, split = header_bytes(vf);
	unsigned long deadline;
	bool lost = false;

	lockdep_assert_held(&vf->access_lock);
	if (split < 0)
		return split;
	/* The limit is the card's; who changes the interrupt mode was waited for before. */
	deadline = jiffies + msecs_to_jiffies(VFVIRT_ACCESS_LIMIT_MS);
	while (count) {
		struct piece piece = first_piece(pos, count, split);
		long left = deadline - jiffies;

		if (left <= 0 && !lost) {
			lost = true;
			ret = -ETIMEDOUT;
			tell_failure(vf, write ? "write" : "read", pos, ret);
		}
		if (!lost && write)
			ret = write_piece(vf, piece, data, jiffies_to_msecs(left));
		else if (!lost)
			ret = read_piece(vf, piece, data, jiffies_to_msecs(left));
		if (ret == -EINTR)
			return ret;
		if (ret && !write)
			memset(data, 0xff, piece.length);
		if (ret && !lost && ret != -ENXIO)
			tell_failure(vf, write ? "write" : "read", pos, ret);
		lost = lost || ret == -ETIMEDOUT || ret == -ENODEV;

		pos += piece.length;
		data += piece.length;
		count -= piece.length;
	}
	return 0;
}

/* As the memory BARs of a function in D3hot, its BAR0 does not answer. */
static int check_answers(struct vfvirt_vf *vf)
{
	bool asleep;

	if (!vfvirt_config_io_enabled(vf))
		return -EIO;
	if (down_read_killable(&vf->core.memory_lock))
		return -EINTR;
	asleep = vfvirt_vfio_is_asleep(vf->core.pdev);
	up_read(&vf->core.memory_lock);
	return asleep ? -EIO : 0;
}

static int do_access(struct vfvirt_vf *vf, u8 pos, u8 *data, size_t count, bool write)
{
	int ret;

	ret = check_answers(vf);
	if (ret)
		return ret;
	/* The hot path: a doorbell needs no order with other accesses, only with memory. */
	if (write && pos == VFVIRT_NOTIFY_OFFSET && count == 2) {
		ret = write_doorbell(vf, data, 0);
		if (ret && ret != -EINTR)
			tell_failure(vf, "doorbell", pos, ret);
		return ret == -EINTR ? ret : 0;
	}
	if (mutex_lock_killable(&vf->access_lock))
		return -EINTR;
	ret = do_pieces(vf, pos, data, count, write);
	mutex_unlock(&vf->access_lock);
	return ret;
}

/* The user may have put the VF to runtime sleep; the access wakes it, as any other region's. */
static int do_access_awake(struct vfvirt_vf *vf, u8 pos, u8 *data, size_t count, bool write)
{
	struct device *dev = &vf->core.pdev->dev;
	int ret;

	if (pm_runtime_resume_and_get(dev) < 0)
		return -EIO;
	ret = do_access(vf, pos, data, count, write);
	pm_runtime_put(dev);
	return ret;
}

/* Bytes of an access that lie inside BAR0, as vfio-pci-core cuts accesses to other BARs. */
static ssize_t clamp_to_bar(u64 pos, size_t count)
{
	if (pos >= VFVIRT_BAR0_BYTES)
		return -EINVAL;
	return min_t(u64, count, VFVIRT_BAR0_BYTES - pos);
}

/**
 * vfvirt_legacy_read() - a read of the BAR0 region
 * @vf: the VF, open and transitional
 * @buf: the user's memory
 * @count: bytes, any number; cut at the end of the BAR
 * @ppos: file position, advanced by what was read
 *
 * What the card refuses or does not answer within VFVIRT_ACCESS_LIMIT_MS reads as ones.
 *
 * Return: bytes read; -EIO with the I/O bit clear or in D3hot, -EINVAL behind the BAR, -EINTR,
 * -EFAULT.
 */
ssize_t vfvirt_legacy_read(struct vfvirt_vf *vf, char __user *buf, size_t count, loff_t *ppos)
{
	u64 pos = *ppos & VFIO_PCI_OFFSET_MASK;
	ssize_t length = clamp_to_bar(pos, count);
	u8 data[VFVIRT_BAR0_BYTES];
	int ret;

	if (length <= 0)
		return length;
	ret = do_access_awake(vf, pos, data, length, false);
	if (ret)
		return ret;
	if (copy_to_user(buf, data, length))
		return -EFAULT;
	*ppos += length;
	return length;
}

/**
 * vfvirt_legacy_write() - a write to the BAR0 region
 * @vf: the VF, open and transitional
 * @buf: the user's memory
 * @count: bytes, any number; cut at the end of the BAR
 * @ppos: file position, advanced by what was written
 *
 * What the card refuses or does not answer within VFVIRT_ACCESS_LIMIT_MS is dropped.
 *
 * Return: bytes written; errors as vfvirt_legacy_read().
 */
ssize_t vfvirt_legacy_write(struct vfvirt_vf *vf, const char __user *buf, size_t count,
			    loff_t *ppos)
{
	u64 pos = *ppos & VFIO_PCI_OFFSET_MASK;
	ssize_t length = clamp_to_bar(pos, count);
	u8 data[VFVIRT_BAR0_BYTES];
	int ret;

	if (length <= 0)
		return length;
	if (copy_from_user(data, buf, length))
		return -EFAULT;
	ret = do_access_awake(vf, pos, data, length, true);
	if (ret)
		return ret;
	*ppos += length;
	return length;
}
