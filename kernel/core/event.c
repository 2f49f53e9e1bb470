// SPDX-License-Identifier: GPL-2.0-only
/* The messages of the multicast group "events". */
#include "core.h"

/*
 * An event that cannot be told is announced as lost, as one for which a listener has no room is:
 * its next recv() fails with ENOBUFS, and it dumps again.
 */
static void event_lost(struct sk_buff *skb)
{
	nlmsg_free(skb);
	genl_set_err(&vfvirt_genl_family, &init_net, 0, 0, -ENOBUFS);
}

static struct sk_buff *event_begin(struct pci_dev *pdev, enum vfvirt_event event,
				   void **ret_header)
{
	struct sk_buff *skb;

	/* In a system without a listener an event costs nothing. */
	if (!genl_has_listeners(&vfvirt_genl_family, &init_net, 0))
		return NULL;
	skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	*ret_header = skb ? genlmsg_put(skb, 0, 0, &vfvirt_genl_family, 0, VFVIRT_CMD_EVENT) :
			    NULL;
	if (!*ret_header || nla_put_u32(skb, VFVIRT_A_EVENT, event) ||
	    nla_put_string(skb, VFVIRT_A_ADDRESS, pci_name(pdev))) {
		event_lost(skb);
		return NULL;
	}
	return skb;
}

/* Whoever has no room is told so by netlink: nothing to be done about an error here. */
static void event_send(struct sk_buff *skb, void *header, bool too_long)
{
	if (too_long) {
		event_lost(skb);
		return;
	}
	genlmsg_end(skb, header);
	genlmsg_multicast(&vfvirt_genl_family, skb, 0, 0, GFP_KERNEL);
}

/**
 * vfvirt_event_owner() - tell listeners about an owner
 * @owner: its state as it is now is told along
 * @event: what happened
 *
 * Context: registry mutex, so that events come in the order of what they tell.
 */
void vfvirt_event_owner(struct vfvirt_owner *owner, enum vfvirt_event event)
{
	enum vfvirt_owner_reason reason;
	enum vfvirt_owner_state state;
	struct sk_buff *skb;
	bool too_long;
	void *header;

	lockdep_assert_held(&vfvirt_registry_mutex);
	skb = event_begin(owner->pdev, event, &header);
	if (!skb)
		return;
	spin_lock(&owner->lock);
	state = owner->state;
	reason = owner->reason;
	spin_unlock(&owner->lock);
	too_long = nla_put_u32(skb, VFVIRT_A_STATE, state) ||
		   nla_put_u32(skb, VFVIRT_A_REASON, reason);
	event_send(skb, header, too_long);
}

/**
 * vfvirt_event_member() - tell listeners about a member
 * @member: any
 * @event: what happened
 * @what: a few words, or NULL
 * @error: negative errno, or 0
 *
 * Context: registry mutex.
 */
void vfvirt_event_member(struct vfvirt_member *member, enum vfvirt_event event, const char *what,
			 int error)
{
	struct sk_buff *skb;
	bool too_long;
	void *header;

	lockdep_assert_held(&vfvirt_registry_mutex);
	skb = event_begin(member->vf, event, &header);
	if (!skb)
		return;
	too_long = (what && nla_put_string(skb, VFVIRT_A_WHAT, what)) ||
		   (error && nla_put_u32(skb, VFVIRT_A_ERROR, -error));
	event_send(skb, header, too_long);
}
