/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel modules say over generic netlink, on a unix seqpacket socket: the family as
 * kernel/include/uapi/vfvirt.h has it, and a second socket that only sends events.
 */
#include "card.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault.h"
#include "socket.h"
#include "vfvirt.h"

#define FAMILY	      33
#define GROUP	      7
#define PIECE_BYTES   8192 /* several messages come in one piece, as from the kernel */
#define LISTENERS_MAX 16

static int listeners[LISTENERS_MAX];
static size_t listener_count;

/* What a test asked for. */
static struct {
	bool unloaded;
	bool silent;
	uint32_t version;
	unsigned int interrupted; /* so many dumps say that things changed meanwhile */
	int command, error;	  /* this command fails */
} wish = {.version = VFVIRT_CONTRACT_VERSION};

/* An answer under way to one client. */
struct answer {
	int fd;
	const struct nlmsghdr *question;
	uint16_t flags; /* of each message */
	size_t length;
	unsigned char piece[PIECE_BYTES];
};

static void flush(struct answer *answer)
{
	if (answer->length && send(answer->fd, answer->piece, answer->length, MSG_NOSIGNAL) < 0)
		answer->length = 0;
	answer->length = 0;
}

static void append(struct answer *answer, const void *message, size_t length)
{
	if (answer->length + NLMSG_ALIGN(length) > sizeof(answer->piece))
		flush(answer);
	memcpy(answer->piece + answer->length, message, length);
	answer->length += NLMSG_ALIGN(length);
}

/* Begin and end a message of a family. */
static struct nl_msg *begin(const struct answer *answer, int family, uint8_t command)
{
	struct nl_msg *message = nlmsg_alloc();

	genlmsg_put(message, 0, answer->question ? answer->question->nlmsg_seq : 0, family, 0,
		    answer->flags, command, VFVIRT_GENL_VERSION);
	return message;
}

static void end(struct answer *answer, struct nl_msg *message)
{
	append(answer, nlmsg_hdr(message), nlmsg_hdr(message)->nlmsg_len);
	nlmsg_free(message);
}

/* The acknowledgement, or the end of a dump: a number, and nothing behind it. */
static void finish(struct answer *answer, uint16_t type, int error)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr body;
	} last = {.header = {.nlmsg_type = type,
			     .nlmsg_seq = answer->question->nlmsg_seq,
			     .nlmsg_flags = answer->flags},
		  .body = {.error = error, .msg = *answer->question}};

	last.header.nlmsg_len = type == NLMSG_DONE ? NLMSG_LENGTH(sizeof(int)) : sizeof(last);
	append(answer, &last, last.header.nlmsg_len);
	flush(answer);
}

static void tell_family(struct answer *answer)
{
	struct nl_msg *message = begin(answer, GENL_ID_CTRL, CTRL_CMD_NEWFAMILY);
	struct nlattr *groups, *group;

	nla_put_string(message, CTRL_ATTR_FAMILY_NAME, VFVIRT_GENL_NAME);
	nla_put_u16(message, CTRL_ATTR_FAMILY_ID, FAMILY);
	groups = nla_nest_start(message, CTRL_ATTR_MCAST_GROUPS);
	group = nla_nest_start(message, 1);
	nla_put_u32(message, CTRL_ATTR_MCAST_GRP_ID, GROUP);
	nla_put_string(message, CTRL_ATTR_MCAST_GRP_NAME, VFVIRT_GENL_GROUP_EVENTS);
	nla_nest_end(message, group);
	nla_nest_end(message, groups);
	end(answer, message);
}

/* State of an owner and, unless ready, the reason. */
static int owner_state(const struct fake_pf *pf, int *ret_reason)
{
	*ret_reason = pf->owner_reason;
	if (pf->owner_state >= 0)
		return pf->owner_state;
	*ret_reason = pf->is_virtio_late ? VFVIRT_REASON_NO_DRIVER : VFVIRT_REASON_NONE;
	return pf->is_virtio_late ? VFVIRT_OWNER_ABSENT : VFVIRT_OWNER_READY;
}

static bool is_owner(const struct fake_pf *pf)
{
	return !pf->gone && pf->function.driver && !pf->function.driver->vfio;
}

