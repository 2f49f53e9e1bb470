# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs commands in the simulated host, through the QEMU guest agent that is installed there."""

import base64
import json
import socket
import time
from dataclasses import dataclass

from lib.errors import Problem

ANSWER_LIMIT_S = 180
POLL_S, SLOWEST_POLL_S = 0.05, 1.0      # asking costs the host time


@dataclass(frozen=True)
class Done:
    """How a command ended. status: its exit status, or -signal."""
    status: int
    out: str
    err: str


class Agent:
    """A connection to the agent of one host."""

    def __init__(self, path):
        """path: of the socket of the agent's port, on which QEMU listens."""
        self._path = str(path)
        self._socket = None
        self._buffer = b""

    def wait(self, deadline, alive):
        """Waits until the agent answers. deadline: of time.monotonic(); alive(): is QEMU there?

        The agent may start long after the port was opened, and drops what was sent before.
        """
        while True:
            try:
                self._connect()
                self._synchronize()
                return
            except (OSError, Problem, ValueError):
                self._drop()
            if not alive() or time.monotonic() > deadline:
                raise Problem("the simulated host did not come up: its agent does not answer")
            time.sleep(0.2)

    def run(self, words, limit_s=180, text_in=""):
        """Runs a program of the host. words: argv; text_in: its standard input. Returns Done."""
        arguments = {"path": words[0], "arg": list(words[1:]), "capture-output": True}
        if text_in:
            arguments["input-data"] = base64.b64encode(text_in.encode()).decode()
        pid = self._ask("guest-exec", ANSWER_LIMIT_S, **arguments)["pid"]
        deadline, pause = time.monotonic() + limit_s, POLL_S
        while True:
            state = self._ask("guest-exec-status", ANSWER_LIMIT_S, pid=pid)
            if state["exited"]:
                break
            if time.monotonic() > deadline:
                raise Problem(f"{' '.join(words)}: did not end within {limit_s} s")
            time.sleep(pause)
            pause = min(pause * 1.2, SLOWEST_POLL_S)
        status = state.get("exitcode", -state.get("signal", 0))
        return Done(status, _text(state, "out-data"), _text(state, "err-data"))

    def forget(self):
        """Closes the connection, as when the host is restarted."""
        self._drop()

    def _connect(self):
        if not self._socket:
            self._buffer = b""
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(5)
            self._socket.connect(self._path)

    def _drop(self):
        if self._socket:
            self._socket.close()
            self._socket = None

    def _synchronize(self):
        """Makes both ends begin anew: what a connection before left behind is read and dropped."""
        number = int(time.monotonic() * 1000)
        self._socket.settimeout(5)
        # 0xff ends half a request; the agent answers that with an error of its own.
        self._socket.sendall(b"\xff")
        self._send("guest-sync", id=number)
        while self._answer().get("return") != number:
            pass

    def _ask(self, command, limit_s, **arguments):
        """Sends one request and returns its answer."""
        self._socket.settimeout(limit_s)
        self._send(command, **arguments)
        answer = self._answer()
        if "error" in answer:
            raise Problem(f"{command}: {answer['error']['desc']}")
        return answer["return"]

    def _send(self, command, **arguments):
        request = {"execute": command, "arguments": arguments}
        self._socket.sendall(json.dumps(request).encode() + b"\n")

    def _answer(self):
        """The next line from the agent, as an object."""
        while b"\n" not in self._buffer:
            data = self._socket.recv(65536)
            if not data:
                raise Problem("the simulated host went away")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(line)


def _text(state, name):
    return base64.b64decode(state.get(name, "")).decode(errors="replace")
