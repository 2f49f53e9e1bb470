# SPDX-License-Identifier: GPL-2.0-or-later
"""The legacy commands, and a VF under a legacy driver (A.5, A.6)."""

import dataclasses
import struct

from . import admin, legacy, net, pci, virtio
from .case import case, equal, true
from .machine import Card
from .qtest import Failure

REFUSED_FIELD = (admin.EINVAL, admin.INVALID_FIELD)
NOTIFY_OWNER, NOTIFY_MEMBER = 1, 2


@dataclasses.dataclass
class Entry:
    """One entry of LEGACY_NOTIFY_INFO."""
    flags: int
    bar: int
    offset: int


def notify_entries(queue: admin.Queue, member: int) -> list[Entry]:
    """The four entries that the card gives for a member."""
    result = queue.must(admin.NOTIFY_INFO, member=member, room=72)
    equal(len(result), 64, "bytes of the NOTIFY_INFO result")
    return [Entry(*struct.unpack_from("<BB6xQ", result, 16 * number)) for number in range(4)]


def bell_of(card: Card, member: int, entry: Entry) -> legacy.Bell:
    """The doorbell that an entry describes."""
    function = card.pf if entry.flags == NOTIFY_OWNER else card.member(member)
    return legacy.Bell(function, entry.bar, entry.offset)


def pair(card: Card, wanted: int = legacy.USUAL, bell: legacy.Bell | None = None):
    """A PF station and a legacy station on member 1."""
    vf = net.Station(card.legacy(1, wanted, bell))
    pf = net.Station(card.device, start=False)
    pf.rx.kick()
    return pf, vf


def converse(pf: net.Station, vf: net.Station) -> None:
    """A frame each way."""
    there, back = net.frame(vf.mac, pf.mac, b"there"), net.frame(pf.mac, vf.mac, b"back")
    pf.send(there)
    vf.expect(there)
    vf.send(back)
    pf.expect(back)


@case("S-60 opcodes 2 to 6 are offered together by default")
def all_legacy(card: Card):
    equal(card.start().list_query(), admin.ALL_BITS, "opcodes")


@case("S-60 notify-info=none: opcodes 2 to 5 only", "notify-info=none")
def no_notify_info(card: Card):
    queue = card.start()
    equal(queue.list_query(), 0x3F, "opcodes")
    card.enable(1)
    equal(queue.execute(admin.LIST_USE, data=admin.ALL_BITS.to_bytes(8, "little")).outcome(),
          REFUSED_FIELD, "LIST_USE with opcode 6")
    queue.list_use(0x3F)
    equal(queue.execute(admin.NOTIFY_INFO, member=1, room=72).outcome(),
          (admin.EINVAL, admin.INVALID_OPCODE), "NOTIFY_INFO")
    converse(*pair(card))


@case("S-60 vf-legacy=off: none of the legacy opcodes", "vf-legacy=off")
def no_legacy(card: Card):
    queue = card.start()
    equal(queue.list_query(), 0x03, "opcodes")
    card.enable(1)
    queue.list_use(3)
    for opcode in range(2, 7):
        equal(queue.execute(opcode, member=1, data=bytes(9), room=72).outcome(),
              (admin.EINVAL, admin.INVALID_OPCODE), f"opcode {opcode}")


@case("S-61 data is little-endian")
def little_endian(card: Card):
    queue = card.ready(1)
    registers = card.registers(1)
    registers.write(True, 0x0E, 2, 1)
    equal(queue.must(admin.COMMON_READ, member=1, data=b"\x0e", room=10), b"\1\0", "queue select")
    features = queue.must(admin.COMMON_READ, member=1, data=b"\0", room=12)
    true(features[3] >> 3 & 1, "bit 27 is in the last byte of the features")
    registers.write(True, 0x08, 4, 0x1234)
    equal(queue.must(admin.COMMON_READ, member=1, data=b"\x08", room=12), b"\x34\x12\0\0",
          "page number")


