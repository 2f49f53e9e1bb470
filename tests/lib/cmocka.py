# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs test programs that are made with tests/unit/unit.h and reports each of their tests."""

import os
import re
import subprocess
import time

from . import shell
from .report import matches

LIMIT_S = 120    # of one program
RESULT = re.compile(r"(not ok|ok) \d+ (?:- |(# SKIP) )(\w+)")
PLAN = re.compile(r"1\.\.\d+$|# (?:not )?ok - |TAP version")


def names(program):
    """The names of a program's tests."""
    return shell.run([program, "--list"], f"cannot list the tests of {program}").split()


def run(report, section, program, patterns, environment=None, log=None):
    """Runs the chosen tests of a program. One that ends the program fails; the others run on.

    environment: variables to add; log: Path that gets the output of failed programs, or None.
    """
    left = [name for name in names(program) if matches(patterns, name)]
    while left:
        report.started(section, left[0])
        status, seconds, output = _run_once(program, left, environment or {})
        results, rest = parse(output)
        if log and (status or rest):
            with open(log, "a", encoding="utf-8") as file:
                file.write(output)
        for name, outcome, detail in results:
            report.result(section, name, outcome, seconds / len(results), detail)
        given = {name for name, _, _ in results}
        left = [name for name in left if name not in given]
        if left:
            report.result(section, left[0], "fail", 0, f"{_ending(status)}\n{rest}")
            left = left[1:]
        elif status and all(outcome == "ok" for _, outcome, _ in results):
            # A sanitizer that found leaks at the end, for example.
            report.result(section, f"({program.name})", "fail", 0, f"{_ending(status)}\n{rest}")


def _run_once(program, chosen, environment):
    """Runs some tests of a program: exit status (None: killed at the limit), seconds, output."""
    begin = time.monotonic()
    child = subprocess.Popen(
        [program, *chosen], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=shell.die_with_parent,
        env={**os.environ, "LC_ALL": "C.UTF-8", "CMOCKA_MESSAGE_OUTPUT": "TAP", **environment})
    try:
        data, status = child.communicate(timeout=LIMIT_S)[0], child.returncode
    except subprocess.TimeoutExpired:
        shell.stop_session(child)
        data, status = child.communicate()[0], None
    finally:
        shell.stop_session(child)
    return status, time.monotonic() - begin, data.decode(errors="replace")


def _ending(status):
    """How a program ended, in words."""
    if status is None:
        return f"took more than its limit of {LIMIT_S} s"
    return f"the program ended by signal {-status}" if status < 0 else \
        f"the program ended with status {status}"


def parse(output):
    """Reads TAP as cmocka writes it: [(name, status, detail)], and what stands behind the last.

    A test's messages come before its result when it wrote them itself, behind it with '#' when
    cmocka did.
    """
    results, before = [], []
    for line in output.splitlines():
        found = RESULT.match(line)
        if found:
            status = "skip" if found[2] else "ok" if found[1] == "ok" else "fail"
            results.append((found[3], status, "\n".join(before)))
            before = []
        elif PLAN.match(line):
            pass
        elif line.startswith("# ") and results and not before:
            name, status, detail = results[-1]
            results[-1] = (name, status, f"{detail}\n{line[2:]}".strip())
        else:
            before.append(line)
    return results, "\n".join(before)
