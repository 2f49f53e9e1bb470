// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel's own virtio-pci and virtio_net on the card: the ground that ours stand on. */
#include "file.h"
#include "host.h"
#include "module.h"
#include "net.h"
#include "pci.h"
#include "test.h"

#define F_SR_IOV 37
#define F_ADMIN_VQ 41
#define EVERY_PF "default intx few-vectors packed strict no-admin"
#define WITH_ADMIN "6.12 7.3" /* kernels whose virtio-pci knows the administration queue */

/* A card, and @count VFs that the in-tree drivers are bound to. */
static void start_vfs(char *pf, unsigned int count)
{
	pci_pf(0, pf);
	CHECK_OK(pci_set_vfs(pf, count));
	CHECK_EQUAL(pci_vfs(pf), count, "sriov_numvfs");
}

TEST(intree_admin_queue, .kernels = WITH_ADMIN)
{
	char pf[BDF_SIZE], name[NETDEV_SIZE];

	pci_pf(0, pf);
	CHECK_OK(pci_unbind(pf));
	host_do("reset");
	CHECK_OK(pci_bind(pf, "virtio-pci"));
	pci_wait_netdev(pf, name);
	CHECK(pci_feature(pf, F_SR_IOV), "%s: VIRTIO_F_SR_IOV was not negotiated", pf);
	CHECK(pci_feature(pf, F_ADMIN_VQ), "%s: VIRTIO_F_ADMIN_VQ was not negotiated", pf);
	CHECK_EQUAL(host_count("pf0", 0, "commands.0.ok"), 1, "number of LIST_QUERY answered OK");
	CHECK_EQUAL(host_count("pf0", 0, "commands.1.ok"), 1, "number of LIST_USE answered OK");
	CHECK_EQUAL(host_count("pf0", 0, "commands.0.failed"), 0, "number of LIST_QUERY refused");
	CHECK_EQUAL(host_count("pf0", 0, "commands.1.failed"), 0, "number of LIST_USE refused");
}

/* The in-tree driver asks before any VF exists, so a strict card refuses it. */
TEST(intree_admin_queue_refused, .kernels = WITH_ADMIN, .configs = "strict")
{
	char pf[BDF_SIZE], name[NETDEV_SIZE];

	pci_pf(0, pf);
	CHECK_OK(pci_unbind(pf));
	host_do("reset");
	CHECK_OK(pci_bind(pf, "virtio-pci"));
	pci_wait_netdev(pf, name);
	CHECK_EQUAL(host_count("pf0", 0, "commands.0.failed"), 1, "number of LIST_QUERY refused");
	CHECK_EQUAL(host_count("pf0", 0, "commands.0.last_qualifier"), 4, "its qualifier");
}

TEST(intree_admin_queue_absent, .kernels = WITH_ADMIN, .configs = "no-admin")
{
	char pf[BDF_SIZE], name[NETDEV_SIZE];

	pci_pf(0, pf);
	pci_wait_netdev(pf, name);
	CHECK(!pci_feature(pf, F_ADMIN_VQ), "%s: bit 41 negotiated, but not offered", pf);
}

TEST(intree_ping_pf_vf, .configs = EVERY_PF)
{
	struct net_end pf_end, vf_end;
	char pf[BDF_SIZE], vf[BDF_SIZE];

	start_vfs(pf, 1);
	pci_vf(pf, 0, vf);
	net_end_open(&pf_end, pf, "10.0.0.1");
	net_end_open(&vf_end, vf, "10.0.0.2");
	host_do("reset");
	net_check_ping(&pf_end, &vf_end);
	CHECK(host_count("pf0", 1, "frames_in") >= 20, "the card counted fewer frames than pings");
}

TEST(intree_ping_vf_vf, .configs = EVERY_PF)
{
	struct net_end ends[2];
	char pf[BDF_SIZE], first[BDF_SIZE], last[BDF_SIZE];

	start_vfs(pf, 16);
	pci_vf(pf, 0, first);
	pci_vf(pf, 15, last);
	net_end_open(&ends[0], first, "10.0.0.1");
	net_end_open(&ends[1], last, "10.0.0.2");
	host_do("reset");
	net_check_ping(&ends[0], &ends[1]);
	CHECK(host_count("pf0", 16, "frames_in") >= 20, "the card counted fewer frames than pings");
}

