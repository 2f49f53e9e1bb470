# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian system that a case may change: a builder tree below, the changes in memory above it."""

import os
import shutil
import subprocess
from dataclasses import dataclass

from lib import apt, kernels, modules, shell, tree

KERNEL = "6.12"
# What our packages depend on, so that dpkg alone installs them, without a network.
NEEDS = ("dbus", "dkms", "kmod", "libjson-c5", "libkmod2", "libnl-genl-3-200", "libnl-route-3-200",
         "libsystemd0", "libudev1", "libvirt0", "libxml2", "rpm", "udev")
OWN_MODULE = "kernel/drivers/net/dummy.ko"
SIZE_MB = 1500      # objects of the modules included
LIMIT_S = 900     # DKMS builds in half a minute on an idle machine

# What packages of the system itself write when any package comes or goes.
OF_DPKG = ("/var/lib/dpkg/", "/var/log/", "/var/cache/", "/proc/", "/dev/", "/tmp/",
           "/var/lib/dkms/mok.", "/var/lib/rpm/", "/etc/ld.so.cache")


@dataclass(frozen=True)
class Done:
    """How a program ended, and what it said on both outputs."""
    status: int
    said: str


class Root:
    """That system as a context manager; folder: an empty one to mount it in."""

    def __init__(self, folder, kernel=KERNEL):
        """kernel: the one that there are headers of, which tells the release of Debian."""
        self._folder, self._kernel = folder, kernel
        self.path = folder / "root"
        self._mounted = []

    def __enter__(self):
        below = apt.fresh(kernels.ORIGINS[self._kernel].archive,
                          lambda: modules.headers_and(self._kernel, "packages", NEEDS))
        self._mount(self._folder, "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs")
        for name in ("upper", "work", "root"):
            (self._folder / name).mkdir()
        self._mount(self.path, "-t", "overlay", "-o", f"lowerdir={below},"
                    f"upperdir={self._folder}/upper,workdir={self._folder}/work", "overlay")
        self._mount(self.path / "proc", "-t", "proc", "proc")
        self._mount(self.path / "dev", "--bind", "/dev")
        self._add_module()
        return self

    def _add_module(self):
        """Gives the kernel one of its own modules: DKMS removes the lists of one that has none."""
        kernel = kernels.get(self._kernel)
        place = self.path / "lib/modules" / kernel.release / OWN_MODULE
        place.parent.mkdir(parents=True)
        shutil.copy(kernel.modules / OWN_MODULE, place)
        self.run("depmod", kernel.release)

    def __exit__(self, *_):
        while self._mounted:
            shell.run(["umount", "--lazy", self._mounted.pop()], "cannot unmount a test's system")

    def _mount(self, place, *words):
        shell.run(["mount", *words, place], "cannot mount a system to install packages in")
        self._mounted.append(place)

    def try_run(self, *words, text_in=""):
        """Runs a program inside, without a network, however it ends."""
        done = subprocess.run(
            ["unshare", "--net", "chroot", self.path, "/usr/bin/env", "-i", *tree.VARIABLES,
             "DEBIAN_FRONTEND=noninteractive", *map(str, words)], input=text_in, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S)
        return Done(done.returncode, done.stdout)

    def run(self, *words):
        """Runs a program that must succeed; returns what it said."""
        done = self.try_run(*words)
        if done.status:
            raise AssertionError(f"{' '.join(map(str, words))}: {done}")
        return done.said

    def install(self, *debs):
        """Installs .deb files, or upgrades to them; returns what dpkg said."""
        for deb in debs:
            target = self.path / "tmp" / deb.name
            target.write_bytes(deb.read_bytes())
        return self.run("dpkg", "--force-confold", "-i", *(f"/tmp/{deb.name}" for deb in debs))

    def write(self, inside, text=""):
        """Writes a file, with the folders above it."""
        path = self.path / inside.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def exists(self, inside):
        """Whether there is a file, or a link to nowhere, of that path."""
        return os.path.lexists(self.path / inside.lstrip("/"))

    def files(self):
        """The paths of all files and folders that not dpkg itself looks after."""
        found = set()
        for folder, folders, files in os.walk(self.path):
            inside = "/" + os.path.relpath(folder, self.path).removeprefix(".")
            found.update(os.path.join(inside, name).removeprefix("/.") for name in folders + files)
        return {path for path in found if not path.startswith(OF_DPKG)}
