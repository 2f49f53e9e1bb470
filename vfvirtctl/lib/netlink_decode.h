/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads single messages of the family "vfvirt". Pure; nothing in a message is trusted. */
#ifndef VFV_LIB_NETLINK_DECODE_H
#define VFV_LIB_NETLINK_DECODE_H

#include <stdint.h>

#include <netlink/msg.h>

#include "model.h"
#include "netlink.h"

/* The answer of nlctrl about a family. */
struct vfv_family {
	uint16_t id;	/* 0: not told */
	uint32_t group; /* of the multicast group "events"; 0: not told */
};

/*
 * Each takes one message. 0; -EBADMSG: it is not of the form that the contract says; -ENOMEM.
 * What is about a PF or VF that the model does not have is skipped.
 */
int vfv_decode_family(struct nlmsghdr *message, struct vfv_family *ret_family);
int vfv_decode_version(struct nlmsghdr *message, uint32_t *ret_version);
int vfv_decode_owner(struct nlmsghdr *message, struct vfv_model *model);
int vfv_decode_member(struct nlmsghdr *message, struct vfv_model *model);
int vfv_decode_stats(struct nlmsghdr *message, struct vfv_stats_row *ret_row);
int vfv_decode_event(struct nlmsghdr *message, struct vfv_kernel_event *ret_event);

#endif
