# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames through the embedded switch, between every kind of driver (README: switch, counters)."""

from . import admin, net, pci, virtio
from .case import case, equal, true
from .machine import Card

OUTSIDE = bytes.fromhex("020000000001")
STRANGER = bytes.fromhex("0200000000ff")
MULTICAST = bytes.fromhex("01005e000001")


def stations(card: Card, *kinds: str) -> list[net.Station]:
    """The PF and one VF for each kind, "modern" or "legacy"; [0] is the PF."""
    card.ready(len(kinds))
    members = [net.Station(card.device, start=False)]
    members[0].rx.kick()
    for number, kind in enumerate(kinds):
        members.append(net.Station(getattr(card, kind)(number + 1)))
    introduce(card, members)
    return members


def introduce(card: Card, members: list[net.Station]) -> None:
    """Let the switch learn where each station is; nothing of it stays behind."""
    for sender in members:
        sender.send(net.frame(net.BROADCAST, sender.mac, b"here I am"))
        card.qemu.settle()
    for member in members:
        member.received()
    card.uplink.received()


def both_ways(one: net.Station, other: net.Station) -> None:
    """A frame from one to the other and one back."""
    there = net.frame(other.mac, one.mac, b"there")
    back = net.frame(one.mac, other.mac, b"back")
    one.send(there)
    other.expect(there)
    other.send(back)
    one.expect(back)


@case("NET PF and VF, modern driver")
def pf_modern(card: Card):
    pf, vf = stations(card, "modern")
    both_ways(pf, vf)


@case("NET PF and VF, legacy driver")
def pf_legacy(card: Card):
    pf, vf = stations(card, "legacy")
    both_ways(pf, vf)


@case("NET VF and VF: modern and modern, modern and legacy, legacy and legacy")
def vf_vf(card: Card):
    _, one, two, three, four = stations(card, "modern", "modern", "legacy", "legacy")
    for left, right in ((one, two), (one, three), (three, four), (two, four)):
        both_ways(left, right)


@case("NET packed ring, PF and VF", "packed=on")
def packed(card: Card):
    wanted = virtio.USUAL | 1 << virtio.F_PACKED
    queue = card.ready(2, wanted)
    true(card.device.accepted(virtio.F_PACKED), "RING_PACKED was negotiated")
    pf = net.Station(card.device, start=False)
    pf.rx.kick()
    one, two = net.Station(card.modern(1, wanted)), net.Station(card.legacy(2))
    introduce(card, [pf, one, two])
    for _ in range(40):
        both_ways(pf, one)
    both_ways(one, two)
    equal(queue.must(admin.CONFIG_READ, member=1, data=bytes(8), room=14), card.mac(1), "MAC")


@case("NET in-order negotiated, PF and VF", "in_order=on")
def in_order(card: Card):
    wanted = virtio.USUAL | 1 << virtio.F_IN_ORDER
    card.ready(1, wanted)
    true(card.device.accepted(virtio.F_IN_ORDER), "IN_ORDER was negotiated")
    pf, vf = net.Station(card.device, start=False), net.Station(card.modern(1, wanted))
    pf.rx.kick()
    both_ways(pf, vf)


@case("NET event index: no interrupt until the index asked for")
def event_index(card: Card):
    card.ready(1)
    wanted = virtio.USUAL | 1 << virtio.F_EVENT_IDX
    msix = pci.Msix(card.member(1), card.ram)
    msix.enable()
    vf = net.Station(card.modern(1, wanted), vectors=(0, 1))
    true(vf.driver.accepted(virtio.F_EVENT_IDX), "EVENT_IDX was negotiated")
    pf = net.Station(card.device, start=False)
    card.qemu.store(vf.rx.available + 4 + 2 * vf.rx.size, 2, 2)
    for number, want in enumerate((None, set(), {0}, set())):
        text = net.frame(vf.mac, pf.mac, bytes([number]))
        pf.send(text)
        card.qemu.wait(lambda end=number + 1: vf.rx.used_index() == end, "the frame in the ring")
        fired = msix.taken()
        if want is not None:  # the very first used buffer may always be signalled
            equal(fired, want, f"vectors after frame {number}")


@case("NET the uplink carries frames of PF and VFs both ways", uplink=True)
def uplink(card: Card):
    members = stations(card, "modern", "legacy")
    card.uplink.send(net.frame(net.BROADCAST, OUTSIDE, b"learn me"))
    for member in members:
        card.qemu.wait(member.received, "the first broadcast")
    for member in members:
        out, back = net.frame(OUTSIDE, member.mac, b"out"), net.frame(member.mac, OUTSIDE, b"in")
        member.send(out)
        card.qemu.settle()
        equal(card.uplink.received(), [out], "frames at the uplink")
        card.uplink.send(back)
        member.expect(back)
        for other in members:
            other.expect_silence()


