# SPDX-License-Identifier: GPL-2.0-or-later
"""The legacy registers of a VF against an independent oracle: QEMU's own transitional card.

The same script of register accesses runs on both and must give the same values. Two classes of
accesses are left out on the stock card, because there is nothing to compare:

- what S-62 makes the administration commands refuse (an access beyond one field); there the
  script asserts the refusal;
- a read of a part of a common header field that does not start where the field does or has 3
  bytes, and a write of any part: the stock card knows addresses of whole fields only (it reads
  all ones elsewhere, and takes a part that is written for the whole). There the bytes read must
  be those of the whole field, which was compared.
"""

import dataclasses
import random

from . import legacy, machine, net, pci, virtio
from .case import case, equal, true
from .machine import Card
from .qtest import Failure

# The queues of both cards have the only size that the stock card's can have.
PROPERTIES = "queue-size=1024,event_idx=off"
# What an I/O port can be accessed with at once.
PORT_WIDTHS = (1, 2, 4)
STOCK = f"event_idx=off,vectors=4,mac={machine.BASE_MAC[:-1]}1"


def oracle(name: str):
    """A case with both cards, PF up and one VF enabled."""
    return case(name, PROPERTIES, stock=STOCK, uplink=True)


@dataclasses.dataclass
class Pair:
    """The same registers twice."""
    stock: machine.Stock
    native: legacy.PortRegisters
    vf: legacy.AdminRegisters
    msix: pci.Msix
    config_bytes: int = 17  # all fields that the features of both cards need
    msix_on: bool = False

    @classmethod
    def of(cls, card: Card) -> "Pair":
        """Bring both cards to the same start: reset, MSI-X off."""
        card.ready(1)
        stock = machine.Stock(card.machine)
        pair = cls(stock, stock.registers, card.registers(1), pci.Msix(card.member(1), card.ram))
        pair.compare_write(True, 0x12, 1, 0)
        return pair

    def set_msix(self, on: bool) -> None:
        """Switch MSI-X on both."""
        self.stock.set_msix(on)
        if on:
            self.msix.enable()
        else:
            self.msix.disable()
        self.msix_on = on

    def _allowed(self, common: bool, offset: int, width: int) -> bool:
        field = legacy.field_of(common, offset, width, self.msix_on, self.config_bytes)
        return field is not None

    def _comparable(self, common: bool, offset: int, width: int, write: bool) -> bool:
        if not common:
            return True
        if write or width not in PORT_WIDTHS:
            return (offset, width) in legacy.FIELDS.values()
        return self._starts(offset)

    @staticmethod
    def _starts(offset: int) -> bool:
        return any(offset == start for start, _ in legacy.FIELDS.values())

    def compare_read(self, common: bool, offset: int, width: int) -> int | None:
        """Read both; the values are equal. None when the access is refused."""
        what = f"{'header' if common else 'configuration'} {offset:#x}, {width} bytes"
        if not self._allowed(common, offset, width):
            self._must_refuse(lambda: self.vf.read(common, offset, width), what)
            return None
        if not self._comparable(common, offset, width, False):
            field = legacy.field_of(common, offset, width, self.msix_on, self.config_bytes)
            length = dict(legacy.FIELDS.values())[field]
            whole = self.compare_read(True, field, length).to_bytes(length, "little")
            part = self.vf.read(True, offset, width).to_bytes(width, "little")
            if field != legacy.FIELDS["isr"][0]:
                equal(part, whole[offset - field:offset - field + width], f"part of {what}")
            return None
        want = self.native.read(common, offset, width)
        equal(self.vf.read(common, offset, width), want, f"read of {what}")
        return want

    def compare_write(self, common: bool, offset: int, width: int, value: int) -> None:
        """Write both, unless the access is refused or has no counterpart."""
        what = f"{'header' if common else 'configuration'} {offset:#x}, {width} bytes"
        if not self._allowed(common, offset, width):
            self._must_refuse(lambda: self.vf.write(common, offset, width, value), what)
        elif self._comparable(common, offset, width, True):
            if not common:
                # The stock card merges a write with what was read last, however old that is.
                self.native.read(False, 0, 1)
            self.native.write(common, offset, width, value)
            self.vf.write(common, offset, width, value)

    def compare_all(self) -> None:
        """Every field of the header and every byte of the configuration, without the ISR's."""
        for name, (offset, width) in legacy.FIELDS.items():
            if (offset < 0x14 or self.msix_on) and name != "isr":
                self.compare_read(True, offset, width)
        for offset in range(self.config_bytes):
            self.compare_read(False, offset, 1)

    @staticmethod
    def _must_refuse(access, what: str) -> None:
        try:
            access()
        except legacy.OutOfField:
            return
        raise Failure(f"S-62: {what} was not refused")


