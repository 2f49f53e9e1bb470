// SPDX-License-Identifier: GPL-2.0-only
/*
 * Running one command: its layout in a slot, the wait for the answer, what the answer holds.
 *
 * An answer is first polled for, as long as the queue's recent answers took at most, then slept
 * for. The sleep is cut into slices: pciehp takes the VFs of a pulled card before the PF's
 * remove() runs, so nobody but the waiting command itself can notice that the card has gone.
 */
#include <linux/sched/signal.h>

#include "pf.h"

/* A command and its answer on the wire (virtio 1.3, 2.13.1). */
struct wire_command {
	__le16 opcode;
	__le16 group_type;
	u8 reserved[12];
	__le64 member_id;
	union {
		u8 data[0];
		struct {
			u8 offset;
			u8 reserved[7];
			u8 data[];
		} legacy;
	};
};

static_assert(offsetof(struct wire_command, member_id) == 16);
static_assert(offsetof(struct wire_command, data) == 24);
static_assert(offsetof(struct wire_command, legacy.data) == 32);

struct wire_answer {
	__le16 status;
	__le16 qualifier;
	u8 reserved[4];
	u8 result[];
};

static_assert(offsetof(struct wire_answer, result) == 8);

/* A slower answer is not worth a busy CPU; a faster one arrives before a sleep has begun. */
#define POLL_LIMIT_NS		(200 * NSEC_PER_USEC)
#define POLL_MARGIN_NS		(5 * NSEC_PER_USEC)
/* A queue that was too slow for polling is tried again after so many commands. */
#define POLL_AGAIN_COMMANDS	64

static bool is_legacy(u16 opcode)
{
	return opcode >= VFVIRT_OP_LEGACY_COMMON_CFG_WRITE &&
	       opcode <= VFVIRT_OP_LEGACY_DEV_CFG_READ;
}

/*
 * Both parts are multiples of 8 bytes (S-31), except that the length of a register access is the
 * length of its part (SX-2).
 */
static void fill(struct vfvirt_slot *slot, const struct vfvirt_command *command)
{
	struct wire_command *wire = (struct wire_command *)slot->block;
	bool legacy = is_legacy(command->opcode);
	u8 *data = legacy ? wire->legacy.data : wire->data;

	slot->readable.length = data - slot->block + command->in_length_bytes;
	slot->writable.length = sizeof(struct wire_answer) + command->out_length_bytes;
	if (!legacy) {
		slot->readable.length = ALIGN(slot->readable.length, 8);
		slot->writable.length = ALIGN(slot->writable.length, 8);
	}
	*wire = (struct wire_command) {
		.opcode = cpu_to_le16(command->opcode),
		.group_type = cpu_to_le16(command->group_type),
		.member_id = cpu_to_le64(command->member_id),
		.legacy.offset = legacy ? command->offset : 0,
	};
	if (!command->in_length_bytes)
		return;
	memcpy(data, command->in, command->in_length_bytes);
	memset(data + command->in_length_bytes, 0,
	       slot->readable.length - (data - slot->block) - command->in_length_bytes);
}

/*
 * The used length counts from the status on; what lies behind it was not written (S-30). It is
 * the device's word: never longer than what it was given.
 */
static int read_answer(struct vfvirt_slot *slot, struct vfvirt_command *command)
{
	const struct wire_answer *answer = (const void *)vfvirt_slot_answer(slot);
	u32 used_bytes = min_t(u32, slot->used_bytes, slot->writable.length);
	u32 result_bytes = 0;

	if (used_bytes < offsetofend(struct wire_answer, status))
		return -EPROTO;
	command->status = le16_to_cpu(answer->status);
	command->qualifier = used_bytes < offsetofend(struct wire_answer, qualifier) ? 0 :
			     le16_to_cpu(answer->qualifier);
	if (used_bytes > sizeof(*answer))
		result_bytes = min_t(u32, used_bytes - sizeof(*answer), command->out_length_bytes);
	if (result_bytes)
		memcpy(command->out, answer->result, result_bytes);
	if (result_bytes < command->out_length_bytes)
		memset(command->out + result_bytes, 0, command->out_length_bytes - result_bytes);
	command->out_used_bytes = result_bytes;
	return 0;
}

static u64 poll_budget_ns(struct vfvirt_adminq *adminq)
{
	u32 average_ns = READ_ONCE(adminq->average_ns);

	if (average_ns > POLL_LIMIT_NS)
		return READ_ONCE(adminq->commands) % POLL_AGAIN_COMMANDS ? 0 : POLL_LIMIT_NS;
	return average_ns ? min_t(u64, 2 * average_ns + POLL_MARGIN_NS, POLL_LIMIT_NS) :
			    POLL_LIMIT_NS;
}

