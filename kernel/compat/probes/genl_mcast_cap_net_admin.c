// SPDX-License-Identifier: GPL-2.0-only
/*
 * v6.8 "genetlink: Use internal flags for multicast groups", also in later 6.1 and 6.6 point
 * releases. Required: without it anybody could listen to the events.
 */
#include <net/genetlink.h>

extern const struct genl_multicast_group vfvirt_probe[];
const struct genl_multicast_group vfvirt_probe[] = {
	{ .name = "probe", .flags = GENL_MCAST_CAP_NET_ADMIN },
};
