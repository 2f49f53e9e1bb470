// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The core's registry, gate and netlink family, with a provider that answers as it is told: owners
 * and members, sealing, events, counters, lifetimes.
 */
#include <stdlib.h>
#include <unistd.h>

#include "genl.h"
#include "member.h"
#include "module.h"
#include "sealer.h"
#include "test.h"

#define FAKE_MODULES "virtio_pci virtio_net vfvirt_core vfvirt_test vfvirt_fake"

/* A PF on the fake provider with members, and a connection to the family. */
static void set_up(char *ret_pf, unsigned int members)
{
	pci_pf(0, ret_pf);
	fake_bind(ret_pf);
	member_bind(ret_pf, members);
	genl_open();
}

static void tear_down(const char *pf)
{
	CHECK_OK(pci_set_vfs(pf, 0));
	CHECK_OK(pci_bind(pf, "virtio-pci"));
}

static void vf_request(struct genl_request *request, uint8_t command, const char *bdf)
{
	genl_request(request, command);
	genl_add(request, VFVIRT_A_ADDRESS, bdf, strlen(bdf) + 1);
}

static void check_version(const struct genl_message *message, void *context)
{
	CHECK_EQUAL(genl_number(message, VFVIRT_A_CONTRACT_VERSION), VFVIRT_CONTRACT_VERSION,
		    "the contract's version");
	*(int *)context += 1;
}

TEST(core_netlink_tells_its_version, .modules = "vfvirt_core")
{
	struct genl_request request;
	struct genl_message message;
	int checked = 0;

	genl_open();
	genl_request(&request, VFVIRT_CMD_GET_VERSION);
	CHECK_OK(genl_do(&request, &message));
	check_version(&message, &checked);
	CHECK_EQUAL(checked, 1, "versions seen");
}

/* Every command with every attribute that it does not list, and with a number beyond them all. */
TEST(core_netlink_refuses_unknown_attributes, .modules = "vfvirt_core")
{
	static const struct {
		uint8_t command;
		uint16_t takes[2];
		bool dumps;
	} commands[] = {
		{ VFVIRT_CMD_GET_VERSION, { 0, 0 }, false },
		{ VFVIRT_CMD_GET_OWNERS, { 0, 0 }, true },
		{ VFVIRT_CMD_GET_MEMBERS, { VFVIRT_A_ADDRESS, VFVIRT_A_READ_MAC }, true },
		{ VFVIRT_CMD_SEAL, { VFVIRT_A_ADDRESS, 0 }, false },
		{ VFVIRT_CMD_UNSEAL, { VFVIRT_A_ADDRESS, 0 }, false },
		{ VFVIRT_CMD_GET_STATS, { VFVIRT_A_ADDRESS, 0 }, true },
		{ VFVIRT_CMD_RESET_STATS, { VFVIRT_A_ADDRESS, 0 }, false },
	};
	struct genl_request request;
	unsigned int refused = 0;

	genl_open();
	for (size_t n = 0; n < sizeof(commands) / sizeof(commands[0]); n++) {
		for (uint16_t type = 1; type <= VFVIRT_A_COUNT; type++) {
			int error;

			if (type == commands[n].takes[0] || type == commands[n].takes[1])
				continue;
			genl_request(&request, commands[n].command);
			genl_add(&request, type, "0000:00", 8);
			error = commands[n].dumps ? genl_dump(&request, NULL, NULL) :
						    genl_do(&request, NULL);
			CHECK(error == -EINVAL, "command %u took attribute %u: %d",
			      commands[n].command, type, error);
			refused++;
		}
	}
	CHECK(refused > 200, "only %u refusals were tried", refused);
}

