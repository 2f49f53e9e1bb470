// SPDX-License-Identifier: GPL-2.0-only
/*
 * Between slots and the ring of an administration queue: submitting, taking answers off,
 * interrupts on and off. Nothing that the device wrote is trusted here.
 */
#include "pf.h"

/* What the start of the writable part holds until the device has written its answer. */
#define UNWRITTEN 0x5afe5afe5afe5afeULL

/*
 * Marks the queue as useless until it is reset. Its users end now; their slots stay with the
 * device, which may still write to them.
 */
static void break_queue(struct vfvirt_adminq *adminq)
{
	struct vfvirt_pf *pf = adminq->pf;

	lockdep_assert_held(&pf->admin.lock);
	if (adminq->broken)
		return;
	adminq->broken = true;
	if (adminq->state == VFVIRT_ADMINQ_READY)
		adminq->state = VFVIRT_ADMINQ_DRAINING;
	vfvirt_slots_refuse(adminq);
	vfvirt_ring_fail_users(adminq, -EPROTO);
	vfvirt_recovery_kick(pf);
}

static bool is_ours(struct vfvirt_adminq *adminq, struct vfvirt_slot *slot)
{
	return slot >= adminq->slots && slot < adminq->slots + adminq->depth && slot->device;
}

static void account(struct vfvirt_adminq *adminq, struct vfvirt_slot *slot, u64 took_ns)
{
	if (slot->submitted_ns > adminq->newest_answer_ns)
		adminq->newest_answer_ns = slot->submitted_ns;
	took_ns = min_t(u64, took_ns, NSEC_PER_SEC);
	if (!adminq->average_ns)
		adminq->average_ns = took_ns;
	else
		adminq->average_ns = adminq->average_ns - adminq->average_ns / 8 + took_ns / 8;
}

static void take_back(struct vfvirt_adminq *adminq, struct vfvirt_slot *slot, u32 used_bytes)
{
	struct vfvirt_pf *pf = adminq->pf;
	u64 now_ns = ktime_get_ns(), took_ns = now_ns - slot->submitted_ns;

	slot->device = false;
	adminq->in_flight--;
	account(adminq, slot, took_ns);
	if (slot->user) {
		slot->used_bytes = used_bytes;
		slot->answered_ns = now_ns;
		/* Pairs with a user that sleeps, who looks without the lock. */
		smp_store_release(&slot->answered, true);
		if (slot->asleep)
			complete(&slot->done);
		return;
	}
	adminq->abandoned--;
	if (pf->owner)
		vfvirt_owner_note_late(pf->owner, &slot->command, took_ns);
	vfvirt_slot_release(slot);
	vfvirt_recovery_kick(pf);
}

static inline void reap(struct vfvirt_adminq *adminq)
{
	struct virtqueue *vq = adminq->queue.vq;
	struct vfvirt_slot *slot;
	unsigned int used_bytes;

	lockdep_assert_held(&adminq->pf->admin.lock);
	if (!vq)
		return;
	do {
		slot = virtqueue_get_buf(vq, &used_bytes);
		if (!slot)
			break;
		if (!is_ours(adminq, slot) ||
		    READ_ONCE(*(u64 *)vfvirt_slot_answer(slot)) == UNWRITTEN) {
			__virtqueue_break(vq);
			slot = NULL;
			break;
		}
		take_back(adminq, slot, used_bytes);
	} while (adminq->in_flight);
	if (!slot && virtqueue_is_broken(vq))
		break_queue(adminq);
}

/**
 * vfvirt_ring_reap() - take every answer off the ring
 * @adminq: the queue
 *
 * Looks at least once, and as long as there is an answer to come: one too many breaks the ring when
 * somebody looks again.
 *
 * A used element that nobody submitted breaks the ring (the ring library sees that). One that
 * names a slot whose answer was not written is the same: the device returned an earlier element
 * twice, and still has the slot.
 *
 * Context: admin.lock held.
 */
void vfvirt_ring_reap(struct vfvirt_adminq *adminq)
{
	reap(adminq);
}

/**
 * vfvirt_ring_arm() - interrupts on, if somebody sleeps or late answers are due, and nobody polls
 * @adminq: the queue
 *
 * A poller takes every answer off, so that one VF's silent command costs the others no interrupt
 * with each of theirs. A poller that is not run for a while delays sleepers by a slice at most.
 *
 * Context: admin.lock held.
 */
void vfvirt_ring_arm(struct vfvirt_adminq *adminq)
{
	struct virtqueue *vq = adminq->queue.vq;

	lockdep_assert_held(&adminq->pf->admin.lock);
	/* Each round takes at least one of a bounded number of slots off, or breaks the queue. */
	while (vq && !adminq->pollers && (adminq->sleepers || adminq->abandoned) &&
	       !adminq->broken && !virtqueue_enable_cb(vq)) {
		virtqueue_disable_cb(vq);
		vfvirt_ring_reap(adminq);
	}
}

/**
 * vfvirt_ring_interrupt() - the device says that an administration queue has answers
 * @adminq: the queue
 *
 * Context: hard interrupt.
 */
