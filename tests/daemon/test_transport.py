# SPDX-License-Identifier: GPL-2.0-or-later
"""vfvirtd --transport, and PFs that get their transport at the next boot."""

import subprocess
import time

from . import host
from .case import case, contains, equal, true

NETWORK_DELAY_MAX_S = 5     # what a dead card may cost the boot of a host

BOTH = {"dpu0": {"vfs": 2, "transport": "vfvirt"},
        "dpu1": {"pf": 1, "vfs": 2, "transport": "intree"}}


def transport(machine, **environment):
    """Runs vfvirtd --transport without a bus; its exit status."""
    variables = machine.environment(**environment)
    del variables["DBUS_SYSTEM_BUS_ADDRESS"], variables["NOTIFY_SOCKET"]
    return subprocess.run(machine.program("--transport"), env=variables, check=False,
                          stdin=subprocess.DEVNULL, timeout=host.LIMIT_S).returncode


@case("transport: PFs get their drivers, and nothing else is changed", pfs=2, intents=BOTH)
def _(machine):
    equal(transport(machine), 0, "status")
    equal([machine.driver(pf) for pf in machine.pfs], ["vfvirt_pf", "virtio-pci"], "drivers")
    equal([machine.vfs(pf) for pf in machine.pfs], [[], []], "VFs")
    machine.do("clear-log")
    equal(transport(machine), 0, "status of a second run")
    equal(machine.writes(), [], "writes of a second run")


@case("transport: a card that hangs delays the boot by the limit, and no other card", pfs=2,
      intents={"dpu0": {"vfs": 1}, "dpu1": {"pf": 1, "vfs": 1}})
def _(machine):
    machine.do("block */0000:3b:00.0/driver_override=*")
    begun = time.monotonic()
    equal(transport(machine), 1, "status")
    took_s = time.monotonic() - begun
    true(took_s < NETWORK_DELAY_MAX_S, f"the boot waited {took_s:.1f} s")
    equal(machine.driver(machine.pfs[1]), "vfvirt_pf", "driver of the other")
    contains(machine.journal.wait("the boot goes on without"), "1 PFs")
    machine.do("release")


@case("transport: a driver that is missing is named", intents={"dpu0": {"vfs": 1}})
def _(machine):
    machine.do("unload vfvirt_pf")
    equal(transport(machine), 1, "status")
    contains(machine.journal.wait("PRIORITY=3"), "vfvirt_pf", machine.pf)
    equal(machine.driver(machine.pf), "virtio-pci", "driver")


@case("transport: without intent or card there is nothing to do")
def _(machine):
    equal((transport(machine), machine.writes()), (0, []), "status, writes")
    (machine.folder / "etc/dpu0.json").write_text("{", encoding="ascii")
    equal((transport(machine), machine.writes()), (1, []), "status, writes with a bad file")


@case("transport: an interface in use makes it wait for the boot",
      intents={"dpu0": {"vfs": 2, "transport": "vfvirt"}})
def _(machine):
    place, = (machine.card.sysfs / "bus/pci/devices" / machine.pf).glob("virtio*/net/*/flags")
    name = place.parent.name
    inside = f"sys/devices/pci0000:3a/0000:3a:00.0/{machine.pf}/virtio0/net/{name}"
    machine.do(f"set {inside}/flags 0x1003\\n")
    machine.do(f"link {inside}/master ../../br0")
    client = machine.start()
    pf = client.model()["pfs"][0]
    true(pf["pending_reboot"], f"it is pending: {pf}")
    equal(machine.driver(machine.pf), "virtio-pci", "driver")
    contains(machine.journal.wait("at the next boot"), name, f"VFVIRT_PF={machine.pf}")
    path = "/org/vfvirt1/pf/0000_3b_00_0"
    equal(client.get("PendingReboot", path, host.bus.PF), True, "PendingReboot")