/* Too long, without its end, empty, of the wrong type. */
TEST(core_netlink_refuses_broken_addresses, .modules = "vfvirt_core")
{
	static const char too_long[] = "0000:00:00.0 and more";
	struct genl_request request;

	genl_open();
	genl_request(&request, VFVIRT_CMD_SEAL);
	genl_add(&request, VFVIRT_A_ADDRESS, too_long, sizeof(too_long));
	CHECK(genl_do(&request, NULL) < 0, "an address that is too long was taken");
	genl_request(&request, VFVIRT_CMD_SEAL);
	genl_add(&request, VFVIRT_A_ADDRESS, "0000:00:00.0", 12);
	CHECK_EQUAL(genl_do(&request, NULL), -EINVAL, "the answer to an address without end");
	genl_request(&request, VFVIRT_CMD_SEAL);
	genl_add(&request, VFVIRT_A_ADDRESS, NULL, 0);
	CHECK(genl_do(&request, NULL) < 0, "an empty address was taken");
	genl_request(&request, VFVIRT_CMD_SEAL);
	CHECK_EQUAL(genl_do(&request, NULL), -EINVAL, "the answer to no address");
	CHECK_EQUAL(genl_seal("0000:00:00.0", true), -ENODEV, "the answer to a foreign address");
	vf_request(&request, VFVIRT_CMD_RESET_STATS, "0000:00:00.0");
	CHECK_EQUAL(genl_do(&request, NULL), -ENODEV, "the answer to a reset of nobody");
}

TEST(core_netlink_needs_cap_net_admin, .modules = "vfvirt_core")
{
	struct genl_request request;

	genl_open();
	CHECK(!setegid(65534) && !seteuid(65534), "cannot drop privileges");
	genl_request(&request, VFVIRT_CMD_GET_VERSION);
	CHECK_EQUAL(genl_do(&request, NULL), -EPERM, "a version asked for without privilege");
	genl_request(&request, VFVIRT_CMD_GET_OWNERS);
	CHECK_EQUAL(genl_dump(&request, NULL, NULL), -EPERM, "a dump without privilege");
	CHECK_EQUAL(genl_seal("0000:00:00.0", true), -EPERM, "a seal without privilege");
	CHECK_EQUAL(genl_listen(), -EPERM, "joining the events without privilege");
}

static void look_at_owner(const struct genl_message *message, void *context)
{
	if (!strcmp(genl_text(message, VFVIRT_A_PROVIDER), "fake"))
		genl_keep(message, context);
}

TEST(core_owner_dump_tells_the_provider_and_facts, .modules = FAKE_MODULES)
{
	struct genl_message owner = {};
	struct genl_request request;
	char pf[BDF_SIZE];

	set_up(pf, 1);
	genl_request(&request, VFVIRT_CMD_GET_OWNERS);
	CHECK_OK(genl_dump(&request, look_at_owner, &owner));
	CHECK(!strcmp(genl_text(&owner, VFVIRT_A_ADDRESS), pf), "the owner is not the PF");
	CHECK_EQUAL(genl_number(&owner, VFVIRT_A_STATE), VFVIRT_OWNER_READY, "the state");
	CHECK_EQUAL(genl_number(&owner, VFVIRT_A_REASON), -1, "the reason");
	CHECK_EQUAL(genl_number(&owner, VFVIRT_A_OPCODES), 0x7f, "the opcodes in use");
	CHECK_EQUAL(genl_number(&owner, VFVIRT_A_DEVICE_FEATURES), 1ll << 41, "the features");
	CHECK_EQUAL(genl_number(&owner, VFVIRT_A_ADMIN_QUEUE_DEPTH), 16, "the queue's depth");
	CHECK_EQUAL(genl_number(&owner, VFVIRT_A_LAST_OPCODE), 1, "the last opcode");
	tear_down(pf);
}

struct members_seen {
	unsigned int count;
	unsigned int registered;
	unsigned int sealed;
	unsigned int open;
	unsigned int with_mac;
};

