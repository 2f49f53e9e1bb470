# SPDX-License-Identifier: GPL-2.0-or-later
"""The card pulled out, pushed in again, and removed in an orderly way."""

from . import admin, net, pci, virtio
from .case import case, equal, refused, true
from .held import Held
from .machine import BASE_MAC, CARD_PATH, Card

ONES = {1: 0xFF, 2: 0xFFFF, 4: 0xFFFF_FFFF}


def remove(card: Card) -> None:
    """device_del, with the answer of a well-behaved hot-plug driver."""
    card.qemu.qmp("device_del", id="pf0")
    true(card.port.slot_status() & pci.SLOT_ATTENTION_BUTTON, "the attention button was pressed")
    card.port.clear_slot_events()
    card.port.power(False)
    card.qemu.wait_event("DEVICE_DELETED", device="pf0")


def add(card: Card, **properties) -> None:
    """device_add of a card (- in a property's name is _ here), power on, all set up anew."""
    options = {name.replace("_", "-"): value for name, value in properties.items()}
    card.qemu.qmp("device_add", driver="vfvirt-net-pf", id="pf0", bus="rp0", mac=BASE_MAC,
                  **options)
    card.port.clear_slot_events()
    card.port.power(True)
    card.open()


def check_dead(card: Card) -> None:
    """Configuration space and BARs of PF and VFs read all ones and ignore writes."""
    for function in (card.pf, *card.vfs):
        for offset in (0x00, 0x04, 0x34, 0x40, 0x100, 0xFFC):
            for width in (1, 2, 4):
                equal(function.read(offset, width), ONES[width], f"{function} at {offset:#x}")
        function.write(0x04, 2, 0x0006)
        equal(function.read(0x04, 2), 0xFFFF, f"{function}: command register after a write")
        for number, bar in function.bars.items():
            for offset in (0, 0x14, bar.size - 4):
                equal(function.load(number, offset, 4), ONES[4], f"{function} BAR {number}")
            function.store(number, 0, 4, 0)
            equal(function.load(number, 0, 4), ONES[4], f"{function} BAR {number} after a write")


def check_well(card: Card) -> None:
    """The card works from power-on."""
    card.ready(2)
    pf, vf = net.Station(card.device, start=False), net.Station(card.legacy(2))
    hello = net.frame(vf.mac, pf.mac, b"hello")
    pf.send(hello)
    vf.expect(hello)


@case("GONE configuration space and BARs of PF and VFs read all ones", alone=True)
def all_ones(card: Card):
    card.ready(2)
    for vf in (card.member(1), card.member(2)):
        true(vf.present(), f"{vf} answers before")
    card.set("gone", True)
    check_dead(card)


@case("GONE the slot reports presence and link down, with an interrupt", alone=True)
def slot_events(card: Card):
    msix = card.port.listen(card.machine.windows, card.ram)
    true(card.port.slot_status() & pci.SLOT_PRESENT, "a card is present at first")
    true(card.port.link_active(), "the link is up at first")
    card.port.clear_slot_events()
    card.set("gone", True)
    status = card.port.slot_status()
    true(not status & pci.SLOT_PRESENT, "no card is present")
    true(status & pci.SLOT_PRESENCE_CHANGED, "presence changed")
    true(status & pci.SLOT_LINK_CHANGED, "the link state changed")
    true(not card.port.link_active(), "the link is down")
    true(msix.taken(), "the port sent an interrupt")
    card.port.clear_slot_events()
    equal(card.port.slot_status() & (pci.SLOT_PRESENCE_CHANGED | pci.SLOT_LINK_CHANGED), 0,
          "events after they were acknowledged")
    card.port.power(False)
    card.set("gone", False)
    status = card.port.slot_status()
    true(status & pci.SLOT_PRESENT and status & pci.SLOT_PRESENCE_CHANGED, "a card came")
    true(card.port.link_active(), "the link is up again")
    true(msix.taken(), "the port sent an interrupt again")
    card.port.power(True)
    card.open()
    check_well(card)


