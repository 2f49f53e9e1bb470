// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Echoes between a VF in user space and the PF's own network stack. An interrupt of the PF that is
 * lost shows as an echo that comes only when something else wakes the PF up.
 */
#include <stdlib.h>

#include "handout.h"
#include "measure.h"
#include "net.h"
#include "nic.h"
#include "test.h"

#define ECHOES 100000 /* some 10 s: longer than the PF takes its neighbour's MAC on trust */
#define SLOW_NS 500000000.0
#define VF_HOST 100
#define PF_HOST 1

/* How echoes through one PF driver fared. */
struct tally {
	unsigned int slow, lost;
	double median_us, slowest_ms;
};

static void count_echoes(struct nic *nic, struct tally *ret_tally)
{
	double *samples = calloc(ECHOES, sizeof(*samples));
	uint8_t mac[6];

	CHECK(samples, "no memory for %d samples", ECHOES);
	*ret_tally = (struct tally){};
	nic_resolve(nic, VF_HOST, PF_HOST, NULL, mac);
	for (unsigned int i = 0; i < ECHOES; i++) {
		uint64_t begin = measure_ns();

		if (!nic_echo(nic, VF_HOST, mac, PF_HOST, NULL, i)) {
			test_log("echo %u did not come", i);
			ret_tally->lost++;
		}
		samples[i] = measure_ns() - begin;
		if (samples[i] < SLOW_NS)
			continue;
		test_log("echo %u took %.0f ms", i, samples[i] / 1e6);
		ret_tally->slow++;
	}
	ret_tally->median_us = measure_median(samples, ECHOES) / 1e3;
	ret_tally->slowest_ms = samples[ECHOES - 1] / 1e6;
	free(samples);
}

static void echoes_by(const char *pf_driver, struct tally *ret_tally)
{
	struct net_end pf_end;
	struct handout handout;
	struct vfio vfio;
	struct nic nic;

	handout_open(&handout, pf_driver, 1);
	net_end_open(&pf_end, handout.pf, "10.9.0.1");
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	nic_start_modern(&nic, &vfio, true, false);
	count_echoes(&nic, ret_tally);
	test_log("PF on %s: %u of %d echoes over 500 ms, %u lost, median %.0f us, slowest %.1f ms",
		 pf_driver, ret_tally->slow, ECHOES, ret_tally->lost, ret_tally->median_us,
		 ret_tally->slowest_ms);
	nic_stop(&nic);
	vfio_close(&vfio);
	net_end_close(&pf_end);
	handout_close(&handout);
}

/* The kernel's own driver is the measure: what it loses too is not ours. */
TEST(vfio_echoes_are_not_late, .modules = HANDOUT_MODULES, .kernels = "6.12 7.3",
     .limit_s = 600, .on_demand = true)
{
	struct tally ours, theirs;

	echoes_by(PF_OURS, &ours);
	echoes_by(PF_INTREE, &theirs);
	CHECK(ours.slow <= theirs.slow, "%u echoes took over 500 ms, %u with virtio-pci",
	      ours.slow, theirs.slow);
}
