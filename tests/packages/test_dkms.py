# SPDX-License-Identifier: GPL-2.0-or-later
"""The package vfvirt-dkms: builds without a network, follows upgrades, leaves nothing behind."""

import os

from lib import kernels
from lib.cases import expect

from .case import OLD, case, package
from .root import KERNEL, Root

NAMES = ("vfvirt_core", "vfvirt_pf", "vfvirt_vfio_pci")
ALIAS = "alias vfio_pci:v00001AF4d00001041sv*sd*bc02sc00i* vfvirt_vfio_pci"


def aliases(root):
    """The lines of modules.alias that are about our modules."""
    path = root.path / f"lib/modules/{kernels.release(KERNEL)}/modules.alias"
    return [line for line in path.read_text(encoding="utf-8").splitlines() if "vfvirt" in line]


def versions(root):
    """The versions that the installed modules say they are of."""
    return {root.run("modinfo", "-k", kernels.release(KERNEL), "-F", "version", name).strip()
            for name in NAMES}


@case("packages: DKMS builds the modules offline, and libvirt finds their alias")
def _(folder):
    with Root(folder) as root:
        before = root.files()
        root.install(package("vfvirt-dkms"))
        version = package("vfvirt-dkms").name.split("_")[1]
        expect(versions(root) == {version}, f"the modules are of {versions(root)}")
        expect(ALIAS in aliases(root), f"{aliases(root)}")
        root.run("dpkg", "--purge", "vfvirt-dkms")
        left = root.files() - before
        expect(not left, f"left: {sorted(left)}")
        expect(not aliases(root), f"left in modules.alias: {aliases(root)}")


@case("packages: Debian 12 takes the same packages, and its DKMS builds the modules")
def _(folder):
    with Root(folder, "6.1") as root:
        root.install(package("vfvirt"), package("vfvirt-dkms"))
        said = root.run("vfvirtctl", "--version")
        for name in NAMES:
            version = root.run("modinfo", "-k", kernels.release("6.1"), "-F", "version", name)
            expect(version.strip() in said.split(), f"{name} is of {version}, {said}")


@case("packages: an upgrade replaces the modules by those of the new version")
def _(folder):
    with Root(folder) as root:
        root.install(package("vfvirt-dkms", OLD))
        expect(versions(root) == {OLD}, f"the modules are of {versions(root)}")
        root.install(package("vfvirt-dkms"))
        expect(OLD not in versions(root) and len(versions(root)) == 1, f"{versions(root)}")
        expect(ALIAS in aliases(root), f"{aliases(root)}")
        left = [path for path in root.files() if f"vfvirt-{OLD}" in path or f"vfvirt/{OLD}" in path]
        expect(not left, f"left of the old version: {left}")


@case("packages: without the kernel's headers DKMS says what is missing")
def _(folder):
    with Root(folder) as root:
        (root.path / f"lib/modules/{kernels.release(KERNEL)}/build").unlink()
        said = root.install(package("vfvirt-dkms"))
        expect("No kernel headers were found, skipping module build." in said
               and f"please install the linux-headers-{os.uname().release} package." in said, said)
