# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon tier: the real vfvirtd on a private bus, over a made-up host with cards."""

import importlib
from pathlib import Path

from . import case


def _load():
    """Imports every test_*.py beside this file, which registers its cases."""
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        importlib.import_module(f"{__name__}.{path.stem}")


def names():
    """The names of all cases."""
    _load()
    return list(case.CASES)


def run(report, patterns):
    """Runs the chosen cases. See lib.tiers for the arguments."""
    _load()
    case.run(report, patterns)
