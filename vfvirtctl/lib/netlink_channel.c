/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions and answers of generic netlink, with a limit on every wait. */
#include "netlink_channel.h"

#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cleanup.h"
#include "clock.h"

/* The kernel's error numbers end here. */
#define ERRNO_MAX 4095

static int open_kernel(void)
{
	struct sockaddr_nl own = {.nl_family = AF_NETLINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&own, sizeof(own))) {
		vfv_close(fd);
		fd = -1;
	}
	return fd;
}

static int open_stand_in(const char *path)
{
	struct sockaddr_un other = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(other.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(other.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&other, sizeof(other))) {
		vfv_close(fd);
		fd = -1;
	}
	return fd;
}

int vfv_channel_open(const char *socket_path, struct vfv_channel *ret_channel)
{
	int fd = socket_path ? open_stand_in(socket_path) : open_kernel();

	if (fd < 0)
		return -errno;
	*ret_channel = (struct vfv_channel){.fd = fd, .sequence = (uint32_t)vfv_now_ms()};
	return 0;
}

void vfv_channel_close(struct vfv_channel *channel)
{
	vfv_close(channel->fd);
	channel->fd = -1;
}

/* Wait until the channel can be read: 0, -ETIMEDOUT. */
static int wait_until(const struct vfv_channel *channel, int64_t deadline_ms)
{
	for (;;) {
		struct pollfd readable = {.fd = channel->fd, .events = POLLIN};
		int64_t left = deadline_ms - vfv_now_ms();
		int ready = left <= 0 ? 0 : poll(&readable, 1, (int)left);

		if (ready > 0)
			return 0;
		if (!ready)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

/* Receive a piece without waiting: its length, 0 when it is not the kernel's, or a negative errno. */
static ssize_t receive(const struct vfv_channel *channel, void *piece)
{
	union {
		struct sockaddr_nl netlink;
		struct sockaddr_un stand_in;
	} from = {0};
	struct iovec room = {.iov_base = piece, .iov_len = VFV_CHANNEL_BYTES_MAX};
	struct msghdr header = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &room, .msg_iovlen = 1};
	ssize_t length = recvmsg(channel->fd, &header, MSG_DONTWAIT);

	if (length < 0)
		return -errno;
	if (!length)
		return -ECONNRESET;
	if (header.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	/* Any process may send to our port; only the kernel's is 0. */
	if (header.msg_namelen == sizeof(from.netlink) && from.netlink.nl_family == AF_NETLINK &&
	    from.netlink.nl_pid)
		return 0;
	return length;
}

/* The errno in an acknowledgement or at the end of a dump; checked, never taken as it comes. */
static int answered_errno(struct nlmsghdr *message)
{
	int number;

	if (nlmsg_datalen(message) < (int)sizeof(number))
		return -EPROTO;
	memcpy(&number, nlmsg_data(message), sizeof(number));
	return number <= 0 && number >= -ERRNO_MAX ? number : -EPROTO;
}

int vfv_channel_walk(void *piece, size_t length, uint32_t sequence, int *ret_interrupted,
		     vfv_channel_visit visit, void *context)
{
	struct nlmsghdr *message = piece;
	int left = (int)length, result;

	for (; nlmsg_ok(message, left); message = nlmsg_next(message, &left)) {
		if (message->nlmsg_seq != sequence)
			continue;
		if (message->nlmsg_flags & NLM_F_DUMP_INTR)
			*ret_interrupted = 1;
		switch (message->nlmsg_type) {
		case NLMSG_NOOP:
			continue;
		case NLMSG_DONE:
			/* Stand-ins and old kernels end a dump without a number. */
			result = nlmsg_datalen(message) ? answered_errno(message) : 0;
			return result ? result : VFV_WALK_END;
		case NLMSG_ERROR:
			result = answered_errno(message);
			return result ? result : VFV_WALK_END;
		default:
			result = visit ? visit(context, message) : 0;
			if (result)
				return result < 0 ? result : -EPROTO;
		}
	}
	return VFV_WALK_MORE;
}

int vfv_channel_ask(struct vfv_channel *channel, struct nl_msg *question, unsigned int limit_ms,
		    vfv_channel_visit visit, void *context)
{
	struct nlmsghdr *header = nlmsg_hdr(question);
	int64_t deadline_ms = vfv_now_ms() + limit_ms;
	VFV_FREE void *piece = malloc(VFV_CHANNEL_BYTES_MAX);
	int interrupted = 0, walked = VFV_WALK_MORE;

	if (!piece)
		return -ENOMEM;
	header->nlmsg_seq = ++channel->sequence;
	header->nlmsg_pid = 0;
	header->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (send(channel->fd, header, header->nlmsg_len, MSG_NOSIGNAL) < 0)
		return -errno;
	while (walked == VFV_WALK_MORE) {
		int error = wait_until(channel, deadline_ms);
		ssize_t length = error ? error : receive(channel, piece);

		if (length == -EAGAIN || length == -EINTR)
			continue;
		if (length < 0)
			return (int)length;
		walked = vfv_channel_walk(piece, (size_t)length, channel->sequence, &interrupted,
					  visit, context);
	}
	if (walked < 0)
		return walked;
	return interrupted ? -EINTR : 0;
}

int vfv_channel_read_events(struct vfv_channel *channel, vfv_channel_visit visit, void *context)
{
	VFV_FREE void *piece = malloc(VFV_CHANNEL_BYTES_MAX);
	bool lost = false;

	if (!piece)
		return -ENOMEM;
	for (;;) {
		ssize_t length = receive(channel, piece);
		int ignored = 0, walked;

		if (length == -EAGAIN)
			return lost ? -ENOBUFS : 0;
		if (length == -ENOBUFS)
			lost = true;
		if (length == -ENOBUFS || length == -EINTR)
			continue;
		if (length < 0)
			return (int)length;
		/* Nobody asked for an event, so its sequence number is 0. */
		walked = vfv_channel_walk(piece, (size_t)length, 0, &ignored, visit, context);
		if (walked < 0)
			return walked;
	}
}
