// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The core's API over the card itself, through each provider: what a VF's registers say, and what the
 * card counted.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"
#include "genl.h"
#include "host.h"
#include "member.h"
#include "module.h"
#include "test.h"

#define MODULES "virtio_pci virtio_net vfvirt_core vfvirt_pf vfvirt_test"
#define INTREE_MODULES "virtio_pci virtio_net vfvirt_core vfvirt_test"

#define COMMON_WRITE 2
#define COMMON_READ 3
#define DEVICE_READ 5
#define NOTIFY_INFO 6

#define STATUS_OFFSET 18
#define QUEUE_SELECT_OFFSET 14
#define QUEUE_SIZE_OFFSET 12
#define LIMIT_A_VF_MS 250 /* to bind one; a limit of a command is 1 s at least */

/* The PF on a driver that is a provider, with members. */
static void set_up(char *ret_pf, const char *driver, unsigned int members)
{
	pci_pf(0, ret_pf);
	CHECK_OK(pci_bind(ret_pf, driver));
	genl_open();
	member_bind(ret_pf, members);
}

static void tear_down(const char *pf)
{
	CHECK_OK(pci_set_vfs(pf, 0));
	CHECK_OK(pci_bind(pf, "virtio-pci"));
}

/* Register values as a native legacy device has them, and the card's own count of the commands. */
static void read_and_write(const char *driver)
{
	char pf[BDF_SIZE], vf[BDF_SIZE], data[64];

	set_up(pf, driver, 2);
	pci_vf(pf, 1, vf);
	CHECK_EQUAL(member_ask(pf, 1, NULL, 0, "has_legacy"), 1, "legacy access");
	CHECK_OK(member_ask(pf, 1, NULL, 0, "common_write %d 00 0", STATUS_OFFSET));
	CHECK_OK(member_ask(pf, 1, NULL, 0, "common_write %d 03 0", STATUS_OFFSET));
	CHECK_OK(member_ask(pf, 1, data, sizeof(data), "common_read %d 1 0", STATUS_OFFSET));
	CHECK(!strcmp(data, "03"), "the status is %s, not 03", data);
	CHECK_OK(member_ask(pf, 0, data, sizeof(data), "common_read %d 1 0", STATUS_OFFSET));
	CHECK(!strcmp(data, "00"), "the status of the other VF is %s, not 00", data);
	CHECK_OK(member_ask(pf, 1, NULL, 0, "common_write %d 0100 0", QUEUE_SELECT_OFFSET));
	CHECK_OK(member_ask(pf, 1, data, sizeof(data), "common_read %d 2 0", QUEUE_SIZE_OFFSET));
	CHECK(!strcmp(data, "0001"), "the queue size is %s, not 256", data);
	CHECK_OK(member_ask(pf, 1, data, sizeof(data), "device_read 0 6 0"));
	CHECK(!strcmp(data, "525400f00002"), "the MAC of member 2 is %s", data);
	CHECK_EQUAL(host_count("pf0", 2, "commands.2.ok"), 3, "writes that the card saw");
	CHECK_EQUAL(host_count("pf0", 2, "commands.3.ok"), 2, "reads that the card saw");
	CHECK_EQUAL(host_count("pf0", 1, "commands.3.ok"), 1, "reads of member 1");
	CHECK_EQUAL(genl_stat(vf, COMMON_WRITE, VFVIRT_A_OK), 3, "writes that the core counted");
	CHECK_EQUAL(genl_stat(vf, COMMON_READ, VFVIRT_A_OK), 2, "reads that the core counted");
	CHECK_EQUAL(genl_stat(vf, DEVICE_READ, VFVIRT_A_OK), 1, "MAC reads that the core counted");
	tear_down(pf);
}

TEST(core_registers_through_vfvirt, .modules = MODULES, .configs = "default packed intx few-vectors four-admin-queues strict strict-member")
{
	read_and_write("vfvirt_pf");
}

TEST(core_registers_through_intree, .modules = INTREE_MODULES, .kernels = "6.12 7.3")
{
	read_and_write("virtio-pci");
}

static void doorbells(const char *driver)
{
	char pf[BDF_SIZE], data[128];

	set_up(pf, driver, 2);
	CHECK_EQUAL(member_ask(pf, 1, data, sizeof(data), "notify_info"), 2, "doorbells");
	CHECK(!strcmp(data, "2:4:0x2800 1:2:0x10"), "the doorbells are %s", data);
	tear_down(pf);
}

TEST(core_doorbells_through_vfvirt, .modules = MODULES)
{
	doorbells("vfvirt_pf");
}

TEST(core_doorbells_through_intree, .modules = INTREE_MODULES, .kernels = "6.12 7.3")
{
	doorbells("virtio-pci");
}

