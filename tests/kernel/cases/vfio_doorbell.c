// SPDX-License-Identifier: GPL-2.0-or-later
/* Doorbells take the best way that the card names, and a hostile card is not believed. */
#include "genl.h"
#include "handout.h"
#include "host.h"
#include "net.h"
#include "nic.h"
#include "test.h"

#define PINGS 3
#define PF_HOST 1

static void keep_vf(const struct genl_message *message, void *context)
{
	if (!strcmp(genl_text(message, VFVIRT_A_ADDRESS), ((struct handout *)context)->vfs[0]))
		((struct handout *)context)->count =
			genl_number(message, VFVIRT_A_NOTIFY_PATH);
}

/* NOTIFY_PATH of the first VF, as netlink tells it. */
static unsigned int notify_path(const struct handout *handout)
{
	struct handout found = *handout;
	struct genl_request request;

	genl_request(&request, VFVIRT_CMD_GET_MEMBERS);
	CHECK(genl_dump(&request, keep_vf, &found) > 0, "netlink lists no members");
	return found.count;
}

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
	CHECK_EQUAL(notify_path(&handout), path, "the notify path");
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
	CHECK_EQUAL(notify_path(&handout), VFVIRT_NOTIFY_PATH_NONE, "the path of a closed VF");
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
