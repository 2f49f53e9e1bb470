// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slots: preallocated room for commands, and who gets one next.
 *
 * A slot has two references, its user and the device, and is free when it has neither. Waiting
 * is fair between VFs: among those that may have a slot, the VF that was served longest ago gets
 * it, and no VF holds more than a few. A command that tolerates no other (LIST_USE, S-42) waits
 * until every slot is free, and those that arrive after it wait behind it.
 */
#include <linux/sched/signal.h>

#include "pf.h"

/* What tells who may have a slot. */
struct claim {
	struct vfvirt_adminq *adminq;
	u16 member_id;
	bool exclusive;
	bool proof;	/* recovery's own command, accepted while others are not */
};

static struct claim claim_of(struct vfvirt_adminq *adminq, const struct vfvirt_command *command,
			     bool proof)
{
	return (struct claim){
		.adminq = adminq,
		.member_id = command->member_id,
		.exclusive = command->exclusive,
		.proof = proof,
	};
}

/* One that has to wait for it. */
struct waiter {
	struct list_head list;
	const struct claim *claim;
	struct completion granted;
	struct vfvirt_slot *slot;
	int error;
};

/**
 * vfvirt_slots_make() - allocate the slots of a queue
 * @adminq: the queue
 * @depth: how many, 1..VFVIRT_SLOTS_MAX
 *
 * Context: process context, admin.life held.
 * Return: 0 or -ENOMEM. Pair: vfvirt_slots_free().
 */
int vfvirt_slots_make(struct vfvirt_adminq *adminq, u16 depth)
{
	struct vfvirt_slot *slots = kcalloc(depth, sizeof(*slots), GFP_KERNEL);
	unsigned int i;

	lockdep_assert_held(&adminq->pf->admin.life);
	if (!slots)
		return -ENOMEM;
	for (i = 0; i < depth; i++) {
		/* Linear memory of its own cache lines: the device reads and writes it. */
		slots[i].block = kzalloc(VFVIRT_SLOT_BYTES, GFP_KERNEL);
		if (!slots[i].block)
			goto no_memory;
		slots[i].queue = adminq;
		sg_init_one(&slots[i].readable, slots[i].block, VFVIRT_SLOT_BYTES / 2);
		sg_init_one(&slots[i].writable, vfvirt_slot_answer(&slots[i]),
			    VFVIRT_SLOT_BYTES / 2);
		init_completion(&slots[i].done);
		slots[i].next_free = i ? &slots[i - 1] : NULL;
	}
	adminq->slots = slots;
	adminq->free = &slots[depth - 1];
	adminq->depth = depth;
	adminq->member_limit = clamp_t(u16, depth / 2, 1, VFVIRT_MEMBER_SLOTS_MAX);
	return 0;

no_memory:
	while (i--)
		kfree(slots[i].block);
	kfree(slots);
	return -ENOMEM;
}

/**
 * vfvirt_slots_free() - free the slots of a queue
 * @adminq: the queue; it takes no commands and has no users
 *
 * What a device may still write to is leaked (S-15); it was said when that became known.
 *
 * Context: process context, admin.life held.
 */
void vfvirt_slots_free(struct vfvirt_adminq *adminq)
{
	struct vfvirt_admin *admin = &adminq->pf->admin;
	struct vfvirt_slot *slots = adminq->slots;
	struct vfvirt_slot *slot;
	unsigned int i;

	lockdep_assert_held(&admin->life);
	for (i = 0; i < adminq->depth; i++) {
		slot = &slots[i];
		if (!slot->device) {
			kfree(slot->block);
			continue;
		}
		/* The VF gets its share back all the same. */
		spin_lock_irq(&admin->lock);
		slot->device = false;
		adminq->in_flight--;
		adminq->abandoned--;
		vfvirt_slot_release(slot);
		spin_unlock_irq(&admin->lock);
	}
	kfree(slots);
	adminq->slots = NULL;
	adminq->depth = 0;
	adminq->free = NULL;
}

static inline bool may_have(struct vfvirt_admin *admin, const struct claim *claim)
{
	struct vfvirt_adminq *adminq = claim->adminq;

	if (admin->exclusive || !adminq->free)
		return false;
	if (claim->proof)
		return true;
	if (adminq->state != VFVIRT_ADMINQ_READY)
		return false;
	if (claim->exclusive)
		return !admin->busy;
	return admin->members[claim->member_id].slots < adminq->member_limit;
}

