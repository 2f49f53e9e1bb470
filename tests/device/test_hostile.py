# SPDX-License-Identifier: GPL-2.0-or-later
"""A driver that means harm: QEMU stays up, the other functions work, a reset cures the rest."""

import random
import struct

from . import admin, legacy, net, pci, virtio
from .case import case, equal, true
from .machine import Card

BEYOND = 0x7_0000_0000
STATUS_OFFSET = 0x14
INDIRECT, NEXT, WRITE = virtio.DESC_INDIRECT, virtio.DESC_NEXT, virtio.DESC_WRITE


def bad_chains(card: Card, ring: virtio.Split) -> dict:
    """Ways to fill the ring with what no driver should: name and a function."""
    good, size = card.ram.take(4096, 4096), ring.size

    def one(*fields):
        return lambda: (ring.write_descriptor(0, *fields), ring.offer(0))

    def chain(*descriptors):
        def write():
            for index, fields in enumerate(descriptors):
                ring.write_descriptor(index, *fields)
            ring.offer(0)
        return write

    def table(length: int, *descriptors):
        data = b"".join(struct.pack("<QIHH", *fields) for fields in descriptors)
        return one(card.ram.put(data or bytes(16)), length, INDIRECT)

    def ahead(index: int):
        def write():
            ring.offer(0)
            card.qemu.store(ring.available + 2, 2, index)
        return write

    mmio = card.pf.bars[4].address
    return {
        "address beyond memory": one(BEYOND, 64, 0),
        "writable address beyond memory": chain((good, 32, NEXT, 1), (BEYOND, 64, WRITE)),
        "address that wraps": one((1 << 64) - 16, 64, 0),
        "huge length": one(good, 0xFFFF_FFFF, 0),
        "huge writable length": chain((good, 32, NEXT, 1), (good, 0xFFFF_FFFF, WRITE)),
        "zero length": one(good, 0, 0),
        "zero writable length": chain((good, 32, NEXT, 1), (good, 0, WRITE)),
        "loop of one": one(good, 16, NEXT, 0),
        "loop of two": chain((good, 16, NEXT, 1), (good, 16, NEXT, 0)),
        "loop of writable descriptors": chain((good, 16, NEXT | WRITE, 1),
                                              (good, 16, NEXT | WRITE, 0)),
        "next out of range": one(good, 16, NEXT, size),
        "next far out of range": one(good, 16, NEXT, 0xFFFF),
        "head out of range": lambda: ring.offer(size),
        "head far out of range": lambda: ring.offer(0xFFFF),
        "writable before readable": chain((good, 16, NEXT | WRITE, 1), (good, 32, 0)),
        "unknown flags": one(good, 16, 0xFFF8),
        "indirect of no bytes": table(0),
        "indirect of odd length": table(17, (good, 16, 0, 0)),
        "indirect inside indirect": table(16, (good, 16, INDIRECT, 0)),
        "indirect with a next": one(good, 16, INDIRECT | NEXT, 1),
        "indirect loop": table(32, (good, 16, NEXT, 1), (good, 16, NEXT, 0)),
        "indirect next out of range": table(16, (good, 16, NEXT, 7)),
        "indirect beyond memory": one(BEYOND, 64, INDIRECT),
        "indirect of huge length": one(good, 0xFFFF_FFF0, INDIRECT),
        "available index far ahead": ahead(size + 1),
        "available index half a turn ahead": ahead(0x8000),
        "available index one behind": ahead(0xFFFF),
        "registers as input": one(mmio, 64, 0),
        "registers as output": chain((good, 32, NEXT, 1), (mmio + STATUS_OFFSET, 64, WRITE)),
        "doorbells as output": chain((good, 32, NEXT, 1), (mmio + 0x3000, 64, WRITE)),
        "configuration space as output": chain((good, 32, NEXT, 1),
                                               (pci.ECAM_BASE + (1 << 20), 64, WRITE)),
        "the ring itself as output": chain((good, 32, NEXT, 1), (ring.used, 64, WRITE)),
    }


