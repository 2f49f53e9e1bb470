// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dump of members: every VF of every owner, whatever it is bound to, and every VF that a driver of
 * ours has though nobody serves its PF.
 *
 * The VFs are collected when the dump starts. Reading a MAC waits for the device, so no lock of
 * core is held then; the VF, its owner and its member are referenced meanwhile.
 */
#include <linux/etherdevice.h>
#include <linux/slab.h>

#include "dump.h"

/* One VF that the dump will tell about. */
struct dumped_vf {
	struct list_head node;
	struct pci_dev *vf; /* referenced */
	const struct pci_dev *pf; /* compared only */
	u16 member_id;
};

/* The state of a dump, in cb->ctx. */
struct members_dump {
	struct list_head *vfs; /* those not yet told */
	unsigned int generation; /* of the registry when they were collected */
};

/* What is told about a VF, gathered before a message is begun. */
struct member_view {
	char owner_address[VFVIRT_ADDRESS_BYTES];
	char driver[32];
	bool registered;
	u32 open_count;
	u32 failure_count;
	bool sealed;
	bool described;
	struct vfvirt_member_facts facts;
	bool legacy_known;
	bool legacy;
	enum vfvirt_owner_reason reason;
	bool mac_known;
	u8 mac[ETH_ALEN];
	int mac_error;
};

static struct members_dump *dump_of(struct netlink_callback *cb)
{
	BUILD_BUG_ON(sizeof(struct members_dump) > sizeof(cb->ctx));
	return (struct members_dump *)cb->ctx;
}

static void vf_free(struct dumped_vf *dumped)
{
	list_del(&dumped->node);
	pci_dev_put(dumped->vf);
	kfree(dumped);
}

/* A VF on the bus has a valid physfn; it is compared here and never followed later. */
static int vf_collect(struct list_head *vfs, struct pci_dev *vf)
{
	struct dumped_vf *dumped;
	int vf_index = pci_iov_vf_id(vf);

	if (vf_index < 0)
		return 0;
	dumped = kmalloc(sizeof(*dumped), GFP_KERNEL);
	if (!dumped)
		return -ENOMEM;
	dumped->vf = pci_dev_get(vf);
	dumped->pf = pci_physfn(vf);
	dumped->member_id = vf_index + 1;
	list_add_tail(&dumped->node, vfs);
	return 0;
}

static bool vf_is_wanted(struct pci_dev *vf, struct nlattr *address)
{
	const struct pci_dev *pf = pci_physfn(vf);

	if (address && strcmp(pci_name(pf), nla_data(address)))
		return false;
	return vfvirt_owner_find(pf) || vfvirt_member_find(vf);
}

static int vfs_collect(struct list_head *vfs, struct nlattr *address)
{
	struct pci_dev *vf = NULL;
	int error;

	lockdep_assert_held(&vfvirt_registry_mutex);
	while ((vf = pci_get_device(PCI_ANY_ID, PCI_ANY_ID, vf))) {
		if (!vf->is_virtfn || !vf_is_wanted(vf, address))
			continue;
		error = vf_collect(vfs, vf);
		if (error) {
			pci_dev_put(vf);
			return error;
		}
	}
	return 0;
}

/**
 * vfvirt_dump_members_start() - collect the VFs for a VFVIRT_CMD_GET_MEMBERS
 * @cb: gets struct members_dump
 *
 * Return: 0 or -ENOMEM.
 */
int vfvirt_dump_members_start(struct netlink_callback *cb)
{
	struct members_dump *dump = dump_of(cb);
	int error;

	dump->vfs = kmalloc(sizeof(*dump->vfs), GFP_KERNEL);
	if (!dump->vfs)
		return -ENOMEM;
	INIT_LIST_HEAD(dump->vfs);
	mutex_lock(&vfvirt_registry_mutex);
	dump->generation = vfvirt_registry_generation();
	error = vfs_collect(dump->vfs, vfvirt_dump_attrs(cb)[VFVIRT_A_ADDRESS]);
	mutex_unlock(&vfvirt_registry_mutex);
	if (error)
		vfvirt_dump_members_done(cb);
	return error;
}

/**
 * vfvirt_dump_members_done() - the dump ended or was given up
 * @cb: of vfvirt_dump_members_start()
 *
 * Return: 0.
 */
int vfvirt_dump_members_done(struct netlink_callback *cb)
{
	struct members_dump *dump = dump_of(cb);
	struct dumped_vf *dumped, *next;

	list_for_each_entry_safe(dumped, next, dump->vfs, node)
		vf_free(dumped);
	kfree(dump->vfs);
	return 0;
}

static void view_member(struct vfvirt_member *member, struct member_view *view)
{
	lockdep_assert_held(&vfvirt_registry_mutex);
	view->registered = true;
	view->open_count = member->open_count;
	view->failure_count = member->failure_count;
	view->sealed = member->sealed;
	strscpy(view->driver, member->driver, sizeof(view->driver));
	if (member->ops->describe) {
		view->described = true;
		member->ops->describe(member, &view->facts);
	}
}

static void view_legacy(struct vfvirt_owner *owner, struct member_view *view)
{
	if (!owner) {
		view->legacy_known = true;
		view->reason = VFVIRT_REASON_NO_OWNER;
		return;
	}
	spin_lock(&owner->lock);
	if (owner->state != VFVIRT_OWNER_READY) {
		view->legacy_known = true;
		view->reason = owner->reason;
	} else if (owner->discovery == VFVIRT_DISCOVERY_DONE) {
		view->legacy_known = true;
		view->legacy = owner->opcodes & VFVIRT_OPCODES_LEGACY_ACCESS;
		view->reason = view->legacy ? VFVIRT_REASON_NONE : VFVIRT_REASON_NO_LEGACY;
	} else if (owner->discovery == VFVIRT_DISCOVERY_FAILED) {
		view->legacy_known = true;
		view->reason = owner->discovery_reason;
	}
	spin_unlock(&owner->lock);
}