static void look_at_member(const struct genl_message *message, void *context)
{
	static const uint8_t mac[] = { 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5 };
	struct members_seen *seen = context;

	seen->count++;
	CHECK_EQUAL(genl_number(message, VFVIRT_A_MEMBER_ID), seen->count, "a member id");
	if (!strcmp(genl_text(message, VFVIRT_A_DRIVER), "vfvirt_test")) {
		seen->registered++;
		CHECK_EQUAL(genl_number(message, VFVIRT_A_NOTIFY_PATH), VFVIRT_NOTIFY_PATH_COMMAND,
			    "the notify path");
		CHECK_EQUAL(genl_number(message, VFVIRT_A_LEGACY), 1, "the legacy access");
	}
	seen->sealed += genl_number(message, VFVIRT_A_SEALED) == 1;
	seen->open += genl_number(message, VFVIRT_A_OPEN_COUNT) == 1;
	if (message->data[VFVIRT_A_MAC] && !memcmp(message->data[VFVIRT_A_MAC], mac, sizeof(mac)))
		seen->with_mac++;
}

TEST(core_member_dump_lists_every_vf, .modules = FAKE_MODULES)
{
	struct members_seen seen = {};
	struct genl_request request;
	char pf[BDF_SIZE], vf[BDF_SIZE];

	set_up(pf, 16);
	pci_vf(pf, 2, vf);
	CHECK_OK(pci_unbind(vf));
	pci_vf(pf, 3, vf);
	CHECK_OK(genl_seal(vf, true));
	CHECK_OK(member_ask(pf, 4, NULL, 0, "open"));
	genl_request(&request, VFVIRT_CMD_GET_MEMBERS);
	CHECK_EQUAL(genl_dump(&request, look_at_member, &seen), 16, "members listed");
	CHECK_EQUAL(seen.registered, 15, "members with our driver");
	CHECK_EQUAL(seen.sealed, 1, "sealed members");
	CHECK_EQUAL(seen.open, 1, "open members");
	CHECK_EQUAL(seen.with_mac, 0, "MACs that nobody asked for");

	memset(&seen, 0, sizeof(seen));
	vf_request(&request, VFVIRT_CMD_GET_MEMBERS, pf);
	genl_add(&request, VFVIRT_A_READ_MAC, NULL, 0);
	CHECK_EQUAL(genl_dump(&request, look_at_member, &seen), 16, "members listed");
	CHECK_EQUAL(seen.with_mac, 16, "MACs, that of the unbound VF too");
	vf_request(&request, VFVIRT_CMD_GET_MEMBERS, "0000:00:00.0");
	CHECK_EQUAL(genl_dump(&request, NULL, NULL), 0, "members of nobody");
	tear_down(pf);
}

static void look_for_interruption(const struct genl_message *message, void *context)
{
	int *calls = context;

	/* The list changes after the first part was filled: what comes later must say so. */
	if (!(*calls)++) {
		char pf[BDF_SIZE], vf[BDF_SIZE];

		pci_pf(0, pf);
		pci_vf(pf, 239, vf);
		CHECK_OK(pci_unbind(vf));
	}
	if (message->interrupted)
		*calls = -1000;
}

TEST(core_dump_says_when_it_was_interrupted, .modules = FAKE_MODULES, .configs = "vfs240",
     .limit_s = 240)
{
	struct genl_request request;
	char pf[BDF_SIZE];
	int calls = 0;

	set_up(pf, 240);
	genl_open_small();
	genl_request(&request, VFVIRT_CMD_GET_MEMBERS);
	genl_dump(&request, look_for_interruption, &calls);
	CHECK(calls < 0, "a dump of %d members during which one went says nothing", calls);
	tear_down(pf);
}

