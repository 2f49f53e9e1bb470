# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory that a driver took back is never written to, whatever the card still had in hand."""

from . import admin, net, pci
from .case import case, equal, true
from .held import PATTERN, Held, ring_areas
from .machine import Card
from .qtest import Failure

REFUSED_GROUP = (admin.EINVAL, admin.INVALID_GROUP)


@case("S-16 a queue reset cancels held commands")
def by_queue_reset(card: Card):
    held = Held(card, card.ready(4))
    card.device.reset_queue(64)
    held.reuse_memory()
    held.check_unanswered()
    held.check_memory()
    queue = card.admin_queue(0, 1)
    equal(queue.must(admin.CONFIG_READ, member=1, data=bytes(8), room=14), card.mac(1),
          "a read through the new ring")


@case("S-16 a queue reset cancels the commands of that queue only", "admin-queues=2")
def other_queue_reset(card: Card):
    card.device.negotiate()
    queues = [card.admin_queue(number) for number in range(2)]
    card.device.ready()
    card.enable(2)
    queues[0].list_use()
    card.arm("delay,ms=100")
    pending = [queue.submit(admin.CONFIG_READ, member=1, data=bytes(8), room=14)
               for queue in queues]
    card.wait_in_flight(2)
    card.device.reset_queue(64)
    watched = [(pending[0].address, pending[0].room), *ring_areas(queues[0].ring)]
    for address, length in watched:
        card.qemu.fill(address, length, PATTERN)
    card.qemu.step_ms(100)
    equal(queues[1].wait(pending[1]).result, card.mac(1), "the answer in the other queue")
    for address, length in watched:
        equal(card.qemu.read(address, length), bytes([PATTERN]) * length, "freed memory")


@case("S-15 a device reset cancels held commands")
def by_device_reset(card: Card):
    held = Held(card, card.ready(4))
    card.device.reset()
    held.reuse_memory()
    held.check_unanswered()
    held.check_memory()
    card.start().list_query()


@case("S-15 FLR of the PF cancels held commands")
def by_flr(card: Card):
    held = Held(card, card.ready(4))
    card.pf.reset()
    held.reuse_memory()
    held.check_unanswered()
    held.check_memory()
    card.start().list_query()


@case("S-15 a reset of the whole machine cancels held commands")
def by_machine_reset(card: Card):
    held = Held(card, card.ready(4))
    card.qemu.qmp("system_reset")
    card.qemu.wait_event("RESET")
    held.reuse_memory()
    held.check_memory()


@case("S-54 VF disable answers held commands at once, and never again")
def by_vf_disable(card: Card):
    held = Held(card, card.ready(4))
    card.sriov.disable()
    for one in (held.pending[0], held.pending[2], held.pending[3]):
        equal(held.queue.wait(one).outcome(), REFUSED_GROUP, "the answer")
    true(held.queue.untouched(held.pending[1]), "the stalled one stays unanswered")
    card.device.reset_queue(64)
    held.reuse_memory()
    held.check_memory()
    queue = card.admin_queue(0, 1)
    queue.list_query()


@case("S-54 VF disable and enable: a held command of the old VF is not done on the new one")
def vf_again(card: Card):
    queue = card.ready(1)
    card.arm("delay,ms=100,times=1")
    pending = queue.submit(admin.COMMON_WRITE, member=1, data=b"\x12" + bytes(7) + b"\3")
    card.wait_in_flight(1)
    card.sriov.disable()
    card.enable(1)
    equal(queue.wait(pending).outcome(), REFUSED_GROUP, "the answer")
    card.qemu.step_ms(200)
    equal(card.registers(1).read(True, 0x12, 1), 0, "status of the new VF")


@case("S-15 FLR of a VF leaves the PF's queue alone: held commands are answered in time")
def by_vf_flr(card: Card):
    queue = card.ready(2)
    card.arm("delay,ms=100,member=1,times=1")
    pending = queue.submit(admin.CONFIG_READ, member=1, data=bytes(8), room=14)
    card.wait_in_flight(1)
    card.member(1).reset()
    card.qemu.settle()
    true(queue.untouched(pending), "the FLR answers nothing")
    card.qemu.step_ms(100)
    equal(queue.wait(pending).result, card.mac(1), "the answer")


