# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds our RPM packages with Debian's rpmbuild: shows that the spec is whole, no more."""

import shutil

from . import apt, cache, debs, shell, tree

NEEDS = ("gcc", "libc6-dev", "libjson-c-dev", "libkmod-dev", "libnl-genl-3-dev",
         "libnl-route-3-dev", "libsystemd-dev", "libudev-dev", "libvirt-dev", "libxml2-dev", "make",
         "meson", "pkgconf", "python3", "rpm")

# The names of what the spec requires are those of other distributions.
BUILD = r"""
set -e
mkdir /build/vfvirt
for name in %s; do cp -r /src/$name /build/vfvirt/; done
cd /build/vfvirt
rm -rf kernel/build build
make spec
rpmbuild -bb --build-in-place --nodeps --define '_topdir /build/rpm' \
    --define '_tmppath /tmp' --define 'debug_package %{nil}' build/vfvirt.spec
""".replace("%s", " ".join(debs.SOURCES))


def get():
    """Paths of the .rpm files, built when their sources changed."""
    built_in = apt.fresh(debs.ARCHIVE, lambda: tree.get("rpms", debs.ARCHIVE, NEEDS))

    def build(place):
        scratch = place / "scratch"
        scratch.mkdir()
        shell.say("building the RPM packages")
        tree.run(built_in, ["sh", "-c", BUILD], "cannot build the RPM packages",
                 [(debs.CHECKOUT, "/src", "ro"), (scratch, "/build", "rw")],
                 cache.build_log("rpms"), debs.LIMIT_S)
        for rpm in scratch.glob("rpm/RPMS/*/*.rpm"):
            if "-debug" not in rpm.name:
                shutil.move(str(rpm), place)
        shutil.rmtree(scratch)

    key = cache.key(str(built_in), BUILD, *debs.source_words())
    return sorted(cache.item("rpms", key, build).glob("*.rpm"))
