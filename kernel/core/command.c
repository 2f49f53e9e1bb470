// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands: from a typed call to the provider and back.
 *
 * What a device answers is looked up in a table, never used as an errno (S-25). EAGAIN is tried
 * again until the caller's limit (S-26). One VF has at most a few commands under way,
 * so that it cannot fill a queue that others need.
 */
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/sched/signal.h>

#include "gate.h"
#include "trace.h"

/* First and longest pause between two tries; each pause is twice the one before. */
#define BACK_OFF_FIRST_US	100
#define BACK_OFF_LONGEST_US	10000

#define VIRTIO_ID_NET_MODERN	0x1041
#define MAC_BYTES		6

/* One of the two areas of a VF's legacy registers. */
struct area {
	u16 read_opcode;
	u16 write_opcode;
	u16 length_bytes;
	u8 width_max_bytes;
};

static const struct area common_area = {
	.read_opcode = VFVIRT_OP_LEGACY_COMMON_CFG_READ,
	.write_opcode = VFVIRT_OP_LEGACY_COMMON_CFG_WRITE,
	.length_bytes = 0x18,	/* with the two vector fields of MSI-X */
	.width_max_bytes = 4,
};

static const struct area device_area = {
	.read_opcode = VFVIRT_OP_LEGACY_DEV_CFG_READ,
	.write_opcode = VFVIRT_OP_LEGACY_DEV_CFG_WRITE,
	.length_bytes = U8_MAX + 1,
	.width_max_bytes = 8,
};

/* Status and qualifier of the spec ("Group administration commands"); others are reserved. */
static const struct {
	u16 status;
	int error;
	const char *name;
} statuses[] = {
	{ 0, 0, "OK" },
	{ 6, -ENXIO, "ENXIO" },
	{ 11, -EAGAIN, "EAGAIN" },
	{ 12, -ENOMEM, "ENOMEM" },
	{ 16, -EBUSY, "EBUSY" },
	{ 22, -EINVAL, "EINVAL" },
	{ 28, -ENOSPC, "ENOSPC" },
};

static const char * const qualifiers[] = {
	"OK", "INVALID_COMMAND", "INVALID_OPCODE", "INVALID_FIELD", "INVALID_GROUP",
	"INVALID_MEMBER", "NORESOURCE", "TRYAGAIN",
};

static const char * const opcodes[] = {
	[VFVIRT_OP_LIST_QUERY] = "LIST_QUERY",
	[VFVIRT_OP_LIST_USE] = "LIST_USE",
	[VFVIRT_OP_LEGACY_COMMON_CFG_WRITE] = "LEGACY_COMMON_CFG_WRITE",
	[VFVIRT_OP_LEGACY_COMMON_CFG_READ] = "LEGACY_COMMON_CFG_READ",
	[VFVIRT_OP_LEGACY_DEV_CFG_WRITE] = "LEGACY_DEV_CFG_WRITE",
	[VFVIRT_OP_LEGACY_DEV_CFG_READ] = "LEGACY_DEV_CFG_READ",
	[VFVIRT_OP_LEGACY_NOTIFY_INFO] = "LEGACY_NOTIFY_INFO",
};

/* Reserved statuses mean EINVAL, reserved qualifiers INVALID_COMMAND (S-25). */
static int answer_error(u16 status, const char **ret_name)
{
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(statuses); n++) {
		if (statuses[n].status == status) {
			*ret_name = statuses[n].name;
			return statuses[n].error;
		}
	}
	*ret_name = "EINVAL (reserved)";
	return -EINVAL;
}

static const char *qualifier_name(u16 qualifier)
{
	return qualifier < ARRAY_SIZE(qualifiers) ? qualifiers[qualifier] :
						    "INVALID_COMMAND (reserved)";
}

static void log_refusal(struct vfvirt_owner *owner, const struct vfvirt_command *command,
			const char *status_name)
{
	dev_warn_ratelimited(&owner->pdev->dev,
			     "vfvirt: %s for member %u at offset %u refused by the device: status %u %s, qualifier %u %s\n",
			     opcodes[command->opcode], command->member_id, command->offset,
			     command->status, status_name, command->qualifier,
			     qualifier_name(command->qualifier));
}

/* Waits until this VF has less than its share under way. */
static int turn_await(struct vfvirt_owner *owner, struct vfvirt_member *member,
		      unsigned long deadline)
{
	long left = wait_event_killable_timeout(member->turn, vfvirt_gate_take_turn(owner, member),
						vfvirt_jiffies_left(deadline));

	if (left < 0)
		return -EINTR;
	return left ? 0 : -EBUSY;
}

