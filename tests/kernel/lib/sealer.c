// SPDX-License-Identifier: GPL-2.0-or-later
/* A process that seals a VF and lets go of it again, over and over. */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "genl.h"
#include "sealer.h"
#include "test.h"

#define HELD_MS 2

/* Now and then the door stays open for a while, else one processor might never see it so. */
static void seal_on(const char *bdf, unsigned int *both)
{
	genl_open();
	for (unsigned int round = 0;; round++) {
		if (!genl_seal(bdf, true)) {
			pause_ms(HELD_MS);
			*both += genl_member(bdf, VFVIRT_A_OPEN_COUNT) > 0;
		}
		genl_seal(bdf, false);
		if (round % 5 == 0)
			pause_ms(1);
	}
}

void sealer_start(struct sealer *sealer, const char *bdf)
{
	sealer->both = mmap(NULL, sizeof(*sealer->both), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(sealer->both != MAP_FAILED, "no memory: %s", strerror(errno));
	sealer->pid = fork();
	if (!sealer->pid)
		seal_on(bdf, sealer->both);
	CHECK(sealer->pid > 0, "no process: %s", strerror(errno));
}

unsigned int sealer_stop(struct sealer *sealer)
{
	unsigned int both;

	kill(sealer->pid, SIGKILL);
	waitpid(sealer->pid, NULL, 0);
	both = *sealer->both;
	munmap(sealer->both, sizeof(*sealer->both));
	return both;
}
