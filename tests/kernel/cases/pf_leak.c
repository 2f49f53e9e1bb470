// SPDX-License-Identifier: GPL-2.0-or-later
/* VFs come and go many times: nothing is left behind in the kernel's memory. */
#include "host.h"
#include "owner.h"
#include "slab.h"
#include "test.h"

#define WARM_UP_ROUNDS 3

/* VFs on a driver of ours, commands to the card, and all away again. */
static void round_of_vfs(const char *pf, unsigned int vfs)
{
	member_bind(pf, vfs);
	owner_check_works(pf, 0);
	owner_check_works(pf, vfs - 1);
	CHECK_OK(member_ask(pf, 0, NULL, 0, "open"));
	CHECK_OK(member_ask(pf, 0, NULL, 0, "close"));
	CHECK_OK(pci_set_vfs(pf, 0));
}

static void check_rounds(unsigned int vfs, unsigned int half)
{
	static struct slab_count counts[3];
	char pf[BDF_SIZE], what[128];
	unsigned int leaked;

	owner_open(pf, 0);
	for (unsigned int n = 0; n < WARM_UP_ROUNDS; n++)
		round_of_vfs(pf, vfs);
	slab_take(&counts[0]);
	for (unsigned int part = 1; part <= 2; part++) {
		for (unsigned int n = 0; n < half; n++)
			round_of_vfs(pf, vfs);
		slab_take(&counts[part]);
	}
	leaked = slab_grown(counts, half, what, sizeof(what));
	CHECK(!leaked, "%u objects are left each time VFs come and go: %s", leaked, what);
	owner_close(pf);
}

TEST(pf_vfs_come_and_go_20_times, .configs = "exact-slabs", .modules = OWNER_MODULES, .limit_s = 90)
{
	check_rounds(4, 10);
}

TEST(pf_vfs_come_and_go_200_times, .configs = "exact-slabs", .modules = OWNER_MODULES, .limit_s = 900,
     .on_demand = true)
{
	check_rounds(16, 100);
}
