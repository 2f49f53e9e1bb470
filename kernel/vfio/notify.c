// SPDX-License-Identifier: GPL-2.0-only
/*
 * Doorbells: the queue index that a guest writes to 0x10 goes to an address in a BAR of the card,
 * not through the administration queue (virtio 1.3, "Legacy Interfaces": the driver should use the
 * notification address for all notifications). The VF's own BAR is best, then the owner's; a card
 * that names neither gets a command for each doorbell.
 */
#include <linux/io.h>
#include <linux/pci.h>
#include <asm/byteorder.h>

#include "vf.h"
#include "vfio_compat.h"

/* vfio-pci-core owns the mapping of the VF's BARs and ends it when the VF is closed. */
static bool use_member_bar(struct vfvirt_vf *vf, const struct vfvirt_notify_entry *entry)
{
	void __iomem *base = vfvirt_vfio_iomap(&vf->core, entry->bar);

	if (IS_ERR(base))
		return false;
	vf->bell = base + entry->offset_bytes;
	vf->notify_path = VFVIRT_NOTIFY_PATH_MEMBER_BAR;
	return true;
}

/*
 * The PF's driver owns that BAR's region; a mapping of its own of two bytes takes nothing from
 * it. The address stays the PF's as long as this VF exists: the PF's device outlives its VFs.
 */
static bool use_owner_bar(struct vfvirt_vf *vf, const struct vfvirt_notify_entry *entry)
{
	struct pci_dev *pf = pci_physfn(vf->core.pdev);

	vf->owner_bell = pci_iomap_range(pf, entry->bar, entry->offset_bytes, sizeof(u16));
	if (!vf->owner_bell)
		return false;
	vf->bell = vf->owner_bell;
	vf->notify_path = VFVIRT_NOTIFY_PATH_OWNER_BAR;
	return true;
}

/**
 * vfvirt_notify_open() - decide how doorbells travel for this user
 * @vf: the VF, enabled and transitional, not yet accessible to the user
 *
 * Every failure on the way ends in the slow path, which always exists. May wait for the card.
 */
void vfvirt_notify_open(struct vfvirt_vf *vf)
{
	struct vfvirt_notify_entry entries[VFVIRT_NOTIFY_ENTRIES];
	int count, i;

	/* Before asking: an owner that goes down from here on sets it to false for good. */
	WRITE_ONCE(vf->owner_up, true);
	count = vfvirt_legacy_notify_info(vf->member, entries);
	if (count < 0)
		pci_warn(vf->core.pdev,
			 "cannot learn the doorbell addresses: error %d; doorbells go by command\n",
			 count);
	for (i = 0; i < count; i++) {
		if (entries[i].flags == VFVIRT_NOTIFY_MEMBER && use_member_bar(vf, &entries[i]))
			return;
		if (entries[i].flags == VFVIRT_NOTIFY_OWNER && use_owner_bar(vf, &entries[i]))
			return;
	}
	vf->notify_path = VFVIRT_NOTIFY_PATH_COMMAND;
}

/**
 * vfvirt_notify_close() - undo vfvirt_notify_open()
 * @vf: the VF, no longer accessible to a user
 */
void vfvirt_notify_close(struct vfvirt_vf *vf)
{
	vf->notify_path = VFVIRT_NOTIFY_PATH_NONE;
	vf->bell = NULL;
	if (vf->owner_bell)
		pci_iounmap(pci_physfn(vf->core.pdev), vf->owner_bell);
	vf->owner_bell = NULL;
}

/**
 * vfvirt_notify_ring() - tell the card that a queue has work
 * @vf: the VF, open and transitional
 * @queue_index: what the guest wrote; only ever data to the card
 * @limit_ms: for the slow path, milliseconds; 0 means VFVIRT_ACCESS_LIMIT_MS
 *
 * May sleep; takes memory_lock for reading, so not from an eventfd callback.
 *
 * Return: 0; -EIO when the VF sleeps, -ENODEV when the owner is gone, or the errors of a command.
 */
int vfvirt_notify_ring(struct vfvirt_vf *vf, u16 queue_index, unsigned int limit_ms)
{
	const __le16 index = cpu_to_le16(queue_index);

	switch (vf->notify_path) {
	case VFVIRT_NOTIFY_PATH_MEMBER_BAR:
		return vfvirt_vfio_iowrite16(&vf->core, queue_index, vf->bell);
	case VFVIRT_NOTIFY_PATH_OWNER_BAR:
		if (!READ_ONCE(vf->owner_up))
			return -ENODEV;
		iowrite16(queue_index, vf->bell);
		return 0;
	default:
		return vfvirt_legacy_common_write(vf->member, VFVIRT_NOTIFY_OFFSET, &index,
						  sizeof(index), limit_ms);
	}
}
