// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters and latency histograms, by opcode, of owners and members.
 *
 * What a command adds it adds under owner->lock, where it ends. Others add relaxed atomics, to
 * counters of their own. Readers take no lock: the numbers of one row need not agree at any one
 * moment.
 */
#include <linux/log2.h>
#include <linux/rculist.h>

#include "core.h"
#include "trace.h"

/**
 * vfvirt_stats_count() - one more of something
 * @owner: the owner that ran the command
 * @member: the member it was for, or NULL
 * @opcode: enum vfvirt_opcode; anything else is ignored
 * @counter: which one; none that vfvirt_stats_tried() counts
 *
 * Context: any.
 */
void vfvirt_stats_count(struct vfvirt_owner *owner, struct vfvirt_member *member, u16 opcode,
			enum vfvirt_counter counter)
{
	if (opcode >= VFVIRT_OP_COUNT)
		return;
	atomic64_inc(&owner->stats.rows[opcode].counters[counter]);
	if (member)
		atomic64_inc(&member->stats.rows[opcode].counters[counter]);
}

/* Who holds the lock under which all the additions to a counter are made needs no atomic one. */
static void add(atomic64_t *counter)
{
	atomic64_set(counter, atomic64_read(counter) + 1);
}

static void add_try(struct vfvirt_stats_row *row, enum vfvirt_counter outcome)
{
	add(&row->counters[VFVIRT_COUNTER_COMMANDS]);
	add(&row->counters[outcome]);
}

/**
 * vfvirt_stats_tried() - a command was tried once, and how that went
 * @owner: the owner that ran it
 * @member: the member it was for, or NULL
 * @command: the command
 * @error: what execute() returned
 * @ns: from hand-over to answer, in nanoseconds
 *
 * Context: owner->lock held.
 */
void vfvirt_stats_tried(struct vfvirt_owner *owner, struct vfvirt_member *member,
			const struct vfvirt_command *command, int error, u64 ns)
{
	unsigned int bucket = min_t(unsigned int, ilog2(ns | 1), VFVIRT_LATENCY_BUCKETS - 1);
	enum vfvirt_counter outcome;

	lockdep_assert_held(&owner->lock);
	if (command->opcode >= VFVIRT_OP_COUNT)
		return;
	if (error)
		outcome = error == -ETIMEDOUT ? VFVIRT_COUNTER_TIMEOUTS : VFVIRT_COUNTER_ERRORS;
	else
		outcome = command->status ? VFVIRT_COUNTER_REFUSED : VFVIRT_COUNTER_OK;
	add_try(&owner->stats.rows[command->opcode], outcome);
	if (member)
		add_try(&member->stats.rows[command->opcode], outcome);
	if (error)
		return;
	add(&owner->stats.rows[command->opcode].latency[bucket]);
	if (member)
		add(&member->stats.rows[command->opcode].latency[bucket]);
}

static void clear(struct vfvirt_stats *stats)
{
	unsigned int opcode, n;

	for (opcode = 0; opcode < VFVIRT_OP_COUNT; opcode++) {
		struct vfvirt_stats_row *row = &stats->rows[opcode];

		for (n = 0; n < ARRAY_SIZE(row->counters); n++)
			atomic64_set(&row->counters[n], 0);
		for (n = 0; n < ARRAY_SIZE(row->latency); n++)
			atomic64_set(&row->latency[n], 0);
	}
}

/**
 * vfvirt_stats_reset() - all counters to 0
 * @owner: the owner, or that of the member; NULL when it has none
 * @stats: of the owner or the member
 *
 * Context: any process context. Commands under way are counted afterwards.
 */
void vfvirt_stats_reset(struct vfvirt_owner *owner, struct vfvirt_stats *stats)
{
	if (!owner) {
		clear(stats);
		return;
	}
	spin_lock(&owner->lock);
	clear(stats);
	spin_unlock(&owner->lock);
}

/* Counts for the owner and, when a VF driver has the member, for it too. */
static void count_by_id(struct vfvirt_owner *owner, const struct vfvirt_command *command,
			enum vfvirt_counter counter)
{
	struct vfvirt_member *member, *found = NULL;

	rcu_read_lock();
	list_for_each_entry_rcu(member, &owner->members, sibling) {
		if (member->member_id == command->member_id) {
			found = member;
			break;
		}
	}
	vfvirt_stats_count(owner, found, command->opcode, counter);
	rcu_read_unlock();
}

/**
 * vfvirt_owner_note_late() - the device answered a command after its time-out
 * @owner: the owner
 * @command: what was asked for; neither its results nor its pointers are looked at
 * @ns: from hand-over to answer, in nanoseconds
 *
 * Context: any, also the interrupt of the queue; not after vfvirt_owner_unregister().
 */
void vfvirt_owner_note_late(struct vfvirt_owner *owner, const struct vfvirt_command *command,
			    u64 ns)
{
	count_by_id(owner, command, VFVIRT_COUNTER_LATE);
	trace_vfvirt_late(owner->pdev, command, -ETIMEDOUT, ns);
}
EXPORT_SYMBOL_GPL(vfvirt_owner_note_late);

/**
 * vfvirt_owner_note_abort() - a command was taken back from the device by a reset
 * @owner: the owner
 * @command: what was asked for; neither its results nor its pointers are looked at
 * @ns: from hand-over to now, in nanoseconds
 *
 * Context: any, also the interrupt of the queue; not after vfvirt_owner_unregister().
 */
void vfvirt_owner_note_abort(struct vfvirt_owner *owner, const struct vfvirt_command *command,
			     u64 ns)
{
	count_by_id(owner, command, VFVIRT_COUNTER_ABORTED);
	trace_vfvirt_abort(owner->pdev, command, -ECANCELED, ns);
}
EXPORT_SYMBOL_GPL(vfvirt_owner_note_abort);
