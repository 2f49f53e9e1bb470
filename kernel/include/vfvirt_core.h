/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The contract between vfvirt_core, the providers of legacy access (vfvirt_pf, or the in-tree
 * driver) and the drivers of VFs (vfvirt_vfio_pci).
 *
 * An *owner* is a PF that can run commands of the SR-IOV group for its VFs; a *member* is one VF
 * that a VF driver holds. Providers register owners and execute commands; VF drivers register
 * members and read and write legacy registers. Neither sees the other.
 */
#ifndef VFVIRT_CORE_H
#define VFVIRT_CORE_H

#include <linux/pci.h>
#include <linux/types.h>
#include "uapi/vfvirt.h"	/* owner states, reasons, notify paths */

/* Opcodes (virtio 1.3+, "Group administration commands"). */
enum vfvirt_opcode {
	VFVIRT_OP_LIST_QUERY = 0x0,
	VFVIRT_OP_LIST_USE = 0x1,
	VFVIRT_OP_LEGACY_COMMON_CFG_WRITE = 0x2,
	VFVIRT_OP_LEGACY_COMMON_CFG_READ = 0x3,
	VFVIRT_OP_LEGACY_DEV_CFG_WRITE = 0x4,
	VFVIRT_OP_LEGACY_DEV_CFG_READ = 0x5,
	VFVIRT_OP_LEGACY_NOTIFY_INFO = 0x6,
	VFVIRT_OP_COUNT,	/* opcodes this code knows; also the rows of a statistics table */
};

#define VFVIRT_GROUP_SELF	0
#define VFVIRT_GROUP_SRIOV	1

/* Limits. A guest's vCPU waits for a register access; set-up commands run in nobody's way. */
#define VFVIRT_ACCESS_LIMIT_MS	1000
#define VFVIRT_SETUP_LIMIT_MS	10000

/**
 * struct vfvirt_command - one administration command on its way to a provider
 * @opcode: enum vfvirt_opcode
 * @group_type: VFVIRT_GROUP_SRIOV or VFVIRT_GROUP_SELF
 * @member_id: 1..NumVFs, or 0 where the command uses none
 * @vf: the member's PCI function, NULL with @member_id 0; not owned
 * @offset: register offset, legacy opcodes 2..5 only
 * @in: command data behind the header (and behind offset/reserved), NULL with 0 bytes; copied
 * @in_length_bytes: 0..VFVIRT_COMMAND_DATA_MAX_BYTES
 * @out: where the result data goes, NULL with 0 bytes; only written before execute() returns
 * @out_length_bytes: 0..VFVIRT_COMMAND_DATA_MAX_BYTES
 * @exclusive: no other command may be outstanding on any queue of the owner (LIST_USE, S-42)
 * @deadline: absolute, in jiffies; the provider gives up then
 * @interruptible: a fatal signal ends the wait (-EINTR); false only where nobody can be killed
 * @begin_ns: when it was handed to the provider, of ktime_get_ns()
 * @took_ns: result: from @begin_ns to the answer; 0: longer than fits, or the provider did not look
 * @out_used_bytes: result: valid bytes of @out, at most @out_length_bytes; the rest is zeroed
 * @status: result: as the device gave it, unfiltered; valid when execute() returned 0
 * @qualifier: result: likewise
 */
struct vfvirt_command {
	u16 opcode;
	u16 group_type;
	u16 member_id;
	u16 in_length_bytes;
	u16 out_length_bytes;
	u8 offset;
	bool exclusive;
	bool interruptible;
	struct pci_dev *vf;
	const void *in;
	void *out;
	unsigned long deadline;
	u64 begin_ns;

	u32 took_ns;
	u16 out_used_bytes;
	u16 status;
	u16 qualifier;
};

#define VFVIRT_COMMAND_DATA_MAX_BYTES	256

struct vfvirt_owner;
struct vfvirt_member;

/**
 * struct vfvirt_owner_facts - what a provider can tell about its owner, for netlink
 * @known: the numbers below are known (the in-tree provider cannot tell)
 * @device_features: offered, bits 0..63
 * @driver_features: negotiated, bits 0..63
 * @admin_queue_index: first administration queue
 * @admin_queue_num: queues in use
 * @admin_queue_depth: commands that fit into one queue
 * @in_flight: commands the device has now
 */
struct vfvirt_owner_facts {
	bool known;
	u64 device_features;
	u64 driver_features;
	u16 admin_queue_index;
	u16 admin_queue_num;
	u16 admin_queue_depth;
	u32 in_flight;
};

