# SPDX-License-Identifier: GPL-2.0-or-later
"""PCI Express without firmware: the memory-mapped configuration space, BARs, MSI-X, SR-IOV, FLR."""

import dataclasses

from .qtest import Failure, Qemu

ECAM_BASE = 0xB000_0000
WINDOW_BASE = 0xC000_0000
WINDOW_END = 0xF000_0000
PORT_BASE = 0xC000

COMMAND_IO, COMMAND_MEMORY, COMMAND_MASTER = 1, 2, 4
STATUS_INTERRUPT = 0x08

CAP_VENDOR, CAP_EXPRESS, CAP_MSIX = 0x09, 0x10, 0x11
EXT_ARI, EXT_SRIOV = 0x0E, 0x10

EXPRESS_DEVICE_CAP, EXPRESS_DEVICE_CONTROL = 0x04, 0x08
EXPRESS_LINK_STATUS, EXPRESS_SLOT_CONTROL, EXPRESS_SLOT_STATUS = 0x12, 0x18, 0x1A
EXPRESS_DEVICE_CONTROL2 = 0x28
DEVICE_CAP_FLR, DEVICE_CONTROL_FLR = 1 << 28, 1 << 15
CONTROL2_ARI_FORWARDING = 1 << 5
SLOT_ATTENTION_BUTTON, SLOT_PRESENCE_CHANGED, SLOT_PRESENT, SLOT_LINK_CHANGED = 1, 8, 0x40, 0x100
SLOT_POWER_OFF, SLOT_INDICATOR_ON, SLOT_INDICATOR_OFF = 0x400, 0x100, 0x300
SLOT_EVENTS_ON = 0x1028  # hot-plug interrupt, presence changed, link changed
LINK_ACTIVE = 0x2000

SRIOV_CONTROL, SRIOV_INITIAL, SRIOV_TOTAL, SRIOV_NUM = 0x08, 0x0C, 0x0E, 0x10
SRIOV_OFFSET, SRIOV_STRIDE, SRIOV_DEVICE, SRIOV_BAR0 = 0x14, 0x16, 0x1A, 0x24
SRIOV_VF_ENABLE, SRIOV_VF_MEMORY, SRIOV_ARI = 1, 8, 16


@dataclasses.dataclass
class Bar:
    """An address range of a function; `port` tells I/O space from memory."""
    address: int
    size: int
    port: bool = False


class Windows:
    """Hands out addresses for BARs, each aligned to its size."""

    def __init__(self):
        self._memory = WINDOW_BASE
        self._port = PORT_BASE

    def memory(self, size: int, count: int = 1) -> int:
        """Take `count` consecutive ranges of `size` bytes (a power of two)."""
        self._memory = (self._memory + size - 1) & -size
        address = self._memory
        self._memory += size * count
        if self._memory > WINDOW_END:
            raise Failure("the BARs do not fit into the memory window of the test")
        return address

    def port(self, size: int) -> int:
        """Take `size` I/O ports."""
        self._port = (self._port + size - 1) & -size
        address = self._port
        self._port += size
        return address


