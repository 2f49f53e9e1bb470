/* SPDX-License-Identifier: GPL-2.0-only */
/* One administration command, as its queue hands it over to be executed. */
#ifndef VFVIRT_COMMAND_H
#define VFVIRT_COMMAND_H

#include "vfvirt.h"

enum {
    OPCODE_LIST_QUERY = 0,
    OPCODE_LIST_USE = 1,
    OPCODE_COMMON_CFG_WRITE = 2,
    OPCODE_COMMON_CFG_READ = 3,
    OPCODE_DEV_CFG_WRITE = 4,
    OPCODE_DEV_CFG_READ = 5,
    OPCODE_NOTIFY_INFO = 6,
};

enum {
    GROUP_SELF = 0,
    GROUP_SRIOV = 1,
    GROUPS,
};

/* Layout of the readable part. Every command has at least IN_BYTES_MIN of it, zeros if need be. */
#define IN_OPCODE 0
#define IN_GROUP_TYPE 2
#define IN_MEMBER_ID 16
#define IN_DATA 24
#define IN_LEGACY_OFFSET IN_DATA
#define IN_LEGACY_DATA 32
#define IN_BYTES_MIN IN_LEGACY_DATA
/* The longest that can matter: LIST_USE with a bit for each 16-bit opcode. */
#define IN_BYTES_MAX (IN_DATA + 65536 / 8)

/* Layout of the writable part: status, qualifier, 4 reserved bytes, result. */
#define OUT_HEADER_BYTES 8

#define NOTIFY_ENTRIES 4
#define NOTIFY_ENTRY_BYTES 16
#define RESULT_BYTES_MAX (NOTIFY_ENTRIES * NOTIFY_ENTRY_BYTES)

typedef struct VfvirtCommand {
    uint16_t opcode, group_type;
    uint64_t member_id;
    uint16_t port;       /* counter row and fault target: the member, or 0 */
    uint8_t *in;         /* the readable part; owned by the queue */
    size_t in_bytes;     /* as much of it as the driver supplied, at most IN_BYTES_MAX */
    uint8_t offset;      /* legacy register commands: where, */
    size_t length_bytes; /* and how much; as the driver supplied, not bounded */

    uint16_t status, qualifier;
    uint8_t result[RESULT_BYTES_MAX];
    size_t result_bytes;
} VfvirtCommand;

/* Bit masks of opcodes, by group type. */
typedef struct VfvirtOpcodeLists {
    uint64_t used[GROUPS];   /* what LIST_USE allowed */
    uint64_t listed[GROUPS]; /* what LIST_QUERY answered; a fault may have made it up */
} VfvirtOpcodeLists;

/* As after a device reset: nothing is known, only discovery is allowed (S-40). */
void vfvirt_opcode_lists_reset(VfvirtOpcodeLists *lists);
/* Neither LIST_QUERY nor LIST_USE names a member. */
bool vfvirt_command_is_discovery(const VfvirtCommand *command);
/* The group that the command addresses exists at this moment (S-52, S-53, SX-8). */
bool vfvirt_command_group_exists(VfvirtPf *pf, const VfvirtCommand *command);
/* EINVAL because the group is gone, whatever the result was before. */
void vfvirt_command_refuse_group(VfvirtCommand *command);
/* Decodes `in`; readable and writable are the sizes of the two parts as the driver made them. */
void vfvirt_command_decode(VfvirtPf *pf, VfvirtCommand *command, size_t readable_bytes,
                           size_t writable_bytes);
/*
 * Validates and executes: fills in status, qualifier and result. Writing a register may have any
 * side effect on the card, up to its removal.
 */
void vfvirt_command_execute(VfvirtPf *pf, VfvirtOpcodeLists *lists, VfvirtCommand *command);

#endif
