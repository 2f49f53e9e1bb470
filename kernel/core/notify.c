// SPDX-License-Identifier: GPL-2.0-only
/* Where a guest's doorbell writes go: LEGACY_NOTIFY_INFO, believed only after every check. */
#include "core.h"

/* One entry: flags, bar, six bytes of padding, the offset as le64. */
#define ENTRY_BYTES		16
#define ENTRY_FLAGS_OFFSET	0
#define ENTRY_BAR_OFFSET	1
#define ENTRY_ADDRESS_OFFSET	8

#define FLAGS_END		0
#define BAR_FIRST		1	/* BAR0 is where the legacy registers are emulated */
#define BAR_LAST		5
#define DOORBELL_BYTES		2

/*
 * S-67 and S-68: only flags that we know, a memory BAR that the function meant has, an even offset,
 * and the whole doorbell inside the BAR.
 */
static bool entry_is_sound(struct vfvirt_member *member, const struct vfvirt_notify_entry *entry)
{
	struct pci_dev *function;
	u64 bar_bytes;

	if (entry->flags == VFVIRT_NOTIFY_OWNER)
		function = member->pf;
	else if (entry->flags == VFVIRT_NOTIFY_MEMBER)
		function = member->vf;
	else
		return false;
	if (entry->bar < BAR_FIRST || entry->bar > BAR_LAST)
		return false;
	if (!(pci_resource_flags(function, entry->bar) & IORESOURCE_MEM))
		return false;
	bar_bytes = pci_resource_len(function, entry->bar);
	return entry->offset_bytes % DOORBELL_BYTES == 0 && bar_bytes >= DOORBELL_BYTES &&
	       entry->offset_bytes <= bar_bytes - DOORBELL_BYTES;
}

/* The sound entries of one kind are appended in the device's order; the new total. */
static int collect(struct vfvirt_member *member, const u8 *list, unsigned int count, u8 flags,
		   struct vfvirt_notify_entry *ret_entries, int total)
{
	unsigned int n;

	for (n = 0; n < count; n++) {
		const u8 *raw = list + n * ENTRY_BYTES;
		struct vfvirt_notify_entry entry = {
			.flags = raw[ENTRY_FLAGS_OFFSET],
			.bar = raw[ENTRY_BAR_OFFSET],
			.offset_bytes = get_unaligned_le64(raw + ENTRY_ADDRESS_OFFSET),
		};

		if (entry.flags == FLAGS_END)
			break;
		if (entry.flags == flags && entry_is_sound(member, &entry))
			ret_entries[total++] = entry;
	}
	return total;
}

/**
 * vfvirt_legacy_notify_info() - the doorbells of a VF that may be believed, best first
 * @member: registered
 * @ret_entries: member BARs before the owner's, otherwise in the device's order
 *
 * A list without an end mark is taken as full (SX-3).
 *
 * Context: may sleep VFVIRT_SETUP_LIMIT_MS, killable.
 * Return: the number of entries; 0 (also when the device has no such command): write the queue
 * index with vfvirt_legacy_common_write() at 0x10. Negative errno as the legacy accesses.
 */
int vfvirt_legacy_notify_info(struct vfvirt_member *member,
			      struct vfvirt_notify_entry ret_entries[VFVIRT_NOTIFY_ENTRIES])
{
	u8 list[VFVIRT_NOTIFY_ENTRIES * ENTRY_BYTES] = {};
	struct vfvirt_command command = {
		.opcode = VFVIRT_OP_LEGACY_NOTIFY_INFO,
		.out = list,
		.out_length_bytes = sizeof(list),
	};
	unsigned int count;
	int error, total;

	error = vfvirt_legacy_command(member, &command, VFVIRT_SETUP_LIMIT_MS);
	if (error == -EOPNOTSUPP)
		return 0;
	if (error)
		return error;
	count = command.out_used_bytes / ENTRY_BYTES;
	total = collect(member, list, count, VFVIRT_NOTIFY_MEMBER, ret_entries, 0);
	return collect(member, list, count, VFVIRT_NOTIFY_OWNER, ret_entries, total);
}
EXPORT_SYMBOL_GPL(vfvirt_legacy_notify_info);
