# SPDX-License-Identifier: GPL-2.0-or-later
"""Packages that the host itself needs: says which are missing and why, then installs them."""

import os
import subprocess

from . import shell
from .errors import Problem, Stale

# Name -> why it is needed. A package that is not here is not installed.
REASONS = {
    "debian-archive-keyring": "the keys that Debian's packages are checked with",
    "mmdebstrap": "makes the builder trees",
    "e2fsprogs": "makes the disk of the simulated host",
    "kmod": "depmod, for the modules of the tested kernels",
    "xz-utils": "unpacks kernel modules",
    "zstd": "unpacks kernel modules",
    "gcc": "compiles programs, and the init program of the test VMs",
    "libc6-dev": "compiles programs, and the init program of the test VMs",
    "meson": "builds vfvirtd, vfvirtctl and their tests",
    "ninja-build": "builds vfvirtd, vfvirtctl and their tests",
    "pkgconf": "finds the libraries of vfvirtd and vfvirtctl",
    "libjson-c-dev": "vfvirtd and vfvirtctl read and write JSON with it",
    "libkmod-dev": "vfvirtctl reads the versions of modules with it",
    "libxml2-dev": "vfvirtd and vfvirtctl read domains of libvirt with it",
    "libnl-3-dev": "vfvirtd and vfvirtctl speak to the kernel modules with it",
    "libnl-genl-3-dev": "vfvirtd and vfvirtctl speak to the kernel modules with it",
    "libnl-route-3-dev": "vfvirtd and vfvirtctl look at network interfaces with it",
    "libudev-dev": "vfvirtd hears of devices with it",
    "libsystemd-dev": "vfvirtd is on D-Bus and in the journal with it",
    "libvirt-dev": "vfvirtd asks libvirt who has a VF",
    "libcmocka-dev": "the unit tests are written with it",
    "libfuse3-dev": "the fake card of the tests is a file system made with it",
    "clang": "compiles the fuzz targets",
    "libclang-rt-dev": "libFuzzer and the sanitizers of clang",
    "groff": "checks the manual pages",
    "mandoc": "checks the manual pages",
    "codespell": "finds words of the documents that are misspelt",
    "dbus-daemon": "a bus of their own for tests",
    "python3-jsonschema": "holds what vfvirtctl --json prints against its schema",
    "fuse3": "mounts the fake card of the tests",
    "python3-jeepney": "speaks D-Bus in the tests of vfvirtd",
    "libvirt-daemon": "a libvirt of its own, which the tests of vfvirtd stop and hang",
    "gcovr": "says which lines the tests reach",
    "busybox-static": "the shell of --sit in a test VM",
    "util-linux": "unshare, which keeps mounts and processes of a run to itself",
}


def need_root():
    """Raises Problem unless this process is root."""
    if os.geteuid() != 0:
        raise Problem("must run as root (builder trees need chroot and mounts): "
                      "run it again with sudo")


def installed(name):
    """Whether a package is installed and configured."""
    done = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", name],
                          capture_output=True, text=True, check=False)
    return done.stdout == "installed"


def ensure(*names):
    """Installs those of the named packages that are missing, after saying which and why."""
    missing = [name for name in names if not installed(name)]
    if not missing:
        return
    need_root()
    for name in missing:
        shell.say(f"installing the package {name}: {REASONS[name]}")
    what = "cannot install " + " ".join(missing)
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "-o", "DPkg::Lock::Timeout=120", "install", "-y",
               "--no-install-recommends", *missing]
    try:
        shell.run(install, what, limit_s=900, env=environment)
    except Stale:
        update_lists()
        shell.run(install, what, limit_s=900, env=environment)


def update_lists():
    """Fetches the host's own package lists."""
    shell.say("fetching the host's package lists")
    shell.run(["apt-get", "-o", "APT::Update::Error-Mode=any", "update"],
              "cannot fetch the host's package lists", limit_s=300)
