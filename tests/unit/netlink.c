/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of the netlink client: with the made-up card, and with answers that nobody should trust. */
#include "netlink.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <netlink/genl/genl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake.h"
#include "netlink_channel.h"
#include "netlink_decode.h"
#include "unit.h"
#include "vfvirt.h"

#define PF	 "0000:3b:00.0"
#define VF0	 "0000:3b:00.1"
#define VF1	 "0000:3b:00.2"
#define SEQUENCE 5

static struct vfv_netlink *netlink;
static struct vfv_error error;

/* A card with two VFs on our driver, and a connection. */
static const struct vfv_host *start(void)
{
	const struct vfv_host *host = fake_start(2, 8);

	fake_write(PF, "sriov_drivers_autoprobe", "0");
	fake_write(PF, "sriov_numvfs", "2");
	fake_write(VF0, "driver_override", "vfvirt_vfio_pci");
	fake_write("..", "drivers_probe", VF0);
	error = VFV_NO_ERROR;
	if (vfv_netlink_open(host, &netlink, &error))
		fail_msg("%s", error.text);
	return host;
}

static void end(void)
{
	vfv_netlink_close(netlink);
	netlink = NULL;
	vfv_netlink_close(NULL);
}

/* The error of an attempt to connect. */
static void is_refused(const struct vfv_host *host, enum vfv_error_code code, const char *words)
{
	error = VFV_NO_ERROR;
	assert_true(vfv_netlink_open(host, &netlink, &error) < 0);
	assert_int_equal(error.code, code);
	assert_has(error.text, words);
}

TEST(netlink_connects_only_to_its_own_contract)
{
	const struct vfv_host *host = fake_start(1, 4);

	fake_do("netlink version 2");
	is_refused(host, VFV_ERROR_KERNEL_MODULE, "version 2");
	fake_do("netlink version 1");
	fake_do("netlink unloaded 1");
	is_refused(host, VFV_ERROR_KERNEL_MODULE, "modprobe vfvirt_core");
	fake_do("netlink unloaded 0");
	fake_do("netlink fail %d EPERM", VFVIRT_CMD_GET_VERSION);
	is_refused(host, VFV_ERROR_ACCESS, "root");
	fake_do("netlink fail %d EIO", VFVIRT_CMD_GET_VERSION);
	is_refused(host, VFV_ERROR_KERNEL_IO, "version");
	fake_stop();
	struct vfv_host gone = {.netlink = (char *)"/nowhere"};

	is_refused(&gone, VFV_ERROR_KERNEL_IO, "connect");
}

TEST(netlink_completes_what_the_model_has)
{
	struct vfv_model *model;
	struct vfv_pf *pf;

	start();
	fake_do("legacy " VF1 " %d", VFVIRT_REASON_NO_LEGACY);
	model = fake_facts();
	assert_int_equal(vfv_netlink_complete(netlink, model, true, &error), 0);
	pf = &model->pfs[0];
	assert_string_equal(pf->owner_state, "ready");
	assert_int_equal(pf->opcodes, 0x7f);
	assert_int_equal(pf->legacy, 1);
	assert_null(pf->legacy_remedy);
	assert_int_equal(pf->admin_queue_num, VFV_UNKNOWN);
	assert_int_equal(pf->vfs[0].legacy, 1);
	assert_int_equal(pf->vfs[0].open_count, 0);
	assert_null(pf->vfs[0].notify_path);
	assert_true(pf->vfs[0].has_mac);
	assert_int_equal(pf->vfs[1].legacy, 0);
	assert_has(pf->vfs[1].legacy_reason, "does not know the commands");
	assert_int_equal(pf->vfs[1].open_count, VFV_UNKNOWN);
	assert_int_equal(pf->vfs[1].sealed, VFV_UNKNOWN);
	assert_int_equal(pf->vfs[1].mac[5], 1);
	end();
}

TEST(netlink_owner_without_queue_says_why)
{
	struct vfv_model *model;

	start();
	fake_do("owner " PF " %d %d", VFVIRT_OWNER_DEGRADED, VFVIRT_REASON_TIMEOUT);
	model = fake_facts();
	assert_string_equal(model->pfs[0].owner_state, "degraded");
	assert_int_equal(model->pfs[0].legacy, 0);
	assert_has(model->pfs[0].legacy_reason, "did not answer");
	assert_int_equal(model->pfs[0].vfs[0].legacy, 0);
	fake_do("owner " PF " %d %d", VFVIRT_OWNER_ABSENT, 99);
	model = fake_facts();
	assert_has(model->pfs[0].legacy_reason, "not known");
	assert_has(model->pfs[0].legacy_remedy, "one release");
	fake_do("owner " PF " %d 0", VFVIRT_OWNER_READY);
	fake_do("opcodes " PF " 3");
	assert_int_equal(fake_facts()->pfs[0].legacy, 0);
	/* A state that we do not know is an answer that we do not understand. */
	fake_do("owner " PF " 17 0");
	assert_false(fake_facts()->kernel_contract_ok);
	end();
}

