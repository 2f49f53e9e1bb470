// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters and latency histograms, by opcode, of owners and members.
 *
 * Relaxed atomics: the numbers of one row need not agree with each other at any one moment, and a
 * command costs far more than two increments that nobody else waits for.
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
 * @counter: which one
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

/**
 * vfvirt_stats_latency() - an answer took so long
 * @owner: the owner that ran the command
 * @member: the member it was for, or NULL
 * @opcode: enum vfvirt_opcode; anything else is ignored
 * @ns: from hand-over to answer, in nanoseconds
 *
 * Context: any.
 */
void vfvirt_stats_latency(struct vfvirt_owner *owner, struct vfvirt_member *member, u16 opcode,
			  u64 ns)
{
	unsigned int bucket = min_t(unsigned int, ilog2(ns | 1), VFVIRT_LATENCY_BUCKETS - 1);

	if (opcode >= VFVIRT_OP_COUNT)
		return;
	atomic64_inc(&owner->stats.rows[opcode].latency[bucket]);
	if (member)
		atomic64_inc(&member->stats.rows[opcode].latency[bucket]);
}

/**
 * vfvirt_stats_reset() - all counters to 0
 * @stats: of an owner or a member
 *
 * Context: any. Commands under way may be counted before or after.
 */
void vfvirt_stats_reset(struct vfvirt_stats *stats)
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
