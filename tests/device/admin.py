# SPDX-License-Identifier: GPL-2.0-or-later
"""Administration commands: encoding, submission, and what came back."""

import dataclasses
import struct

from . import virtio
from .qtest import Failure

LIST_QUERY, LIST_USE = 0, 1
COMMON_WRITE, COMMON_READ, CONFIG_WRITE, CONFIG_READ, NOTIFY_INFO = 2, 3, 4, 5, 6
LEGACY_BITS = 0x7C
ALL_BITS = 0x7F

SELF, SRIOV = 0, 1

OK, EAGAIN, ENOMEM, EINVAL = 0, 11, 12, 22
INVALID_OPCODE, INVALID_FIELD, INVALID_GROUP, INVALID_MEMBER = 2, 3, 4, 5

# Writable buffers start out with this, so that what the device left alone is seen.
UNTOUCHED = 0xC3
CANARY = bytes([0xEE]) * 16


def command(opcode: int, group: int, member: int, data: bytes = b"",
            reserved: bytes = bytes(12)) -> bytes:
    """The device-readable part of a command (A.2)."""
    return struct.pack("<HH12sQ", opcode, group, reserved, member) + data


@dataclasses.dataclass
class Reply:
    """What the device made of a command; `written` is the whole writable buffer."""
    status: int
    qualifier: int
    result: bytes
    used: int
    written: bytes

    def outcome(self) -> tuple[int, int]:
        """Status and qualifier."""
        return self.status, self.qualifier


@dataclasses.dataclass
class Pending:
    """A command on the ring."""
    head: int
    address: int
    room: int
    what: str


class Queue:
    """One administration queue."""

    def __init__(self, ring: virtio.Split | virtio.Packed):
        self.ring, self.qemu, self.memory = ring, ring.qemu, ring.memory
        self._arrived: dict[int, list[int]] = {}
        self.order: list[int] = []

    def put(self, readable: bytes, room: int, cuts: tuple[list[int], list[int]] = ((), ()),
            indirect: bool = False) -> Pending:
        """Make a command available: raw readable bytes and `room` writable bytes.

        `cuts`: lengths in bytes of the leading descriptors of the two parts; the rest is one more.
        """
        source = self.memory.put(readable)
        target = self.memory.take(room + len(CANARY), 16, UNTOUCHED)
        self.qemu.write(target + room, CANARY)
        chain = (_pieces(source, len(readable), cuts[0], False)
                 + _pieces(target, room, cuts[1], True))
        head = self.ring.add(chain, indirect)
        opcode = int.from_bytes(readable[:2], "little")
        return Pending(head, target, room, f"opcode {opcode:#x}")

    def submit(self, opcode: int, group: int = SRIOV, member: int = 0, data: bytes = b"",
               room: int = 8) -> Pending:
        """Make a command available and notify; `room` counts status and qualifier."""
        pending = self.put(command(opcode, group, member, data), room)
        self.ring.kick()
        return pending

    def poll(self) -> None:
        """Take in what the device returned."""
        for head, length in self.ring.collect():
            self._arrived.setdefault(head, []).append(length)
            self.order.append(head)

    def arrived(self, pending: Pending) -> bool:
        """Whether the command was answered."""
        self.poll()
        return bool(self._arrived.get(pending.head))

    def surplus(self) -> list[int]:
        """Ids of elements that came back although nobody waits for them."""
        self.poll()
        return [head for head, lengths in self._arrived.items() for _ in lengths]

    def wait(self, pending: Pending) -> Reply:
        """Wait for the answer and decode it."""
        self.qemu.wait(lambda: self.arrived(pending), f"answer to {pending.what}")
        used = self._arrived[pending.head].pop(0)
        raw = self.qemu.read(pending.address, pending.room + len(CANARY))
        written, beyond = raw[:pending.room], raw[pending.room:]
        if beyond != CANARY:
            raise Failure(f"{pending.what}: the device wrote behind the buffer")
        status, qualifier = struct.unpack("<HH", (written + bytes(4))[:4])
        return Reply(status, qualifier, written[8:max(8, min(used, pending.room))], used, written)

    def untouched(self, pending: Pending, value: int = UNTOUCHED) -> bool:
        """The writable buffer still holds nothing but `value`."""
        return self.qemu.read(pending.address, pending.room) == bytes([value]) * pending.room

    def execute(self, opcode: int, group: int = SRIOV, member: int = 0, data: bytes = b"",
                room: int = 8) -> Reply:
        """Submit a command and wait for its answer."""
        return self.wait(self.submit(opcode, group, member, data, room))

    def must(self, *arguments, **options) -> bytes:
        """Execute a command that must succeed; return its result."""
        reply = self.execute(*arguments, **options)
        if reply.outcome() != (OK, 0):
            raise Failure(f"opcode {arguments[0]:#x} with {arguments[1:]} {options} failed: status "
                          f"{reply.status}, qualifier {reply.qualifier}")
        return reply.result

    def list_query(self, group: int = SRIOV) -> int:
        """The opcodes that the device offers for a group, as a bitmap."""
        return int.from_bytes(self.must(LIST_QUERY, group, room=16), "little")

    def list_use(self, bits: int = ALL_BITS, group: int = SRIOV) -> None:
        """Tell the device which opcodes will be used."""
        self.must(LIST_USE, group, data=bits.to_bytes(8, "little"))


def _pieces(address: int, length: int, cuts: list[int], writable: bool) -> list[virtio.Part]:
    """Descriptors for a buffer, cut as told; no descriptor for no bytes."""
    parts, done = [], 0
    for piece in [*cuts, length]:
        piece = min(piece, length - done)
        if piece:
            parts.append((address + done, piece, writable))
        done += piece
    return parts