/* Sleeps for *pause_us and doubles it. -ETIMEDOUT when the deadline comes first. */
static int back_off(unsigned int *pause_us, unsigned long deadline)
{
	ktime_t pause = ktime_set(0, *pause_us * NSEC_PER_USEC);

	if (vfvirt_jiffies_left(deadline) <= usecs_to_jiffies(*pause_us))
		return -ETIMEDOUT;
	set_current_state(TASK_KILLABLE);
	schedule_hrtimeout(&pause, HRTIMER_MODE_REL);
	if (fatal_signal_pending(current))
		return -EINTR;
	*pause_us = min_t(unsigned int, *pause_us * 2, BACK_OFF_LONGEST_US);
	return 0;
}

/* One try, inside the gate. Errors as execute() has them. */
static int attempt(struct vfvirt_owner *owner, struct vfvirt_command *command, u64 *ret_ns)
{
	int error;

	trace_vfvirt_submit(owner->pdev, command, -EINPROGRESS, 0);
	command->took_ns = 0;
	command->begin_ns = ktime_get_ns();
	error = owner->ops->execute(owner->priv, command);
	*ret_ns = command->took_ns ?: ktime_get_ns() - command->begin_ns;
	if (error == -ETIMEDOUT)
		trace_vfvirt_timeout(owner->pdev, command, error, *ret_ns);
	else
		trace_vfvirt_complete(owner->pdev, command, error, *ret_ns);
	return error;
}

/*
 * Runs a command until it is answered for good. What is held of the owner, if anything, is given
 * back however that ends, and as soon as nothing of the owner is needed any more.
 */
static int run(struct vfvirt_owner *owner, struct vfvirt_member *member,
	       struct vfvirt_command *command, unsigned int holds)
{
	unsigned int pause_us = BACK_OFF_FIRST_US, done_with;
	int error, refusal;
	const char *name;
	u64 ns;

	for (;;) {
		if (!(holds & VFVIRT_HOLDS_GATE)) {
			error = vfvirt_gate_enter(owner);
			if (error)
				break;
			holds |= VFVIRT_HOLDS_GATE;
		}
		error = attempt(owner, command, &ns);
		refusal = error ? 0 : answer_error(command->status, &name);
		if (refusal && refusal != -EAGAIN)
			log_refusal(owner, command, name);
		done_with = refusal == -EAGAIN ? VFVIRT_HOLDS_GATE : holds;
		vfvirt_gate_end(owner, member, command, error, ns, done_with);
		holds &= ~done_with;
		if (error)
			return error == -ENOSPC ? -EBUSY : error;
		if (refusal != -EAGAIN)
			return refusal ? -EREMOTEIO : 0;
		error = back_off(&pause_us, command->deadline);
		if (error)
			break;
		vfvirt_stats_count(owner, member, command->opcode, VFVIRT_COUNTER_RETRIES);
	}
	if (holds)
		vfvirt_gate_give(owner, member, holds);
	return error;
}

/*
 * Whoever runs a command must be able to sleep. might_sleep() would also look for others to be run
 * first, which a command that is answered at once need not do each time: it looks while it polls.
 */
static void may_sleep(void)
{
	__might_sleep(__FILE__, __LINE__);
	lockdep_assert_not_held(&vfvirt_registry_mutex);
}

/**
 * vfvirt_command_run() - run a command until it is answered for good
 * @owner: pinned
 * @member: whom it is for, or NULL
 * @command: filled; its results are those of the last try
 *
 * Context: may sleep until @command->deadline; no lock of core is held.
 * Return: 0 when the status is OK; -EREMOTEIO when the device refused (see status and qualifier);
 * -ENODEV, -EIO and -EBUSY of the gate; -ETIMEDOUT when it was not answered, or only with EAGAIN,
 * by the deadline; -EBUSY when no place in the queue came free; -EINTR when killed; -EPROTO when
 * the answer is none.
 */
int vfvirt_command_run(struct vfvirt_owner *owner, struct vfvirt_member *member,
		       struct vfvirt_command *command)
{
	may_sleep();
	return run(owner, member, command, 0);
}

/* The opcode must be in use, and the VF have a turn left: both may take their time. */
static int prepare(struct vfvirt_owner *owner, struct vfvirt_member *member,
		   struct vfvirt_command *command, unsigned int *holds)
{
	enum vfvirt_owner_reason reason;
	u64 in_use;
	int error;