def check_neighbours(sender: net.Station, receiver: net.Station, what: str) -> None:
    """Two VFs that behave still reach each other."""
    hello = net.frame(receiver.mac, sender.mac, what.encode()[:40])
    sender.send(hello)
    receiver.expect_among(hello)


def neighbours(card: Card) -> tuple[net.Station, net.Station]:
    """Two VFs that behave: members 3 and 4."""
    return net.Station(card.modern(3)), net.Station(card.modern(4))


def attack(card: Card, set_up, check_cured) -> None:
    """Every bad chain on the ring that `set_up` makes; then the device is as good as new."""
    pair = neighbours(card)
    for name in bad_chains(card, set_up()):
        ring = set_up()
        bad_chains(card, ring)[name]()
        ring.kick()
        card.qemu.settle()
        check_neighbours(*pair, name)
        check_cured(name)


@case("S-19 bad chains in an administration queue leave everything else at work")
def bad_admin(card: Card):
    card.ready(4)

    def set_up():
        return card.start().ring

    def cured(name: str):
        true(card.start().list_query() & 3 == 3, f"LIST_QUERY after '{name}' and a reset")
    attack(card, set_up, cured)


@case("S-19 writable before readable breaks the device until a reset")
def writable_first(card: Card):
    queue = card.start()
    bad = bad_chains(card, queue.ring)["writable before readable"]
    bad()
    queue.ring.kick()
    card.qemu.settle()
    true(card.device.get("device_status") & virtio.NEEDS_RESET, "DEVICE_NEEDS_RESET is set")
    true(card.start().list_query() & 3 == 3, "LIST_QUERY after a reset")


def attack_vf(card: Card, kind: str, index: int) -> None:
    """Every bad chain on one queue of member 1."""
    card.ready(4)
    pf = net.Station(card.device, start=False)

    def set_up():
        driver = getattr(card, kind)(1)
        rings = [driver.queue(number) for number in range(3)]
        driver.ready()
        return rings[index]

    def cured(name: str):
        pf.send(net.frame(net.BROADCAST, pf.mac, name.encode()[:40]))
        card.qemu.settle()
        vf = net.Station(getattr(card, kind)(1))
        hello = net.frame(vf.mac, pf.mac, name.encode()[:40])
        pf.send(hello)
        vf.expect(hello)
    attack(card, set_up, cured)


@case("S-19 bad chains in a modern VF's receive queue")
def bad_modern_receive(card: Card):
    attack_vf(card, "modern", 0)


@case("S-19 bad chains in a modern VF's send queue")
def bad_modern_send(card: Card):
    attack_vf(card, "modern", 1)


@case("S-19 bad chains in a modern VF's control queue")
def bad_modern_control(card: Card):
    attack_vf(card, "modern", 2)


@case("S-19 bad chains in a legacy VF's receive queue")
def bad_legacy_receive(card: Card):
    attack_vf(card, "legacy", 0)


@case("S-19 bad chains in a legacy VF's send queue")
def bad_legacy_send(card: Card):
    attack_vf(card, "legacy", 1)


@case("S-19 bad chains in a legacy VF's control queue")
def bad_legacy_control(card: Card):
    attack_vf(card, "legacy", 2)


@case("S-19 bad packed rings", "packed=on")
def bad_packed(card: Card):
    wanted = virtio.USUAL | 1 << virtio.F_PACKED
    good = card.ram.take(4096, 4096)
    for fields in ((BEYOND, 64, 0, 0x80), (good, 0xFFFF_FFFF, 0, 0x80), (good, 0, 0, 0x80),
                   (good, 16, 0, 0x81), (good, 16, 0xFFFF, 0x80), (good, 16, 0, 0x84),
                   (good, 17, 0, 0x84), (BEYOND, 64, 0, 0x84), (good, 16, 0, 0x82)):
        ring = card.start(wanted).ring
        card.qemu.write(ring.ring, struct.pack("<QIHH", *fields) * ring.size)
        ring.kick()
        card.enable(1)
        vf = card.modern(1, wanted)
        rings = [vf.queue(index) for index in range(3)]
        vf.ready()
        for one in rings:
            card.qemu.write(one.ring, struct.pack("<QIHH", *fields) * one.size)
            one.kick()
        card.qemu.settle()
        card.sriov.disable()
        true(card.start(wanted).list_query() & 3 == 3, f"LIST_QUERY after {fields} and a reset")


