// SPDX-License-Identifier: GPL-2.0-only
/* v6.6 "genetlink: add struct genl_info to struct genl_dumpit_info". */
#include <net/genetlink.h>

struct nlattr **vfvirt_probe(struct netlink_callback *cb);
struct nlattr **vfvirt_probe(struct netlink_callback *cb)
{
	return genl_info_dump(cb)->attrs;
}
