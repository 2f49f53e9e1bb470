# SPDX-License-Identifier: GPL-2.0-or-later
"""Collects the results of all tiers, judges them against the recorded floors, and closes.

A tier runs in a process of its own and gets a Report; what it says there travels over a pipe to
the Collector of tests/run, which prints, counts and keeps time. So a tier that dies without a
word, or ends early, is seen from outside and turns the run red.

A section is the name of a tier, or a tier and a kernel, as in "kernel 6.12".
"""

import contextlib
import fnmatch
import json
import multiprocessing
import os
import signal
import time
import traceback
from dataclasses import dataclass, field

from .errors import Problem, Stopped

STATUSES = ("ok", "fail", "skip")
CASE_LIMIT_S = 30
SHOWN_DETAIL_LINES = 25


class Skip(Exception):
    """Raised in a case that cannot run here; the text says why and is shown."""


class TooLong(Exception):
    """A case ran into its time limit."""


def matches(patterns, name):
    """Whether a test is chosen: no pattern, or one that is part of its name or globs it."""
    return not patterns or any(pattern in name or fnmatch.fnmatchcase(name, pattern)
                               for pattern in patterns)


@contextlib.contextmanager
def limit(limit_s):
    """Raises TooLong in the main thread when the block takes longer than limit_s seconds."""
    def ring(_number, _frame):
        raise TooLong(f"took more than its limit of {limit_s} s")
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Report:
    """What a tier tells its results to. May be used from several threads of the tier, and from
    processes that it forked."""

    def __init__(self, pipe, log_folder):
        """pipe: file descriptor that leads to the Collector; log_folder: Path of this tier."""
        self._pipe = pipe
        self._guard = multiprocessing.Lock()
        self.log_folder = log_folder

    def _send(self, **event):
        data = json.dumps(event).encode() + b"\n"
        with self._guard:
            while data:
                data = data[os.write(self._pipe, data):]

    def logs(self, name):
        """A folder for the logs of one test or VM of this tier; kept after the run."""
        place = self.log_folder / name.replace("/", "-").replace(" ", "-")
        place.mkdir(parents=True, exist_ok=True)
        return place

    def started(self, section, name):
        """Says which test runs now, so that a run cut short can name it."""
        self._send(event="started", section=section, name=name)

    def result(self, section, name, status, seconds, detail=""):
        """Reports one finished test, exactly once.

        status: "ok", "fail" or "skip"; detail: text shown beneath, the reason of a skip.
        """
        if status not in STATUSES:
            raise ValueError(f"{section} {name}: {status} is no status")
        self._send(event="result", section=section, name=name, status=status,
                   seconds=float(seconds), detail=str(detail))

    def case(self, section, name, function, limit_s=CASE_LIMIT_S):
        """Runs one test in the main thread: passes unless it raises, is skipped by Skip.

        Returns whether it passed.
        """
        self.started(section, name)
        begin = time.monotonic()
        status, detail = "ok", ""
        try:
            with limit(limit_s):
                function()
        except Skip as reason:
            status, detail = "skip", str(reason)
        except Problem as problem:
            status, detail = "fail", str(problem)
        except Exception:  # pylint: disable=broad-except; whatever a test raises is its failure
            status, detail = "fail", traceback.format_exc()
        self.result(section, name, status, time.monotonic() - begin, detail)
        return status == "ok"

    def line(self, text):
        """Prints a line for people, in order with the results."""
        self._send(event="line", text=text)

    def finished(self):
        """Says that the tier came to its end; without it the tier counts as dead."""
        self._send(event="finished")


@dataclass
class Section:
    """The counts of a section. names: of every test that gave a result."""
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    names: set = field(default_factory=set)