void vfvirt_ring_interrupt(struct vfvirt_adminq *adminq)
{
	struct vfvirt_admin *admin = &adminq->pf->admin;
	unsigned long flags;

	spin_lock_irqsave(&admin->lock, flags);
	if (adminq->queue.vq && !adminq->broken) {
		virtqueue_disable_cb(adminq->queue.vq);
		vfvirt_ring_reap(adminq);
		vfvirt_ring_arm(adminq);
	}
	spin_unlock_irqrestore(&admin->lock, flags);
}

static inline bool look(struct vfvirt_slot *slot)
{
	struct vfvirt_adminq *adminq = slot->queue;

	reap(adminq);
	if (!vfvirt_slot_ended(slot))
		return false;
	adminq->pollers--;
	if (adminq->sleepers || adminq->abandoned)
		vfvirt_ring_arm(adminq);
	return true;
}

/**
 * vfvirt_ring_submit() - give a filled slot to the device
 * @slot: a slot with a user
 *
 * One doorbell write at most, outside of the lock: a kick that fails leaves the slot with the
 * device, since it is in the ring (B-P10).
 *
 * Looks once for the answer: vfvirt_slot_ended() tells its user, who still has the lock, whether
 * there is anything left to poll for.
 *
 * Context: process context, admin.lock held; let go of for the doorbell write.
 * Return: 0; -ENODEV when the queue stopped meanwhile; -EPROTO when the ring refuses it.
 */
int vfvirt_ring_submit(struct vfvirt_slot *slot)
{
	struct scatterlist *parts[] = { &slot->readable, &slot->writable };
	struct vfvirt_adminq *adminq = slot->queue;
	struct vfvirt_admin *admin = &adminq->pf->admin;
	struct virtqueue *vq = adminq->queue.vq;
	int error;

	lockdep_assert_held(&admin->lock);
	if (slot->error)
		return slot->error;
	*(u64 *)vfvirt_slot_answer(slot) = UNWRITTEN;
	error = virtqueue_add_sgs(vq, parts, 1, 1, slot, GFP_ATOMIC);
	if (error)
		return virtqueue_is_broken(vq) ? -EPROTO : -ENOSPC;
	/* Who looked at the clock before, but came here after somebody else, counts as later. */
	slot->submitted_ns = max(slot->submitted_ns, adminq->newest_submission_ns);
	adminq->newest_submission_ns = slot->submitted_ns;
	slot->device = true;
	adminq->in_flight++;
	adminq->commands++;
	/* Until vfvirt_ring_poll() or vfvirt_ring_sleep() say otherwise. */
	adminq->pollers++;
	/* Nobody else has interrupts on. */
	if (adminq->sleepers || adminq->abandoned)
		virtqueue_disable_cb(vq);
	if (virtqueue_kick_prepare(vq)) {
		/*
		 * The ring cannot go: it is freed only when no slot of it has a user. Interrupts
		 * stay off, so that nothing comes between the ring and its doorbell.
		 */
		spin_unlock(&admin->lock);
		virtqueue_notify(vq);
		spin_lock(&admin->lock);
	}
	look(slot);
	return 0;
}

/**
 * vfvirt_ring_poll() - has a command ended?
 * @slot: submitted, its user neither slept nor was told that it has ended
 *
 * Context: admin.lock held.
 * Return: true when it has; its user polls no longer.
 */
bool vfvirt_ring_poll(struct vfvirt_slot *slot)
{
	return look(slot);
}

/**
 * vfvirt_ring_sleep() - somebody stops polling and is going to sleep until an answer comes
 * @slot: submitted; vfvirt_ring_poll() did not find that it has ended
 *
 * Context: admin.lock held. Pair: vfvirt_ring_wake().
 */
void vfvirt_ring_sleep(struct vfvirt_slot *slot)
{
	struct vfvirt_adminq *adminq = slot->queue;

	lockdep_assert_held(&adminq->pf->admin.lock);
	slot->asleep = true;
	adminq->pollers--;
	adminq->sleepers++;
	vfvirt_ring_reap(adminq);
	vfvirt_ring_arm(adminq);
}

/**
 * vfvirt_ring_wake() - the sleep is over
 * @adminq: the queue
 *
 * Context: admin.lock held.
 */
void vfvirt_ring_wake(struct vfvirt_adminq *adminq)
{
	lockdep_assert_held(&adminq->pf->admin.lock);
	adminq->sleepers--;
	if (!adminq->sleepers && !adminq->abandoned && adminq->queue.vq)
		virtqueue_disable_cb(adminq->queue.vq);
}

/**
 * vfvirt_ring_fail_users() - end every wait for an answer from this queue
 * @adminq: the queue
 * @error: negative errno for the users
 *
 * Context: admin.lock held. The slots stay with the device.
 */
void vfvirt_ring_fail_users(struct vfvirt_adminq *adminq, int error)
{
	struct vfvirt_slot *slot;
	unsigned int i;

	lockdep_assert_held(&adminq->pf->admin.lock);
	for (i = 0; i < adminq->depth; i++) {
		slot = &adminq->slots[i];
		if (!slot->user || slot->answered || slot->error)
			continue;
		WRITE_ONCE(slot->error, error);
		complete(&slot->done);
	}
}
