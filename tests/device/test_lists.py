# SPDX-License-Identifier: GPL-2.0-or-later
"""Discovery of opcodes, and the groups they act on (A.3, A.4)."""

from . import admin, pci
from .case import case, equal, true
from .machine import Card

LEGACY = (admin.COMMON_WRITE, admin.COMMON_READ, admin.CONFIG_WRITE, admin.CONFIG_READ,
          admin.NOTIFY_INFO)
REFUSED_OPCODE = (admin.EINVAL, admin.INVALID_OPCODE)
REFUSED_GROUP = (admin.EINVAL, admin.INVALID_GROUP)
REFUSED_MEMBER = (admin.EINVAL, admin.INVALID_MEMBER)


def outcome(queue: admin.Queue, opcode: int, member: int = 1, group: int = admin.SRIOV):
    """Status and qualifier of a well-formed command of that opcode."""
    data = {admin.LIST_USE: admin.ALL_BITS.to_bytes(8, "little"),
            admin.COMMON_WRITE: b"\x0e" + bytes(9)}.get(opcode, bytes(9))
    room = {admin.COMMON_READ: 12, admin.CONFIG_READ: 14}.get(opcode, 72)
    return queue.execute(opcode, group, member, data, room).outcome()


@case("S-40 before LIST_USE only LIST_QUERY and LIST_USE are allowed")
def before_list_use(card: Card):
    queue = card.start()
    card.enable(1)
    for opcode in LEGACY:
        equal(outcome(queue, opcode), REFUSED_OPCODE, f"opcode {opcode}")
    equal(outcome(queue, admin.LIST_QUERY), (0, 0), "LIST_QUERY")
    equal(outcome(queue, admin.LIST_USE), (0, 0), "LIST_USE")
    for opcode in LEGACY:
        equal(outcome(queue, opcode), (0, 0), f"opcode {opcode} after LIST_USE")


@case("S-40 a device reset takes LIST_USE back")
def list_use_reset(card: Card):
    card.ready(1)
    queue = card.start()
    equal(outcome(queue, admin.COMMON_READ), REFUSED_OPCODE, "COMMON_CFG_READ after a reset")


@case("S-40 FLR of the PF takes LIST_USE back")
def list_use_flr(card: Card):
    card.ready(1)
    card.pf.reset()
    queue = card.start()
    card.enable(1)
    equal(outcome(queue, admin.COMMON_READ), REFUSED_OPCODE, "COMMON_CFG_READ after FLR")


@case("S-42 LIST_USE may be sent any number of times")
def list_use_again(card: Card):
    queue = card.ready(1)
    for bits in (0x7F, 0x3F, 0x7F, 0x03, 0x7F):
        queue.list_use(bits)
        for opcode in LEGACY:
            want = (0, 0) if bits >> opcode & 1 else REFUSED_OPCODE
            equal(outcome(queue, opcode), want, f"opcode {opcode} with the list {bits:#x}")


@case("S-43 clearing bits 0 and 1 blocks discovery until a reset")
def discovery_blocked(card: Card):
    queue = card.ready(1)
    queue.list_use(admin.LEGACY_BITS)
    equal(outcome(queue, admin.LIST_QUERY), REFUSED_OPCODE, "LIST_QUERY")
    equal(outcome(queue, admin.LIST_USE), REFUSED_OPCODE, "LIST_USE")
    equal(outcome(queue, admin.COMMON_READ), (0, 0), "COMMON_CFG_READ")
    queue = card.start()
    equal(outcome(queue, admin.LIST_QUERY), (0, 0), "LIST_QUERY after a reset")


@case("S-44 opcodes that are not in the used list fail")
def not_in_list(card: Card):
    queue = card.ready(1)
    queue.list_use(admin.ALL_BITS & ~(1 << admin.NOTIFY_INFO))
    equal(outcome(queue, admin.NOTIFY_INFO), REFUSED_OPCODE, "NOTIFY_INFO")
    equal(outcome(queue, admin.CONFIG_READ), (0, 0), "DEV_CFG_READ")