/*
 * Gathers all that is known about a VF. -ENODEV when it has neither owner nor driver of ours any
 * more; then the dump is marked as interrupted anyway.
 */
static int view_take(const struct dumped_vf *dumped, bool read_mac, struct member_view *view)
{
	struct vfvirt_member *member;
	struct vfvirt_owner *owner;

	memset(view, 0, sizeof(*view));
	mutex_lock(&vfvirt_registry_mutex);
	owner = vfvirt_owner_find(dumped->pf);
	if (owner && vfvirt_owner_pin(owner))
		owner = NULL;
	member = vfvirt_member_find(dumped->vf);
	if (!owner && !member) {
		mutex_unlock(&vfvirt_registry_mutex);
		return -ENODEV;
	}
	if (owner)
		strscpy(view->owner_address, pci_name(owner->pdev), sizeof(view->owner_address));
	if (member) {
		kref_get(&member->refs);
		view_member(member, view);
	}
	mutex_unlock(&vfvirt_registry_mutex);

	if (!member)
		vfvirt_driver_name(&dumped->vf->dev, view->driver, sizeof(view->driver));
	if (owner && read_mac) {
		view->mac_error = vfvirt_mac_read(owner, member, dumped->vf, dumped->member_id,
						  view->mac);
		view->mac_known = !view->mac_error;
	}
	view_legacy(owner, view);
	if (member)
		vfvirt_member_put(member);
	if (owner)
		vfvirt_owner_unpin(owner);
	return 0;
}

static int put_registered(struct sk_buff *skb, const struct member_view *view)
{
	if (nla_put_u32(skb, VFVIRT_A_OPEN_COUNT, view->open_count) ||
	    nla_put_u32(skb, VFVIRT_A_FAILURE_COUNT, view->failure_count) ||
	    nla_put_u8(skb, VFVIRT_A_SEALED, view->sealed))
		return -EMSGSIZE;
	if (!view->described)
		return 0;
	if (nla_put_u8(skb, VFVIRT_A_MSIX_ON, view->facts.msix_on) ||
	    nla_put_u8(skb, VFVIRT_A_NOTIFY_PATH, view->facts.notify_path))
		return -EMSGSIZE;
	return 0;
}

static int put_legacy(struct sk_buff *skb, const struct member_view *view)
{
	if (view->legacy_known && nla_put_u8(skb, VFVIRT_A_LEGACY, view->legacy))
		return -EMSGSIZE;
	if (view->legacy_known && !view->legacy &&
	    nla_put_u32(skb, VFVIRT_A_REASON, view->reason))
		return -EMSGSIZE;
	if (view->mac_known && nla_put(skb, VFVIRT_A_MAC, sizeof(view->mac), view->mac))
		return -EMSGSIZE;
	if (view->mac_error && nla_put_u32(skb, VFVIRT_A_MAC_ERROR, -view->mac_error))
		return -EMSGSIZE;
	return 0;
}

static int put_member(struct sk_buff *skb, struct netlink_callback *cb,
		      const struct dumped_vf *dumped, const struct member_view *view)
{
	void *header = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				   &vfvirt_genl_family, NLM_F_MULTI, VFVIRT_CMD_GET_MEMBERS);

	if (!header)
		return -EMSGSIZE;
	genl_dump_check_consistent(cb, header);
	if (nla_put_string(skb, VFVIRT_A_ADDRESS, pci_name(dumped->vf)) ||
	    (view->owner_address[0] &&
	     nla_put_string(skb, VFVIRT_A_OWNER_ADDRESS, view->owner_address)) ||
	    nla_put_u16(skb, VFVIRT_A_MEMBER_ID, dumped->member_id) ||
	    (view->driver[0] && nla_put_string(skb, VFVIRT_A_DRIVER, view->driver)) ||
	    put_legacy(skb, view) || (view->registered && put_registered(skb, view))) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, header);
	return 0;
}

/* The collected VFs are those of one generation: any other one means that the dump is not whole. */
static void mark_generation(struct netlink_callback *cb)
{
	struct members_dump *dump = dump_of(cb);

	mutex_lock(&vfvirt_registry_mutex);
	cb->prev_seq = dump->generation;
	cb->seq = vfvirt_registry_generation();
	mutex_unlock(&vfvirt_registry_mutex);
}

/**
 * vfvirt_dump_members() - VFVIRT_CMD_GET_MEMBERS
 * @skb: to be filled
 * @cb: of vfvirt_dump_members_start()
 *
 * Return: bytes in @skb; 0 at the end; -EINTR when killed while a MAC was read.
 */
int vfvirt_dump_members(struct sk_buff *skb, struct netlink_callback *cb)
{
	bool read_mac = vfvirt_dump_attrs(cb)[VFVIRT_A_READ_MAC];
	struct list_head *vfs = dump_of(cb)->vfs;
	struct dumped_vf *dumped, *next;
	struct member_view view;
	int error;

	mark_generation(cb);
	list_for_each_entry_safe(dumped, next, vfs, node) {
		error = view_take(dumped, read_mac, &view);
		mark_generation(cb);
		if (!error && view.mac_error == -EINTR)
			return -EINTR;
		if (!error && put_member(skb, cb, dumped, &view))
			break;
		vf_free(dumped);
	}
	return skb->len;
}
