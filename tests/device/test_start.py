# SPDX-License-Identifier: GPL-2.0-or-later
"""Starting the card: properties that are refused by name, and limits that still work."""

import contextlib

from . import admin, machine, net, pci, virtio
from .case import case, equal, refused, start_case, true
from .machine import Card, Machine, Setup
from .qtest import refusal

# What is given, and the word that the refusal must have.
REFUSED = (
    ("total-vfs=241", "total-vfs"), ("total-vfs=65536", "total-vfs"), ("total-vfs=-1", "total-vfs"),
    ("queue-pairs=0", "queue-pairs"), ("queue-pairs=17", "queue-pairs"),
    ("vf-queue-pairs=0", "vf-queue-pairs"), ("vf-queue-pairs=17", "vf-queue-pairs"),
    ("queue-size=0", "queue-size"), ("queue-size=8", "queue-size"),
    ("queue-size=100", "queue-size"), ("queue-size=2048", "queue-size"),
    ("admin-queues=9", "admin-queues"), ("admin-queue-size=0", "admin-queue-size"),
    ("admin-queue-size=1", "admin-queue-size"), ("admin-queue-size=48", "admin-queue-size"),
    ("admin-queue-size=2048", "admin-queue-size"),
    ("admin-queue-index=4", "admin-queue-index"), ("admin-queue-index=1024", "admin-queue-index"),
    ("queue-pairs=16,admin-queue-index=32", "admin-queue-index"),
    ("admin-queues=8,admin-queue-index=1020", "admin-queue-index"),
    ("vectors=0", "vectors"), ("vectors=2049", "vectors"), ("intx-only=on,vectors=4", "intx-only"),
    ("vf-vectors=0", "vf-vectors"), ("vf-vectors=2049", "vf-vectors"),
    ("notify-info=both", "notify-info"), ("group-rules=loose", "group-rules"),
    ("mac=53:54:00:00:00:01", "mac"), ("mac=nonsense", "mac"), ("netdev=nowhere", "netdev"),
    ("frobnicate=1", "frobnicate"), ("packed=perhaps", "packed"), ("vf-legacy=2", "vf-legacy"),
    ("addr=01.0", "addr"), ("intx-only=maybe", "intx-only"),
    ("admin-vq=off,admin-queues=4", "admin-queues"),
    ("admin-vq=off,admin-queue-size=128", "admin-queue-size"),
    ("admin-vq=off,admin-queue-index=100", "admin-queue-index"),
    ("admin-queues=0,admin-queue-size=128", "admin-queue-size"),
    ("admin-queues=0,admin-queue-index=100", "admin-queue-index"),
    ("total-vfs=0,vf-vectors=4", "vf-vectors"), ("total-vfs=0,vf-queue-pairs=2", "vf-queue-pairs"),
    ("vf-legacy=off,notify-info=member", "notify-info"),
    ("vf-legacy=off,notify-info=owner", "notify-info"),
    ("vf-legacy=off,notify-info=member-owner", "notify-info"),
    # The default, but given: it promises what the card does not do.
    ("admin-vq=off,admin-queues=1", "admin-queues"),
    ("any_layout=off", "any_layout"), ("x-pcie-flr-init=off", "x-pcie-flr-init"),
)


def card_arguments(properties: str, bus: str = "rp0") -> list[str]:
    """QEMU arguments for a card with these properties."""
    return [*machine.MACHINE, "-device", f"vfvirt-net-pf,id=pf0,bus={bus},{properties}"]


def declare_refusal(properties: str, word: str) -> None:
    """One case for one bad property."""
    @start_case(f"START {properties} is refused by name")
    def refuse(command: list[str]):
        said = refusal(command, card_arguments(properties))
        true(word in said, f"the refusal names {word}: {said}")
        true(len(said.splitlines()) <= 2, f"the refusal is short: {said}")


for one in REFUSED:
    declare_refusal(*one)


@start_case("START outside of a PCI Express port is refused by name")
def outside_port(command: list[str]):
    said = refusal(command, card_arguments("total-vfs=4", "pcie.0"))
    true("bus" in said and "port" in said, f"the refusal tells where the card belongs: {said}")


@start_case("START of a VF by hand is refused")
def vf_by_hand(command: list[str]):
    said = refusal(command, [*machine.MACHINE, "-device", "vfvirt-net-vf,bus=rp0"])
    true("vfvirt-net-vf" in said, f"the refusal names the device: {said}")


@contextlib.contextmanager
def started(command: list[str], properties: str):
    """A card with these properties, for a moment; its QEMU ends well."""
    running = Machine(command, Setup(properties))
    try:
        yield Card(running)
        running.close()
    finally:
        running.drop()


@start_case("START with each property at its smallest")
def smallest(command: list[str]):
    with started(command, "total-vfs=1,queue-pairs=1,vf-queue-pairs=1,queue-size=16,vectors=1,"
                          "vf-vectors=1,admin-queues=1,admin-queue-size=2,"
                          "admin-queue-index=3") as card:
        card.device.negotiate()
        card.msix.enable()
        queue = card.admin_queue(0, 0)
        card.device.ready()
        equal(card.device.get("admin_queue_index"), 3, "admin_queue_index")
        queue.list_query()
        true(card.msix.take(0), "the only vector fired")