@case("NET a broadcast reaches all others and the uplink, not its sender", uplink=True)
def broadcast(card: Card):
    members = stations(card, "modern", "legacy", "modern")
    for sender in members:
        hello = net.frame(net.BROADCAST, sender.mac, b"hello")
        sender.send(hello)
        for other in members:
            if other is not sender:
                other.expect(hello)
        sender.expect_silence()
        equal(card.uplink.received(), [hello], "frames at the uplink")
    outside = net.frame(net.BROADCAST, OUTSIDE, b"from outside")
    card.uplink.send(outside)
    for member in members:
        member.expect(outside)
    equal(card.uplink.received(), [], "a broadcast is not sent back up")


@case("NET multicast is flooded", uplink=True)
def multicast(card: Card):
    members = stations(card, "modern", "legacy")
    data = net.frame(MULTICAST, members[1].mac, b"group")
    members[1].send(data)
    members[0].expect(data)
    members[2].expect(data)
    equal(card.uplink.received(), [data], "frames at the uplink")


@case("NET a frame for a learned MAC goes to its port only", uplink=True)
def learned(card: Card):
    pf, one, two = stations(card, "modern", "modern")
    data = net.frame(two.mac, one.mac, b"direct")
    one.send(data)
    two.expect(data)
    pf.expect_silence()
    equal(card.uplink.received(), [], "frames at the uplink")


@case("NET an address that moved is learned again", uplink=True)
def moved(card: Card):
    pf, one, two = stations(card, "modern", "modern")
    promiscuous(one)
    promiscuous(two)
    for owner, other in ((one, two), (two, one)):
        owner.send(net.frame(OUTSIDE, STRANGER, b"here I am"))
        card.qemu.settle()
        for member in (pf, one, two):
            member.received()
        data = net.frame(STRANGER, pf.mac, b"to the stranger")
        pf.send(data)
        owner.expect(data)
        other.expect_silence()


def promiscuous(station: net.Station) -> None:
    """Make the station take every frame, by a control queue of its own."""
    control = net.Control(station.driver.queue(2))
    equal(control.execute(net.CTRL_RX, 0, b"\1"), net.CTRL_OK, "promiscuous mode")


@case("NET no echo: a frame to an address behind its own port is not sent back", uplink=True)
def no_echo(card: Card):
    _, one = stations(card, "modern")
    one.send(net.frame(one.mac, one.mac, b"to myself"))
    one.expect_silence()
    far, farther = bytes.fromhex("02000000ee01"), bytes.fromhex("02000000ee02")
    first = net.frame(far, farther, b"to nobody known yet")
    card.uplink.send(first)
    one.expect(first)
    card.uplink.send(net.frame(farther, far, b"outside to outside"))
    one.expect_silence()
    equal(card.uplink.received(), [], "frames at the uplink")


@case("NET a driver without buffers loses frames, which are counted")
def dropped(card: Card):
    card.ready(1)
    pf = net.Station(card.device, start=False)
    vf = net.Station(card.modern(1), buffers=2)
    frames = [net.frame(vf.mac, pf.mac, bytes([number])) for number in range(5)]
    for data in frames:
        pf.send(data)
    vf.expect(*frames[:2])
    counters = card.port_counters(1)
    equal((counters["frames_in"], counters["frames_dropped"]), (2, 3), "frames in and dropped")


@case("NET a VF without a driver does not disturb the others")
def no_driver(card: Card):
    card.ready(3)
    pf = net.Station(card.device, start=False)
    pf.rx.kick()
    vf = net.Station(card.modern(2))
    both_ways(pf, vf)
    pf.send(net.frame(card.mac(1), pf.mac, b"nobody home"))
    pf.send(net.frame(net.BROADCAST, pf.mac, b"anybody"))
    vf.received()
    both_ways(pf, vf)


@case("NET counters tell frames, kicks and interrupts of each port")
def counters(card: Card):
    card.ready(1)
    msix = pci.Msix(card.member(1), card.ram)
    msix.enable()
    vf = net.Station(card.modern(1), vectors=(0, 1))
    pf = net.Station(card.device, start=False)
    pf.rx.kick()
    card.set("counters-reset", True)
    equal(card.get("counters")["ports"], [], "ports after counters-reset")
    for _ in range(3):
        both_ways(pf, vf)
    have = card.port_counters(1)
    equal((have["frames_in"], have["frames_out"], have["frames_dropped"]), (3, 3, 0), "VF frames")
    equal(have["kicks"]["1"], 3, "notifications of the VF's send queue")
    equal(have["interrupts"], {"0": 3, "1": 3}, "interrupts of the VF")
    have = card.port_counters(0)
    equal((have["frames_in"], have["frames_out"]), (3, 3), "PF frames")


