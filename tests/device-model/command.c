/* SPDX-License-Identifier: GPL-2.0-only */
/* The administration commands themselves: validation in the specified order, then execution. */
#include "qemu/osdep.h"
#include "command.h"

enum {
    STATUS_EINVAL = 22,
};

enum {
    QUALIFIER_INVALID_OPCODE = 2,
    QUALIFIER_INVALID_FIELD = 3,
    QUALIFIER_INVALID_GROUP = 4,
    QUALIFIER_INVALID_MEMBER = 5,
};

/* The discovery commands are always there (S-40, S-45); of 2 to 5 there are all or none (S-60). */
#define OPCODES_DISCOVERY (1u << OPCODE_LIST_QUERY | 1u << OPCODE_LIST_USE)
#define OPCODES_LEGACY                                                                            \
    (1u << OPCODE_COMMON_CFG_WRITE | 1u << OPCODE_COMMON_CFG_READ | 1u << OPCODE_DEV_CFG_WRITE |  \
     1u << OPCODE_DEV_CFG_READ)

#define NOTIFY_FLAG_OWNER 1
#define NOTIFY_FLAG_MEMBER 2
#define NOTIFY_FLAG_BAD 0x80
#define NOTIFY_BAR_BAD 3 /* neither function has one */

void vfvirt_opcode_lists_reset(VfvirtOpcodeLists *lists)
{
    for (unsigned i = 0; i < GROUPS; i++) {
        lists->used[i] = OPCODES_DISCOVERY;
        lists->listed[i] = 0;
    }
}

bool vfvirt_command_is_discovery(const VfvirtCommand *command)
{
    return command->opcode == OPCODE_LIST_QUERY || command->opcode == OPCODE_LIST_USE;
}

static bool is_register_write(const VfvirtCommand *command)
{
    return command->opcode == OPCODE_COMMON_CFG_WRITE || command->opcode == OPCODE_DEV_CFG_WRITE;
}

static bool is_register_read(const VfvirtCommand *command)
{
    return command->opcode == OPCODE_COMMON_CFG_READ || command->opcode == OPCODE_DEV_CFG_READ;
}

void vfvirt_command_decode(VfvirtPf *pf, VfvirtCommand *command, size_t readable_bytes,
                           size_t writable_bytes)
{
    command->opcode = lduw_le_p(command->in + IN_OPCODE);
    command->group_type = lduw_le_p(command->in + IN_GROUP_TYPE);
    command->member_id = ldq_le_p(command->in + IN_MEMBER_ID);
    if (command->group_type == GROUP_SRIOV && !vfvirt_command_is_discovery(command) &&
        vfvirt_pf_member(pf, command->member_id)) {
        command->port = command->member_id;
    }
    if (is_register_write(command)) {
        command->length_bytes = readable_bytes - MIN(readable_bytes, IN_LEGACY_DATA);
    } else if (is_register_read(command)) {
        command->length_bytes = writable_bytes - MIN(writable_bytes, OUT_HEADER_BYTES);
    } else {
        return;
    }
    command->offset = command->in[IN_LEGACY_OFFSET];
}

/* ---- Validation ---------------------------------------------------------------------------- */

static uint64_t opcodes_supported(VfvirtPf *pf, uint16_t group_type)
{
    uint64_t opcodes = OPCODES_DISCOVERY;

    if (group_type == GROUP_SRIOV && pf->vf_legacy) {
        opcodes |= OPCODES_LEGACY;
        if (pf->notify_info != VFVIRT_NOTIFY_NONE) {
            opcodes |= 1u << OPCODE_NOTIFY_INFO;
        }
    }
    return opcodes;
}

/* True when a fault makes the card act as if it had no LEGACY_NOTIFY_INFO. */
static bool notify_info_absent(VfvirtPf *pf, const VfvirtCommand *command)
{
    const VfvirtFault *fault = vfvirt_fault_peek(pf->faults, VFVIRT_FAULT_NOTIFY_INFO,
                                                 command->port, OPCODE_NOTIFY_INFO);

    return fault && fault->bad == VFVIRT_BAD_ABSENT;
}

