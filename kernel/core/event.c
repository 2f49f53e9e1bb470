// SPDX-License-Identifier: GPL-2.0-only
/* The messages of the multicast group "events". */
#include "core.h"

static struct sk_buff *event_begin(struct pci_dev *pdev, enum vfvirt_event event,
				   void **ret_header)
{
	struct sk_buff *skb;

	/* In a system without a listener an event costs nothing. */
	if (!genl_has_listeners(&vfvirt_genl_family, &init_net, 0))
		return NULL;
	skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!skb)
		return NULL;
	*ret_header = genlmsg_put(skb, 0, 0, &vfvirt_genl_family, 0, VFVIRT_CMD_EVENT);
	if (!*ret_header || nla_put_u32(skb, VFVIRT_A_EVENT, event) ||
	    nla_put_string(skb, VFVIRT_A_ADDRESS, pci_name(pdev))) {
		nlmsg_free(skb);
		return NULL;
	}
	return skb;
}

/* Whoever did not listen, or has no room, dumps again: nothing to be done about an error here. */
static void event_send(struct sk_buff *skb, void *header, bool too_long)
{
	if (too_long) {
		nlmsg_free(skb);
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
