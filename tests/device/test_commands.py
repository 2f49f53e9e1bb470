# SPDX-License-Identifier: GPL-2.0-or-later
"""The administration command: validation, status, lengths, order (A.2)."""

import struct

from . import admin
from .case import case, equal, true
from .machine import Card

EINVAL, OK = admin.EINVAL, admin.OK
MAC_READ = admin.command(admin.CONFIG_READ, admin.SRIOV, 1, bytes(8))


@case("S-20 reserved input is ignored and reserved output is written as zero")
def reserved(card: Card):
    queue = card.ready(1)
    pending = queue.put(admin.command(admin.CONFIG_READ, admin.SRIOV, 1,
                                      b"\x00" + b"\xff" * 7, b"\xff" * 12), 14)
    queue.ring.kick()
    reply = queue.wait(pending)
    equal((reply.outcome(), reply.result), ((OK, 0), card.mac(1)), "answer")
    equal(reply.written[4:8], bytes(4), "reserved bytes 4..7 of the answer")
    reply = queue.execute(0x7777, room=16)
    equal(reply.written[4:8], bytes(4), "reserved bytes 4..7 of a refusal")


@case("S-20 LIST_QUERY does not care for the member id")
def unused_member(card: Card):
    queue = card.ready(1)
    equal(queue.execute(admin.LIST_QUERY, member=77, room=16).outcome(), (OK, 0),
          "LIST_QUERY with member 77")


@case("S-21 group type is checked before opcode and member")
def group_first(card: Card):
    queue = card.ready(2)
    for group in (2, 3, 0x7FFF, 0xFFFF):
        for opcode in (admin.LIST_QUERY, admin.COMMON_READ, 0x7777):
            reply = queue.execute(opcode, group, 999, bytes(8), 16)
            equal(reply.outcome(), (EINVAL, admin.INVALID_GROUP),
                  f"group {group:#x}, opcode {opcode:#x}, member 999")


@case("S-21 opcode is checked before member")
def opcode_before_member(card: Card):
    queue = card.ready(2)
    for opcode in (7, 0x11, 0x7777, 0xFFFF):
        reply = queue.execute(opcode, member=999, data=bytes(8), room=16)
        equal(reply.outcome(), (EINVAL, admin.INVALID_OPCODE), f"opcode {opcode:#x}, member 999")
    queue.list_use(admin.ALL_BITS & ~(1 << admin.NOTIFY_INFO))
    reply = queue.execute(admin.NOTIFY_INFO, member=999, room=72)
    equal(reply.outcome(), (EINVAL, admin.INVALID_OPCODE), "an unused opcode, member 999")


@case("S-21 member is checked for every opcode that uses it")
def member_last(card: Card):
    queue = card.ready(2)
    for opcode in (admin.COMMON_WRITE, admin.COMMON_READ, admin.CONFIG_WRITE, admin.CONFIG_READ,
                   admin.NOTIFY_INFO):
        for member in (0, 3, 16, 0x1_0001, 1 << 32 | 1, (1 << 64) - 1):
            reply = queue.execute(opcode, member=member, data=bytes(9), room=72)
            equal(reply.outcome(), (EINVAL, admin.INVALID_MEMBER),
                  f"opcode {opcode}, member {member:#x}")


@case("S-22 success is status 0 with qualifier 0")
def success(card: Card):
    queue = card.ready(1)
    for opcode, data, room in ((admin.LIST_QUERY, b"", 16),
                               (admin.LIST_USE, admin.ALL_BITS.to_bytes(8, "little"), 8),
                               (admin.COMMON_WRITE, b"\x0e" + bytes(9), 8),
                               (admin.COMMON_READ, b"\x0c" + bytes(7), 10),
                               (admin.CONFIG_WRITE, bytes(9), 8),
                               (admin.CONFIG_READ, bytes(8), 14),
                               (admin.NOTIFY_INFO, b"", 72)):
        reply = queue.execute(opcode, member=1, data=data, room=room)
        equal(reply.outcome(), (OK, 0), f"opcode {opcode}")


