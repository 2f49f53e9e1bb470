# SPDX-License-Identifier: GPL-2.0-or-later
"""A made-up host: cards, a bus, who takes notifications and journal messages, and vfvirtd."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from . import bus

LIMIT_S = 60
JOURNAL_FOLDER = "/run/systemd/journal"
VARIANT = "vfvirt_vfio_pci"
LIBVIRT_GROUP = 64055
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fakecard"))
from fakecard import FakeCard  # noqa: E402  pylint: disable=wrong-import-position


class Datagrams:
    """A datagram socket and what came to it; a thread takes it, so that no sender waits."""

    def __init__(self, path):
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o777)
        self.seen = []
        self.came = threading.Condition()
        self.thread = threading.Thread(target=self._take)
        self.thread.start()

    def _take(self):
        while data := self.socket.recv(1 << 17):
            with self.came:
                self.seen.append(data.decode())
                self.came.notify_all()

    def wait(self, text, count=1, limit_s=LIMIT_S):
        """Waits until that many messages have the text; the last of them."""
        with self.came:
            found = self.came.wait_for(
                lambda: [one for one in self.seen if text in one][count - 1:], limit_s)
        if not found:
            raise AssertionError(f"no {text!r} on {self.path} within {limit_s} s, only: "
                                 f"{self.seen[-20:]}")
        return found[-1]

    def close(self):
        """Nobody can send any more. An empty message ends the thread."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.sendto(b"", self.path)
        self.thread.join()
        self.socket.close()
        os.unlink(self.path)