def access_table(queue: admin.Queue, common: bool, msix_on: bool, config_bytes: int) -> None:
    """Every offset with every length from 1 to 9: allowed exactly where S-62 allows it."""
    read, write = ((admin.COMMON_READ, admin.COMMON_WRITE) if common else
                   (admin.CONFIG_READ, admin.CONFIG_WRITE))
    for offset in [*range(0x24), 0x80, 0xFF]:
        for length in range(1, 10):
            inside = legacy.field_of(common, offset, length, msix_on, config_bytes) is not None
            reply = queue.execute(read, member=1, data=bytes([offset]) + bytes(7),
                                  room=8 + length)
            equal(reply.outcome(), (0, 0) if inside else REFUSED_FIELD,
                  f"read of {length} at {offset:#x}, MSI-X {'on' if msix_on else 'off'}")
            if not inside:
                reply = queue.execute(write, member=1,
                                      data=bytes([offset]) + bytes(7) + b"\xa5" * length)
                equal(reply.outcome(), REFUSED_FIELD, f"write of {length} at {offset:#x}")


@case("S-62 common header: exactly the accesses inside one field, MSI-X off")
def common_table(card: Card):
    access_table(card.ready(1), True, False, 0)


@case("S-62 common header: exactly the accesses inside one field, MSI-X on")
def common_table_msix(card: Card):
    queue = card.ready(1)
    pci.Msix(card.member(1), card.ram).enable()
    access_table(queue, True, True, 0)


def config_bytes(card: Card) -> int:
    """How long the device configuration of a VF is: it ends where 1-byte reads are refused."""
    for offset in range(256):
        try:
            card.registers(1).read(False, offset, 1)
        except legacy.OutOfField:
            return offset
    raise Failure("the device configuration has no end")


@case("S-62 a part of a header field is written into the whole")
def partial_writes(card: Card):
    card.ready(1)
    registers = card.registers(1)
    registers.write(True, 0x08, 4, 0x0012_3456)
    for offset, width, value, want in ((0x08, 1, 0x99, 0x0012_3499), (0x09, 1, 0xAA, 0x0012_AA99),
                                       (0x0A, 2, 0x0033, 0x0033_AA99),
                                       (0x09, 2, 0x4455, 0x0044_5599)):
        registers.write(True, offset, width, value)
        equal(registers.read(True, 0x08, 4), want, f"page number after {width} at {offset:#x}")
    registers.write(True, 0x0E, 2, 0x0102)
    registers.write(True, 0x0E, 1, 0x01)
    equal(registers.read(True, 0x0E, 2), 0x0101, "queue select")


@case("S-62 device configuration: exactly the accesses inside one field")
def config_table(card: Card):
    queue = card.ready(1)
    length = config_bytes(card)
    true(length in (8, 10, 12, 17, 20, 24, 28), f"length {length} is the end of a field")
    access_table(queue, False, False, length)


@case("S-62 device configuration does not move with MSI-X")
def config_msix(card: Card):
    queue = card.ready(1)
    pci.Msix(card.member(1), card.ram).enable()
    equal(queue.must(admin.CONFIG_READ, member=1, data=bytes(8), room=14), card.mac(1), "MAC")


@case("S-64 status 0 resets the member, other values stay")
def status_write(card: Card):
    card.ready(2)
    driver, other = card.legacy(1), card.legacy(2)
    for device in (driver, other):
        device.queue(0)
        device.ready()
    driver.reset()
    equal(driver.get("device_status"), 0, "status after the reset")
    driver.set("queue_select", 0)
    equal(driver.get("queue_pfn"), 0, "page number after the reset")
    equal(driver.get("driver_features"), 0, "driver features after the reset")
    other.set("queue_select", 0)
    true(other.get("queue_pfn") != 0, "the other member keeps its queue")
    equal(other.get("device_status"), 7, "status of the other member")


@case("S-64 queue select and page number belong to each member")
def member_state(card: Card):
    card.ready(2)
    one, two = (legacy.Driver(card.registers(member), card.ram) for member in (1, 2))
    one.set("queue_select", 1)
    two.set("queue_select", 0)
    equal((one.get("queue_select"), two.get("queue_select")), (1, 0), "queue select")
    one.set("queue_pfn", 0x111)
    equal(two.get("queue_pfn"), 0, "page number of queue 0 of the other member")
    one.set("queue_select", 0)
    equal(one.get("queue_pfn"), 0, "page number of the member's own queue 0")
    one.set("queue_select", 1)
    equal(one.get("queue_pfn"), 0x111, "page number of the member's queue 1")


