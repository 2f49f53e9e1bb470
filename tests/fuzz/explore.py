# SPDX-License-Identifier: GPL-2.0-or-later
"""Looks for inputs that a parser cannot stand, with libFuzzer and sanitizers.

Each target runs for VFVIRT_FUZZ_SECONDS (60), from its corpus on. A finding is printed as a line for
the corpus, whose replay is then the test of its repair.
"""

import os
import tempfile
from pathlib import Path

from lib import flavored, programs, shell
from lib.errors import Problem
from lib.report import matches

from . import targets, unpack, written

SECTION = "fuzz"
MARGIN_S = 60
SHOWN_BYTES = 4000


def seconds():
    """How long each target runs."""
    return int(os.environ.get("VFVIRT_FUZZ_SECONDS", "60"))


def _name(target):
    return f"{target}_stands_any_input"


def names():
    """The names of all tests."""
    return [_name(target) for target in targets()]


def run(report, patterns):
    """Fuzzes the chosen targets, one after another."""
    flavored.use("fuzz")
    folder = programs.build()
    for target in targets():
        if matches(patterns, _name(target)):
            log = report.logs(target) / "log"
            report.case(SECTION, _name(target), lambda one=target, to=log: _fuzz(folder, one, to),
                        seconds() + 2 * MARGIN_S)


def _fuzz(folder, target, log):
    """Runs one fuzzer; Problem with what it found."""
    with tempfile.TemporaryDirectory() as place:
        seeds, found = Path(place) / "seeds", Path(place) / "found"
        for path in (seeds, found):
            path.mkdir()
        unpack(target, seeds)
        argv = ["nice", folder / f"tests/fuzz/fuzz-{target}", f"-max_total_time={seconds()}",
                "-timeout=10", "-rss_limit_mb=1024", "-max_len=4096", "-print_final_stats=1",
                f"-artifact_prefix={found}/", seeds]
        try:
            shell.run(argv, f"the fuzzer of {target} ended", log, seconds() + MARGIN_S)
        except Problem as problem:
            lines = [written(path.read_bytes()) for path in found.iterdir()]
            raise Problem("\n".join([str(problem), *(line[:SHOWN_BYTES] for line in lines)])) \
                from problem
