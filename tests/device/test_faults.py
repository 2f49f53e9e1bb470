# SPDX-License-Identifier: GPL-2.0-or-later
"""Every fault of the card: what it does, how often it struck, which specifications it refuses."""

import struct

from . import admin, legacy, net, pci, virtio
from .case import case, equal, refused, true
from .machine import Card
from .qtest import Failure
from .test_legacy import notify_entries

READ_MAC = {"data": bytes(8), "room": 14}


def read_mac(queue: admin.Queue, member: int = 1) -> admin.Pending:
    """Submit a read of a member's MAC."""
    return queue.submit(admin.CONFIG_READ, member=member, **READ_MAC)


@case("FAULT delay,hold=queue: the command and those behind it wait (S-27)")
def delay_queue(card: Card):
    queue = card.ready(2)
    card.arm("delay,ms=200,hold=queue,member=1,times=1")
    first, second = read_mac(queue, 1), read_mac(queue, 2)
    card.qemu.step_ms(199)
    true(queue.untouched(first) and queue.untouched(second), "both wait for 199 ms")
    card.qemu.step_ms(1)
    equal(queue.wait(first).result, card.mac(1), "first answer")
    equal(queue.wait(second).result, card.mac(2), "second answer")
    equal(card.struck("delay"), 1, "struck")


@case("FAULT delay,hold=self: the commands behind overtake")
def delay_self(card: Card):
    queue = card.ready(2)
    card.arm("delay,ms=200,hold=self,member=1,times=1")
    first, second = read_mac(queue, 1), read_mac(queue, 2)
    equal(queue.wait(second).result, card.mac(2), "second answer")
    true(queue.untouched(first), "the first waits")
    card.qemu.step_ms(200)
    equal(queue.wait(first).result, card.mac(1), "first answer")
    equal(card.struck("delay"), 1, "struck")


@case("FAULT delay holds the queue by default, and 0 ms is no delay to speak of")
def delay_default(card: Card):
    queue = card.ready(1)
    card.arm("delay,ms=10")
    first, second = read_mac(queue), read_mac(queue)
    card.qemu.step_ms(10)
    equal(queue.wait(first).outcome(), (0, 0), "first answer")
    true(queue.untouched(second), "the second is delayed in its turn")
    card.qemu.step_ms(10)
    equal(queue.wait(second).outcome(), (0, 0), "second answer")
    card.arm("delay,ms=0")
    third = read_mac(queue)
    card.qemu.step_ms(1)
    equal(queue.wait(third).outcome(), (0, 0), "third answer")


@case("FAULT stall: never answered, the others are served")
def stall(card: Card):
    queue = card.ready(2)
    card.arm("stall,member=1")
    first = read_mac(queue, 1)
    equal(queue.execute(admin.CONFIG_READ, member=2, **READ_MAC).result, card.mac(2), "member 2")
    card.qemu.step_ms(3_600_000)
    true(queue.untouched(first), "nothing after an hour")
    equal(card.struck("stall"), 1, "struck")
    equal(card.get("counters")["in_flight"], 1, "commands in flight")


@case("FAULT stall,hold=queue: the queue stands still, other queues work", "admin-queues=2")
def stall_queue(card: Card):
    card.device.negotiate()
    queue, other = card.admin_queue(0), card.admin_queue(1)
    card.device.ready()
    card.enable(2)
    queue.list_use()
    card.arm("stall,hold=queue,member=1")
    first, second = read_mac(queue, 1), read_mac(queue, 2)
    card.wait_in_flight(1)
    card.qemu.step_ms(60_000)
    true(queue.untouched(first) and queue.untouched(second), "the first queue stands still")
    equal(other.execute(admin.CONFIG_READ, member=2, **READ_MAC).result, card.mac(2),
          "the other queue")


