// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of the administration queues: absent -> ready -> draining -> absent.
 *
 * They are made with the class driver's queues and take commands from DRIVER_OK on (S-10). A
 * reset of the device first refuses new commands, gives the running ones time to end, aborts the
 * rest, and takes their memory back only when the device has let go of it (S-15).
 */
#include "pf.h"

/**
 * vfvirt_publish() - tell core what was decided about the owner, if it does not know yet
 * @pf: the PF
 *
 * Context: process context, neither RTNL nor a lock of the administration queues held.
 */
void vfvirt_publish(struct vfvirt_pf *pf)
{
	struct vfvirt_publish *publish = &pf->publish;
	enum vfvirt_owner_reason reason;
	enum vfvirt_owner_state state;
	u32 wanted;

	mutex_lock(&publish->mutex);
	spin_lock_irq(&pf->admin.lock);
	state = publish->state;
	reason = publish->reason;
	wanted = publish->wanted;
	spin_unlock_irq(&pf->admin.lock);
	if (pf->owner && wanted != publish->told) {
		vfvirt_owner_set_state(pf->owner, state, reason);
		publish->told = wanted;
	}
	mutex_unlock(&publish->mutex);
}

static void publish_work(struct work_struct *work)
{
	vfvirt_publish(container_of(work, struct vfvirt_pf, publish.work));
}

static void decide_locked(struct vfvirt_pf *pf, enum vfvirt_owner_state state,
			  enum vfvirt_owner_reason reason)
{
	lockdep_assert_held(&pf->admin.lock);
	pf->publish.state = state;
	pf->publish.reason = reason;
	pf->publish.wanted++;
	queue_work(vfvirt_pf_workqueue, &pf->publish.work);
}

/**
 * vfvirt_owner_decide() - the owner's state changes; core will hear of it
 * @pf: the PF
 * @state: the new state
 * @reason: why
 *
 * Context: any; core is told by a worker, or at once by a vfvirt_publish() that follows.
 */
void vfvirt_owner_decide(struct vfvirt_pf *pf, enum vfvirt_owner_state state,
			 enum vfvirt_owner_reason reason)
{
	unsigned long flags;

	spin_lock_irqsave(&pf->admin.lock, flags);
	decide_locked(pf, state, reason);
	spin_unlock_irqrestore(&pf->admin.lock, flags);
}

/**
 * vfvirt_admin_init() - prepare a PF to have administration queues
 * @pf: the PF
 *
 * Return: 0 or -ENOMEM. Pair: vfvirt_admin_exit().
 */
int vfvirt_admin_init(struct vfvirt_pf *pf)
{
	struct vfvirt_admin *admin = &pf->admin;
	unsigned int i;

	mutex_init(&admin->life);
	spin_lock_init(&admin->lock);
	INIT_LIST_HEAD(&admin->waiting);
	init_waitqueue_head(&admin->idle);
	for (i = 0; i < VFVIRT_ADMINQ_MAX; i++)
		admin->queues[i].pf = pf;
	mutex_init(&pf->publish.mutex);
	INIT_WORK(&pf->publish.work, publish_work);
	pf->publish.state = VFVIRT_OWNER_ABSENT;
	pf->publish.reason = VFVIRT_REASON_NO_DRIVER;

	admin->member_count = pci_sriov_get_totalvfs(pf->pdev) + 1;
	admin->members = kvcalloc(admin->member_count, sizeof(*admin->members), GFP_KERNEL);
	return admin->members ? 0 : -ENOMEM;
}

/**
 * vfvirt_admin_exit() - undo vfvirt_admin_init()
 * @pf: the PF; may be half initialised, nobody uses it any more
 */
void vfvirt_admin_exit(struct vfvirt_pf *pf)
{
	kvfree(pf->admin.members);
	pf->admin.members = NULL;
}

/* Where the device has its administration queues, or why there are none for us. */
static enum vfvirt_owner_reason locate(struct vfvirt_pf *pf, u16 *ret_index, u16 *ret_count)
{
	u16 index, count;