/* B-P17: what the card lists is believed only after every check. */
TEST(core_bp17_bad_doorbells_of_the_card_are_ignored, .modules = MODULES)
{
	static const char *const bad[] = { "flag", "bar", "alignment", "offset" };
	char pf[BDF_SIZE], data[128];

	set_up(pf, "vfvirt_pf", 1);
	for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
		host_do("fault pf0 notify-info,bad=%s", bad[n]);
		CHECK(member_ask(pf, 0, data, sizeof(data), "notify_info") == 0,
		      "doorbells with a bad %s gave %s", bad[n], data);
		CHECK(host_struck("pf0", "notify-info") > 0, "the fault %s never struck", bad[n]);
		host_do("fault-clear pf0 all");
	}
	CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "notify_info"), 2, "doorbells without a fault");
	tear_down(pf);
}

static void check_mac(const struct genl_message *message, void *context)
{
	uint8_t wanted[] = { 0x52, 0x54, 0x00, 0xf0, 0x00, 0x00 };
	unsigned int *right = context;

	wanted[5] = genl_number(message, VFVIRT_A_MEMBER_ID);
	CHECK(message->data[VFVIRT_A_MAC], "no MAC of %s: errno %lld",
	      genl_text(message, VFVIRT_A_ADDRESS), genl_number(message, VFVIRT_A_MAC_ERROR));
	*right += !memcmp(message->data[VFVIRT_A_MAC], wanted, sizeof(wanted));
}

/* MACs are read over the queue whatever the VFs are bound to: here one to nothing, one to a NIC. */
static void read_macs(const char *driver)
{
	struct genl_request request;
	char pf[BDF_SIZE], vf[BDF_SIZE];
	unsigned int right = 0;

	set_up(pf, driver, 4);
	pci_vf(pf, 0, vf);
	CHECK_OK(pci_unbind(vf));
	pci_vf(pf, 1, vf);
	CHECK_OK(pci_bind(vf, "virtio-pci"));
	genl_request(&request, VFVIRT_CMD_GET_MEMBERS);
	genl_add(&request, VFVIRT_A_READ_MAC, NULL, 0);
	CHECK_EQUAL(genl_dump(&request, check_mac, &right), 4, "members listed");
	CHECK_EQUAL(right, 4, "right MACs");
	tear_down(pf);
}

TEST(core_macs_through_vfvirt, .modules = MODULES)
{
	read_macs("vfvirt_pf");
}

TEST(core_macs_through_intree, .modules = INTREE_MODULES, .kernels = "6.12 7.3")
{
	read_macs("virtio-pci");
}

static void look_for_pf(const struct genl_message *message, void *context)
{
	struct genl_message *owner = context;

	if (!strcmp(genl_text(message, VFVIRT_A_PROVIDER), "vfvirt"))
		genl_keep(message, owner);
}

TEST(core_owner_dump_tells_the_card_s_facts, .modules = MODULES)
{
	struct genl_message owner = {};
	struct genl_request request;
	char pf[BDF_SIZE];

	set_up(pf, "vfvirt_pf", 1);
	genl_request(&request, VFVIRT_CMD_GET_OWNERS);
	CHECK_OK(genl_dump(&request, look_for_pf, &owner));
	CHECK(!strcmp(genl_text(&owner, VFVIRT_A_ADDRESS), pf), "no owner on vfvirt_pf");
	CHECK(!strcmp(genl_text(&owner, VFVIRT_A_CLASS_DRIVER), "virtio_net"),
	      "the class driver is \"%s\"", genl_text(&owner, VFVIRT_A_CLASS_DRIVER));
	CHECK_EQUAL(genl_number(&owner, VFVIRT_A_STATE), VFVIRT_OWNER_READY, "the state");
	CHECK_EQUAL(genl_number(&owner, VFVIRT_A_ADMIN_QUEUE_INDEX), 64, "the queue's index");
	CHECK_EQUAL(genl_number(&owner, VFVIRT_A_ADMIN_QUEUE_NUM), 1, "the number of queues");
	CHECK_EQUAL(genl_number(&owner, VFVIRT_A_IN_FLIGHT), 0, "commands in flight");
	CHECK(genl_number(&owner, VFVIRT_A_DRIVER_FEATURES) & 1ll << 41, "bit 41 is not negotiated");
	CHECK_EQUAL(genl_number(&owner, VFVIRT_A_OPCODES), 0x7f, "the opcodes in use");
	tear_down(pf);
}

/* Two cards, one on each provider, at the same time. */
TEST(core_two_providers_in_one_boot, .modules = MODULES, .configs = "two-cards",
     .kernels = "6.12 7.3")
{
	char ours[BDF_SIZE], other[BDF_SIZE], data[64];

	set_up(ours, "vfvirt_pf", 1);
	pci_pf(1, other);
	member_bind(other, 1);
	CHECK_OK(member_ask(ours, 0, data, sizeof(data), "device_read 0 6 0"));
	CHECK(!strcmp(data, "525400f00001"), "the MAC through vfvirt is %s", data);
	CHECK_OK(member_ask(other, 0, data, sizeof(data), "device_read 0 6 0"));
	CHECK(!strcmp(data, "525400f00101"), "the MAC through intree is %s", data);
	CHECK_OK(pci_set_vfs(other, 0));
	tear_down(ours);
}

