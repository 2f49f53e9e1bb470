// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which opcodes of the SR-IOV group the device offers, and putting them to use.
 *
 * Asked when first needed, not when the PF is set up: the group exists only while VFs are enabled
 * (S-53), and nobody should hold RTNL meanwhile. Asked again after every change to ready (S-40). A
 * device that does not answer is asked once: VF drivers are probed one after the other inside
 * pci_enable_sriov(), and 240 of them must not wait for it in turn with the PF's lock held.
 */
#include "core.h"

#define QUALIFIER_INVALID_MEMBER 5

/* The opcode lists are arrays of 64-bit words; all that we know stand in the first one. More room
 * than needed, because the length formula of the spec is ambiguous (SX-5).
 */
#define LIST_BYTES 32
#define LIST_USE_BYTES 8

/* Members that LIST_* names: the spec's 0 and, on devices that want one (SX-1), the first. */
static const u16 list_members[] = { 0, 1 };

static int list_query(struct vfvirt_owner *owner, u16 member_id, unsigned long deadline,
		      u64 *ret_offered, u16 *ret_qualifier)
{
	u8 list[LIST_BYTES] = {};
	struct vfvirt_command command = {
		.opcode = VFVIRT_OP_LIST_QUERY,
		.group_type = VFVIRT_GROUP_SRIOV,
		.member_id = member_id,
		.out = list,
		.out_length_bytes = sizeof(list),
		.deadline = deadline,
		.interruptible = true,
	};
	int error = vfvirt_command_run(owner, NULL, &command);

	*ret_qualifier = command.qualifier;
	if (!error)
		*ret_offered = get_unaligned_le64(list);
	return error;
}

static int list_use(struct vfvirt_owner *owner, u16 member_id, unsigned long deadline, u64 used)
{
	u8 list[LIST_USE_BYTES];
	struct vfvirt_command command = {
		.opcode = VFVIRT_OP_LIST_USE,
		.group_type = VFVIRT_GROUP_SRIOV,
		.member_id = member_id,
		.in = list,
		.in_length_bytes = sizeof(list),
		.exclusive = true,	/* S-42 */
		.deadline = deadline,
		.interruptible = true,
	};

	put_unaligned_le64(used, list);
	return vfvirt_command_run(owner, NULL, &command);
}

/*
 * Of what is offered, what we understand. Bits 0 and 1 stay set, else the device would refuse to be
 * asked again (S-43). Some of the four access opcodes are no use without the others (S-60).
 */
static u64 choose(u64 offered)
{
	u64 used = VFVIRT_OPCODES_LISTS;

	if ((offered & VFVIRT_OPCODES_LEGACY_ACCESS) == VFVIRT_OPCODES_LEGACY_ACCESS)
		used |= offered & (VFVIRT_OPCODES_LEGACY_ACCESS |
				   BIT_ULL(VFVIRT_OP_LEGACY_NOTIFY_INFO));
	return used;
}

/* Asks the device. Errors of vfvirt_command_run(). */
static int ask(struct vfvirt_owner *owner, unsigned long deadline, u64 *ret_opcodes)
{
	u16 qualifier = 0;
	unsigned int n;
	u64 offered = 0;
	int error = -EREMOTEIO;

	for (n = 0; n < ARRAY_SIZE(list_members); n++) {
		error = list_query(owner, list_members[n], deadline, &offered, &qualifier);
		if (error != -EREMOTEIO || qualifier != QUALIFIER_INVALID_MEMBER)
			break;
	}
	if (error)
		return error;
	*ret_opcodes = choose(offered);
	return list_use(owner, list_members[n], deadline, *ret_opcodes);
}

/* The reason that a failure leaves behind; VFVIRT_REASON_NONE: it says nothing about the device. */
static enum vfvirt_owner_reason lasting_reason(int error)
{
	switch (error) {
	case -ETIMEDOUT:
		return VFVIRT_REASON_TIMEOUT;
	case -EPROTO:
		return VFVIRT_REASON_BROKEN_ANSWER;
	case -EREMOTEIO:
		return VFVIRT_REASON_NO_LEGACY;
	default:
		return VFVIRT_REASON_NONE;
	}
}

/*
 * What is known already: 0 with the opcodes, -EIO after a failure, -EAGAIN when nobody asked; the
 * gate's errors when the owner is not ready. *ret_epoch belongs to the answer.
 */
static int recall(struct vfvirt_owner *owner, u64 *ret_opcodes,
		  enum vfvirt_owner_reason *ret_reason, unsigned int *ret_epoch)
{
	int error = -EAGAIN;

	spin_lock(&owner->lock);
	*ret_epoch = owner->discovery_epoch;
	if (owner->state != VFVIRT_OWNER_READY) {
		*ret_reason = owner->reason;
		error = owner->state == VFVIRT_OWNER_ABSENT ? -ENODEV : -EIO;
	} else if (owner->discovery == VFVIRT_DISCOVERY_DONE) {
		*ret_opcodes = owner->opcodes;
		*ret_reason = VFVIRT_REASON_NONE;
		error = 0;
	} else if (owner->discovery == VFVIRT_DISCOVERY_FAILED) {
		*ret_reason = owner->discovery_reason;
		error = -EIO;
	}
	spin_unlock(&owner->lock);
	return error;
}