static void tell_owner(struct answer *answer, const struct fake_pf *pf)
{
	struct nl_msg *message = begin(answer, FAMILY, VFVIRT_CMD_GET_OWNERS);
	bool own = !strcmp(pf->function.driver->name, "vfvirt_pf");
	int reason, state = owner_state(pf, &reason);

	nla_put_string(message, VFVIRT_A_ADDRESS, pf->function.address);
	nla_put_string(message, VFVIRT_A_PROVIDER, own ? "vfvirt" : "intree");
	nla_put_string(message, VFVIRT_A_CLASS_DRIVER, "virtio_net");
	nla_put_u32(message, VFVIRT_A_STATE, (uint32_t)state);
	if (state != VFVIRT_OWNER_READY)
		nla_put_u32(message, VFVIRT_A_REASON, (uint32_t)reason);
	nla_put_u64(message, VFVIRT_A_OPCODES, pf->opcodes);
	if (own) {
		nla_put_u64(message, VFVIRT_A_DEVICE_FEATURES, 1ull << 41 | 1ull << 32);
		nla_put_u64(message, VFVIRT_A_DRIVER_FEATURES, 1ull << 41 | 1ull << 32);
		nla_put_u16(message, VFVIRT_A_ADMIN_QUEUE_INDEX, 3);
		nla_put_u16(message, VFVIRT_A_ADMIN_QUEUE_NUM, 1);
		nla_put_u16(message, VFVIRT_A_ADMIN_QUEUE_DEPTH, 32);
		nla_put_u32(message, VFVIRT_A_IN_FLIGHT, 0);
	}
	end(answer, message);
}

static void tell_member(struct answer *answer, const struct fake_function *vf, bool read_mac)
{
	struct nl_msg *message = begin(answer, FAMILY, VFVIRT_CMD_GET_MEMBERS);
	unsigned char mac[6] = {
		0x52, 0x54, 0, (unsigned char)(vf->pf - fake_pfs), 0, (unsigned char)vf->vf_index};
	int reason = vf->legacy_reason, of_owner;

	if (!reason && owner_state(vf->pf, &of_owner) != VFVIRT_OWNER_READY)
		reason = of_owner;
	nla_put_string(message, VFVIRT_A_ADDRESS, vf->address);
	nla_put_string(message, VFVIRT_A_OWNER_ADDRESS, vf->pf->function.address);
	nla_put_u16(message, VFVIRT_A_MEMBER_ID, (uint16_t)(vf->vf_index + 1));
	if (vf->driver)
		nla_put_string(message, VFVIRT_A_DRIVER, vf->driver->name);
	nla_put_u8(message, VFVIRT_A_LEGACY, !reason);
	if (reason)
		nla_put_u32(message, VFVIRT_A_REASON, (uint32_t)reason);
	if (read_mac && vf->mac_error)
		nla_put_u32(message, VFVIRT_A_MAC_ERROR, (uint32_t)vf->mac_error);
	else if (read_mac)
		nla_put(message, VFVIRT_A_MAC, sizeof(mac), mac);
	if (vf->driver && vf->driver->sealable) {
		nla_put_u32(message, VFVIRT_A_OPEN_COUNT, vf->open_count);
		nla_put_u32(message, VFVIRT_A_FAILURE_COUNT, 0);
		nla_put_u8(message, VFVIRT_A_SEALED, vf->sealed);
		nla_put_u8(message, VFVIRT_A_MSIX_ON, vf->open_count > 0);
		nla_put_u8(message, VFVIRT_A_NOTIFY_PATH,
			   vf->open_count ? VFVIRT_NOTIFY_PATH_MEMBER_BAR : 0);
	}
	end(answer, message);
}

