// SPDX-License-Identifier: GPL-2.0-or-later
/* Slab caches, from /proc/slabinfo. */
#include <linux/membarrier.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "file.h"
#include "slab.h"
#include "test.h"

/* A count ends when so many looks found nothing fewer, or after so many in all. */
#define LOOKS_ALIKE   3
#define LOOKS_MAX     30
#define LOOK_PAUSE_MS 200

/* One look at /proc/slabinfo. */
static void look(struct slab_count *ret_count)
{
	char line[512];
	FILE *info;

	info = fopen("/proc/slabinfo", "re");
	CHECK(info, "no /proc/slabinfo: %s", strerror(errno));
	ret_count->caches = 0;
	while (fgets(line, sizeof(line), info) && ret_count->caches < SLAB_CACHES_MAX) {
		unsigned int n = ret_count->caches;

		if (sscanf(line, "%47s %ld %*u %u", ret_count->cache[n].name,
			   &ret_count->cache[n].objects, &ret_count->cache[n].size_bytes) == 3)
			ret_count->caches++;
	}
	fclose(info);
	CHECK(ret_count->caches > 20, "only %u caches", ret_count->caches);
}

/* A cache that was not there yet had nothing. */
static long objects_of(const struct slab_count *count, const char *name)
{
	for (unsigned int n = 0; n < count->caches; n++)
		if (!strcmp(count->cache[n].name, name))
			return count->cache[n].objects;
	return 0;
}

/* Keep what is fewer now than at the looks before; false: nothing is. */
static bool keep_fewer(struct slab_count *count, const struct slab_count *now)
{
	bool fewer = false;

	for (unsigned int n = 0; n < count->caches; n++) {
		long objects = objects_of(now, count->cache[n].name);

		if (objects < count->cache[n].objects) {
			count->cache[n].objects = objects;
			fewer = true;
		}
	}
	return fewer;
}

void slab_take(struct slab_count *ret_count)
{
	static struct slab_count now;
	char exact[16];

	CHECK_OK(file_read("/sys/kernel/slab/kmalloc-8/sanity_checks", exact, sizeof(exact)));
	CHECK(exact[0] == '1', "slabs of CPUs count as full here: boot with slub_debug=F");
	/* Twice: what the first round frees may free more after another grace period. */
	for (int n = 0; n < 2; n++) {
		sync();
		CHECK(!syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0), "membarrier: %s",
		      strerror(errno));
		CHECK_OK(file_write("/proc/sys/vm/drop_caches", "3"));
	}
	look(ret_count);
	/* What RCU frees, it frees some time after a grace period: look until no more goes. */
	for (int looks = 0, alike = 0; looks < LOOKS_MAX && alike < LOOKS_ALIKE; looks++) {
		pause_ms(LOOK_PAUSE_MS);
		look(&now);
		alike = keep_fewer(ret_count, &now) ? 0 : alike + 1;
	}
}

unsigned int slab_grown(const struct slab_count counts[3], unsigned int rounds, char *ret_what,
			size_t size)
{
	for (unsigned int n = 0; n < counts[2].caches; n++) {
		const char *name = counts[2].cache[n].name;
		long first = objects_of(&counts[0], name), second = objects_of(&counts[1], name);
		long third = counts[2].cache[n].objects;

		if (second - first < rounds || third - second < rounds)
			continue;
		snprintf(ret_what, size, "%s (%u bytes): %ld, %ld, %ld objects", name,
			 counts[2].cache[n].size_bytes, first, second, third);
		return (third - first) / (2 * rounds);
	}
	return 0;
}