@oracle("S-64 oracle: all fields at reset, MSI-X off and on")
def at_reset(card: Card):
    both = Pair.of(card)
    both.compare_all()
    both.compare_read(True, 0x13, 1)
    both.set_msix(True)
    both.compare_all()
    both.set_msix(False)
    both.compare_all()


@oracle("S-64 oracle: the features offered")
def features(card: Card):
    both = Pair.of(card)
    bits = both.compare_read(True, 0x00, 4)
    true(bits >> virtio.F_ANY_LAYOUT & 1, "ANY_LAYOUT is among them")


@oracle("S-64 oracle: driver features, one bit at a time")
def feature_writes(card: Card):
    both = Pair.of(card)
    for bit in range(32):
        both.compare_write(True, 0x12, 1, 0)
        both.compare_write(True, 0x12, 1, 3)
        both.compare_write(True, 0x04, 4, 1 << bit)
        both.compare_read(True, 0x04, 4)
    both.compare_write(True, 0x12, 1, 0)
    both.compare_read(True, 0x04, 4)


@oracle("S-64 oracle: each queue's size, page number and select")
def queues(card: Card):
    both = Pair.of(card)
    for index in (0, 1, 2, 3, 4, 5, 63, 64, 65, 1022, 1023, 1024, 1025, 0x7FFF, 0xFFFF):
        both.compare_write(True, 0x0E, 2, index)
        both.compare_read(True, 0x0E, 2)
        both.compare_read(True, 0x0C, 2)
        both.compare_read(True, 0x08, 4)
    for index in (0, 1, 2):
        both.compare_write(True, 0x0E, 2, index)
        both.compare_write(True, 0x08, 4, 0x1000 + 0x10 * index)
        both.compare_read(True, 0x08, 4)
    for index in (0, 1, 2):
        both.compare_write(True, 0x0E, 2, index)
        both.compare_read(True, 0x08, 4)


@oracle("S-64 oracle: page number 0")
def queue_off(card: Card):
    both = Pair.of(card)
    both.compare_write(True, 0x12, 1, 3)
    for index in (0, 1):
        both.compare_write(True, 0x0E, 2, index)
        both.compare_write(True, 0x08, 4, 0x1000 + 0x10 * index)
    both.compare_write(True, 0x08, 4, 0)
    both.compare_all()
    both.compare_write(True, 0x0E, 2, 0)
    both.compare_all()


@oracle("S-64 oracle: device status, every value")
def status(card: Card):
    both = Pair.of(card)
    for value in range(256):
        both.compare_write(True, 0x12, 1, value)
        both.compare_read(True, 0x12, 1)
        if value & virtio.DRIVER_OK:
            both.compare_write(True, 0x12, 1, 0)
            both.compare_read(True, 0x12, 1)


@oracle("S-64 oracle: read-only fields ignore writes")
def read_only(card: Card):
    both = Pair.of(card)
    for offset, width in ((0x00, 4), (0x0C, 2), (0x13, 1)):
        both.compare_write(True, offset, width, 0xA5A5_A5A5 & (1 << 8 * width) - 1)
        both.compare_all()