static bool served_before(struct vfvirt_admin *admin, const struct claim *a,
			  const struct claim *b)
{
	return (s32)(admin->members[a->member_id].turn - admin->members[b->member_id].turn) < 0;
}

static struct waiter *choose(struct vfvirt_admin *admin)
{
	struct waiter *waiter, *best = NULL;

	lockdep_assert_held(&admin->lock);
	list_for_each_entry(waiter, &admin->waiting, list) {
		if (may_have(admin, waiter->claim) &&
		    (!best || served_before(admin, waiter->claim, best->claim)))
			best = waiter;
		if (best && best->claim->proof)
			break;
		/* Nobody overtakes it, else it could wait for ever. */
		if (waiter->claim->exclusive)
			break;
	}
	return best;
}

/* Gives a free slot to one who may have it. */
static inline struct vfvirt_slot *hand_out(struct vfvirt_admin *admin, const struct claim *claim)
{
	struct vfvirt_adminq *adminq = claim->adminq;
	struct vfvirt_load *load = &admin->members[claim->member_id];
	struct vfvirt_slot *slot = adminq->free;

	lockdep_assert_held(&admin->lock);
	adminq->free = slot->next_free;
	reinit_completion(&slot->done);
	slot->user = true;
	slot->asleep = false;
	slot->answered = false;
	slot->error = 0;
	slot->command.member_id = claim->member_id;
	load->slots++;
	load->turn = ++admin->turn;
	adminq->users++;
	admin->busy++;
	admin->exclusive = claim->exclusive;
	return slot;
}

/**
 * vfvirt_slots_grant() - hand out slots to those who wait, as far as they go
 * @admin: the administration queues
 *
 * Context: admin.lock held.
 */
void vfvirt_slots_grant(struct vfvirt_admin *admin)
{
	struct waiter *waiter;

	lockdep_assert_held(&admin->lock);
	while ((waiter = choose(admin))) {
		list_del_init(&waiter->list);
		waiter->slot = hand_out(admin, waiter->claim);
		complete(&waiter->granted);
	}
}

/**
 * vfvirt_slots_refuse() - end the waits for a slot of this queue with -ENODEV
 * @adminq: a queue that takes no commands
 *
 * While the queue is on hold (it will be ready again within limits) they go on waiting.
 *
 * Context: admin.lock held.
 */
void vfvirt_slots_refuse(struct vfvirt_adminq *adminq)
{
	struct vfvirt_admin *admin = &adminq->pf->admin;
	struct waiter *waiter, *next;

	lockdep_assert_held(&admin->lock);
	if (admin->stopping)
		adminq->hold = false;
	if (adminq->hold)
		return;
	list_for_each_entry_safe(waiter, next, &admin->waiting, list) {
		if (waiter->claim->adminq != adminq ||
		    (waiter->claim->proof && !admin->stopping))
			continue;
		list_del_init(&waiter->list);
		waiter->error = -ENODEV;
		complete(&waiter->granted);
	}
}

static bool accepts(struct vfvirt_adminq *adminq, bool proof)
{
	return adminq->state == VFVIRT_ADMINQ_READY ||
	       (adminq->state == VFVIRT_ADMINQ_DRAINING && (proof || adminq->hold));
}

static void line_up(struct vfvirt_admin *admin, struct waiter *waiter)
{
	lockdep_assert_held(&admin->lock);
	init_completion(&waiter->granted);
	if (waiter->claim->proof)
		list_add(&waiter->list, &admin->waiting);
	else
		list_add_tail(&waiter->list, &admin->waiting);
	vfvirt_slots_grant(admin);
}

static int await_turn(struct waiter *waiter, const struct vfvirt_command *command)
{
	struct vfvirt_pf *pf = waiter->claim->adminq->pf;
	long left, woken;

	while (!completion_done(&waiter->granted)) {
		left = command->deadline - jiffies;
		if (left <= 0)
			return -ENOSPC;
		left = min_t(long, left, msecs_to_jiffies(VFVIRT_SLICE_MS));
		if (command->interruptible)
			woken = wait_for_completion_killable_timeout(&waiter->granted, left);
		else
			woken = wait_for_completion_timeout(&waiter->granted, left);
		if (woken > 0)
			return 0;
		if (woken < 0)
			return -EINTR;
		if (!vfvirt_pf_present(pf))
			vfvirt_pf_gone(pf);
	}
	return 0;
}