	error = vfvirt_discover(owner, command->vf, command->deadline, &in_use, &reason);
	if (error)
		return error;
	if (!(in_use & BIT_ULL(command->opcode)))
		return -EOPNOTSUPP;
	if (!member || *holds & VFVIRT_HOLDS_TURN)
		return 0;
	error = turn_await(owner, member, command->deadline);
	if (!error)
		*holds |= VFVIRT_HOLDS_TURN;
	return error;
}

/* Runs a legacy command of a member once its opcode is in use, and gives back what it holds. */
static int legacy_run(struct vfvirt_owner *owner, struct vfvirt_member *member,
		      struct vfvirt_command *command, unsigned int holds)
{
	int error;

	may_sleep();
	if (!(holds & VFVIRT_HOLDS_GATE)) {
		error = prepare(owner, member, command, &holds);
		if (error) {
			if (holds)
				vfvirt_gate_give(owner, member, holds);
			return error;
		}
	}
	return run(owner, member, command, holds);
}

/* What callers of the legacy API get to see. */
static int api_error(int error)
{
	switch (error) {
	case 0:
	case -ENODEV:
	case -ETIMEDOUT:
	case -EINTR:
	case -EBUSY:
	case -EOPNOTSUPP:
		return error;
	default:
		return -EIO;
	}
}

/**
 * vfvirt_legacy_command() - run a legacy command of a registered member
 * @member: registered
 * @command: opcode, offset and data filled; the rest is filled here
 * @limit_ms: 0 for VFVIRT_ACCESS_LIMIT_MS
 *
 * Return: 0, -ENODEV, -EIO, -EOPNOTSUPP, -ETIMEDOUT, -EBUSY or -EINTR.
 */
int vfvirt_legacy_command(struct vfvirt_member *member, struct vfvirt_command *command,
			  unsigned int limit_ms)
{
	struct vfvirt_owner *owner;
	unsigned int holds;

	command->group_type = VFVIRT_GROUP_SRIOV;
	command->member_id = member->member_id;
	command->vf = member->vf;
	command->deadline = jiffies + (limit_ms ? msecs_to_jiffies(limit_ms) :
				       msecs_to_jiffies(VFVIRT_ACCESS_LIMIT_MS));
	command->interruptible = true;
	holds = vfvirt_gate_begin(member, command->opcode, &owner);
	if (!owner)
		return -ENODEV;
	return api_error(legacy_run(owner, member, command, holds));
}

static bool fits(const struct area *area, u8 offset_bytes, u8 length_bytes)
{
	return length_bytes >= 1 && length_bytes <= area->width_max_bytes &&
	       offset_bytes + length_bytes <= area->length_bytes;
}

static inline int legacy_read(struct vfvirt_member *member, const struct area *area,
			      u8 offset_bytes, void *buf, u8 length_bytes, unsigned int limit_ms)
{
	struct vfvirt_command command = {
		.opcode = area->read_opcode,
		.offset = offset_bytes,
		.out = buf,
		.out_length_bytes = length_bytes,
	};
	int error;

	if (!fits(area, offset_bytes, length_bytes))
		return -EINVAL;
	error = vfvirt_legacy_command(member, &command, limit_ms);
	/* What is not returned must not be something old in the caller's hands (S-30). */
	if (error)
		memset(buf, 0, length_bytes);
	return error;
}

static int legacy_write(struct vfvirt_member *member, const struct area *area, u8 offset_bytes,
			const void *buf, u8 length_bytes, unsigned int limit_ms)
{
	struct vfvirt_command command = {
		.opcode = area->write_opcode,
		.offset = offset_bytes,
		.in = buf,
		.in_length_bytes = length_bytes,
	};

	if (!fits(area, offset_bytes, length_bytes))
		return -EINVAL;
	return vfvirt_legacy_command(member, &command, limit_ms);
}

/**
 * vfvirt_legacy_common_read() - read one field of the legacy header
 * @member: registered
 * @offset_bytes: 0..0x17
 * @buf: gets little-endian bytes; what the device did not return is 0
 * @length_bytes: 1..4, within one field (S-62)
 * @limit_ms: 0 for VFVIRT_ACCESS_LIMIT_MS
 *
 * Context: may sleep, killable; not in an eventfd callback or under a lock of reset_done().
 * Return: 0; -ENODEV no owner or queue; -EIO refused by the device or degraded; -EOPNOTSUPP no
 * legacy access; -ETIMEDOUT; -EBUSY gate closed or queue full; -EINTR killed; -EINVAL outside.
 */