static void reap_once(struct vfvirt_adminq *adminq)
{
	spin_lock_irq(&adminq->pf->admin.lock);
	vfvirt_ring_reap(adminq);
	spin_unlock_irq(&adminq->pf->admin.lock);
}

static bool is_over(u64 end_ns)
{
	cpu_relax();
	return ktime_get_ns() >= end_ns || need_resched();
}

/* Lets go of admin.lock between looks. */
static bool poll(struct vfvirt_slot *slot)
{
	struct vfvirt_admin *admin = &slot->queue->pf->admin;
	u64 end_ns = slot->submitted_ns + poll_budget_ns(slot->queue);
	bool over;

	do {
		spin_unlock_irq(&admin->lock);
		over = is_over(end_ns);
		spin_lock_irq(&admin->lock);
		if (over)
			return false;
	} while (!vfvirt_ring_poll(slot));
	return true;
}

static int sleep(struct vfvirt_slot *slot, const struct vfvirt_command *command)
{
	struct vfvirt_pf *pf = slot->queue->pf;
	long left, woken;

	while (!vfvirt_slot_ended(slot)) {
		left = command->deadline - jiffies;
		if (left <= 0)
			return -ETIMEDOUT;
		left = min_t(long, left, msecs_to_jiffies(VFVIRT_SLICE_MS));
		if (command->interruptible)
			woken = wait_for_completion_killable_timeout(&slot->done, left);
		else
			woken = wait_for_completion_timeout(&slot->done, left);
		if (woken > 0)
			break;
		/* An interrupt that was lost costs a slice and no more. */
		reap_once(slot->queue);
		if (vfvirt_slot_ended(slot))
			break;
		if (woken < 0)
			return -EINTR;
		if (!vfvirt_pf_present(pf))
			vfvirt_pf_gone(pf);
	}
	return 0;
}

/* Lets go of admin.lock while it waits. */
static int await(struct vfvirt_slot *slot, const struct vfvirt_command *command)
{
	struct vfvirt_admin *admin = &slot->queue->pf->admin;
	int error = 0;

	if (!vfvirt_slot_ended(slot) && !poll(slot)) {
		vfvirt_ring_sleep(slot);
		spin_unlock_irq(&admin->lock);
		error = sleep(slot, command);
		spin_lock_irq(&admin->lock);
		vfvirt_ring_wake(slot->queue);
	}
	if (error)
		return error;
	return slot->answered ? 0 : slot->error;
}

/**
 * vfvirt_command_run() - run a command on one queue
 * @adminq: the queue
 * @command: the command; results are filled in
 * @proof: recovery's own command, accepted while the queue takes no others
 *
 * The lock is let go of for all that waits and for the doorbell write; a command that need not wait
 * takes it twice. A command's data is short enough to be copied under it.
 *
 * Context: process context, may sleep until the command's deadline.
 * Return: 0, or a negative errno as struct vfvirt_owner_ops says.
 */
int vfvirt_command_run(struct vfvirt_adminq *adminq, struct vfvirt_command *command, bool proof)
{
	struct vfvirt_admin *admin = &adminq->pf->admin;
	struct vfvirt_slot *slot;
	u64 took_ns;
	int error;

	spin_lock_irq(&admin->lock);
	slot = vfvirt_slot_get(adminq, command, proof);
	if (IS_ERR(slot)) {
		error = PTR_ERR(slot);
		goto unlock;
	}
	fill(slot, command);
	error = vfvirt_ring_submit(slot);
	if (!error)
		error = await(slot, command);
	if (!error) {
		took_ns = slot->answered_ns - command->begin_ns;
		command->took_ns = took_ns <= U32_MAX ? took_ns : 0;
		error = read_answer(slot, command);
	}
	vfvirt_slot_put(slot);
unlock:
	spin_unlock_irq(&admin->lock);
	if ((error == -ETIMEDOUT || error == -EINTR) && !proof)
		vfvirt_recovery_timed_out(adminq->pf);
	return error;
}

/**
 * vfvirt_command_execute() - run a command for core
 * @priv: the PF
 * @command: the command
 *
 * A VF stays on one queue, so that its commands keep their order (S-27); VFs are spread.
 *
 * Context: process context, as struct vfvirt_owner_ops says.
 * Return: 0, or a negative errno as struct vfvirt_owner_ops says.
 */
int vfvirt_command_execute(void *priv, struct vfvirt_command *command)
{
	struct vfvirt_pf *pf = priv;
	unsigned int count = READ_ONCE(pf->admin.count);

	if (command->in_length_bytes > VFVIRT_COMMAND_DATA_MAX_BYTES ||
	    command->out_length_bytes > VFVIRT_COMMAND_DATA_MAX_BYTES ||
	    command->member_id >= pf->admin.member_count)
		return -EINVAL;
	if (!count)
		return -ENODEV;
	return vfvirt_command_run(&pf->admin.queues[command->member_id % count], command, false);
}
