# SPDX-License-Identifier: GPL-2.0-or-later
"""A network driver over a modern or legacy virtio driver: frames out, frames in."""

import os
import pathlib
import socket
import struct

from . import legacy, virtio
from .qtest import Failure

BROADCAST = b"\xff" * 6
HEADER_MRG_BYTES, HEADER_BYTES = 12, 10
BUFFER_BYTES = 2048
RX_BUFFERS = 8
CTRL_RX, CTRL_MAC, CTRL_MQ = 0, 1, 4
CTRL_OK, CTRL_ERR = 0, 1


def frame(target: bytes, source: bytes, text: bytes, length: int = 60) -> bytes:
    """An Ethernet frame of a type nobody interprets, padded to `length` bytes."""
    return (target + source + b"\x88\xb5" + text).ljust(length, b"\0")


class Station:
    """One network driver with its receive and send queue up."""

    def __init__(self, driver: virtio.Device | legacy.Driver, vectors: tuple = (), pair: int = 0,
                 buffers: int = RX_BUFFERS, start: bool = True):
        """`driver` has negotiated; `vectors` for rx and tx; `start`: set DRIVER_OK as well."""
        self.driver, self.memory, self.qemu = driver, driver.memory, driver.memory.qemu
        modern = driver.accepted(virtio.F_VERSION_1)
        merged = driver.accepted(virtio.F_NET_MRG_RXBUF)
        self.header_bytes = HEADER_MRG_BYTES if modern or merged else HEADER_BYTES
        self.mac = driver.config(0, 6) if isinstance(driver, legacy.Driver) else (
            driver.config(0, 4) | driver.config(4, 2) << 32)
        self.mac = self.mac.to_bytes(6, "little")
        self.rx, self.tx = (driver.queue(2 * pair + number, *vectors[number:number + 1])
                            for number in range(2))
        self._buffers: dict[int, int] = {}
        for _ in range(buffers):
            self._offer(self.memory.take(BUFFER_BYTES, 64, 0xAA))
        if start:
            driver.ready()
            self.rx.kick()

    def _offer(self, address: int) -> None:
        self._buffers[self.rx.add([(address, BUFFER_BYTES, True)])] = address

    def buffers(self) -> list[tuple[int, int]]:
        """Address and length of each receive buffer that the device has."""
        return [(address, BUFFER_BYTES) for address in self._buffers.values()]

    def send(self, data: bytes, split: bool = False) -> None:
        """Send a frame and wait until the device is done with it."""
        self.post(data, split)
        self.qemu.wait(self.tx.collect, f"the frame from {self.mac.hex(':')} to be sent")

    def post(self, data: bytes, split: bool = False) -> None:
        """Make a frame available and notify; `split`: header and frame in two descriptors."""
        header = bytes(self.header_bytes)
        if split:
            parts = [(self.memory.put(header), len(header), False),
                     (self.memory.put(data), len(data), False)]
        else:
            parts = [(self.memory.put(header + data), len(header) + len(data), False)]
        self.tx.add(parts)
        self.tx.kick()

    def received(self) -> list[bytes]:
        """The frames that arrived; their buffers are offered again."""
        frames = []
        for head, used in self.rx.collect():
            address = self._buffers.pop(head)
            data = self.qemu.read(address, BUFFER_BYTES)
            if data[used:] != bytes([0xAA]) * (BUFFER_BYTES - used):
                raise Failure(f"{self.mac.hex(':')}: data behind the used length of {used}")
            if self.header_bytes == HEADER_MRG_BYTES:
                (buffers,) = struct.unpack_from("<H", data, 10)
                if buffers != 1:
                    raise Failure(f"{self.mac.hex(':')}: num_buffers is {buffers}, 1 was used")
            frames.append(data[self.header_bytes:used])
            self.qemu.fill(address, BUFFER_BYTES, 0xAA)
            self._offer(address)
        if frames:
            self.rx.kick()
        return frames

    def expect(self, *wanted: bytes) -> None:
        """Exactly these frames arrive, in this order."""
        have: list[bytes] = []

        def enough():
            have.extend(self.received())
            return len(have) >= len(wanted)
        self.qemu.wait(enough, f"{len(wanted)} frames at {self.mac.hex(':')}")
        if have != list(wanted):
            raise Failure(f"{self.mac.hex(':')} received {[one.hex() for one in have]}, "
                          f"not {[one.hex() for one in wanted]}")

    def expect_among(self, wanted: bytes) -> None:
        """This frame arrives, whatever else does."""
        self.qemu.wait(lambda: wanted in self.received(), f"the frame at {self.mac.hex(':')}")

    def expect_silence(self) -> None:
        """Nothing arrives although the device had its chance."""
        self.qemu.settle()
        frames = self.received()
        if frames:
            raise Failure(f"{self.mac.hex(':')} received {frames[0].hex()}, nothing was expected")


class Control:
    """The control queue of a network device."""

    def __init__(self, ring: virtio.Split | virtio.Packed):
        self.ring, self.memory, self.qemu = ring, ring.memory, ring.qemu

    def execute(self, kind: int, number: int, data: bytes) -> int:
        """Send one command; return the device's answer (0 OK, 1 error)."""
        source = self.memory.put(bytes([kind, number]) + data)
        answer = self.memory.take(1, 16, 0xCC)
        self.ring.add([(source, 2 + len(data), False), (answer, 1, True)])
        self.ring.kick()
        self.qemu.wait(self.ring.collect, f"answer to control command {kind}/{number}")
        return self.qemu.load(answer, 1)


class Uplink:
    """The far end of the card's network backend: a datagram socket, one frame each."""

    def __init__(self, folder: pathlib.Path, name: str):
        self._name = name
        self._far = os.fspath(folder / f"{name}.far")
        self._near = os.fspath(folder / f"{name}.near")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self._far)
        self.socket.setblocking(False)

    def netdev(self) -> str:
        """The value of -netdev that makes the backend, its id being the uplink's name."""
        return (f"dgram,id={self._name},local.type=unix,local.path={self._near},"
                f"remote.type=unix,remote.path={self._far}")

    def send(self, data: bytes) -> None:
        """A frame arrives at the card from outside."""
        self.socket.sendto(data, self._near)

    def received(self) -> list[bytes]:
        """The frames that left the card."""
        frames = []
        while True:
            try:
                frames.append(self.socket.recv(65536))
            except BlockingIOError:
                return frames

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()
