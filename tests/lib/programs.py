# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds the programs of vfvirtctl/ and those that only tests use, natively, in several flavors.

The sources are copied first, so that a build never sees half of an edit and always is of what its
key says. The work folder keeps the objects from run to run.
"""

import contextlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import cache, packages, shell

CHECKOUT = Path(__file__).resolve().parent.parent.parent
# What is compiled; everything else in tests/ is Python or is built elsewhere.
FOLDERS = ("vfvirtctl", "tests/subprojects", "tests/unit", "tests/fuzz", "tests/fakecard",
           "packaging/dbus")
FILES = ("tests/meson.build", "kernel/include/uapi/vfvirt.h")
NEEDED = ("gcc", "libc6-dev", "meson", "ninja-build", "pkgconf", "libjson-c-dev", "libxml2-dev",
          "libnl-3-dev", "libnl-genl-3-dev", "libnl-route-3-dev", "libudev-dev", "libsystemd-dev",
          "libvirt-dev", "libcmocka-dev", "libfuse3-dev")
ROOM_MB = 300
SETUP_LIMIT_S = 180
LIMIT_S = 900


@dataclass(frozen=True)
class Flavor:
    """A way to compile. options: of meson; needed: packages besides NEEDED; compiler: CC."""
    name: str
    options: tuple = ()
    needed: tuple = ()
    compiler: str = "gcc"


SANITIZE = "-Db_sanitize=address,undefined"
FLAVORS = {flavor.name: flavor for flavor in (
    Flavor("plain"),
    Flavor("sanitized", (SANITIZE, "-Doptimization=1", "-Db_lundef=false",
                         "-Dc_args=-fno-sanitize-recover=all -fno-omit-frame-pointer")),
    Flavor("coverage", ("-Db_coverage=true", "-Doptimization=0"), ("gcovr",)),
    Flavor("fuzz", (SANITIZE, "-Doptimization=1", "-Db_lundef=false", "-Dfuzz=true",
                    "-Dc_args=-fsanitize=fuzzer-no-link -fno-sanitize-recover=all"),
           ("clang", "libclang-rt-dev"), "clang"),
)}


def sources():
    """Path inside the checkout -> content of each source, or the target of a link, as Path."""
    found = {}
    for folder in FOLDERS:
        for path in sorted((CHECKOUT / folder).rglob("*")):
            if path.is_symlink():
                found[str(path.relative_to(CHECKOUT))] = path.readlink()
            elif path.is_file() and "__pycache__" not in path.parts:
                found[str(path.relative_to(CHECKOUT))] = path.read_bytes()
    for name in FILES:
        found[name] = (CHECKOUT / name).read_bytes()
    return found


def build(name="plain"):
    """A folder with the programs of a flavor, as installed: usr/..., and tests/ for those of tests.

    Built when sources changed. Raises Problem with the compiler's first complaint.
    """
    flavor, found = FLAVORS[name], sources()
    words = [str(word) if isinstance(word, Path) else word
             for pair in found.items() for word in pair]
    key = cache.key(*flavor.options, flavor.compiler, *words)
    return cache.item(f"programs-{name}", key, lambda out: _build(flavor, found, out),
                      needs_mb=ROOM_MB)


def _build(flavor, found, out):
    """Compiles in the work folder and installs to out."""
    with work(flavor, found) as place:
        shell.run(["meson", "install", "-C", place / "build", "--no-rebuild", "--quiet",
                   "--destdir", out], f"cannot install the programs ({flavor.name})",
                  cache.build_log(f"programs-{flavor.name}-install"), SETUP_LIMIT_S)


@contextlib.contextmanager
def work(flavor, found):
    """Holds the work folder of a flavor, with everything compiled in its build/."""
    packages.ensure(*NEEDED, *flavor.needed)
    with cache.work(f"programs-{flavor.name}", cache.key(*flavor.options, flavor.compiler),
                    lambda place: None, needs_mb=ROOM_MB) as place:
        _compile(place, flavor, found)
        yield place


def _compile(place, flavor, found):
    """Brings a work folder up to date with the sources."""
    _update(place / "source", found)
    log = cache.build_log(f"programs-{flavor.name}")
    what = f"cannot build the programs ({flavor.name})"
    shell.say(f"building the programs of vfvirtctl/ ({flavor.name})")
    if not (place / "build/build.ninja").exists():
        shutil.rmtree(place / "build", ignore_errors=True)
        shell.run(["meson", "setup", *flavor.options, place / "build", place / "source/tests"],
                  what, log, SETUP_LIMIT_S, env={"CC": flavor.compiler})
    shell.run(["nice", "ninja", "-C", place / "build"], what, log, LIMIT_S)


def _update(target, found):
    """Makes target hold these sources; files that are the same keep their time."""
    for inside, content in found.items():
        copy = target / inside
        copy.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            copy.unlink(missing_ok=True)
            copy.symlink_to(content)
        elif not copy.exists() or copy.read_bytes() != content:
            copy.write_bytes(content)
            if os.access(CHECKOUT / inside, os.X_OK):
                copy.chmod(0o755)
    for copy in sorted(target.rglob("*")):
        if (copy.is_symlink() or copy.is_file()) and str(copy.relative_to(target)) not in found:
            copy.unlink()
