# SPDX-License-Identifier: GPL-2.0-or-later
"""Lets a person look into a VM that stays up after a failure (tests/run --sit)."""

import os
import select
import selectors
import socket
import sys
import termios
import tty

from . import shell

LIMIT_S = 86400
LEAVE = b"\x1d"  # Ctrl-]


def invite(folder, why, until):
    """Says where the console is; attaches the terminal to it when there is one.

    folder: Path of the VM's logs, with console.sock in it; until: returns when this becomes
    readable, or when the person detaches.
    """
    path = folder / "console.sock"
    shell.say(f"{why}; the VM stays up, console: {path}")
    if not sys.stdin.isatty():
        shell.say("leave its shell with `exit` to go on; for example: "
                  f"socat -,raw,echo=0 unix-connect:{path}")
        select.select([until], [], [], LIMIT_S)
        return
    shell.say("attached to the console; `exit` goes on with the tests, Ctrl-] detaches")
    attach(folder, until)


def attach(folder, until):
    """Gives the terminal to the console.sock of a folder, until Ctrl-], or until is readable."""
    console = _connect(folder)
    before = termios.tcgetattr(sys.stdin)
    tty.setraw(sys.stdin)
    try:
        _join(console, until)
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
        console.close()


def _connect(folder):
    """Connects to the console; the path of a folder may be longer than a socket's may."""
    console = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    handle = os.open(folder, os.O_PATH)
    try:
        console.connect(f"/proc/self/fd/{handle}/console.sock")
    finally:
        os.close(handle)
    return console


def _join(console, until):
    """Copies both ways until Ctrl-], until `until` is readable, or until one end closes."""
    console.sendall(b"\r")
    with selectors.DefaultSelector() as events:
        events.register(console, selectors.EVENT_READ)
        events.register(sys.stdin, selectors.EVENT_READ)
        events.register(until, selectors.EVENT_READ)
        while True:
            for key, _ in events.select(LIMIT_S):
                if key.fileobj is until:
                    return
                data = os.read(key.fd, 4096)
                if not data or LEAVE in data:
                    return
                if key.fileobj is console:
                    os.write(sys.stdout.fileno(), data)
                else:
                    console.sendall(data)