	if (!(pf->device_features & BIT_ULL(VFVIRT_F_ADMIN_VQ)))
		return VFVIRT_REASON_NO_FEATURE;
	if (!pf->admin_registers)
		return VFVIRT_REASON_SHORT_COMMON_CFG;
	index = ioread16(pf->admin_registers);
	count = ioread16(pf->admin_registers + VFVIRT_COMMON_ADMIN_NUM - VFVIRT_COMMON_ADMIN_INDEX);
	if (!count)
		return VFVIRT_REASON_NO_QUEUE;
	if (index < vp_modern_get_num_queues(&pf->mdev) || count > 0x10000 - index)
		return VFVIRT_REASON_BAD_INDEX;
	*ret_index = index;
	*ret_count = min_t(u16, count, VFVIRT_ADMINQ_MAX);
	return VFVIRT_REASON_NONE;
}

/**
 * vfvirt_adminq_make_ring() - make the ring of an administration queue and tell the device
 * @adminq: the queue, its index is set
 *
 * The ring is made with contexts, which keeps it from allocating indirect tables under the lock.
 *
 * Context: process context, admin.life and pf->registers held.
 * Return: 0, -ENOENT when the device has no such queue, -ENOMEM.
 */
int vfvirt_adminq_make_ring(struct vfvirt_adminq *adminq)
{
	struct vfvirt_queue queue = { .index = adminq->queue.index };
	struct vfvirt_pf *pf = adminq->pf;
	int error;

	lockdep_assert_held(&pf->admin.life);
	error = vfvirt_queue_create(pf, &queue, 2 * VFVIRT_SLOTS_MAX, true, NULL, adminq->name);
	if (error)
		return error;
	vfvirt_queue_program(pf, &queue);
	queue.msix_entry = adminq->queue.msix_entry;
	queue.vq->priv = &adminq->queue;
	virtqueue_disable_cb(queue.vq);
	spin_lock_irq(&pf->admin.lock);
	adminq->queue = queue;
	adminq->broken = false;
	spin_unlock_irq(&pf->admin.lock);
	return 0;
}

static int create_one(struct vfvirt_adminq *adminq, u16 index)
{
	u16 depth;
	int error;

	snprintf(adminq->name, sizeof(adminq->name), "admin.%u", index);
	adminq->queue.index = index;
	error = vfvirt_adminq_make_ring(adminq);
	if (error)
		return error;
	/* A command takes two descriptors: what the device reads and what it writes. */
	depth = min_t(u32, virtqueue_get_vring_size(adminq->queue.vq) / 2, VFVIRT_SLOTS_MAX);
	error = depth ? vfvirt_slots_make(adminq, depth) : -ENOENT;
	if (error)
		vfvirt_queue_destroy(adminq->pf, &adminq->queue);
	return error;
}

/**
 * vfvirt_adminq_create() - make the administration queues that the device has
 * @pf: the PF, features negotiated
 *
 * Without any, absent_reason says why, and the PF is a NIC only.
 *
 * Context: process context, admin.life and pf->registers held.
 */
void vfvirt_adminq_create(struct vfvirt_pf *pf)
{
	struct vfvirt_admin *admin = &pf->admin;
	enum vfvirt_owner_reason reason;
	unsigned int made;
	u16 index, count;
	int error = 0;

	lockdep_assert_held(&admin->life);
	reason = locate(pf, &index, &count);
	for (made = 0; !reason && made < count; made++) {
		error = create_one(&admin->queues[made], index + made);
		if (error)
			break;
	}
	if (error)
		reason = error == -ENOMEM ? VFVIRT_REASON_NO_MEMORY : VFVIRT_REASON_BAD_INDEX;

	spin_lock_irq(&admin->lock);
	admin->first_index = made ? index : 0;
	admin->count = made;
	admin->absent_reason = reason;
	spin_unlock_irq(&admin->lock);
}

/**
 * vfvirt_adminq_start() - the device is live: take commands
 * @pf: the PF, DRIVER_OK set
 *
 * While recovery resets the PF, it decides itself when the owner is ready.
 *
 * Context: process context, maybe under RTNL.
 */