int vfvirt_legacy_common_read(struct vfvirt_member *member, u8 offset_bytes, void *buf,
			      u8 length_bytes, unsigned int limit_ms)
{
	return legacy_read(member, &common_area, offset_bytes, buf, length_bytes, limit_ms);
}
EXPORT_SYMBOL_GPL(vfvirt_legacy_common_read);

/**
 * vfvirt_legacy_common_write() - write one field of the legacy header
 * @member: registered
 * @offset_bytes: 0..0x17
 * @buf: little-endian bytes
 * @length_bytes: 1..4, within one field (S-62)
 * @limit_ms: 0 for VFVIRT_ACCESS_LIMIT_MS
 *
 * Context: as vfvirt_legacy_common_read().
 * Return: as vfvirt_legacy_common_read().
 */
int vfvirt_legacy_common_write(struct vfvirt_member *member, u8 offset_bytes, const void *buf,
			       u8 length_bytes, unsigned int limit_ms)
{
	return legacy_write(member, &common_area, offset_bytes, buf, length_bytes, limit_ms);
}
EXPORT_SYMBOL_GPL(vfvirt_legacy_common_write);

/**
 * vfvirt_legacy_device_read() - read one field of the legacy device configuration
 * @member: registered
 * @offset_bytes: from the start of the device configuration
 * @buf: gets little-endian bytes; what the device did not return is 0
 * @length_bytes: 1..8, within one field (S-62)
 * @limit_ms: 0 for VFVIRT_ACCESS_LIMIT_MS
 *
 * Context: as vfvirt_legacy_common_read().
 * Return: as vfvirt_legacy_common_read().
 */
int vfvirt_legacy_device_read(struct vfvirt_member *member, u8 offset_bytes, void *buf,
			      u8 length_bytes, unsigned int limit_ms)
{
	return legacy_read(member, &device_area, offset_bytes, buf, length_bytes, limit_ms);
}
EXPORT_SYMBOL_GPL(vfvirt_legacy_device_read);

/**
 * vfvirt_legacy_device_write() - write one field of the legacy device configuration
 * @member: registered
 * @offset_bytes: from the start of the device configuration
 * @buf: little-endian bytes
 * @length_bytes: 1..8, within one field (S-62)
 * @limit_ms: 0 for VFVIRT_ACCESS_LIMIT_MS
 *
 * Context: as vfvirt_legacy_common_read().
 * Return: as vfvirt_legacy_common_read().
 */
int vfvirt_legacy_device_write(struct vfvirt_member *member, u8 offset_bytes, const void *buf,
			       u8 length_bytes, unsigned int limit_ms)
{
	return legacy_write(member, &device_area, offset_bytes, buf, length_bytes, limit_ms);
}
EXPORT_SYMBOL_GPL(vfvirt_legacy_device_write);

/**
 * vfvirt_mac_read() - the MAC address of a VF, whatever it is bound to
 * @owner: pinned
 * @member: the VF's member, referenced, or NULL
 * @vf: the VF, referenced
 * @member_id: its number, from 1
 * @ret_mac: untouched on failure
 *
 * Context: may sleep VFVIRT_ACCESS_LIMIT_MS, killable.
 * Return: 0; -ENXIO when the VF is no network device; else as vfvirt_legacy_common_read().
 */
int vfvirt_mac_read(struct vfvirt_owner *owner, struct vfvirt_member *member,
		    struct pci_dev *vf, u16 member_id, u8 ret_mac[6])
{
	u8 mac[MAC_BYTES] = {};
	struct vfvirt_command command = {
		.opcode = VFVIRT_OP_LEGACY_DEV_CFG_READ,
		.group_type = VFVIRT_GROUP_SRIOV,
		.member_id = member_id,
		.vf = vf,
		.out = mac,
		.out_length_bytes = sizeof(mac),
		.deadline = jiffies + msecs_to_jiffies(VFVIRT_ACCESS_LIMIT_MS),
		.interruptible = true,
	};
	int error;

	if (vf->device != VIRTIO_ID_NET_MODERN)
		return -ENXIO;
	error = api_error(legacy_run(owner, member, &command, 0));
	if (!error && command.out_used_bytes < sizeof(mac))
		error = -EIO;
	if (!error)
		memcpy(ret_mac, mac, sizeof(mac));
	return error;
}
