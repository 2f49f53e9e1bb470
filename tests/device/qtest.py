# SPDX-License-Identifier: GPL-2.0-or-later
"""A QEMU without a guest: registers and memory over its qtest socket, commands over QMP."""

import collections
import json
import os
import pathlib
import select
import socket
import subprocess
import time

START_LIMIT_S = 20
ANSWER_LIMIT_S = 15
EXIT_LIMIT_S = 10
# Unread answers to posted writes; far fewer bytes than a socket buffer holds.
POSTED_MAX = 128


class Failure(Exception):
    """What the device did is not what was asked for; the text says both."""


class TimeLimit(Failure):
    """Something that had to happen did not happen in time."""


class QemuDied(Failure):
    """The QEMU process ended by itself; the text holds its last words."""


class Refused(Exception):
    """A QMP command was answered with an error; the text is QEMU's description."""


class Qemu:
    """One QEMU process under the qtest accelerator: its clock stands still unless stepped."""

    def __init__(self, command: list[str], arguments: list[str], folder: pathlib.Path):
        """Start `command` + `arguments`; sockets and output files go to `folder` (kept)."""
        self.folder = folder
        self.events: collections.deque = collections.deque()
        self._stderr = folder / "stderr"
        self._qtest: socket.socket | None = None
        self._qmp: socket.socket | None = None
        self._unanswered = 0
        self._text = b""
        self._qmp_text = b""
        listeners = [_listen(folder / name) for name in ("qtest.sock", "qmp.sock")]
        self.argv = [
            "setpriv", "--pdeathsig", "KILL", "--", *command,
            "-accel", "qtest", "-display", "none", "-nodefaults", "-no-user-config",
            "-qtest", f"unix:{folder}/qtest.sock", "-qtest-log", "none",
            "-chardev", f"socket,id=control,path={folder}/qmp.sock",
            "-mon", "chardev=control,mode=control", *arguments,
        ]
        with open(self._stderr, "wb") as output:
            self.process = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            self._qtest, self._qmp = (self._accept(listener) for listener in listeners)
            self._qmp_message()
            self.qmp("qmp_capabilities")
        except BaseException:
            self.kill()
            raise
        finally:
            for listener in listeners:
                listener.close()

    def stderr(self) -> str:
        """Everything QEMU wrote to its standard output and error so far."""
        return self._stderr.read_text(errors="replace")

    def check_alive(self) -> None:
        """Raise QemuDied when the process has ended."""
        status = self.process.poll()
        if status is not None:
            tail = " | ".join(self.stderr().strip().splitlines()[-6:])
            raise QemuDied(f"QEMU ended with status {status}: {tail or 'it wrote nothing'}")

    def close(self) -> None:
        """Ask QEMU to quit; raise QemuDied when it does not end well (a crash in an exit path)."""
        try:
            self.check_alive()
            self.qmp("quit")
            status = self.process.wait(EXIT_LIMIT_S)
        except subprocess.TimeoutExpired as late:
            raise TimeLimit(f"QEMU did not end within {EXIT_LIMIT_S} s of quit") from late
        finally:
            self.kill()
        if status != 0:
            tail = " | ".join(self.stderr().strip().splitlines()[-6:])
            raise QemuDied(f"QEMU ended with status {status} after quit: {tail}")

    def kill(self) -> None:
        """End the process, whatever state it is in."""
        for connection in (self._qmp, self._qtest):
            if connection:
                connection.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    # ---- sockets --------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> socket.socket:
        end = time.monotonic() + START_LIMIT_S
        while not select.select([listener], [], [], 0.05)[0]:
            self.check_alive()
            if time.monotonic() > end:
                raise TimeLimit(f"QEMU did not start within {START_LIMIT_S} s")
        return listener.accept()[0]

    def _receive(self, connection: socket.socket, what: str) -> bytes:
        if select.select([connection], [], [], ANSWER_LIMIT_S)[0]:
            try:
                data = connection.recv(1 << 16)
            except OSError:
                data = b""
            if data:
                return data
        self._wait_death(what)

    def _wait_death(self, what: str):
        """The connection is silent or closed: say which, with QEMU's last words if it died."""
        try:
            self.process.wait(0.5)
        except subprocess.TimeoutExpired:
            pass
        self.check_alive()
        raise TimeLimit(f"{what}: QEMU gave no answer within {ANSWER_LIMIT_S} s")

    def _send(self, connection: socket.socket, data: bytes, what: str) -> None:
        connection.settimeout(ANSWER_LIMIT_S)
        try:
            connection.sendall(data)
        except OSError:
            self._wait_death(what)

    def _line(self, what: str) -> str:
        while b"\n" not in self._text:
            self._text += self._receive(self._qtest, what)
        line, self._text = self._text.split(b"\n", 1)
        return line.decode()

    def _drain(self, what: str) -> str:
        """Take the answers to everything sent; return the last."""
        line = ""
        while self._unanswered:
            line = self._line(what)
            self._unanswered -= 1
            if not line.startswith("OK"):
                raise Failure(f"qtest refused a command up to '{what}': {line}")
        return line

    def _post(self, text: str) -> None:
        """Send a command whose answer carries nothing; the order of commands is kept."""
        if self._unanswered >= POSTED_MAX:
            self._drain(text)
        self._send(self._qtest, text.encode() + b"\n", text)
        self._unanswered += 1

    def _ask(self, text: str) -> str:
        self._post(text)
        return self._drain(text)[3:]

    # ---- registers, memory, clock ---------------------------------------------------------

    def load(self, address: int, width: int) -> int:
        """Read a little-endian value of 1, 2, 4 or 8 bytes at a physical address."""
        return int(self._ask(f"read{_letter(width)} {address:#x}"), 16)

    def store(self, address: int, width: int, value: int) -> None:
        """Write a little-endian value of 1, 2, 4 or 8 bytes at a physical address."""
        self._post(f"write{_letter(width)} {address:#x} {value:#x}")

    def port_in(self, port: int, width: int) -> int:
        """Read an I/O port, 1, 2 or 4 bytes wide."""
        return int(self._ask(f"in{_letter(width)} {port:#x}"), 16)

    def port_out(self, port: int, width: int, value: int) -> None:
        """Write an I/O port, 1, 2 or 4 bytes wide."""
        self._post(f"out{_letter(width)} {port:#x} {value:#x}")

    def read(self, address: int, length: int) -> bytes:
        """Read a block of memory; length at least 1."""
        return bytes.fromhex(self._ask(f"read {address:#x} {length:#x}")[2:])

    def write(self, address: int, data: bytes) -> None:
        """Write a block of memory; nothing for no data."""
        if data:
            self._post(f"write {address:#x} {len(data):#x} 0x{data.hex()}")

    def fill(self, address: int, length: int, value: int) -> None:
        """Set each of `length` bytes of memory."""
        self._post(f"memset {address:#x} {length:#x} {value:#x}")

    def step_ms(self, ms: float) -> None:
        """Let the virtual clock run on; timers due by then have fired on return."""
        self._ask(f"clock_step {int(ms * 1_000_000)}")
        self.settle()

    def settle(self) -> None:
        """Let QEMU work off what is due: each round trip is a full turn of its main loop."""
        for _ in range(3):
            self._ask("endianness")
            self.qmp("query-name")

    def wait(self, condition, what: str, limit_s: float = 3):
        """Repeat `condition`, which must talk to QEMU, until it holds; return its value."""
        end = time.monotonic() + limit_s
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                raise TimeLimit(f"{what}: did not happen within {limit_s:g} s")

    # ---- QMP ------------------------------------------------------------------------------

    def _qmp_message(self) -> dict:
        while b"\n" not in self._qmp_text:
            self._qmp_text += self._receive(self._qmp, "QMP")
        line, self._qmp_text = self._qmp_text.split(b"\n", 1)
        return json.loads(line)

    def qmp(self, command: str, **arguments):
        """Execute a QMP command; return its answer. Raises Refused with QEMU's description."""
        message = {"execute": command, "arguments": arguments}
        self._send(self._qmp, json.dumps(message).encode() + b"\n", command)
        while True:
            answer = self._qmp_message()
            if "event" in answer:
                self.events.append(answer)
            elif "error" in answer:
                raise Refused(answer["error"]["desc"])
            elif "return" in answer:
                return answer["return"]

    def wait_event(self, name: str, **data) -> dict:
        """Wait for the next QMP event of that name whose data has these members; return it."""
        def seen():
            self.qmp("query-name")
            for event in list(self.events):
                self.events.remove(event)
                have = event.get("data", {})
                if event["event"] == name and all(have.get(k) == v for k, v in data.items()):
                    return event
            return None
        return self.wait(seen, f"event {name}")


def refusal(command: list[str], arguments: list[str]) -> str:
    """Start QEMU with arguments it must refuse; return what it said. Raises Failure if it ran."""
    argv = [*command, "-accel", "qtest", "-display", "none", "-nodefaults", "-no-user-config",
            "-qtest", "null", *arguments]
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=ANSWER_LIMIT_S, check=False)
    except subprocess.TimeoutExpired as running:
        raise Failure("QEMU started although it had to refuse its arguments") from running
    said = done.stderr.decode(errors="replace").strip()
    if done.returncode != 1:
        raise QemuDied(f"QEMU ended with status {done.returncode} instead of a refusal: {said}")
    return said


def _listen(path: pathlib.Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.fspath(path))
    listener.listen(1)
    return listener


def _letter(width: int) -> str:
    return {1: "b", 2: "w", 4: "l", 8: "q"}[width]