@case("GONE=false waits until the hot-plug driver has switched the slot off", alone=True)
def back_late(card: Card):
    card.port.listen(card.machine.windows, card.ram)
    card.ready(1)
    card.set("gone", True)
    card.set("gone", False)
    card.qemu.step_ms(60_000)
    equal(card.qemu.qmp("qom-get", path=CARD_PATH, property="gone"), True, "gone")
    check_dead(card)
    card.set("gone", True)
    card.port.power(False)
    card.qemu.step_ms(60_000)
    equal(card.qemu.qmp("qom-get", path=CARD_PATH, property="gone"), True, "gone, set again")
    card.set("gone", False)
    card.qemu.step_ms(60_000)
    equal(card.qemu.qmp("qom-get", path=CARD_PATH, property="gone"), False, "gone, in the end")
    card.port.power(True)
    card.open()
    check_well(card)


@case("GONE, then device_del while the return is waiting", alone=True)
def back_never(card: Card):
    card.port.listen(card.machine.windows, card.ram)
    card.ready(1)
    card.set("gone", True)
    card.set("gone", False)
    card.qemu.qmp("device_del", id="pf0")
    card.qemu.wait_event("DEVICE_DELETED", device="pf0")
    card.port.power(False)
    card.qemu.step_ms(60_000)
    true(not card.port.slot_status() & pci.SLOT_PRESENT, "no card is present")


@case("GONE with commands held: no answer, no interrupt, no DMA", alone=True)
def pending(card: Card):
    held = Held(card, card.ready(4))
    card.msix.taken()
    card.set("gone", True)
    held.reuse_memory()
    held.check_memory()
    equal(card.msix.taken(), set(), "vectors that fired")
    check_dead(card)


@case("GONE with frames on their way: nothing is sent or received", alone=True, uplink=True)
def frames(card: Card):
    card.ready(1)
    vf = net.Station(card.modern(1))
    pf = net.Station(card.device, start=False)
    pf.rx.kick()
    watched = [*vf.buffers(), *pf.buffers()]
    vf.post(net.frame(net.BROADCAST, vf.mac, b"last words"))
    card.set("gone", True)
    card.uplink.received()
    for address, length in watched:
        card.qemu.fill(address, length, 0x5D)
    card.uplink.send(net.frame(net.BROADCAST, b"\2\0\0\0\0\1", b"anybody"))
    card.qemu.settle()
    for address, length in watched:
        equal(card.qemu.read(address, length), b"\x5d" * length, "a receive buffer")
    equal(card.uplink.received(), [], "frames at the uplink")


@case("GONE=false: the card comes back as after power-on", alone=True)
def back(card: Card):
    for _ in range(3):
        card.ready(2)
        card.arm("stall")
        card.admin.submit(admin.CONFIG_READ, member=1, data=bytes(8), room=14)
        card.wait_in_flight(1)
        card.set("gone", True)
        equal(card.get("counters")["in_flight"], 0, "commands in flight while gone")
        card.set("gone", False)
        card.set("fault-clear", "all")
        equal(card.pf.read(0x00, 4), 0x1041_1AF4, "vendor and device id")
        equal(card.pf.read(0x04, 2) & 6, 0, "memory decoding and bus mastering")
        card.open()
        equal(card.device.get("device_status"), 0, "device status")
        equal(card.sriov.read(pci.SRIOV_CONTROL) & pci.SRIOV_VF_ENABLE, 0, "VF Enable")
        check_well(card)


@case("GONE set twice, or cleared when not set, changes nothing", alone=True)
def twice(card: Card):
    card.set("gone", False)
    check_well(card)
    card.set("gone", True)
    card.port.clear_slot_events()
    card.set("gone", True)
    equal(card.port.slot_status() & pci.SLOT_PRESENCE_CHANGED, 0, "no event the second time")
    check_dead(card)


