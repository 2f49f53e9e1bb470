# SPDX-License-Identifier: GPL-2.0-or-later
"""libvirt's hook: the stub that libvirt starts, and the program behind it, on a made-up card."""

import importlib
from pathlib import Path

from lib import report as reporting

from . import case

SECTION = "unit"
LIMIT_S = 120


def _load():
    """Imports every test_*.py beside this file, which registers its cases."""
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        importlib.import_module(f"{__name__}.{path.stem}")
    return case.CASES


def names():
    """The names of all cases."""
    return list(_load())


def run(report, patterns):
    """Runs the chosen cases, each on a host of its own."""
    for name, function in _load().items():
        if reporting.matches(patterns, name):
            report.case(SECTION, name, lambda: case.run_in_folder(function), LIMIT_S)
