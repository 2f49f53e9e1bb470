// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who exists: owners by PF, members by VF, and which belongs to which.
 *
 * An owner lives from register to unregister; unregister waits for everybody who pinned it. A
 * member lives until its VF driver unregisters it and the last dump that uses it has ended. Neither
 * keeps the other alive: when one goes, the other is told and stays.
 */
#include <linux/rculist.h>
#include <linux/slab.h>

#include "core.h"

/* Both lists, what belongs to whom, open and sealed; see core.h for its order. */
DEFINE_MUTEX(vfvirt_registry_mutex);
LIST_HEAD(vfvirt_owners);
LIST_HEAD(vfvirt_members);

/* Counts arrivals and departures, for dumps that must notice them. Never 0 (netlink's rule). */
static unsigned int generation = 1;

static void generation_advance(void)
{
	lockdep_assert_held(&vfvirt_registry_mutex);
	if (!++generation)
		generation = 1;
}

/**
 * vfvirt_registry_generation() - a number that changes when somebody comes or goes
 *
 * Context: registry mutex.
 * Return: never 0.
 */
unsigned int vfvirt_registry_generation(void)
{
	lockdep_assert_held(&vfvirt_registry_mutex);
	return generation;
}

/**
 * vfvirt_owner_find() - the owner of a PF
 * @pf: compared, not dereferenced
 *
 * Context: registry mutex, under which the answer stays true.
 * Return: the owner or NULL.
 */
struct vfvirt_owner *vfvirt_owner_find(const struct pci_dev *pf)
{
	struct vfvirt_owner *owner;

	lockdep_assert_held(&vfvirt_registry_mutex);
	list_for_each_entry(owner, &vfvirt_owners, node)
		if (owner->pdev == pf)
			return owner;
	return NULL;
}

/**
 * vfvirt_member_find() - the member that a VF is
 * @vf: compared, not dereferenced
 *
 * Context: registry mutex.
 * Return: the member or NULL when no VF driver of vfvirt has it.
 */
struct vfvirt_member *vfvirt_member_find(const struct pci_dev *vf)
{
	struct vfvirt_member *member;

	lockdep_assert_held(&vfvirt_registry_mutex);
	list_for_each_entry(member, &vfvirt_members, node)
		if (member->vf == vf)
			return member;
	return NULL;
}

/**
 * vfvirt_member_find_address() - the member with a PCI address
 * @address: such as "0000:3b:00.2"
 *
 * Context: registry mutex.
 * Return: the member or NULL.
 */
struct vfvirt_member *vfvirt_member_find_address(const char *address)
{
	struct vfvirt_member *member;

	lockdep_assert_held(&vfvirt_registry_mutex);
	list_for_each_entry(member, &vfvirt_members, node)
		if (!strcmp(pci_name(member->vf), address))
			return member;
	return NULL;
}

/**
 * vfvirt_owner_register() - a provider serves a PF from now on
 * @pf: the PF; a reference is taken
 * @ops: the provider's calls; kept until unregistration
 * @priv: what those calls get
 * @module: pinned while a member is open, so that it cannot be unloaded under a user
 *
 * The owner begins absent: nothing is executed before vfvirt_owner_set_state().
 *
 * Context: may sleep; takes the registry mutex.
 * Return: the owner, or ERR_PTR: -EEXIST when another provider has the PF, -ENOMEM.
 */
struct vfvirt_owner *vfvirt_owner_register(struct pci_dev *pf, const struct vfvirt_owner_ops *ops,
					   void *priv, struct module *module)
{
	struct vfvirt_owner *owner;
	struct vfvirt_member *member;

	owner = kzalloc(sizeof(*owner), GFP_KERNEL);
	if (!owner)
		return ERR_PTR(-ENOMEM);
	vfvirt_gate_init(owner);
	INIT_LIST_HEAD(&owner->members);
	owner->ops = ops;
	owner->priv = priv;
	owner->module = module;

	mutex_lock(&vfvirt_registry_mutex);
	if (vfvirt_owner_find(pf)) {
		mutex_unlock(&vfvirt_registry_mutex);
		kfree(owner);
		return ERR_PTR(-EEXIST);
	}
	owner->pdev = pci_dev_get(pf);
	list_add_tail(&owner->node, &vfvirt_owners);
	list_for_each_entry(member, &vfvirt_members, node)
		if (member->pf == pf)
			vfvirt_member_attach(member, owner);
	generation_advance();
	mutex_unlock(&vfvirt_registry_mutex);
	return owner;
}
EXPORT_SYMBOL_GPL(vfvirt_owner_register);

/**
 * vfvirt_owner_unregister() - a provider serves a PF no more
 * @owner: gone afterwards
 *
 * New commands fail with -ENODEV at once, members are told, then the call waits for the commands
 * under way; the provider must make them end.
 *
 * Context: may sleep; takes the registry mutex. Not from within execute().
 */
