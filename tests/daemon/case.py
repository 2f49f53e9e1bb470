# SPDX-License-Identifier: GPL-2.0-or-later
"""Registers the cases of the daemon tier, runs each on a host of its own."""

import ctypes
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from lib import packages, programs
from lib import report as reporting
from lib.errors import Problem

from . import host

SECTION = "daemon"
LIMIT_S = 120
MS_BIND = 0x1000
NEEDED = ("dbus-daemon", "fuse3", "python3-jeepney", "libvirt-daemon")


@dataclass(frozen=True)
class Case:
    """One test. on_demand: only when a pattern chooses it; setup: arguments of host.Host."""
    function: Callable
    on_demand: bool
    setup: dict


CASES = {}      # name -> Case, in the order of registration


def case(name, on_demand=False, **setup):
    """Registers a function as the case of that name; it gets a host.Host made with setup."""
    def register(function):
        if name in CASES:
            raise ValueError(f"two cases are called {name!r}")
        CASES[name] = Case(function, on_demand, setup)
        return function
    return register


def run(report, patterns):
    """Runs the cases that the patterns choose."""
    packages.ensure(*NEEDED)
    built = programs.build()
    isolate()
    for name, one in CASES.items():
        if reporting.matches(patterns, name) and (patterns or not one.on_demand):
            logs = report.logs(name)
            report.case(SECTION, name, lambda: _on_host(one, built, logs), LIMIT_S)


def _on_host(one, built, logs):
    """Runs a case; whatever it started has ended afterwards, and vfvirtd has not crashed."""
    # Sockets have short paths, so this is not in the folder of the run.
    folder = Path(tempfile.mkdtemp(prefix="vfd-", dir="/tmp"))
    made = None
    try:
        made = host.Host(folder, built, logs, **one.setup)
        one.function(made)
        made.check()
    finally:
        if made:
            made.close()
        shutil.rmtree(folder, ignore_errors=True)


def isolate():
    """Makes, in this run's mount namespace only, a journal of our own and a group libvirt."""
    if os.path.ismount(host.JOURNAL_FOLDER):
        return
    os.makedirs(host.JOURNAL_FOLDER, exist_ok=True)
    _mount("none", host.JOURNAL_FOLDER, "tmpfs", 0)
    groups = [line for line in Path("/etc/group").read_text(encoding="utf-8").splitlines()
              if not line.startswith("libvirt:")] + [f"libvirt:x:{host.LIBVIRT_GROUP}:"]
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        file.write("\n".join(groups) + "\n")
        file.flush()
        os.chmod(file.name, 0o644)
        _mount(file.name, "/etc/group", "none", MS_BIND)


def _mount(what, where, kind, flags):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(os.fsencode(what), os.fsencode(where), os.fsencode(kind), flags, None):
        raise Problem(f"{where}: cannot mount: {os.strerror(ctypes.get_errno())}")


def equal(have, want, what):
    """Fails the case unless the two are equal."""
    if have != want:
        raise AssertionError(f"{what}: {have!r}, not {want!r}")


def true(condition, what):
    """Fails the case unless the condition holds; what: the sentence that it makes true."""
    if not condition:
        raise AssertionError(f"not so: {what}")


def contains(text, *words):
    """Fails the case unless the text has each of the words."""
    for word in words:
        if word not in text:
            raise AssertionError(f"{word!r} is not in: {text}")


def until(condition, what, limit_s=30):
    """Waits for a condition that no event tells of; its value. what: as for true()."""
    end = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not so within {limit_s} s: {what}")
        time.sleep(0.02)
