# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of the device model: what it says to type works as it stands there."""

import json
import pathlib
import shlex
import subprocess
import tempfile
import time

from lib.qmp import Qmp

from .case import equal, start_case, true

PAGE = pathlib.Path(__file__).resolve().parent.parent / "device-model/README.md"
START_LIMIT_S = 20


def _command_line() -> str:
    """The first command that starts with $QEMU, its lines joined."""
    lines = iter(PAGE.read_text(encoding="utf-8").splitlines())
    line = next(line.strip() for line in lines if line.strip().startswith("$QEMU "))
    while line.endswith("\\"):
        line = line[:-1] + next(lines).strip()
    return line.replace(" ...", " -S -display none")


@start_case("README the page's command starts a card that answers")
def _(command):
    with tempfile.TemporaryDirectory() as folder:
        script = f"QEMU={shlex.quote(shlex.join(command))}; exec {_command_line()}"
        process = subprocess.Popen(["sh", "-c", script], cwd=folder, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            path = pathlib.Path(folder) / "qmp.sock"
            deadline = time.monotonic() + START_LIMIT_S
            while not path.exists() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
            true(path.exists(), f"QEMU listens; it says: {_last_words(process)}")
            qmp = Qmp(path)
            counters = json.loads(qmp.execute("qom-get", path="/machine/peripheral/pf0",
                                              property="counters"))
            equal(counters["in_flight"], 0, "commands in flight")
            qmp.execute("quit")
            equal(process.wait(START_LIMIT_S), 0, "QEMU's exit status")
        finally:
            process.kill()
            process.wait()


def _last_words(process) -> str:
    """What QEMU wrote to stderr before it ended; nothing while it runs."""
    return process.stderr.read() if process.poll() is not None else "(nothing yet)"
