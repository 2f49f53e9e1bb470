# SPDX-License-Identifier: GPL-2.0-or-later
"""Unit tests of common, lib and daemon: the programs of this folder, each test of its own."""

from lib import cmocka, programs

SECTION = "unit"


def _programs(flavor="plain"):
    """The folder with everything, and the test programs in it."""
    folder = programs.build(flavor)
    return folder, sorted((folder / "tests/unit").glob("unit-*"))


def names():
    """The names of all tests."""
    return [name for program in _programs()[1] for name in cmocka.names(program)]


def run(report, patterns, section=SECTION, flavor="plain"):
    """Runs the chosen tests, built as a flavor of lib.programs."""
    folder, found = _programs(flavor)
    for program in found:
        cmocka.run(report, section, program, patterns, {"VFVIRT_PROGRAMS": str(folder)},
                   report.logs("unit") / f"{program.name}.log")