@case("S-64 reading the ISR clears it")
def isr(card: Card):
    card.ready(1)
    pf, vf = pair(card)
    equal(vf.driver.get("isr"), 0, "ISR before a frame")
    there = net.frame(vf.mac, pf.mac, b"ring")
    pf.send(there)
    vf.expect(there)
    equal(vf.driver.get("isr") & virtio.ISR_QUEUE, virtio.ISR_QUEUE, "ISR after a frame")
    equal(vf.driver.get("isr"), 0, "ISR read again")


@case("S-64 the vector fields exist only with MSI-X on, and bad vectors read NO_VECTOR")
def vectors(card: Card):
    card.ready(1)
    driver = legacy.Driver(card.registers(1), card.ram)
    msix = pci.Msix(card.member(1), card.ram)
    try:
        driver.get("queue_msix_vector")
        raise Failure("the vector field is there with MSI-X off")
    except legacy.OutOfField:
        pass
    msix.enable()
    driver.negotiate()
    for field in ("config_msix_vector", "queue_msix_vector"):
        equal(driver.get(field), virtio.NO_VECTOR, f"{field} at first")
        driver.set(field, msix.vectors - 1)
        equal(driver.get(field), msix.vectors - 1, f"{field} after a good write")
        driver.set(field, msix.vectors)
        equal(driver.get(field), virtio.NO_VECTOR, f"{field} after a bad write")


@case("S-64 interrupts of a legacy driver go to its vectors")
def legacy_interrupts(card: Card):
    card.ready(1)
    msix = pci.Msix(card.member(1), card.ram)
    msix.enable()
    vf = net.Station(card.legacy(1), vectors=(1, 2))
    pf = net.Station(card.device, start=False)
    there = net.frame(vf.mac, pf.mac, b"vector")
    pf.send(there)
    vf.expect(there)
    equal(msix.taken(), {1}, "vectors after a frame came in")
    vf.send(net.frame(pf.mac, vf.mac, b"back"))
    equal(msix.taken(), {2}, "vectors after a frame was sent")


@case("S-65 the notify register works")
def notify_register(card: Card):
    card.ready(1)
    converse(*pair(card))
    bells = card.port_counters(1)["bells"]
    true(bells["command"] > 0 and bells["member"] == bells["owner"] == 0, f"bells are {bells}")


@case("S-65 the doorbell in the member's BAR works")
def member_bell(card: Card):
    queue = card.ready(1)
    converse(*pair(card, bell=bell_of(card, 1, notify_entries(queue, 1)[0])))
    bells = card.port_counters(1)["bells"]
    true(bells["member"] > 0 and bells["command"] == bells["owner"] == 0, f"bells are {bells}")


@case("S-65 the doorbell in the owner's BAR works")
def owner_bell(card: Card):
    queue = card.ready(2)
    converse(*pair(card, bell=bell_of(card, 1, notify_entries(queue, 1)[1])))
    bells = card.port_counters(1)["bells"]
    true(bells["owner"] > 0 and bells["command"] == bells["member"] == 0, f"bells are {bells}")
    equal(card.port_counters(2).get("bells", {}).get("owner", 0), 0, "bells of member 2")


@case("S-65 a notification of a queue that does not exist does nothing")
def odd_bells(card: Card):
    queue = card.ready(1)
    _, vf = pair(card)
    for entry in notify_entries(queue, 1)[:2]:
        bell = bell_of(card, 1, entry)
        for index in (3, 64, 1023, 1024, 0xFFFF):
            bell.ring(index)
    for index in (3, 64, 1024, 0xFFFF):
        vf.driver.set("queue_notify", index)
    card.qemu.settle()
    equal(vf.driver.get("device_status"), 7, "device status")


@case("S-65 a write beside a doorbell, or of another width, notifies nobody")
def beside_bells(card: Card):
    queue = card.ready(2)
    driver = card.legacy(1)
    station = net.Station(driver)
    card.set("counters-reset", True)
    station.tx.add([(card.ram.take(100), 100, False)])
    for entry in notify_entries(queue, 1)[:2]:
        bell = bell_of(card, 1, entry)
        for offset in (2, 4, 8, 14):
            bell.function.store(bell.bar, bell.offset + offset, 2, 1)
        bell.function.store(bell.bar, bell.offset, 1, 1)
    card.qemu.settle()
    equal(card.port_counters(1).get("kicks", {}), {}, "notifications counted")
    equal(station.tx.used_index(), 0, "used index of the send queue")
    driver.kick(1)
    card.qemu.wait(station.tx.collect, "the frame to be sent after all")


