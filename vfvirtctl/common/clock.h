/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time that never jumps, for limits. */
#ifndef VFV_COMMON_CLOCK_H
#define VFV_COMMON_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds of the monotonic clock. */
static inline int64_t vfv_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
