# SPDX-License-Identifier: GPL-2.0-or-later
"""The cache folder: finished items under a content key, mutable work folders, locks, logs.

An item is complete or absent. It is built in a hidden folder beside its place, gets a manifest
of its files, and is renamed into place as the very last step; so neither an interrupted build
nor a power cut leaves a half item that anybody would use. A work folder is one that a build
tool keeps from run to run; a mark inside says that somebody writes to it, and a mark left
behind by an interrupted run throws the folder away.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from . import shell
from .errors import Overdue, Problem

MANIFEST = ".vfvirt-manifest"
KEPT_ITEMS = 3          # newest items of a name that are kept whatever their age
KEPT_UNUSED_S = 7200    # older items and logs go when they were not used for this long
TOLD_S = 1              # builds that take at least this long are told
KEPT_LOGS = 20          # newest log folders that are kept

_whole = set()          # items that this process has already compared with their manifest


def root():
    """The cache folder, made when absent: VFVIRT_CACHE, else ~/.cache/vfvirt."""
    chosen = os.environ.get("VFVIRT_CACHE")
    path = Path(chosen) if chosen else Path.home() / ".cache" / "vfvirt"
    path = path.absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise Problem(f"{path}: cannot write to the cache folder: {error.strerror}: "
                      "set VFVIRT_CACHE to a folder that root may write") from error
    return path


def key(*parts):
    """A short hash over strings, bytes and files (given as Path: their names and contents)."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            part = part.name.encode() + b"\0" + part.read_bytes()
        elif isinstance(part, str):
            part = part.encode()
        total.update(len(part).to_bytes(8, "little") + part)
    return total.hexdigest()[:16]


