# SPDX-License-Identifier: GPL-2.0-or-later
"""Registers the cases, and gives them a host with VFs that are handed out."""

import os
import subprocess
from pathlib import Path

from fakecard.fakecard import FakeCard
from lib import programs
from lib.cases import Cases

STUB = Path(__file__).resolve().parent.parent.parent / "libvirt-hooks/50-vfvirt"
LIMIT_S = 60
DRIVER = "vfvirt_vfio_pci"
ONE, OTHER = ("11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222")
case = Cases("hook", "unit", 120)


def start(words, text_in="", **environment):
    """Runs a program to its end; its exit status and what it said on standard error."""
    done = subprocess.run([str(word) for word in words], input=text_in, capture_output=True,
                          text=True, check=False, timeout=LIMIT_S,
                          env={**os.environ, **environment})
    return done.returncode, done.stderr


def domain(uuid, *addresses, name="web1"):
    """The description of a domain that has those VFs."""
    hostdevs = ""
    for address in addresses:
        number, bus, rest = address.split(":")
        slot, function = rest.split(".")
        hostdevs += (f"<hostdev mode='subsystem' type='pci' managed='no'><source><address "
                     f"domain='0x{number}' bus='0x{bus}' slot='0x{slot}' "
                     f"function='0x{function}'/></source></hostdev>")
    return (f"<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid>"
            f"<devices>{hostdevs}</devices></domain>")


def _hostdev(vf):
    """What vfvirtd writes into the hostdev file of a VF; any other text is no such file."""
    domain, bus, device, function = vf.replace(".", ":").split(":")
    return ("<hostdev mode='subsystem' type='pci' managed='no'>\n"
            "  <source>\n"
            f"    <address domain='0x{domain}' bus='0x{bus}' slot='0x{device}' "
            f"function='0x{function}'/>\n"
            "  </source>\n"
            f"  <alias name='ua-vfvirt-{domain}-{bus}-{device}-{function}'/>\n"
            "</hostdev>\n")


class Scene:
    """A host whose VFs are bound and published, as a context manager."""

    def __init__(self, folder, vfs=4):
        built = programs.build()
        self.program = built / "usr/sbin/vfvirt-hook"
        self.card = FakeCard(built / "tests/fakecard/fakecard", folder, 1, 16)
        self.devices = self.card.sysfs / "bus/pci/devices"
        self.claims = self.card.folder / "run/claims"
        self.pf = next(path.name for path in sorted(self.devices.iterdir())
                       if (path / "sriov_totalvfs").exists())
        self.write(self.pf, "sriov_drivers_autoprobe", "0")
        self.write(self.pf, "sriov_numvfs", str(vfs))
        self.vfs = [(self.devices / self.pf / f"virtfn{n}").readlink().name for n in range(vfs)]
        published = self.card.folder / "run/hostdev"
        published.mkdir(parents=True)
        for vf in self.vfs:
            self.write(vf, "driver_override", DRIVER)
            (self.card.sysfs / "bus/pci/drivers_probe").write_text(vf, encoding="utf-8")
            (published / f"{vf}.xml").write_text(_hostdev(vf), encoding="utf-8")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.card.stop()

    def write(self, address, name, text):
        """Writes an attribute of a function."""
        (self.devices / address / name).write_text(text, encoding="utf-8")

    def unbind(self, vf):
        """Takes a VF from its driver, as virsh nodedev-reattach or an administrator does."""
        self.write(vf, "driver/unbind", vf)
        self.write(vf, "driver_override", "\n")

    def driver(self, vf):
        """The name of a VF's driver, or None."""
        link = self.devices / vf / "driver"
        return link.readlink().name if link.is_symlink() else None

    def hook(self, operation, text, name="web1"):
        """Calls the program as libvirt's stub does; exit status and standard error."""
        return start([self.program, name, operation, "begin", "-"], text,
                     **self.card.environment())

    def claim(self, vf):
        """The UUID that a VF is claimed by, or None."""
        path = self.claims / vf
        return path.read_text(encoding="utf-8").split()[0] if path.exists() else None
