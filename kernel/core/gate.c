// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gate of an owner: who may send a command now, and how to wait until none is under way.
 *
 * A command first pins the owner (its memory stays), then enters the gate for each attempt. The
 * gate is open only while the owner is ready and nobody has closed it; closing waits for those
 * inside. Between attempts a command is pinned but outside, so that a back-off delays no reset.
 * Commands that need nothing else take and give back all of it in one go each, inline: gate.h.
 */
#include "gate.h"

/* The longest silence of an unregistration that waits for commands; then it says so and goes on. */
#define DRAIN_REPORT_MS 10000

/**
 * vfvirt_gate_init() - a gate for a new owner: absent, nobody inside
 * @owner: zeroed
 */
void vfvirt_gate_init(struct vfvirt_owner *owner)
{
	spin_lock_init(&owner->lock);
	init_waitqueue_head(&owner->idle);
	owner->state = VFVIRT_OWNER_ABSENT;
	owner->reason = VFVIRT_REASON_NO_DRIVER;
}

/**
 * vfvirt_owner_pin() - keep an owner's memory
 * @owner: kept alive by the caller for the moment, by the registry mutex or RCU
 *
 * Return: 0, or -ENODEV when its unregistration has begun.
 */
int vfvirt_owner_pin(struct vfvirt_owner *owner)
{
	int error = 0;

	spin_lock(&owner->lock);
	if (owner->leaving)
		error = -ENODEV;
	else
		owner->pin_count++;
	spin_unlock(&owner->lock);
	return error;
}

/**
 * vfvirt_owner_unpin() - the opposite of vfvirt_owner_pin()
 * @owner: not to be touched afterwards
 */
void vfvirt_owner_unpin(struct vfvirt_owner *owner)
{
	vfvirt_gate_give(owner, NULL, VFVIRT_HOLDS_PIN);
}

/**
 * vfvirt_member_pin_owner() - the owner of a member, pinned
 * @member: any
 *
 * Return: the owner, or NULL when no provider serves the PF.
 */
struct vfvirt_owner *vfvirt_member_pin_owner(struct vfvirt_member *member)
{
	struct vfvirt_owner *owner;

	/* The memory of an owner that is leaving stays until here; the pin tells that it leaves. */
	rcu_read_lock();
	owner = rcu_dereference(member->owner);
	if (owner && vfvirt_owner_pin(owner))
		owner = NULL;
	rcu_read_unlock();
	return owner;
}

/**
 * vfvirt_gate_enter() - begin one attempt of a command
 * @owner: pinned
 *
 * Return: 0; -ENODEV without an administration queue; -EIO while degraded; -EBUSY while closed.
 */
int vfvirt_gate_enter(struct vfvirt_owner *owner)
{
	int error;

	spin_lock(&owner->lock);
	error = vfvirt_gate_enter_locked(owner);
	spin_unlock(&owner->lock);
	return error;
}

/**
 * vfvirt_gate_take_turn() - one more command of a VF, if it has less than its share under way
 * @owner: pinned
 * @member: of this owner
 *
 * Return: whether it has a turn now.
 */
bool vfvirt_gate_take_turn(struct vfvirt_owner *owner, struct vfvirt_member *member)
{
	bool taken;

	spin_lock(&owner->lock);
	taken = vfvirt_gate_take_turn_locked(owner, member);
	spin_unlock(&owner->lock);
	return taken;
}

/**
 * vfvirt_gate_give() - give back what a command holds
 * @owner: pinned; not to be touched afterwards when the pin is among @holds
 * @member: whose turn it was, else NULL
 * @holds: VFVIRT_HOLDS_*
 */
void vfvirt_gate_give(struct vfvirt_owner *owner, struct vfvirt_member *member, unsigned int holds)
{
	spin_lock(&owner->lock);
	vfvirt_gate_give_locked(owner, member, holds);
	spin_unlock(&owner->lock);
}

static bool nothing_runs(struct vfvirt_owner *owner)
{
	bool idle;

	spin_lock(&owner->lock);
	idle = !owner->running_count;
	spin_unlock(&owner->lock);
	return idle;
}

static bool nobody_holds(struct vfvirt_owner *owner)
{
	bool idle;

	spin_lock(&owner->lock);
	idle = !owner->hold_count;
	spin_unlock(&owner->lock);
	return idle;
}