@case("S-08 rings in bad places", alone=True)
def bad_places(card: Card):
    mmio = card.pf.bars[4].address
    for address in (1, BEYOND, (1 << 64) - 4096, mmio, pci.ECAM_BASE, 0xFEE0_0000, 0):
        card.device.negotiate()
        for index in (0, 1, 64):
            card.device.set("queue_select", index)
            for part in ("desc", "driver", "device"):
                card.device.set(f"queue_{part}_low", address & 0xFFFF_FFFF)
                card.device.set(f"queue_{part}_high", address >> 32)
            card.device.set("queue_enable", 1)
        card.device.ready()
        bar, base, _ = card.device.regions[virtio.CFG_NOTIFY]
        for index in (0, 1, 64):
            card.pf.store(bar, base + 4 * index, 2, index)
        card.qemu.settle()
        true(card.start().list_query() & 3 == 3, f"LIST_QUERY after rings at {address:#x}")


@case("S-08 odd queue sizes and a disabled queue", alone=True)
def odd_sizes(card: Card):
    for size in (0, 1, 3, 65, 1024, 1025, 0x8000, 0xFFFF):
        for index in (0, 64):
            card.device.negotiate()
            ring = card.device.queue(index, size=16)
            card.device.set("queue_size", size)
            card.device.set("queue_enable", 0)
            card.device.set("queue_enable", 1)
            card.device.ready()
            ring.offer(3)
            ring.kick()
            card.qemu.settle()
    true(card.start().list_query() & 3 == 3, "LIST_QUERY after a reset")


@case("S-08 legacy rings in bad places")
def bad_pages(card: Card):
    card.ready(1)
    for page in (1, 0xFFFF_FFFF, 0x8000_0000, card.pf.bars[4].address >> 12, 0x7_FFF, 0xFEE00):
        for ready in (False, True):
            driver = card.legacy(1)
            for index in (0, 1, 2):
                driver.set("queue_select", index)
                driver.set("queue_pfn", page)
            if ready:
                driver.ready()
            for index in (0, 1, 2):
                driver.kick(index)
            card.qemu.settle()
    pf, vf = net.Station(card.device, start=False), net.Station(card.legacy(1))
    hello = net.frame(vf.mac, pf.mac, b"cured")
    pf.send(hello)
    vf.expect(hello)


@case("S-10 legacy queues kicked before they have a place")
def kick_nothing(card: Card):
    card.ready(1)
    driver = legacy.Driver(card.registers(1), card.ram)
    for _ in range(2):
        for index in (0, 1, 2, 3, 0xFFFF):
            driver.kick(index)
        driver.reset()
    card.qemu.settle()
    equal(driver.get("device_status"), 0, "status")


@case("NET frames without a header, empty, cut short or of 100 KiB")
def odd_frames(card: Card):
    card.ready(2)
    other = net.Station(card.modern(2))
    for kind in ("modern", "legacy"):
        for length in (1, 9, 10, 11, 12, 13, 25, 26, 100_000, 1 << 20):
            vf = net.Station(getattr(card, kind)(1))
            vf.tx.add([(card.ram.take(length), length, False)])
            vf.tx.kick()
            card.qemu.settle()
    vf = net.Station(card.modern(1))
    hello = net.frame(other.mac, vf.mac, b"cured")
    vf.send(hello)
    other.expect_among(hello)