@case("S-67 NOTIFY_INFO gives the member's BAR first, then the owner's")
def notify_order(card: Card):
    queue = card.ready(3)
    for member in (1, 3):
        first, second, third, fourth = notify_entries(queue, member)
        equal(first, Entry(NOTIFY_MEMBER, 4, 0x2800), "first entry")
        equal(second, Entry(NOTIFY_OWNER, 2, (member - 1) * 16), "second entry")
        equal((third.flags, fourth.flags), (0, 0), "flags of the last entries")


@case("S-67 notify-info=member: one entry", "notify-info=member")
def notify_member(card: Card):
    queue = card.ready(1)
    entries = notify_entries(queue, 1)
    equal([entry.flags for entry in entries], [NOTIFY_MEMBER, 0, 0, 0], "flags")
    converse(*pair(card, bell=bell_of(card, 1, entries[0])))


@case("S-67 notify-info=owner: one entry", "notify-info=owner")
def notify_owner(card: Card):
    queue = card.ready(1)
    entries = notify_entries(queue, 1)
    equal([entry.flags for entry in entries], [NOTIFY_OWNER, 0, 0, 0], "flags")
    converse(*pair(card, bell=bell_of(card, 1, entries[0])))


@case("S-69 entries of NOTIFY_INFO are aligned and inside an implemented BAR", "total-vfs=240",
      alone=True)
def notify_inside(card: Card):
    queue = card.ready(240)
    for member in (1, 2, 17, 240):
        entries = notify_entries(queue, member)
        equal(entries[-1].flags, 0, "flags of the last entry")
        for entry in entries:
            if entry.flags:
                bars = card.pf.bars if entry.flags == NOTIFY_OWNER else card.sriov.bars
                true(1 <= entry.bar <= 5 and entry.bar in bars, f"BAR {entry.bar} exists")
                true(entry.offset % 2 == 0, f"offset {entry.offset:#x} is aligned")
                true(entry.offset + 2 <= bars[entry.bar].size, f"{entry} is inside the BAR")


@case("S-81 the legacy features have ANY_LAYOUT and no bit above 31")
def legacy_features(card: Card):
    card.ready(1)
    bits = legacy.Driver(card.registers(1), card.ram).get("device_features")
    true(bits >> virtio.F_ANY_LAYOUT & 1, "ANY_LAYOUT is offered")
    for bit in (virtio.F_NET_MAC, virtio.F_NET_MRG_RXBUF, virtio.F_NET_STATUS,
                virtio.F_NET_CTRL_VQ):
        true(bits >> bit & 1, f"bit {bit} is offered")


@case("S-81 the bad-features bit is survived")
def bad_feature(card: Card):
    card.ready(1)
    driver = legacy.Driver(card.registers(1), card.ram)
    driver.reset()
    driver.set("device_status", 3)
    driver.set("driver_features", 1 << virtio.F_BAD_FEATURE)
    converse(*pair(card))


@case("S-81 header of 12 bytes with MRG_RXBUF")
def header_12(card: Card):
    card.ready(1)
    pf, vf = pair(card)
    equal(vf.header_bytes, 12, "header of the legacy driver")
    converse(pf, vf)


@case("S-81 header of 10 bytes without MRG_RXBUF")
def header_10(card: Card):
    card.ready(1)
    pf, vf = pair(card, legacy.USUAL & ~(1 << virtio.F_NET_MRG_RXBUF))
    equal(vf.header_bytes, 10, "header of the legacy driver")
    converse(pf, vf)


@case("S-81 header and frame in separate descriptors, without ANY_LAYOUT")
def separate_header(card: Card):
    card.ready(1)
    pf, vf = pair(card, legacy.USUAL & ~(1 << virtio.F_ANY_LAYOUT))
    back = net.frame(pf.mac, vf.mac, b"split")
    vf.send(back, split=True)
    pf.expect(back)


@case("S-81 a modern driver follows a legacy one after a reset, and the other way round")
def switching(card: Card):
    card.ready(1)
    pf, vf = pair(card)
    converse(pf, vf)
    for _ in range(2):
        vf = net.Station(card.modern(1))
        converse(pf, vf)
        vf = net.Station(card.legacy(1))
        converse(pf, vf)


