/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shims: the source is written for the newest supported kernel; what an older one lacks is given
 * its new name here, by the answers of the probes.
 */
#ifndef VFVIRT_COMPAT_H
#define VFVIRT_COMPAT_H

#include "compat_probes.h"

#include <linux/netlink.h>
#include <net/genetlink.h>
#if VFVIRT_HAVE_LINUX_UNALIGNED
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

/**
 * vfvirt_dump_attrs() - the parsed attributes of a dump request
 * @cb: the dump in progress
 *
 * Before v6.6 they stood in struct genl_dumpit_info itself.
 *
 * Return: the table of attributes, indexed by type, owned by the dump.
 */
static inline struct nlattr **vfvirt_dump_attrs(struct netlink_callback *cb)
{
#if VFVIRT_HAVE_GENL_INFO_DUMP
	return genl_info_dump(cb)->attrs;
#else
	return genl_dumpit_info(cb)->attrs;
#endif
}

#endif
