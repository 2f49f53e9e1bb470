# SPDX-License-Identifier: GPL-2.0-or-later
"""Legacy virtio registers, through admin commands or a native I/O BAR, and a driver for them."""

import dataclasses

from . import admin, pci, virtio
from .qtest import Failure

# Offset and width of each field of the legacy common header (A.6).
FIELDS = {
    "device_features": (0x00, 4), "driver_features": (0x04, 4), "queue_pfn": (0x08, 4),
    "queue_size": (0x0C, 2), "queue_select": (0x0E, 2), "queue_notify": (0x10, 2),
    "device_status": (0x12, 1), "isr": (0x13, 1),
    "config_msix_vector": (0x14, 2), "queue_msix_vector": (0x16, 2),
}
HEADER_BYTES, HEADER_MSIX_BYTES = 0x14, 0x18

# Offset and width of each field of the network device configuration (A.6).
CONFIG_FIELDS = ((0, 6), (6, 2), (8, 2), (10, 2), (12, 4), (16, 1), (17, 1), (18, 2), (20, 4),
                 (24, 4))

# Without the bits that change how rings are read or when interrupts come.
USUAL = sum(1 << bit for bit in (
    virtio.F_NET_MAC, virtio.F_NET_MRG_RXBUF, virtio.F_NET_STATUS, virtio.F_NET_CTRL_VQ,
    virtio.F_NET_CTRL_RX, virtio.F_NET_MQ, virtio.F_ANY_LAYOUT, virtio.F_INDIRECT))


class OutOfField(Exception):
    """The access was refused because it is not inside one field (S-62)."""


class AdminRegisters:
    """The legacy registers of a VF, one administration command an access."""

    def __init__(self, queue: admin.Queue, member: int):
        self.queue, self.member = queue, member

    def read(self, common: bool, offset: int, width: int) -> int:
        """Read the common header or the device configuration; raises OutOfField."""
        opcode = admin.COMMON_READ if common else admin.CONFIG_READ
        reply = self.queue.execute(opcode, member=self.member,
                                   data=bytes([offset]) + bytes(7), room=8 + width)
        self._judge(reply, f"read of {width} bytes at {offset:#x}")
        if reply.used != 8 + width:
            raise Failure(f"read of {width} bytes at {offset:#x}: used length {reply.used}")
        return int.from_bytes(reply.result, "little")

    def write(self, common: bool, offset: int, width: int, value: int) -> None:
        """Write the common header or the device configuration; raises OutOfField."""
        opcode = admin.COMMON_WRITE if common else admin.CONFIG_WRITE
        data = bytes([offset]) + bytes(7) + value.to_bytes(width, "little")
        reply = self.queue.execute(opcode, member=self.member, data=data)
        self._judge(reply, f"write of {width} bytes at {offset:#x}")

    def _judge(self, reply: admin.Reply, what: str) -> None:
        if reply.outcome() == (admin.EINVAL, admin.INVALID_FIELD):
            raise OutOfField(what)
        if reply.outcome() != (admin.OK, 0):
            raise Failure(f"member {self.member}, {what}: status {reply.status}, "
                          f"qualifier {reply.qualifier}")


class PortRegisters:
    """The legacy registers in the I/O BAR0 of a transitional device."""

    def __init__(self, function: pci.Function):
        self.function, self.qemu = function, function.qemu
        self.msix_on = False

    def _port(self, common: bool, offset: int) -> int:
        header = HEADER_MSIX_BYTES if self.msix_on else HEADER_BYTES
        return self.function.bars[0].address + (0 if common else header) + offset

    def read(self, common: bool, offset: int, width: int) -> int:
        """Read the common header or the device configuration; any width, byte by byte if odd."""
        if width in (1, 2, 4):
            return self.qemu.port_in(self._port(common, offset), width)
        return int.from_bytes(bytes(self.qemu.port_in(self._port(common, offset + number), 1)
                                    for number in range(width)), "little")

    def write(self, common: bool, offset: int, width: int, value: int) -> None:
        """Write the common header or the device configuration."""
        if width in (1, 2, 4):
            self.qemu.port_out(self._port(common, offset), width, value)
            return
        for number, byte in enumerate(value.to_bytes(width, "little")):
            self.qemu.port_out(self._port(common, offset + number), 1, byte)


@dataclasses.dataclass
class Bell:
    """Where a doorbell lies: BAR and offset in a function."""
    function: pci.Function
    bar: int
    offset: int

    def ring(self, queue: int) -> None:
        """Notify a queue."""
        self.function.store(self.bar, self.offset, 2, queue)


class Driver:
    """A legacy virtio driver over either kind of registers."""

    def __init__(self, registers: AdminRegisters | PortRegisters, memory: virtio.Ram,
                 bell: Bell | None = None):
        """`bell`: a doorbell to use in place of the notify register."""
        self.registers, self.memory, self.bell = registers, memory, bell
        self.features = 0

    def get(self, field: str) -> int:
        """Read a field of the common header."""
        return self.registers.read(True, *FIELDS[field])

    def set(self, field: str, value: int) -> None:
        """Write a field of the common header."""
        self.registers.write(True, *FIELDS[field], value)

    def config(self, offset: int, width: int) -> int:
        """Read device configuration."""
        return self.registers.read(False, offset, width)

    def reset(self) -> None:
        """Write 0 to the status; a legacy device is reset when the write is done."""
        self.set("device_status", 0)
        self.features = 0

    def negotiate(self, wanted: int = USUAL) -> None:
        """Reset, acknowledge, take what is offered and wanted. There is no FEATURES_OK."""
        self.reset()
        self.set("device_status", virtio.ACKNOWLEDGE)
        self.set("device_status", virtio.ACKNOWLEDGE | virtio.DRIVER)
        self.features = self.get("device_features") & wanted
        self.set("driver_features", self.features)

    def ready(self) -> None:
        """Set DRIVER_OK."""
        self.set("device_status", self.get("device_status") | virtio.DRIVER_OK)

    def accepted(self, bit: int) -> bool:
        """The feature was negotiated."""
        return bool(self.features >> bit & 1)

    def queue(self, index: int, vector: int | None = None) -> virtio.Split:
        """Set up queue `index` by its page number; `vector` only with MSI-X on."""
        self.set("queue_select", index)
        size = self.get("queue_size")
        if size == 0:
            raise Failure(f"there is no legacy queue {index}")
        ring = virtio.Split(self.memory, size, lambda: self.kick(index), contiguous=True)
        if vector is not None:
            self.set("queue_msix_vector", vector)
            if self.get("queue_msix_vector") != vector:
                raise Failure(f"legacy queue {index} refused vector {vector}")
        self.set("queue_pfn", ring.descriptors >> 12)
        return ring

    def kick(self, index: int) -> None:
        """Notify a queue, by the doorbell if there is one."""
        if self.bell:
            self.bell.ring(index)
        else:
            self.set("queue_notify", index)


def field_of(common: bool, offset: int, width: int, msix_on: bool, config_bytes: int) -> int | None:
    """The start of the single field that holds the whole access; None when S-62 refuses it."""
    if common:
        limit = HEADER_MSIX_BYTES if msix_on else HEADER_BYTES
        fields = [field for field in FIELDS.values() if field[0] < limit]
    else:
        fields = [field for field in CONFIG_FIELDS if field[0] + field[1] <= config_bytes]
    for start, length in fields:
        if start <= offset and offset + width <= start + length:
            return start
    return None
