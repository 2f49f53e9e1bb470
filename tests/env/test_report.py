# SPDX-License-Identifier: GPL-2.0-or-later
"""The report: whatever goes wrong in a tier, the run is red, says why and closes properly."""

import os
import subprocess
import sys

from lib import report

from .case import TESTS, expect, test


def planted(kind, floor="1", pattern=""):
    """Runs a planted tier; returns exit status and output."""
    done = subprocess.run(
        [sys.executable, TESTS / "env/planted.py", kind], check=False, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": str(TESTS), "FLOOR": floor, "PATTERN": pattern})
    return done.returncode, done.stdout


# Name of the case -> (planted tier, floor, pattern, exit status, closing line, other text).
TABLE = {
    "two passed tests are green": ("two_pass", "2", "", 0, "2 passed, 0 failed", ""),
    "a line for people stands before the result that follows it":
        ("tells", "1", "", 0, "1 passed, 0 failed", "a planted line\nok"),
    "a skip is counted apart and shown with its reason":
        ("skips", "1", "", 0, "1 passed, 0 failed, 1 skipped", "planted reason"),
    "a failed test turns the run red":
        ("one_fails", "2", "", 1, "1 passed, 1 failed", "planted reason"),
    "a failed test comes with the line that runs it again":
        ("one_fails", "2", "", 1, "1 passed, 1 failed", "re-run: tests/run planted two"),
    "a test over its own limit fails": ("case_too_long", "1", "", 1, "0 passed, 1 failed",
                                        "took more than its limit of 0.2 s"),
    "a skip without a reason fails": ("skip_without_reason", "1", "", 1, "1 passed, 1 failed",
                                      "skipped without a reason"),
    "a test reported twice fails": ("reported_twice", "1", "", 1, "1 passed, 1 failed",
                                    "more than once"),
    "a tier without tests fails": ("nothing", "1", "", 1, "0 passed, 1 failed", "ran no test"),
    "fewer tests than recorded fail": ("two_pass", "3", "", 1, "2 passed, 1 failed",
                                       "ran 2 tests, fewer than the 3 recorded"),
    "skipped tests do not reach the floor": ("skips", "2", "", 1, "1 passed, 1 failed, 1 skipped",
                                             "ran 1 tests, fewer than the 2 recorded"),
    "a tier without a recorded number fails": ("two_pass", "", "", 1, "2 passed, 1 failed",
                                               "has no number for it: it ran 2"),
    "a pattern lifts the floor": ("two_pass", "2", "one", 0, "1 passed, 0 failed", ""),
    "a pattern that matches nothing fails": ("two_pass", "2", "three", 1, "0 passed, 1 failed",
                                             "no test matches three"),
    "an exception in a tier turns it red": ("raises", "1", "", 1, "1 passed, 1 failed",
                                            "RuntimeError: planted reason"),
    "a tier that calls exit(0) early is red": ("leaves", "1", "", 1, "1 passed, 1 failed",
                                               "SystemExit"),
    "a tier that dies without a word is red":
        ("dies_silently", "1", "", 1, "1 passed, 1 failed",
         "ended early, with status 0 while this was running: planted two;"),
    "a killed tier is red": ("is_killed", "1", "", 1, "1 passed, 1 failed",
                             "ended early, by signal 9"),
    "a tier over its limit is killed and red":
        ("hangs", "1", "", 1, "1 passed, 1 failed",
         "took more than its limit of 2 s while this was running: planted two;"),
    "a set-up that fails is one line": ("set_up_fails", "1", "", 1, "0 passed, 1 failed",
                                        "planted reason"),
}


def _check(kind, floor, pattern, status, closing, text):
    code, out = planted(kind, floor, pattern)
    expect(code == status, f"exit status {code}, not {status}:\n{out}")
    expect(out.rstrip("\n").splitlines()[-1] == closing, f"not closed by {closing!r}:\n{out}")
    expect(text in out, f"{text!r} is not in:\n{out}")
    expect("left running: []" in out, f"something was left running:\n{out}")


def _register(name, row):
    test(f"report: {name}")(lambda _folder: _check(*row))


for _name, _row in TABLE.items():
    _register(_name, _row)


@test("report: patterns are parts of names or globs")
def _(_folder):
    for patterns, name, wanted in (([], "a", True), (["b"], "abc", True), (["b"], "ac", False),
                                   (["a*c"], "abc", True), (["x", "a*"], "abc", True),
                                   (["a?"], "abc", False)):
        expect(report.matches(patterns, name) is wanted, f"{patterns} {name}")
