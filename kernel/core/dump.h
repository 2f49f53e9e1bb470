/* SPDX-License-Identifier: GPL-2.0-only */
/* The dumps of the netlink family, as its table of operations calls them. */
#ifndef DUMP_H
#define DUMP_H

#include "core.h"

int vfvirt_dump_owners(struct sk_buff *skb, struct netlink_callback *cb);
int vfvirt_dump_members_start(struct netlink_callback *cb);
int vfvirt_dump_members(struct sk_buff *skb, struct netlink_callback *cb);
int vfvirt_dump_members_done(struct netlink_callback *cb);
int vfvirt_dump_stats(struct sk_buff *skb, struct netlink_callback *cb);

/* dump.c: what the dumps of owners and members share */
void vfvirt_driver_name(struct device *dev, char *ret_name, size_t name_bytes);

#endif