TEST(netlink_interrupted_dump_is_repeated)
{
	struct vfv_stats_row *rows = NULL;
	size_t count = 0;

	start();
	fake_do("netlink interrupt 4");
	assert_int_equal(vfv_netlink_complete(netlink, fake_facts(), false, &error), 0);
	fake_do("netlink interrupt 4");
	assert_int_equal(vfv_netlink_stats(netlink, NULL, &rows, &count, &error), 0);
	assert_int_equal(count, 8);
	free(rows);
	fake_do("netlink interrupt 5");
	assert_true(vfv_netlink_stats(netlink, NULL, &rows, &count, &error) < 0);
	assert_int_equal(error.code, VFV_ERROR_KERNEL_IO);
	end();
}

TEST(netlink_seals_and_unseals)
{
	struct vfv_address vf = fake_address(VF0), other = fake_address(VF1);

	start();
	assert_int_equal(vfv_netlink_seal(netlink, &vf, &error), 0);
	assert_int_equal(vfv_netlink_seal(netlink, &vf, &error), 0);
	assert_int_equal(fake_facts()->pfs[0].vfs[0].sealed, 1);
	assert_int_equal(vfv_netlink_unseal(netlink, &vf, &error), 0);
	assert_int_equal(fake_facts()->pfs[0].vfs[0].sealed, 0);
	assert_int_equal(vfv_netlink_seal(netlink, &other, &error), -ENODEV);
	assert_int_equal(error.code, VFV_ERROR_NO_DRIVER);
	fake_do("open " VF0);
	error = VFV_NO_ERROR;
	assert_int_equal(vfv_netlink_seal(netlink, &vf, &error), -EBUSY);
	assert_int_equal(error.code, VFV_ERROR_IN_USE);
	fake_do("netlink fail %d EIO", VFVIRT_CMD_UNSEAL);
	error = VFV_NO_ERROR;
	assert_int_equal(vfv_netlink_unseal(netlink, &vf, &error), -EIO);
	end();
}

TEST(netlink_statistics_of_one_and_of_all)
{
	struct vfv_address vf = fake_address(VF1), none = fake_address("0000:99:00.0");
	struct vfv_stats_row *rows = NULL;
	size_t count = 0;

	start();
	assert_int_equal(vfv_netlink_stats(netlink, &vf, &rows, &count, &error), 0);
	assert_int_equal(count, 2);
	assert_int_equal(rows[0].member_id, 2);
	assert_int_equal(rows[0].opcode, 2);
	assert_int_equal(rows[0].commands, 103);
	assert_int_equal(rows[0].ok, 100);
	assert_int_equal(rows[0].refused, 2);
	assert_int_equal(rows[0].errors, 0);
	assert_int_equal(rows[0].timeouts, 1);
	assert_int_equal(rows[0].retries, 4);
	assert_int_equal(rows[0].late, 1);
	assert_int_equal(rows[0].aborted, 0);
	assert_int_equal(rows[0].latency[12], 90);
	free(rows);
	assert_int_equal(vfv_netlink_stats(netlink, NULL, &rows, &count, &error), 0);
	assert_int_equal(count, 8);
	assert_int_equal(rows[0].member_id, 0);
	free(rows);
	assert_int_equal(vfv_netlink_stats_reset(netlink, NULL, &error), 0);
	assert_int_equal(vfv_netlink_stats_reset(netlink, &none, &error), -ENODEV);
	end();
}

TEST(netlink_240_macs_come_in_many_pieces)
{
	const struct vfv_host *host = fake_start(1, 240);
	struct vfv_model *model;

	fake_write(PF, "sriov_drivers_autoprobe", "0");
	fake_write(PF, "sriov_numvfs", "240");
	assert_int_equal(vfv_netlink_open(host, &netlink, &error), 0);
	model = fake_facts();
	assert_int_equal(vfv_netlink_complete(netlink, model, true, &error), 0);
	for (unsigned int i = 0; i < 240; i++) {
		assert_true(model->pfs[0].vfs[i].has_mac);
		assert_int_equal(model->pfs[0].vfs[i].mac[5], i);
	}
	end();
}

static struct vfv_kernel_event events[8];
static unsigned int event_count;

static void note_event(void *context, const struct vfv_kernel_event *event)
{
	if (event_count < 8)
		events[event_count++] = *event;
}

