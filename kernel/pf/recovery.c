// SPDX-License-Identifier: GPL-2.0-only
/*
 * Getting an owner back that did not answer in time or broke the protocol. The policy:
 *
 * A command that times out leaves its slot to the device. If the queue has answered something
 * that was submitted later, only that command is stuck: the owner stays ready, and the stuck
 * slot is waited for with patience. Otherwise the owner is degraded at once: core lets guest
 * accesses fail fast.
 *
 * A late answer ends the matter. Else, after a grace, the device is made to let go: by a reset
 * of the queue (VIRTIO_F_RING_RESET), which nobody else notices but for a short wait, or, where
 * that is not to be had or not acknowledged, by a virtio reset of the PF: the class driver is
 * frozen and thawed around it; VFs keep their state. The owner is ready again when it has
 * answered a LIST_QUERY of ours; else it stays degraded. The first recovery comes at once, the
 * following ones after 1, 2, 4 .. 64 s, also when the ones before seemed to help: a device that
 * answers us and then falls silent again must not keep every caller waiting in turn. A minute
 * without trouble forgets them. The PF is reset three times in a row at most, since each
 * interrupts the host's network.
 */
#include "pf.h"

/* How long a late answer is waited for, when the queue answers others, and when it does not. */
#define PATIENCE_ALIVE_MS	10000
#define PATIENCE_SILENT_MS	500
/* A reset of the PF costs more than a reset of a queue: wait longer before it. */
#define PATIENCE_PF_RESET_MS	5000
#define PROOF_LIMIT_MS		1000
#define RETRY_FIRST_MS		1000
#define RETRY_DOUBLINGS_MAX	6
#define PF_RESETS_MAX		3
#define FORGET_MS		60000
/* The PCI device is locked by somebody who may be about to reset or remove it. */
#define BUSY_RETRY_MS		100

/* What is wrong with one queue. */
struct findings {
	unsigned int overdue;	/* abandoned slots whose deadline has passed */
	unsigned long oldest;	/* the earliest of those deadlines */
	bool alive;		/* later commands than each of those were answered */
	bool broken;
	unsigned long next;	/* when to look again at slots that are not overdue yet */
	bool has_next;
};

static void inspect(struct vfvirt_adminq *adminq, struct findings *ret)
{
	struct findings found = { .alive = true, .broken = adminq->broken };
	struct vfvirt_slot *slot;
	unsigned int i;

	lockdep_assert_held(&adminq->pf->admin.lock);
	for (i = 0; i < adminq->depth; i++) {
		slot = &adminq->slots[i];
		if (!slot->device || slot->user)
			continue;
		if (time_before(jiffies, slot->deadline)) {
			if (!found.has_next || time_before(slot->deadline, found.next))
				found.next = slot->deadline;
			found.has_next = true;
			continue;
		}
		if (!found.overdue++ || time_before(slot->deadline, found.oldest))
			found.oldest = slot->deadline;
		if (slot->submitted_ns >= adminq->newest_answer_ns)
			found.alive = false;
	}
	*ret = found;
}

/**
 * vfvirt_recovery_kick() - look at the queues soon
 * @pf: the PF
 *
 * Context: any.
 */
void vfvirt_recovery_kick(struct vfvirt_pf *pf)
{
	if (!READ_ONCE(pf->recovery.paused))
		mod_delayed_work(vfvirt_pf_workqueue, &pf->recovery.work, 0);
}

/* The worker shall run again at that time, unless it is due earlier. */
static void look_again(struct vfvirt_pf *pf, unsigned long when)
{
	struct vfvirt_recovery *recovery = &pf->recovery;

	if (!recovery->has_next || time_before(when, recovery->next))
		recovery->next = when;
	recovery->has_next = true;
}

static bool state_is(struct vfvirt_pf *pf, enum vfvirt_owner_state state)
{
	bool is;

	spin_lock_irq(&pf->admin.lock);
	is = pf->publish.state == state;
	spin_unlock_irq(&pf->admin.lock);
	return is;
}

/* From ready to degraded; core knows when this returns. */
static void degrade(struct vfvirt_pf *pf, enum vfvirt_owner_reason reason)
{
	struct vfvirt_recovery *recovery = &pf->recovery;

	if (!state_is(pf, VFVIRT_OWNER_READY))
		return;
	if (time_after(jiffies, recovery->last + msecs_to_jiffies(FORGET_MS)))
		recovery->attempts = 0;
	vfvirt_owner_decide(pf, VFVIRT_OWNER_DEGRADED, reason);
	vfvirt_publish(pf);
}

