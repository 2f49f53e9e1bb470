# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs one planted tier the way tests/run does; argument: a function below. Exit status as there.

Environment: FLOOR, the number recorded for it (none when empty); PATTERN, one the user gave.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from lib import namespace, report, tiers
from lib.errors import Problem

LIMIT_S = 2


def two_pass(out):
    """Two tests that pass."""
    for name in ("one", "two"):
        if report.matches(PATTERNS, name):
            out.result("planted", name, "ok", 0.1)


def tells(out):
    """A line for people before the result of a test."""
    out.line("a planted line")
    out.result("planted", "one", "ok", 0.1)


def one_fails(out):
    """One passes, one fails."""
    out.result("planted", "one", "ok", 0.1)
    out.case("planted", "two", _raise)


def _raise():
    raise Problem("planted reason")


def case_too_long(out):
    """A test that never ends within its own limit."""
    reading, _ = os.pipe()
    out.case("planted", "one", lambda: os.read(reading, 1), limit_s=0.2)


def skips(out):
    """One passes, one is skipped with a reason."""
    out.result("planted", "one", "ok", 0.1)
    out.result("planted", "two", "skip", 0, "planted reason")


def skip_without_reason(out):
    """One passes, one is skipped for no reason."""
    out.result("planted", "one", "ok", 0.1)
    out.result("planted", "two", "skip", 0)


def reported_twice(out):
    """The same test passes twice."""
    out.result("planted", "one", "ok", 0.1)
    out.result("planted", "one", "ok", 0.1)


def nothing(_out):
    """No test at all."""


def raises(out):
    """The tier raises after its first test."""
    out.result("planted", "one", "ok", 0.1)
    raise RuntimeError("planted reason")


def leaves(out):
    """The tier calls exit(0) after its first test."""
    out.result("planted", "one", "ok", 0.1)
    sys.exit(0)


def dies_silently(out):
    """The tier's process ends with status 0 and without a word."""
    out.result("planted", "one", "ok", 0.1)
    out.started("planted", "two")
    os._exit(0)


def is_killed(out):
    """The tier's process is killed."""
    out.result("planted", "one", "ok", 0.1)
    os.kill(os.getpid(), 9)


def hangs(out):
    """The tier hangs, with a program of a session of its own running."""
    out.result("planted", "one", "ok", 0.1)
    out.started("planted", "two")
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as child:
        child.wait()


def set_up_fails(_out):
    """What the tier needs cannot be had."""
    raise Problem("planted reason")


PATTERNS = [os.environ["PATTERN"]] if os.environ.get("PATTERN") else []


def run(out, _patterns):
    """The tier itself: the function that the argument names."""
    globals()[sys.argv[1]](out)


def left_running():
    """Command lines of other processes of this namespace."""
    return [Path(f"/proc/{entry}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            for entry in os.listdir("/proc") if entry.isdigit() and int(entry) != os.getpid()
            and Path(f"/proc/{entry}/cmdline").read_bytes()]


def main():
    """Runs the tier and prints the closing line."""
    namespace.enter()
    floor = os.environ.get("FLOOR")
    collector = report.Collector(sys.stdout, {"planted": int(floor)} if floor else {})
    tier = tiers.Tier("planted", ("env.planted",), "planted", LIMIT_S)
    logs = Path(tempfile.mkdtemp())
    tiers.run(collector, tier, PATTERNS, [], False, logs)
    print("left running:", left_running())
    return collector.close(logs)


if __name__ == "__main__":
    sys.modules["env.planted"] = sys.modules["__main__"]
    sys.exit(main())