TEST(netlink_events_are_read_without_waiting)
{
	struct pollfd readable = {.events = POLLIN};
	struct vfv_address vf = fake_address(VF0);

	start();
	event_count = 0;
	assert_int_equal(vfv_netlink_events_start(netlink, &readable.fd, &error), 0);
	assert_int_equal(vfv_netlink_events_read(netlink, note_event, NULL), 0);
	assert_int_equal(event_count, 0);
	/* Who has only just connected may miss the first ones; they are sent until one arrives. */
	for (int i = 0; i < 1000 && !event_count; i++) {
		fake_do("netlink event %d " VF0, VFVIRT_EVENT_MEMBER_FAILED);
		poll(&readable, 1, 10);
		assert_int_equal(vfv_netlink_events_read(netlink, note_event, NULL), 0);
	}
	assert_true(event_count > 0);
	assert_int_equal(events[0].kind, VFVIRT_EVENT_MEMBER_FAILED);
	assert_int_equal(vfv_address_compare(&events[0].address, &vf), 0);
	event_count = 0;
	fake_do("open " VF0);
	fake_do("close " VF0);
	assert_int_equal(vfv_netlink_events_read(netlink, note_event, NULL), 0);
	assert_int_equal(event_count, 2);
	assert_int_equal(events[0].kind, VFVIRT_EVENT_MEMBER_OPENED);
	assert_int_equal(events[1].kind, VFVIRT_EVENT_MEMBER_CLOSED);
	fake_stop();
	assert_int_equal(vfv_netlink_events_read(netlink, note_event, NULL), -ECONNRESET);
	end();
}

/* A channel whose other end is ours. */
static struct vfv_channel channel_to(int *ret_other)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	*ret_other = ends[1];
	return (struct vfv_channel){.fd = ends[0], .sequence = SEQUENCE - 1};
}

static struct nl_msg *new_message(int type, int flags, uint8_t command)
{
	struct nl_msg *message = nlmsg_alloc();

	assert_non_null(genlmsg_put(message, 0, SEQUENCE, type, 0, flags, command, 1));
	return message;
}

/* The result of asking when these bytes are all that comes. */
static int ask_for(const void *answer, size_t length, unsigned int limit_ms)
{
	struct nl_msg *question = new_message(33, 0, 1);
	struct vfv_channel channel;
	int other, result;

	channel = channel_to(&other);
	if (length)
		assert_int_equal(send(other, answer, length, 0), length);
	result = vfv_channel_ask(&channel, question, limit_ms, NULL, NULL);
	vfv_channel_close(&channel);
	close(other);
	nlmsg_free(question);
	return result;
}

/* As ask_for(), with one message whose body is a number. */
static int ask_for_number(uint16_t type, int number, uint32_t length)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr body;
	} message = {.header = {.nlmsg_len = length, .nlmsg_type = type, .nlmsg_seq = SEQUENCE},
		     .body = {.error = number}};

	return ask_for(&message, sizeof(message), 5000);
}

TEST(netlink_answer_that_does_not_come_ends_at_the_limit)
{
	assert_int_equal(ask_for(NULL, 0, 20), -ETIMEDOUT);
	/* What is no message, or another question's answer, is waited past. */
	assert_int_equal(ask_for("\xff\xff\xff\xff garbage", 12, 20), -ETIMEDOUT);
	struct nlmsghdr other = {
		.nlmsg_len = sizeof(other), .nlmsg_type = NLMSG_DONE, .nlmsg_seq = SEQUENCE + 1};

	assert_int_equal(ask_for(&other, sizeof(other), 20), -ETIMEDOUT);
}

TEST(netlink_errno_of_an_answer_is_checked)
{
	const uint32_t whole = NLMSG_LENGTH(sizeof(struct nlmsgerr));

	assert_int_equal(ask_for_number(NLMSG_ERROR, 0, whole), 0);
	assert_int_equal(ask_for_number(NLMSG_ERROR, -EBUSY, whole), -EBUSY);
	assert_int_equal(ask_for_number(NLMSG_ERROR, EBUSY, whole), -EPROTO);
	assert_int_equal(ask_for_number(NLMSG_ERROR, -4096, whole), -EPROTO);
	assert_int_equal(ask_for_number(NLMSG_ERROR, INT32_MIN, whole), -EPROTO);
	assert_int_equal(ask_for_number(NLMSG_ERROR, 0, NLMSG_HDRLEN), -EPROTO);
	assert_int_equal(ask_for_number(NLMSG_DONE, 0, NLMSG_HDRLEN), 0);
	assert_int_equal(ask_for_number(NLMSG_DONE, -EIO, NLMSG_LENGTH(4)), -EIO);
	assert_int_equal(ask_for_number(NLMSG_DONE, 7, NLMSG_LENGTH(4)), -EPROTO);
}

