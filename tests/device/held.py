# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands that the card holds back, and the proof that it lets go of their memory."""

from . import admin, virtio
from .case import equal, true
from .machine import Card
from .qtest import Failure

PATTERN = 0x5D
DELAY_MS = 100


class Held:
    """Four reads in an administration queue: three in the card's hands, one still in the ring."""

    def __init__(self, card: Card, queue: admin.Queue):
        """`queue` is ready, and four VFs are enabled."""
        self.card, self.queue = card, queue
        card.arm(f"delay,ms={DELAY_MS},hold=self,member=1")
        card.arm("stall,member=2")
        card.arm(f"delay,ms={DELAY_MS},hold=queue,member=3")
        self.pending = [queue.submit(admin.CONFIG_READ, member=member, data=bytes(8), room=14)
                        for member in (1, 2, 3, 4)]
        card.wait_in_flight(3)
        self.watched = [(one.address, one.room + len(admin.CANARY)) for one in self.pending]
        self.watched += ring_areas(queue.ring)

    def reuse_memory(self) -> None:
        """The driver frees the memory, and somebody else writes a pattern of his own there."""
        for address, length in self.watched:
            self.card.qemu.fill(address, length, PATTERN)

    def check_memory(self, card_is_there: bool = True) -> None:
        """After every held command's time, and after the faults are cleared: no byte changed."""
        self.card.qemu.step_ms(2 * DELAY_MS)
        if card_is_there:
            self.card.set("fault-clear", "all")
            equal(self.card.get("counters")["in_flight"], 0, "commands in flight")
        self.card.qemu.step_ms(2 * DELAY_MS)
        for address, length in self.watched:
            if self.card.qemu.read(address, length) != bytes([PATTERN]) * length:
                raise Failure(f"freed memory at {address:#x} was written to")

    def check_unanswered(self) -> None:
        """The counters say that each held command was given up."""
        for member in (1, 2, 3):
            counters = self.card.command_counters(member, admin.CONFIG_READ)
            equal(counters["unanswered"], 1, f"unanswered commands of member {member}")
        true(not self.card.command_counters(4, admin.CONFIG_READ),
             "the command in the ring was not taken")


def ring_areas(ring: virtio.Split) -> list[tuple[int, int]]:
    """Addresses and lengths of the three areas of a split ring."""
    return [(ring.descriptors, 16 * ring.size), (ring.available, 6 + 2 * ring.size),
            (ring.used, 6 + 8 * ring.size)]
