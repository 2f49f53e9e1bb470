// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which opcodes of the SR-IOV group the device offers, and putting them to use.
 *
 * Asked when first needed, not when the PF is set up: the group exists only while VFs are enabled
 * (S-53), and nobody should hold RTNL meanwhile. Asked again after every change to ready (S-40).
 *
 * A failure keeps nobody from asking again, unless time ran out: VF drivers are probed one after
 * the other inside pci_enable_sriov(), and 240 of them must not wait for the device in turn with
 * the PF's lock held. A refusal or nonsense comes at once and may be different next time, so the
 * next one who needs the answer asks again.
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
	if (error)
		return error;
	*ret_offered = get_unaligned_le64(list);
	/* Who answers this command offers it: a list without it is no answer. */
	if ((*ret_offered & VFVIRT_OPCODES_LISTS) != VFVIRT_OPCODES_LISTS)
		return -EPROTO;
	return 0;
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

/* Asks the device. Errors of vfvirt_command_run(); -EPROTO also for an impossible answer. */
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
	*ret_opcodes = choose(offered);
	if (error)
		return error;
	return list_use(owner, list_members[n], deadline, *ret_opcodes);
}

/* What a failure says about the device; VFVIRT_REASON_NONE: nothing. */
static enum vfvirt_owner_reason device_reason(int error)
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
 * What is known already: 0 with the opcodes; -EIO after a time-out; the gate's errors when the
 * owner is not ready. -EAGAIN: nobody knows and nobody asks, so the caller does now; *ret_epoch is
 * for his answer. -EINPROGRESS: somebody else asks.
 */
static int recall_or_claim(struct vfvirt_owner *owner, u64 *ret_opcodes,
			   enum vfvirt_owner_reason *ret_reason, unsigned int *ret_epoch)
{
	int error = 0;

	spin_lock(&owner->lock);
	*ret_reason = VFVIRT_REASON_NONE;
	if (owner->state != VFVIRT_OWNER_READY) {
		*ret_reason = owner->reason;
		error = owner->state == VFVIRT_OWNER_ABSENT ? -ENODEV : -EIO;
	} else if (owner->discovery == VFVIRT_DISCOVERY_DONE) {
		*ret_opcodes = owner->opcodes;
	} else if (owner->discovery == VFVIRT_DISCOVERY_FAILED &&
		   owner->discovery_reason == VFVIRT_REASON_TIMEOUT) {
		*ret_reason = VFVIRT_REASON_TIMEOUT;
		error = -EIO;
	} else if (owner->discovering) {
		error = -EINPROGRESS;
	} else {
		owner->discovering = true;
		*ret_epoch = owner->discovery_epoch;
		error = -EAGAIN;
	}
	spin_unlock(&owner->lock);
	return error;
}

/*
 * Ends a claim and keeps the opcodes, or why there are none. False when the owner was made ready
 * again meanwhile: then the answer is of no use.
 */
static bool claim_end(struct vfvirt_owner *owner, unsigned int epoch, int error, u64 opcodes)
{
	enum vfvirt_owner_reason reason = device_reason(error);
	bool current_answer;

	spin_lock(&owner->lock);
	owner->discovering = false;
	current_answer = owner->discovery_epoch == epoch;
	if (current_answer && !error) {
		owner->discovery = VFVIRT_DISCOVERY_DONE;
		owner->opcodes = opcodes;
	} else if (current_answer && reason) {
		owner->discovery = VFVIRT_DISCOVERY_FAILED;
		owner->discovery_reason = reason;
	}
	wake_up_all(&owner->idle);
	spin_unlock(&owner->lock);
	/* A refusal was logged with its status already. */
	if (current_answer && reason && reason != VFVIRT_REASON_NO_LEGACY)
		dev_warn_ratelimited(&owner->pdev->dev,
				     "vfvirt: cannot find out the device's commands for VFs: error %d; no legacy access for now\n",
				     error);
	return current_answer;
}

/**
 * vfvirt_discovery_retry() - somebody comes who may wait for an answer that did not come in time
 * @owner: of a VF that is being opened
 *
 * A silent device is not asked again by this: its owner is degraded, and has to be made ready
 * first. An owner that is ready although a time-out is remembered says EAGAIN, or answers others.
 *
 * Context: any process context; takes owner->lock.
 */
