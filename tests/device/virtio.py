# SPDX-License-Identifier: GPL-2.0-or-later
"""A modern virtio-pci driver in a few lines: common configuration, split and packed virtqueues."""

import collections
import struct
from typing import Callable

from . import pci
from .qtest import Failure, Qemu

ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK, NEEDS_RESET = 1, 2, 4, 8, 0x40
NO_VECTOR = 0xFFFF
ISR_QUEUE, ISR_CONFIG = 1, 2

F_NET_MAC, F_NET_MRG_RXBUF, F_NET_STATUS, F_NET_CTRL_VQ, F_NET_CTRL_RX = 5, 15, 16, 17, 18
F_NET_MQ, F_NET_CTRL_MAC_ADDR = 22, 23
F_ANY_LAYOUT, F_INDIRECT, F_EVENT_IDX, F_BAD_FEATURE = 27, 28, 29, 30
F_VERSION_1, F_ACCESS_PLATFORM, F_PACKED, F_IN_ORDER, F_SR_IOV = 32, 33, 34, 35, 37
F_RING_RESET, F_ADMIN_VQ = 40, 41

# What the driver accepts of the offer when a case does not say otherwise.
USUAL = sum(1 << bit for bit in (
    F_NET_MAC, F_NET_MRG_RXBUF, F_NET_STATUS, F_NET_CTRL_VQ, F_NET_CTRL_RX, F_NET_MQ, F_INDIRECT,
    F_VERSION_1, F_ACCESS_PLATFORM, F_SR_IOV, F_RING_RESET, F_ADMIN_VQ))

# Offset and width of each field of the common configuration (S-03).
FIELDS = {
    "device_feature_select": (0x00, 4), "device_feature": (0x04, 4),
    "driver_feature_select": (0x08, 4), "driver_feature": (0x0C, 4),
    "config_msix_vector": (0x10, 2), "num_queues": (0x12, 2), "device_status": (0x14, 1),
    "config_generation": (0x15, 1), "queue_select": (0x16, 2), "queue_size": (0x18, 2),
    "queue_msix_vector": (0x1A, 2), "queue_enable": (0x1C, 2), "queue_notify_off": (0x1E, 2),
    "queue_desc_low": (0x20, 4), "queue_desc_high": (0x24, 4), "queue_driver_low": (0x28, 4),
    "queue_driver_high": (0x2C, 4), "queue_device_low": (0x30, 4), "queue_device_high": (0x34, 4),
    "queue_notif_config_data": (0x38, 2), "queue_reset": (0x3A, 2),
    "admin_queue_index": (0x3C, 2), "admin_queue_num": (0x3E, 2),
}
CFG_COMMON, CFG_NOTIFY, CFG_ISR, CFG_DEVICE = 1, 2, 3, 4

DESC_NEXT, DESC_WRITE, DESC_INDIRECT = 1, 2, 4
PACKED_AVAIL, PACKED_USED = 1 << 7, 1 << 15

# One element of a chain: address, length in bytes, the device may write it.
Part = tuple[int, int, bool]


class Ram:
    """Guest memory, handed out in pieces and never taken back before the machine is reset."""

    BASE, END = 0x10_0000, 0x700_0000

    def __init__(self, qemu: Qemu):
        self.qemu = qemu
        self._next = self.BASE

    def take(self, length: int, align: int = 16, fill: int = 0) -> int:
        """Return the address of `length` bytes, each set to `fill`."""
        address = (self._next + align - 1) & -align
        self._next = address + length
        if self._next > self.END:
            raise Failure("the case used up the guest memory")
        self.qemu.fill(address, length, fill)
        return address

    def put(self, data: bytes, align: int = 16) -> int:
        """Return the address of a copy of `data`."""
        address = self.take(max(len(data), 1), align)
        self.qemu.write(address, data)
        return address