#define USERS 3 /* modules that use vfvirt_core */

static const char *const users[USERS] = { "vfvirt_pf", "vfvirt_test", "vfvirt_vfio_pci" };

/* A PF with a VF on each driver, all in use, as far as that goes without a guest. */
static void set_up_users(char *ret_pf)
{
	char vf[BDF_SIZE];

	for (unsigned int n = 0; n < USERS; n++)
		CHECK_OK(module_load(users[n], ""));
	set_up(ret_pf, "vfvirt_pf", 2);
	pci_vf(ret_pf, 1, vf);
	CHECK_OK(pci_bind(vf, "vfvirt_vfio_pci"));
	CHECK_OK(member_ask(ret_pf, 0, NULL, 0, "common_read %d 1 0", STATUS_OFFSET));
}

/* Refused while a VF is open: the provider; and the core, while anybody uses it. */
static void check_refusals(const char *pf)
{
	CHECK_OK(member_ask(pf, 0, NULL, 0, "open"));
	CHECK_EQUAL(module_unload("vfvirt_pf"), -EWOULDBLOCK, "unload of vfvirt_pf under a user");
	CHECK_EQUAL(module_unload("vfvirt_core"), -EWOULDBLOCK, "unload of vfvirt_core under a user");
	CHECK_OK(member_ask(pf, 0, NULL, 0, "common_read %d 1 0", STATUS_OFFSET));
	CHECK_OK(member_ask(pf, 0, NULL, 0, "close"));
}

/* The users go in every order, the core last; each time all come back and work. */
TEST(core_modules_unload_in_every_order, .modules = MODULES " vfvirt_vfio_pci", .limit_s = 150)
{
	static const unsigned int orders[][USERS] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};
	char pf[BDF_SIZE];

	for (size_t order = 0; order < sizeof(orders) / sizeof(orders[0]); order++) {
		set_up_users(pf);
		check_refusals(pf);
		for (unsigned int n = 0; n < USERS; n++) {
			CHECK_EQUAL(module_unload("vfvirt_core"), -EWOULDBLOCK,
				    "unload of vfvirt_core in use");
			CHECK_OK(module_unload(users[orders[order][n]]));
			/* The VFs, with their members, go with the PF's driver. */
			if (!orders[order][n])
				CHECK(pci_vfs(pf) <= 0, "VFs outlive the PF's driver");
		}
		member_unload_core();
	}
	CHECK_OK(pci_bind(pf, "virtio-pci"));
}

/* A card that is dead from the start costs one limit, not one for each of 240 VFs. */
TEST(core_dead_card_costs_one_limit, .modules = MODULES, .configs = "vfs240", .limit_s = 240)
{
	unsigned int vfs = test_number("many_vfs", 240);
	uint64_t begin_ms, took_ms;
	char pf[BDF_SIZE];

	pci_pf(0, pf);
	CHECK_OK(pci_bind(pf, "vfvirt_pf"));
	host_do("fault pf0 stall");
	begin_ms = now_ms();
	member_bind(pf, vfs);
	took_ms = now_ms() - begin_ms;
	test_log("%u VFs bound in %d ms", vfs, (int)took_ms);
	CHECK(took_ms < test_limit(vfs * LIMIT_A_VF_MS),
	      "%u VFs of a dead card took %d ms to bind", vfs, (int)took_ms);
	CHECK_EQUAL(member_ask(pf, vfs - 1, NULL, 0, "has_legacy"), 0, "legacy access");
	host_do("fault-clear pf0 all");
	WAIT_FOR(70000, member_ask(pf, vfs - 1, NULL, 0, "has_legacy") == 1, "the owner to recover");
	tear_down(pf);
}

/* Many processes, each on its own VF, all at once; nobody sees another's registers. */
TEST(core_vfs_run_in_parallel, .modules = MODULES, .configs = "default four-admin-queues",
     .limit_s = 60)
{
	char pf[BDF_SIZE], data[64];
	pid_t workers[16];

	set_up(pf, "vfvirt_pf", 16);
	for (int vf = 0; vf < 16; vf++) {
		workers[vf] = fork();
		if (workers[vf])
			continue;
		for (int round = 0; round < 50; round++) {
			char wanted[8];

			snprintf(wanted, sizeof(wanted), "%02x00", vf);
			CHECK_OK(member_ask(pf, vf, NULL, 0, "common_write %d %s 0",
					    QUEUE_SELECT_OFFSET, wanted));
			CHECK_OK(member_ask(pf, vf, data, sizeof(data), "common_read %d 2 0",
					    QUEUE_SELECT_OFFSET));
			CHECK(!strcmp(data, wanted), "VF %d reads %s, not %s", vf, data, wanted);
		}
		_exit(0);
	}
	for (int vf = 0; vf < 16; vf++)
		CHECK_OK(member_end(workers[vf]));
	CHECK_EQUAL(host_count("pf0", 16, "commands.3.ok"), 50, "reads of member 16");
	tear_down(pf);
}
