# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds our Debian packages in a builder tree, as a person would with dpkg-buildpackage."""

import shutil
from pathlib import Path

from . import apt, cache, modules as kernel_modules, shell, tree

CHECKOUT = Path(__file__).resolve().parent.parent.parent
ARCHIVE = "trixie"
NEEDS = ("build-essential", "debhelper", "dh-dkms", "dkms", "lintian", "libjson-c-dev",
         "libkmod-dev", "libnl-genl-3-dev", "libnl-route-3-dev", "libsystemd-dev", "libudev-dev", "libvirt-dev",
         "libxml2-dev", "meson", "pkgconf", "python3")
SOURCES = ("COPYING", "Makefile", "docs", "kernel", "libvirt-hooks", "packaging", "systemd",
           "udev-rules", "vfvirtctl")
MODULES = ("vfvirt_core", "vfvirt_pf", "vfvirt_vfio_pci")
LIMIT_S = 900

BUILD = r"""
set -e
mkdir /build/vfvirt
for name in %s; do cp -r /src/$name /build/vfvirt/; done
cd /build/vfvirt
rm -rf kernel/build
[ -z "$1" ] || sed -i "s/\('c', version: '\)[^']*/\1$1/" vfvirtctl/meson.build
make debian
dpkg-buildpackage -b -us -uc
# The project has no mail address yet.
lintian --fail-on error,warning --allow-root --tag-display-limit 0 \
    --suppress-tags bogus-mail-host,bogus-mail-host-in-debian-changelog ../*.changes
""" % " ".join(SOURCES)


def builder():
    """The builder tree with all that the packages need."""
    return apt.fresh(ARCHIVE, lambda: tree.get("debs", ARCHIVE, NEEDS))


def get(version=None):
    """Paths of the .deb files, built when their sources changed; version: instead of their own."""
    built_in = builder()

    def build(place):
        scratch = place / "scratch"
        scratch.mkdir()
        shell.say("building the Debian packages")
        tree.run(built_in, ["sh", "-c", BUILD, "sh", version or ""], "cannot build the Debian packages",
                 [(CHECKOUT, "/src", "ro"), (scratch, "/build", "rw")],
                 cache.build_log("debs"), LIMIT_S)
        for deb in scratch.glob("*.deb"):
            if "-dbgsym_" not in deb.name:
                shutil.move(str(deb), place)
        shutil.rmtree(scratch)

    key = cache.key(str(built_in), BUILD, version or "", *source_words())
    return sorted(cache.item("debs", key, build).glob("*.deb"))


def source_words():
    """Names and contents of all that packages are made of, in order, for a key."""
    return [word for name in SOURCES for path in _files(CHECKOUT / name)
            for word in (str(path.relative_to(CHECKOUT)), path.read_bytes())]


def modules(version):
    """The modules of a tested kernel that the package vfvirt-dkms would build there."""
    return [path for path in kernel_modules.build(version) if path.stem in MODULES]


def _files(path):
    """All files below a path, build output left out, in order."""
    if path.is_file():
        return [path]
    return sorted(found for found in path.rglob("*")
                  if found.is_file() and "build" not in found.relative_to(path).parts
                  and "__pycache__" not in found.parts)
