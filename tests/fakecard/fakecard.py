# SPDX-License-Identifier: GPL-2.0-or-later
"""Starts the made-up card for Python tests, and speaks to it."""

import os
import socket
import subprocess
from pathlib import Path

LIMIT_S = 60


class FakeCard:
    """A made-up host with a card, as a context manager. folder: short, since it is for sockets."""

    def __init__(self, program, folder, pfs=1, vfs_max=16):
        self.folder = Path(folder)
        for name in ("run", "etc", "usr"):
            (self.folder / name).mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [program, self.folder, str(pfs), str(vfs_max)], stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError(f"{program} did not start: status {self.process.wait(LIMIT_S)}")
        self.sysfs = self.folder / "root/sys"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Ends the card; who waits in it goes on with an error."""
        self.process.terminate()
        self.process.wait(LIMIT_S)
        self.process.stdout.close()

    def environment(self):
        """What makes our programs look at this host; an intent of etc/ is in force."""
        return {"VFVIRT_SYSFS": str(self.sysfs),
                "VFVIRT_PROCFS": str(self.folder / "root/proc"),
                "VFVIRT_NETLINK": str(self.folder / "netlink"),
                "VFVIRT_UEVENTS": str(self.folder / "uevents"),
                "VFVIRT_RUN": str(self.folder / "run"),
                "VFVIRT_INTENT": str(self.folder / "etc"),
                "VFVIRT_INTENT_VENDOR": str(self.folder / "usr")}

    def do(self, line):
        """Gives a command; its answer without the "ok". Raises OSError's text when refused."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(LIMIT_S)
            client.connect(os.fspath(self.folder / "control"))
            client.sendall(line.encode() + b"\n")
            *answer, last = self._lines(client)
        if last != "ok":
            raise RuntimeError(f"fake card: {line}: {last}")
        return answer

    @staticmethod
    def _lines(client):
        """The lines of an answer, as far as the last one."""
        text = b""
        while not (text.endswith(b"\nok\n") or text == b"ok\n"
                   or text.splitlines()[-1:] and text.splitlines()[-1].startswith(b"error ")
                   and text.endswith(b"\n")):
            data = client.recv(65536)
            if not data:
                raise RuntimeError("the fake card has ended")
            text += data
        return text.decode().splitlines()
