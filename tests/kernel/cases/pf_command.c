// SPDX-License-Identifier: GPL-2.0-or-later
/* Commands through vfvirt_pf to the card: data, counts, several queues, cards that own nothing. */
#include "host.h"
#include "module.h"
#include "net.h"
#include "owner.h"
#include "test.h"

#define F_SR_IOV 37
#define F_RING_RESET 40
#define F_ADMIN_VQ 41

TEST(pf_negotiates_the_transport_features, .modules = OWNER_MODULES)
{
	struct owner owner;
	char pf[BDF_SIZE];

	owner_open(pf, 0);
	owner_wait_state(pf, VFVIRT_OWNER_READY, 2000);
	owner = owner_look(pf);
	CHECK(owner.driver_features >> F_SR_IOV & 1, "VIRTIO_F_SR_IOV is not negotiated");
	CHECK(owner.driver_features >> F_RING_RESET & 1, "VIRTIO_F_RING_RESET is not negotiated");
	CHECK(owner.driver_features >> F_ADMIN_VQ & 1, "VIRTIO_F_ADMIN_VQ is not negotiated");
	CHECK_EQUAL(owner.queues, 1, "the number of administration queues");
	CHECK_EQUAL(owner.depth, 32, "the depth, half of 64 entries,");
	CHECK_EQUAL(owner.in_flight, 0, "commands in flight");
	CHECK(pci_feature(pf, F_ADMIN_VQ), "the virtio device does not show bit 41");
	owner_close(pf);
}

/* Registers through the queue are those of the device: the MAC is base + member id. */
TEST(pf_reads_and_writes_arrive, .modules = OWNER_MODULES,
     .configs = "default intx few-vectors packed strict strict-member")
{
	char pf[BDF_SIZE], data[64];
	long before, kicks;

	owner_open(pf, 2);
	for (unsigned int n = 0; n < 2; n++) {
		char mac[16];

		snprintf(mac, sizeof(mac), "525400f00%03x", n + 1);
		CHECK_OK(member_ask(pf, n, data, sizeof(data), "device_read 0 6 0"));
		CHECK(!strcmp(data, mac), "the MAC of VF %u is %s, not %s", n, data, mac);
	}
	CHECK_OK(member_ask(pf, 0, NULL, 0, "common_write 18 03 0"));
	CHECK_OK(member_ask(pf, 0, data, sizeof(data), "common_read 18 1 0"));
	CHECK(!strcmp(data, "03"), "the status of VF 0 is %s", data);
	CHECK_OK(member_ask(pf, 1, data, sizeof(data), "common_read 18 1 0"));
	CHECK(!strcmp(data, "00"), "the status of VF 1 is %s", data);
	CHECK_OK(member_ask(pf, 0, NULL, 0, "common_write 18 00 0"));

	before = host_count("pf0", 1, "commands.3.ok");
	kicks = host_count("pf0", 0, "kicks.64");
	for (unsigned int n = 0; n < 20; n++)
		owner_check_works(pf, 0);
	CHECK_EQUAL(host_count("pf0", 1, "commands.3.ok") - before, 20, "reads the card counted");
	CHECK(host_count("pf0", 0, "kicks.64") - kicks <= 20, "more doorbells than commands: %ld",
	      host_count("pf0", 0, "kicks.64") - kicks);
	owner_close(pf);
}

/* A VF stays on one queue, and VFs are spread over all of them. */
TEST(pf_spreads_vfs_over_its_queues, .modules = OWNER_MODULES, .configs = "four-admin-queues")
{
	char pf[BDF_SIZE], counter[32];
	long before[4];

	owner_open(pf, 8);
	CHECK_EQUAL(owner_look(pf).queues, 4, "the number of administration queues");
	for (unsigned int q = 0; q < 4; q++) {
		snprintf(counter, sizeof(counter), "kicks.%u", 64 + q);
		before[q] = host_count("pf0", 0, counter);
	}
	for (unsigned int vf = 0; vf < 8; vf++)
		for (unsigned int n = 0; n < 5; n++)
			owner_check_works(pf, vf);
	for (unsigned int q = 0; q < 4; q++) {
		snprintf(counter, sizeof(counter), "kicks.%u", 64 + q);
		CHECK_EQUAL(host_count("pf0", 0, counter) - before[q], 10, counter);
	}
	owner_close(pf);
}

/* The PF is a NIC all the same and says why it owns nothing. */
static void check_absent(const char *pf, int reason)
{
	char name[NETDEV_SIZE];
	struct owner owner;

	pci_wait_netdev(pf, name);
	owner_wait_state(pf, VFVIRT_OWNER_ABSENT, 2000);
	WAIT_FOR(2000, owner_look(pf).reason == reason, "the reason");
	owner = owner_look(pf);
	CHECK_EQUAL(owner.queues, 0, "the number of administration queues");
	CHECK_OK(pci_set_vfs(pf, 1));
	CHECK_OK(pci_set_vfs(pf, 0));
}

TEST(pf_without_bit_41_is_a_nic, .modules = OWNER_MODULES, .configs = "no-admin")
{
	char pf[BDF_SIZE];

	owner_open(pf, 0);
	check_absent(pf, VFVIRT_REASON_NO_FEATURE);
	owner_close(pf);
}

TEST(pf_without_admin_queues_is_a_nic, .modules = OWNER_MODULES, .configs = "no-admin-queue")
{
	char pf[BDF_SIZE];

	owner_open(pf, 0);
	check_absent(pf, VFVIRT_REASON_NO_QUEUE);
	owner_close(pf);
}

/* B-P14 and B-F12: what the card says of its administration queues is checked, nothing assumed. */
TEST(pf_with_bad_admin_registers_is_a_nic, .modules = OWNER_MODULES)
{
	static const struct {
		const char *fault;
		int reason;
	} bad[] = {
		{ "admin-queue-num", VFVIRT_REASON_NO_QUEUE },
		{ "admin-queue-index,value=0", VFVIRT_REASON_BAD_INDEX },
		{ "admin-queue-index,value=0xffff", VFVIRT_REASON_BAD_INDEX },
		{ "admin-queue-num,value=0xffff", VFVIRT_REASON_BAD_INDEX },
		{ "common-cfg-length,bytes=0x38", VFVIRT_REASON_SHORT_COMMON_CFG },
		{ "common-cfg-length,bytes=0x3c", VFVIRT_REASON_SHORT_COMMON_CFG },
	};
	char pf[BDF_SIZE];

	pci_pf(0, pf);
	genl_open();
	for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
		CHECK_OK(pci_unbind(pf));
		host_do("fault pf0 %s", bad[n].fault);
		CHECK_OK(pci_bind(pf, "vfvirt_pf"));
		test_log("%s", bad[n].fault);
		check_absent(pf, bad[n].reason);
		CHECK_OK(pci_unbind(pf));
		host_do("fault-clear pf0 all");
	}
	CHECK_OK(pci_bind(pf, "vfvirt_pf"));
	owner_wait_state(pf, VFVIRT_OWNER_READY, 2000);
	CHECK_OK(pci_bind(pf, "virtio-pci"));
}

/* The PF is bound by driver_override only, and only if it is one. */
TEST(pf_refuses_a_vf, .modules = OWNER_MODULES)
{
	char pf[BDF_SIZE], vf[BDF_SIZE];

	owner_open(pf, 1);
	pci_vf(pf, 0, vf);
	CHECK_EQUAL(pci_bind(vf, "vfvirt_pf"), -ENODEV, "binding a VF to vfvirt_pf");
	owner_close(pf);
}
