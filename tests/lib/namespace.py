# SPDX-License-Identifier: GPL-2.0-or-later
"""Puts a run into mount and process namespaces of its own, which end together with it.

The run becomes process 1 of a new process namespace. When it ends, by whatever signal, the
kernel kills everything that it started and drops every mount that it made.
"""

import contextlib
import ctypes
import os
import signal

from . import shell
from .errors import Problem, Stopped

CLONE_NEWNS = 0x00020000
CLONE_NEWPID = 0x20000000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _check(result, action):
    if result != 0:
        reason = os.strerror(ctypes.get_errno())
        raise Problem(f"cannot {action}: {reason}: run as real root, in a container with "
                      "CAP_SYS_ADMIN")


def _raise_stopped(number, _frame):
    raise Stopped(number)


def enter():
    """Continues in a child inside the new namespaces; the caller's process only waits there.

    The waiting process hands signals on and ends with the child's status. Raises Problem when
    namespaces are not allowed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.unshare(CLONE_NEWNS | CLONE_NEWPID), "make namespaces for the run")
    child = os.fork()
    if child:
        _wait(child)
    shell.die_with_parent()
    for number in STOPPING:
        signal.signal(number, _raise_stopped)
    _check(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "keep mounts private")
    _check(libc.mount(b"proc", b"/proc", b"proc", 0, None), "mount /proc for the run")


def _wait(child):
    """Hands signals on to the child until it ends, then ends with its status."""
    for number in STOPPING:
        signal.signal(number, lambda got, _frame: os.kill(child, got))
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def kill_all():
    """Kills every other process of the run and waits until they are gone.

    Only process 1 of the namespace can, as all orphans become its children; elsewhere nothing
    is done.
    """
    if os.getpid() != 1:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