@case("FAULT status: any status and qualifier, and nothing is done")
def status(card: Card):
    queue = card.ready(1)
    registers = card.registers(1)
    registers.write(True, 0x0E, 2, 0)
    write = b"\x0e" + bytes(7) + b"\1\0"
    for code, qualifier in ((6, 0), (11, 7), (12, 6), (16, 0), (22, 1), (28, 0), (0x1234, 0x8000)):
        card.arm(f"status,status={code},qualifier={qualifier},times=1")
        reply = queue.execute(admin.COMMON_WRITE, member=1, data=write)
        equal(reply.outcome(), (code, qualifier), "status and qualifier")
        equal(card.struck("status"), 1, "struck")
    equal(registers.read(True, 0x0E, 2), 0, "queue select after seven refusals")


@case("FAULT used-length: short, zero and long, the buffer itself is right")
def used_length(card: Card):
    queue = card.ready(1)
    for spec, want in (("mode=short", 13), ("mode=short,bytes=6", 8), ("mode=short,bytes=99", 0),
                       ("mode=zero", 0), ("mode=long", 14 + 64), ("mode=long,bytes=5000", 5014)):
        card.arm(f"used-length,{spec},times=1")
        reply = queue.execute(admin.CONFIG_READ, member=1, **READ_MAC)
        equal(reply.used, want, f"used length with {spec}")
        equal(reply.written[8:], card.mac(1), f"result with {spec}")
        equal(card.struck("used-length"), 1, f"struck with {spec}")


@case("FAULT random-result: the result is random, status and length are right")
def random_result(card: Card):
    queue = card.ready(1)
    card.arm("random-result,opcode=6,times=2")
    first, second = (queue.execute(admin.NOTIFY_INFO, member=1, room=72) for _ in range(2))
    for reply in (first, second):
        equal((reply.outcome(), reply.used), ((0, 0), 72), "status and used length")
    true(first.result != second.result, "two results differ")
    equal(card.struck("random-result"), 2, "struck")
    equal(notify_entries(queue, 1)[0].flags, 2, "the third result is sound")


@case("FAULT duplicate: the element comes back twice")
def duplicate(card: Card):
    queue = card.ready(1)
    card.arm("duplicate,times=1")
    pending = read_mac(queue)
    equal(queue.wait(pending).result, card.mac(1), "answer")
    card.qemu.settle()
    equal(queue.surplus(), [pending.head], "elements that came back once more")
    equal(card.struck("duplicate"), 1, "struck")
    equal(queue.execute(admin.CONFIG_READ, member=1, **READ_MAC).result, card.mac(1), "the next")


@case("FAULT duplicate on a packed ring", "packed=on", alone=True)
def duplicate_packed(card: Card):
    queue = card.ready(1, virtio.USUAL | 1 << virtio.F_PACKED)
    card.arm("duplicate,times=1")
    pending = read_mac(queue)
    equal(queue.wait(pending).result, card.mac(1), "answer")
    equal(card.struck("duplicate"), 1, "struck")
    card.start(virtio.USUAL | 1 << virtio.F_PACKED).list_query()


@case("FAULT list-query: LIST_QUERY answers the bits it is told")
def list_query(card: Card):
    queue = card.ready(1)
    for bits in (0, 3, 1 << 63, 0xFFFF_FFFF_FFFF_FFFF):
        card.arm(f"list-query,bits={bits:#x}")
        equal(queue.list_query(), bits, "opcodes listed")
        equal(card.struck("list-query"), 1, "struck")
    card.set("fault-clear", "list-query")
    equal(queue.list_query(), admin.ALL_BITS, "opcodes listed after fault-clear")


