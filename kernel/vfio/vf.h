/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One VF under vfvirt_vfio_pci, and what the files of this module offer each other.
 *
 * To its user (a VMM) the VF is a transitional virtio-net device: the identity and an I/O BAR0 are
 * laid over what vfio-pci-core shows (config_space.c); accesses to BAR0 become administration
 * commands of the owner (legacy_io.c); doorbells go straight to the card (notify.c); a reset of the
 * VF waits for one of its card (reset.c). Everything else is vfio-pci-core's. The VF has no INTx
 * pin and none is invented: a guest that cannot use MSI-X gets no interrupts.
 *
 * Locks, outermost first:
 *	access_lock		orders register accesses; held over commands, so killable; never
 *				taken in reset_done(), in an upcall of core, nor over a user copy
 *	core.igate		only for a look at the interrupt mode, killable
 *	core.memory_lock	only for a look at the power state and for the doorbell write; no
 *				user copy and no command under it
 *	config_lock		spinlock around the words below it; innermost
 * igate and memory_lock are never held together by this module. The PF's device lock and the PCI
 * rescan lock are never taken: both are held while VFs are removed, which waits for their users.
 * A VF is reset only while vfvirt_member_hold() keeps its card from being reset, and with
 * reset_lock. Both are taken in that order, killable, before any other lock of the device, and
 * never around a command or a wait for the user's memory.
 */
#ifndef VFVIRT_VF_H
#define VFVIRT_VF_H

#include <linux/mutex.h>
#include <linux/ratelimit.h>
#include <linux/spinlock.h>
#include <linux/vfio_pci_core.h>
#include <linux/workqueue.h>

#include "vfvirt_core.h"

/* Common header with MSI-X vectors (24) and virtio-net configuration (28), as a power of two. */
#define VFVIRT_BAR0_BYTES	64
/* The doorbell in the common header: 16 bits, the index of a queue. */
#define VFVIRT_NOTIFY_OFFSET	0x10
/* The device status in the common header, 8 bits; 0 resets the device. */
#define VFVIRT_STATUS_OFFSET	0x12

/**
 * struct vfvirt_vf - a VF bound to this driver
 * @core: vfio-pci-core's part; first, and what the drvdata points to
 * @member: core's handle, from probe to remove
 * @legacy_wanted: the administrator wants the transitional identity; used at the next open
 * @transitional: this user sees the transitional device; written at open before any access
 * @reset_lock: one call at a time may reset the VF
 * @reset_event: tells the user that the card was reset
 * @access_lock: order of register accesses
 * @config_lock: protects @io_enabled and @bar0
 * @io_enabled: the user has set the I/O bit of the command register
 * @bar0: what the user wrote to BAR0
 * @notify_path: how doorbells travel, from open to close
 * @bell: the doorbell's address when the path is a BAR
 * @owner_bell: the mapping of the owner's BAR, to be unmapped at close
 * @owner_up: the owner serves its VFs; false stops writes to its BAR
 * @log_limit: keeps a guest from flooding the log and the listeners of netlink events
 */
struct vfvirt_vf {
	struct vfio_pci_core_device core;
	struct vfvirt_member *member;
	bool legacy_wanted;
	bool transitional;

	struct mutex reset_lock;	/* one call at a time may reset the VF */
	struct work_struct reset_event;
	struct mutex access_lock;	/* order of register accesses, see above */

	spinlock_t config_lock;		/* @io_enabled and @bar0 */
	bool io_enabled;
	u32 bar0;

	u8 notify_path;
	void __iomem *bell;
	void __iomem *owner_bell;
	bool owner_up;

	struct ratelimit_state log_limit;
};

static inline struct vfvirt_vf *vfvirt_vf_of(struct vfio_device *vdev)
{
	return container_of(vdev, struct vfvirt_vf, core.vdev);
}

void vfvirt_reset_init(struct vfvirt_vf *vf);
int vfvirt_reset_begin(struct vfvirt_vf *vf, unsigned int limit_ms,
		       struct vfvirt_owner **ret_owner);
void vfvirt_reset_end(struct vfvirt_vf *vf, struct vfvirt_owner *owner);
int vfvirt_reset_device(struct vfvirt_vf *vf);
void vfvirt_reset_tell(struct vfvirt_vf *vf);
void vfvirt_reset_forget(struct vfvirt_vf *vf);

void vfvirt_config_open(struct vfvirt_vf *vf);
bool vfvirt_config_io_enabled(struct vfvirt_vf *vf);
ssize_t vfvirt_config_read(struct vfvirt_vf *vf, char __user *buf, size_t count, loff_t *ppos);
ssize_t vfvirt_config_write(struct vfvirt_vf *vf, const char __user *buf, size_t count,
			    loff_t *ppos);

ssize_t vfvirt_legacy_read(struct vfvirt_vf *vf, char __user *buf, size_t count, loff_t *ppos);
ssize_t vfvirt_legacy_write(struct vfvirt_vf *vf, const char __user *buf, size_t count,
			    loff_t *ppos);

void vfvirt_notify_open(struct vfvirt_vf *vf);
void vfvirt_notify_close(struct vfvirt_vf *vf);
int vfvirt_notify_ring(struct vfvirt_vf *vf, u16 queue_index, unsigned int limit_ms);

#endif