/**
 * vfvirt_recovery_timed_out() - a command was not answered in time
 * @pf: the PF
 *
 * Core knows of a degraded owner when this returns, so that whoever comes next fails fast.
 *
 * Context: process context, no locks.
 */
void vfvirt_recovery_timed_out(struct vfvirt_pf *pf)
{
	struct findings found;
	bool degraded = false;
	unsigned int i;

	spin_lock_irq(&pf->admin.lock);
	for (i = 0; i < pf->admin.count; i++) {
		inspect(&pf->admin.queues[i], &found);
		degraded |= found.overdue && !found.alive;
	}
	spin_unlock_irq(&pf->admin.lock);
	if (degraded)
		degrade(pf, VFVIRT_REASON_TIMEOUT);
	vfvirt_recovery_kick(pf);
}

static bool queue_has_no_users(struct vfvirt_adminq *adminq)
{
	bool none;

	spin_lock_irq(&adminq->pf->admin.lock);
	none = !adminq->users;
	spin_unlock_irq(&adminq->pf->admin.lock);
	return none;
}

/* Resets the queue, takes back what the device had, and enables it with a fresh ring. */
static int remake_ring(struct vfvirt_adminq *adminq)
{
	struct vfvirt_pf *pf = adminq->pf;
	struct vfvirt_queue old;
	int error;

	lockdep_assert_held(&pf->admin.life);
	mutex_lock(&pf->registers);
	error = vfvirt_queue_reset(pf, &adminq->queue);
	if (error)
		goto unlock;
	vfvirt_adminq_reclaim(adminq);
	old = adminq->queue;
	spin_lock_irq(&pf->admin.lock);
	adminq->queue.vq = NULL;
	adminq->queue.doorbell = NULL;
	spin_unlock_irq(&pf->admin.lock);
	vfvirt_queue_destroy(pf, &old);

	error = vfvirt_adminq_make_ring(adminq);
	if (!error && virtqueue_get_vring_size(adminq->queue.vq) / 2 < adminq->depth)
		error = -ENOMEM;
	if (!error && pf->vectors.msix)
		error = vfvirt_queue_set_vector(pf, &adminq->queue, adminq->queue.msix_entry);
	if (!error)
		vp_modern_set_queue_enable(&pf->mdev, adminq->queue.index, true);
unlock:
	mutex_unlock(&pf->registers);
	return error;
}

/*
 * Any answer at all proves that the queue lives. LIST_QUERY is always allowed (S-40). -EIO without
 * a proof: no errno that a reset has.
 */
static int prove(struct vfvirt_adminq *adminq)
{
	__le64 opcodes;
	struct vfvirt_command command = {
		.opcode = VFVIRT_OP_LIST_QUERY,
		.group_type = VFVIRT_GROUP_SRIOV,
		.out = &opcodes,
		.out_length_bytes = sizeof(opcodes),
		.deadline = jiffies + msecs_to_jiffies(PROOF_LIMIT_MS),
		.begin_ns = ktime_get_ns(),
	};

	return vfvirt_command_run(adminq, &command, true) ? -EIO : 0;
}

/* Ends the draining of one queue: ready, unless it failed or is being taken down. */
static void end_draining(struct vfvirt_adminq *adminq, bool ready)
{
	struct vfvirt_admin *admin = &adminq->pf->admin;

	spin_lock_irq(&admin->lock);
	adminq->hold = false;
	if (ready && !admin->stopping && adminq->state == VFVIRT_ADMINQ_DRAINING) {
		adminq->state = VFVIRT_ADMINQ_READY;
		vfvirt_slots_grant(admin);
	} else {
		vfvirt_slots_refuse(adminq);
	}
	spin_unlock_irq(&admin->lock);
}

/*
 * With @hold, new commands wait and running ones may end first: one stuck command costs the
 * other VFs this wait and nothing else.
 */