def empty():
    """Removes what this project keeps in the cache folder, and nothing else that is there.

    Raises Problem while another run builds something.
    """
    base = root()
    with contextlib.ExitStack() as held:
        for path in folder("locks").iterdir():
            file = held.enter_context(open(path, "a", encoding="utf-8"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Problem(f"{base}: another run is building {path.name}: let it end, or stop "
                              "it, before the cache is emptied") from None
        for name in ("items", "work", "apt", "build-logs", "logs", "tmp", "locks"):
            if (base / name).exists():
                shutil.rmtree(base / name)


def folder(name):
    """A folder of the cache that is not an item, such as "logs" or "apt"; made when absent."""
    path = root() / name
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def lock(name):
    """Holds the lock of that name against other runs; the kernel drops it when we die.

    Waits without a limit of its own: the holder's steps are all bounded, and a dead holder's
    lock is free at once.
    """
    with open(folder("locks") / name, "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            shell.say(f"waiting for another run that is building {name}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def item(name, item_key, build, needs_mb=0):
    """The folder of a finished item, which is built first when it is absent or damaged.

    name: what it is, as in "qemu"; item_key: from key(), over all that it is made of;
    build(path): fills the empty folder path, raises Problem when it cannot;
    needs_mb: free space in megabytes without which the build is not begun.
    """
    place = root() / "items" / name / item_key
    if place in _whole:
        return place
    if place.exists() and not damage(place):
        return _use(place)
    with lock(name):
        if place.exists():
            what = damage(place)
            if not what:
                return _use(place)
            shell.say(f"{place}: damaged ({what}): building it again")
            shutil.rmtree(place)
        place.parent.mkdir(parents=True, exist_ok=True)
        for left in place.parent.glob(".building-*"):
            shutil.rmtree(left)
        need_room(place.parent, name, needs_mb)
        _fill(place, name, build)
        _prune(place)
    return _use(place)


def _fill(place, name, build):
    """Builds an item in a hidden folder and renames it into place when it is complete."""
    temporary, begin = place.parent / f".building-{place.name}", time.monotonic()
    temporary.mkdir()
    try:
        build(temporary)
        _write_manifest(temporary)
        os.rename(temporary, place)
        seconds = time.monotonic() - begin
        if seconds >= TOLD_S:
            shell.say(f"built {name} in {seconds:.1f} s")
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if shell.no_room(error):
            raise Problem(f"{place.parent}: no disk space left while building {name}: free some "
                          "or set VFVIRT_CACHE to a larger place") from error
        raise
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def need_room(path, what, needs_mb):
    """Raises Problem when the file system of path has less than needs_mb megabytes free."""
    free_mb = shutil.disk_usage(path).free // 1000000
    if free_mb < needs_mb:
        raise Problem(f"{path}: no disk space for {what}: it needs {needs_mb} MB, {free_mb} MB "
                      "are free: free some or set VFVIRT_CACHE to a larger place")


def _files(place):
    """Yields (path inside the item, stat) of all its files and links, manifest excepted."""
    for base, folders, names in os.walk(place):
        links = [entry for entry in folders if os.path.islink(os.path.join(base, entry))]
        for entry in names + links:
            path = os.path.join(base, entry)
            inside = os.path.relpath(path, place)
            if inside != MANIFEST:
                yield inside, os.lstat(path)


def _write_manifest(place):
    """Records size and time of every file and brings all of it to the disk."""
    files = {inside: [found.st_size, found.st_mtime_ns] for inside, found in _files(place)}
    if not files:
        raise Problem(f"{place}: the build left no file")
    manifest = place / MANIFEST
    manifest.write_text(json.dumps({"files": files}), encoding="utf-8")
    handle = os.open(place, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def damage(place):
    """What is wrong with an item, in a few words; empty when it is as it was built."""
    try:
        listed = json.loads((place / MANIFEST).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return "its list of files is missing or unreadable"
    for inside, (size_bytes, mtime_ns) in listed.items():
        try:
            found = os.lstat(place / inside)
        except OSError:
            return f"{inside} is missing"
        if (found.st_size, found.st_mtime_ns) != (size_bytes, mtime_ns):
            return f"{inside} was changed"
    return ""


def _use(place):
    """Notes that an item was found whole and is used now; the note keeps it from pruning."""
    _whole.add(place)
    os.utime(place / MANIFEST)
    return place


def _prune(place):
    """Removes items of the same name that are neither among the newest nor recently used."""
    def used(other):
        try:
            return (other / MANIFEST).stat().st_mtime
        except OSError:
            return 0
    others = sorted((other for other in place.parent.iterdir() if other != place),
                    key=used, reverse=True)
    for other in others[KEPT_ITEMS - 1:]:
        if time.time() - used(other) > KEPT_UNUSED_S:
            shutil.rmtree(other)


@contextlib.contextmanager
def work(name, work_key, fill, needs_mb=0):
    """Gives a mutable folder to one run at a time, for tools that build incrementally.

    fill(path): makes its first content when it is new, was made under another work_key, or
    a run was interrupted in it.
    """
    place = folder("work") / name
    mark, busy = place / ".vfvirt-key", place / ".vfvirt-busy"
    with lock(f"work-{name}"):
        known = mark.read_text(encoding="utf-8") if mark.exists() else ""
        if known != work_key or busy.exists():
            if place.exists():
                shutil.rmtree(place)
            need_room(place.parent, name, needs_mb)
            place.mkdir()
            fill(place)
            mark.write_text(work_key, encoding="utf-8")
        busy.touch()
        try:
            yield place
        except Overdue:
            raise
        except Problem:
            busy.unlink()    # the tool ended by itself, so its folder is in order
            raise
        busy.unlink()


def build_log(name):
    """The path of the log of one build step; it begins empty and outlives a failure."""
    path = folder("build-logs") / f"{name}.log"
    path.write_bytes(b"")
    return path


def logs():
    """A new folder for the logs of this run; older ones beyond the newest few are removed."""
    base = folder("logs")
    stamp = time.strftime("%Y%m%d-%H%M%S")
    place, count = base / stamp, 1
    while True:
        try:
            place.mkdir()
            break
        except FileExistsError:
            count += 1
            place = base / f"{stamp}-{count}"
    for old in sorted(base.iterdir(), key=_changed_s)[:-KEPT_LOGS]:
        if time.time() - _changed_s(old) > KEPT_UNUSED_S:
            shutil.rmtree(old, ignore_errors=True)
    return place


def _changed_s(path):
    """When a path was changed, of the clock; now, if another run has just removed it."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()


@contextlib.contextmanager
def scratch():
    """A folder for temporary files of one run, removed at its end, or by a later run.

    The lock on it tells later runs that it is in use; it falls when the run and all that it
    started are gone.
    """
    base = folder("tmp")
    with lock("tmp"):
        for left in base.iterdir():
            with _locked(left) as free:
                if free:
                    shutil.rmtree(left)
        place = base / f"run-{os.urandom(4).hex()}"
        place.mkdir()
        held = contextlib.ExitStack()
        held.enter_context(_locked(place))
    with held:
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def _locked(place):
    """Tries to lock a folder itself; gives whether that was possible."""
    handle = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        free = True
    except BlockingIOError:
        free = False
    try:
        yield free
    finally:
        os.close(handle)