@case("S-81 FLR of the member ends the legacy driver's state")
def legacy_flr(card: Card):
    card.ready(1)
    pf, vf = pair(card)
    card.member(1).reset()
    equal(vf.driver.get("device_status"), 0, "status")
    vf.driver.set("queue_select", 0)
    equal(vf.driver.get("queue_pfn"), 0, "page number")
    converse(pf, net.Station(card.modern(1)))


@case("S-82 a legacy driver may use its queues without DRIVER_OK")
def without_driver_ok(card: Card):
    card.ready(1)
    vf = net.Station(card.legacy(1), start=False)
    vf.rx.kick()
    pf = net.Station(card.device, start=False)
    equal(vf.driver.get("device_status"), 3, "status: no DRIVER_OK")
    converse(pf, vf)


@case("S-82 the device configuration may be written before the features")
def early_config(card: Card):
    card.ready(1)
    registers = card.registers(1)
    registers.write(True, 0x12, 1, 0)
    mac = bytes.fromhex("020000000777")
    for number, byte in enumerate(mac):
        registers.write(False, number, 1, byte)
    equal(registers.read(False, 0, 6).to_bytes(6, "little"), mac, "MAC written byte by byte")
    pf, vf = pair(card)
    there = net.frame(mac, pf.mac, b"to the new address")
    pf.send(there)
    vf.expect(there)


@case("S-83 device configuration reads the same with every width")
def widths(card: Card):
    card.ready(1)
    registers = card.registers(1)
    for start, length in legacy.CONFIG_FIELDS:
        if start + length > config_bytes(card):
            continue
        whole = registers.read(False, start, length).to_bytes(length, "little")
        for width in range(1, length + 1):
            for offset in range(length - width + 1):
                part = registers.read(False, start + offset, width).to_bytes(width, "little")
                equal(part, whole[offset:offset + width], f"{width} at {start + offset}")


@case("S-84 the legacy ring is contiguous, its used part on a page boundary")
def ring_layout(card: Card):
    card.ready(1)
    pf, vf = pair(card)
    equal(vf.tx.used & 0xFFF, 0, "the used part as the test places it")
    converse(pf, vf)
    vf.driver.set("queue_select", 1)
    equal(vf.driver.get("queue_pfn"), vf.tx.descriptors >> 12, "page number")


@case("S-84 the queue size is the device's, and 0 for an absent queue", "queue-size=64")
def legacy_sizes(card: Card):
    card.ready(1)
    driver = card.legacy(1)
    for index, want in ((0, 64), (1, 64), (3, 0), (64, 0), (0xFFFF, 0)):
        driver.set("queue_select", index)
        equal(driver.get("queue_size"), want, f"size of queue {index}")


@case("S-84 the control queue works for a legacy driver")
def legacy_control(card: Card):
    card.ready(1)
    driver = card.legacy(1)
    station = net.Station(driver, start=False)
    control = net.Control(driver.queue(2))
    driver.ready()
    station.rx.kick()
    equal(control.execute(net.CTRL_RX, 0, b"\1"), net.CTRL_OK, "promiscuous on")
    equal(control.execute(0x7F, 0, b"\1"), net.CTRL_ERR, "an unknown class")
    other = net.frame(bytes.fromhex("020000009999"), card.mac(0), b"foreign")
    pf = net.Station(card.device, start=False)
    pf.send(other)
    station.expect(other)


@case("S-86 without MSI-X a legacy driver polls its rings")
def polling(card: Card):
    card.ready(1)
    pf, vf = pair(card)
    converse(pf, vf)
    true(not card.member(1).intx_asserted(), "the VF drives no pin")


@case("S-14 a device reset of the PF leaves the VFs and their drivers alone")
def vfs_outlive_reset(card: Card):
    queue = card.ready(2)
    bell = bell_of(card, 1, notify_entries(queue, 1)[0])
    one, two = net.Station(card.legacy(1, bell=bell)), net.Station(card.modern(2))
    card.device.reset()
    for sender, receiver in ((one, two), (two, one)):
        hello = net.frame(receiver.mac, sender.mac, b"the owner is away")
        sender.send(hello)
        receiver.expect(hello)
    card.start().list_use()
    equal(card.registers(1).read(True, 0x12, 1), 7, "status of the legacy VF")