bool vfvirt_command_group_exists(VfvirtPf *pf, const VfvirtCommand *command)
{
    if (command->group_type == GROUP_SELF) {
        return true;
    }
    if (command->group_type != GROUP_SRIOV || !pf->total_vfs) {
        return false;
    }
    /* Stock drivers ask before there is any VF; the lenient rule is for them. */
    return vfvirt_pf_num_vfs(pf) || (pf->group_rules == VFVIRT_GROUP_LENIENT &&
                                     vfvirt_command_is_discovery(command));
}

static bool opcode_allowed(VfvirtPf *pf, VfvirtOpcodeLists *lists, VfvirtCommand *command)
{
    uint64_t allowed = opcodes_supported(pf, command->group_type) &
                       lists->used[command->group_type];

    if (command->opcode >= 64 || !(allowed >> command->opcode & 1)) {
        return false;
    }
    if (command->opcode == OPCODE_NOTIFY_INFO && notify_info_absent(pf, command)) {
        vfvirt_fault_strike(pf->faults, VFVIRT_FAULT_NOTIFY_INFO, command->port,
                            OPCODE_NOTIFY_INFO);
        return false;
    }
    return true;
}

static bool member_exists(VfvirtPf *pf, const VfvirtCommand *command)
{
    if (command->group_type == GROUP_SELF) {
        return true;
    }
    if (vfvirt_command_is_discovery(command) && pf->group_rules != VFVIRT_GROUP_STRICT_MEMBER) {
        return true;
    }
    return vfvirt_pf_member(pf, command->member_id) != NULL;
}

static void command_refuse(VfvirtCommand *command, uint16_t qualifier)
{
    command->status = STATUS_EINVAL;
    command->qualifier = qualifier;
    command->result_bytes = 0;
}

void vfvirt_command_refuse_group(VfvirtCommand *command)
{
    command_refuse(command, QUALIFIER_INVALID_GROUP);
}

/* S-21: group type, then opcode, then member. False: refused. */
static bool command_validate(VfvirtPf *pf, VfvirtOpcodeLists *lists, VfvirtCommand *command)
{
    if (!vfvirt_command_group_exists(pf, command)) {
        command_refuse(command, QUALIFIER_INVALID_GROUP);
    } else if (!opcode_allowed(pf, lists, command)) {
        command_refuse(command, QUALIFIER_INVALID_OPCODE);
    } else if (!member_exists(pf, command)) {
        command_refuse(command, QUALIFIER_INVALID_MEMBER);
    } else {
        return true;
    }
    return false;
}

/* ---- Execution ----------------------------------------------------------------------------- */

static void list_query(VfvirtPf *pf, VfvirtOpcodeLists *lists, VfvirtCommand *command)
{
    const VfvirtFault *fault = vfvirt_fault_strike(pf->faults, VFVIRT_FAULT_LIST_QUERY,
                                                   command->port, OPCODE_LIST_QUERY);
    uint64_t opcodes = opcodes_supported(pf, command->group_type);

    if (fault) {
        opcodes = fault->bits;
    } else if (command->group_type == GROUP_SRIOV && notify_info_absent(pf, command)) {
        opcodes &= ~(1ull << OPCODE_NOTIFY_INFO);
    }
    lists->listed[command->group_type] |= opcodes;
    stq_le_p(command->result, opcodes);
    command->result_bytes = 8;
}

/*
 * S-46: refused when it names opcodes that the device does not have. What a wrong LIST_QUERY
 * made the driver believe is accepted here, and fails when it is used.
 */
static void list_use(VfvirtPf *pf, VfvirtOpcodeLists *lists, VfvirtCommand *command)
{
    uint64_t known = opcodes_supported(pf, command->group_type) |
                     lists->listed[command->group_type];
    uint64_t wanted = ldq_le_p(command->in + IN_DATA);
    bool unknown = wanted & ~known;

    for (size_t i = IN_DATA + 8; i < command->in_bytes; i++) {
        unknown |= command->in[i] != 0;
    }
    if (unknown) {
        command_refuse(command, QUALIFIER_INVALID_FIELD);
    } else {
        lists->used[command->group_type] = wanted;
    }
}

