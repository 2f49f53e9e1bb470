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

struct waiter {
	struct list_head list;
	struct vfvirt_adminq *adminq;
	struct completion granted;
	struct vfvirt_slot *slot;
	u16 member_id;
	bool exclusive;
	bool proof;	/* recovery's own command, accepted while others are not */
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
	INIT_LIST_HEAD(&adminq->free);
	for (i = 0; i < depth; i++) {
		/* Linear memory of its own cache lines: the device reads and writes it. */
		slots[i].block = kzalloc(VFVIRT_SLOT_BYTES, GFP_KERNEL);
		if (!slots[i].block)
			goto no_memory;
		slots[i].queue = adminq;
		init_completion(&slots[i].done);
		list_add_tail(&slots[i].free, &adminq->free);
	}
	adminq->slots = slots;
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
	INIT_LIST_HEAD(&adminq->free);
}

static bool may_have(struct vfvirt_admin *admin, struct waiter *waiter)
{
	struct vfvirt_adminq *adminq = waiter->adminq;

	if (admin->exclusive || list_empty(&adminq->free))
		return false;
	if (waiter->proof)
		return true;
	if (adminq->state != VFVIRT_ADMINQ_READY)
		return false;
	if (waiter->exclusive)
		return !admin->busy;
	return admin->members[waiter->member_id].slots < adminq->member_limit;
}

static bool served_before(struct vfvirt_admin *admin, struct waiter *a, struct waiter *b)
{
	return (s32)(admin->members[a->member_id].turn - admin->members[b->member_id].turn) < 0;
}

static struct waiter *choose(struct vfvirt_admin *admin)
{
	struct waiter *waiter, *best = NULL;

	lockdep_assert_held(&admin->lock);
	list_for_each_entry(waiter, &admin->waiting, list) {
		if (may_have(admin, waiter) && (!best || served_before(admin, waiter, best)))
			best = waiter;
		if (best && best->proof)
			break;
		/* Nobody overtakes it, else it could wait for ever. */
		if (waiter->exclusive)
			break;
	}
	return best;
}

/* Gives a free slot to one who may have it. */
static void hand_out(struct vfvirt_admin *admin, struct waiter *waiter)
{
	struct vfvirt_adminq *adminq = waiter->adminq;
	struct vfvirt_load *load = &admin->members[waiter->member_id];
	struct vfvirt_slot *slot = list_first_entry(&adminq->free, struct vfvirt_slot, free);

	lockdep_assert_held(&admin->lock);
	list_del_init(&slot->free);
	reinit_completion(&slot->done);
	slot->user = true;
	slot->asleep = false;
	slot->answered = false;
	slot->error = 0;
	slot->member_id = waiter->member_id;
	load->slots++;
	load->turn = ++admin->turn;
	adminq->users++;
	admin->busy++;
	admin->exclusive = waiter->exclusive;
	waiter->slot = slot;
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
		hand_out(admin, waiter);
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
		if (waiter->adminq != adminq || (waiter->proof && !admin->stopping))
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

/* Gets in line: 0 with or without a slot, or -ENODEV. */
static int line_up(struct vfvirt_admin *admin, struct waiter *waiter)
{
	int error = 0;

	spin_lock_irq(&admin->lock);
	if (admin->stopping || !accepts(waiter->adminq, waiter->proof)) {
		error = -ENODEV;
	} else if (list_empty(&admin->waiting) && may_have(admin, waiter)) {
		hand_out(admin, waiter);
	} else {
		init_completion(&waiter->granted);
		if (waiter->proof)
			list_add(&waiter->list, &admin->waiting);
		else
			list_add_tail(&waiter->list, &admin->waiting);
		vfvirt_slots_grant(admin);
	}
	spin_unlock_irq(&admin->lock);
	return error;
}

static int await_turn(struct waiter *waiter, const struct vfvirt_command *command)
{
	struct vfvirt_pf *pf = waiter->adminq->pf;
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
	spin_lock_irq(&admin->lock);
	if (!waiter->slot) {
		list_del_init(&waiter->list);
		/* An exclusive one that gave up lets those behind it go on. */
		vfvirt_slots_grant(admin);
	}
	spin_unlock_irq(&admin->lock);
}

/**
 * vfvirt_slot_get() - wait for a slot
 * @adminq: the queue
 * @command: tells the member, the deadline and what ends the wait
 * @proof: recovery's own command
 * @ret_slot: the slot; pair: vfvirt_slot_put()
 *
 * Context: process context.
 * Return: 0; -ENODEV when the queue takes no commands; -ENOSPC at the deadline; -EINTR.
 */
int vfvirt_slot_get(struct vfvirt_adminq *adminq, const struct vfvirt_command *command, bool proof,
		    struct vfvirt_slot **ret_slot)
{
	struct vfvirt_admin *admin = &adminq->pf->admin;
	struct waiter waiter = {
		.adminq = adminq,
		.member_id = command->member_id,
		.exclusive = command->exclusive,
		.proof = proof,
	};
	int error;

	error = line_up(admin, &waiter);
	if (error)
		return error;
	if (!waiter.slot) {
		error = await_turn(&waiter, command);
		leave_line(admin, &waiter);
	}
	if (!waiter.slot)
		return waiter.error ? : error;
	if (error) {
		vfvirt_slot_put(waiter.slot);
		return error;
	}
	waiter.slot->command = *command;
	waiter.slot->deadline = command->deadline;
	*ret_slot = waiter.slot;
	return 0;
}

/**
 * vfvirt_slot_release() - make a slot free if neither a user nor the device has it
 * @slot: the slot
 *
 * Context: admin.lock held.
 */
void vfvirt_slot_release(struct vfvirt_slot *slot)
{
	struct vfvirt_adminq *adminq = slot->queue;
	struct vfvirt_admin *admin = &adminq->pf->admin;

	lockdep_assert_held(&admin->lock);
	if (slot->user || slot->device)
		return;
	list_add_tail(&slot->free, &adminq->free);
	admin->members[slot->member_id].slots--;
	admin->busy--;
	/* Alone when it was granted, so whatever ends while it is set is that command. */
	admin->exclusive = false;
	vfvirt_slots_grant(admin);
}

/**
 * vfvirt_slot_put() - the user is done with a slot
 * @slot: the slot; if the device has it, it stays the device's until that gives it back
 *
 * Context: process context.
 */
void vfvirt_slot_put(struct vfvirt_slot *slot)
{
	struct vfvirt_adminq *adminq = slot->queue;
	struct vfvirt_admin *admin = &adminq->pf->admin;

	spin_lock_irq(&admin->lock);
	slot->user = false;
	adminq->users--;
	if (slot->device) {
		adminq->abandoned++;
		vfvirt_ring_arm(adminq);
	}
	vfvirt_slot_release(slot);
	if (wq_has_sleeper(&admin->idle))
		wake_up_all(&admin->idle);
	spin_unlock_irq(&admin->lock);
}