static bool nobody_pins(struct vfvirt_owner *owner)
{
	bool idle;

	spin_lock(&owner->lock);
	idle = !owner->pin_count;
	spin_unlock(&owner->lock);
	return idle;
}

/**
 * vfvirt_owner_quiesce() - close the gate and wait until no command runs
 * @owner: registered
 * @limit_ms: how long to wait
 *
 * Calls nest: the gate opens again after as many calls of vfvirt_owner_unquiesce(), which is due
 * after -ETIMEDOUT too.
 *
 * Context: may sleep. Not from within execute().
 * Return: 0, or -ETIMEDOUT when commands still run; the gate is closed all the same.
 */
int vfvirt_owner_quiesce(struct vfvirt_owner *owner, unsigned int limit_ms)
{
	spin_lock(&owner->lock);
	owner->closed_count++;
	spin_unlock(&owner->lock);

	if (!wait_event_timeout(owner->idle, nothing_runs(owner), msecs_to_jiffies(limit_ms)))
		return -ETIMEDOUT;
	return 0;
}
EXPORT_SYMBOL_GPL(vfvirt_owner_quiesce);

/**
 * vfvirt_owner_unquiesce() - undo one vfvirt_owner_quiesce()
 * @owner: registered
 */
void vfvirt_owner_unquiesce(struct vfvirt_owner *owner)
{
	spin_lock(&owner->lock);
	if (!WARN_ON_ONCE(!owner->closed_count))
		owner->closed_count--;
	spin_unlock(&owner->lock);
}
EXPORT_SYMBOL_GPL(vfvirt_owner_unquiesce);

/**
 * vfvirt_owner_reset_begin() - the card is about to be reset or to sleep, and its VFs with it
 * @owner: registered
 * @limit_ms: how long to wait for either of the two
 *
 * As vfvirt_owner_quiesce(), and waits for VF drivers that hold the card. Pair:
 * vfvirt_owner_reset_end(), which is due after -ETIMEDOUT as well.
 *
 * Context: may sleep. Not from within execute().
 * Return: 0, or -ETIMEDOUT when commands still run or somebody still holds the card.
 */
int vfvirt_owner_reset_begin(struct vfvirt_owner *owner, unsigned int limit_ms)
{
	int error;

	spin_lock(&owner->lock);
	owner->reset_count++;
	spin_unlock(&owner->lock);
	error = vfvirt_owner_quiesce(owner, limit_ms);
	if (!wait_event_timeout(owner->idle, nobody_holds(owner), msecs_to_jiffies(limit_ms)))
		error = -ETIMEDOUT;
	return error;
}
EXPORT_SYMBOL_GPL(vfvirt_owner_reset_begin);

/**
 * vfvirt_owner_reset_end() - undo one vfvirt_owner_reset_begin(): the VFs are back
 * @owner: registered
 */
void vfvirt_owner_reset_end(struct vfvirt_owner *owner)
{
	spin_lock(&owner->lock);
	if (!WARN_ON_ONCE(!owner->reset_count))
		owner->reset_count--;
	spin_unlock(&owner->lock);
	vfvirt_owner_unquiesce(owner);
	wake_up_all(&owner->idle);
}
EXPORT_SYMBOL_GPL(vfvirt_owner_reset_end);

static bool hold_take(struct vfvirt_owner *owner)
{
	bool free;

	spin_lock(&owner->lock);
	free = !owner->reset_count;
	owner->hold_count += free;
	spin_unlock(&owner->lock);
	return free;
}

/**
 * vfvirt_member_hold() - keep the card from being reset meanwhile
 * @member: registered
 * @limit_ms: how long to wait for the end of a reset under way; 0: not at all
 *
 * A reset of the PF takes the VFs off the bus for a moment. Who resets a VF just then makes the PCI
 * core look for another way, which on v7.3 is a reset of the whole slot. Who holds waits for the
 * device only, never for a user: the provider's unregistration waits for him.
 *
 * Context: may sleep, killable.
 * Return: what vfvirt_member_release() takes: the owner, or NULL when there is none to be held;
 * ERR_PTR: -EBUSY when the reset went on, -EINTR when killed.
 */