class Function:
    """One PCI function: configuration space, and BARs once they are placed."""

    def __init__(self, qemu: Qemu, bus: int, devfn: int):
        self.qemu = qemu
        self.bus, self.devfn = bus, devfn
        self.bars: dict[int, Bar] = {}
        self._base = ECAM_BASE + (bus << 20) + (devfn << 12)
        self._found: dict[int, list[int]] | None = None

    def __str__(self):
        return f"{self.bus:02x}:{self.devfn >> 3:02x}.{self.devfn & 7}"

    def read(self, offset: int, width: int) -> int:
        """Read configuration space."""
        return self.qemu.load(self._base + offset, width)

    def write(self, offset: int, width: int, value: int) -> None:
        """Write configuration space."""
        self.qemu.store(self._base + offset, width, value)

    def present(self) -> bool:
        """Somebody answers at this address (a VF shows no vendor id, but a class)."""
        return self.read(0x08, 4) != 0xFFFF_FFFF

    def capabilities(self, kind: int) -> list[int]:
        """Offsets of the capabilities of that id, in list order."""
        if self._found is None:
            self._found = {}
            at, steps = self.read(0x34, 1) & 0xFC, 0
            while at:
                steps += 1
                if steps > 48:
                    raise Failure(f"{self}: the capability list has no end")
                word = self.read(at, 2)
                self._found.setdefault(word & 0xFF, []).append(at)
                at = word >> 8 & 0xFC
        return self._found.get(kind, [])

    def capability(self, kind: int) -> int:
        """Offset of the first capability of that id; raises Failure when there is none."""
        found = self.capabilities(kind)
        if not found:
            raise Failure(f"{self}: no PCI capability {kind:#x}")
        return found[0]

    def extended(self, kind: int) -> int:
        """Offset of an extended capability, 0 when there is none."""
        at, steps = 0x100, 0
        while at and steps < 64:
            header = self.read(at, 4)
            if header & 0xFFFF == kind:
                return at
            if header in (0, 0xFFFF_FFFF):
                return 0
            at, steps = header >> 20, steps + 1
        return 0

    def bar_sizes(self, first: int = 0x10, count: int = 6) -> dict[int, Bar]:
        """Size every BAR from register `first` on; addresses in the result are 0."""
        sizes, index = {}, 0
        while index < count:
            at = first + 4 * index
            self.write(at, 4, 0xFFFF_FFFF)
            low = self.read(at, 4)
            wide = low & 7 == 4
            if low:
                mask = low & (0xFFFC if low & 1 else 0xFFFF_FFF0) | (0xFFFF_0000 if low & 1 else 0)
                sizes[index] = Bar(0, (-mask) & 0xFFFF_FFFF, bool(low & 1))
            index += 2 if wide else 1
        return sizes

    def place_bars(self, windows: Windows) -> None:
        """Give every BAR an address and switch decoding and bus mastering on."""
        self.bars = self.bar_sizes()
        for index, bar in self.bars.items():
            bar.address = windows.port(bar.size) if bar.port else windows.memory(bar.size)
            self.write(0x10 + 4 * index, 4, bar.address)
            if not bar.port and self.read(0x10 + 4 * index, 4) & 7 == 4:
                self.write(0x14 + 4 * index, 4, 0)
        self.command(COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER)

    def command(self, bits: int) -> None:
        """Set the command register."""
        self.write(0x04, 2, bits)

    def reset(self) -> None:
        """Function-level reset; what it clears of the BARs and the command register comes back."""
        at = self.capability(CAP_EXPRESS)
        saved = self.read(0x04, 2)
        registers = [self.read(0x10 + 4 * index, 4) for index in range(6)]
        control = self.read(at + EXPRESS_DEVICE_CONTROL, 2)
        self.write(at + EXPRESS_DEVICE_CONTROL, 2, control | DEVICE_CONTROL_FLR)
        for index, value in enumerate(registers):
            self.write(0x10 + 4 * index, 4, value)
        self.command(saved)

    def load(self, bar: int, offset: int, width: int) -> int:
        """Read a register in a placed memory BAR."""
        return self.qemu.load(self.bars[bar].address + offset, width)

    def store(self, bar: int, offset: int, width: int, value: int) -> None:
        """Write a register in a placed memory BAR."""
        self.qemu.store(self.bars[bar].address + offset, width, value)

    def intx_asserted(self) -> bool:
        """The function drives its interrupt pin (as the status register tells)."""
        return bool(self.read(0x06, 2) & STATUS_INTERRUPT)


class Msix:
    """The MSI-X table of a function; each vector writes its number to a word of RAM of its own."""

    MARK = 0x5A00_0000

    def __init__(self, function: Function, memory):
        self.function = function
        self._at = function.capability(CAP_MSIX)
        self.vectors = (function.read(self._at + 2, 2) & 0x7FF) + 1
        table = function.read(self._at + 4, 4)
        self.table_bar, self.table_offset = table & 7, table & ~7
        self._slots = memory.take(4 * self.vectors, 64)

    def enable(self) -> None:
        """Point every vector into RAM, unmasked, and switch MSI-X on."""
        for vector in range(self.vectors):
            entry = self.table_offset + 16 * vector
            self.function.store(self.table_bar, entry, 4, self._slots + 4 * vector)
            self.function.store(self.table_bar, entry + 4, 4, 0)
            self.function.store(self.table_bar, entry + 8, 4, self.MARK | vector)
            self.function.store(self.table_bar, entry + 12, 4, 0)
        self.function.write(self._at + 2, 2, 0x8000)

    def disable(self) -> None:
        """Switch MSI-X off."""
        self.function.write(self._at + 2, 2, 0)

    def take(self, vector: int) -> bool:
        """Whether the vector's interrupt came since the last call."""
        slot = self._slots + 4 * vector
        value = self.function.qemu.load(slot, 4)
        if value not in (0, self.MARK | vector):
            raise Failure(f"{self.function}: vector {vector} wrote {value:#x}")
        self.function.qemu.store(slot, 4, 0)
        return value != 0

    def taken(self) -> set[int]:
        """All vectors whose interrupts came since they were last asked for."""
        return {vector for vector in range(self.vectors) if self.take(vector)}


