// SPDX-License-Identifier: GPL-2.0-only
/*
 * The generic netlink family "vfvirt": its commands, and what each accepts. uapi/vfvirt.h is the
 * contract; the dumps stand in dump.c, the events in event.c.
 */
#include <linux/module.h>

#include "dump.h"

/* One policy a command: an attribute that is not in it is refused. */
static const struct nla_policy policy_none[VFVIRT_A_MAX + 1] = {};

static const struct nla_policy policy_address[VFVIRT_A_MAX + 1] = {
	[VFVIRT_A_ADDRESS] = { .type = NLA_NUL_STRING, .len = VFVIRT_ADDRESS_BYTES - 1 },
};

static const struct nla_policy policy_members[VFVIRT_A_MAX + 1] = {
	[VFVIRT_A_ADDRESS] = { .type = NLA_NUL_STRING, .len = VFVIRT_ADDRESS_BYTES - 1 },
	[VFVIRT_A_READ_MAC] = { .type = NLA_FLAG },
};

static int version_get(struct sk_buff *request, struct genl_info *info)
{
	struct sk_buff *reply = genlmsg_new(nla_total_size(sizeof(u32)), GFP_KERNEL);
	void *header;

	if (!reply)
		return -ENOMEM;
	header = genlmsg_put_reply(reply, info, &vfvirt_genl_family, 0, VFVIRT_CMD_GET_VERSION);
	if (!header || nla_put_u32(reply, VFVIRT_A_CONTRACT_VERSION, VFVIRT_CONTRACT_VERSION)) {
		nlmsg_free(reply);
		return -EMSGSIZE;
	}
	genlmsg_end(reply, header);
	return genlmsg_reply(reply, info);
}

static int seal_or_unseal(struct genl_info *info, bool sealed)
{
	struct nlattr *address = info->attrs[VFVIRT_A_ADDRESS];
	struct vfvirt_member *member;
	int error = -ENODEV;

	if (!address) {
		NL_SET_ERR_MSG(info->extack, "ADDRESS of a VF is missing");
		return -EINVAL;
	}
	mutex_lock(&vfvirt_registry_mutex);
	member = vfvirt_member_find_address(nla_data(address));
	if (member)
		error = vfvirt_member_seal(member, sealed);
	mutex_unlock(&vfvirt_registry_mutex);
	if (error == -ENODEV)
		NL_SET_ERR_MSG_ATTR(info->extack, address, "no driver of vfvirt has such a VF");
	if (error == -EBUSY)
		NL_SET_ERR_MSG_ATTR(info->extack, address, "the VF is open");
	return error;
}

static int seal(struct sk_buff *request, struct genl_info *info)
{
	return seal_or_unseal(info, true);
}

static int unseal(struct sk_buff *request, struct genl_info *info)
{
	return seal_or_unseal(info, false);
}

static bool address_matches(struct nlattr *address, struct pci_dev *pdev)
{
	return !address || !strcmp(pci_name(pdev), nla_data(address));
}

static int stats_reset(struct sk_buff *request, struct genl_info *info)
{
	struct nlattr *address = info->attrs[VFVIRT_A_ADDRESS];
	struct vfvirt_member *member;
	struct vfvirt_owner *owner;
	bool found = !address;

	mutex_lock(&vfvirt_registry_mutex);
	list_for_each_entry(owner, &vfvirt_owners, node) {
		if (!address_matches(address, owner->pdev))
			continue;
		found = true;
		vfvirt_stats_reset(owner, &owner->stats);
		list_for_each_entry(member, &owner->members, sibling)
			vfvirt_stats_reset(owner, &member->stats);
	}
	list_for_each_entry(member, &vfvirt_members, node) {
		if (!address_matches(address, member->vf))
			continue;
		found = true;
		vfvirt_stats_reset(vfvirt_member_owner(member), &member->stats);
	}
	mutex_unlock(&vfvirt_registry_mutex);
	if (found)
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, address, "no such owner or member");
	return -ENODEV;
}

static const struct genl_ops operations[] = {
	{
		.cmd = VFVIRT_CMD_GET_VERSION,
		.flags = GENL_ADMIN_PERM,
		.policy = policy_none,
		.maxattr = VFVIRT_A_MAX,
		.doit = version_get,
	}, {
		.cmd = VFVIRT_CMD_GET_OWNERS,
		.flags = GENL_ADMIN_PERM,
		.policy = policy_none,
		.maxattr = VFVIRT_A_MAX,
		.dumpit = vfvirt_dump_owners,
	}, {
		.cmd = VFVIRT_CMD_GET_MEMBERS,
		.flags = GENL_ADMIN_PERM,
		.policy = policy_members,
		.maxattr = VFVIRT_A_MAX,
		.start = vfvirt_dump_members_start,
		.dumpit = vfvirt_dump_members,
		.done = vfvirt_dump_members_done,
	}, {
		.cmd = VFVIRT_CMD_SEAL,
		.flags = GENL_ADMIN_PERM,
		.policy = policy_address,
		.maxattr = VFVIRT_A_MAX,
		.doit = seal,
	}, {
		.cmd = VFVIRT_CMD_UNSEAL,
		.flags = GENL_ADMIN_PERM,
		.policy = policy_address,
		.maxattr = VFVIRT_A_MAX,
		.doit = unseal,
	}, {
		.cmd = VFVIRT_CMD_GET_STATS,
		.flags = GENL_ADMIN_PERM,
		.policy = policy_address,
		.maxattr = VFVIRT_A_MAX,
		.dumpit = vfvirt_dump_stats,
	}, {
		.cmd = VFVIRT_CMD_RESET_STATS,
		.flags = GENL_ADMIN_PERM,
		.policy = policy_address,
		.maxattr = VFVIRT_A_MAX,
		.doit = stats_reset,
	},
};

static const struct genl_multicast_group groups[] = {
	{ .name = VFVIRT_GENL_GROUP_EVENTS, .flags = GENL_MCAST_CAP_NET_ADMIN },
};

struct genl_family vfvirt_genl_family __ro_after_init = {
	.name = VFVIRT_GENL_NAME,
	.version = VFVIRT_GENL_VERSION,
	.module = THIS_MODULE,
	.ops = operations,
	.n_ops = ARRAY_SIZE(operations),
	.mcgrps = groups,
	.n_mcgrps = ARRAY_SIZE(groups),
	.resv_start_op = VFVIRT_CMD_GET_VERSION,
	/* A dump may wait for a device: other families and requests must not wait with it. */
	.parallel_ops = true,
};

/**
 * vfvirt_netlink_start() - the family exists from now on
 *
 * Return: 0 or negative errno.
 */
int __init vfvirt_netlink_start(void)
{
	return genl_register_family(&vfvirt_genl_family);
}

/**
 * vfvirt_netlink_stop() - the family is gone; no request runs any more
 */
void vfvirt_netlink_stop(void)
{
	genl_unregister_family(&vfvirt_genl_family);
}