void vfvirt_owner_unregister(struct vfvirt_owner *owner)
{
	struct vfvirt_member *member, *next;

	mutex_lock(&vfvirt_registry_mutex);
	if (vfvirt_gate_shut(owner) != VFVIRT_OWNER_ABSENT)
		vfvirt_members_tell(owner, VFVIRT_EVENT_DOWN);
	vfvirt_event_owner(owner, VFVIRT_EVENT_OWNER_DOWN);
	list_for_each_entry_safe(member, next, &owner->members, sibling)
		vfvirt_member_detach(member);
	list_del(&owner->node);
	generation_advance();
	/* Only then may another owner have the members: note_late() reads the list under RCU. */
	synchronize_rcu();
	mutex_unlock(&vfvirt_registry_mutex);

	/*
	 * Who may still hold it, by a pin: commands, which the provider makes end, dumps and holds,
	 * which end by themselves. No new ones come: neither a member nor the list leads here now.
	 */
	vfvirt_gate_drain(owner);
	pci_dev_put(owner->pdev);
	kfree_rcu(owner, rcu);
}
EXPORT_SYMBOL_GPL(vfvirt_owner_unregister);

/**
 * vfvirt_owner_was_reset() - the card was reset under its members' feet
 * @owner: registered
 *
 * Context: may sleep; takes the registry mutex.
 */
void vfvirt_owner_was_reset(struct vfvirt_owner *owner)
{
	mutex_lock(&vfvirt_registry_mutex);
	vfvirt_members_tell(owner, VFVIRT_EVENT_RESET);
	mutex_unlock(&vfvirt_registry_mutex);
}
EXPORT_SYMBOL_GPL(vfvirt_owner_was_reset);

/**
 * vfvirt_owner_pdev() - the PF of an owner
 * @owner: registered
 *
 * Return: the PF, referenced as long as the owner is registered.
 */
struct pci_dev *vfvirt_owner_pdev(struct vfvirt_owner *owner)
{
	return owner->pdev;
}
EXPORT_SYMBOL_GPL(vfvirt_owner_pdev);

static void member_free(struct kref *refs)
{
	struct vfvirt_member *member = container_of(refs, struct vfvirt_member, refs);

	pci_dev_put(member->vf);
	pci_dev_put(member->pf);
	kfree_rcu(member, rcu);
}

/**
 * vfvirt_member_put() - one reference less
 * @member: not to be touched afterwards
 */
void vfvirt_member_put(struct vfvirt_member *member)
{
	kref_put(&member->refs, member_free);
}

/**
 * vfvirt_member_register() - a VF driver has a VF from now on
 * @vf: a VF; references to it and its PF are taken
 * @ops: the driver's upcalls; kept until unregistration
 * @priv: for vfvirt_member_priv()
 *
 * Context: may sleep; takes the registry mutex, but neither the PF's device lock nor the rescan
 * lock, both of which are held while VF drivers are probed.
 * Return: the member, or ERR_PTR: -EINVAL when @vf is no VF, -EEXIST, -ENOMEM.
 */
struct vfvirt_member *vfvirt_member_register(struct pci_dev *vf,
					     const struct vfvirt_member_ops *ops, void *priv)
{
	struct vfvirt_member *member;
	struct vfvirt_owner *owner;
	int vf_index;

	vf_index = vf->is_virtfn ? pci_iov_vf_id(vf) : -EINVAL;
	if (vf_index < 0)
		return ERR_PTR(-EINVAL);
	member = kzalloc(sizeof(*member), GFP_KERNEL);
	if (!member)
		return ERR_PTR(-ENOMEM);
	kref_init(&member->refs);
	init_waitqueue_head(&member->turn);
	member->member_id = vf_index + 1;
	member->ops = ops;
	member->priv = priv;
	strscpy(member->driver, dev_driver_string(&vf->dev), sizeof(member->driver));

	mutex_lock(&vfvirt_registry_mutex);
	if (vfvirt_member_find(vf)) {
		mutex_unlock(&vfvirt_registry_mutex);
		kfree(member);
		return ERR_PTR(-EEXIST);
	}
	member->vf = pci_dev_get(vf);
	member->pf = pci_dev_get(pci_physfn(vf));
	list_add_tail(&member->node, &vfvirt_members);
	owner = vfvirt_owner_find(member->pf);
	if (owner)
		vfvirt_member_attach(member, owner);
	generation_advance();
	mutex_unlock(&vfvirt_registry_mutex);
	return member;
}
EXPORT_SYMBOL_GPL(vfvirt_member_register);

/**
 * vfvirt_member_unregister() - a VF driver lets go of a VF
 * @member: closed; no call with it may be under way or follow
 *
 * No upcall runs any more when this returns.
 *
 * Context: may sleep; takes the registry mutex.
 */
void vfvirt_member_unregister(struct vfvirt_member *member)
{
	mutex_lock(&vfvirt_registry_mutex);
	WARN_ON_ONCE(member->open_count);
	if (vfvirt_member_owner(member))
		vfvirt_member_detach(member);
	list_del(&member->node);
	generation_advance();
	mutex_unlock(&vfvirt_registry_mutex);
	vfvirt_member_put(member);
}
EXPORT_SYMBOL_GPL(vfvirt_member_unregister);

/**
 * vfvirt_member_priv() - the VF driver's pointer
 * @member: registered
 *
 * Return: what was given to vfvirt_member_register().
 */
void *vfvirt_member_priv(struct vfvirt_member *member)
{
	return member->priv;
}
EXPORT_SYMBOL_GPL(vfvirt_member_priv);
