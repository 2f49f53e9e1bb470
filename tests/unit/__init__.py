# SPDX-License-Identifier: GPL-2.0-or-later
"""Unit tests of common, lib and daemon: the programs of this folder, each test of its own."""

import re
from pathlib import Path

from lib import cmocka, programs
from lib.report import matches

SECTION = "unit"
TEST = re.compile(r"^TEST\((\w+)\)", re.MULTILINE)


def names():
    """The names of all tests, from their sources: listing them must build nothing."""
    return [name for path in sorted(Path(__file__).parent.glob("*.c"))
            for name in TEST.findall(path.read_text(encoding="utf-8"))]


def run(report, patterns):
    """Runs the chosen tests; builds nothing when there are none."""
    if not any(matches(patterns, name) for name in names()):
        return
    folder = programs.build()
    for program in sorted((folder / "tests/unit").glob("unit-*")):
        cmocka.run(report, SECTION, program, patterns, {"VFVIRT_PROGRAMS": str(folder)},
                   report.logs("unit") / f"{program.name}.log")
