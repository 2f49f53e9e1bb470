// SPDX-License-Identifier: GPL-2.0-or-later
/* Slab caches, from /proc/slabinfo and /sys/kernel/slab. */
#include <dirent.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "file.h"
#include "slab.h"
#include "test.h"

static void shrink_all(void)
{
	DIR *folder = opendir("/sys/kernel/slab");
	struct dirent *entry;
	char path[320];

	CHECK(folder, "no /sys/kernel/slab: %s", strerror(errno));
	while ((entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", entry->d_name);
		file_write(path, "1");
	}
	closedir(folder);
}

void slab_take(struct slab_count *ret_count)
{
	char line[512];
	FILE *info;

	CHECK_OK(file_read("/sys/kernel/slab/kmalloc-8/sanity_checks", line, sizeof(line)));
	CHECK(line[0] == '1', "slabs of CPUs count as full here: boot with slub_debug=F");
	/* Twice: what the first round frees may free more after another grace period. */
	for (int n = 0; n < 2; n++) {
		sync();
		CHECK(!syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0), "membarrier: %s",
		      strerror(errno));
		CHECK_OK(file_write("/proc/sys/vm/drop_caches", "3"));
	}
	shrink_all();
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
