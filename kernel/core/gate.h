/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The way of each command through the gate of its owner, inline: where the card answers at once,
 * calls are a good part of what a command costs. What it means stands in gate.c.
 */
#ifndef GATE_H
#define GATE_H

#include "core.h"
#include "stats.h"

/* Commands that one VF may have under way. */
#define VFVIRT_MEMBER_COMMANDS_MAX 4

/* One more command of a VF, if it has less than its share under way. */
static inline bool vfvirt_gate_take_turn_locked(struct vfvirt_owner *owner,
						struct vfvirt_member *member)
{
	lockdep_assert_held(&owner->lock);
	if (member->in_flight >= VFVIRT_MEMBER_COMMANDS_MAX)
		return false;
	member->in_flight++;
	return true;
}

/* One more try, if the gate is open. Errors as vfvirt_gate_enter(). */
static inline int vfvirt_gate_enter_locked(struct vfvirt_owner *owner)
{
	lockdep_assert_held(&owner->lock);
	if (owner->leaving || owner->state == VFVIRT_OWNER_ABSENT)
		return -ENODEV;
	if (owner->state == VFVIRT_OWNER_DEGRADED)
		return -EIO;
	if (owner->closed_count)
		return -EBUSY;
	owner->running_count++;
	return 0;
}

/**
 * vfvirt_gate_begin() - all that a command needs before its first try, at once
 * @member: registered
 * @opcode: what it is going to ask for
 * @ret_owner: the owner of @member, NULL when no provider serves the PF
 *
 * Return: VFVIRT_HOLDS_*: none without an owner; all when the opcode is known to be in use, the VF
 * has a turn left and the gate is open; otherwise the pin, and the caller gets the rest, or the
 * error, step by step. Pair: vfvirt_gate_give() or vfvirt_gate_end().
 */
static inline unsigned int vfvirt_gate_begin(struct vfvirt_member *member, u16 opcode,
					     struct vfvirt_owner **ret_owner)
{
	struct vfvirt_owner *owner;
	unsigned int holds = 0;

	/* The same RCU; next to a spinlock, it costs nothing not to be preempted a bit longer. */
	rcu_read_lock_sched();
	owner = rcu_dereference_sched(member->owner);
	if (owner) {
		spin_lock(&owner->lock);
		if (!owner->leaving) {
			owner->pin_count++;
			holds = VFVIRT_HOLDS_PIN;
			if (owner->discovery == VFVIRT_DISCOVERY_DONE &&
			    owner->opcodes & BIT_ULL(opcode) &&
			    vfvirt_gate_take_turn_locked(owner, member))
				holds |= VFVIRT_HOLDS_TURN;
			if (holds & VFVIRT_HOLDS_TURN && !vfvirt_gate_enter_locked(owner))
				holds |= VFVIRT_HOLDS_GATE;
		}
		spin_unlock(&owner->lock);
	}
	rcu_read_unlock_sched();
	*ret_owner = holds ? owner : NULL;
	return holds;
}

/*
 * Each turn given back wakes everybody who waits for one, so that nobody who is killed or out of
 * time takes a wake-up with him. They are few: vfvirt_vfio_pci has one command of a VF under way,
 * and there is who reads its MAC.
 *
 * Who waits for the last pin has had the lock after the one who gave it back, and kfree_rcu()
 * outlasts the rest of that one's spin_unlock(), which is not preempted.
 */
static inline void vfvirt_gate_give_locked(struct vfvirt_owner *owner,
					   struct vfvirt_member *member, unsigned int holds)
{
	bool last = false;

	lockdep_assert_held(&owner->lock);
	if (holds & VFVIRT_HOLDS_TURN) {
		member->in_flight--;
		/* Who waits looks under the lock: he is in the queue if he saw the old value. */
		if (waitqueue_active(&member->turn))
			wake_up(&member->turn);
	}
	if (holds & VFVIRT_HOLDS_GATE)
		last = !--owner->running_count;
	if (holds & VFVIRT_HOLDS_PIN)
		last |= !--owner->pin_count;
	/* The same here. */
	if (last && waitqueue_active(&owner->idle))
		wake_up_all(&owner->idle);
}

/**
 * vfvirt_gate_end() - a try has ended: remember its outcome, and give back what it holds
 * @owner: as vfvirt_gate_give()
 * @member: whom the command was for, or NULL
 * @command: tried
 * @error: what execute() returned
 * @ns: from hand-over to answer, in nanoseconds
 * @holds: VFVIRT_HOLDS_*
 */
static inline void vfvirt_gate_end(struct vfvirt_owner *owner, struct vfvirt_member *member,
				   const struct vfvirt_command *command, int error, u64 ns,
				   unsigned int holds)
{
	spin_lock(&owner->lock);
	vfvirt_stats_tried(owner, member, command, error, ns);
	if (!error) {
		owner->last_known = true;
		owner->last_opcode = command->opcode;
		owner->last_status = command->status;
		owner->last_qualifier = command->qualifier;
	}
	vfvirt_gate_give_locked(owner, member, holds);
	spin_unlock(&owner->lock);
}

#endif
