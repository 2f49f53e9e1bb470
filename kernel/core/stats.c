// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters and latency histograms, by opcode, of owners and members.
 *
 * What a command adds it adds under owner->lock, where it ends; it adds little, since each addition
 * counts for the owner and the member: how many were answered is the sum of the histogram. Others
 * add relaxed atomics, to counters of their own.
 */
#include <linux/rculist.h>

#include "core.h"
#include "trace.h"

/**
 * vfvirt_stats_count() - one more of something
 * @owner: the owner that ran the command
 * @member: the member it was for, or NULL
 * @opcode: enum vfvirt_opcode; anything else is ignored
 * @counter: which one; none that vfvirt_stats_tried() adds to
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

static void copy(struct vfvirt_stats_view *view, const struct vfvirt_stats_row *row)
{
	unsigned int n;

	for (n = 0; n < VFVIRT_COUNTER_COUNT; n++)
		view->counters[n] = atomic64_read(&row->counters[n]);
	for (n = 0; n < VFVIRT_LATENCY_BUCKETS; n++)
		view->latency[n] = atomic64_read(&row->latency[n]);
}

/**
 * vfvirt_stats_look() - the numbers of one opcode, which agree with each other
 * @owner: the owner, or that of the member; NULL when it has none
 * @row: of the owner or the member
 * @ret_view: all of it is filled
 *
 * Context: registry mutex.
 */
void vfvirt_stats_look(struct vfvirt_owner *owner, const struct vfvirt_stats_row *row,
		       struct vfvirt_stats_view *ret_view)
{
	u64 *counters = ret_view->counters, answered = 0;
	unsigned int n;

	lockdep_assert_held(&vfvirt_registry_mutex);
	if (owner) {
		spin_lock(&owner->lock);
		copy(ret_view, row);
		spin_unlock(&owner->lock);
	} else {
		copy(ret_view, row);
	}
	for (n = 0; n < VFVIRT_LATENCY_BUCKETS; n++)
		answered += ret_view->latency[n];
	counters[VFVIRT_COUNTER_OK] = answered - counters[VFVIRT_COUNTER_REFUSED];
	counters[VFVIRT_COUNTER_COMMANDS] = answered + counters[VFVIRT_COUNTER_ERRORS] +
					    counters[VFVIRT_COUNTER_TIMEOUTS];
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
