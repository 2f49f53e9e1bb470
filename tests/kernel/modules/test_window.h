/* SPDX-License-Identifier: GPL-2.0-only */
/* Something done over and over during a window of time: how often, and the median of how long. */
#ifndef TEST_WINDOW_H
#define TEST_WINDOW_H

#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sort.h>

/* A window ends early when so many were done. */
#define WINDOW_SAMPLES_MAX 30000

/* Only what begins inside the window counts; the times are those of ktime_get_ns(). */
struct test_window {
	u64 begin_ns;
	u64 end_ns;
	unsigned int done;
	unsigned int failed;
	u32 median_ns;	/* of what was done */
};

static int window_compare(const void *a, const void *b)
{
	u32 left = *(const u32 *)a, right = *(const u32 *)b;

	return left < right ? -1 : left > right;
}

/* Runs @once until the window ends; @once returns 0 or a negative errno. 0 or -ENOMEM. */
static inline int test_window_run(struct test_window *window, int (*once)(void *context),
				  void *context)
{
	u32 *samples = kvmalloc_array(WINDOW_SAMPLES_MAX, sizeof(*samples), GFP_KERNEL);
	u64 start_ns, now_ns;
	int error;

	if (!samples)
		return -ENOMEM;
	while (window->done < WINDOW_SAMPLES_MAX && !fatal_signal_pending(current) &&
	       (start_ns = ktime_get_ns()) < window->end_ns) {
		error = once(context);
		now_ns = ktime_get_ns();
		cond_resched();
		if (start_ns < window->begin_ns)
			continue;
		if (error)
			window->failed++;
		else
			samples[window->done++] = min_t(u64, now_ns - start_ns, U32_MAX);
	}
	if (window->done) {
		sort(samples, window->done, sizeof(*samples), window_compare, NULL);
		window->median_ns = samples[window->done / 2];
	}
	kvfree(samples);
	return 0;
}

#endif