static int recover_queue(struct vfvirt_adminq *adminq, bool hold)
{
	struct vfvirt_pf *pf = adminq->pf;
	struct vfvirt_admin *admin = &pf->admin;
	int error;

	mutex_lock(&admin->life);
	spin_lock_irq(&admin->lock);
	if (admin->stopping || adminq->state == VFVIRT_ADMINQ_ABSENT) {
		spin_unlock_irq(&admin->lock);
		mutex_unlock(&admin->life);
		return 0;
	}
	adminq->state = VFVIRT_ADMINQ_DRAINING;
	adminq->hold = hold;
	vfvirt_slots_refuse(adminq);
	spin_unlock_irq(&admin->lock);

	if (hold)
		wait_event_timeout(admin->idle, queue_has_no_users(adminq),
				   msecs_to_jiffies(VFVIRT_DRAIN_LIMIT_MS));
	spin_lock_irq(&admin->lock);
	vfvirt_ring_fail_users(adminq, -ENODEV);
	spin_unlock_irq(&admin->lock);
	wait_event(admin->idle, queue_has_no_users(adminq));

	error = remake_ring(adminq);
	if (!error)
		error = prove(adminq);
	end_draining(adminq, !error);
	mutex_unlock(&admin->life);
	pci_info(pf->pdev, "administration queue %u: reset %s (%d)\n", adminq->queue.index,
		 error ? "did not help" : "and in use again", error);
	return error;
}

static int prove_all(struct vfvirt_pf *pf)
{
	unsigned int i;
	int error = 0;

	mutex_lock(&pf->admin.life);
	for (i = 0; i < pf->admin.count && !error; i++) {
		error = prove(&pf->admin.queues[i]);
		end_draining(&pf->admin.queues[i], !error);
	}
	mutex_unlock(&pf->admin.life);
	return error;
}

/* Returns -EAGAIN when somebody holds the PCI device: he may want us to end. */
static int recover_pf(struct vfvirt_pf *pf)
{
	int error;

	if (!device_trylock(&pf->pdev->dev))
		return -EAGAIN;
	pci_warn(pf->pdev, "resetting the PF: its network stands still for a moment\n");
	pf->recovery.proving = true;
	vfvirt_class_quiesce(pf);
	vfvirt_class_thaw(pf);
	error = pf->dead ? -ENODEV : prove_all(pf);
	pf->recovery.proving = false;
	device_unlock(&pf->pdev->dev);
	if (!error && pf->admin.count)
		vfvirt_owner_decide(pf, VFVIRT_OWNER_READY, VFVIRT_REASON_NONE);
	return error;
}

static bool needs_reset(struct vfvirt_pf *pf)
{
	u8 status;

	if (!xchg(&pf->recovery.needs_reset, false) || pf->dead)
		return false;
	status = vp_modern_get_status(&pf->mdev);
	return status != 0xff && (status & VIRTIO_CONFIG_S_NEEDS_RESET) &&
	       (status & VIRTIO_CONFIG_S_DRIVER_OK);
}

/* When the queue is to be recovered, unless it answers before. */
static unsigned long due_at(struct vfvirt_pf *pf, const struct findings *found)
{
	struct vfvirt_recovery *recovery = &pf->recovery;
	unsigned int patience_ms = PATIENCE_PF_RESET_MS;
	unsigned long due, earliest;

	if (found->alive)
		patience_ms = PATIENCE_ALIVE_MS;
	else if (vfvirt_has_queue_reset(pf))
		patience_ms = PATIENCE_SILENT_MS;
	due = found->broken ? jiffies : found->oldest + msecs_to_jiffies(patience_ms);
	if (!recovery->attempts)
		return due;
	earliest = recovery->last + msecs_to_jiffies(RETRY_FIRST_MS <<
						     min(recovery->attempts - 1,
							 RETRY_DOUBLINGS_MAX));
	return time_before(due, earliest) ? earliest : due;
}

/* The queue first; the whole PF when that is impossible or not acknowledged. */
static int recover(struct vfvirt_pf *pf, struct vfvirt_adminq *adminq, bool hold)
{
	int error = -EOPNOTSUPP;

	if (vfvirt_has_queue_reset(pf))
		error = recover_queue(adminq, hold);
	if ((error == -EOPNOTSUPP || error == -ETIMEDOUT) &&
	    pf->recovery.attempts < PF_RESETS_MAX)
		error = recover_pf(pf);
	return error;
}