@case("S-45 the Self group has its own list")
def self_group(card: Card):
    queue = card.ready(1)
    bits = queue.list_query(admin.SELF)
    true(bits & 3 == 3, "bits 0 and 1 are set for the Self group")
    true(not bits & admin.LEGACY_BITS, "the legacy opcodes are not for the Self group")
    for opcode in LEGACY:
        equal(outcome(queue, opcode, 0, admin.SELF), REFUSED_OPCODE, f"opcode {opcode} for Self")
    queue.list_use(3, admin.SELF)
    equal(outcome(queue, admin.COMMON_READ), (0, 0), "COMMON_CFG_READ after LIST_USE for Self")


@case("S-45 bits 0 and 1 are always set in the answer to LIST_QUERY")
def discovery_bits(card: Card):
    queue = card.ready(1)
    for bits in (0x7F, 0x3F, 0x03):
        queue.list_use(bits)
        true(queue.list_query() & 3 == 3, f"after LIST_USE {bits:#x}")


@case("S-46 the list of opcodes never shrinks")
def list_stable(card: Card):
    queue = card.start()
    first = queue.list_query()
    card.enable(2)
    queue.list_use(0x03)
    equal(queue.list_query(), first, "the list after LIST_USE of less")
    card.sriov.disable()
    equal(queue.list_query(), first, "the list after the VFs were disabled")
    card.enable(1)
    queue = card.start()
    equal(queue.list_query(), first, "the list after a reset")
    queue.list_use(first)


@case("S-46 LIST_USE with opcodes that are not offered is refused whole")
def list_use_foreign(card: Card):
    queue = card.ready(1)
    for data in ((1 << 7 | 0x7F).to_bytes(8, "little"), (1 << 63).to_bytes(8, "little"),
                 bytes(8) + b"\1" + bytes(7)):
        reply = queue.execute(admin.LIST_USE, data=data)
        equal(reply.outcome(), (admin.EINVAL, admin.INVALID_FIELD), f"LIST_USE {data.hex()}")
    equal(outcome(queue, admin.NOTIFY_INFO), (0, 0), "the list before still holds")


@case("S-47 group types that do not exist are refused for LIST_QUERY")
def probe_groups(card: Card):
    queue = card.start()
    for group in (2, 7, 0x8000):
        equal(outcome(queue, admin.LIST_QUERY, 0, group), REFUSED_GROUP, f"group {group:#x}")


@case("S-50 the PF is no member of the SR-IOV group")
def owner_no_member(card: Card):
    queue = card.ready(2)
    for opcode in LEGACY:
        equal(outcome(queue, opcode, 0), REFUSED_MEMBER, f"opcode {opcode}, member 0")


@case("S-51 members are 1 to NumVFs", "total-vfs=8")
def member_range(card: Card):
    queue = card.ready(3)
    for member in range(10):
        want = (0, 0) if 1 <= member <= 3 else REFUSED_MEMBER
        equal(outcome(queue, admin.COMMON_READ, member), want, f"member {member}")
    card.sriov.disable()
    card.enable(8)
    equal(outcome(queue, admin.COMMON_READ, 8), (0, 0), "member 8 with NumVFs 8")


@case("S-52 without VF Enable member commands fail although NumVFs is set")
def numvfs_alone(card: Card):
    queue = card.start()
    queue.list_use()
    card.sriov.write(pci.SRIOV_NUM, 2)
    equal(outcome(queue, admin.COMMON_READ), REFUSED_GROUP, "COMMON_CFG_READ")


@case("S-53 lenient: discovery works before any VF, everything else is refused")
def lenient(card: Card):
    queue = card.start()
    equal(queue.list_query(), admin.ALL_BITS, "LIST_QUERY")
    queue.list_use()
    for opcode in LEGACY:
        equal(outcome(queue, opcode), REFUSED_GROUP, f"opcode {opcode}")


@case("S-53 strict: every command of the group fails while VF Enable is clear",
      "group-rules=strict")