class Sriov:
    """The SR-IOV capability of a physical function."""

    def __init__(self, function: Function):
        self.function = function
        self.at = function.extended(EXT_SRIOV)
        if not self.at:
            raise Failure(f"{function}: no SR-IOV capability")
        self.total = self.read(SRIOV_TOTAL)
        self.bars: dict[int, Bar] = {}

    def read(self, register: int, width: int = 2) -> int:
        """Read a register of the capability."""
        return self.function.read(self.at + register, width)

    def write(self, register: int, value: int, width: int = 2) -> None:
        """Write a register of the capability."""
        self.function.write(self.at + register, width, value)

    def place_bars(self, windows: Windows) -> None:
        """Give the VF BARs addresses for all VFs at once."""
        self.bars = self.function.bar_sizes(self.at + SRIOV_BAR0)
        for index, bar in self.bars.items():
            bar.address = windows.memory(bar.size, max(self.total, 1))
            self.write(SRIOV_BAR0 + 4 * index, bar.address, 4)
            if self.read(SRIOV_BAR0 + 4 * index, 4) & 7 == 4:
                self.write(SRIOV_BAR0 + 4 * index + 4, 0, 4)

    def enable(self, count: int) -> list[Function]:
        """Set NumVFs and VF Enable; return the VFs, their BARs known. [0] is member 1."""
        self.write(SRIOV_NUM, count)
        self.write(SRIOV_CONTROL, SRIOV_VF_ENABLE | SRIOV_VF_MEMORY | SRIOV_ARI)
        first = self.function.devfn + self.read(SRIOV_OFFSET)
        stride = self.read(SRIOV_STRIDE)
        functions = []
        for number in range(count):
            routing = (self.function.bus << 8) + first + number * stride
            function = Function(self.function.qemu, routing >> 8, routing & 0xFF)
            for index, bar in self.bars.items():
                function.bars[index] = Bar(bar.address + number * bar.size, bar.size)
            functions.append(function)
        return functions

    def disable(self) -> None:
        """Clear VF Enable, then NumVFs."""
        self.write(SRIOV_CONTROL, 0)
        self.write(SRIOV_NUM, 0)


class RootPort(Function):
    """A PCI Express root port with one secondary bus."""

    def __init__(self, qemu: Qemu, devfn: int, secondary: int):
        super().__init__(qemu, 0, devfn)
        self.secondary = secondary

    def open(self) -> None:
        """Number the bus behind, forward the whole memory window and ARI routing ids."""
        self.write(0x18, 4, self.secondary << 16 | self.secondary << 8)
        self.write(0x20, 4, ((WINDOW_END - 1) >> 16 & 0xFFF0) << 16 | WINDOW_BASE >> 16 & 0xFFF0)
        self.write(0x24, 4, 0x0000_FFF0)
        self.command(COMMAND_MEMORY | COMMAND_MASTER)
        at = self.capability(CAP_EXPRESS) + EXPRESS_DEVICE_CONTROL2
        self.write(at, 2, self.read(at, 2) | CONTROL2_ARI_FORWARDING)

    def listen(self, windows: Windows, memory) -> Msix:
        """Switch on the slot's events and interrupts; return the port's vectors."""
        for index, bar in self.bar_sizes(count=2).items():
            bar.address = windows.memory(bar.size)
            self.write(0x10 + 4 * index, 4, bar.address)
            self.bars[index] = bar
        msix = Msix(self, memory)
        msix.enable()
        at = self.capability(CAP_EXPRESS) + EXPRESS_SLOT_CONTROL
        self.write(at, 2, self.read(at, 2) | SLOT_EVENTS_ON)
        return msix

    def slot_status(self) -> int:
        """The slot status register."""
        return self.read(self.capability(CAP_EXPRESS) + EXPRESS_SLOT_STATUS, 2)

    def link_active(self) -> bool:
        """The data link layer of the link below is up."""
        return bool(self.read(self.capability(CAP_EXPRESS) + EXPRESS_LINK_STATUS, 2) & LINK_ACTIVE)

    def clear_slot_events(self) -> None:
        """Acknowledge every slot event that is set."""
        self.write(self.capability(CAP_EXPRESS) + EXPRESS_SLOT_STATUS, 2, self.slot_status())

    def power(self, on: bool) -> None:
        """Switch the slot's power and its indicator, as a hot-plug driver does."""
        at = self.capability(CAP_EXPRESS) + EXPRESS_SLOT_CONTROL
        bits = SLOT_INDICATOR_ON if on else SLOT_POWER_OFF | SLOT_INDICATOR_OFF
        self.write(at, 2, self.read(at, 2) & ~0x700 | bits)


def open_ecam(qemu: Qemu) -> None:
    """Switch on the memory-mapped configuration space of the q35 host bridge (PCIEXBAR)."""
    for offset, value in ((0x64, 0), (0x60, ECAM_BASE | 1)):
        qemu.port_out(0xCF8, 4, 0x8000_0000 | offset)
        qemu.port_out(0xCFC, 4, value)