void vfvirt_discovery_retry(struct vfvirt_owner *owner)
{
	spin_lock(&owner->lock);
	if (owner->state == VFVIRT_OWNER_READY && owner->discovery == VFVIRT_DISCOVERY_FAILED)
		owner->discovery = VFVIRT_DISCOVERY_UNKNOWN;
	spin_unlock(&owner->lock);
}

static bool nobody_asks(struct vfvirt_owner *owner)
{
	bool free;

	spin_lock(&owner->lock);
	free = !owner->discovering;
	spin_unlock(&owner->lock);
	return free;
}

/* Waits for the one who asks. 0, -EINTR, or -ETIMEDOUT when he still waits for the device. */
static int claim_await(struct vfvirt_owner *owner, unsigned long deadline)
{
	long left = wait_event_killable_timeout(owner->idle, nobody_asks(owner),
						vfvirt_jiffies_left(deadline));

	if (left < 0)
		return -EINTR;
	return left ? 0 : -ETIMEDOUT;
}

/* Why the caller has no answer: what the device did, or else what became of the owner. */
static enum vfvirt_owner_reason failure_reason(struct vfvirt_owner *owner, int error)
{
	enum vfvirt_owner_reason reason = device_reason(error);

	if (reason)
		return reason;
	spin_lock(&owner->lock);
	reason = owner->reason;
	spin_unlock(&owner->lock);
	/* A closed gate: somebody is about to reset the device or to change its VFs. */
	return reason ?: VFVIRT_REASON_RESET;
}

/* The provider discovered by itself: it either gives legacy access, all of it, or none. */
static int ask_provider(struct vfvirt_owner *owner, struct pci_dev *vf, u64 *ret_opcodes)
{
	int has_legacy = vfvirt_gate_enter(owner);

	if (has_legacy)
		return has_legacy;
	has_legacy = owner->ops->has_legacy(owner->priv, vf);
	vfvirt_gate_give(owner, NULL, VFVIRT_HOLDS_GATE);
	if (has_legacy < 0)
		return has_legacy;
	*ret_opcodes = VFVIRT_OPCODES_LISTS;
	if (has_legacy)
		*ret_opcodes |= VFVIRT_OPCODES_LEGACY_ACCESS |
				BIT_ULL(VFVIRT_OP_LEGACY_NOTIFY_INFO);
	return 0;
}

/**
 * vfvirt_discover() - the opcodes in use, asking the device when nobody did since it became ready
 * @owner: pinned
 * @vf: the VF on whose behalf
 * @deadline: in jiffies
 * @ret_opcodes: bits of the opcodes in use; meaningless on failure
 * @ret_reason: why it failed
 *
 * Single flight: others wait for the one who asks, as long as their own limit allows, and take his
 * answer if it is good. That time ran out is remembered until the owner is made ready again, or is
 * ready when a VF is opened.
 *
 * Context: may sleep until @deadline, killable.
 * Return: 0; -EIO when time ran out before; else the errors of vfvirt_command_run(), -ETIMEDOUT
 * also when somebody else still waits for the answer.
 */
int vfvirt_discover(struct vfvirt_owner *owner, struct pci_dev *vf, unsigned long deadline,
		    u64 *ret_opcodes, enum vfvirt_owner_reason *ret_reason)
{
	unsigned int epoch;
	int error;

	for (;;) {
		error = recall_or_claim(owner, ret_opcodes, ret_reason, &epoch);
		if (error == -EINPROGRESS) {
			error = claim_await(owner, deadline);
			if (!error)
				continue;
			break;
		}
		if (error != -EAGAIN)
			return error;
		if (owner->ops->has_legacy)
			error = ask_provider(owner, vf, ret_opcodes);
		else
			error = ask(owner, deadline, ret_opcodes);
		if (claim_end(owner, epoch, error, *ret_opcodes) || error)
			break;
	}
	if (error)
		*ret_reason = failure_reason(owner, error);
	return error;
}

/**
 * vfvirt_member_has_legacy() - do the legacy registers of a VF work?
 * @member: registered
 * @ret_reason: why not
 *
 * Context: may sleep VFVIRT_SETUP_LIMIT_MS, killable.
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