static void legacy_access(VfvirtPf *pf, VfvirtCommand *command)
{
    VfvirtFunction *fn = vfvirt_pf_member(pf, command->member_id);
    bool common = command->opcode == OPCODE_COMMON_CFG_WRITE ||
                  command->opcode == OPCODE_COMMON_CFG_READ;
    int ret;

    if (is_register_write(command)) {
        ret = vfvirt_legacy_write(fn, common, command->offset, command->in + IN_LEGACY_DATA,
                                  command->length_bytes);
    } else {
        ret = vfvirt_legacy_read(fn, common, command->offset, command->result,
                                 command->length_bytes);
        command->result_bytes = command->length_bytes;
    }
    if (ret < 0) {
        command_refuse(command, QUALIFIER_INVALID_FIELD);
    }
}

static void notify_entry_put(VfvirtFunction *fn, uint8_t *entry, uint8_t flags, uint8_t bar,
                             uint64_t offset, const VfvirtFault *fault)
{
    if (fault && fault->bad == VFVIRT_BAD_FLAG) {
        flags = NOTIFY_FLAG_BAD;
    } else if (fault && fault->bad == VFVIRT_BAD_BAR) {
        bar = NOTIFY_BAR_BAD;
    } else if (fault && fault->bad == VFVIRT_BAD_ALIGNMENT) {
        offset++;
    } else if (fault && fault->bad == VFVIRT_BAD_OFFSET) {
        offset = PCI_DEVICE(fn)->io_regions[bar].size; /* the first byte that is outside */
    }
    entry[0] = flags;
    entry[1] = bar;
    stq_le_p(entry + 8, offset);
}

/* S-67, S-69: the addresses in the order of preference, closed by an entry of zeros. */
static void notify_info(VfvirtPf *pf, VfvirtCommand *command)
{
    const VfvirtFault *fault = vfvirt_fault_strike(pf->faults, VFVIRT_FAULT_NOTIFY_INFO,
                                                   command->port, OPCODE_NOTIFY_INFO);
    uint8_t *entry = command->result;

    if (pf->notify_info != VFVIRT_NOTIFY_OWNER) {
        notify_entry_put(vfvirt_pf_member(pf, command->member_id), entry, NOTIFY_FLAG_MEMBER,
                         VFVIRT_MEMBER_DOORBELL_BAR, VFVIRT_MEMBER_DOORBELL_OFFSET, fault);
        entry += NOTIFY_ENTRY_BYTES;
    }
    if (pf->notify_info != VFVIRT_NOTIFY_MEMBER) {
        notify_entry_put(&pf->fn, entry, NOTIFY_FLAG_OWNER, VFVIRT_OWNER_DOORBELL_BAR,
                         (command->member_id - 1) * VFVIRT_OWNER_DOORBELL_STRIDE_BYTES, fault);
    }
    command->result_bytes = NOTIFY_ENTRIES * NOTIFY_ENTRY_BYTES;
}

void vfvirt_command_execute(VfvirtPf *pf, VfvirtOpcodeLists *lists, VfvirtCommand *command)
{
    const VfvirtFault *fault = vfvirt_fault_strike(pf->faults, VFVIRT_FAULT_STATUS, command->port,
                                                   command->opcode);

    if (fault) {
        command->status = fault->status;
        command->qualifier = fault->qualifier;
        return;
    }
    if (!command_validate(pf, lists, command)) {
        return;
    }
    switch (command->opcode) {
    case OPCODE_LIST_QUERY:
        list_query(pf, lists, command);
        break;
    case OPCODE_LIST_USE:
        list_use(pf, lists, command);
        break;
    case OPCODE_NOTIFY_INFO:
        notify_info(pf, command);
        break;
    default:
        legacy_access(pf, command);
        break;
    }
}
