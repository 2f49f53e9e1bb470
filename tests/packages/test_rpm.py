# SPDX-License-Identifier: GPL-2.0-or-later
"""The RPM packages: they hold what the Debian packages hold, and come and go as these do."""

import re

from lib import kernels, rpms, shell
from lib.cases import expect

from .case import case, package
from .root import KERNEL, Root
from .test_dkms import ALIAS, NAMES, aliases

# Folders that packages of other distributions bring, so that ours do not remove them.
OF_OTHERS = ("etc/libvirt/hooks", "usr/share/licenses",
             *(f"usr/share/man/man{section}" for section in (1, 5, 7, 8)))
OF_FORMAT = ("/usr/share/doc/", "/usr/share/licenses/", "/usr/lib/.build-id")


def rpm(name):
    """The .rpm file of a package."""
    return next(path for path in rpms.get() if re.match(rf"{name}-\d", path.name))


def of_deb(deb):
    """Path -> permissions of the files of a Debian package."""
    found = {}
    for line in shell.run(["dpkg-deb", "-c", deb], f"cannot list {deb}").splitlines():
        mode, _, _, _, _, path = line.split(maxsplit=5)
        if not mode.startswith("d"):
            found[path.removeprefix(".")] = mode
    return found


def bring(root, name):
    """Copies an RPM package into a Root; its path there."""
    (root.path / "tmp" / rpm(name).name).write_bytes(rpm(name).read_bytes())
    return f"/tmp/{rpm(name).name}"


def of_rpm(root, name):
    """Path -> permissions of the files of an RPM package."""
    listed = root.run("rpm", "-qp", "--queryformat", "[%{FILEMODES:perms} %{FILENAMES}\\n]",
                      bring(root, name))
    return {path: mode for mode, path in (line.split(maxsplit=1) for line in listed.splitlines())
            if not mode.startswith("d")}


@case("packages: the RPM packages hold what the Debian packages hold")
def _(folder):
    with Root(folder) as root:
        for name in ("vfvirt", "vfvirt-dkms"):
            both = [{(path, mode) for path, mode in found.items()
                     if not path.startswith(OF_FORMAT)}
                    for found in (of_rpm(root, name), of_deb(package(name)))]
            expect(both[0] == both[1] and len(both[0]) > 10,
                   f"only in one, or with other permissions: {sorted(both[0] ^ both[1])}")
        said = root.run("rpm", "-qp", "--configfiles", bring(root, "vfvirt")).split()
        expect(said == ["/etc/libvirt/hooks/qemu.d/50-vfvirt"], f"configuration: {said}")


@case("packages: RPM packages build the modules, and leave nothing when they go")
def _(folder):
    with Root(folder) as root:
        root.run("rpm", "--initdb")
        for place in OF_OTHERS:
            (root.path / place).mkdir(parents=True, exist_ok=True)
        before = root.files()
        # What the packages require has other names here.
        root.run("rpm", "-i", "--nodeps", bring(root, "vfvirt"), bring(root, "vfvirt-dkms"))
        expect(ALIAS in aliases(root), f"{aliases(root)}")
        for name in NAMES:
            root.run("modinfo", "-k", kernels.release(KERNEL), name)
        root.run("vfvirtctl", "--version")
        root.run("rpm", "-e", "vfvirt", "vfvirt-dkms")
        left = root.files() - before
        expect(not left and not aliases(root), f"left: {sorted(left)} {aliases(root)}")
