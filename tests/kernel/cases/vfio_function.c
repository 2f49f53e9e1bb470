// SPDX-License-Identifier: GPL-2.0-or-later
/* VFs driven from user space, as an old and as a new guest would; the oracle first. */
#include "handout.h"
#include "host.h"
#include "net.h"
#include "nic.h"
#include "stock.h"
#include "test.h"

#define PINGS 10
#define PF_HOST 1
#define UPLINK_HOST 2 /* QEMU's network backend behind the oracle */

TEST(vfio_oracle_pings, .configs = "oracle", .modules = STOCK_MODULES)
{
	struct vfio stock;
	struct nic nic;

	stock_open(&stock);
	for (unsigned int msix = 0; msix < 2; msix++) {
		nic_start_legacy(&nic, &stock, msix, true);
		nic_check_ping(&nic, 100, UPLINK_HOST, NULL, PINGS);
		nic_stop(&nic);
		nic_start_modern(&nic, &stock, msix, true);
		nic_check_ping(&nic, 100, UPLINK_HOST, NULL, PINGS);
		nic_stop(&nic);
	}
	vfio_close(&stock);
}

/* Old and new guest one after the other on the same VF, with and without interrupts. */
static void ping_pf(const char *pf_driver)
{
	struct net_end pf_end;
	struct handout handout;
	struct vfio vfio;
	struct nic nic;

	handout_open(&handout, pf_driver, 1);
	net_end_open(&pf_end, handout.pf, "10.9.0.1");
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	for (unsigned int msix = 0; msix < 2; msix++) {
		nic_start_legacy(&nic, &vfio, msix, false);
		nic_check_ping(&nic, 100, PF_HOST, NULL, PINGS);
		nic_stop(&nic);
		CHECK_OK(vfio_reset(&vfio));
		nic_start_modern(&nic, &vfio, msix, false);
		nic_check_ping(&nic, 100, PF_HOST, NULL, PINGS);
		nic_stop(&nic);
	}
	vfio_close(&vfio);
	net_end_close(&pf_end);
	handout_close(&handout);
}

/* B-P15: also where the card knows the group only while VFs are there. */
TEST(vfio_ping_pf, .modules = HANDOUT_MODULES, .configs = "default strict", .limit_s = 60)
{
	ping_pf(PF_OURS);
}

TEST(vfio_ping_pf_intree, .modules = HANDOUT_MODULES_INTREE,
     .kernels = "6.12 7.3", .limit_s = 60)
{
	ping_pf(PF_INTREE);
}

/* A legacy guest and a modern one as neighbours. */
static void ping_vf(const char *pf_driver)
{
	struct handout handout;
	struct vfio vfios[2];
	struct nic nics[2];

	handout_open(&handout, pf_driver, 2);
	for (unsigned int i = 0; i < 2; i++)
		CHECK_OK(vfio_open(&vfios[i], handout.vfs[i]));
	nic_start_legacy(&nics[0], &vfios[0], true, false);
	nic_start_modern(&nics[1], &vfios[1], true, false);
	nic_check_ping(&nics[0], 100, 101, &nics[1], PINGS);
	nic_check_ping(&nics[1], 101, 100, &nics[0], PINGS);
	for (unsigned int i = 0; i < 2; i++) {
		nic_stop(&nics[i]);
		vfio_close(&vfios[i]);
	}
	handout_close(&handout);
}

TEST(vfio_ping_vf, .modules = HANDOUT_MODULES, .limit_s = 60)
{
	ping_vf(PF_OURS);
}

TEST(vfio_ping_vf_intree, .modules = HANDOUT_MODULES_INTREE,
     .kernels = "6.12 7.3", .limit_s = 60)
{
	ping_vf(PF_INTREE);
}

/* Nothing that a running guest does with packets may cost an administration command. */
TEST(vfio_packets_cost_no_command, .modules = HANDOUT_MODULES, .limit_s = 240)
{
	static const unsigned int opcodes[] = { 0, 1, 2, 3, 4, 5, 6 };
	long before[7], frames;
	struct net_end pf_end;
	struct handout handout;
	struct vfio vfio;
	struct nic nic;
	uint8_t frame[64] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	handout_open(&handout, PF_OURS, 1);
	net_end_open(&pf_end, handout.pf, "10.9.0.1");
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	nic_start_legacy(&nic, &vfio, true, false);
	nic_check_ping(&nic, 100, PF_HOST, NULL, 1);
	for (unsigned int i = 0; i < 7; i++) {
		char counter[32];

		snprintf(counter, sizeof(counter), "commands.%u.submitted", opcodes[i]);
		before[i] = host_count("pf0", 1, counter);
	}
	frames = host_count("pf0", 1, "frames_out");
	memcpy(frame + 6, nic.mac, 6);
	frame[12] = 0x88;
	frame[13] = 0xb5; /* for experiments: nobody answers */
	for (unsigned int i = 0; i < 10000; i++)
		nic_send(&nic, frame, sizeof(frame));
	nic_check_ping(&nic, 100, PF_HOST, NULL, PINGS);
	CHECK(host_count("pf0", 1, "frames_out") - frames >= 10000,
	      "the card counted fewer frames than were sent");
	for (unsigned int i = 0; i < 7; i++) {
		char counter[32];

		snprintf(counter, sizeof(counter), "commands.%u.submitted", opcodes[i]);
		CHECK_EQUAL(host_count("pf0", 1, counter), before[i], counter);
	}
	nic_stop(&nic);
	vfio_close(&vfio);
	net_end_close(&pf_end);
	handout_close(&handout);
}
