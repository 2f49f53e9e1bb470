// SPDX-License-Identifier: GPL-2.0-or-later
/* A client of the netlink family "vfvirt", on a bare socket. */
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "genl.h"
#include "test.h"

#define ANSWER_BYTES 65536
#define SMALL_ANSWER_BYTES 8192
#define EVENT_LIMIT_MS 5000
#define ANSWER_LIMIT_MS 60000

static int fd = -1, event_fd = -1;
static uint16_t family_id;
static uint32_t events_group;
static uint32_t sequence;
static uint8_t answer[ANSWER_BYTES] __attribute__((aligned(8)));
static size_t answer_bytes = ANSWER_BYTES;
static uint8_t kept_answer[ANSWER_BYTES] __attribute__((aligned(8)));

static size_t aligned(size_t length)
{
	return (length + 3) & ~(size_t)3;
}

static void begin(struct genl_request *request, uint16_t type, uint8_t command, uint8_t version)
{
	struct nlmsghdr *header = (struct nlmsghdr *)request->bytes;
	struct genlmsghdr *genl = (struct genlmsghdr *)(header + 1);

	memset(request, 0, sizeof(*request));
	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	genl->cmd = command;
	genl->version = version;
	request->length = sizeof(*header) + sizeof(*genl);
}

void genl_request(struct genl_request *request, uint8_t command)
{
	begin(request, family_id, command, VFVIRT_GENL_VERSION);
}

void genl_add(struct genl_request *request, uint16_t type, const void *data, size_t length)
{
	struct nlattr *attr = (struct nlattr *)(request->bytes + request->length);

	CHECK(request->length + NLA_HDRLEN + aligned(length) <= sizeof(request->bytes),
	      "request too long");
	attr->nla_type = type;
	attr->nla_len = NLA_HDRLEN + length;
	if (length)
		memcpy(attr + 1, data, length);
	request->length += NLA_HDRLEN + aligned(length);
}

static void send_request(struct genl_request *request, uint16_t flags)
{
	struct nlmsghdr *header = (struct nlmsghdr *)request->bytes;

	header->nlmsg_len = request->length;
	header->nlmsg_flags |= flags;
	header->nlmsg_seq = ++sequence;
	CHECK(send(fd, request->bytes, request->length, 0) == (ssize_t)request->length,
	      "cannot send a netlink request: %s", strerror(errno));
}

static size_t receive(int from, int limit_ms)
{
	struct pollfd wait = { .fd = from, .events = POLLIN };
	ssize_t length;

	CHECK(poll(&wait, 1, limit_ms) == 1, "nothing came over netlink within %d ms", limit_ms);
	length = recv(from, answer, answer_bytes, 0);
	CHECK(length > 0, "cannot receive over netlink: %s", strerror(errno));
	return length;
}

static void parse(const struct nlmsghdr *header, struct genl_message *ret_message)
{
	const struct genlmsghdr *genl = (const void *)(header + 1);
	const uint8_t *at = (const void *)(genl + 1), *end = (const uint8_t *)header +
							     header->nlmsg_len;

	memset(ret_message, 0, sizeof(*ret_message));
	ret_message->command = genl->cmd;
	ret_message->interrupted = header->nlmsg_flags & NLM_F_DUMP_INTR;
	while (at + NLA_HDRLEN <= end) {
		const struct nlattr *attr = (const void *)at;
		uint16_t type = attr->nla_type & NLA_TYPE_MASK;

		CHECK(attr->nla_len >= NLA_HDRLEN && at + attr->nla_len <= end,
		      "broken netlink attribute");
		if (type < VFVIRT_A_COUNT) {
			ret_message->data[type] = attr + 1;
			ret_message->length[type] = attr->nla_len - NLA_HDRLEN;
		}
		at += aligned(attr->nla_len);
	}
}

/* Reads until the verdict; *ret_count of the messages before it. */
static int collect(genl_each each, void *context, int *ret_count)
{
	struct genl_message message;

	for (*ret_count = 0;;) {
		size_t left = receive(fd, ANSWER_LIMIT_MS);
		struct nlmsghdr *header = (struct nlmsghdr *)answer;

		for (; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
			if (header->nlmsg_seq != sequence)
				continue;
			if (header->nlmsg_type == NLMSG_ERROR || header->nlmsg_type == NLMSG_DONE)
				return *(int *)NLMSG_DATA(header);
			parse(header, &message);
			++*ret_count;
			if (each)
				each(&message, context);
		}
	}
}

void genl_keep(const struct genl_message *message, void *context)
{
	struct genl_message *kept = context;

	*kept = *message;
	memcpy(kept_answer, answer, sizeof(answer));
	for (int n = 0; n < VFVIRT_A_COUNT; n++)
		if (kept->data[n])
			kept->data[n] = kept_answer + ((const uint8_t *)kept->data[n] - answer);
}

int genl_do(struct genl_request *request, struct genl_message *ret_message)
{
	int count;

	send_request(request, 0);
	return collect(ret_message ? genl_keep : NULL, ret_message, &count);
}

int genl_dump(struct genl_request *request, genl_each each, void *context)
{
	int count, error;

	send_request(request, NLM_F_DUMP);
	error = collect(each, context, &count);
	return error < 0 ? error : count;
}