@case("NET interrupts are suppressed when the driver asks for none")
def suppressed(card: Card):
    card.ready(1)
    msix = pci.Msix(card.member(1), card.ram)
    msix.enable()
    vf = net.Station(card.modern(1), vectors=(0, 1))
    pf = net.Station(card.device, start=False)
    vf.rx.suppress(True)
    data = net.frame(vf.mac, pf.mac, b"quiet")
    pf.send(data)
    vf.expect(data)
    equal(msix.taken(), set(), "vectors that fired")
    vf.rx.suppress(False)
    pf.send(data)
    vf.expect(data)
    equal(msix.taken(), {0}, "vectors that fired")


@case("NET frames of every length from 14 to 1514 bytes arrive whole")
def lengths(card: Card):
    pf, vf = stations(card, "modern")
    for length in (14, 15, 59, 60, 61, 63, 64, 65, 127, 512, 1023, 1024, 1500, 1513, 1514):
        body = bytes(number % 251 for number in range(length - 14))
        data = net.frame(vf.mac, pf.mac, body, length)
        data = data[:length]
        pf.send(data)
        vf.expect(data)


@case("NET a frame that needs several buffers is merged over them")
def merged(card: Card):
    card.ready(1)
    pf = net.Station(card.device, start=False)
    driver = card.modern(1)
    rx, _ = driver.queue(0), driver.queue(1)
    buffers = [card.ram.take(256, 64, 0xAA) for _ in range(8)]
    heads = {rx.add([(address, 256, True)]): address for address in buffers}
    driver.ready()
    data = net.frame(card.mac(1), pf.mac, bytes(range(200)) * 4)
    pf.send(data)
    elements = card.qemu.wait(rx.collect, "the frame")
    equal(len(elements), 4, "buffers used")
    whole = b"".join(card.qemu.read(heads[head], used) for head, used in elements)
    equal(int.from_bytes(whole[10:12], "little"), 4, "num_buffers")
    equal(whole[12:], data, "frame")


@case("NET the second queue pair of the PF sends", uplink=True)
def second_pair(card: Card):
    card.ready(1)
    device = card.device
    first = net.Station(device, start=False)
    second = net.Station(device, pair=1, start=False)
    control = net.Control(device.queue(4))
    equal(control.execute(net.CTRL_MQ, 0, b"\2\0"), net.CTRL_OK, "MQ for two pairs")
    for station in (first, second):
        data = net.frame(OUTSIDE, station.mac, b"pair")
        station.send(data)
        card.qemu.settle()
        equal(card.uplink.received(), [data], "frames at the uplink")
    equal(control.execute(net.CTRL_MQ, 0, b"\3\0"), net.CTRL_ERR, "MQ for three pairs")


@case("NET the MAC filter drops what is for others, until promiscuous", uplink=True)
def mac_filter(card: Card):
    _, vf = stations(card, "modern")
    control = net.Control(vf.driver.queue(2))
    foreign = net.frame(STRANGER, OUTSIDE, b"foreign")
    equal(control.execute(net.CTRL_RX, 0, b"\0"), net.CTRL_OK, "promiscuous off")
    card.uplink.send(foreign)
    vf.expect_silence()
    equal(control.execute(net.CTRL_RX, 0, b"\1"), net.CTRL_OK, "promiscuous on")
    card.uplink.send(foreign)
    vf.expect(foreign)


@case("NET a MAC set through the control queue is the one frames are taken for", uplink=True)
def new_mac(card: Card):
    card.ready(1)
    driver = card.modern(1, virtio.USUAL | 1 << virtio.F_NET_CTRL_MAC_ADDR)
    true(driver.accepted(virtio.F_NET_CTRL_MAC_ADDR), "CTRL_MAC_ADDR was negotiated")
    vf = net.Station(driver)
    control = net.Control(driver.queue(2))
    equal(control.execute(net.CTRL_RX, 0, b"\0"), net.CTRL_OK, "promiscuous off")
    equal(control.execute(net.CTRL_MAC, 1, STRANGER), net.CTRL_OK, "new MAC")
    data = net.frame(STRANGER, OUTSIDE, b"to the new one")
    card.uplink.send(data)
    vf.expect(data)
    card.uplink.send(net.frame(card.mac(1), OUTSIDE, b"to the old one"))
    vf.expect_silence()
