// SPDX-License-Identifier: GPL-2.0-or-later
/* What a guest's accesses cost, as ratios within one boot: absolute times mean little in a VM. */
#include <stdlib.h>
#include <time.h>

#include "handout.h"
#include "nic.h"
#include "test.h"

#define PAIRS 5
#define READS 400
#define RINGS 4000

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static double median_ns(uint64_t *samples, unsigned int count)
{
	qsort(samples, count, sizeof(*samples), compare);
	return samples[count / 2];
}

/* Median time of a one-byte register read, in nanoseconds. */
static double read_ns(const char *pf_driver)
{
	static uint64_t samples[READS];
	struct handout handout;
	struct vfio vfio;

	handout_open(&handout, pf_driver, 1);
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	vfio_command(&vfio, 7);
	for (unsigned int i = 0; i < READS; i++) {
		uint64_t begin = now_ns();

		vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1);
		samples[i] = now_ns() - begin;
	}
	vfio_close(&vfio);
	handout_close(&handout);
	return median_ns(samples, READS);
}

TEST(vfio_bench_register_read, .modules = HANDOUT_MODULES,
     .kernels = "6.12 7.3", .limit_s = 200, .on_demand = true)
{
	uint64_t ours[PAIRS], theirs[PAIRS];
	double ratio;

	for (unsigned int i = 0; i < PAIRS; i++) {
		theirs[i] = read_ns(PF_INTREE);
		ours[i] = read_ns(PF_OURS);
	}
	ratio = median_ns(ours, PAIRS) / median_ns(theirs, PAIRS);
	test_log("bench register_read_ours %.1f us", median_ns(ours, PAIRS) / 1000);
	test_log("bench register_read_intree %.1f us", median_ns(theirs, PAIRS) / 1000);
	test_log("bench register_read_ours_to_intree %.2f ratio", ratio);
	CHECK(ratio <= 0.9, "a register read takes %.2f of the in-tree provider's time", ratio);
}

/* Median time of a doorbell write, in nanoseconds. */
static double ring_ns(const struct vfio *vfio, unsigned int region, uint64_t offset)
{
	static uint64_t samples[RINGS];

	for (unsigned int i = 0; i < RINGS; i++) {
		uint64_t begin = now_ns();

		vfio_put(vfio, region, offset, 2, 1);
		samples[i] = now_ns() - begin;
	}
	return median_ns(samples, RINGS);
}

TEST(vfio_bench_doorbell, .modules = HANDOUT_MODULES, .limit_s = 120,
     .on_demand = true)
{
	uint64_t legacy[PAIRS], modern[PAIRS];
	struct handout handout;
	struct vfio vfio;
	struct nic nic;
	double ratio;

	handout_open(&handout, PF_OURS, 1);
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	nic_start_modern(&nic, &vfio, true, false);
	for (unsigned int i = 0; i < PAIRS; i++) {
		legacy[i] = ring_ns(&vfio, VFIO_BAR0, LEGACY_NOTIFY);
		modern[i] = ring_ns(&vfio, nic.doorbell_region, nic.doorbells[1]);
	}
	ratio = median_ns(legacy, PAIRS) / median_ns(modern, PAIRS);
	test_log("bench doorbell_bar0 %.1f us", median_ns(legacy, PAIRS) / 1000);
	test_log("bench doorbell_to_bar_write %.2f ratio", ratio);
	CHECK(ratio <= 1.2, "a doorbell takes %.2f of a BAR write", ratio);
	nic_stop(&nic);
	vfio_close(&vfio);
	handout_close(&handout);
}
