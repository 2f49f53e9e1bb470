# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs other programs: always with a time limit, never outliving us, failures in one line."""

import ctypes
import errno
import os
import re
import signal
import subprocess
import sys

from .errors import Overdue, Problem, Stale

PR_SET_PDEATHSIG = 1

# The first pattern found in a failed program's output decides what the person is told.
CAUSES = (
    (re.compile(r"No space left on device|not enough free space"), Problem,
     "the disk is full: free some space or set VFVIRT_CACHE to a larger place"),
    (re.compile(r"404 +Not Found|Unable to find a source package|Unable to locate package"
                r"|No packages found"
                r"|Hash Sum mismatch"), Stale,
     "the mirror has no such package: see `apt-cache policy`, or refresh with "
     "`tests/run build lists`"),
    (re.compile(r"Could not connect|Could not resolve|Temporary failure resolving"
                r"|Connection refused|Connection timed out|Network is unreachable"
                r"|Failed to fetch|Connection failed"), Problem,
     "the package mirror cannot be reached: check the network and apt's proxy setting"),
    (re.compile(r"Operation not permitted.*(mount|unshare)|(mount|unshare).*Operation not permitted"
                r"|(mount|unshare).*[Pp]ermission denied"), Problem,
     "mounts are not allowed here: run as real root, in a container with CAP_SYS_ADMIN"),
    (re.compile(r"Read-only file system"), Problem,
     "the file system is read-only: set VFVIRT_CACHE to a writable folder"),
)

# Else the first line that looks like this is shown, and without one the last line.
TELLING = re.compile(r"^E: |^error: |: (fatal )?error:|\bfatal:|undefined reference|^ERROR:")


def die_with_parent():
    """Runs in a child before exec: it is killed when the thread that started it ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def say(text):
    """Shows a line of progress; on stderr, since stdout is for results."""
    print(text, file=sys.stderr, flush=True)


def explain(what, output, log=None):
    """The Problem (or Stale) for a program that failed, from its output.

    what: the failed action, as in "cannot build QEMU"; log: where the whole output is, or None.
    """
    where = f" (log: {log})" if log else ""
    for pattern, kind, advice in CAUSES:
        found = pattern.search(output)
        if found:
            return kind(f"{what}: {advice}{where}")
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["no output"]
    telling = [line for line in lines if TELLING.search(line)]
    why = telling[0] if telling else lines[-1]
    return Problem(f"{what}: {why[:300]}{where}")


def no_room(error):
    """Whether an OSError says that the disk, or the user's share of it, is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def run(argv, what, log=None, limit_s=600, cwd=None, env=None, text_in=None):
    """Runs a program to its end and returns its standard output (empty with a log).

    argv: program and arguments; what: for the error, as in "cannot unpack QEMU's source";
    log: Path that gets both outputs, appended; limit_s: then it and all it started are killed;
    env: variables to add. Raises Problem when it fails or cannot start,
    Overdue when it takes too long.
    """
    argv = [str(word) for word in argv]
    environment = {**os.environ, "LC_ALL": "C.UTF-8", **(env or {})}
    start = log.stat().st_size if log and log.exists() else 0
    sink = open(log, "ab") if log else None
    try:
        child = subprocess.Popen(
            argv, cwd=cwd, env=environment, start_new_session=True, preexec_fn=die_with_parent,
            stdin=subprocess.PIPE if text_in is not None else subprocess.DEVNULL,
            stdout=sink or subprocess.PIPE, stderr=subprocess.STDOUT if sink else subprocess.PIPE)
    except FileNotFoundError as error:
        raise Problem(f"{what}: the program {argv[0]} is not installed") from error
    finally:
        if sink:
            sink.close()
    try:
        data = text_in.encode() if text_in is not None else None
        out, err = child.communicate(data, timeout=limit_s)
    except subprocess.TimeoutExpired:
        where = f" (log: {log})" if log else ""
        raise Overdue(f"{what}: {argv[0]} took more than {limit_s} s and was killed{where}") \
            from None
    finally:
        stop_session(child)
    if child.returncode == 0:
        return (out or b"").decode(errors="replace")
    if log:
        with open(log, "rb") as stream:
            stream.seek(start)
            output = stream.read().decode(errors="replace")
    else:
        output = (out + err).decode(errors="replace")
    if not output.strip():
        output = f"{argv[0]} ended with status {child.returncode}"
    raise explain(what, output, log)


def stop_session(child):
    """Kills whatever is left of a child's process group and reaps the child."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()

