# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads the result stream of a test VM and says everything that is wrong with it.

The stream, line by line (tests/kernel/README.md): "KTAP version 1", the plan "1..N", for each
test "# start NAME" and "ok I NAME[ # SKIP reason]" or "not ok I NAME # reason", log lines
"# text", and last "done N", or "Bail out! reason" when the rest could not be run.
"""

import re
import time
from dataclasses import dataclass, field

RESULT = re.compile(r"(ok|not ok) (\d+) ([\w./@-]+)(?: # (.*))?")


@dataclass
class Result:
    """One test's result. status: ok, fail or skip."""
    name: str
    status: str
    reason: str
    seconds: float
    log: list


@dataclass
class Stream:
    """What a stream said so far. expected: names of the tests, in the order they were planned."""
    expected: list
    planned: int = -1          # from the plan line, -1 before it
    results: list = field(default_factory=list)
    running: str = ""          # test that started and has no result yet
    bailed: str = ""           # reason of "Bail out!"
    done: bool = False         # the pass mark was read
    sitting: bool = False      # the guest opened a shell for a person
    faults: list = field(default_factory=list)  # every breach of the rules above
    _begun: float = 0.0
    _log: list = field(default_factory=list)
    _lines: int = 0

    def feed(self, line):
        """Takes one line without its end."""
        self._lines += 1
        if self.done or self.bailed:
            self._fault(line, "after the end of the stream")
        elif self._lines == 1:
            if line != "KTAP version 1":
                self._fault(line, "instead of the KTAP version")
        elif self.planned < 0 and not line.startswith("Bail out! "):
            self._plan(line)
        elif line.startswith("# "):
            self._comment(line[2:])
        elif line.startswith("Bail out! "):
            self.bailed = line[len("Bail out! "):]
        elif line.startswith("done "):
            self._done(line)
        else:
            self._result(line)

    def _fault(self, line, what):
        self.faults.append(f"line {self._lines} {what}: {line[:120]!r}")

    def _plan(self, line):
        found = re.fullmatch(r"1\.\.(\d+)", line)
        if not found:
            self._fault(line, "instead of the plan")
            return
        self.planned = int(found[1])
        if self.planned != len(self.expected):
            self._fault(line, f"plans not the {len(self.expected)} tests that were asked for")

    def _comment(self, text):
        if text in ("sit", "stand up"):
            self.sitting = text == "sit"
        elif text.startswith("start "):
            if self.running:
                self._fault(text, f"while {self.running} has no result")
            self.running = text[len("start "):]
            self._begun = time.monotonic()
            self._log = []
        else:
            self._log.append(text)

    def _done(self, line):
        self.done = True
        if line != f"done {self.planned}" or len(self.results) != self.planned:
            self._fault(line, f"after {len(self.results)} of {self.planned} results")

    def _result(self, line):
        found = RESULT.fullmatch(line)
        if not found:
            self._fault(line, "is garbled")
            return
        word, number, name, reason = found[1], int(found[2]), found[3], found[4] or ""
        if name in [result.name for result in self.results]:
            self._fault(line, "is the second result of its test")
            return
        if name != self.running or number != len(self.results) + 1:
            self._fault(line, f"is not number {len(self.results) + 1}, {self.running or 'none'}")
            return
        status = "ok" if word == "ok" else "fail"
        if word == "ok" and reason.startswith("SKIP"):
            status, reason = "skip", reason[len("SKIP"):].strip()
        seconds = time.monotonic() - self._begun
        self.results.append(Result(name, status, reason, seconds, self._log))
        self.running, self._log = "", []

    def log_of_running(self):
        """The log lines of the test that has no result yet."""
        return self._log

    def missing(self):
        """Names of the expected tests that have no result."""
        had = [result.name for result in self.results]
        return [name for name in self.expected if name not in had]
