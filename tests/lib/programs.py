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
from .errors import Problem

CHECKOUT = Path(__file__).resolve().parent.parent.parent
# What is compiled; everything else in tests/ is Python or is built elsewhere.
FOLDERS = ("vfvirtctl", "tests/subprojects", "tests/unit", "tests/fuzz", "tests/fakecard",
           "tests/cli/fake", "packaging/dbus")
FILES = ("tests/meson.build", "tests/meson_options.txt", "kernel/include/uapi/vfvirt.h")
# fuse3 and dbus-daemon are for running what is built: every test of it has a made-up card or a bus.
NEEDED = ("dbus-daemon", "fuse3",
          "gcc", "libc6-dev", "meson", "ninja-build", "pkgconf", "libjson-c-dev", "libkmod-dev",
          "libxml2-dev", "libnl-3-dev", "libnl-genl-3-dev", "libnl-route-3-dev", "libudev-dev", "libsystemd-dev",
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


_built = {}     # flavor -> what build() gives, in this process


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


def flavor():
    """The flavor that build() makes: VFVIRT_FLAVOR, a name in FLAVORS, else plain."""
    name = os.environ.get("VFVIRT_FLAVOR") or "plain"
    if name not in FLAVORS:
        raise Problem(f"VFVIRT_FLAVOR: no flavor {name!r}; there are: {', '.join(FLAVORS)}")
    return FLAVORS[name]


def build():
    """A folder with the programs, as installed: usr/..., and tests/ for those that only tests use.

    Built when sources changed since the last run; in one process always the same, so that a run
    does not see what is edited meanwhile. Raises Problem with the compiler's first complaint.
    """
    chosen = flavor()
    if chosen.name not in _built:
        # Not only to build them: they run with the same libraries, and a cache may come from
        # another machine.
        packages.ensure(*NEEDED, *chosen.needed)
        found = sources()
        words = [str(word) if isinstance(word, Path) else word
                 for pair in found.items() for word in pair]
        key = cache.key(*chosen.options, chosen.compiler, *words)
        _built[chosen.name] = cache.item(f"programs-{chosen.name}", key,
                                         lambda out: _build(chosen, found, out), needs_mb=ROOM_MB)
    return _built[chosen.name]


@contextlib.contextmanager
def held():
    """Compiles, and holds the work folder, whose path it gives; build() gives programs from there.

    For programs that write beside their objects, as those of the coverage flavor do.
    """
    chosen, found = flavor(), sources()
    with _work(chosen, found) as place:
        out = place / "installed"
        shutil.rmtree(out, ignore_errors=True)
        _install(chosen, place, out)
        _built[chosen.name] = out
        yield place


def _build(chosen, found, out):
    """Compiles in the work folder and installs to out."""
    with _work(chosen, found) as place:
        _install(chosen, place, out)


def _install(chosen, place, out):
    shell.run(["meson", "install", "-C", place / "build", "--no-rebuild", "--quiet", "--destdir",
               out], f"cannot install the programs ({chosen.name})",
              cache.build_log(f"programs-{chosen.name}-install"), SETUP_LIMIT_S)


@contextlib.contextmanager
def _work(chosen, found):
    """Holds the work folder of a flavor, with everything compiled in its build/."""
    packages.ensure(*NEEDED, *chosen.needed)
    with cache.work(f"programs-{chosen.name}", cache.key(*chosen.options, chosen.compiler),
                    lambda place: None, needs_mb=ROOM_MB) as place:
        _compile(place, chosen, found)
        yield place


def _compile(place, chosen, found):
    """Brings a work folder up to date with the sources."""
    _update(place / "source", found)
    log = cache.build_log(f"programs-{chosen.name}")
    what = f"cannot build the programs ({chosen.name})"
    shell.say(f"building the programs of vfvirtctl/ ({chosen.name})")
    if not (place / "build/build.ninja").exists():
        shutil.rmtree(place / "build", ignore_errors=True)
        shell.run(["meson", "setup", *chosen.options, place / "build", place / "source/tests"],
                  what, log, SETUP_LIMIT_S, env={"CC": chosen.compiler})
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
