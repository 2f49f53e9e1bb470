// SPDX-License-Identifier: GPL-2.0-or-later
/* What a guest's accesses cost, as ratios within one boot: absolute times mean little in a VM. */
#include "handout.h"
#include "measure.h"
#include "nic.h"
#include "test.h"

#define PAIRS 5
#define READS 400
#define RINGS 500
#define RING_PAIRS 41
#define BOUNCES 100
#define BOUNCE_PAIRS 301
#define FRAME_BYTES 64

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
	double legacy[RING_PAIRS], ratios[RING_PAIRS], ratio;
	struct handout handout;
	struct vfio vfio;
	struct nic nic;

	handout_open(&handout, PF_OURS, 1);
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	nic_start_modern(&nic, &vfio, true, false);
	/* Many short ones, because the host's speed changes from one moment to the next. */
	for (unsigned int i = 0; i < RING_PAIRS; i++) {
		legacy[i] = ring_ns(&vfio, VFIO_BAR0, LEGACY_NOTIFY);
		ratios[i] = legacy[i] / ring_ns(&vfio, nic.doorbell_region, nic.doorbells[1]);
	}
	ratio = measure_median(ratios, RING_PAIRS);
	test_log("bench doorbell_bar0 %.1f us", measure_median(legacy, RING_PAIRS) / 1000);
	test_log("bench doorbell_to_bar_write %.2f ratio", ratio);
	CHECK(ratio <= 1.2, "a doorbell takes %.2f of a BAR write", ratio);
	nic_stop(&nic);
	vfio_close(&vfio);
	handout_close(&handout);
}

/* Waits for the next frame without a sleep; an interrupt's way through the machine varies more. */
static void spin_for_frame(struct nic *nic)
{
	uint64_t end_ms = now_ms() + 5000;
	uint8_t bytes[FRAME_BYTES];

	while (!nic_receive(nic, bytes, sizeof(bytes), 0))
		CHECK(now_ms() < end_ms, "%s: the frame did not come", nic->vfio->bdf);
}

static void bounce(struct nic *from, struct nic *to)
{
	uint8_t frame[FRAME_BYTES] = { [12] = 0x88, [13] = 0xb5 }; /* for experiments */

	memcpy(frame, to->mac, 6);
	memcpy(frame + 6, from->mac, 6);
	nic_send(from, frame, sizeof(frame));
	spin_for_frame(to);
}

/* Median time of a frame to a neighbour and back, in nanoseconds. */
static double bounce_ns(struct vfio *vfio, struct nic *neighbour, bool modern)
{
	static double samples[BOUNCES];
	struct nic nic;

	if (modern)
		nic_start_modern(&nic, vfio, false, false);
	else
		nic_start_legacy(&nic, vfio, false, false);
	for (unsigned int i = 0; i < BOUNCES; i++) {
		uint64_t begin = measure_ns();

		bounce(&nic, neighbour);
		bounce(neighbour, &nic);
		samples[i] = measure_ns() - begin;
	}
	nic_stop(&nic);
	return measure_median(samples, BOUNCES);
}

/*
 * The same VF, driven through one interface or the other; its neighbour is always a modern one.
 * Many short pairs: a round trip keeps to one speed for a while and then to another, up to three
 * times as slow, as the host runs QEMU's threads.
 */
TEST(vfio_bench_round_trip, .modules = HANDOUT_MODULES, .limit_s = 240, .on_demand = true)
{
	double legacy[BOUNCE_PAIRS], modern[BOUNCE_PAIRS], ratios[BOUNCE_PAIRS], ratio;
	struct handout handout;
	struct vfio vfio, other;
	struct nic neighbour;

	handout_open(&handout, PF_OURS, 2);
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	CHECK_OK(vfio_open(&other, handout.vfs[1]));
	nic_start_modern(&neighbour, &other, false, false);
	for (unsigned int i = 0; i < BOUNCE_PAIRS; i++) {
		legacy[i] = bounce_ns(&vfio, &neighbour, false);
		modern[i] = bounce_ns(&vfio, &neighbour, true);
		ratios[i] = legacy[i] / modern[i];
	}
	ratio = measure_median(ratios, BOUNCE_PAIRS);
	test_log("bench round_trip_legacy %.1f us", measure_median(legacy, BOUNCE_PAIRS) / 1000);
	test_log("bench round_trip_modern %.1f us", measure_median(modern, BOUNCE_PAIRS) / 1000);
	test_log("bench round_trip_legacy_to_modern %.2f ratio", ratio);
	CHECK(ratio <= 1.15, "a round trip by legacy rings takes %.2f of one by modern ones", ratio);
	nic_stop(&neighbour);
	vfio_close(&other);
	vfio_close(&vfio);
	handout_close(&handout);
}
