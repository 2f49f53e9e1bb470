# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's QEMU with the device model in it: built once in a builder tree, then cached.

Three steps, each with a cache of its own. "qemu-plain" is Debian's source, built as it is. A
work folder starts as a copy of that, gets the hook-in patch and our files, and is built
incrementally. "qemu" is what a run needs of it: the binary, its libraries and the firmware, so
that it starts outside of the tree, on any Debian.
"""

import os
import shutil
from pathlib import Path

from . import apt, cache, shell, tree
from .errors import Problem

MODEL = Path(__file__).resolve().parent.parent / "device-model"
BINARY = "qemu-system-x86_64"
# What a person or a test starts: the binary, with the loader, libraries and firmware beside it.
STARTER = "qemu"
STARTER_SCRIPT = f"""#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
exec "$here/lib/ld-linux-x86-64.so.2" --library-path "$here/lib" "$here/{BINARY}" \\
\t-L "$here/firmware" "$@"
"""
ARCHIVE = "trixie"
PACKAGES = ("build-essential", "meson", "ninja-build", "pkgconf", "python3", "python3-venv",
            "python3-pycotap", "python3-setuptools", "libglib2.0-dev", "libpixman-1-dev",
            "libslirp-dev", "libfdt-dev", "zlib1g-dev", "seabios", "ipxe-qemu",
            "qemu-system-data")
CONFIGURE = ("../configure", "--target-list=x86_64-softmmu", "--without-default-features",
             "--enable-tcg", "--enable-slirp", "--enable-pixman", "--disable-docs",
             "--disable-tools", "--disable-user", "--disable-guest-agent", "--enable-fdt=system",
             "--disable-install-blobs", "--enable-trace-backends=log",
             # Each change of the memory map would give its memory back to the kernel, and take it
             # anew: more than half of the time of a VM with 240 VFs.
             "--disable-malloc-trim")
FIRMWARE = ("seabios/bios*.bin", "seabios/vgabios*.bin", "qemu/efi-*.rom", "qemu/kvmvapic.bin",
            "qemu/linuxboot*.bin", "qemu/multiboot*.bin", "qemu/pvh.bin")
UNUSED = "roms"    # sources of firmware: a third of all, and the build reads none of it
PLAIN_ROOM_MB = 1000
WORK_ROOM_MB = 900
ROOM_MB = 200
LIMIT_S = 1500


def command():
    """The start of a command line that runs our QEMU.

    VFVIRT_QEMU, a path to a binary or a wrapper script, is used instead when it is set.
    """
    chosen = os.environ.get("VFVIRT_QEMU")
    if chosen:
        if not os.access(chosen, os.X_OK) or Path(chosen).is_dir():
            raise Problem(f"VFVIRT_QEMU: {chosen} is not a program")
        return [chosen]
    return [str(apt.fresh(ARCHIVE, get) / STARTER)]


def _model():
    """The device model's part of QEMU's source, name -> content, as it is at this moment."""
    return {path.name: path.read_bytes() for path in sorted(MODEL.iterdir())
            if path.suffix in (".c", ".h") or path.name in ("meson.build", "trace-events")}


def get():
    """The folder with the binary, lib/ and firmware/, built when it is absent or outdated."""
    version = apt.show(ARCHIVE, "qemu", "showsrc")["Version"]
    plain_key = cache.key(version, *PACKAGES, *CONFIGURE, UNUSED)
    model, patch = _model(), (MODEL / "hook-in.patch").read_bytes()
    content = [word for name, data in model.items() for word in (name, data)]
    return cache.item("qemu", cache.key(plain_key, STARTER_SCRIPT, *FIRMWARE, patch, *content),
                      lambda place: _build(place, version, plain_key, model, patch),
                      needs_mb=ROOM_MB)


def builder():
    """The builder tree that QEMU is compiled in."""
    return tree.get("qemu", ARCHIVE, PACKAGES)


def _build(place, version, plain_key, model, patch):
    """Brings the work folder up to date and takes out of it what a run needs."""
    plain = cache.item("qemu-plain", plain_key, lambda folder: _build_plain(folder, version),
                       needs_mb=PLAIN_ROOM_MB)
    what = "cannot build QEMU with the device model"

    def fill(work):
        shutil.copytree(plain / "source", work / "source", symlinks=True)
        (work / "hook-in.patch").write_bytes(patch)
        tree.run(builder(), ["patch", "-p1", "-i", "/build/hook-in.patch"],
                 f"cannot apply {MODEL / 'hook-in.patch'}", [(work, "/build", "rw")],
                 cwd="/build/source")

    with cache.work("qemu", cache.key(plain_key, patch), fill, needs_mb=WORK_ROOM_MB) as work:
        _update(work / "source/hw/net/vfvirt", model)
        shell.say("building the device model into QEMU")
        binds = [(work, "/build", "rw"), (place, "/out", "rw")]
        log = cache.build_log("qemu")
        tree.run(builder(), ["nice", "ninja", "-C", "/build/source/b", BINARY], what, binds, log,
                 LIMIT_S)
        tree.run(builder(), ["sh", "-euc", _collect_script()], what, binds, log)
    starter = place / STARTER
    starter.write_text(STARTER_SCRIPT, encoding="utf-8")
    starter.chmod(0o755)
    models = shell.run([starter, "-device", "help"], what)
    if "vfvirt-net-pf" not in models:
        raise Problem(f"{what}: the binary has no device vfvirt-net-pf: see {MODEL}")


def _update(target, model):
    """Makes target hold the model's files; those that are the same keep their time."""
    target.mkdir(exist_ok=True)
    for name, data in model.items():
        copy = target / name
        if not copy.exists() or copy.read_bytes() != data:
            copy.write_bytes(data)
    for copy in target.iterdir():
        if copy.name not in model:
            copy.unlink()


def _collect_script():
    """Shell that copies the binary, the libraries it loads, and the firmware to /out."""
    firmware = " ".join(f"/usr/share/{pattern}" for pattern in FIRMWARE)
    binary = f"/build/source/b/{BINARY}"
    return f"""
        mkdir /out/lib /out/firmware
        cp {binary} /out/
        cp -L $(ldd {binary} | grep -o '/[^ ]*') /out/lib/
        cp -L {firmware} /out/firmware/
    """


def _build_plain(place, version):
    """Unpacks, configures and builds Debian's QEMU without our files."""
    what, log = f"cannot build QEMU {version}", cache.build_log("qemu-plain")
    shell.say(f"building QEMU {version} (some minutes; log: {log})")
    download = place / "download"
    download.mkdir()
    dsc = apt.download_source(ARCHIVE, "qemu", version, download)
    binds = [(place, "/build", "rw")]
    tree.run(builder(), ["dpkg-source", "--no-check", "-x", f"/build/download/{dsc.name}",
                       "/build/source"], what, binds, log)
    shutil.rmtree(download)
    shutil.rmtree(place / "source" / UNUSED)
    (place / "source/b").mkdir()
    tree.run(builder(), CONFIGURE, what, binds, log, cwd="/build/source/b")
    tree.run(builder(), ["nice", "ninja", "-C", "/build/source/b", BINARY], what, binds, log,
             LIMIT_S)
