/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The generic netlink family "vfvirt": the only contract between the kernel modules and user space.
 *
 * Words
 * =====
 * An owner is a PF through which legacy registers of its VFs can be reached; its provider is the
 * code that talks to the device: "vfvirt" (the PF is bound to vfvirt_pf) or "intree" (the PF is
 * bound to virtio-pci). A member is a VF of an owner. A PCI address is a NUL-terminated string such
 * as "0000:3b:00.2". Numbers are in host byte order.
 *
 * Rules for every request
 * =======================
 * The caller needs CAP_NET_ADMIN in the initial user namespace, and the initial network namespace
 * (-EPERM; -ENOENT elsewhere, where the family does not exist). An attribute that a command does
 * not list is refused with -EINVAL, one of the wrong type or length with -EINVAL or -ERANGE. What
 * is missing in an answer is unknown or does not apply; nothing is ever answered with an invented
 * value. A dump during which owners or members came or went carries NLM_F_DUMP_INTR: ask again.
 * Unknown attributes in an answer come from a newer kernel module; skip them.
 *
 * VFVIRT_CMD_GET_VERSION (do)
 * ---------------------------
 * Answer: CONTRACT_VERSION, the version of this page. It grows when the meaning of something that
 * exists changes; additions do not change it.
 *
 * VFVIRT_CMD_GET_OWNERS (dump)
 * ----------------------------
 * Answer: one message for each owner: ADDRESS, PROVIDER, CLASS_DRIVER (the driver of the PF's
 * virtio device; missing when none is bound or it is just changing), STATE (enum
 * vfvirt_owner_state), REASON (enum vfvirt_owner_reason) unless ready, OPCODES (bits of the opcodes
 * in use; missing before the first discovery), LAST_OPCODE, LAST_STATUS and LAST_QUALIFIER of the
 * last command that the device answered, as the device gave them. A provider that can tell adds
 * DEVICE_FEATURES, DRIVER_FEATURES, ADMIN_QUEUE_INDEX, ADMIN_QUEUE_NUM, ADMIN_QUEUE_DEPTH and
 * IN_FLIGHT.
 *
 * VFVIRT_CMD_GET_MEMBERS (dump)
 * -----------------------------
 * Request: ADDRESS of a PF to see only its VFs; READ_MAC (flag) to have the MAC address of
 * each member read over the administration queue, which may take a second for each one that does
 * not answer.
 * Answer: one message for each VF of each owner, whatever it is bound to, and for each VF that a
 * driver of vfvirt has: ADDRESS, OWNER_ADDRESS (missing when nobody serves its PF), MEMBER_ID (from
 * 1), DRIVER (missing when none is bound or it is just changing), LEGACY (u8; 1: the legacy
 * registers can be reached, and the next who opens the VF has them unless that is switched off; 0:
 * they cannot, and REASON says why; missing: not asked yet), MAC or, when it was asked for and
 * could not be read, MAC_ERROR (errno). Where a driver of vfvirt has the VF also: OPEN_COUNT,
 * FAILURE_COUNT, SEALED (u8) and, if that driver can tell, MSIX_ON and NOTIFY_PATH (enum
 * vfvirt_notify_path).
 *
 * VFVIRT_CMD_SEAL, VFVIRT_CMD_UNSEAL (do)
 * ---------------------------------------
 * Request: ADDRESS of a member. A sealed member cannot be opened (-EBUSY) until it is unsealed or
 * its driver is unbound. Seal before unbinding a VF or removing VFs: unbinding one that is open
 * blocks, unkillable, with the PCI rescan lock held. Errors: -EBUSY when it is open (SEAL), -ENODEV
 * when no driver of vfvirt has a VF of that address. Sealing a sealed member is no error.
 *
 * VFVIRT_CMD_GET_STATS (dump)
 * ---------------------------
 * Request: ADDRESS of an owner or a member to see only that one.
 * Answer: one message for each owner or member and opcode that was ever used: ADDRESS, MEMBER_ID
 * (only for members), OPCODE and the counters (u64): COMMANDS, tries that have ended, the sum of
 * OK, REFUSED (by a status), ERRORS (without an answer, other than TIMEOUTS) and TIMEOUTS; what is
 * under way is IN_FLIGHT of the owner. Furthermore RETRIES (tried again after EAGAIN, each try
 * being one of COMMANDS), LATE (answered after the time-out), ABORTED (taken back from the device).
 * LATENCY is an array of VFVIRT_LATENCY_BUCKETS u64: entry n counts answers that took 2^n to
 * 2^(n+1) - 1 nanoseconds, the last one also all longer ones; their sum is that of OK and REFUSED.
 * Members are counted while a driver of vfvirt has them.
 *
 * VFVIRT_CMD_RESET_STATS (do)
 * ---------------------------
 * Request: ADDRESS of an owner (its members are meant too) or a member; without it all. Sets the
 * counters to 0. Error: -ENODEV, no such owner or member.
 *
 * VFVIRT_CMD_EVENT (multicast group "events", CAP_NET_ADMIN)
 * ----------------------------------------------------------
 * EVENT (enum vfvirt_event) and ADDRESS of the owner or member; STATE and REASON for owners; for
 * VFVIRT_EVENT_MEMBER_FAILED also WHAT (text) and ERROR (errno). An event for which the listener's
 * buffer, or the kernel, has no room is lost and recv() says ENOBUFS: dump again.
 */