@case("S-10 a storm of notifications to every queue of every function")
def storm(card: Card):
    card.ready(4)
    devices = [card.device] + [card.modern(member) for member in (1, 2, 3, 4)]
    for device in devices[1:]:
        net.Station(device)
    for _ in range(20):
        for device in devices:
            bar, base, length = device.regions[virtio.CFG_NOTIFY]
            for index in (0, 1, 2, 3, 64, 65, 1023):
                if 4 * index < length:
                    device.function.store(bar, base + 4 * index, 2, index)
    equal(card.admin.list_query(), admin.ALL_BITS, "LIST_QUERY after the storm")


@case("S-03 random accesses of every width all over PF and VF", alone=True)
def random_registers(card: Card):
    dice = random.Random(37)
    card.enable(2)
    functions = [(card.pf, dict(card.pf.bars)), (card.member(1), dict(card.member(1).bars))]
    for step in range(6000):
        function, bars = dice.choice(functions)
        number = dice.choice(list(bars))
        width = dice.choice((1, 2, 4, 8))
        offset = dice.randrange(0, min(bars[number].size, 0x4000) - 8)
        if dice.random() < 0.5:
            offset = dice.randrange(0x40)
        if dice.random() < 0.3:
            function.load(number, offset, width)
        else:
            function.store(number, offset, width, dice.choice((0, 1, 0xFF, dice.getrandbits(64)))
                           & (1 << 8 * width) - 1)
        if step % 500 == 499:
            card.qemu.settle()
    card.device.reset()
    true(card.start().list_query() & 3 == 3, "LIST_QUERY after a reset")


@case("S-21 random commands never get an answer that S-22 does not allow")
def random_commands(card: Card):
    queue = card.ready(2)
    dice = random.Random(41)
    for step in range(1500):
        opcode = dice.choice((0, 1, 2, 3, 4, 5, 6, 7, dice.getrandbits(16)))
        group = dice.choice((0, 1, 1, 1, 1, 2, dice.getrandbits(16)))
        member = dice.choice((0, 1, 1, 2, 3, dice.getrandbits(64)))
        data = bytes([dice.choice((dice.getrandbits(8), dice.randrange(0x18)))]) + bytes(7)
        data += dice.randbytes(dice.randrange(12))
        if opcode == admin.LIST_USE:
            data = struct.pack("<Q", admin.ALL_BITS) + bytes(8 * dice.randrange(3))
        readable = admin.command(opcode, group, member, data, dice.randbytes(12))
        pending = queue.put(readable[:dice.choice((len(readable),) * 5 + (dice.randrange(48),))],
                            dice.choice((8, 9, 10, 12, 16, 72, dice.randrange(1, 100))))
        queue.ring.kick()
        reply = queue.wait(pending)
        true(reply.used <= pending.room, f"step {step}: used length {reply.used} fits")
        if pending.room >= 4:
            known = ((0, 0), *((admin.EINVAL, qualifier) for qualifier in range(1, 6)))
            true(reply.outcome() in known, f"step {step}: outcome {reply.outcome()} is known")


@case("S-62 random legacy accesses leave both VFs in working order")
def random_legacy(card: Card):
    queue = card.ready(2)
    dice = random.Random(53)
    for _ in range(2500):
        write = dice.random() < 0.6
        opcode = dice.choice((2, 4)) if write else dice.choice((3, 5))
        offset = dice.choice((0, 4, 8, 0xC, 0xE, 0x10, 0x12, 0x13, dice.randrange(32)))
        width = dice.choice((1, 2, 4, 4, 2, 6))
        data = bytes([offset]) + bytes(7) + (dice.randbytes(width) if write else b"")
        queue.execute(opcode, member=dice.choice((1, 2)), data=data,
                      room=8 if write else 8 + width)
    one, two = net.Station(card.legacy(1)), net.Station(card.legacy(2))
    hello = net.frame(two.mac, one.mac, b"in order")
    one.send(hello)
    two.expect(hello)