class Split:
    """A split virtqueue, driver's side."""

    def __init__(self, memory: Ram, size: int, kick: Callable[[], None] | None = None,
                 contiguous: bool = False):
        """`contiguous`: the legacy layout, one block on a page boundary."""
        self.memory, self.qemu, self.size, self.kick = memory, memory.qemu, size, kick
        if contiguous:
            half = (16 * size + 6 + 2 * size + 4095) & -4096
            self.descriptors = memory.take(half + 6 + 8 * size, 4096)
            self.available = self.descriptors + 16 * size
            self.used = self.descriptors + half
        else:
            self.descriptors = memory.take(16 * size, 16)
            self.available = memory.take(6 + 2 * size, 2)
            self.used = memory.take(6 + 8 * size, 4)
        self.free = collections.deque(range(size))
        self._chains: dict[int, list[int]] = {}
        self._next_available = 0
        self._next_used = 0

    def areas(self) -> tuple[int, int, int]:
        """Addresses of the descriptor, driver and device area."""
        return self.descriptors, self.available, self.used

    def write_descriptor(self, index: int, address: int, length: int, flags: int,
                         following: int = 0) -> None:
        """Write one descriptor as given, sound or not."""
        self.qemu.write(self.descriptors + 16 * index,
                        struct.pack("<QIHH", address, length, flags, following))

    def offer(self, head: int) -> None:
        """Make the chain that starts at `head` available."""
        self.qemu.store(self.available + 4 + 2 * (self._next_available % self.size), 2, head)
        self._next_available = (self._next_available + 1) & 0xFFFF
        self.qemu.store(self.available + 2, 2, self._next_available)

    def add(self, chain: list[Part], indirect: bool = False) -> int:
        """Make a chain available without a notification; return its id."""
        if indirect:
            table = self.memory.put(b"".join(
                struct.pack("<QIHH", address, length,
                            writable * DESC_WRITE | (number + 1 < len(chain)) * DESC_NEXT,
                            number + 1)
                for number, (address, length, writable) in enumerate(chain)))
            slots = [self.free.popleft()]
            self.write_descriptor(slots[0], table, 16 * len(chain), DESC_INDIRECT)
        else:
            slots = [self.free.popleft() for _ in chain]
            for number, (address, length, writable) in enumerate(chain):
                last = number + 1 == len(chain)
                self.write_descriptor(slots[number], address, length,
                                      writable * DESC_WRITE | (not last) * DESC_NEXT,
                                      0 if last else slots[number + 1])
        self._chains[slots[0]] = slots
        self.offer(slots[0])
        return slots[0]

    def suppress(self, on: bool) -> None:
        """Ask for no interrupts (or for interrupts again)."""
        self.qemu.store(self.available, 2, int(on))

    def used_index(self) -> int:
        """How many elements the device returned, modulo 65536."""
        return self.qemu.load(self.used + 2, 2)

    def collect(self) -> list[tuple[int, int]]:
        """The newly used elements: id and used length in bytes."""
        end, elements = self.used_index(), []
        if (end - self._next_used) & 0xFFFF > self.size:
            raise Failure(f"used index {end} runs ahead of {self._next_used} by more than the ring")
        while self._next_used != end:
            at = self.used + 4 + 8 * (self._next_used % self.size)
            head, length = struct.unpack("<II", self.qemu.read(at, 8))
            elements.append((head, length))
            self.free.extend(self._chains.pop(head, []))
            self._next_used = (self._next_used + 1) & 0xFFFF
        return elements


class Packed:
    """A packed virtqueue, driver's side."""

    def __init__(self, memory: Ram, size: int, kick: Callable[[], None] | None = None):
        self.memory, self.qemu, self.size, self.kick = memory, memory.qemu, size, kick
        self.ring = memory.take(16 * size, 16)
        self.driver_event = memory.take(4, 4)
        self.device_event = memory.take(4, 4)
        self._ids = collections.deque(range(size))
        self._lengths: dict[int, int] = {}
        self._next, self._wrap = 0, True
        self._used, self._used_wrap = 0, True

    def areas(self) -> tuple[int, int, int]:
        """Addresses of the descriptor, driver and device area."""
        return self.ring, self.driver_event, self.device_event

    def add(self, chain: list[Part], indirect: bool = False) -> int:
        """Make a chain available without a notification; return its id."""
        if indirect:
            table = self.memory.put(b"".join(
                struct.pack("<QIHH", address, length, 0, writable * DESC_WRITE)
                for address, length, writable in chain))
            entries = [(table, 16 * len(chain), DESC_INDIRECT)]
        else:
            entries = [(address, length, writable * DESC_WRITE)
                       for address, length, writable in chain]
        number, first, pending = self._ids.popleft(), self._next, []
        self._lengths[number] = len(entries)
        for place, (address, length, flags) in enumerate(entries):
            flags |= (place + 1 < len(entries)) * DESC_NEXT
            flags |= PACKED_AVAIL if self._wrap else PACKED_USED
            pending.append((self._next, struct.pack("<QIHH", address, length, number, flags)))
            self._next += 1
            if self._next == self.size:
                self._next, self._wrap = 0, not self._wrap
        for place, data in reversed(pending):
            self.qemu.write(self.ring + 16 * place, data)
        assert pending[0][0] == first
        return number

    def collect(self) -> list[tuple[int, int]]:
        """The newly used elements: id and used length in bytes."""
        elements = []
        while True:
            _, length, number, flags = struct.unpack(
                "<QIHH", self.qemu.read(self.ring + 16 * self._used, 16))
            available, used = bool(flags & PACKED_AVAIL), bool(flags & PACKED_USED)
            if available != used or used != self._used_wrap or number not in self._lengths:
                return elements
            elements.append((number, length))
            self._used += self._lengths.pop(number)
            self._ids.append(number)
            if self._used >= self.size:
                self._used, self._used_wrap = self._used - self.size, not self._used_wrap