@case("FAULT notify-info: bad flag, BAR, alignment and offset, no entry")
def notify_info(card: Card):
    queue = card.ready(1)
    sound = notify_entries(queue, 1)
    for bad, spoilt in (("flag", lambda entry: entry.flags not in (0, 1, 2)),
                        ("bar", lambda entry: entry.bar not in card.sriov.bars
                         and entry.bar not in card.pf.bars),
                        ("alignment", lambda entry: entry.offset % 2 == 1),
                        ("offset", lambda entry: entry.offset >= (
                            card.pf if entry.flags == 1 else card.member(1)).bars[entry.bar].size)):
        card.arm(f"notify-info,bad={bad}")
        entries = notify_entries(queue, 1)
        true(all(spoilt(entry) for entry in entries[:2]), f"bad={bad} spoils {entries[:2]}")
        equal(card.struck("notify-info"), 1, f"struck with bad={bad}")
    card.set("fault-clear", "notify-info")
    equal(notify_entries(queue, 1), sound, "entries after fault-clear")


@case("FAULT notify-info,bad=absent: the opcode is refused and not listed")
def notify_absent(card: Card):
    queue = card.ready(1)
    card.arm("notify-info,bad=absent")
    equal(queue.list_query(), 0x3F, "opcodes listed")
    equal(queue.execute(admin.NOTIFY_INFO, member=1, room=72).outcome(),
          (admin.EINVAL, admin.INVALID_OPCODE), "NOTIFY_INFO")
    true(card.struck("notify-info") >= 1, "it struck")


@case("FAULT admin-queue-num and admin-queue-index: the registers read what they are told")
def admin_registers(card: Card):
    card.device.negotiate()
    for kind, register, default, real in (("num", "admin_queue_num", 0, 1),
                                          ("index", "admin_queue_index", 0xFFFF, 64)):
        card.arm(f"admin-queue-{kind}")
        equal(card.device.get(register), default, f"{register} with the fault's default")
        card.arm(f"admin-queue-{kind},value=0x1234,times=2")
        equal([card.device.get(register) for _ in range(3)], [0x1234, 0x1234, real],
              f"{register} with times=2")
        equal(card.struck(f"admin-queue-{kind}"), 2, "struck")


@case("FAULT common-cfg-length: the capability gives 0x38 or 0x3c")
def common_length(card: Card):
    def lengths() -> list[int]:
        return [virtio.Device(pci.Function(card.qemu, 1, devfn), card.ram)
                .regions[virtio.CFG_COMMON][2] for devfn in (0, 8, 9)]
    card.enable(2)
    for bytes_ in (0x38, 0x3C):
        card.arm(f"common-cfg-length,bytes={bytes_:#x},member=0")
        equal(lengths()[0], bytes_, "length in the PF's capability")
        true(card.struck("common-cfg-length") >= 1, "it struck")
    card.arm("common-cfg-length,bytes=0x38,member=2")
    equal(lengths()[2], 0x38, "length in the capability of member 2")
    true(lengths()[1] >= 0x3C, "length in the capability of member 1")
    card.set("fault-clear", "common-cfg-length")
    equal(lengths()[0], 0x40, "length after fault-clear")


@case("FAULT reset-stuck: device_status does not read 0 after a reset")
def reset_stuck(card: Card):
    card.ready(2)
    vf = card.modern(1)
    card.arm("reset-stuck,member=1")
    vf.set("device_status", 0)
    card.qemu.step_ms(10_000)
    true(vf.get("device_status") != 0, "the status of member 1 is not 0")
    true(card.struck("reset-stuck") >= 1, "it struck")
    card.device.reset()
    card.modern(2).reset()
    card.set("fault-clear", "reset-stuck")
    vf.reset()


@case("FAULT reset-stuck on the PF, ended by FLR after fault-clear")
def reset_stuck_pf(card: Card):
    card.start()
    card.arm("reset-stuck,member=0")
    card.device.set("device_status", 0)
    true(card.device.get("device_status") != 0, "the status is not 0")
    card.set("fault-clear", "all")
    card.pf.reset()
    equal(card.device.get("device_status"), 0, "status after FLR")


