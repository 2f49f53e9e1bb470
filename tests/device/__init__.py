# SPDX-License-Identifier: GPL-2.0-or-later
"""The device tier: the device model against the specification, over qtest, with no guest."""

import importlib
import pathlib

from lib import qemu

from . import case


def _load() -> None:
    """Import every test_*.py beside this file, which declares its cases."""
    for path in sorted(pathlib.Path(__file__).parent.glob("test_*.py")):
        importlib.import_module(f".{path.stem}", __name__)


def names() -> list[str]:
    """The names of all cases."""
    _load()
    return [one.name for one in case.CASES]


def run(report, patterns=()) -> None:
    """Run the cases that match any pattern (all without patterns) and report each."""
    _load()
    case.run(report, list(patterns), qemu.command())
