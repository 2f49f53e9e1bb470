# SPDX-License-Identifier: GPL-2.0-or-later
"""The cases of this tier: how they are declared, and how they are run."""

import dataclasses
import time
import traceback
from typing import Callable

from lib.report import TooLong, limit, matches

from . import machine
from .qtest import Failure, Refused

SECTION = "device"
CASE_LIMIT_S = 30
WHOLE_LIMIT_S = 240


@dataclasses.dataclass(frozen=True)
class Case:
    """One test. `setup` None: it starts QEMU itself and gets the command in place of a card.

    `alone`: no other case runs in its QEMU, and the end of that QEMU is part of the test.
    """
    name: str
    function: Callable
    setup: machine.Setup | None
    alone: bool


CASES: list[Case] = []


def case(name: str, properties: str = "", *, alone: bool = False, **setup):
    """Declare a case that gets a Card, as after power-on, of a PF with these properties."""
    def declare(function):
        CASES.append(Case(name, function, machine.Setup(properties, **setup), alone))
        return function
    return declare


def start_case(name: str):
    """Declare a case that gets the QEMU command."""
    def declare(function):
        CASES.append(Case(name, function, None, True))
        return function
    return declare


def equal(have, want, what: str) -> None:
    """The two are equal, else a Failure that shows both."""
    if have != want:
        raise Failure(f"{what}: got {_show(have)}, expected {_show(want)}")


def true(condition, what: str) -> None:
    """The condition holds; `what` is the sentence that it makes true."""
    if not condition:
        raise Failure(f"not so: {what}")


def refused(function: Callable, *words: str) -> None:
    """The call is refused over QMP, and the refusal has each of these words."""
    try:
        function()
    except Refused as refusal:
        for word in words:
            true(word in str(refusal), f"the refusal '{refusal}' names {word}")
        return
    raise Failure(f"accepted what had to be refused for {' '.join(words)}")


def run(report, patterns: list[str], command: list[str]) -> None:
    """Run the chosen cases, those with equal set-ups one after another, and report each."""
    chosen = [one for one in CASES if matches(patterns, one.name)]
    groups: dict = {}
    for one in chosen:
        groups.setdefault((one.setup, one.name if one.alone else None), []).append(one)
    machines = machine.RunningMachines(command)
    begin = time.monotonic()
    try:
        for group in groups.values():
            for one in group:
                if time.monotonic() - begin > WHOLE_LIMIT_S:
                    report.result(SECTION, one.name, "fail", 0,
                                  f"not run: the cases before it took over {WHOLE_LIMIT_S} s")
                else:
                    _run_one(report, machines, one, one is group[-1])
    finally:
        machines.drop()


def _run_one(report, machines: machine.RunningMachines, one: Case, last: bool) -> None:
    """Run and report a case; the last of its group also ends QEMU, which must go well."""
    report.started(SECTION, one.name)
    begin, status, detail = time.monotonic(), "ok", ""
    try:
        with limit(CASE_LIMIT_S):
            if one.setup is None:
                one.function(machines.command)
            else:
                card = machines.card(one.setup)
                one.function(card)
                card.qemu.settle()
                if last:
                    machines.close()
    except (Failure, Refused, TooLong) as failure:
        status, detail = "fail", _place(failure)
    except Exception:  # pylint: disable=broad-except; whatever a case raises is its failure
        status, detail = "fail", traceback.format_exc()
    if status != "ok":
        detail += machines.last_words()
        machines.drop()
    report.result(SECTION, one.name, status, time.monotonic() - begin, detail)


def _place(failure: Exception) -> str:
    """The failure and the lines of the tests that led to it."""
    frames = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"
              for frame in traceback.extract_tb(failure.__traceback__)
              if "/device/" in frame.filename and not frame.filename.endswith("/case.py")]
    return f"{failure or type(failure).__name__}\nat {' < '.join(reversed(frames))}"


def _show(value) -> str:
    if isinstance(value, bool) or not isinstance(value, int):
        return value.hex() if isinstance(value, bytes) else repr(value)
    return f"{value:#x}"