@case("GONE during each fault: QEMU stays up and the card comes back", alone=True)
def with_faults(card: Card):
    for spec in ("reset-stuck", "needs-reset", "common-cfg-length,bytes=0x38", "duplicate",
                 "delay,ms=5,hold=self"):
        queue = card.ready(2)
        card.arm(spec)
        queue.submit(admin.CONFIG_READ, member=1, data=bytes(8), room=14)
        card.set("gone", True)
        card.qemu.step_ms(100)
        card.set("fault-clear", "all")
        card.set("gone", False)
        card.open()
        check_well(card)


@case("GONE: faults and counters can still be read and set", alone=True)
def properties(card: Card):
    card.ready(1)
    card.set("gone", True)
    card.arm("delay,ms=5")
    equal(len(card.get("faults")), 1, "armed faults")
    equal(card.get("counters")["in_flight"], 0, "commands in flight")
    card.arm("needs-reset")
    card.arm("common-cfg-length,bytes=0x3c")
    check_dead(card)
    card.set("fault-clear", "all")


@case("GONE: a machine reset does not bring QEMU down", alone=True)
def gone_reset(card: Card):
    card.ready(2)
    card.set("gone", True)
    card.qemu.qmp("system_reset")
    card.qemu.wait_event("RESET")
    card.qemu.settle()


@case("GONE, then device_del: the card leaves at once", alone=True)
def gone_then_removed(card: Card):
    card.ready(2)
    card.set("gone", True)
    card.qemu.qmp("device_del", id="pf0")
    card.qemu.wait_event("DEVICE_DELETED", device="pf0")
    add(card)
    check_well(card)


@case("UNPLUG device_del asks the guest, and takes PF and VFs away", alone=True)
def unplug(card: Card):
    card.ready(2)
    remove(card)
    true(not card.port.slot_status() & pci.SLOT_PRESENT, "no card is present")
    for function in (card.pf, *card.vfs):
        true(not function.present(), f"{function} is not there")
    refused(lambda: card.set("gone", True), "pf0")


@case("UNPLUG with commands held: their memory is not touched", alone=True)
def unplug_pending(card: Card):
    held = Held(card, card.ready(4))
    remove(card)
    held.reuse_memory()
    held.check_memory(card_is_there=False)


@case("UNPLUG under traffic, with every VF up, ten times", alone=True)
def unplug_often(card: Card):
    for turn in range(10):
        card.ready(4)
        members = [net.Station(getattr(card, ("modern", "legacy")[number % 2])(number + 1))
                   for number in range(4)]
        for member in members:
            for _ in range(5):
                member.post(net.frame(net.BROADCAST, member.mac, bytes([turn])))
        remove(card)
        add(card)
    check_well(card)


@case("UNPLUG a card that was plugged in while running, with other properties", alone=True)
def replug(card: Card):
    remove(card)
    add(card, total_vfs=3, admin_queues=2, vf_queue_pairs=2)
    equal(card.sriov.total, 3, "TotalVFs")
    check_well(card)
    equal(card.device.get("admin_queue_num"), 2, "admin_queue_num")
    equal(virtio.Device(card.member(1), card.ram).get("num_queues"), 5, "num_queues of a VF")


@case("UNPLUG a hot-plugged card with a bad property is refused by its name", alone=True)
def replug_refused(card: Card):
    remove(card)
    for properties, word in (({"total_vfs": 241}, "total-vfs"), ({"queue_size": 100}, "queue-size"),
                             ({"frobnicate": 1}, "frobnicate")):
        refused(lambda properties=properties: add(card, **properties), word)
    add(card)
    check_well(card)


@case("UNPLUG a card that no driver ever touched", alone=True)
def unplug_idle(card: Card):
    remove(card)
    add(card)
    check_well(card)


@case("UNPLUG all 240 VFs", "total-vfs=240", alone=True)
def unplug_many(card: Card):
    card.ready(240)
    net.Station(card.legacy(240))
    remove(card)
    true(not card.pf.present(), "the PF is not there")
