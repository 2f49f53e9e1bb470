/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process that seals a VF and lets go of it again, over and over. */
#ifndef VFVIRT_TESTS_SEALER_H
#define VFVIRT_TESTS_SEALER_H

#include <sys/types.h>

struct sealer {
	pid_t pid;
	unsigned int *both; /* shared: how often it held the seal of an open VF */
};

/**
 * sealer_start() - begin; ends the test on failure.
 * @sealer: filled in.
 * @bdf: a VF; nobody else seals it.
 *
 * It holds a seal for 2 ms, and looks at their end whether the VF is open, by what
 * netlink says.
 */
void sealer_start(struct sealer *sealer, const char *bdf);

/**
 * sealer_stop() - end; the VF may be left sealed.
 * @sealer: started.
 *
 * Return: how often the VF was sealed and open.
 */
unsigned int sealer_stop(struct sealer *sealer);

#endif
