# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds the modules of kernel/ for a tested kernel, in a builder tree with its headers."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import apt, cache, kernels, shell, tree
from .errors import Problem

CHECKOUT = Path(__file__).resolve().parent.parent.parent
EXTRA = "tests/kernel/modules"    # modules that only tests use; built along when there are any
WORK_ROOM_MB = 200
LIMIT_S = 600
COMPLAINT = re.compile(r": (warning|error): ")

# What a package does with the source tree, in a place of its own; $1: the kernel's release.
DKMS = """
mkdir /build/dkms
make -C /src install-dkms DESTDIR=/build/root
cd /build/root/usr/src/vfvirt-*
dkms build --sourcetree /build/root/usr/src --dkmstree /build/dkms \\
    -m vfvirt -v "${PWD##*/vfvirt-}" -k "$1"
"""


@dataclass(frozen=True)
class Target:
    """A kernel to build for. name: as in "6.12"; built_in: a builder tree; folder: path inside
    it to build against; binds: (folder, one of tree.POINTS, "ro") that put it there."""
    name: str
    built_in: Path
    folder: str
    binds: tuple = ()

    def made_of(self):
        """What the result depends on besides our sources."""
        return [str(self.built_in), *(str(bind[0]) for bind in self.binds)]


def headers(version):
    """A builder tree with compiler and headers of a kernel; its KDIR is kdir(version)."""
    return apt.fresh(kernels.ORIGINS[version].archive, lambda: headers_and(version))


def kdir(version):
    """Path, inside the tree of headers(), of the folder to build modules against."""
    return f"/lib/modules/{kernels.release(version)}/build"


def headers_and(version, purpose="modules", more=()):
    """The tree of headers() with more packages in it; purpose: its name's beginning. Raises Stale
    when the lists are older than the mirror: call it through apt.fresh()."""
    origin, uname = kernels.ORIGINS[version], kernels.release(version)
    archive = origin.archive
    top = f"linux-headers-{uname}"
    needed = apt.depends(archive, top)
    parts = [top] + [name for name in needed
                     if re.fullmatch(r"linux-headers-.+-common|linux-kbuild-.+", name)]
    versions = [apt.show(archive, name)["Version"] for name in parts]
    tools = {other for name in parts for other in apt.depends(archive, name)
             if not other.startswith("linux-")}
    names = ["make", "sparse", origin.compiler, *sorted(tools), *more]
    return tree.get(f"{purpose}-{version}", origin.base, list(dict.fromkeys(names)),
                    lambda place: apt.download(archive, parts, place),
                    [f"{name}={number}" for name, number in zip(parts, versions)])


def build(version):
    """Paths of the .ko files of kernel/ (and EXTRA) for a kernel, built when sources changed.

    Raises Problem with the compiler's first complaint and the log's path.
    """
    return build_for(Target(version, headers(version), kdir(version)))


def build_for(target):
    """The same for any kernel that there is a Target of."""
    if not (CHECKOUT / "kernel/Makefile").exists():
        raise Problem("kernel/Makefile does not exist: there are no modules to build")
    key = _key(target)

    def make(out):
        _build(target, out)
        if _key(target) != key:
            raise Problem("kernel/ was changed while it was being built: run it again")

    place = cache.item(f"modules-{target.name}", key, make)
    return sorted(place.glob("*.ko"))


def _version():
    """The version of the checkout, which the modules bear."""
    text = (CHECKOUT / "vfvirtctl/meson.build").read_text(encoding="utf-8")
    return re.search("'c', version: '([^']*)'", text)[1]


def _key(target):
    """The key of the modules that the sources, as they are now, give for that kernel."""
    return cache.key(*target.made_of(), _version(), *(word for pair in _sources() for word in pair))


def _sources():
    """Names inside the checkout, and contents, of the sources; build output left out."""
    for top in (CHECKOUT / "kernel", CHECKOUT / EXTRA):
        for path in sorted(top.rglob("*")):
            built = path.relative_to(top).parts[0] == "build" or path.suffix in (".o", ".ko")
            if path.is_file() and not built:
                yield str(path.relative_to(CHECKOUT)), path.read_bytes()