/**
 * struct vfvirt_owner_ops - what a provider implements; each call gets its own pointer
 * @provider: "vfvirt" or "intree"
 * @execute: run one command and wait for its end. Process context, may sleep, no lock of core
 *	is held. 0: the device answered, see @status; -ETIMEDOUT: not answered by the deadline;
 *	-EINTR: killed while waiting; -ENODEV: no queue or the card is gone; -ENOSPC: no slot by
 *	the deadline; -EPROTO: the answer is shorter than a status. After any error the provider
 *	keeps what the device may still own; @in and @out are never touched after return.
 * @has_legacy: for a provider that discovers by itself: 1, 0 or negative errno; NULL: core
 *	sends LIST_QUERY and LIST_USE through @execute
 * @facts: fill @ret_facts; any context that may sleep
 */
struct vfvirt_owner_ops {
	const char *provider;
	int (*execute)(void *priv, struct vfvirt_command *command);
	int (*has_legacy)(void *priv, struct pci_dev *vf);
	void (*facts)(void *priv, struct vfvirt_owner_facts *ret_facts);
};

/* ---- for providers ------------------------------------------------------------------------ */

/*
 * Registers @pf as an owner, state absent. Returns a referenced owner or ERR_PTR(-EEXIST) when
 * another provider has it. May sleep. Pair: vfvirt_owner_unregister().
 */
struct vfvirt_owner *vfvirt_owner_register(struct pci_dev *pf, const struct vfvirt_owner_ops *ops,
					   void *priv, struct module *module);
/*
 * Ends an owner: new commands fail with -ENODEV, members are told (VFVIRT_EVENT_DOWN), and the
 * call returns when no execute() of it runs any more. The provider must make running ones end.
 * VF drivers may keep their members; those have no owner from then on.
 */
void vfvirt_owner_unregister(struct vfvirt_owner *owner);
/*
 * New state and why. Any context that may sleep; the caller serialises its own calls. Ready
 * forgets the opcodes in use (they are discovered again); members and netlink are told of changes.
 */
void vfvirt_owner_set_state(struct vfvirt_owner *owner, enum vfvirt_owner_state state,
			    enum vfvirt_owner_reason reason);
/* The owner was reset under its members' feet: they get VFVIRT_EVENT_RESET. May sleep. */
void vfvirt_owner_was_reset(struct vfvirt_owner *owner);
/*
 * Closes the gate: refuse new commands with -EBUSY; returns when no execute() runs any more, or
 * -ETIMEDOUT, then with the gate closed all the same. Nested calls count. Used before S-54 and S-42
 * operations. May sleep.
 */
int vfvirt_owner_quiesce(struct vfvirt_owner *owner, unsigned int limit_ms);
void vfvirt_owner_unquiesce(struct vfvirt_owner *owner);
/*
 * The same around what takes the VFs off the bus for a moment (reset of the function, errors of
 * the bus, system sleep): it also waits until no VF driver holds the card.
 */
int vfvirt_owner_reset_begin(struct vfvirt_owner *owner, unsigned int limit_ms);
void vfvirt_owner_reset_end(struct vfvirt_owner *owner);
struct pci_dev *vfvirt_owner_pdev(struct vfvirt_owner *owner);
/*
 * An event for counters and tracepoints that only the provider sees: a late or aborted command. The
 * results and pointers of @command need not be valid any more.
 */
void vfvirt_owner_note_late(struct vfvirt_owner *owner, const struct vfvirt_command *command,
			    u64 ns);
void vfvirt_owner_note_abort(struct vfvirt_owner *owner, const struct vfvirt_command *command,
			     u64 ns);

/* ---- for VF drivers ------------------------------------------------------------------------ */

enum vfvirt_member_event {
	VFVIRT_EVENT_DOWN,	/* the owner is gone, or cannot run commands any more */
	VFVIRT_EVENT_DEGRADED,	/* accesses fail fast */
	VFVIRT_EVENT_UP,	/* ready (again) */
	VFVIRT_EVENT_RESET,	/* the card was reset: the guest's device state is lost */
};

struct vfvirt_member_facts {
	bool msix_on;
	u8 notify_path;	/* enum vfvirt_notify_path of uapi/vfvirt.h */
};

/**
 * struct vfvirt_member_ops - upcalls to a VF driver
 * @event: something happened to the owner. Process context, a core lock is held: must not call
 *	back into core, must not take the PF's device lock, the rescan lock, a lock under which
 *	the driver calls core or one that is held while a user or the device is waited for. May
 *	sleep for the driver's own short locks.
 * @describe: fill MSI-X state and the notify path for netlink; may be NULL
 */
