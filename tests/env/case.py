# SPDX-License-Identifier: GPL-2.0-or-later
"""Registers the cases of the unit tier and gives them what they share."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lib import report as reporting

TESTS = Path(__file__).resolve().parent.parent
CASES = {}      # name -> function(folder), in the order of registration
LIMIT_S = 60


def test(name):
    """Registers a function as the case of that name; it gets an empty folder of its own."""
    def register(function):
        if name in CASES:
            raise ValueError(f"two cases are called {name!r}")
        CASES[name] = function
        return function
    return register


def run(report, patterns):
    """Runs the cases that the patterns choose, each in a cache folder of its own."""
    for name, function in CASES.items():
        if reporting.matches(patterns, name):
            report.case("unit", name, lambda: _in_folder(function), LIMIT_S)


def _in_folder(function):
    folder = Path(tempfile.mkdtemp())
    before = os.environ.get("VFVIRT_CACHE")
    os.environ["VFVIRT_CACHE"] = str(folder / "cache")
    try:
        function(folder)
    finally:
        if before is None:
            del os.environ["VFVIRT_CACHE"]
        else:
            os.environ["VFVIRT_CACHE"] = before
        shutil.rmtree(folder)


def expect(condition, text):
    """Fails the case with a text that shows the values unless condition holds."""
    if not condition:
        raise AssertionError(text)


def expect_raises(kind, pattern, function):
    """Fails the case unless function() raises that kind with one line that has the pattern."""
    try:
        function()
    except kind as error:
        text = str(error)
        expect(pattern in text, f"{pattern!r} is not in: {text}")
        expect("\n" not in text.strip(), f"more than one line: {text}")
        return
    raise AssertionError(f"{kind.__name__} with {pattern!r} was not raised")


def python(code, **environment):
    """Starts a Python that can import lib, as a Popen with both outputs in one pipe."""
    return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.DEVNULL, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=TESTS,
                            env={**os.environ, "PYTHONPATH": str(TESTS), **environment})


def runner(*words, prefix=(), **environment):
    """Runs tests/run with those words to its end; returns its exit status, stdout, stderr."""
    done = subprocess.run([*prefix, sys.executable, TESTS / "run", *words], check=False,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env={**os.environ, **environment})
    return done.returncode, done.stdout, done.stderr


def expect_refusal(outcome, status, pattern):
    """Fails the case unless runner() ended with that status and a last line with the pattern.

    Nothing may look like a closing line of a green run.
    """
    code, out, err = outcome
    lines = err.strip().splitlines()
    expect(code == status, f"exit status {code}, not {status}: {out}{err}")
    expect(lines and pattern in lines[-1], f"{pattern!r} is not in the last line: {err}")
    expect(lines[-1].startswith("tests/run: "), f"not the runner's own line: {lines[-1]}")
    expect("Traceback" not in err and "passed" not in out, f"{out}{err}")