def _refresh(place):
    """Makes a folder hold the sources, and writes only what differs: make goes by the times of
    files, but those of a checkout say nothing, as a copy keeps them and another has others."""
    names = set()
    for name, content in _sources():
        path = place / name
        names.add(path)
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    for path in place.rglob("*"):
        if path.is_file() and path not in names:
            path.unlink()


def check(version):
    """What sparse says about the modules of a kernel: a list of lines, empty when all is well."""
    target = Target(version, headers(version), kdir(version))

    def make(out):
        with _work(target) as work:
            shell.say(f"checking the modules for kernel {version} with sparse")
            log = cache.build_log(f"sparse-{version}")
            _make(target, work, log, "C=2")
            (out / "said").write_text("".join(f"{line}\n" for line in complaints(log)),
                                      encoding="utf-8")

    place = cache.item(f"sparse-{version}", _key(target), make)
    return (place / "said").read_text(encoding="utf-8").splitlines()


def dkms(version):
    """The modules that DKMS builds for a kernel from its source tree, without a network.

    Raises Problem when it does not, or builds others than there are folders of modules.
    """
    built_in = apt.fresh(kernels.ORIGINS[version].archive,
                         lambda: headers_and(version, "dkms", ("dkms",)))
    target = Target(version, built_in, kdir(version))

    def make(out):
        log = cache.build_log(f"dkms-{version}")
        shell.say(f"building the modules for kernel {version} with DKMS")
        tree.run(built_in, ["unshare", "--net", "sh", "-ec", DKMS, "sh", kernels.release(version)],
                 f"cannot build the modules for kernel {version} with DKMS",
                 [(CHECKOUT, "/src", "ro"), (out, "/build", "rw")], log, LIMIT_S)

    place = cache.item(f"dkms-{version}", cache.key(
        DKMS, CHECKOUT / "packaging/dkms/dkms.conf", _key(target)), make)
    found = sorted(place.glob("dkms/vfvirt/*/*/*/module/vfvirt_*.ko*"))
    folders = list((CHECKOUT / "kernel").glob("*/Kbuild"))
    if len(found) != len(folders):
        raise Problem(f"DKMS built {len(found)} modules of {len(folders)}: see packaging/dkms")
    return found


def complaints(log):
    """The lines of a build's log that complain, of the compiler and of sparse alike."""
    return [line for line in log.read_text(errors="replace").splitlines()
            if COMPLAINT.search(line)]


def _work(target):
    """The work folder in which the modules of that kernel are built."""
    return cache.work(f"modules-{target.name}", " ".join([*target.made_of(), "by content"]),
                      lambda work: None, needs_mb=WORK_ROOM_MB)


def _make(target, work, log, *words):
    """Runs make in a work folder."""
    sources = work / "sources"
    _refresh(sources)
    extra = [f"EXTRA=/src/{EXTRA}"] if (sources / EXTRA).exists() else []
    tree.run(target.built_in, ["nice", "make", "-C", "/src/kernel", "modules", "-j2",
                               f"KDIR={target.folder}", "BUILD=/build/objects",
                               f"VFVIRT_VERSION={_version()}", *extra, *words],
             f"cannot build the modules for kernel {target.name}",
             [(sources, "/src", "ro"), (work, "/build", "rw"), *target.binds], log, LIMIT_S)


def _build(target, out):
    """Builds in the work folder of that kernel and copies the modules to out."""
    with _work(target) as work:
        shell.say(f"building the modules for kernel {target.name}")
        log = cache.build_log(f"modules-{target.name}")
        _make(target, work, log)
        found = sorted((work / "objects").rglob("*.ko"))
        if not found:
            raise Problem(f"make modules for kernel {target.name} left no .ko file (log: {log})")
        for module in found:
            shutil.copy2(module, out)
