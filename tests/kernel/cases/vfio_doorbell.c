// SPDX-License-Identifier: GPL-2.0-or-later
/* Doorbells take the best way that the card names, and a hostile card is not believed. */
#include "file.h"
#include "genl.h"
#include "handout.h"
#include "host.h"
#include "net.h"
#include "nic.h"
#include "owner.h"
#include "test.h"

#define PINGS 3
#define PF_HOST 1

/* A guest's traffic must use exactly the way that is expected. */
static void check_way(const char *way, unsigned int path, const char *fault)
{
	static const char *const ways[] = { "member", "owner", "command" };
	struct handout handout;
	struct net_end pf_end;
	struct vfio vfio;
	struct nic nic;

	handout_open(&handout, PF_OURS, 1);
	net_end_open(&pf_end, handout.pf, "10.9.0.1");
	if (fault)
		host_do("fault pf0 %s", fault);
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	CHECK_EQUAL(genl_member(handout.vfs[0], VFVIRT_A_NOTIFY_PATH), path, "the notify path");
	nic_start_legacy(&nic, &vfio, true, false);
	nic_check_ping(&nic, 100, PF_HOST, NULL, PINGS);
	for (unsigned int i = 0; i < 3; i++) {
		char counter[32];
		long rung;

		snprintf(counter, sizeof(counter), "bells.%s", ways[i]);
		rung = host_count("pf0", 1, counter);
		if (!strcmp(ways[i], way))
			CHECK(rung >= PINGS, "the %s doorbell rang %ld times", way, rung);
		else
			CHECK_EQUAL(rung, 0, counter);
	}
	nic_stop(&nic);
	vfio_close(&vfio);
	CHECK_EQUAL(genl_member(handout.vfs[0], VFVIRT_A_NOTIFY_PATH), VFVIRT_NOTIFY_PATH_NONE,
		    "the path of a closed VF");
	net_end_close(&pf_end);
	handout_close(&handout);
}

TEST(vfio_doorbell_member, .modules = HANDOUT_MODULES)
{
	check_way("member", VFVIRT_NOTIFY_PATH_MEMBER_BAR, NULL);
}

TEST(vfio_doorbell_owner, .modules = HANDOUT_MODULES, .configs = "owner-doorbell")
{
	check_way("owner", VFVIRT_NOTIFY_PATH_OWNER_BAR, NULL);
}

TEST(vfio_doorbell_command, .modules = HANDOUT_MODULES, .configs = "no-doorbell")
{
	check_way("command", VFVIRT_NOTIFY_PATH_COMMAND, NULL);
}

/* B-P17: addresses that are not where the card says they are. */
TEST(vfio_doorbell_hostile, .modules = HANDOUT_MODULES, .limit_s = 120)
{
	static const char *const bads[] = { "flag", "bar", "alignment", "offset" };

	for (unsigned int i = 0; i < 4; i++) {
		char fault[32];

		snprintf(fault, sizeof(fault), "notify-info,bad=%s", bads[i]);
		check_way("command", VFVIRT_NOTIFY_PATH_COMMAND, fault);
		CHECK(host_struck("pf0", "notify-info") > 0, "the fault bad=%s never struck",
		      bads[i]);
		host_do("reset");
	}
}

/* B-P23: a read of the doorbell, alone or as part of a wider access, rings nothing. */
TEST(vfio_doorbell_read_has_no_effect, .modules = HANDOUT_MODULES)
{
	struct handout handout;
	struct vfio vfio;
	struct nic nic;
	long before[3];

	handout_open(&handout, PF_OURS, 1);
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	nic_start_legacy(&nic, &vfio, true, false);
	before[0] = host_count("pf0", 1, "bells.member");
	before[1] = host_count("pf0", 1, "bells.command");
	before[2] = host_count("pf0", 1, "commands.3.submitted");
	for (unsigned int i = 0; i < 100; i++)
		vfio_get(&vfio, VFIO_BAR0, LEGACY_NOTIFY, 2);
	CHECK_EQUAL(host_count("pf0", 1, "commands.3.submitted"), before[2], "commands.3");
	vfio_get(&vfio, VFIO_BAR0, LEGACY_NOTIFY, 1);
	vfio_get(&vfio, VFIO_BAR0, LEGACY_QUEUE_SELECT, 4);
	vfio_get(&vfio, VFIO_BAR0, LEGACY_NOTIFY, 4);
	CHECK_EQUAL(host_count("pf0", 1, "bells.member"), before[0], "bells.member");
	CHECK_EQUAL(host_count("pf0", 1, "bells.command"), before[1], "bells.command");
	nic_stop(&nic);
	vfio_close(&vfio);
	handout_close(&handout);
}