@case("S-22 status and qualifier are initialised on every refusal")
def refusal_initialised(card: Card):
    queue = card.ready(1)
    for group, opcode, member, want in ((5, 0, 0, admin.INVALID_GROUP),
                                        (1, 9, 1, admin.INVALID_OPCODE),
                                        (1, 3, 9, admin.INVALID_MEMBER)):
        reply = queue.execute(opcode, group, member, bytes(8), 24)
        equal(reply.written[:8], struct.pack("<HHI", EINVAL, want, 0), f"opcode {opcode}")
        equal(reply.result.strip(b"\0"), b"", "result of a refused command")


@case("S-23 a command that ends with EINVAL has no effect")
def refused_no_effect(card: Card):
    queue = card.ready(1)
    registers = card.registers(1)
    registers.write(True, 0x0E, 2, 1)
    registers.write(True, 0x12, 1, 3)
    before = [registers.read(True, offset, width) for offset, width in
              ((0x04, 4), (0x08, 4), (0x0E, 2), (0x12, 1))]
    for data in (b"\x0d" + bytes(7) + bytes(2), b"\x11" + bytes(9), b"\x12" + bytes(9),
                 b"\x0e" + bytes(7) + bytes(4), b"\x60" + bytes(8)):
        reply = queue.execute(admin.COMMON_WRITE, member=1, data=data)
        equal(reply.outcome(), (EINVAL, admin.INVALID_FIELD), f"write with {data.hex()}")
    after = [registers.read(True, offset, width) for offset, width in
             ((0x04, 4), (0x08, 4), (0x0E, 2), (0x12, 1))]
    equal(after, before, "features, page number, queue select and status")
    reply = queue.execute(admin.LIST_USE, data=(1 << 40).to_bytes(8, "little"))
    equal(reply.status, EINVAL, "LIST_USE with an opcode that is not offered")
    equal(registers.read(True, 0x0E, 2), 1, "legacy commands still work after it")


@case("S-23 EAGAIN and ENOMEM leave no trace and the retry succeeds")
def retry(card: Card):
    queue = card.ready(1)
    registers = card.registers(1)
    registers.write(True, 0x0E, 2, 0)
    for status, qualifier in ((admin.EAGAIN, 7), (admin.ENOMEM, 6)):
        card.arm(f"status,status={status},qualifier={qualifier},opcode=2,times=1")
        data = b"\x0e" + bytes(7) + b"\1\0"
        reply = queue.execute(admin.COMMON_WRITE, member=1, data=data)
        equal(reply.outcome(), (status, qualifier), "first try")
        equal(registers.read(True, 0x0E, 2), 0, "queue select after the failure")
        equal(queue.execute(admin.COMMON_WRITE, member=1, data=data).outcome(), (OK, 0), "retry")
        equal(registers.read(True, 0x0E, 2), 1, "queue select after the retry")
        registers.write(True, 0x0E, 2, 0)


@case("S-24 other failures change no state either")
def failure_no_effect(card: Card):
    queue = card.ready(1)
    registers = card.registers(1)
    card.arm("status,status=16,opcode=1,times=1")
    equal(queue.execute(admin.LIST_USE, data=bytes(8)).outcome(), (16, 0), "LIST_USE")
    equal(registers.read(True, 0x12, 1), 0, "the list of used opcodes is as before")
    card.arm("status,status=6,opcode=2,times=1")
    equal(queue.execute(admin.COMMON_WRITE, member=1, data=b"\x12" + bytes(7) + b"\1").outcome(),
          (6, 0), "status write")
    equal(registers.read(True, 0x12, 1), 0, "device status is as before")