@case("FAULT reset-stuck for a legacy driver")
def reset_stuck_legacy(card: Card):
    card.ready(1)
    driver = card.legacy(1)
    card.arm("reset-stuck,member=1")
    driver.set("device_status", 0)
    true(driver.get("device_status") != 0, "the legacy status is not 0")
    card.set("fault-clear", "all")
    driver.reset()
    equal(driver.get("device_status"), 0, "the legacy status after fault-clear")


@case("FAULT needs-reset: on one VF, with its configuration interrupt")
def needs_reset(card: Card):
    card.ready(2)
    msix = pci.Msix(card.member(1), card.ram)
    msix.enable()
    vf, other = card.modern(1), card.modern(2)
    vf.set("config_msix_vector", 3)
    station, neighbour = net.Station(vf), net.Station(other)
    card.arm("needs-reset,member=1")
    true(vf.get("device_status") & virtio.NEEDS_RESET, "DEVICE_NEEDS_RESET of member 1")
    true(not other.get("device_status") & virtio.NEEDS_RESET, "member 2 is well")
    true(msix.take(3), "the configuration vector fired")
    equal(card.struck("needs-reset"), 1, "struck")
    neighbour.send(net.frame(net.BROADCAST, neighbour.mac, b"well"))
    station.expect_silence()
    card.set("fault-clear", "all")
    vf.negotiate()
    station = net.Station(vf)
    hello = net.frame(net.BROADCAST, neighbour.mac, b"well again")
    neighbour.send(hello)
    station.expect(hello)


@case("FAULT options: member, opcode and times limit where and how often it strikes")
def options(card: Card):
    queue = card.ready(3)

    def outcomes(opcode: int) -> list[int]:
        return [queue.execute(opcode, member=member, data=bytes(8), room=10).status
                for member in (1, 2, 3)]
    card.arm("status,status=16,member=2")
    equal(outcomes(admin.CONFIG_READ), [0, 16, 0], "with member=2")
    card.set("fault-clear", "status")
    card.arm("status,status=16,opcode=5")
    equal(outcomes(admin.CONFIG_READ), [16, 16, 16], "opcode 5 with opcode=5")
    equal(outcomes(admin.COMMON_READ), [0, 0, 0], "opcode 3 with opcode=5")
    card.set("fault-clear", "status")
    card.arm("status,status=16,times=2")
    equal(outcomes(admin.CONFIG_READ), [16, 16, 0], "with times=2")
    (fault,) = card.get("faults")
    equal((fault["times_left"], fault["struck"]), (0, 2), "times_left and struck")
    card.set("fault-clear", "status")
    card.arm("status,status=28,member=0")
    equal(outcomes(admin.CONFIG_READ), [0, 0, 0], "members with member=0")
    equal(queue.execute(admin.LIST_QUERY, room=16).status, 28, "LIST_QUERY with member=0")


@case("FAULT arming the same again replaces it, another member or opcode adds")
def arming(card: Card):
    card.ready(2)
    card.arm("status,status=16,member=1")
    card.arm("status,status=12,member=1")
    card.arm("status,status=6,member=2")
    card.arm("status,status=6,member=2,opcode=5")
    card.arm("stall,member=1")
    have = [(one["kind"], one["member"], one["opcode"], one["times_left"], one["struck"])
            for one in card.get("faults")]
    equal(sorted(have), [("stall", 1, -1, -1, 0), ("status", 1, -1, -1, 0),
                         ("status", 2, -1, -1, 0), ("status", 2, 5, -1, 0)], "faults")
    card.set("fault-clear", "stall")
    card.set("fault-clear", "all")
    equal(card.get("faults"), [], "faults after fault-clear=all")