/* Keeps an answer unless the owner was made ready again while it was on its way. */
static void keep(struct vfvirt_owner *owner, unsigned int epoch, u64 opcodes,
		 enum vfvirt_owner_reason reason)
{
	spin_lock(&owner->lock);
	if (owner->discovery_epoch == epoch) {
		owner->discovery = reason ? VFVIRT_DISCOVERY_FAILED : VFVIRT_DISCOVERY_DONE;
		owner->discovery_reason = reason;
		owner->opcodes = opcodes;
	}
	spin_unlock(&owner->lock);
}

static enum vfvirt_owner_reason owner_reason(struct vfvirt_owner *owner)
{
	enum vfvirt_owner_reason reason;

	spin_lock(&owner->lock);
	reason = owner->reason;
	spin_unlock(&owner->lock);
	return reason;
}

/* The provider discovered by itself: it either gives legacy access, all of it, or none. */
static int ask_provider(struct vfvirt_owner *owner, struct pci_dev *vf, u64 *ret_opcodes)
{
	int answer = vfvirt_gate_enter(owner);

	if (answer)
		return answer;
	answer = owner->ops->has_legacy(owner, vf);
	vfvirt_gate_leave(owner);
	if (answer < 0)
		return answer;
	*ret_opcodes = VFVIRT_OPCODES_LISTS;
	if (answer)
		*ret_opcodes |= VFVIRT_OPCODES_LEGACY_ACCESS |
				BIT_ULL(VFVIRT_OP_LEGACY_NOTIFY_INFO);
	return 0;
}

/**
 * vfvirt_discover() - the opcodes in use, asking the device when nobody did since it became ready
 * @owner: pinned
 * @vf: the VF on whose behalf
 * @deadline: in jiffies
 * @ret_opcodes: bits of the opcodes in use; untouched on failure
 * @ret_reason: why it failed; VFVIRT_REASON_NONE when only the caller's own wait ended
 *
 * Single flight: others wait for the one who asks and take his answer. A failure to answer is kept
 * until the owner is ready again.
 *
 * Context: may sleep until @deadline, killable.
 * Return: 0; -EIO when the device did not answer, answered nonsense or refused, now or before;
 * -ETIMEDOUT (the same, first caller), -EINTR, -EBUSY, -ENODEV.
 */
int vfvirt_discover(struct vfvirt_owner *owner, struct pci_dev *vf, unsigned long deadline,
		    u64 *ret_opcodes, enum vfvirt_owner_reason *ret_reason)
{
	unsigned int epoch;
	u64 opcodes = 0;
	int error;

	error = recall(owner, ret_opcodes, ret_reason, &epoch);
	if (error != -EAGAIN)
		return error;
	if (mutex_lock_killable(&owner->discovery_mutex)) {
		*ret_reason = VFVIRT_REASON_NONE;
		return -EINTR;
	}
	error = recall(owner, ret_opcodes, ret_reason, &epoch);
	if (error != -EAGAIN)
		goto unlock;
	if (owner->ops->has_legacy)
		error = ask_provider(owner, vf, &opcodes);
	else
		error = ask(owner, deadline, &opcodes);
	*ret_reason = lasting_reason(error);
	if (!error) {
		keep(owner, epoch, opcodes, VFVIRT_REASON_NONE);
		*ret_opcodes = opcodes;
	} else if (*ret_reason) {
		keep(owner, epoch, 0, *ret_reason);
		pci_warn(owner->pdev, "vfvirt: cannot find out the device's commands for VFs: error %d; legacy access is off until the PF is reset\n",
			 error);
	} else {
		*ret_reason = owner_reason(owner);
	}
unlock:
	mutex_unlock(&owner->discovery_mutex);
	return error;
}

/**
 * vfvirt_member_has_legacy() - do the legacy registers of a VF work?
 * @member: registered
 * @ret_reason: why not
 *
 * Context: may sleep VFVIRT_SETUP_LIMIT_MS once per owner, killable.
 * Return: 1, 0, or -EINTR.
 */
int vfvirt_member_has_legacy(struct vfvirt_member *member, enum vfvirt_owner_reason *ret_reason)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(VFVIRT_SETUP_LIMIT_MS);
	struct vfvirt_owner *owner = vfvirt_member_pin_owner(member);
	u64 opcodes = 0;
	int error;

	*ret_reason = VFVIRT_REASON_NO_OWNER;
	if (!owner)
		return 0;
	error = vfvirt_discover(owner, member->vf, deadline, &opcodes, ret_reason);
	if (!error && !(opcodes & VFVIRT_OPCODES_LEGACY_ACCESS))
		*ret_reason = VFVIRT_REASON_NO_LEGACY;
	vfvirt_owner_unpin(owner);
	if (error == -EINTR)
		return error;
	return !error && *ret_reason == VFVIRT_REASON_NONE;
}
EXPORT_SYMBOL_GPL(vfvirt_member_has_legacy);