@case("S-15 bus mastering off cancels held commands, also when it comes back")
def by_bus_master(card: Card):
    held = Held(card, card.ready(4))
    card.pf.command(pci.COMMAND_MEMORY)
    held.reuse_memory()
    card.pf.command(pci.COMMAND_MEMORY | pci.COMMAND_MASTER)
    held.check_memory()
    card.device.set("device_status", 0xF)
    card.qemu.settle()
    held.check_memory()
    card.start().list_query()


@case("S-15 notifications on their way are void after a reset")
def kicks_in_flight(card: Card):
    for way in (card.device.reset, card.pf.reset, lambda: card.device.reset_queue(64)):
        queue = card.ready(1)
        pending = queue.put(admin.command(admin.CONFIG_READ, 1, 1, bytes(8)), 14)
        for _ in range(8):
            queue.ring.kick()
        way()
        late = not queue.untouched(pending)
        watched = [(pending.address, pending.room), *ring_areas(queue.ring)]
        for address, length in watched:
            card.qemu.fill(address, length, PATTERN)
        card.qemu.settle()
        true(not late or queue.untouched(pending, PATTERN), "answered before the reset, or never")
        for address, length in watched:
            equal(card.qemu.read(address, length), bytes([PATTERN]) * length, "freed memory")


def receive_ways(card: Card, station: net.Station) -> dict:
    """How a VF's driver may take its receive buffers back."""
    function = card.member(1)
    return {
        "device reset": station.driver.reset,
        "FLR": function.reset,
        "queue reset": lambda: station.driver.reset_queue(0),
        "VF disable": card.sriov.disable,
    }


def check_receive(card: Card, kind: str, way: str) -> None:
    """After `way`, frames to the VF touch none of its buffers and rings."""
    card.ready(1)
    pf = net.Station(card.device, start=False)
    vf = net.Station(getattr(card, kind)(1))
    hello = net.frame(vf.mac, pf.mac, b"one")
    pf.send(hello)
    vf.expect(hello)
    receive_ways(card, vf)[way]()
    watched = [*vf.buffers(), *ring_areas(vf.rx)]
    for address, length in watched:
        card.qemu.fill(address, length, PATTERN)
    pf.send(hello)
    pf.send(net.frame(net.BROADCAST, pf.mac, b"two"))
    card.qemu.settle()
    for address, length in watched:
        if card.qemu.read(address, length) != bytes([PATTERN]) * length:
            raise Failure(f"after {way}, a frame was written to freed memory at {address:#x}")


@case("S-15 receive buffers of a modern VF are let go by device reset, FLR and VF disable")
def receive_modern(card: Card):
    for way in ("device reset", "FLR", "VF disable"):
        check_receive(card, "modern", way)


@case("S-16 receive buffers of a modern VF are let go by a queue reset")
def receive_queue_reset(card: Card):
    check_receive(card, "modern", "queue reset")


@case("S-15 receive buffers of a legacy VF are let go by device reset, FLR and VF disable")
def receive_legacy(card: Card):
    for way in ("device reset", "FLR", "VF disable"):
        check_receive(card, "legacy", way)


@case("S-15 a frame to be sent is not returned after a reset")
def transmit(card: Card):
    card.ready(1)
    for kind in ("modern", "legacy"):
        for way in ("device reset", "FLR"):
            vf = net.Station(getattr(card, kind)(1))
            for number in range(20):
                vf.post(net.frame(net.BROADCAST, vf.mac, bytes([number])))
            receive_ways(card, vf)[way]()
            for address, length in ring_areas(vf.tx):
                card.qemu.fill(address, length, PATTERN)
            card.qemu.settle()
            for address, length in ring_areas(vf.tx):
                equal(card.qemu.read(address, length), bytes([PATTERN]) * length,
                      f"{kind} send ring after {way}")


@case("S-15 legacy page number 0 lets go of the rings")
def page_zero(card: Card):
    card.ready(1)
    pf = net.Station(card.device, start=False)
    driver = card.legacy(1)
    vf = net.Station(driver)
    driver.set("queue_select", 0)
    driver.set("queue_pfn", 0)
    watched = [*vf.buffers(), *ring_areas(vf.rx)]
    for address, length in watched:
        card.qemu.fill(address, length, PATTERN)
    pf.send(net.frame(net.BROADCAST, pf.mac, b"late"))
    card.qemu.settle()
    for address, length in watched:
        equal(card.qemu.read(address, length), bytes([PATTERN]) * length, "freed memory")
    equal(driver.get("queue_pfn"), 0, "page number as read back")