/* True when this queue is no reason to call the owner degraded. */
static bool attend(struct vfvirt_pf *pf, struct vfvirt_adminq *adminq)
{
	enum vfvirt_owner_reason reason;
	struct findings found;
	unsigned long due;
	int error;

	spin_lock_irq(&pf->admin.lock);
	inspect(adminq, &found);
	/* Draining, and nobody works on it: an earlier recovery failed. */
	found.broken |= adminq->state == VFVIRT_ADMINQ_DRAINING && !pf->admin.stopping;
	spin_unlock_irq(&pf->admin.lock);

	if (found.has_next)
		look_again(pf, found.next + 1);
	if (!found.overdue && !found.broken)
		return true;

	reason = found.broken ? VFVIRT_REASON_BROKEN_ANSWER : VFVIRT_REASON_TIMEOUT;
	if (found.broken || !found.alive)
		degrade(pf, reason);
	due = due_at(pf, &found);
	if (time_before(jiffies, due)) {
		look_again(pf, due);
		return !found.broken && found.alive;
	}
	error = recover(pf, adminq, !found.broken && found.alive);
	if (error == -EAGAIN) {
		look_again(pf, jiffies + msecs_to_jiffies(BUSY_RETRY_MS));
		return false;
	}
	pf->recovery.attempts++;
	pf->recovery.last = jiffies;
	if (error) {
		vfvirt_owner_decide(pf, VFVIRT_OWNER_DEGRADED, reason);
		look_again(pf, due_at(pf, &found));
	}
	return !error;
}

/* Returns false when the PCI device is busy. */
static bool attend_needs_reset(struct vfvirt_pf *pf)
{
	if (!needs_reset(pf))
		return true;
	pci_err(pf->pdev, "device says that it needs a reset\n");
	if (recover_pf(pf) != -EAGAIN)
		return true;
	WRITE_ONCE(pf->recovery.needs_reset, true);
	look_again(pf, jiffies + msecs_to_jiffies(BUSY_RETRY_MS));
	return false;
}

static void attend_all(struct vfvirt_pf *pf)
{
	bool good = true;
	unsigned int i;

	if (!attend_needs_reset(pf))
		return;
	for (i = 0; i < READ_ONCE(pf->admin.count); i++)
		good &= attend(pf, &pf->admin.queues[i]);
	if (good && state_is(pf, VFVIRT_OWNER_DEGRADED))
		vfvirt_owner_decide(pf, VFVIRT_OWNER_READY, VFVIRT_REASON_NONE);
	vfvirt_publish(pf);
}

static void recovery_work(struct work_struct *work)
{
	struct vfvirt_pf *pf = container_of(work, struct vfvirt_pf, recovery.work.work);
	struct vfvirt_recovery *recovery = &pf->recovery;
	unsigned long now = jiffies;

	if (READ_ONCE(recovery->paused) || pf->gone)
		return;
	if (!vfvirt_pf_present(pf)) {
		vfvirt_pf_gone(pf);
		return;
	}
	recovery->has_next = false;
	attend_all(pf);
	if (recovery->has_next && !READ_ONCE(recovery->paused))
		queue_delayed_work(vfvirt_pf_workqueue, &recovery->work,
				   time_after(recovery->next, now) ? recovery->next - now : 1);
}

/**
 * vfvirt_recovery_init() - prepare a PF for recovery; paused until resumed
 * @pf: the PF
 */
void vfvirt_recovery_init(struct vfvirt_pf *pf)
{
	INIT_DELAYED_WORK(&pf->recovery.work, recovery_work);
	pf->recovery.paused = true;
}

/**
 * vfvirt_recovery_pause() - no recovery runs or starts from now on
 * @pf: the PF
 *
 * Context: process context, may hold the PCI device lock; waits for a recovery that runs.
 */
void vfvirt_recovery_pause(struct vfvirt_pf *pf)
{
	WRITE_ONCE(pf->recovery.paused, true);
	cancel_delayed_work_sync(&pf->recovery.work);
}

/**
 * vfvirt_recovery_resume() - undo vfvirt_recovery_pause()
 * @pf: the PF
 *
 * Context: process context.
 */
void vfvirt_recovery_resume(struct vfvirt_pf *pf)
{
	WRITE_ONCE(pf->recovery.paused, false);
	vfvirt_recovery_kick(pf);
}

/**
 * vfvirt_recovery_flush() - leave nothing with the device, queue by queue
 * @pf: the PF; recovery is paused, commands are refused and have no users
 *
 * A command for the SR-IOV group must not be outstanding when VF Enable is cleared (S-54).
 *
 * Context: process context, PCI device lock held.
 * Return: 0 when nothing is outstanding; -EBUSY when only a reset of the device can help.
 */
int vfvirt_recovery_flush(struct vfvirt_pf *pf)
{
	struct vfvirt_adminq *adminq;
	unsigned int i;

	mutex_lock(&pf->admin.life);
	for (i = 0; i < pf->admin.count; i++) {
		adminq = &pf->admin.queues[i];
		if (adminq->in_flight && vfvirt_has_queue_reset(pf) && !pf->gone)
			remake_ring(adminq);
	}
	mutex_unlock(&pf->admin.life);
	return vfvirt_adminq_in_flight(pf) ? -EBUSY : 0;
}