static void tell_stats(struct answer *answer, const struct fake_function *function)
{
	uint64_t latency[VFVIRT_LATENCY_BUCKETS] = {[12] = 90, [13] = 10};

	if (function->counters_reset)
		return;
	for (unsigned int opcode = 2; opcode < 4; opcode++) {
		struct nl_msg *message = begin(answer, FAMILY, VFVIRT_CMD_GET_STATS);

		nla_put_string(message, VFVIRT_A_ADDRESS, function->address);
		if (function->pf)
			nla_put_u16(message, VFVIRT_A_MEMBER_ID,
				    (uint16_t)(function->vf_index + 1));
		nla_put_u16(message, VFVIRT_A_OPCODE, (uint16_t)opcode);
		nla_put_u64(message, VFVIRT_A_COMMANDS, 103);
		nla_put_u64(message, VFVIRT_A_OK, 100);
		nla_put_u64(message, VFVIRT_A_REFUSED, 2);
		nla_put_u64(message, VFVIRT_A_ERRORS, 0);
		nla_put_u64(message, VFVIRT_A_TIMEOUTS, 1);
		nla_put_u64(message, VFVIRT_A_RETRIES, 4);
		nla_put_u64(message, VFVIRT_A_LATE, 1);
		nla_put_u64(message, VFVIRT_A_ABORTED, 0);
		nla_put(message, VFVIRT_A_LATENCY, sizeof(latency), latency);
		end(answer, message);
	}
}

/* The object that a question is about; false: about one that is not there. NULL: about all. */
static bool find_object(struct nlattr *attribute, struct fake_function **ret_object)
{
	*ret_object = attribute ? fake_function_find(nla_get_string(attribute)) : NULL;
	return !attribute || *ret_object;
}

static void dump(struct answer *answer, uint8_t command, struct nlattr *a[VFVIRT_A_COUNT])
{
	struct fake_function *only;

	if (!find_object(a[VFVIRT_A_ADDRESS], &only))
		return finish(answer, NLMSG_DONE, 0);
	answer->flags = NLM_F_MULTI;
	if (wish.interrupted) {
		wish.interrupted--;
		answer->flags |= NLM_F_DUMP_INTR;
	}
	for (unsigned int i = 0; i < fake_pf_count; i++) {
		const struct fake_pf *pf = &fake_pfs[i];

		if (!is_owner(pf))
			continue;
		if (command == VFVIRT_CMD_GET_OWNERS)
			tell_owner(answer, pf);
		if (command == VFVIRT_CMD_GET_STATS && (!only || only == &pf->function))
			tell_stats(answer, &pf->function);
		for (unsigned int j = 0; j < pf->vfs_now; j++) {
			if (command == VFVIRT_CMD_GET_MEMBERS && (!only || only == &pf->function))
				tell_member(answer, pf->vfs[j], a[VFVIRT_A_READ_MAC]);
			if (command == VFVIRT_CMD_GET_STATS && (!only || only == pf->vfs[j]))
				tell_stats(answer, pf->vfs[j]);
		}
	}
	finish(answer, NLMSG_DONE, 0);
}

static int seal(struct nlattr *a[VFVIRT_A_COUNT], bool value)
{
	struct fake_function *vf;

	if (!a[VFVIRT_A_ADDRESS])
		return -EINVAL;
	if (!find_object(a[VFVIRT_A_ADDRESS], &vf) || !vf->driver || !vf->driver->sealable)
		return -ENODEV;
	if (value && vf->open_count)
		return -EBUSY;
	vf->sealed = value;
	return 0;
}

/* Of an owner with its members, of a member, or of all. */
static int reset_counters(struct nlattr *a[VFVIRT_A_COUNT])
{
	struct fake_function *only;

	if (!find_object(a[VFVIRT_A_ADDRESS], &only))
		return -ENODEV;
	for (unsigned int i = 0; i < fake_pf_count; i++) {
		struct fake_pf *pf = &fake_pfs[i];

		if (!only || only == &pf->function)
			pf->function.counters_reset = true;
		for (unsigned int j = 0; j < pf->vfs_now; j++)
			if (!only || only == &pf->function || only == pf->vfs[j])
				pf->vfs[j]->counters_reset = true;
	}
	return 0;
}

static int do_command(struct answer *answer, uint8_t command, struct nlattr *a[VFVIRT_A_COUNT])
{
	struct nl_msg *message;

	switch (command) {
	case VFVIRT_CMD_GET_VERSION:
		message = begin(answer, FAMILY, command);
		nla_put_u32(message, VFVIRT_A_CONTRACT_VERSION, wish.version);
		end(answer, message);
		return 0;
	case VFVIRT_CMD_SEAL:
	case VFVIRT_CMD_UNSEAL:
		return seal(a, command == VFVIRT_CMD_SEAL);
	case VFVIRT_CMD_RESET_STATS:
		return reset_counters(a);
	default:
		return -EOPNOTSUPP;
	}
}