class Sender:
    """Sends uevents of its own making to where vfvirtd listens, as a context manager."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.connect(str(path))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, **pairs):
        """One event."""
        self.send_raw(b"".join(f"{key}={value}".encode() + b"\0" for key, value in pairs.items()))

    def send_raw(self, data):
        """Anything."""
        self.socket.sendall(data)


class Host:
    """See the module. folder: empty, short; built: of lib.programs; logs: where logs are kept."""

    def __init__(self, folder, built, logs, pfs=1, vfs_max=8, open_bus=False, intents=None):
        folder.chmod(0o755)
        self.folder, self.built, self.logs = folder, built, logs
        self.process = self.client = None
        self.crashed, self.runs = False, 0
        self.card = FakeCard(built / "tests/fakecard/fakecard", folder, pfs, vfs_max)
        self.bus = bus.Daemon(folder, open_bus)
        self.notified = Datagrams(folder / "notify")
        self.journal = Datagrams(Path(JOURNAL_FOLDER) / "socket")
        self.pfs = sorted(path.parent.name for path in
                          (self.card.sysfs / "bus/pci/devices").glob("*/sriov_totalvfs"))
        self.pf = self.pfs[0] if self.pfs else None
        for name, intent in (intents or {}).items():
            self.intent(name, **intent)

    def do(self, line):
        """Gives the card a command."""
        return self.card.do(line)

    def intent(self, name, pf=0, **keys):
        """Writes an intent file for a PF, by its place in pfs."""
        text = json.dumps({"match": {"address": self.pfs[pf]}, **keys})
        (self.folder / "etc" / f"{name}.json").write_text(text, encoding="utf-8")

    def environment(self, **more):
        """The variables for our programs."""
        return {**os.environ, **self.card.environment(),
                "DBUS_SYSTEM_BUS_ADDRESS": self.bus.address,
                "NOTIFY_SOCKET": str(self.folder / "notify"),
                "VFVIRT_LIBVIRT_PIDFILE": str(self.folder / "libvirtd.pid"),
                "VFVIRT_DOMAINS_PROGRAM": str(self.built / "usr/libexec/vfvirt/vfvirt-domains"),
                "UBSAN_OPTIONS": "print_stacktrace=1", **more}

    def program(self, *words):
        """The command line of vfvirtd."""
        return [str(self.built / "usr/sbin/vfvirtd"), *words]

    def start(self, ready=True, **environment):
        """Starts vfvirtd, and waits until it is ready; the client."""
        self.runs += 1
        self.notified.seen.clear()
        log = open(self.logs / f"vfvirtd-{self.runs}.log", "wb")
        with log:
            self.process = subprocess.Popen(self.program(), env=self.environment(**environment),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)
        if not ready:
            return None
        self.notified.wait("READY=1")
        return self.connect()

    def connect(self):
        """A client that finds org.vfvirt1."""
        self.client = bus.Client(self.bus.address)
        end = time.monotonic() + LIMIT_S
        while True:
            try:
                self.client.get("Version")
                return self.client
            except bus.BusError as error:
                # Its name is asked for right before it is ready, and given a moment later.
                if "ServiceUnknown" not in error.name or time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def stop(self):
        """SIGTERM; its exit status must be 0."""
        if self.client:
            self.client.close()
            self.client = None
        self.process.terminate()
        status = self.process.wait(LIMIT_S)
        self.process = None
        if status:
            raise AssertionError(f"vfvirtd ended with status {status}: {self.last_words()}")

    def kill(self, workers=True):
        """SIGKILL, to the workers too."""
        if self.client:
            self.client.close()
            self.client = None
        self.process.kill()
        self.process.wait(LIMIT_S)
        self.process = None
        if workers:
            self.kill_workers()

    def kill_with(self, release):
        """SIGKILL to all. release(): lets workers go out of the write that they are in.

        A process in the card ends only then, as in the kernel, but without another step.
        """
        for number in self.workers():
            os.kill(number, signal.SIGKILL)
        self.kill(workers=False)
        release()
        self.kill_workers()

    def workers(self):
        """Process numbers of the workers of this host."""
        mark = f"VFVIRT_RUN={self.folder}/run".encode()
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and b"--worker" in (entry / "cmdline").read_bytes() \
                        and mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
        return found

    def kill_workers(self):
        """SIGKILL, and waits until they are gone."""
        end = time.monotonic() + LIMIT_S
        while found := self.workers():
            for number in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
            if time.monotonic() > end:
                raise AssertionError(f"workers that cannot be killed: {found}")
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-1, os.WNOHANG)
            time.sleep(0.01)

    def writes(self):
        """The log of writes to sysfs, as "path=text result"."""
        return self.do("log")

    def driver(self, address):
        """The driver of a function; None without one."""
        try:
            return os.path.basename(os.readlink(
                self.card.sysfs / "bus/pci/devices" / address / "driver"))
        except FileNotFoundError:
            return None

    def rebind(self, address, override):
        """Gives a function, by hand, another driver_override, and the driver that follows."""
        place = self.card.sysfs / "bus/pci/devices" / address
        (place / "driver_override").write_text(override + "\n", encoding="utf-8")
        (place / "driver/unbind").write_text(address, encoding="utf-8")
        (self.card.sysfs / "bus/pci/drivers_probe").write_text(address, encoding="utf-8")

    def vfs(self, pf=None):
        """Addresses of the VFs that exist, in their order."""
        place = self.card.sysfs / "bus/pci/devices" / (pf or self.pf)
        links = sorted(place.glob("virtfn*"), key=lambda link: int(link.name[6:]))
        return [os.path.basename(os.readlink(link)) for link in links]

    def published(self):
        """Addresses of the VFs with a hostdev file."""
        return sorted(path.stem for path in (self.folder / "run/hostdev").glob("*.xml"))

    def last_words(self):
        """The end of vfvirtd's own output."""
        log = self.logs / f"vfvirtd-{self.runs}.log"
        return log.read_text(errors="replace")[-2000:] if log.exists() else ""

    def check(self):
        """Nothing crashed: vfvirtd still runs and ends well, no sanitizer complained."""
        if self.process and self.process.poll() is not None:
            raise AssertionError(f"vfvirtd ended with {self.process.returncode}: "
                                 f"{self.last_words()}")
        self.do("release")
        if self.process:
            self.stop()
        for log in self.logs.glob("vfvirtd-*.log"):
            text = log.read_text(errors="replace")
            if "Sanitizer" in text or "runtime error" in text:
                raise AssertionError(text[-4000:])

    def close(self):
        """Ends all that was started."""
        with contextlib.ExitStack() as ending:
            ending.callback(self.journal.close)
            ending.callback(self.notified.close)
            ending.callback(self.bus.stop)
            ending.callback(self.card.stop)
            ending.callback(self.kill_workers)
            if self.process:
                ending.callback(self.kill)
            # Who waits in the card cannot be killed, as in the kernel.
            ending.callback(self.do, "release")
            messages = "\n--\n".join(self.journal.seen)
            (self.logs / "journal.txt").write_text(messages, encoding="utf-8")