TEST(core_sealed_member_cannot_be_opened, .modules = FAKE_MODULES)
{
	char pf[BDF_SIZE], vf[BDF_SIZE];

	set_up(pf, 2);
	pci_vf(pf, 0, vf);
	CHECK_OK(genl_seal(vf, true));
	CHECK_OK(genl_seal(vf, true));
	CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "open"), -EBUSY, "open of a sealed VF");
	CHECK_OK(member_ask(pf, 1, NULL, 0, "open"));
	CHECK_OK(genl_seal(vf, false));
	CHECK_OK(member_ask(pf, 0, NULL, 0, "open"));
	CHECK_EQUAL(genl_seal(vf, true), -EBUSY, "seal of an open VF");
	CHECK_OK(member_ask(pf, 0, NULL, 0, "open"));
	CHECK_OK(member_ask(pf, 0, NULL, 0, "close"));
	CHECK_EQUAL(genl_seal(vf, true), -EBUSY, "seal of a VF with one user left");
	CHECK_OK(member_ask(pf, 0, NULL, 0, "close"));
	CHECK_OK(genl_seal(vf, true));
	tear_down(pf);
}

/* One process seals and unseals, the other opens and closes: never both at once. */
TEST(core_seal_and_open_exclude_each_other, .modules = FAKE_MODULES, .limit_s = 60)
{
	unsigned int sealed = 0, opened = 0;
	char pf[BDF_SIZE], vf[BDF_SIZE];
	struct sealer sealer;
	uint64_t end_ms;

	set_up(pf, 1);
	pci_vf(pf, 0, vf);
	sealer_start(&sealer, vf);
	end_ms = now_ms() + 5000;
	while (now_ms() < end_ms) {
		if (member_ask(pf, 0, NULL, 0, "open")) {
			sealed++;
			continue;
		}
		opened++;
		pause_ms(5); /* longer than a seal is held */
		CHECK_OK(member_ask(pf, 0, NULL, 0, "close"));
	}
	test_log("opened %u times, found it sealed %u times", opened, sealed);
	CHECK_EQUAL(sealer_stop(&sealer), 0, "times it was open and sealed");
	CHECK(opened && sealed, "the two never met: opened %u, sealed %u", opened, sealed);
	tear_down(pf);
}

static void expect_event(enum vfvirt_event event, const char *bdf, struct genl_message *message)
{
	genl_event(message);
	CHECK_EQUAL(message->command, VFVIRT_CMD_EVENT, "the message's command");
	CHECK_EQUAL(genl_number(message, VFVIRT_A_EVENT), event, "the event");
	CHECK(!strcmp(genl_text(message, VFVIRT_A_ADDRESS), bdf), "the event came for %s",
	      genl_text(message, VFVIRT_A_ADDRESS));
}

TEST(core_events_reach_listeners_and_drivers, .modules = FAKE_MODULES)
{
	char pf[BDF_SIZE], vf[BDF_SIZE], data[64];
	struct genl_message message;

	set_up(pf, 1);
	pci_vf(pf, 0, vf);
	CHECK_OK(genl_listen());
	CHECK_OK(member_ask(pf, 0, NULL, 0, "open"));
	expect_event(VFVIRT_EVENT_MEMBER_OPENED, vf, &message);
	CHECK_OK(member_ask(pf, 0, NULL, 0, "failed broken pipe"));
	expect_event(VFVIRT_EVENT_MEMBER_FAILED, vf, &message);
	CHECK_EQUAL(genl_number(&message, VFVIRT_A_ERROR), EPIPE, "the error");
	CHECK(!strcmp(genl_text(&message, VFVIRT_A_WHAT), "broken pipe"), "what failed");
	CHECK_OK(fake_order(pf, "state %d %d", VFVIRT_OWNER_DEGRADED, VFVIRT_REASON_TIMEOUT));
	expect_event(VFVIRT_EVENT_OWNER_DEGRADED, pf, &message);
	CHECK_EQUAL(genl_number(&message, VFVIRT_A_REASON), VFVIRT_REASON_TIMEOUT, "the reason");
	CHECK_OK(fake_order(pf, "state %d %d", VFVIRT_OWNER_READY, VFVIRT_REASON_NONE));
	expect_event(VFVIRT_EVENT_OWNER_UP, pf, &message);
	CHECK_OK(fake_order(pf, "reset"));
	CHECK_OK(member_ask(pf, 0, NULL, 0, "close"));
	expect_event(VFVIRT_EVENT_MEMBER_CLOSED, vf, &message);
	CHECK_OK(fake_order(pf, "state %d %d", VFVIRT_OWNER_ABSENT, VFVIRT_REASON_RESET));
	expect_event(VFVIRT_EVENT_OWNER_DOWN, pf, &message);
	CHECK_EQUAL(member_ask(pf, 0, data, sizeof(data), "events"), 1, "down as the driver saw it");
	CHECK(!strcmp(data, "1 1 1"), "degraded, up and reset as the driver saw them are %s", data);
	tear_down(pf);
}

