# SPDX-License-Identifier: GPL-2.0-or-later
"""Talks to a running QEMU over its machine protocol, every answer within a limit."""

import json
import socket
import time

from .errors import Problem

LIMIT_S = 30


class Refused(Problem):
    """QEMU understood a command and answered with an error."""


class Qmp:
    """One QMP connection. Events that arrive meanwhile are kept in `events`."""

    def __init__(self, where, limit_s=LIMIT_S):
        """where: path of QEMU's socket, or a connected socket, which this object then owns.

        limit_s: for connecting and for each command.
        """
        self._limit_s = limit_s
        self._buffer = b""
        self.events = []
        if isinstance(where, socket.socket):
            self._socket = where
        else:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._socket.settimeout(limit_s)
            self._socket.connect(str(where))
        if "QMP" not in self._message(time.monotonic() + limit_s):
            raise Problem("QMP: QEMU did not greet as it must")
        self.execute("qmp_capabilities")

    def execute(self, command, **arguments):
        """Runs a command and returns its result.

        Raises Refused with QEMU's own words, Problem when no answer comes within the limit.
        """
        request = {"execute": command}
        if arguments:
            request["arguments"] = arguments
        deadline = time.monotonic() + self._limit_s
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise Problem(f"QMP: cannot send {command}: {error.strerror}") from error
        while True:
            message = self._message(deadline, command)
            if "return" in message:
                return message["return"]
            if "error" in message:
                raise Refused(f"{command}: {message['error']['desc']}")
            self.events.append(message)

    def wait_event(self, name, limit_s, **data):
        """Waits for an event whose data has those values; returns the event.

        Events that came before count. Raises Problem when it does not come within the limit.
        """
        deadline = time.monotonic() + limit_s
        while True:
            for event in self.events:
                if event["event"] == name and data.items() <= event.get("data", {}).items():
                    self.events.remove(event)
                    return event
            self.events.append(self._message(deadline, name))

    def _message(self, deadline, what="greeting"):
        """The next message, read until the deadline."""
        while b"\n" not in self._buffer:
            left_s = deadline - time.monotonic()
            try:
                if left_s <= 0:
                    raise TimeoutError
                self._socket.settimeout(left_s)
                data = self._socket.recv(65536)
            except TimeoutError as error:
                raise Problem(f"QMP: no answer to {what} in time") from error
            except OSError as error:
                raise Problem(f"QMP: connection lost while {what} was awaited: "
                              f"{error.strerror}") from error
            if not data:
                raise Problem(f"QMP: QEMU closed the connection while {what} was awaited")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(line)

    def close(self):
        """Closes the connection."""
        self._socket.close()
