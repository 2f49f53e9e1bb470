# SPDX-License-Identifier: GPL-2.0-or-later
"""Leaves a person at a root prompt in the simulated host: `make demo-shell`."""

import os
import sys
import tempfile
import threading
from pathlib import Path

from lib import sitting
from lib.errors import Problem

from . import guest
from .case import LIMIT_S
from .machine import CONSOLE_TTY
from .scene import Scene

READY = "the simulated host is up, with VFs and a guest to try them on"
DAY_S = 86400
GUEST = "old1"


def names():
    """The one thing that must work before there is a prompt."""
    return [READY]


def run(report, _patterns):
    """Boots the host and joins its shell with the terminal until that is left."""
    if not sys.stdin.isatty():
        raise Problem("demo-shell needs a terminal to show a prompt on: start it from one, or "
                      "let `tests/run demo` show what it can")
    with tempfile.TemporaryDirectory(prefix="host", dir="/var/tmp") as folder:
        scene = Scene(Path(folder), report.logs("host"))
        try:
            if report.case("demo-shell", READY, lambda: _prepare(scene), LIMIT_S):
                report.line(_advice(scene))
                _sit(scene.host, Path(folder))
        finally:
            scene.keep_logs()
            scene.host.stop()


def _prepare(scene):
    scene.host.start()
    scene.host.settle()
    scene.network()
    scene.define(GUEST, guest.GUESTS[GUEST].address)


def _advice(scene):
    """What a person may try, and how to leave."""
    hostdev = scene.hostdev(0)
    lines = ["vfvirtctl list",
             f"virsh start {GUEST}; virsh console {GUEST}     # a minute until its prompt; "
             "leave it with Ctrl-5",
             f"virsh attach-device {GUEST} {hostdev}",
             f"ping {guest.GUESTS[GUEST].address}",
             f"virsh detach-device {GUEST} {hostdev}"]
    return "\n".join(["", "You are root in the simulated host; its disk is thrown away at the end. "
                      "Try:", *(f"    {line}" for line in lines),
                      "Leave with `exit` or Ctrl-].", ""])


def _sit(host, folder):
    """Starts a shell on the second serial port and joins the terminal with it."""
    ended, ending = os.pipe()
    size = os.get_terminal_size(sys.stdin.fileno())
    words = ["systemd-run", "--quiet", "--wait", "--collect", "-p", "StandardInput=tty-force",
             "-p", "StandardOutput=tty", "-p", "StandardError=tty", "-p", f"TTYPath={CONSOLE_TTY}",
             "-p", f"Environment=TERM={os.environ.get('TERM', 'vt100')} HOME=/root",
             "-p", "WorkingDirectory=/root", "/bin/sh", "-c",
             f"stty rows {size.lines} columns {size.columns}; exec bash --login"]

    def shell():
        try:
            host.try_run(*words, limit_s=DAY_S)
        finally:
            os.close(ending)

    thread = threading.Thread(target=shell, daemon=True)
    thread.start()
    sitting.attach(folder, ended)