/* With fake_lock held. */
static void answer_question(struct answer *answer, struct nlmsghdr *question)
{
	struct genlmsghdr *family = nlmsg_data(question);
	struct nlattr *a[VFVIRT_A_COUNT];

	if (question->nlmsg_type == GENL_ID_CTRL) {
		if (wish.unloaded)
			return finish(answer, NLMSG_ERROR, -ENOENT);
		tell_family(answer);
		return finish(answer, NLMSG_ERROR, 0);
	}
	if (question->nlmsg_type != FAMILY || genlmsg_parse(question, 0, a, VFVIRT_A_MAX, NULL) < 0)
		return finish(answer, NLMSG_ERROR, -EINVAL);
	if (wish.error && family->cmd == wish.command)
		return finish(answer, NLMSG_ERROR, -wish.error);
	if ((question->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP)
		return dump(answer, family->cmd, a);
	finish(answer, NLMSG_ERROR, do_command(answer, family->cmd, a));
}

static void *serve_client(void *context)
{
	struct answer answer = {.fd = (int)(intptr_t)context};
	unsigned char piece[PIECE_BYTES] __attribute__((aligned(8)));
	ssize_t length;

	while ((length = recv(answer.fd, piece, sizeof(piece), 0)) > 0) {
		struct nlmsghdr *question = (struct nlmsghdr *)piece;

		if (!nlmsg_ok(question, (int)length))
			break;
		answer.question = question;
		answer.flags = 0;
		pthread_mutex_lock(&fake_lock);
		if (!wish.silent)
			answer_question(&answer, question);
		pthread_mutex_unlock(&fake_lock);
	}
	close(answer.fd);
	return NULL;
}

static void *serve_listener(void *context)
{
	int fd = (int)(intptr_t)context;

	pthread_mutex_lock(&fake_lock);
	if (listener_count < LISTENERS_MAX)
		listeners[listener_count++] = fd;
	pthread_cond_broadcast(&fake_changed);
	pthread_mutex_unlock(&fake_lock);
	return NULL;
}

void fake_netlink_event(int event, const char *address)
{
	struct answer answer = {.fd = -1};
	struct nl_msg *message = begin(&answer, FAMILY, VFVIRT_CMD_EVENT);

	nla_put_u32(message, VFVIRT_A_EVENT, (uint32_t)event);
	nla_put_string(message, VFVIRT_A_ADDRESS, address);
	/* A listener that does not keep up loses events, as with the kernel. */
	for (size_t i = 0; i < listener_count; i++)
		send(listeners[i], nlmsg_hdr(message), nlmsg_hdr(message)->nlmsg_len,
		     MSG_NOSIGNAL | MSG_DONTWAIT);
	nlmsg_free(message);
}

/* version N | unloaded 0|1 | silent 0|1 | interrupt N | fail COMMAND ERRNO | event KIND ADDRESS */
int fake_netlink_command(char **words, int count)
{
	unsigned long number = count > 2 ? strtoul(words[2], NULL, 10) : 0;

	if (count < 3)
		return -EINVAL;
	if (!strcmp(words[1], "version"))
		wish.version = (uint32_t)number;
	else if (!strcmp(words[1], "unloaded"))
		wish.unloaded = number;
	else if (!strcmp(words[1], "silent"))
		wish.silent = number;
	else if (!strcmp(words[1], "interrupt"))
		wish.interrupted = (unsigned int)number;
	else if (!strcmp(words[1], "event") && count > 3)
		fake_netlink_event((int)number, words[3]);
	else if (!strcmp(words[1], "fail") && count > 3) {
		wish.command = (int)number;
		wish.error = fake_errno(words[3]);
	} else
		return -EINVAL;
	return 0;
}

void fake_netlink_start(const char *path)
{
	char events[128];

	snprintf(events, sizeof(events), "%s.events", path);
	fake_listen(path, SOCK_SEQPACKET, serve_client);
	fake_listen(events, SOCK_SEQPACKET, serve_listener);
}