@oracle("S-64 oracle: vectors, good and bad")
def vectors(card: Card):
    both = Pair.of(card)
    both.set_msix(True)
    for index in (0, 1, 2, 3, 64):
        both.compare_write(True, 0x0E, 2, index)
        for vector in (0, 1, 3, 4, 5, 0x7FFF, 0xFFFF):
            both.compare_write(True, 0x14, 2, vector)
            both.compare_read(True, 0x14, 2)
            both.compare_write(True, 0x16, 2, vector)
            both.compare_read(True, 0x16, 2)
    both.compare_write(True, 0x12, 1, 0)
    both.compare_all()


@oracle("S-82 oracle: the MAC written in every width, before and after features")
def mac_writes(card: Card):
    both = Pair.of(card)
    control = 1 << virtio.F_NET_MAC | 1 << virtio.F_NET_CTRL_VQ
    for wanted in (None, 1 << virtio.F_NET_MAC, control,
                   control | 1 << virtio.F_NET_CTRL_MAC_ADDR):
        both.compare_write(True, 0x12, 1, 0)
        if wanted is not None:
            both.compare_write(True, 0x12, 1, 3)
            both.compare_write(True, 0x04, 4, wanted)
        for offset, width, value in ((0, 1, 2), (1, 1, 0x11), (2, 2, 0x2233), (4, 1, 0x44),
                                     (0, 4, 0x0403_0202), (4, 2, 0x0605), (6, 2, 0)):
            both.compare_write(False, offset, width, value)
            both.compare_all()


@oracle("S-64 oracle: a driver with traffic, its ISR and its interrupts")
def traffic(card: Card):
    both = Pair.of(card)
    stations, frames = [], []
    for registers in (both.native, both.vf):
        driver = legacy.Driver(registers, card.ram)
        driver.negotiate()
        stations.append(net.Station(driver))
    for round_number in range(3):
        frames = [net.frame(net.BROADCAST, one.mac, bytes([round_number])) for one in stations]
        for station, data in zip(stations, frames):
            station.send(data)
        equal(stations[1].driver.get("isr"), stations[0].driver.get("isr"), "ISR after sending")
        equal(stations[1].driver.get("isr"), stations[0].driver.get("isr"), "ISR read again")
        for uplink, station in ((both.stock.uplink, stations[0]), (card.uplink, stations[1])):
            incoming = net.frame(station.mac, bytes.fromhex("020000000001"), b"in")
            uplink.send(incoming)
            station.expect(incoming)
        equal(stations[1].driver.get("isr"), stations[0].driver.get("isr"), "ISR after receiving")
        equal(stations[1].rx.used_index(), stations[0].rx.used_index(), "used index")
    equal([card.uplink.received()[-1], both.stock.uplink.received()[-1]], frames[::-1],
          "last frame sent")
    both.compare_read(True, 0x12, 1)
    both.compare_read(True, 0x04, 4)


def random_script(both: Pair, seed: int, steps: int) -> None:
    """Seeded random accesses of every width at every offset."""
    dice = random.Random(seed)
    limit = legacy.HEADER_MSIX_BYTES + 4
    for step in range(steps):
        common = dice.random() < 0.7
        offset = dice.randrange(limit if common else both.config_bytes + 4)
        width = dice.choice((1, 2, 4, 1, 2, 4, 3, 8))
        try:
            if dice.random() < 0.5:
                both.compare_read(common, offset, width)
            else:
                value = dice.choice((0, 1, 2, 3, 4, dice.getrandbits(8 * width)))
                both.compare_write(common, offset, width, value & (1 << 8 * width) - 1)
            if step % 50 == 49:
                both.compare_all()
        except Failure as failure:
            raise Failure(f"seed {seed}, step {step}: {failure}") from failure


@oracle("S-64 oracle: 1500 random accesses with MSI-X off")
def random_off(card: Card):
    random_script(Pair.of(card), 1041, 1500)


@oracle("S-64 oracle: 1500 random accesses with MSI-X on")
def random_on(card: Card):
    both = Pair.of(card)
    both.set_msix(True)
    random_script(both, 2082, 1500)


@oracle("S-64 oracle: random accesses while MSI-X is switched on and off")
def random_switching(card: Card):
    both = Pair.of(card)
    for turn in range(8):
        both.set_msix(turn % 2 == 0)
        random_script(both, 4000 + turn, 100)
