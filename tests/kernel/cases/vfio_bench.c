// SPDX-License-Identifier: GPL-2.0-or-later
/* What a guest's accesses cost, as ratios within one boot: absolute times mean little in a VM. */
#include "handout.h"
#include "measure.h"
#include "net.h"
#include "nic.h"
#include "test.h"

#define PAIRS 5
#define READS 400
#define RINGS 4000
#define ECHOES 400

/* Median time of a one-byte register read, in nanoseconds. */
static double read_ns(const char *pf_driver)
{
	static double samples[READS];
	struct handout handout;
	struct vfio vfio;

	handout_open(&handout, pf_driver, 1);
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	vfio_command(&vfio, 7);
	for (unsigned int i = 0; i < READS; i++) {
		uint64_t begin = measure_ns();

		vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1);
		samples[i] = measure_ns() - begin;
	}
	vfio_close(&vfio);
	handout_close(&handout);
	return measure_median(samples, READS);
}

TEST(vfio_bench_register_read, .modules = HANDOUT_MODULES,
     .kernels = "6.12 7.3", .limit_s = 200, .on_demand = true)
{
	double ours[PAIRS], theirs[PAIRS], ratio;

	for (unsigned int i = 0; i < PAIRS; i++) {
		theirs[i] = read_ns(PF_INTREE);
		ours[i] = read_ns(PF_OURS);
	}
	ratio = measure_median(ours, PAIRS) / measure_median(theirs, PAIRS);
	test_log("bench register_read_ours %.1f us", measure_median(ours, PAIRS) / 1000);
	test_log("bench register_read_intree %.1f us", measure_median(theirs, PAIRS) / 1000);
	test_log("bench register_read_ours_to_intree %.2f ratio", ratio);
	CHECK(ratio <= 0.9, "a register read takes %.2f of the in-tree provider's time", ratio);
}

/* Median time of a doorbell write, in nanoseconds. */
static double ring_ns(const struct vfio *vfio, unsigned int region, uint64_t offset)
{
	static double samples[RINGS];

	for (unsigned int i = 0; i < RINGS; i++) {
		uint64_t begin = measure_ns();

		vfio_put(vfio, region, offset, 2, 1);
		samples[i] = measure_ns() - begin;
	}
	return measure_median(samples, RINGS);
}

TEST(vfio_bench_doorbell, .modules = HANDOUT_MODULES, .limit_s = 120,
     .on_demand = true)
{
	double legacy[PAIRS], modern[PAIRS], ratio;
	struct handout handout;
	struct vfio vfio;
	struct nic nic;

	handout_open(&handout, PF_OURS, 1);
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	nic_start_modern(&nic, &vfio, true, false);
	for (unsigned int i = 0; i < PAIRS; i++) {
		legacy[i] = ring_ns(&vfio, VFIO_BAR0, LEGACY_NOTIFY);
		modern[i] = ring_ns(&vfio, nic.doorbell_region, nic.doorbells[1]);
	}
	ratio = measure_median(legacy, PAIRS) / measure_median(modern, PAIRS);
	test_log("bench doorbell_bar0 %.1f us", measure_median(legacy, PAIRS) / 1000);
	test_log("bench doorbell_to_bar_write %.2f ratio", ratio);
	CHECK(ratio <= 1.2, "a doorbell takes %.2f of a BAR write", ratio);
	nic_stop(&nic);
	vfio_close(&vfio);
	handout_close(&handout);
}

/* Median time of an echo by the PF's stack, in nanoseconds; the same VF, one interface or the other. */
static double echo_ns(struct vfio *vfio, bool modern)
{
	static double samples[ECHOES];
	unsigned int count = 0;
	struct nic nic;
	uint8_t mac[6];

	if (modern)
		nic_start_modern(&nic, vfio, true, false);
	else
		nic_start_legacy(&nic, vfio, true, false);
	nic_resolve(&nic, 100, 1, NULL, mac);
	for (unsigned int i = 0; i < 2 * ECHOES && count < ECHOES; i++) {
		uint64_t begin = measure_ns();

		if (nic_echo(&nic, 100, mac, 1, NULL, i))
			samples[count++] = measure_ns() - begin;
	}
	CHECK_EQUAL(count, ECHOES, "the number of echoes");
	nic_stop(&nic);
	CHECK_OK(vfio_reset(vfio));
	return measure_median(samples, ECHOES);
}

TEST(vfio_bench_echo, .modules = HANDOUT_MODULES, .limit_s = 240, .on_demand = true)
{
	double legacy[PAIRS], modern[PAIRS], ratio;
	struct handout handout;
	struct net_end pf_end;
	struct vfio vfio;

	handout_open(&handout, PF_OURS, 1);
	net_end_open(&pf_end, handout.pf, "10.9.0.1");
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	for (unsigned int i = 0; i < PAIRS; i++) {
		legacy[i] = echo_ns(&vfio, false);
		modern[i] = echo_ns(&vfio, true);
	}
	ratio = measure_median(legacy, PAIRS) / measure_median(modern, PAIRS);
	test_log("bench echo_legacy %.1f us", measure_median(legacy, PAIRS) / 1000);
	test_log("bench echo_modern %.1f us", measure_median(modern, PAIRS) / 1000);
	test_log("bench echo_legacy_to_modern %.2f ratio", ratio);
	CHECK(ratio <= 1.15, "an echo through legacy rings takes %.2f of one through modern ones",
	      ratio);
	vfio_close(&vfio);
	net_end_close(&pf_end);
	handout_close(&handout);
}
