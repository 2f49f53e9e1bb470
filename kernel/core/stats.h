/* SPDX-License-Identifier: GPL-2.0-only */
/* What each command adds to the counters, inline since each one pays for it; see stats.c. */
#ifndef STATS_H
#define STATS_H

#include <linux/log2.h>

#include "core.h"

/* Who holds the lock under which all the additions to a counter are made needs no atomic one. */
static inline void vfvirt_stats_add(atomic64_t *counter)
{
	atomic64_set(counter, atomic64_read(counter) + 1);
}

/* How one try went. */
struct vfvirt_outcome {
	int error;
	u16 status;
	unsigned int bucket;	/* of the histogram, if there is an answer */
};

static inline void vfvirt_stats_add_try(struct vfvirt_stats_row *row,
					const struct vfvirt_outcome *outcome)
{
	if (outcome->error == -ETIMEDOUT)
		vfvirt_stats_add(&row->counters[VFVIRT_COUNTER_TIMEOUTS]);
	else if (outcome->error)
		vfvirt_stats_add(&row->counters[VFVIRT_COUNTER_ERRORS]);
	if (outcome->error)
		return;
	vfvirt_stats_add(&row->latency[outcome->bucket]);
	if (outcome->status)
		vfvirt_stats_add(&row->counters[VFVIRT_COUNTER_REFUSED]);
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
static inline void vfvirt_stats_tried(struct vfvirt_owner *owner, struct vfvirt_member *member,
				      const struct vfvirt_command *command, int error, u64 ns)
{
	const struct vfvirt_outcome outcome = {
		.error = error,
		.status = command->status,
		.bucket = min_t(unsigned int, ilog2(ns | 1), VFVIRT_LATENCY_BUCKETS - 1),
	};

	lockdep_assert_held(&owner->lock);
	if (command->opcode >= VFVIRT_OP_COUNT)
		return;
	vfvirt_stats_add_try(&owner->stats.rows[command->opcode], &outcome);
	if (member)
		vfvirt_stats_add_try(&member->stats.rows[command->opcode], &outcome);
}

#endif