void vfvirt_adminq_start(struct vfvirt_pf *pf)
{
	struct vfvirt_admin *admin = &pf->admin;
	bool proving = pf->recovery.proving;
	struct vfvirt_adminq *adminq;
	unsigned int i;

	spin_lock_irq(&admin->lock);
	admin->stopping = false;
	for (i = 0; i < admin->count; i++) {
		adminq = &admin->queues[i];
		if (adminq->state != VFVIRT_ADMINQ_ABSENT)
			break;
		adminq->state = proving ? VFVIRT_ADMINQ_DRAINING : VFVIRT_ADMINQ_READY;
		adminq->newest_answer_ns = 0;
		adminq->average_ns = 0;
	}
	if (!admin->count)
		decide_locked(pf, VFVIRT_OWNER_ABSENT, admin->absent_reason);
	else if (proving)
		decide_locked(pf, VFVIRT_OWNER_DEGRADED, VFVIRT_REASON_RESET);
	else if (i)
		decide_locked(pf, VFVIRT_OWNER_READY, VFVIRT_REASON_NONE);
	spin_unlock_irq(&admin->lock);
}

static bool no_users(struct vfvirt_admin *admin)
{
	unsigned int i, users = 0;

	spin_lock_irq(&admin->lock);
	for (i = 0; i < admin->count; i++)
		users += admin->queues[i].users;
	spin_unlock_irq(&admin->lock);
	return !users;
}

/**
 * vfvirt_adminq_abort() - end everything that waits for an answer or a slot, with -ENODEV
 * @pf: the PF
 *
 * What the device may still write to stays where it is. New commands are refused until the next
 * start or resume.
 *
 * Context: process context; does not wait.
 */
void vfvirt_adminq_abort(struct vfvirt_pf *pf)
{
	struct vfvirt_admin *admin = &pf->admin;
	unsigned int i;

	spin_lock_irq(&admin->lock);
	admin->stopping = true;
	for (i = 0; i < admin->count; i++) {
		if (admin->queues[i].state == VFVIRT_ADMINQ_READY)
			admin->queues[i].state = VFVIRT_ADMINQ_DRAINING;
		vfvirt_slots_refuse(&admin->queues[i]);
		vfvirt_ring_fail_users(&admin->queues[i], -ENODEV);
	}
	spin_unlock_irq(&admin->lock);
}

/**
 * vfvirt_adminq_await_idle() - wait until nobody waits for an answer
 * @pf: the PF, aborted: its users have only to notice that, none of them waits for the device
 *
 * Context: process context.
 */
void vfvirt_adminq_await_idle(struct vfvirt_pf *pf)
{
	wait_event(pf->admin.idle, no_users(&pf->admin));
}

/**
 * vfvirt_adminq_resume() - take commands again after vfvirt_adminq_abort()
 * @pf: the PF; the device was not reset meanwhile
 *
 * Context: process context, the caller excludes start and stop by the PCI device lock.
 */
void vfvirt_adminq_resume(struct vfvirt_pf *pf)
{
	struct vfvirt_admin *admin = &pf->admin;
	struct vfvirt_adminq *adminq;
	bool ready = false;
	unsigned int i;

	spin_lock_irq(&admin->lock);
	for (i = 0; i < admin->count && !pf->gone; i++) {
		adminq = &admin->queues[i];
		if (adminq->state == VFVIRT_ADMINQ_DRAINING && !adminq->broken && adminq->queue.vq)
			adminq->state = VFVIRT_ADMINQ_READY;
		ready |= adminq->state == VFVIRT_ADMINQ_READY;
	}
	if (ready) {
		admin->stopping = false;
		/* A degraded owner is recovery's to declare ready. */
		if (pf->publish.state != VFVIRT_OWNER_DEGRADED)
			decide_locked(pf, VFVIRT_OWNER_READY, VFVIRT_REASON_NONE);
		vfvirt_slots_grant(admin);
	}
	spin_unlock_irq(&admin->lock);
}

/**
 * vfvirt_adminq_stop() - refuse new commands, let the running ones end, abort the rest
 * @pf: the PF
 * @reason: what core is told
 *
 * Afterwards no execute() is in the queues; what was not answered is still the device's.
 *
 * Context: process context, maybe under RTNL; sleeps up to VFVIRT_DRAIN_LIMIT_MS.
 */
