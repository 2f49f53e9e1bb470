# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian kernels that the tests run on, fetched as packages and unpacked in the cache."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import apt, cache, packages, shell
from .errors import Problem


@dataclass(frozen=True)
class Origin:
    """Where a kernel is from: archive: its newest kernel is meant; base: the archive that a
    builder tree for its modules is made of; compiler: what the kernel was compiled with."""
    archive: str
    base: str
    compiler: str


ORIGINS = {
    "6.1": Origin("bookworm", "bookworm", "gcc-12"),
    "6.12": Origin("trixie", "trixie", "gcc-14"),
    "7.3": Origin("trixie-backports", "trixie", "gcc-14"),
}
VERSIONS = tuple(ORIGINS)

# Modules for hardware that no VM here has; a third of all and left out.
UNWANTED = ("sound", "drivers/accel", "drivers/gpu", "drivers/media", "drivers/net/wireless")

ROOM_MB = 1500


@dataclass(frozen=True)
class Kernel:
    """An unpacked kernel: image for -kernel, modules is its lib/modules/RELEASE folder."""
    version: str
    release: str
    image: Path
    modules: Path


def check(version):
    """Raises Problem for a kernel version that is not tested."""
    if version not in ORIGINS:
        raise Problem(f"kernel {version} is not one of those tested: {', '.join(VERSIONS)}")


def release(version):
    """The release of the newest ABI of a kernel version in its archive, as `uname -r` says it."""
    check(version)
    archive = ORIGINS[version].archive
    apt.fetch_lists(archive)
    for name in apt.depends(archive, "linux-image-amd64"):
        found = re.fullmatch(rf"linux-image-({re.escape(version)}[-.+].*)", name)
        if found:
            return found[1]
    offered = apt.show(archive, "linux-image-amd64")["Version"]
    raise Problem(f"{archive} no longer has a kernel {version}: its linux-image-amd64 is "
                  f"{offered}: adapt ORIGINS in tests/lib/kernels.py")


def get(version):
    """The Kernel of that version, fetched on first use. Raises Problem for an unknown one."""
    check(version)
    return apt.fresh(ORIGINS[version].archive, lambda: _get(version))


def _get(version):
    archive, uname = ORIGINS[version].archive, release(version)
    names = _image_packages(archive, uname)
    debian_version = apt.show(archive, names[0])["Version"]

    def build(place):
        shell.say(f"fetching kernel {version}: {uname} from {archive}")
        packages.ensure("kmod", "xz-utils")
        _unpack(archive, names, uname, place)

    place = cache.item(f"kernel-{version}", cache.key(uname, debian_version, *names, *UNWANTED),
                       build, needs_mb=ROOM_MB)
    return Kernel(version, uname, place / "vmlinuz", place / "lib/modules" / uname)


def _image_packages(archive, uname):
    """The packages that hold image and modules: one in older kernels, several in newer ones."""
    names, wanted = [], [f"linux-image-{uname}"]
    pattern = re.compile(rf"linux-(base|binary|modules)-{re.escape(uname)}")
    while wanted:
        name = wanted.pop()
        names.append(name)
        wanted += [other for other in apt.depends(archive, name)
                   if pattern.fullmatch(other) and other not in names]
    return names


def _unpack(archive, names, uname, place):
    """Fills an item with vmlinuz, config and lib/modules/RELEASE, modules decompressed."""
    what, scratch = f"cannot unpack kernel {uname}", place / "scratch"
    scratch.mkdir()
    for deb in apt.download(archive, names, scratch):
        shell.run(["dpkg-deb", "-x", deb, scratch], what)
    found = [path for path in (scratch / "usr/lib/modules" / uname, scratch / "lib/modules" / uname)
             if path.exists()]
    images = [path for path in (scratch / "boot" / f"vmlinuz-{uname}", found[0] / "vmlinuz")
              if path.exists()] if found else []
    if not images:
        raise Problem(f"{what}: {' '.join(names)} hold no image or no modules")
    modules = place / "lib/modules" / uname
    images[0].rename(place / "vmlinuz")
    for config in (scratch / "boot" / f"config-{uname}", found[0] / "config"):
        if config.exists():
            config.rename(place / "config")
    modules.parent.mkdir(parents=True)
    found[0].rename(modules)
    shutil.rmtree(scratch)
    for unwanted in UNWANTED:
        shutil.rmtree(modules / "kernel" / unwanted, ignore_errors=True)
    _decompress(modules, what)
    shell.run(["depmod", "-b", place, uname], what)


def _decompress(modules, what):
    """Turns .ko.xz and .ko.zst into .ko, so that finit_module() takes them on any kernel."""
    for suffix, tool in ((".ko.xz", ["xz", "-d"]), (".ko.zst", ["zstd", "-d", "--rm", "-q"])):
        compressed = sorted(str(path) for path in modules.rglob("*" + suffix))
        if compressed:
            if tool[0] == "zstd":
                packages.ensure("zstd")
            shell.run(["xargs", "-0", "-P2", "-n64", *tool], what,
                      text_in="\0".join(compressed) + "\0")