struct vfvirt_owner *vfvirt_member_hold(struct vfvirt_member *member, unsigned int limit_ms)
{
	struct vfvirt_owner *owner = vfvirt_member_pin_owner(member);
	long left;

	if (!owner)
		return NULL;
	left = wait_event_killable_timeout(owner->idle, hold_take(owner),
					   msecs_to_jiffies(limit_ms));
	if (left > 0)
		return owner;
	vfvirt_owner_unpin(owner);
	return ERR_PTR(left ? -EINTR : -EBUSY);
}
EXPORT_SYMBOL_GPL(vfvirt_member_hold);

/**
 * vfvirt_member_release() - the opposite of vfvirt_member_hold()
 * @owner: what it returned, no error
 */
void vfvirt_member_release(struct vfvirt_owner *owner)
{
	if (!owner)
		return;
	spin_lock(&owner->lock);
	if (!--owner->hold_count)
		wake_up_all(&owner->idle);
	spin_unlock(&owner->lock);
	vfvirt_owner_unpin(owner);
}
EXPORT_SYMBOL_GPL(vfvirt_member_release);

/**
 * vfvirt_gate_shut() - refuse new pins and commands for good
 * @owner: about to be unregistered
 *
 * Context: registry mutex.
 * Return: the state until now.
 */
enum vfvirt_owner_state vfvirt_gate_shut(struct vfvirt_owner *owner)
{
	enum vfvirt_owner_state before;

	lockdep_assert_held(&vfvirt_registry_mutex);
	spin_lock(&owner->lock);
	before = owner->state;
	owner->leaving = true;
	owner->state = VFVIRT_OWNER_ABSENT;
	owner->reason = VFVIRT_REASON_REMOVED;
	spin_unlock(&owner->lock);
	return before;
}

/**
 * vfvirt_gate_drain() - wait until nobody pins the owner
 * @owner: shut
 *
 * Has no limit of its own, because the memory cannot go before: the provider makes its commands
 * end, and everything else that pins has a limit. That of a hold is the PCI core's: a minute, when
 * the card goes away just then.
 */
void vfvirt_gate_drain(struct vfvirt_owner *owner)
{
	while (!wait_event_timeout(owner->idle, nobody_pins(owner),
				   msecs_to_jiffies(DRAIN_REPORT_MS)))
		pci_warn(owner->pdev, "vfvirt: still waiting for a command or a reset of a VF to end before the PF's driver can go\n");
}

/**
 * vfvirt_owner_set_state() - what the provider knows about its owner changed
 * @owner: registered
 * @state: new state
 * @reason: why it is not ready; VFVIRT_REASON_NONE when it is
 *
 * Ready forgets the opcodes in use, so that the next command discovers them again (S-40). Members
 * and listeners are told when the state changed.
 *
 * Context: may sleep; takes the registry mutex. The caller serialises its own calls.
 */
void vfvirt_owner_set_state(struct vfvirt_owner *owner, enum vfvirt_owner_state state,
			    enum vfvirt_owner_reason reason)
{
	static const struct {
		enum vfvirt_member_event member;
		enum vfvirt_event listener;
	} events[] = {
		[VFVIRT_OWNER_ABSENT] = { VFVIRT_EVENT_DOWN, VFVIRT_EVENT_OWNER_DOWN },
		[VFVIRT_OWNER_READY] = { VFVIRT_EVENT_UP, VFVIRT_EVENT_OWNER_UP },
		[VFVIRT_OWNER_DEGRADED] = { VFVIRT_EVENT_DEGRADED, VFVIRT_EVENT_OWNER_DEGRADED },
	};
	bool news;

	mutex_lock(&vfvirt_registry_mutex);
	spin_lock(&owner->lock);
	news = owner->state != state;
	owner->state = state;
	owner->reason = reason;
	if (state == VFVIRT_OWNER_READY) {
		owner->discovery = VFVIRT_DISCOVERY_UNKNOWN;
		owner->discovery_epoch++;
		owner->opcodes = 0;
	}
	spin_unlock(&owner->lock);
	if (news) {
		vfvirt_members_tell(owner, events[state].member);
		vfvirt_event_owner(owner, events[state].listener);
	}
	mutex_unlock(&vfvirt_registry_mutex);
}
EXPORT_SYMBOL_GPL(vfvirt_owner_set_state);