void vfvirt_adminq_stop(struct vfvirt_pf *pf, enum vfvirt_owner_reason reason)
{
	struct vfvirt_admin *admin = &pf->admin;
	unsigned int i;

	spin_lock_irq(&admin->lock);
	admin->stopping = true;
	for (i = 0; i < admin->count; i++) {
		if (admin->queues[i].state == VFVIRT_ADMINQ_READY)
			admin->queues[i].state = VFVIRT_ADMINQ_DRAINING;
		vfvirt_slots_refuse(&admin->queues[i]);
	}
	decide_locked(pf, VFVIRT_OWNER_ABSENT, pf->gone ? VFVIRT_REASON_GONE : reason);
	spin_unlock_irq(&admin->lock);

	if (!pf->gone && !pf->stuck)
		wait_event_timeout(admin->idle, no_users(admin),
				   msecs_to_jiffies(VFVIRT_DRAIN_LIMIT_MS));
	vfvirt_adminq_abort(pf);
	vfvirt_adminq_await_idle(pf);
}

/**
 * vfvirt_adminq_reclaim() - take back what the device had
 * @adminq: the queue; it or the device was reset, or cannot reach memory any more
 *
 * Context: admin.life held, no users.
 */
void vfvirt_adminq_reclaim(struct vfvirt_adminq *adminq)
{
	struct vfvirt_pf *pf = adminq->pf;
	u64 now_ns = ktime_get_ns();
	struct vfvirt_slot *slot;
	unsigned int i;

	lockdep_assert_held(&pf->admin.life);
	spin_lock_irq(&pf->admin.lock);
	while (adminq->queue.vq && virtqueue_detach_unused_buf(adminq->queue.vq))
		;
	for (i = 0; i < adminq->depth; i++) {
		slot = &adminq->slots[i];
		if (!slot->device)
			continue;
		slot->device = false;
		adminq->in_flight--;
		if (!slot->user)
			adminq->abandoned--;
		if (pf->owner)
			vfvirt_owner_note_abort(pf->owner, &slot->command,
						now_ns - slot->submitted_ns);
		vfvirt_slot_release(slot);
	}
	adminq->broken = false;
	spin_unlock_irq(&pf->admin.lock);
}

/**
 * vfvirt_adminq_reset_all() - the device was reset: its administration queues are absent
 * @pf: the PF; stopped
 *
 * Context: process context, admin.life held.
 */
void vfvirt_adminq_reset_all(struct vfvirt_pf *pf)
{
	struct vfvirt_admin *admin = &pf->admin;
	unsigned int i;

	lockdep_assert_held(&admin->life);
	for (i = 0; i < admin->count; i++) {
		if (!pf->may_dma)
			vfvirt_adminq_reclaim(&admin->queues[i]);
		spin_lock_irq(&admin->lock);
		admin->queues[i].state = VFVIRT_ADMINQ_ABSENT;
		spin_unlock_irq(&admin->lock);
	}
}

/**
 * vfvirt_adminq_destroy() - free the administration queues
 * @pf: the PF; the device was reset or never told DRIVER_OK; no interrupts
 *
 * Context: process context, admin.life held.
 */
void vfvirt_adminq_destroy(struct vfvirt_pf *pf)
{
	struct vfvirt_admin *admin = &pf->admin;
	unsigned int i, count = admin->count;

	lockdep_assert_held(&admin->life);
	vfvirt_adminq_reset_all(pf);
	spin_lock_irq(&admin->lock);
	admin->count = 0;
	spin_unlock_irq(&admin->lock);
	for (i = 0; i < count; i++) {
		vfvirt_queue_destroy(pf, &admin->queues[i].queue);
		vfvirt_slots_free(&admin->queues[i]);
	}
}

/**
 * vfvirt_adminq_in_flight() - how many commands the device has
 * @pf: the PF
 *
 * Return: their number, those that nobody waits for any more included.
 */
u32 vfvirt_adminq_in_flight(struct vfvirt_pf *pf)
{
	unsigned long flags;
	u32 in_flight = 0;
	unsigned int i;

	spin_lock_irqsave(&pf->admin.lock, flags);
	for (i = 0; i < pf->admin.count; i++)
		in_flight += pf->admin.queues[i].in_flight;
	spin_unlock_irqrestore(&pf->admin.lock, flags);
	return in_flight;
}
