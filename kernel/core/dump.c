// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dumps of owners and of statistics.
 *
 * A dump is many short calls; between them anything may come or go. Positions are kept as counts,
 * and cb->seq tells user space when the lists changed meanwhile.
 */
#include <linux/device.h>

#include "dump.h"

#define DRIVER_NAME_BYTES 32

/**
 * vfvirt_driver_name() - the driver that a device is bound to
 * @dev: referenced
 * @ret_name: gets the name, "" when none is bound or that cannot be seen now
 * @name_bytes: size of @ret_name
 *
 * Only tries the device's lock: an unbind of an open VF holds it for as long as the user likes.
 */
void vfvirt_driver_name(struct device *dev, char *ret_name, size_t name_bytes)
{
	ret_name[0] = '\0';
	if (!device_trylock(dev))
		return;
	if (dev->driver)
		strscpy(ret_name, dev->driver->name, name_bytes);
	device_unlock(dev);
}

static int virtio_child_driver(struct device *dev, void *ret_name)
{
	if (!dev->bus || strcmp(dev->bus->name, "virtio"))
		return 0;
	vfvirt_driver_name(dev, ret_name, DRIVER_NAME_BYTES);
	return 1;
}

/* A copy of what owner->lock protects. */
struct owner_snapshot {
	enum vfvirt_owner_state state;
	enum vfvirt_owner_reason reason;
	enum vfvirt_discovery_state discovery;
	u64 opcodes;
	bool last_known;
	u16 last_opcode;
	u16 last_status;
	u16 last_qualifier;
};

static void owner_snapshot_take(struct vfvirt_owner *owner, struct owner_snapshot *ret_snapshot)
{
	spin_lock(&owner->lock);
	ret_snapshot->state = owner->state;
	ret_snapshot->reason = owner->reason;
	ret_snapshot->discovery = owner->discovery;
	ret_snapshot->opcodes = owner->opcodes;
	ret_snapshot->last_known = owner->last_known;
	ret_snapshot->last_opcode = owner->last_opcode;
	ret_snapshot->last_status = owner->last_status;
	ret_snapshot->last_qualifier = owner->last_qualifier;
	spin_unlock(&owner->lock);
}

static int put_snapshot(struct sk_buff *skb, const struct owner_snapshot *s)
{
	if (nla_put_u32(skb, VFVIRT_A_STATE, s->state))
		return -EMSGSIZE;
	if (s->reason && nla_put_u32(skb, VFVIRT_A_REASON, s->reason))
		return -EMSGSIZE;
	if (s->discovery == VFVIRT_DISCOVERY_DONE &&
	    nla_put_u64_64bit(skb, VFVIRT_A_OPCODES, s->opcodes, VFVIRT_A_PAD))
		return -EMSGSIZE;
	if (s->last_known &&
	    (nla_put_u16(skb, VFVIRT_A_LAST_OPCODE, s->last_opcode) ||
	     nla_put_u16(skb, VFVIRT_A_LAST_STATUS, s->last_status) ||
	     nla_put_u16(skb, VFVIRT_A_LAST_QUALIFIER, s->last_qualifier)))
		return -EMSGSIZE;
	return 0;
}

static int put_facts(struct sk_buff *skb, const struct vfvirt_owner_facts *facts)
{
	if (!facts->known)
		return 0;
	if (nla_put_u64_64bit(skb, VFVIRT_A_DEVICE_FEATURES, facts->device_features,
			      VFVIRT_A_PAD) ||
	    nla_put_u64_64bit(skb, VFVIRT_A_DRIVER_FEATURES, facts->driver_features,
			      VFVIRT_A_PAD) ||
	    nla_put_u16(skb, VFVIRT_A_ADMIN_QUEUE_INDEX, facts->admin_queue_index) ||
	    nla_put_u16(skb, VFVIRT_A_ADMIN_QUEUE_NUM, facts->admin_queue_num) ||
	    nla_put_u16(skb, VFVIRT_A_ADMIN_QUEUE_DEPTH, facts->admin_queue_depth) ||
	    nla_put_u32(skb, VFVIRT_A_IN_FLIGHT, facts->in_flight))
		return -EMSGSIZE;
	return 0;
}

static void *message_begin(struct sk_buff *skb, struct netlink_callback *cb, u8 command)
{
	void *header = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				   &vfvirt_genl_family, NLM_F_MULTI, command);

	if (header)
		genl_dump_check_consistent(cb, header);
	return header;
}

/* The owner at a position, pinned, so that its provider can be asked outside of the mutex. */
static struct vfvirt_owner *owner_pin_nth(struct netlink_callback *cb, long position)
{
	struct vfvirt_owner *owner, *found = NULL;

	mutex_lock(&vfvirt_registry_mutex);
	cb->seq = vfvirt_registry_generation();
	list_for_each_entry(owner, &vfvirt_owners, node) {
		if (!position--) {
			found = owner;
			break;
		}
	}
	/* What stands in the list is not being unregistered. */
	if (found && WARN_ON_ONCE(vfvirt_owner_pin(found)))
		found = NULL;
	mutex_unlock(&vfvirt_registry_mutex);
	return found;
}