struct vfvirt_member_ops {
	void (*event)(struct vfvirt_member *member, enum vfvirt_member_event event);
	void (*describe)(struct vfvirt_member *member, struct vfvirt_member_facts *ret_facts);
};

#define VFVIRT_NOTIFY_OWNER	1
#define VFVIRT_NOTIFY_MEMBER	2
#define VFVIRT_NOTIFY_ENTRIES	4

/* A doorbell that has passed the checks of S-68: the address lies inside that BAR. */
struct vfvirt_notify_entry {
	u8 flags;		/* VFVIRT_NOTIFY_OWNER or VFVIRT_NOTIFY_MEMBER */
	u8 bar;			/* 1..5 */
	u64 offset_bytes;	/* 2-byte aligned, at least 2 bytes inside the BAR */
};

/*
 * Registers a VF for @ops; ERR_PTR on error. Works without an owner; one may come and go. Safe
 * in probe() inside pci_enable_sriov(): takes neither the PF's device lock nor the rescan lock.
 */
struct vfvirt_member *vfvirt_member_register(struct pci_dev *vf,
					     const struct vfvirt_member_ops *ops, void *priv);
void vfvirt_member_unregister(struct vfvirt_member *member);
void *vfvirt_member_priv(struct vfvirt_member *member);
/* A user opens the VF: -EBUSY when it is sealed. Counted; pair: vfvirt_member_close(). */
int vfvirt_member_open(struct vfvirt_member *member);
void vfvirt_member_close(struct vfvirt_member *member);
/*
 * Keeps the card from being reset while the VF itself is reset or changes its power state; waits
 * at most @limit_ms, killable, for the end of a reset under way. Returns what release() takes
 * (NULL: no owner, nothing to be held), ERR_PTR(-EBUSY) or ERR_PTR(-EINTR).
 */
struct vfvirt_owner *vfvirt_member_hold(struct vfvirt_member *member, unsigned int limit_ms);
void vfvirt_member_release(struct vfvirt_owner *owner);
/* Something failed for the user of this VF: counted, and told on the multicast group. */
void vfvirt_member_failed(struct vfvirt_member *member, const char *what, int error);
/*
 * 1: legacy registers work; 0: they do not, *ret_reason says why; discovers when needed (may
 * wait VFVIRT_SETUP_LIMIT_MS; after a time-out others do not wait again until the owner is made
 * ready or a VF is opened; a refusal is not remembered). May sleep.
 */
int vfvirt_member_has_legacy(struct vfvirt_member *member, enum vfvirt_owner_reason *ret_reason);
/*
 * One access to one legacy register field. @offset_bytes: in the common header
 * (common_*) or from the start of the device configuration (device_*). @length_bytes: 1..8, 1..4
 * for the header. The caller splits wider accesses into fields (S-62). @limit_ms: 0 means
 * VFVIRT_ACCESS_LIMIT_MS. Killable. @buf: plain kernel memory, little-endian register bytes; a
 * read fills all of it (what the device did not return is zero). Must not be called in an
 * eventfd callback or under a lock that reset_done() takes.
 * 0; -ENODEV: no owner or no queue; -EIO: refused by the device, or degraded; -EOPNOTSUPP: no
 * legacy access; -ETIMEDOUT; -EBUSY: gate closed, queue full, or too many of this VF under way;
 * -EINTR: killed; -EINVAL: outside of the registers.
 */
int vfvirt_legacy_common_read(struct vfvirt_member *member, u8 offset_bytes, void *buf,
			      u8 length_bytes, unsigned int limit_ms);
int vfvirt_legacy_common_write(struct vfvirt_member *member, u8 offset_bytes, const void *buf,
			       u8 length_bytes, unsigned int limit_ms);
int vfvirt_legacy_device_read(struct vfvirt_member *member, u8 offset_bytes, void *buf,
			      u8 length_bytes, unsigned int limit_ms);
int vfvirt_legacy_device_write(struct vfvirt_member *member, u8 offset_bytes, const void *buf,
			       u8 length_bytes, unsigned int limit_ms);
/*
 * The validated doorbells, best (member BAR) first; returns their number 0..4 or negative errno.
 * 0: use vfvirt_legacy_common_write() at 0x10.
 */
int vfvirt_legacy_notify_info(struct vfvirt_member *member,
			      struct vfvirt_notify_entry ret_entries[VFVIRT_NOTIFY_ENTRIES]);

#endif