/* Whoever listens must dump again, so he is told; what comes afterwards arrives as before. */
TEST(core_listeners_are_told_of_a_lost_event, .modules = FAKE_MODULES)
{
	char pf[BDF_SIZE], vf[BDF_SIZE];
	struct genl_message message;

	set_up(pf, 1);
	pci_vf(pf, 0, vf);
	CHECK_OK(genl_listen());
	CHECK_OK(member_ask(pf, 0, NULL, 0, "failed_at_length"));
	CHECK_EQUAL(genl_event_error(), -ENOBUFS, "an event that does not fit");
	CHECK_OK(member_ask(pf, 0, NULL, 0, "open"));
	expect_event(VFVIRT_EVENT_MEMBER_OPENED, vf, &message);
	CHECK_OK(member_ask(pf, 0, NULL, 0, "close"));
	tear_down(pf);
}

TEST(core_provider_cannot_be_unloaded_under_a_user, .modules = FAKE_MODULES)
{
	char pf[BDF_SIZE];

	set_up(pf, 1);
	CHECK_EQUAL(module_unload("vfvirt_core"), -EWOULDBLOCK, "unload of the core");
	CHECK_OK(member_ask(pf, 0, NULL, 0, "open"));
	CHECK_EQUAL(module_unload("vfvirt_fake"), -EWOULDBLOCK, "unload with an open VF");
	CHECK_OK(member_ask(pf, 0, NULL, 0, "close"));
	CHECK_OK(module_unload("vfvirt_fake"));
	CHECK_EQUAL(module_unload("vfvirt_core"), -EWOULDBLOCK, "unload of the core");
	member_unload_core();
	CHECK_OK(pci_bind(pf, "virtio-pci"));
}

/* The owner goes and comes back while a VF is open; the VF's driver stays all the time. */
TEST(core_owner_may_go_and_come_under_members, .modules = FAKE_MODULES)
{
	char pf[BDF_SIZE], data[64];

	set_up(pf, 1);
	CHECK_OK(member_ask(pf, 0, NULL, 0, "open"));
	CHECK_OK(member_ask(pf, 0, NULL, 0, "common_read 0 4 0"));
	CHECK_OK(fake_order(pf, "unregister"));
	CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "common_read 0 4 0"), -ENODEV, "a read without owner");
	CHECK_EQUAL(member_ask(pf, 0, data, sizeof(data), "has_legacy"), 0, "legacy without owner");
	CHECK_EQUAL(atoi(data), VFVIRT_REASON_NO_OWNER, "the reason");
	CHECK_OK(fake_order(pf, "register"));
	CHECK_OK(fake_order(pf, "state %d 0", VFVIRT_OWNER_READY));
	CHECK_OK(member_ask(pf, 0, NULL, 0, "common_read 0 4 0"));
	CHECK_EQUAL(module_unload("vfvirt_fake"), -EWOULDBLOCK, "unload with an open VF");
	CHECK_OK(member_ask(pf, 0, NULL, 0, "close"));
	tear_down(pf);
}