def strict(card: Card):
    queue = card.start()
    for opcode in (admin.LIST_QUERY, admin.LIST_USE, *LEGACY):
        equal(outcome(queue, opcode), REFUSED_GROUP, f"opcode {opcode}")
    card.enable(1)
    equal(queue.list_query(), admin.ALL_BITS, "LIST_QUERY with a VF")
    queue.list_use()
    equal(outcome(queue, admin.COMMON_READ), (0, 0), "COMMON_CFG_READ")
    card.sriov.disable()
    for opcode in (admin.LIST_QUERY, admin.LIST_USE, *LEGACY):
        equal(outcome(queue, opcode), REFUSED_GROUP, f"opcode {opcode} after VF disable")


@case("S-53 without an SR-IOV capability the group does not exist", "total-vfs=0")
def no_capability(card: Card):
    queue = card.start()
    for opcode in (admin.LIST_QUERY, admin.LIST_USE, *LEGACY):
        equal(outcome(queue, opcode), REFUSED_GROUP, f"opcode {opcode}")
    true(queue.list_query(admin.SELF) & 3 == 3, "the Self group exists")


@case("S-54 VF disable answers the commands that were held back")
def disable_pending(card: Card):
    queue = card.ready(2)
    card.arm("delay,ms=1000,hold=self,member=1")
    card.arm("delay,ms=1000,hold=queue,member=2")
    pending = [queue.submit(admin.CONFIG_READ, member=member, data=bytes(8), room=14)
               for member in (1, 2)]
    card.wait_in_flight(2)
    pending.append(queue.submit(admin.NOTIFY_INFO, member=1, room=72))
    card.sriov.disable()
    for one in pending:
        equal(queue.wait(one).outcome(), REFUSED_GROUP, "the answer")
    equal(card.get("counters")["in_flight"], 0, "commands in flight")


@case("SX-1 strict-member: discovery needs a member id of 1 to NumVFs",
      "group-rules=strict-member")
def strict_member(card: Card):
    queue = card.start()
    equal(outcome(queue, admin.LIST_QUERY, 1), REFUSED_GROUP, "LIST_QUERY without VFs")
    card.enable(2)
    for opcode in (admin.LIST_QUERY, admin.LIST_USE):
        for member, want in ((0, REFUSED_MEMBER), (3, REFUSED_MEMBER), (1, (0, 0)), (2, (0, 0))):
            equal(outcome(queue, opcode, member), want, f"opcode {opcode}, member {member}")
    equal(outcome(queue, admin.COMMON_READ), (0, 0), "COMMON_CFG_READ after LIST_USE")


@case("SX-2 legacy data is as long as the buffer, not padded to 8")
def exact_length(card: Card):
    queue = card.ready(1)
    registers = card.registers(1)
    registers.write(True, 0x12, 1, 3)
    reply = queue.execute(admin.COMMON_READ, member=1, data=b"\x12", room=9)
    equal((reply.outcome(), reply.used, reply.result), ((0, 0), 9, b"\3"), "a 1-byte read")
    reply = queue.execute(admin.COMMON_READ, member=1, data=b"\x12" + bytes(7), room=16)
    equal(reply.outcome(), (admin.EINVAL, admin.INVALID_FIELD), "the same, padded to 8 bytes")
    reply = queue.execute(admin.COMMON_WRITE, member=1, data=b"\x12" + bytes(7) + b"\1" + bytes(7))
    equal(reply.outcome(), (admin.EINVAL, admin.INVALID_FIELD), "a padded 1-byte write")
    equal(registers.read(True, 0x12, 1), 3, "status after the refused write")


@case("SX-8 strict: LIST_QUERY at PF probe fails, and works once VFs exist",
      "group-rules=strict")
def lazy_discovery(card: Card):
    queue = card.start()
    equal(outcome(queue, admin.LIST_QUERY, 0), REFUSED_GROUP, "at probe")
    card.enable(1)
    equal(queue.list_query(), admin.ALL_BITS, "after VF Enable")