@case("S-27 commands of one queue are executed and answered in order")
def order(card: Card):
    queue = card.ready(1)
    pending = []
    for number in range(10):
        select = struct.pack("<B7xH", 0x0E, number % 2)
        pending.append(queue.put(admin.command(admin.COMMON_WRITE, 1, 1, select), 8))
        pending.append(queue.put(admin.command(admin.COMMON_READ, 1, 1, b"\x0e" + bytes(7)), 10))
    queue.order.clear()
    queue.ring.kick()
    replies = [queue.wait(one) for one in pending]
    equal(queue.order, [one.head for one in pending], "order of the answers")
    equal([reply.result for reply in replies[1::2]],
          [struct.pack("<H", number % 2) for number in range(10)], "what each read saw")


@case("S-27 a delayed command holds up those behind it")
def order_delayed(card: Card):
    queue = card.ready(1)
    card.arm("delay,ms=50,opcode=2,times=1")
    first = queue.put(admin.command(admin.COMMON_WRITE, 1, 1, b"\x0e" + bytes(7) + b"\1\0"), 8)
    second = queue.put(admin.command(admin.COMMON_READ, 1, 1, b"\x0e" + bytes(7)), 10)
    queue.order.clear()
    queue.ring.kick()
    card.qemu.step_ms(49)
    true(queue.untouched(first) and queue.untouched(second), "nothing is answered before 50 ms")
    card.qemu.step_ms(2)
    queue.wait(first)
    equal(queue.wait(second).result, b"\1\0", "queue select as the second command saw it")
    equal(queue.order, [first.head, second.head], "order of the answers")


@case("S-28 missing input counts as zeros")
def short_input(card: Card):
    queue = card.ready(1)
    for length in (2, 4, 8, 16, 23):
        pending = queue.put(admin.command(admin.LIST_QUERY, admin.SRIOV, 0)[:length], 16)
        queue.ring.kick()
        reply = queue.wait(pending)
        equal(reply.outcome(), (OK, 0), f"LIST_QUERY of {length} bytes")
        true(reply.result[0] & 3 == 3, f"LIST_QUERY of {length} bytes lists opcodes 0 and 1")
    pending = queue.put(admin.command(admin.COMMON_READ, admin.SRIOV, 1)[:18], 12)
    queue.ring.kick()
    reply = queue.wait(pending)
    equal(reply.outcome(), (OK, 0), "COMMON_CFG_READ without an offset reads at 0")
    equal(int.from_bytes(reply.result, "little"), card.registers(1).read(True, 0, 4), "features")


@case("S-28 input that is not there at all is LIST_QUERY of the Self group")
def no_input(card: Card):
    queue = card.start()
    pending = queue.put(b"", 16)
    queue.ring.kick()
    reply = queue.wait(pending)
    equal(reply.outcome(), (OK, 0), "status")


@case("S-28 output beyond a short buffer is discarded")
def short_output(card: Card):
    queue = card.ready(1)
    for opcode, result_bytes in ((admin.LIST_QUERY, 8), (admin.NOTIFY_INFO, 64)):
        full = queue.execute(opcode, member=1, room=8 + result_bytes).written
        for room in (1, 2, 4, 8, 9, 12, 8 + result_bytes - 1):
            reply = queue.execute(opcode, member=1, room=room)
            equal(reply.used, room, f"used length of opcode {opcode} with {room} writable bytes")
            equal(reply.written, full[:room], f"opcode {opcode} with {room} writable bytes")


@case("S-28 a command without writable bytes is executed and returned")
def no_output(card: Card):
    queue = card.ready(1)
    pending = queue.put(admin.command(admin.COMMON_WRITE, 1, 1, b"\x0e" + bytes(7) + b"\1\0"), 0)
    queue.ring.kick()
    card.qemu.wait(lambda: queue.arrived(pending), "return of the command")
    equal(card.registers(1).read(True, 0x0E, 2), 1, "queue select")