static int put_owner(struct sk_buff *skb, struct netlink_callback *cb, struct vfvirt_owner *owner)
{
	struct vfvirt_owner_facts facts = {};
	struct owner_snapshot snapshot;
	char driver[DRIVER_NAME_BYTES] = "";
	void *header;

	owner_snapshot_take(owner, &snapshot);
	owner->ops->facts(owner->priv, &facts);
	device_for_each_child(&owner->pdev->dev, driver, virtio_child_driver);

	header = message_begin(skb, cb, VFVIRT_CMD_GET_OWNERS);
	if (!header)
		return -EMSGSIZE;
	if (nla_put_string(skb, VFVIRT_A_ADDRESS, pci_name(owner->pdev)) ||
	    nla_put_string(skb, VFVIRT_A_PROVIDER, owner->ops->provider) ||
	    (driver[0] && nla_put_string(skb, VFVIRT_A_CLASS_DRIVER, driver)) ||
	    put_snapshot(skb, &snapshot) || put_facts(skb, &facts)) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, header);
	return 0;
}

/**
 * vfvirt_dump_owners() - VFVIRT_CMD_GET_OWNERS
 * @skb: to be filled
 * @cb: args[0] counts the owners already told
 *
 * Return: bytes in @skb; 0 at the end.
 */
int vfvirt_dump_owners(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct vfvirt_owner *owner;
	int error;

	while ((owner = owner_pin_nth(cb, cb->args[0]))) {
		error = put_owner(skb, cb, owner);
		vfvirt_owner_unpin(owner);
		if (error)
			break;
		cb->args[0]++;
	}
	return skb->len;
}

static int put_counters(struct sk_buff *skb, const struct vfvirt_stats_view *view)
{
	unsigned int n;

	BUILD_BUG_ON(VFVIRT_A_ABORTED - VFVIRT_A_COMMANDS != VFVIRT_COUNTER_ABORTED);
	BUILD_BUG_ON(VFVIRT_COUNTER_ABORTED + 1 != VFVIRT_COUNTER_COUNT);
	for (n = 0; n < VFVIRT_COUNTER_COUNT; n++)
		if (nla_put_u64_64bit(skb, VFVIRT_A_COMMANDS + n, view->counters[n],
				      VFVIRT_A_PAD))
			return -EMSGSIZE;
	return nla_put_64bit(skb, VFVIRT_A_LATENCY, sizeof(view->latency), view->latency,
			     VFVIRT_A_PAD);
}

/* Whose numbers are told: of an owner, or of a member and its owner, if it has one. */
struct subject {
	struct vfvirt_owner *owner;
	struct pci_dev *pdev;
	u16 member_id;	/* 0: an owner */
	const struct vfvirt_stats *stats;
};

static int put_stats(struct sk_buff *skb, struct netlink_callback *cb,
		     const struct subject *subject, u16 opcode,
		     const struct vfvirt_stats_view *view)
{
	void *header = message_begin(skb, cb, VFVIRT_CMD_GET_STATS);

	if (!header)
		return -EMSGSIZE;
	if (nla_put_string(skb, VFVIRT_A_ADDRESS, pci_name(subject->pdev)) ||
	    (subject->member_id && nla_put_u16(skb, VFVIRT_A_MEMBER_ID, subject->member_id)) ||
	    nla_put_u16(skb, VFVIRT_A_OPCODE, opcode) || put_counters(skb, view)) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, header);
	return 0;
}

/*
 * Goes through the rows of one subject. *position counts rows; those before the one that
 * comes next were told by an earlier call.
 */
static int dump_subject(struct sk_buff *skb, struct netlink_callback *cb,
			const struct subject *subject, long *position)
{
	struct nlattr *address = vfvirt_dump_attrs(cb)[VFVIRT_A_ADDRESS];
	struct vfvirt_stats_view view;
	u16 opcode;
	int error;

	for (opcode = 0; opcode < VFVIRT_OP_COUNT; opcode++, ++*position) {
		if (*position < cb->args[0] ||
		    (address && strcmp(pci_name(subject->pdev), nla_data(address))))
			continue;
		vfvirt_stats_look(subject->owner, &subject->stats->rows[opcode], &view);
		if (!memchr_inv(view.counters, 0, sizeof(view.counters)))
			continue;
		error = put_stats(skb, cb, subject, opcode, &view);
		if (error)
			return error;
		cb->args[0] = *position + 1;
	}
	return 0;
}

/**
 * vfvirt_dump_stats() - VFVIRT_CMD_GET_STATS
 * @skb: to be filled
 * @cb: args[0] counts the rows already told
 *
 * Return: bytes in @skb; 0 at the end.
 */
int vfvirt_dump_stats(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct vfvirt_member *member;
	struct vfvirt_owner *owner;
	struct subject subject;
	long position = 0;

	mutex_lock(&vfvirt_registry_mutex);
	cb->seq = vfvirt_registry_generation();
	list_for_each_entry(owner, &vfvirt_owners, node) {
		subject = (struct subject){ owner, owner->pdev, 0, &owner->stats };
		if (dump_subject(skb, cb, &subject, &position))
			goto full;
	}
	list_for_each_entry(member, &vfvirt_members, node) {
		subject = (struct subject){ vfvirt_member_owner(member), member->vf,
					    member->member_id, &member->stats };
		if (dump_subject(skb, cb, &subject, &position))
			goto full;
	}
full:
	mutex_unlock(&vfvirt_registry_mutex);
	return skb->len;
}
