# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine of a case: QEMU, guest memory, a root port, and the card behind it."""

import dataclasses
import json
import pathlib
import shutil
import tempfile

from . import admin, legacy, net, pci, virtio
from .qtest import Failure, Qemu

PORT_DEVFN, STOCK_DEVFN = 4 << 3, 5 << 3
CARD_BUS = 1
CARD_PATH = "/machine/peripheral/pf0"
BASE_MAC = "52:54:00:76:f0:00"
MACHINE = (
    "-machine", "q35", "-m", "128M",
    "-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off",
    "-device", "pcie-root-port,id=rp0,chassis=1,addr=04.0",
)


@dataclasses.dataclass(frozen=True)
class Setup:
    """What QEMU is started with; cases with equal set-ups share one process."""
    properties: str = ""
    uplink: bool = False
    stock: str | None = None  # also QEMU's own card, with these properties
    extra: tuple[str, ...] = ()
    card: bool = True

    def arguments(self, uplinks: dict[str, net.Uplink]) -> list[str]:
        """The arguments of QEMU, without its sockets."""
        arguments = [*MACHINE, *self.extra]
        if self.stock is not None:
            arguments += ["-netdev", uplinks["stock"].netdev(), "-device",
                          _join(Stock.DEVICE, Stock.PROPERTIES, self.stock)]
        if self.uplink:
            arguments += ["-netdev", uplinks["up0"].netdev()]
        if self.card:
            arguments += ["-device", _join(f"vfvirt-net-pf,id=pf0,bus=rp0,mac={BASE_MAC}",
                                           "netdev=up0" if self.uplink else "", self.properties)]
        return arguments


class Machine:
    """A running QEMU that can be brought back to power-on."""

    def __init__(self, command: list[str], setup: Setup):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vfvirt-device-"))
        self.uplinks = {name: net.Uplink(self.folder, name) for name in ("up0", "stock")}
        try:
            self.qemu = Qemu(command, setup.arguments(self.uplinks), self.folder)
            self._power_on()
        except BaseException:
            self.drop()
            raise

    def _power_on(self) -> None:
        self.ram = virtio.Ram(self.qemu)
        self.windows = pci.Windows()
        pci.open_ecam(self.qemu)
        self.port = pci.RootPort(self.qemu, PORT_DEVFN, CARD_BUS)
        self.port.open()

    def reset(self) -> None:
        """Clear what outlives a reset (faults, counters), then reset the whole machine."""
        self.qemu.qmp("qom-set", path=CARD_PATH, property="fault-clear", value="all")
        self.qemu.qmp("system_reset")
        self.qemu.wait_event("RESET")
        self.qemu.qmp("qom-set", path=CARD_PATH, property="counters-reset", value=True)
        for uplink in self.uplinks.values():
            uplink.received()
        self._power_on()

    def close(self) -> None:
        """End QEMU; raises QemuDied when that does not go well."""
        try:
            self.qemu.close()
        finally:
            self.drop()

    def drop(self) -> None:
        """End QEMU in whatever state, and remove the machine's files."""
        if hasattr(self, "qemu"):
            self.qemu.kill()
        for uplink in self.uplinks.values():
            uplink.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Card:
    """The card in the root port: its PF, its VFs, its properties."""

    def __init__(self, machine: Machine):
        self.machine = machine
        self.qemu, self.ram, self.port = machine.qemu, machine.ram, machine.port
        self.uplink = machine.uplinks["up0"]
        self.vfs: list[pci.Function] = []
        self._masters: set[int] = set()
        self.admin: admin.Queue | None = None
        self.open()

    def open(self) -> None:
        """Place the BARs of PF and VFs and find the registers, as after power-on."""
        self.pf = pci.Function(self.qemu, CARD_BUS, 0)
        self.pf.place_bars(self.machine.windows)
        self.sriov = pci.Sriov(self.pf) if self.pf.extended(pci.EXT_SRIOV) else None
        if self.sriov:
            self.sriov.place_bars(self.machine.windows)
        self.device = virtio.Device(self.pf, self.ram)
        self.msix = pci.Msix(self.pf, self.ram) if self.pf.capabilities(pci.CAP_MSIX) else None

    # ---- bring-up ----------------------------------------------------------------------------

    def start(self, wanted: int = virtio.USUAL, msix: bool = True) -> admin.Queue:
        """Bring the PF up with its first administration queue (on vector 1 with MSI-X)."""
        self.device.negotiate(wanted)
        if msix and self.msix:
            self.msix.enable()
        self.admin = self.admin_queue(0, 1 if msix and self.msix else virtio.NO_VECTOR)
        self.device.ready()
        return self.admin

    def admin_queue(self, number: int, vector: int = virtio.NO_VECTOR) -> admin.Queue:
        """Set up the administration queue of that number, counted from 0."""
        index = self.device.get("admin_queue_index") + number
        return admin.Queue(self.device.queue(index, vector))

    def enable(self, count: int) -> list[pci.Function]:
        """Enable that many VFs."""
        self.vfs, self._masters = self.sriov.enable(count), set()
        return self.vfs

    def ready(self, count: int = 2, wanted: int = virtio.USUAL) -> admin.Queue:
        """The PF up, `count` VFs enabled, every offered SR-IOV group opcode in use."""
        queue = self.start(wanted)
        self.enable(count)
        queue.list_use(queue.list_query())
        return queue

    def member(self, number: int) -> pci.Function:
        """The VF with that member id, from 1; a bus master from its first use on."""
        if number not in self._masters:
            self._masters.add(number)
            self.vfs[number - 1].command(pci.COMMAND_MASTER)
        return self.vfs[number - 1]

    def modern(self, member: int, wanted: int = virtio.USUAL) -> virtio.Device:
        """The VF (0: the PF) under a modern driver, up to FEATURES_OK."""
        device = virtio.Device(self.member(member), self.ram) if member else self.device
        device.negotiate(wanted)
        return device

    def registers(self, member: int) -> legacy.AdminRegisters:
        """The legacy registers of a VF."""
        self.member(member)
        return legacy.AdminRegisters(self.admin, member)

    def legacy(self, member: int, wanted: int = legacy.USUAL,
               bell: legacy.Bell | None = None) -> legacy.Driver:
        """The VF under a legacy driver that has negotiated."""
        driver = legacy.Driver(self.registers(member), self.ram, bell)
        driver.negotiate(wanted)
        return driver

    def mac(self, member: int) -> bytes:
        """The MAC that the card gives to a member (0: the PF)."""
        base = int(BASE_MAC.replace(":", ""), 16)
        return (base + member).to_bytes(6, "big")

    # ---- properties --------------------------------------------------------------------------

    def set(self, name: str, value) -> None:
        """Set a property of the PF; raises Refused."""
        self.qemu.qmp("qom-set", path=CARD_PATH, property=name, value=value)

    def get(self, name: str):
        """Read a property of the PF that holds JSON."""
        return json.loads(self.qemu.qmp("qom-get", path=CARD_PATH, property=name))

    def arm(self, spec: str) -> None:
        """Arm a fault."""
        self.set("fault", spec)

    def struck(self, kind: str) -> int:
        """How often the armed faults of a kind struck; raises Failure when none is armed."""
        armed = [fault for fault in self.get("faults") if fault["kind"] == kind]
        if not armed:
            raise Failure(f"fault {kind} is not in the list of armed faults")
        return sum(fault["struck"] for fault in armed)

    def wait_in_flight(self, count: int) -> None:
        """Wait until the card holds that many commands."""
        self.qemu.wait(lambda: self.get("counters")["in_flight"] == count,
                       f"{count} commands in flight")

    def port_counters(self, member: int) -> dict:
        """The counters of one port (0: the PF); empty when nothing was counted."""
        for port in self.get("counters")["ports"]:
            if port["member"] == member:
                return port
        return {}

    def command_counters(self, member: int, opcode: int) -> dict:
        """The counters of one opcode at one member; empty when it never came."""
        return self.port_counters(member).get("commands", {}).get(str(opcode), {})