static void leave_line(struct vfvirt_admin *admin, struct waiter *waiter)
{
	lockdep_assert_held(&admin->lock);
	if (waiter->slot)
		return;
	list_del_init(&waiter->list);
	/* An exclusive one that gave up lets those behind it go on. */
	vfvirt_slots_grant(admin);
}

/* Waits for a slot. Apart, since a command that need not wait needs no room for a waiter. */
static noinline struct vfvirt_slot *wait_in_line(struct vfvirt_adminq *adminq,
						 const struct vfvirt_command *command, bool proof)
{
	struct vfvirt_admin *admin = &adminq->pf->admin;
	struct claim claim = claim_of(adminq, command, proof);
	struct waiter waiter = { .claim = &claim };
	int error;

	line_up(admin, &waiter);
	if (waiter.slot)
		return waiter.slot;
	spin_unlock_irq(&admin->lock);
	error = await_turn(&waiter, command);
	spin_lock_irq(&admin->lock);
	leave_line(admin, &waiter);
	if (!waiter.slot)
		return ERR_PTR(waiter.error ? : error);
	if (!error)
		return waiter.slot;
	vfvirt_slot_put(waiter.slot);
	return ERR_PTR(error);
}

/* Copies what is looked at when nobody waits any more. The member is there already. */
static void note_command(struct vfvirt_slot *slot, const struct vfvirt_command *command)
{
	slot->command.opcode = command->opcode;
	slot->command.offset = command->offset;
	slot->command.in_length_bytes = command->in_length_bytes;
	slot->command.out_length_bytes = command->out_length_bytes;
}

/**
 * vfvirt_slot_get() - wait for a slot
 * @adminq: the queue
 * @command: tells the member, the deadline and what ends the wait
 * @proof: recovery's own command
 *
 * Context: process context, admin.lock held; let go of while waiting.
 * Return: the slot, pair: vfvirt_slot_put(); ERR_PTR: -ENODEV when the queue takes no commands,
 * -ENOSPC at the deadline, -EINTR.
 */
struct vfvirt_slot *vfvirt_slot_get(struct vfvirt_adminq *adminq,
				    const struct vfvirt_command *command, bool proof)
{
	struct vfvirt_admin *admin = &adminq->pf->admin;
	struct claim claim = claim_of(adminq, command, proof);
	u64 begin_ns = command->begin_ns;
	struct vfvirt_slot *slot;

	if (admin->stopping || !accepts(adminq, proof))
		return ERR_PTR(-ENODEV);
	if (list_empty(&admin->waiting) && may_have(admin, &claim)) {
		slot = hand_out(admin, &claim);
	} else {
		slot = wait_in_line(adminq, command, proof);
		if (IS_ERR(slot))
			return slot;
		begin_ns = ktime_get_ns();
	}
	note_command(slot, command);
	slot->submitted_ns = begin_ns;
	slot->deadline = command->deadline;
	return slot;
}

static inline void release(struct vfvirt_slot *slot)
{
	struct vfvirt_adminq *adminq = slot->queue;
	struct vfvirt_admin *admin = &adminq->pf->admin;

	lockdep_assert_held(&admin->lock);
	if (slot->user || slot->device)
		return;
	slot->next_free = adminq->free;
	adminq->free = slot;
	admin->members[slot->command.member_id].slots--;
	admin->busy--;
	/* Alone when it was granted, so whatever ends while it is set is that command. */
	admin->exclusive = false;
	if (!list_empty(&admin->waiting))
		vfvirt_slots_grant(admin);
}

/**
 * vfvirt_slot_release() - make a slot free if neither a user nor the device has it
 * @slot: the slot
 *
 * Context: admin.lock held.
 */
void vfvirt_slot_release(struct vfvirt_slot *slot)
{
	release(slot);
}

/**
 * vfvirt_slot_put() - the user is done with a slot
 * @slot: the slot; if the device has it, it stays the device's until that gives it back
 *
 * Context: admin.lock held.
 */
void vfvirt_slot_put(struct vfvirt_slot *slot)
{
	struct vfvirt_adminq *adminq = slot->queue;
	struct vfvirt_admin *admin = &adminq->pf->admin;

	lockdep_assert_held(&admin->lock);
	slot->user = false;
	adminq->users--;
	if (slot->device) {
		adminq->abandoned++;
		vfvirt_ring_arm(adminq);
	}
	release(slot);
	/* Who waits counts users under the lock too: he is in the queue, or sees that one less. */
	if (waitqueue_active(&admin->idle))
		wake_up_all(&admin->idle);
}