/* Hands a frame to the card, which nobody tells of it. */
static void queue_frame(struct nic *nic)
{
	uint8_t frame[64] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	uint64_t doorbell = nic->doorbells[1];

	memcpy(frame + 6, nic->mac, 6);
	frame[12] = 0x88;
	frame[13] = 0xb5; /* for experiments: nobody answers */
	nic->doorbells[1] = LEGACY_QUEUE_SELECT; /* a register that takes the same value */
	nic_send(nic, frame, sizeof(frame));
	nic->doorbells[1] = doorbell;
}

/* A write that has the doorbell somewhere in it rings once, and for the right queue. */
static void check_ring(struct nic *nic, unsigned int offset, const uint8_t *image,
		       unsigned int length)
{
	long frames = host_count("pf0", 1, "frames_out"), bells;

	queue_frame(nic);
	pause_ms(20);
	CHECK_EQUAL(host_count("pf0", 1, "frames_out"), frames, "frames before the doorbell");
	bells = host_count("pf0", 1, "bells.member");
	CHECK_EQUAL(vfio_write(nic->vfio, VFIO_BAR0, offset, image + offset, length), length,
		    "what the write returned");
	WAIT_FOR(2000, host_count("pf0", 1, "frames_out") == frames + 1,
		 "the frame to leave after a wider write");
	CHECK_EQUAL(host_count("pf0", 1, "bells.member"), bells + 1, "the doorbell");
	CHECK_EQUAL(host_count("pf0", 1, "bells.command"), 0, "doorbells by command");
}

TEST(vfio_doorbell_in_wider_writes, .modules = HANDOUT_MODULES)
{
	uint8_t image[LEGACY_CONFIG_MSIX] = { [LEGACY_QUEUE_SELECT] = 1, [LEGACY_NOTIFY] = 1 };
	struct handout handout;
	struct vfio vfio;
	struct nic nic;

	handout_open(&handout, PF_OURS, 1);
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	nic_start_legacy(&nic, &vfio, true, false);
	vfio_put(&vfio, VFIO_BAR0, LEGACY_QUEUE_SELECT, 2, 1);
	/* What is written around the doorbell is what is there. */
	image[LEGACY_STATUS] = vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1);
	for (unsigned int at = LEGACY_CONFIG_VECTOR; at < LEGACY_CONFIG_MSIX; at++)
		image[at] = vfio_get(&vfio, VFIO_BAR0, at, 1);
	check_ring(&nic, LEGACY_NOTIFY, image, 2);
	check_ring(&nic, LEGACY_NOTIFY, image, 4);
	check_ring(&nic, LEGACY_NOTIFY, image, 8);
	check_ring(&nic, LEGACY_QUEUE_SELECT, image, 4);
	check_ring(&nic, LEGACY_QUEUE_SELECT + 1, image, 3);
	check_ring(&nic, LEGACY_QUEUE_SIZE, image, 8);
	nic_stop(&nic);
	vfio_close(&vfio);
	handout_close(&handout);
}

/* The PF's BAR is not written to while nobody serves it, and not kept mapped for a closed VF. */
TEST(vfio_doorbell_owner_comes_and_goes, .modules = HANDOUT_MODULES, .configs = "owner-doorbell")
{
	char name[NETDEV_SIZE];
	struct handout handout;
	unsigned int mappings;
	struct vfio vfio;
	struct nic nic;
	long bells;

	handout_open(&handout, PF_OURS, 1);
	mappings = file_lines_with("/proc/vmallocinfo", "ioremap");
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	CHECK(file_lines_with("/proc/vmallocinfo", "ioremap") > mappings,
	      "a mapping of the PF's BAR is nowhere to be seen");
	nic_start_legacy(&nic, &vfio, true, false);
	pci_class_driver(handout.pf, "unbind");
	owner_wait_state(handout.pf, VFVIRT_OWNER_ABSENT, 5000);
	bells = host_count("pf0", 1, "bells.owner");
	for (unsigned int i = 0; i < 10; i++)
		vfio_put(&vfio, VFIO_BAR0, LEGACY_NOTIFY, 2, 1);
	CHECK_EQUAL(host_count("pf0", 1, "bells.owner"), bells, "doorbells without an owner");
	pci_class_driver(handout.pf, "bind");
	owner_wait_state(handout.pf, VFVIRT_OWNER_READY, 5000);
	pci_wait_netdev(handout.pf, name);
	vfio_put(&vfio, VFIO_BAR0, LEGACY_NOTIFY, 2, 1);
	CHECK_EQUAL(host_count("pf0", 1, "bells.owner"), bells + 1, "doorbells with one");
	vfio_close(&vfio);
	CHECK_EQUAL(file_lines_with("/proc/vmallocinfo", "ioremap"), mappings,
		    "mappings of BARs after the VF was closed");
	handout_close(&handout);
}