TEST(intree_two_cards, .configs = "two-cards")
{
	for (unsigned int card = 0; card < 2; card++) {
		struct net_end ends[2];
		char pf[BDF_SIZE], vf[BDF_SIZE];

		pci_pf(card, pf);
		CHECK_OK(pci_set_vfs(pf, 2));
		pci_vf(pf, 1, vf);
		net_end_open(&ends[0], pf, "10.0.0.1");
		net_end_open(&ends[1], vf, "10.0.0.2");
		net_check_ping(&ends[0], &ends[1]);
	}
}

TEST(intree_vfs_ten_times, .limit_s = 120)
{
	uint64_t begin_ms = now_ms();
	char pf[BDF_SIZE];

	for (unsigned int round = 0; round < 10; round++) {
		start_vfs(pf, 16);
		for (unsigned int vf_index = 0; vf_index < 16; vf_index++) {
			char vf[BDF_SIZE], driver[32];

			pci_vf(pf, vf_index, vf);
			pci_driver(vf, driver, sizeof(driver));
			CHECK(!strcmp(driver, "virtio-pci"), "%s: bound to '%s'", vf, driver);
		}
		CHECK_OK(pci_set_vfs(pf, 0));
		CHECK_EQUAL(pci_vfs(pf), 0, "sriov_numvfs");
	}
	test_log("bench vfs_0_16_0 %.3f s", (now_ms() - begin_ms) / 10000.0);
}

/* Unbound, as for a host that hands them all to guests; 240 netdevs lack interrupt vectors. */
TEST(intree_vfs_240, .configs = "vfs240", .limit_s = 120)
{
	char pf[BDF_SIZE], vf[BDF_SIZE], path[PCI_PATH_SIZE];
	uint64_t begin_ms, made_ms;

	pci_pf(0, pf);
	CHECK_OK(file_write(pci_path(path, pf, "sriov_drivers_autoprobe"), "0"));
	begin_ms = now_ms();
	CHECK_OK(pci_set_vfs(pf, 240));
	made_ms = now_ms();
	pci_vf(pf, 239, vf);
	CHECK(pci_present(vf), "%s: not on the bus", vf);
	CHECK_EQUAL(file_number(pci_path(path, vf, "vendor")), 0x1af4, "vendor of the last VF");
	CHECK_OK(pci_set_vfs(pf, 0));
	test_log("bench vfs_0_240 %.3f s", (made_ms - begin_ms) / 1000.0);
	test_log("bench vfs_240_0 %.3f s", (now_ms() - made_ms) / 1000.0);
}

/* The card is back in its slot, and works. */
static void check_return(const char *pf)
{
	struct net_end pf_end, vf_end;
	char name[NETDEV_SIZE], vf[BDF_SIZE];

	pci_wait_netdev(pf, name);
	CHECK_OK(pci_set_vfs(pf, 1));
	pci_vf(pf, 0, vf);
	net_end_open(&pf_end, pf, "10.0.0.1");
	net_end_open(&vf_end, vf, "10.0.0.2");
	net_check_ping(&pf_end, &vf_end);
}

static void check_unplug(unsigned int vfs)
{
	char pf[BDF_SIZE];

	start_vfs(pf, vfs);
	host_do("unplug pf0");
	WAIT_FOR(20000, !pci_present(pf), "the card to leave the bus");
	host_replug("pf0", 10000);
	check_return(pf);
}

TEST(intree_unplug, .limit_s = 60)
{
	check_unplug(0);
}

TEST(intree_unplug_with_vfs, .limit_s = 60)
{
	check_unplug(4);
}

/*
 * The class driver goes first: in all three kernels its removal makes virtio-pci reset the card
 * and wait without end for one that is no longer there. Without it the card
 * and its VFs leave the bus, and can come back.
 */
static void check_surprise_removal(unsigned int vfs)
{
	char pf[BDF_SIZE];

	start_vfs(pf, vfs);
	CHECK_OK(module_unload("virtio_net"));
	host_do("gone pf0 true");
	WAIT_FOR(20000, !pci_present(pf), "the card to leave the bus");
	host_do("gone pf0 false");
	CHECK_OK(module_load("virtio_net", ""));
	check_return(pf);
}

TEST(intree_gone, .limit_s = 60)
{
	check_surprise_removal(0);
}

TEST(intree_gone_with_vfs, .limit_s = 60)
{
	check_surprise_removal(4);
}