static int netlink_socket(void)
{
	int made = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

	CHECK(made >= 0, "cannot open a netlink socket: %s", strerror(errno));
	return made;
}

/* The groups of the family: nested entries of name and id. */
static uint32_t first_group(const uint8_t *groups, size_t length)
{
	const struct nlattr *entry = (const void *)groups;
	const uint8_t *at = (const void *)(entry + 1);
	uint32_t id = 0;

	CHECK(length > NLA_HDRLEN, "the family has no multicast group");
	while (at < groups + entry->nla_len) {
		const struct nlattr *attr = (const void *)at;

		if (attr->nla_type == CTRL_ATTR_MCAST_GRP_ID)
			memcpy(&id, attr + 1, sizeof(id));
		at += aligned(attr->nla_len);
	}
	return id;
}

void genl_open(void)
{
	struct genl_request request;
	struct genl_message message;

	if (fd >= 0)
		close(fd);
	fd = netlink_socket();
	begin(&request, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	genl_add(&request, CTRL_ATTR_FAMILY_NAME, VFVIRT_GENL_NAME, sizeof(VFVIRT_GENL_NAME));
	CHECK_OK(genl_do(&request, &message));
	/* The controller's attribute numbers lie in the range of ours: the same table serves. */
	family_id = genl_number(&message, CTRL_ATTR_FAMILY_ID);
	events_group = first_group(message.data[CTRL_ATTR_MCAST_GROUPS],
				   message.length[CTRL_ATTR_MCAST_GROUPS]);
}

void genl_open_small(void)
{
	answer_bytes = SMALL_ANSWER_BYTES;
	genl_open();
}

int genl_seal(const char *bdf, bool sealed)
{
	struct genl_request request;

	genl_request(&request, sealed ? VFVIRT_CMD_SEAL : VFVIRT_CMD_UNSEAL);
	genl_add(&request, VFVIRT_A_ADDRESS, bdf, strlen(bdf) + 1);
	return genl_do(&request, NULL);
}

int genl_listen(void)
{
	struct sockaddr_nl any = { .nl_family = AF_NETLINK };

	event_fd = netlink_socket();
	/* A socket without a port number would be taken for the kernel itself and left out. */
	CHECK(!bind(event_fd, (struct sockaddr *)&any, sizeof(any)), "cannot bind a socket: %s",
	      strerror(errno));
	return setsockopt(event_fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &events_group,
			  sizeof(events_group)) ? -errno : 0;
}

void genl_event(struct genl_message *ret_message)
{
	receive(event_fd, EVENT_LIMIT_MS);
	parse((struct nlmsghdr *)answer, ret_message);
}

int genl_event_error(void)
{
	struct pollfd wait = { .fd = event_fd, .events = POLLIN };

	CHECK(poll(&wait, 1, EVENT_LIMIT_MS) == 1, "no error came within %d ms", EVENT_LIMIT_MS);
	return recv(event_fd, answer, answer_bytes, 0) < 0 ? -errno : 0;
}

long long genl_number(const struct genl_message *message, uint16_t type)
{
	uint64_t value = 0;

	if (!message->data[type])
		return -1;
	CHECK(message->length[type] <= sizeof(value), "attribute %u is no number", type);
	memcpy(&value, message->data[type], message->length[type]);
	return value;
}

const char *genl_text(const struct genl_message *message, uint16_t type)
{
	return message->data[type] ? message->data[type] : "";
}

/* What genl_stat() looks for, and what it found. */
struct stat_search {
	uint16_t opcode;
	uint16_t type;
	const char *bdf;
	long long value;
};

static void search_stat(const struct genl_message *message, void *context)
{
	struct stat_search *search = context;

	CHECK(!strcmp(genl_text(message, VFVIRT_A_ADDRESS), search->bdf),
	      "statistics of %s came for %s", genl_text(message, VFVIRT_A_ADDRESS), search->bdf);
	if (genl_number(message, VFVIRT_A_OPCODE) == search->opcode)
		search->value = genl_number(message, search->type);
}

long long genl_stat(const char *bdf, uint16_t opcode, uint16_t type)
{
	struct stat_search search = { opcode, type, bdf, 0 };
	struct genl_request request;

	genl_request(&request, VFVIRT_CMD_GET_STATS);
	genl_add(&request, VFVIRT_A_ADDRESS, bdf, strlen(bdf) + 1);
	CHECK_OK(genl_dump(&request, search_stat, &search));
	return search.value;
}

/* What genl_member() looks for, and what it found. */
struct member_search {
	uint16_t type;
	const char *bdf;
	long long value;
};

static void search_member(const struct genl_message *message, void *context)
{
	struct member_search *search = context;

	if (!strcmp(genl_text(message, VFVIRT_A_ADDRESS), search->bdf))
		search->value = genl_number(message, search->type);
}

long long genl_member(const char *bdf, uint16_t type)
{
	struct member_search search = { type, bdf, -1 };
	struct genl_request request;

	genl_request(&request, VFVIRT_CMD_GET_MEMBERS);
	CHECK(genl_dump(&request, search_member, &search) >= 0, "netlink does not list members");
	return search.value;
}
