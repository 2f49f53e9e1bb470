// SPDX-License-Identifier: GPL-2.0-only
/* Members: opened, closed, sealed, told what happens to their owner. */
#include <linux/module.h>
#include <linux/rculist.h>

#include "core.h"

/* A user of a member must not lose the provider's code by rmmod; unbinding stays possible. */
static int provider_pin(struct vfvirt_member *member)
{
	struct vfvirt_owner *owner = vfvirt_member_owner(member);
	struct module *module = owner ? owner->module : NULL;

	if (!module || member->pinned_module)
		return 0;
	if (!try_module_get(module))
		return -ENODEV;
	member->pinned_module = module;
	return 0;
}

static void provider_unpin(struct vfvirt_member *member)
{
	lockdep_assert_held(&vfvirt_registry_mutex);
	if (!member->pinned_module)
		return;
	module_put(member->pinned_module);
	member->pinned_module = NULL;
}

/**
 * vfvirt_member_attach() - a member gets an owner
 * @member: without one
 * @owner: of its PF
 *
 * Context: registry mutex.
 */
void vfvirt_member_attach(struct vfvirt_member *member, struct vfvirt_owner *owner)
{
	lockdep_assert_held(&vfvirt_registry_mutex);
	list_add_tail_rcu(&member->sibling, &owner->members);
	rcu_assign_pointer(member->owner, owner);
	/* Registering runs in the provider's own code, so its module cannot be on its way out. */
	if (member->open_count && provider_pin(member))
		pci_warn(member->vf, "vfvirt: the provider's module is being unloaded while the VF is open\n");
}

/**
 * vfvirt_member_detach() - a member loses its owner
 * @member: with one
 *
 * Context: registry mutex. Readers of the owner's list may still stand on @member: a grace period
 * must pass before it joins another list or its memory ends.
 */
void vfvirt_member_detach(struct vfvirt_member *member)
{
	lockdep_assert_held(&vfvirt_registry_mutex);
	RCU_INIT_POINTER(member->owner, NULL);
	list_del_rcu(&member->sibling);
	provider_unpin(member);
}

/**
 * vfvirt_members_tell() - an upcall to every VF driver that has a member of an owner
 * @owner: any
 * @event: what happened
 *
 * Context: registry mutex, which keeps the members and so the drivers' code in place.
 */
void vfvirt_members_tell(struct vfvirt_owner *owner, enum vfvirt_member_event event)
{
	struct vfvirt_member *member;

	lockdep_assert_held(&vfvirt_registry_mutex);
	list_for_each_entry(member, &owner->members, sibling)
		member->ops->event(member, event);
}

/**
 * vfvirt_member_open() - a user opens the VF
 * @member: registered
 *
 * While a member is open, the module of its provider cannot be unloaded. Whether legacy registers
 * work is asked anew, should the device have failed to say so in time.
 *
 * Context: may sleep; takes the registry mutex.
 * Return: 0; -EBUSY when it is sealed; -ENODEV when the provider's module is being unloaded.
 */
int vfvirt_member_open(struct vfvirt_member *member)
{
	struct vfvirt_owner *owner;
	int error;

	mutex_lock(&vfvirt_registry_mutex);
	error = member->sealed ? -EBUSY : provider_pin(member);
	owner = vfvirt_member_owner(member);
	if (!error && owner)
		vfvirt_discovery_retry(owner);
	if (!error && !member->open_count++)
		vfvirt_event_member(member, VFVIRT_EVENT_MEMBER_OPENED, NULL, 0);
	mutex_unlock(&vfvirt_registry_mutex);
	return error;
}
EXPORT_SYMBOL_GPL(vfvirt_member_open);

/**
 * vfvirt_member_close() - a user that opened the VF closes it
 * @member: registered and open
 *
 * Context: may sleep; takes the registry mutex.
 */
void vfvirt_member_close(struct vfvirt_member *member)
{
	mutex_lock(&vfvirt_registry_mutex);
	if (!WARN_ON_ONCE(!member->open_count) && !--member->open_count) {
		provider_unpin(member);
		vfvirt_event_member(member, VFVIRT_EVENT_MEMBER_CLOSED, NULL, 0);
	}
	mutex_unlock(&vfvirt_registry_mutex);
}
EXPORT_SYMBOL_GPL(vfvirt_member_close);

/**
 * vfvirt_member_failed() - something failed for the user of a VF
 * @member: registered
 * @what: a few words for a person
 * @error: negative errno
 *
 * Context: may sleep; takes the registry mutex.
 */
void vfvirt_member_failed(struct vfvirt_member *member, const char *what, int error)
{
	mutex_lock(&vfvirt_registry_mutex);
	member->failure_count++;
	vfvirt_event_member(member, VFVIRT_EVENT_MEMBER_FAILED, what, error);
	mutex_unlock(&vfvirt_registry_mutex);
}
EXPORT_SYMBOL_GPL(vfvirt_member_failed);

/**
 * vfvirt_member_seal() - refuse users from now on, or let them in again
 * @member: registered
 * @sealed: which of the two
 *
 * The same mutex as in vfvirt_member_open() makes seal and open exclude each other: who comes
 * second gets -EBUSY.
 *
 * Context: registry mutex.
 * Return: 0, or -EBUSY when it is to be sealed and is open.
 */
int vfvirt_member_seal(struct vfvirt_member *member, bool sealed)
{
	lockdep_assert_held(&vfvirt_registry_mutex);
	if (sealed && member->open_count)
		return -EBUSY;
	member->sealed = sealed;
	return 0;
}