/* What a decoder says to a message of the family; it is freed. */
#define DECODE(FUNCTION, MESSAGE, ...)                                                             \
	({                                                                                         \
		struct nl_msg *message_ = (MESSAGE);                                               \
		int result_ = FUNCTION(nlmsg_hdr(message_), __VA_ARGS__);                          \
		nlmsg_free(message_);                                                              \
		result_;                                                                           \
	})

static struct nl_msg *with_address(const char *address)
{
	struct nl_msg *message = new_message(33, 0, VFVIRT_CMD_GET_MEMBERS);

	nla_put_string(message, VFVIRT_A_ADDRESS, address);
	return message;
}

/* A member with one attribute of a wrong length. */
static struct nl_msg *with_length(int attribute, int length)
{
	static const unsigned char bytes[512];
	struct nl_msg *message = with_address(VF0);

	nla_put(message, attribute, length, bytes);
	return message;
}

TEST(netlink_answers_of_another_form_are_refused)
{
	struct vfv_model *model = vfv_model_new();
	struct vfv_address pf = fake_address(PF), vf = fake_address(VF0);
	struct vfv_kernel_event event;
	struct vfv_stats_row row;
	struct vfv_family family;
	uint32_t version;

	vfv_pf_add_vf(vfv_model_add_pf(model, &pf), 0, &vf);
	assert_int_equal(DECODE(vfv_decode_member, with_address(VF0), model), 0);
	assert_int_equal(DECODE(vfv_decode_member, with_address("0000:99:00.0"), model), 0);
	assert_int_equal(DECODE(vfv_decode_member, with_address("x"), model), -EBADMSG);
	assert_int_equal(DECODE(vfv_decode_member,
				with_address("0000:3b:00.1 longer than it may be"), model),
			 -EBADMSG);
	assert_int_equal(DECODE(vfv_decode_member, new_message(33, 0, 1), model), -EBADMSG);
	assert_int_equal(DECODE(vfv_decode_member, with_length(VFVIRT_A_MAC, 5), model), -EBADMSG);
	assert_int_equal(DECODE(vfv_decode_member, with_length(VFVIRT_A_MAC, 7), model), -EBADMSG);
	assert_int_equal(DECODE(vfv_decode_member, with_length(VFVIRT_A_OPEN_COUNT, 1), model),
			 -EBADMSG);
	assert_int_equal(DECODE(vfv_decode_member, with_length(VFVIRT_A_LEGACY, 0), model),
			 -EBADMSG);
	/* One from a newer module is skipped. */
	assert_int_equal(DECODE(vfv_decode_member, with_length(VFVIRT_A_COUNT + 9, 3), model), 0);
	assert_int_equal(DECODE(vfv_decode_owner, with_address(PF), model), -EBADMSG);
	assert_int_equal(DECODE(vfv_decode_stats, with_address(VF0), &row), -EBADMSG);
	assert_int_equal(DECODE(vfv_decode_stats, with_length(VFVIRT_A_LATENCY, 255), &row),
			 -EBADMSG);
	assert_int_equal(DECODE(vfv_decode_event, with_address(VF0), &event), -EBADMSG);
	assert_int_equal(DECODE(vfv_decode_version, with_address(VF0), &version), -EBADMSG);
	assert_int_equal(DECODE(vfv_decode_family, new_message(GENL_ID_CTRL, 0, 1), &family),
			 -EBADMSG);
	vfv_model_free(model);
}

TEST(netlink_large_numbers_stay_numbers)
{
	struct vfv_model *model = vfv_model_new();
	struct vfv_address pf = fake_address(PF), vf = fake_address(VF0);
	struct vfv_vf *at = vfv_pf_add_vf(vfv_model_add_pf(model, &pf), 0, &vf);
	struct nl_msg *message = with_address(VF0);

	nla_put_u32(message, VFVIRT_A_OPEN_COUNT, UINT32_MAX);
	nla_put_u8(message, VFVIRT_A_SEALED, 200);
	nla_put_u8(message, VFVIRT_A_NOTIFY_PATH, 200);
	nla_put_u8(message, VFVIRT_A_LEGACY, 0);
	nla_put_u32(message, VFVIRT_A_REASON, UINT32_MAX);
	assert_int_equal(DECODE(vfv_decode_member, message, model), 0);
	assert_int_equal(at->open_count, INT32_MAX);
	assert_int_equal(at->sealed, 1);
	assert_null(at->notify_path);
	assert_has(at->legacy_reason, "not known");
	vfv_model_free(model);
}

TEST(netlink_kernel_without_the_module_says_so)
{
	struct vfv_host host = {.netlink = NULL};

	error = VFV_NO_ERROR;
	if (!vfv_netlink_open(&host, &netlink, &error)) {
		end();
		skip();
	}
	assert_int_equal(error.code, VFV_ERROR_KERNEL_MODULE);
}