class Device:
    """A virtio function through its modern registers."""

    def __init__(self, function: pci.Function, memory: Ram):
        self.function, self.memory, self.qemu = function, memory, function.qemu
        self.regions: dict[int, tuple[int, int, int]] = {}
        self.notify_multiplier = 0
        self.features = 0
        for at in function.capabilities(pci.CAP_VENDOR):
            kind = function.read(at + 3, 1)
            if kind in self.regions:
                continue
            region = (function.read(at + 4, 1), function.read(at + 8, 4), function.read(at + 12, 4))
            self.regions[kind] = region
            if kind == CFG_NOTIFY:
                self.notify_multiplier = function.read(at + 16, 4)
        missing = {CFG_COMMON, CFG_NOTIFY, CFG_ISR, CFG_DEVICE} - self.regions.keys()
        if missing:
            raise Failure(f"{function}: no virtio capability of type {sorted(missing)}")

    def get(self, field: str) -> int:
        """Read a field of the common configuration."""
        offset, width = FIELDS[field]
        bar, base, _ = self.regions[CFG_COMMON]
        return self.function.load(bar, base + offset, width)

    def set(self, field: str, value: int) -> None:
        """Write a field of the common configuration."""
        offset, width = FIELDS[field]
        bar, base, _ = self.regions[CFG_COMMON]
        self.function.store(bar, base + offset, width, value)

    def config(self, offset: int, width: int) -> int:
        """Read device configuration."""
        bar, base, _ = self.regions[CFG_DEVICE]
        return self.function.load(bar, base + offset, width)

    def isr(self) -> int:
        """Read (and so clear) the interrupt status."""
        bar, base, _ = self.regions[CFG_ISR]
        return self.function.load(bar, base, 1)

    def reset(self) -> None:
        """Write 0 to device_status and wait until it reads 0 (S-09)."""
        self.set("device_status", 0)
        self.qemu.wait(lambda: self.get("device_status") == 0, "device_status 0 after a reset")
        self.features = 0

    def offered(self) -> int:
        """The device's feature bits."""
        bits = 0
        for half in range(2):
            self.set("device_feature_select", half)
            bits |= self.get("device_feature") << 32 * half
        return bits

    def negotiate(self, wanted: int = USUAL) -> None:
        """Reset, then accept what is both offered and wanted, up to FEATURES_OK."""
        self.reset()
        self.set("device_status", ACKNOWLEDGE)
        self.set("device_status", ACKNOWLEDGE | DRIVER)
        self.features = self.offered() & wanted
        for half in range(2):
            self.set("driver_feature_select", half)
            self.set("driver_feature", self.features >> 32 * half & 0xFFFF_FFFF)
        self.set("device_status", ACKNOWLEDGE | DRIVER | FEATURES_OK)
        if not self.get("device_status") & FEATURES_OK:
            raise Failure(f"{self.function}: FEATURES_OK refused for {self.features:#x}")

    def ready(self) -> None:
        """Set DRIVER_OK."""
        self.set("device_status", self.get("device_status") | DRIVER_OK)

    def accepted(self, bit: int) -> bool:
        """The feature was negotiated."""
        return bool(self.features >> bit & 1)

    def queue(self, index: int, vector: int = NO_VECTOR, size: int = 0) -> Split | Packed:
        """Set up queue `index` in fresh memory and enable it; size 0 takes the device's."""
        self.set("queue_select", index)
        size = size or self.get("queue_size")
        if size == 0:
            raise Failure(f"{self.function}: there is no queue {index}")
        ring = (Packed if self.accepted(F_PACKED) else Split)(self.memory, size)
        self.set("queue_size", size)
        self.set("queue_msix_vector", vector)
        if self.get("queue_msix_vector") != vector:
            raise Failure(f"{self.function}: queue {index} refused vector {vector}")
        for name, address in zip(("desc", "driver", "device"), ring.areas()):
            self.set(f"queue_{name}_low", address & 0xFFFF_FFFF)
            self.set(f"queue_{name}_high", address >> 32)
        bar, base, _ = self.regions[CFG_NOTIFY]
        bell = base + self.get("queue_notify_off") * self.notify_multiplier
        ring.kick = lambda: self.function.store(bar, bell, 2, index)
        self.set("queue_enable", 1)
        return ring

    def reset_queue(self, index: int) -> None:
        """Reset one queue and wait until the device says that it is done (S-16)."""
        self.set("queue_select", index)
        self.set("queue_reset", 1)

        def done():
            self.set("queue_select", index)
            return self.get("queue_reset") == 0
        self.qemu.wait(done, f"end of the reset of queue {index}")