@case("FAULT counters tell submitted, ok, failed, unanswered and the last status")
def counters(card: Card):
    queue = card.ready(2)
    card.set("counters-reset", True)
    queue.execute(admin.CONFIG_READ, member=1, **READ_MAC)
    card.arm("status,status=16,qualifier=0,times=1")
    queue.execute(admin.CONFIG_READ, member=1, **READ_MAC)
    queue.execute(admin.COMMON_READ, member=1, data=b"\x0d", room=11)
    card.arm("stall,times=1")
    read_mac(queue)
    card.wait_in_flight(1)
    queue.execute(admin.CONFIG_READ, member=9, **READ_MAC)
    queue.list_query()
    have = card.command_counters(1, admin.CONFIG_READ)
    equal((have["submitted"], have["ok"], have["failed"], have["unanswered"]), (3, 1, 1, 0),
          "opcode 5 of member 1: submitted, ok, failed, unanswered")
    equal((have["last_status"], have["last_qualifier"]), (16, 0), "last status of opcode 5")
    have = card.command_counters(1, admin.COMMON_READ)
    equal((have["last_status"], have["last_qualifier"]), (22, 3), "last status of opcode 3")
    equal(card.command_counters(0, admin.CONFIG_READ)["failed"], 1, "unknown member, at member 0")
    equal(card.command_counters(0, admin.LIST_QUERY)["ok"], 1, "LIST_QUERY, at member 0")
    equal(card.get("counters")["admin_feature_negotiated"], True, "admin_feature_negotiated")
    card.device.reset()
    equal(card.command_counters(1, admin.CONFIG_READ)["unanswered"], 1, "unanswered after a reset")
    equal(card.get("counters")["in_flight"], 0, "commands in flight after a reset")


@case("FAULT specifications with an unknown kind or option are refused by name")
def refused_names(card: Card):
    for spec, word in (("", "''"), ("dealy,ms=1", "dealy"), ("delay,ms=1,hodl=queue", "hodl"),
                       ("stall,ms=5", "ms"), ("status,status=1,bits=3", "bits"),
                       ("delay,ms", "ms"), ("delay", "ms"), ("status", "status"),
                       ("used-length", "mode"), ("list-query", "bits"), ("notify-info", "bad"),
                       ("common-cfg-length", "bytes"), ("delay,ms=1,ms=2", "ms")):
        refused(lambda spec=spec: card.arm(spec), word)
    refused(lambda: card.set("fault-clear", "dealy"), "dealy")
    equal(card.get("faults"), [], "faults armed")


@case("FAULT of several that match, the one that names member and opcode most closely strikes")
def precedence(card: Card):
    queue = card.ready(2)

    def status_of(member: int, opcode: int) -> int:
        return queue.execute(opcode, member=member, data=bytes(8), room=10).status
    for spec in ("status=28", "status=16,opcode=5", "status=12,member=1",
                 "status=11,member=1,opcode=5,times=1"):
        card.arm(f"status,{spec}")
    equal(status_of(1, admin.CONFIG_READ), 11, "status with member and opcode named")
    equal(status_of(1, admin.CONFIG_READ), 12, "status with member named, and opcode, but used up")
    equal(status_of(1, admin.COMMON_READ), 12, "status with member named")
    equal(status_of(2, admin.CONFIG_READ), 16, "status with opcode named")
    equal(status_of(2, admin.COMMON_READ), 28, "status with neither named")


@case("FAULT common-cfg-length: of several the one armed last counts")
def common_length_last(card: Card):
    card.enable(2)
    card.arm("common-cfg-length,bytes=0x38,member=2")
    card.arm("common-cfg-length,bytes=0x3c")
    for devfn in (0, 8, 9):
        device = virtio.Device(pci.Function(card.qemu, 1, devfn), card.ram)
        equal(device.regions[virtio.CFG_COMMON][2], 0x3C, f"length of function {devfn}")