class Collector:
    """Receives the results of the tiers, prints them, and gives the run its verdict."""

    def __init__(self, stream, floors):
        """stream: text stream for people; floors: section -> least number of tests to run."""
        self._stream = stream
        self._floors = floors
        self._stages = []
        self._reruns = []
        self.sections = {}
        self._running = {}      # tests that began and gave no result, in that order

    def line(self, text=""):
        """Prints one line at once."""
        print(text, file=self._stream, flush=True)

    @contextlib.contextmanager
    def stage(self, name):
        """Times a part of the run; prints it and lists it again before the closing line."""
        begin = time.monotonic()
        try:
            yield
        finally:
            seconds = time.monotonic() - begin
            self._stages.append((name, seconds))
            self.line(f"stage {name}: {seconds:.1f} s")

    def receive(self, event):
        """Takes one event of a Report."""
        if event["event"] == "line":
            self.line(event["text"])
        elif event["event"] == "started":
            self._running[event["section"], event["name"]] = True
        elif event["event"] == "result":
            self._running.pop((event["section"], event["name"]), None)
            self.result(event["section"], event["name"], event["status"], event["seconds"],
                        event["detail"])

    def during(self):
        """Which tests are running, to go into a sentence; forgets them."""
        names = [" ".join(test) for test in self._running]
        self._running.clear()
        return f" while this was running: {', '.join(names)}" if names else ""

    def result(self, section, name, status, seconds, detail=""):
        """Counts and prints a result; a repeated name and a skip without reason are failures."""
        counts = self.sections.setdefault(section, Section())
        if name in counts.names:
            status, detail = "fail", f"reported more than once; now as {status}\n{detail}"
        elif status == "skip" and not detail.strip():
            status, detail = "fail", "skipped without a reason"
        counts.names.add(name)
        counts.seconds += seconds
        if status == "ok":
            counts.passed += 1
        elif status == "skip":
            counts.skipped += 1
        else:
            counts.failed += 1
            self._remember(section, name)
        shown = {"ok": "ok  ", "skip": "skip", "fail": "FAIL"}[status]
        self.line(f"{shown}  {section}: {name}  ({seconds:.2f} s)")
        lines = detail.strip().splitlines() if status != "ok" else []
        for text in lines[:SHOWN_DETAIL_LINES]:
            self.line(f"      {text}")
        if len(lines) > SHOWN_DETAIL_LINES:
            self.line(f"      ... {len(lines) - SHOWN_DETAIL_LINES} more lines in the log")

    def _remember(self, section, name):
        tier, _, kernel = section.partition(" ")
        words = ["tests/run", tier] + (["--kernel", kernel] if kernel else [])
        if not name.startswith("("):
            words.append(f"'{name}'" if " " in name or "*" in name else name)
        self._reruns.append(" ".join(words))

    def judge(self, expected, patterns):
        """Ends a tier: prints its sums and fails sections that ran too few tests.

        expected: the sections that had to give results; patterns: those the user gave; with
        patterns only a tier without any result fails, as the floors are for whole tiers.
        """
        if patterns:
            if not any(section in self.sections for section in expected):
                self.result(expected[0], "(selection)", "fail", 0,
                            f"no test matches {' '.join(patterns)}: see tests/run --list")
        else:
            for section in expected:
                counts = self.sections.get(section, Section())
                ran = counts.passed + counts.failed
                fault = floor_fault(section, ran, self._floors.get(section))
                if fault:
                    self.result(section, "(floor)", "fail", 0, fault)
        for section in expected:
            if section in self.sections:
                counts = self.sections[section]
                self.line(f"{section}: {sums([counts])} in {counts.seconds:.1f} s")

    def close(self, log_folder):
        """Prints the end of the run, whose last line is the sum; returns the exit status."""
        self.line()
        for name, seconds in self._stages:
            self.line(f"stage {name}: {seconds:.1f} s")
        for rerun in self._reruns:
            self.line(f"re-run: {rerun}")
        self.line(f"logs: {log_folder}")
        sections = list(self.sections.values())
        self.line(sums(sections))
        failed = sum(counts.failed for counts in sections)
        passed = sum(counts.passed for counts in sections)
        return 0 if passed and not failed else 1


def sums(sections):
    """The closing line for some sections: N passed, N failed[, N skipped]."""
    passed, failed, skipped = (sum(getattr(counts, name) for counts in sections)
                               for name in ("passed", "failed", "skipped"))
    return f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")


def floor_fault(section, ran, floor):
    """Why a section that ran that many tests is not good enough; empty when it is.

    floor: its number in tests/floor.json, or None when it has none.
    """
    if ran == 0:
        return "ran no test"
    if floor is None:
        return f"tests/floor.json has no number for it: it ran {ran}: record that"
    if ran < floor:
        return f"ran {ran} tests, fewer than the {floor} recorded in tests/floor.json"
    return ""


def attempt(report, section, function):
    """Runs a part of a tier; turns whatever it raises into a failed result of the section."""
    begin = time.monotonic()
    try:
        function()
    except Stopped:
        raise
    except Problem as problem:
        report.result(section, "(set-up)", "fail", time.monotonic() - begin, problem)
    except BaseException:  # pylint: disable=broad-except; also SystemExit must not look green
        report.result(section, "(tier)", "fail", time.monotonic() - begin,
                      traceback.format_exc())


def guard(report, section, function):
    """Runs a tier's body like attempt(), and says that the tier came to its end."""
    attempt(report, section, function)
    report.finished()
