/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Objects in the kernel's slab caches: what grows with every round of something is a leak. */
#ifndef VFVIRT_TESTS_SLAB_H
#define VFVIRT_TESTS_SLAB_H

#include <stddef.h>

#define SLAB_CACHES_MAX 512
#define SLAB_NAME_SIZE 48

/* Objects in use, cache by cache. */
struct slab_count {
	unsigned int caches;
	struct {
		char name[SLAB_NAME_SIZE];
		long objects;
		unsigned int size_bytes;
	} cache[SLAB_CACHES_MAX];
};

/**
 * slab_take() - count objects, after what can be freed has been.
 * @ret_count: filled in.
 *
 * Drops dentries and inodes that nobody uses and what kfree_rcu() still keeps, and waits until RCU
 * frees no more. Needs the machine "exact-slabs". Ends the test on failure.
 */
void slab_take(struct slab_count *ret_count);

/**
 * slab_grown() - find a cache that grew steadily.
 * @counts: three counts, in order, equally many rounds between them.
 * @rounds: between two counts.
 * @ret_what: the cache and its numbers, when there is one.
 * @size: of that buffer, in bytes.
 *
 * A leak adds at least one object a round in each half; what only fluctuates does not do so twice.
 *
 * Return: objects a round, 0 when no cache did.
 */
unsigned int slab_grown(const struct slab_count counts[3], unsigned int rounds, char *ret_what,
			size_t size);

#endif