@case("FAULT specifications that could never strike are refused by name")
def refused_idle(card: Card):
    for spec, word in (("list-query,bits=3,member=2", "member"),
                       ("list-query,bits=3,opcode=0", "opcode"),
                       ("notify-info,bad=bar,opcode=2", "opcode"),
                       ("notify-info,bad=bar,member=0", "member"),
                       ("admin-queue-num,member=5", "member"),
                       ("admin-queue-num,opcode=2", "opcode"),
                       ("admin-queue-index,member=0", "member"),
                       ("admin-queue-index,opcode=2", "opcode"),
                       ("common-cfg-length,bytes=0x38,opcode=2", "opcode"),
                       ("reset-stuck,opcode=2", "opcode"), ("needs-reset,opcode=2", "opcode"),
                       ("used-length,mode=zero,bytes=4", "bytes"),
                       ("used-length,bytes=4,mode=zero", "bytes")):
        refused(lambda spec=spec: card.arm(spec), word)
    equal(card.get("faults"), [], "faults armed")
    card.arm("notify-info,bad=absent,member=0")
    equal(card.start().list_query(), 0x3F, "opcodes listed with bad=absent,member=0")


@case("FAULT specifications with a value out of range are refused by name", "total-vfs=4")
def refused_values(card: Card):
    for spec, word in (("delay,ms=-1", "ms"), ("delay,ms=x", "ms"), ("delay,ms=", "ms"),
                       ("delay,ms=99999999999", "ms"), ("delay,ms=1,hold=all", "hold"),
                       ("stall,member=5", "member"), ("stall,member=-1", "member"),
                       ("stall,opcode=65536", "opcode"), ("stall,times=0", "times"),
                       ("status,status=65536", "status"),
                       ("status,status=1,qualifier=65536", "qualifier"),
                       ("used-length,mode=wrong", "mode"), ("notify-info,bad=good", "bad"),
                       ("list-query,bits=0x10000000000000000", "bits"),
                       ("common-cfg-length,bytes=0x40", "bytes"),
                       ("admin-queue-num,value=65536", "value")):
        refused(lambda spec=spec: card.arm(spec), word)
    equal(card.get("faults"), [], "faults armed")


@case("FAULT fault-clear ends a stall and a delay: what was held is answered")
def clear_releases(card: Card):
    queue = card.ready(1)
    for spec in ("stall", "stall,hold=queue", "delay,ms=100000", "delay,ms=100000,hold=self"):
        card.arm(spec + ",times=1")
        pending = read_mac(queue)
        card.wait_in_flight(1)
        card.set("fault-clear", spec.split(",")[0])
        equal(queue.wait(pending).result, card.mac(1), f"answer after {spec} was cleared")
        equal(card.get("counters")["in_flight"], 0, "commands in flight")
    card.qemu.step_ms(200_000)


@case("FAULT a fault for a legacy access strikes the registers' user")
def legacy_user(card: Card):
    card.ready(1)
    registers = card.registers(1)
    card.arm(f"status,status={admin.EAGAIN},qualifier=7,member=1,times=1")
    try:
        registers.read(True, 0, 4)
        raise Failure("the fault did not strike")
    except Failure as failure:
        true("status 11" in str(failure), f"the access failed by the fault: {failure}")
    equal(registers.read(True, 0x0C, 2), legacy.Driver(registers, card.ram).get("queue_size"),
          "the next access")


@case("FAULT with a member struck, the trace of the others is undisturbed", "total-vfs=4")
def isolation(card: Card):
    queue = card.ready(4)
    card.arm("status,status=16,member=2")
    card.arm("delay,ms=5000,hold=self,member=3")
    held = read_mac(queue, 3)
    for _ in range(10):
        for member, want in ((1, 0), (2, 16), (4, 0)):
            reply = queue.execute(admin.CONFIG_READ, member=member, **READ_MAC)
            equal(reply.status, want, f"status of member {member}")
    true(queue.untouched(held), "member 3 waits")
    card.qemu.step_ms(5000)
    equal(struct.unpack("<HH", queue.wait(held).written[:4]), (0, 0), "status of member 3")