@case("S-28 longer buffers are accepted and the used length is the written one")
def long_buffers(card: Card):
    queue = card.ready(1)
    reply = queue.execute(admin.NOTIFY_INFO, member=1, data=b"\xff" * 100, room=200)
    equal(reply.outcome(), (OK, 0), "NOTIFY_INFO with surplus input")
    equal(reply.used, 72, "used length of NOTIFY_INFO")
    equal(reply.written[72:], bytes([admin.UNTOUCHED]) * 128, "what lies behind the used length")
    reply = queue.execute(admin.LIST_QUERY, data=b"\xff" * 5000, room=4096)
    equal(reply.outcome(), (OK, 0), "LIST_QUERY with surplus input")
    true(reply.used % 8 == 0 and not any(reply.written[16:reply.used]), "padding is zero words")
    data = admin.ALL_BITS.to_bytes(8, "little") + bytes(8 * 1023)
    equal(queue.execute(admin.LIST_USE, data=data, room=64).outcome(), (OK, 0),
          "LIST_USE with all 65536 opcodes")
    reply = queue.execute(admin.COMMON_WRITE, member=1, data=b"\x0e" + bytes(9), room=64)
    equal((reply.outcome(), reply.used), ((OK, 0), 8), "a write with a long writable part")


@case("S-29 all that the used length covers is initialised")
def initialised(card: Card):
    queue = card.ready(1)
    for room in (8, 16, 24, 40, 72, 80):
        for opcode in (admin.LIST_QUERY, admin.NOTIFY_INFO):
            reply = queue.execute(opcode, member=1, room=room)
            unset = bytes([admin.UNTOUCHED]) * 8
            words = [reply.written[at:at + 8] for at in range(0, min(reply.used, room) // 8 * 8, 8)]
            true(unset not in words, f"opcode {opcode}, {room} writable bytes: each word is set")


@case("S-30 a read returns exactly as many bytes as there is room for")
def exact_read(card: Card):
    queue = card.ready(1)
    for length in range(1, 7):
        reply = queue.execute(admin.CONFIG_READ, member=1, data=bytes(8), room=8 + length)
        equal((reply.used, reply.result), (8 + length, card.mac(1)[:length]), f"{length} bytes")


@case("S-30 a queue of the smallest size serves commands one by one", "admin-queue-size=2")
def smallest_queue(card: Card):
    queue = card.start()
    equal(queue.ring.size, 2, "size of the administration queue")
    for _ in range(300):
        queue.list_query()


@case("S-27 a full ring of commands is served at one notification")
def full_ring(card: Card):
    queue = card.ready(2)
    pending = [queue.put(admin.command(admin.CONFIG_READ, 1, 1 + number % 2, bytes(8)), 14)
               for number in range(queue.ring.size // 2)]
    queue.ring.kick()
    for number, one in enumerate(pending):
        equal(queue.wait(one).result, card.mac(1 + number % 2), f"command {number}")


@case("S-20 the trace names opcode, group, member, offset, length, status and qualifier",
      alone=True, extra=("-trace", "vfvirt_admin_command"))
def trace(card: Card):
    queue = card.ready(2)
    queue.must(admin.CONFIG_READ, member=2, data=b"\x02" + bytes(7), room=12)
    queue.execute(admin.COMMON_WRITE, member=1, data=b"\x0d" + bytes(9))
    card.qemu.settle()
    lines = [line.split("vfvirt_admin_command ", 1)[1] for line in card.qemu.stderr().splitlines()
             if "vfvirt_admin_command " in line]
    true(len(lines) == 4, f"there is one line a command: {lines}")
    true(lines[2].startswith("opcode 5 group 1 member 2 offset 2 length 4 status 0 qualifier 0 ns"),
         f"a read is described: {lines[2]}")
    true(lines[3].startswith("opcode 2 group 1 member 1 offset 13 length 2 status 22 qualifier 3"),
         f"a refused write is described: {lines[3]}")