class Stock:
    """QEMU's own transitional network card, beside the card under test."""

    DEVICE = "virtio-net-pci,id=stock0,addr=05.0,disable-legacy=off,romfile=,netdev=stock"
    # As far as a choice exists, the features and queues of a VF of the card.
    PROPERTIES = ",".join((
        "csum=off", "gso=off", "guest_csum=off", "guest_tso4=off", "guest_tso6=off",
        "guest_ecn=off", "guest_ufo=off", "guest_uso4=off", "guest_uso6=off", "host_tso4=off",
        "host_tso6=off", "host_ecn=off", "host_ufo=off", "host_uso=off", "guest_announce=off",
        "ctrl_guest_offloads=off", "ctrl_vlan=off", "ctrl_rx_extra=off", "mq=off",
        "host_mtu=1500", "speed=25000", "duplex=full", "rx_queue_size=256", "tx_queue_size=256"))

    def __init__(self, machine: Machine):
        self.function = pci.Function(machine.qemu, 0, STOCK_DEVFN)
        self.function.place_bars(machine.windows)
        self.uplink = machine.uplinks["stock"]
        self.registers = legacy.PortRegisters(self.function)
        self.msix = pci.Msix(self.function, machine.ram)

    def set_msix(self, on: bool) -> None:
        """Switch MSI-X, which moves the device configuration in the BAR."""
        if on:
            self.msix.enable()
        else:
            self.msix.disable()
        self.registers.msix_on = on


class RunningMachines:
    """Starts machines on demand and keeps the last for the next case with the same set-up."""

    def __init__(self, command: list[str]):
        self.command = command
        self._setup: Setup | None = None
        self._machine: Machine | None = None

    def card(self, setup: Setup) -> Card:
        """A card as after power-on."""
        if self._machine and self._setup == setup:
            self._machine.reset()
        else:
            self.close()
            self._machine, self._setup = Machine(self.command, setup), setup
        return Card(self._machine)

    def close(self) -> None:
        """End the kept machine; raises QemuDied when QEMU does not end well."""
        machine, self._machine = self._machine, None
        if machine:
            machine.close()

    def last_words(self) -> str:
        """What QEMU complained of last, as lines to add to a failure; empty when it did not."""
        said = self._machine.qemu.stderr().splitlines()[-5:] if self._machine else []
        return "".join(f"\nQEMU: {line}" for line in said)

    def drop(self) -> None:
        """End the kept machine, whatever state it is in."""
        machine, self._machine = self._machine, None
        if machine:
            machine.drop()


def _join(*parts: str) -> str:
    return ",".join(part for part in parts if part)
