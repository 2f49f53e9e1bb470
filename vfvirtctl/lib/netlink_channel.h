/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions and answers of generic netlink, with a limit on every wait. Knows nothing of the
 * family. The other end is the kernel or, for tests, a unix seqpacket socket.
 */
#ifndef VFV_LIB_NETLINK_CHANNEL_H
#define VFV_LIB_NETLINK_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include <netlink/msg.h>

struct vfv_channel {
	int fd;		   /* -1: closed */
	uint32_t sequence; /* of the last question */
};

#define VFV_CHANNEL_CLOSED ((struct vfv_channel){.fd = -1})

/* Messages come in pieces of at most this size; the kernel's are far smaller. */
#define VFV_CHANNEL_BYTES_MAX 65536

/* Gets each message that is an answer; a value other than 0 ends the walk with it. */
typedef int (*vfv_channel_visit)(void *context, struct nlmsghdr *message);

/**
 * vfv_channel_open - connect to the kernel, or to what stands in for it
 * @socket_path: a unix seqpacket socket; NULL: the kernel
 * @ret_channel: vfv_channel_close() it
 *
 * Return: 0 or a negative errno.
 */
int vfv_channel_open(const char *socket_path, struct vfv_channel *ret_channel);
void vfv_channel_close(struct vfv_channel *channel);

/**
 * vfv_channel_ask - send a question and visit its answers until the last one
 * @channel: open
 * @question: made with genlmsg_put(); sequence and port are filled in here
 * @limit_ms: for all of it
 * @visit: may be NULL
 *
 * Return: 0; the error of the answer; -EINTR: things changed during a dump, ask again; -ETIMEDOUT;
 * -EPROTO: an answer that is none; what @visit returned.
 */
int vfv_channel_ask(struct vfv_channel *channel, struct nl_msg *question, unsigned int limit_ms,
		    vfv_channel_visit visit, void *context);

/* How a piece of an answer ended. */
enum vfv_walk {
	VFV_WALK_MORE, /* more pieces follow */
	VFV_WALK_END,
};

/**
 * vfv_channel_walk - visit the messages in a piece that was received
 * @piece: @length bytes, of which nothing is trusted; aligned as struct nlmsghdr
 * @sequence: of the question; messages of others are skipped
 * @ret_interrupted: set to 1 when a message says so, else left
 *
 * Return: an enum vfv_walk, or a negative errno as vfv_channel_ask().
 */
int vfv_channel_walk(void *piece, size_t length, uint32_t sequence, int *ret_interrupted,
		     vfv_channel_visit visit, void *context);

/**
 * vfv_channel_read_events - visit the messages that have come, without waiting
 *
 * Return: 0; -ENOBUFS: some were lost; another negative errno: the channel is of no use any more.
 */
int vfv_channel_read_events(struct vfv_channel *channel, vfv_channel_visit visit, void *context);

#endif