#ifndef UAPI_VFVIRT_H
#define UAPI_VFVIRT_H

#define VFVIRT_GENL_NAME		"vfvirt"
#define VFVIRT_GENL_VERSION		1
#define VFVIRT_GENL_GROUP_EVENTS	"events"
#define VFVIRT_CONTRACT_VERSION		1

/* Bytes of a PCI address with its terminator. */
#define VFVIRT_ADDRESS_BYTES		16
#define VFVIRT_LATENCY_BUCKETS		32

/* Commands; what each takes and answers stands above. */
enum vfvirt_cmd {
	VFVIRT_CMD_UNSPEC,
	VFVIRT_CMD_GET_VERSION,
	VFVIRT_CMD_GET_OWNERS,
	VFVIRT_CMD_GET_MEMBERS,
	VFVIRT_CMD_SEAL,
	VFVIRT_CMD_UNSEAL,
	VFVIRT_CMD_GET_STATS,
	VFVIRT_CMD_RESET_STATS,
	VFVIRT_CMD_EVENT,
};

/* Attributes; the type stands beside each. */
enum vfvirt_attr {
	VFVIRT_A_UNSPEC,
	VFVIRT_A_PAD,			/* aligns u64 attributes; to be skipped */
	VFVIRT_A_CONTRACT_VERSION,	/* u32 */
	VFVIRT_A_ADDRESS,		/* string: PCI address */
	VFVIRT_A_OWNER_ADDRESS,		/* string: PCI address */
	VFVIRT_A_PROVIDER,		/* string */
	VFVIRT_A_CLASS_DRIVER,		/* string */
	VFVIRT_A_STATE,			/* u32 */
	VFVIRT_A_REASON,		/* u32 */
	VFVIRT_A_DEVICE_FEATURES,	/* u64: feature bits 0..63 */
	VFVIRT_A_DRIVER_FEATURES,	/* u64: feature bits 0..63 */
	VFVIRT_A_ADMIN_QUEUE_INDEX,	/* u16 */
	VFVIRT_A_ADMIN_QUEUE_NUM,	/* u16 */
	VFVIRT_A_ADMIN_QUEUE_DEPTH,	/* u16: commands a queue holds */
	VFVIRT_A_IN_FLIGHT,		/* u32 */
	VFVIRT_A_OPCODES,		/* u64: bit n stands for opcode n */
	VFVIRT_A_LAST_OPCODE,		/* u16 */
	VFVIRT_A_LAST_STATUS,		/* u16 */
	VFVIRT_A_LAST_QUALIFIER,	/* u16 */
	VFVIRT_A_MEMBER_ID,		/* u16 */
	VFVIRT_A_DRIVER,		/* string */
	VFVIRT_A_LEGACY,		/* u8: 0, 1 */
	VFVIRT_A_READ_MAC,		/* flag */
	VFVIRT_A_MAC,			/* 6 bytes */
	VFVIRT_A_MAC_ERROR,		/* u32: positive errno */
	VFVIRT_A_OPEN_COUNT,		/* u32 */
	VFVIRT_A_FAILURE_COUNT,		/* u32: failures told since the driver was bound */
	VFVIRT_A_SEALED,		/* u8: 0, 1 */
	VFVIRT_A_MSIX_ON,		/* u8: 0, 1 */
	VFVIRT_A_NOTIFY_PATH,		/* u8 */
	VFVIRT_A_OPCODE,		/* u16 */
	VFVIRT_A_COMMANDS,		/* u64 */
	VFVIRT_A_OK,			/* u64 */
	VFVIRT_A_REFUSED,		/* u64 */
	VFVIRT_A_ERRORS,		/* u64 */
	VFVIRT_A_TIMEOUTS,		/* u64 */
	VFVIRT_A_RETRIES,		/* u64 */
	VFVIRT_A_LATE,			/* u64 */
	VFVIRT_A_ABORTED,		/* u64 */
	VFVIRT_A_LATENCY,		/* u64[VFVIRT_LATENCY_BUCKETS] */
	VFVIRT_A_EVENT,			/* u32 */
	VFVIRT_A_WHAT,			/* string */
	VFVIRT_A_ERROR,			/* u32: positive errno */
	VFVIRT_A_COUNT,
	VFVIRT_A_MAX = VFVIRT_A_COUNT - 1,
};