@start_case("START with each property at its largest")
def largest(command: list[str]):
    with started(command, "total-vfs=2,queue-pairs=16,vf-queue-pairs=16,queue-size=1024,"
                          "vectors=2048,vf-vectors=64,admin-queues=8,admin-queue-size=1024,"
                          "admin-queue-index=1015") as card:
        card.device.negotiate()
        equal(card.device.get("num_queues"), 33, "num_queues")
        queue = card.admin_queue(7)
        card.device.ready()
        equal(queue.ring.size, 1024, "size of an administration queue")
        queue.list_query()
        card.enable(2)
        equal(card.modern(2).get("num_queues"), 33, "num_queues of a VF")
        equal(pci.Msix(card.pf, card.ram).vectors, 2048, "vectors of the PF")


@start_case("START default vectors: two a pair, one an administration queue, two more")
def default_vectors(command: list[str]):
    with started(command, "queue-pairs=3,admin-queues=4,vf-queue-pairs=2") as card:
        card.enable(1)
        equal(card.msix.vectors, 3 * 2 + 4 + 2, "vectors of the PF")
        equal(pci.Msix(card.member(1), card.ram).vectors, 2 * 2 + 2, "vectors of a VF")


@start_case("START vf-legacy=off goes with notify-info=none, and defaults exclude nothing")
def agreeing(command: list[str]):
    def have(card: Card, name: str):
        return card.qemu.qmp("qom-get", path=machine.CARD_PATH, property=name)
    with started(command, "vf-legacy=off,notify-info=none") as card:
        equal(have(card, "notify-info"), "none", "notify-info")
    with started(command, "vf-legacy=off,admin-vq=off,total-vfs=0") as card:
        defaults = {"notify-info": "member-owner", "admin-queues": 0, "admin-queue-size": 64,
                    "admin-queue-index": 64, "vf-queue-pairs": 1, "vf-vectors": 4, "vectors": 6}
        for name, want in defaults.items():
            equal(have(card, name), want, name)


@start_case("START two cards in two slots live beside each other")
def two_cards(command: list[str]):
    extra = ("-device", "pcie-root-port,id=rp1,chassis=2,addr=06.0",
             "-device", "vfvirt-net-pf,id=pf1,bus=rp1,total-vfs=4")
    running = Machine(command, Setup(extra=extra))
    try:
        card = Card(running)
        card.ready(2)
        equal(card.qemu.qmp("qom-get", path="/machine/peripheral/pf1", property="faults"), "[]",
              "faults of the other card")
        card.arm("stall")
        equal(card.qemu.qmp("qom-get", path="/machine/peripheral/pf1", property="faults"), "[]",
              "faults of the other card, with one armed here")
        running.close()
    finally:
        running.drop()


@case("START a machine with the card is not migrated, and says why")
def migration(card: Card):
    card.ready(1)
    refused(lambda: card.qemu.qmp("migrate", uri="exec:cat >/dev/null"), "vfvirt")


@case("START all rings features at once work", "packed=on,in_order=on,admin-queues=2")
def all_rings(card: Card):
    wanted = virtio.USUAL | 1 << virtio.F_PACKED | 1 << virtio.F_IN_ORDER
    card.device.negotiate(wanted)
    queues = [card.admin_queue(number) for number in range(2)]
    card.device.ready()
    card.enable(1)
    queues[1].list_use()
    for _ in range(100):
        for queue in queues:
            equal(queue.must(admin.CONFIG_READ, member=1, data=bytes(8), room=14), card.mac(1),
                  "MAC")


@case("S-14 iommu: each VF has an address space of its own",
      extra=("-device", "intel-iommu,intremap=off"), alone=True)
def iommu(card: Card):
    card.ready(2)
    stations = [net.Station(card.modern(member)) for member in (1, 2)]
    pf = net.Station(card.device, start=False)
    pf.rx.kick()
    Iommu(card).let_through([card.pf, card.member(1)])
    hello = net.frame(net.BROADCAST, pf.mac, b"hello")
    pf.send(hello)
    stations[0].expect(hello)
    stations[1].expect_silence()
    equal(card.admin.must(admin.CONFIG_READ, member=2, data=bytes(8), room=14), card.mac(2),
          "the PF still answers for the VF that is shut out")


class Iommu:
    """QEMU's VT-d unit: pass-through for chosen functions, a fault for all others."""

    BASE = 0xFED9_0000
    GLOBAL_COMMAND, GLOBAL_STATUS, ROOT_TABLE = 0x18, 0x1C, 0x20
    ENABLE, SET_ROOT = 1 << 31, 1 << 30

    def __init__(self, card: Card):
        self.card, self.qemu = card, card.qemu

    def let_through(self, functions: list[pci.Function]) -> None:
        """Translate from now on."""
        root, context = self.card.ram.take(4096, 4096), self.card.ram.take(4096, 4096)
        self.qemu.store(root + 16 * machine.CARD_BUS, 8, context | 1)
        for function in functions:
            # Translation type 2: pass-through; address width 1: 39 bits; domain 1.
            self.qemu.store(context + 16 * function.devfn, 8, 2 << 2 | 1)
            self.qemu.store(context + 16 * function.devfn + 8, 8, 1 << 8 | 1)
        self.qemu.store(self.BASE + self.ROOT_TABLE, 8, root)
        for command in (self.SET_ROOT, self.ENABLE):
            self.qemu.store(self.BASE + self.GLOBAL_COMMAND, 4, command)
            true(self.qemu.load(self.BASE + self.GLOBAL_STATUS, 4) & command,
                 f"the IOMMU did what {command:#x} asks for")