enum vfvirt_owner_state {
	VFVIRT_OWNER_ABSENT,	/* no administration queue; see the reason */
	VFVIRT_OWNER_READY,
	VFVIRT_OWNER_DEGRADED,	/* a command timed out: accesses fail fast until recovery */
};

/* Why an owner is not ready, or why a member has no legacy registers. */
enum vfvirt_owner_reason {
	VFVIRT_REASON_NONE,
	VFVIRT_REASON_NO_FEATURE,	/* the device does not offer VIRTIO_F_ADMIN_VQ */
	VFVIRT_REASON_SHORT_COMMON_CFG,	/* common configuration shorter than 0x40 bytes */
	VFVIRT_REASON_NO_QUEUE,		/* admin_queue_num is 0 */
	VFVIRT_REASON_BAD_INDEX,	/* admin_queue_index or _num out of range */
	VFVIRT_REASON_NO_DRIVER,	/* no class driver is bound to the PF's virtio device */
	VFVIRT_REASON_NO_MEMORY,
	VFVIRT_REASON_NO_LEGACY,	/* the device lists no legacy opcodes */
	VFVIRT_REASON_TIMEOUT,		/* a command was not answered in time */
	VFVIRT_REASON_BROKEN_ANSWER,	/* the device broke the protocol */
	VFVIRT_REASON_RESET,		/* reset or suspend in progress */
	VFVIRT_REASON_GONE,		/* the card does not answer on the bus */
	VFVIRT_REASON_REMOVED,		/* orderly removal */
	VFVIRT_REASON_NO_OWNER,		/* no provider serves the PF of this VF */
	VFVIRT_REASON_COUNT,
};

/* How the doorbell writes of a guest reach the device. */
enum vfvirt_notify_path {
	VFVIRT_NOTIFY_PATH_NONE,	/* not decided, or the VF is not open */
	VFVIRT_NOTIFY_PATH_MEMBER_BAR,	/* a write to the VF's own BAR */
	VFVIRT_NOTIFY_PATH_OWNER_BAR,	/* a write to the PF's BAR */
	VFVIRT_NOTIFY_PATH_COMMAND,	/* an administration command for each doorbell */
};

enum vfvirt_event {
	VFVIRT_EVENT_OWNER_UP,		/* ready */
	VFVIRT_EVENT_OWNER_DOWN,	/* gone, or no administration queue any more */
	VFVIRT_EVENT_OWNER_DEGRADED,
	VFVIRT_EVENT_MEMBER_OPENED,	/* by its first user */
	VFVIRT_EVENT_MEMBER_CLOSED,	/* by its last user */
	VFVIRT_EVENT_MEMBER_FAILED,	/* something failed for its user */
};

#endif
