# SPDX-License-Identifier: GPL-2.0-or-later
"""Cases that are Python functions, for packages of tests that need no more than a folder each."""

import importlib
import tempfile
from pathlib import Path

from . import report as reporting


class Cases:
    """The cases of a package, by name, in the order of registration; a decorator."""

    def __init__(self, package, section, limit_s):
        """package: its name; its test_*.py register cases; section: of the report."""
        self._package, self._section, self._limit_s = package, section, limit_s
        self._functions = {}
        self._on_demand = set()

    def __call__(self, name, on_demand=False):
        """Registers a function as the case of that name; it gets an empty folder of its own.

        on_demand: it runs only when a pattern chooses it.
        """
        def register(function):
            if name in self._functions:
                raise ValueError(f"two cases are called {name!r}")
            self._functions[name] = function
            if on_demand:
                self._on_demand.add(name)
            return function
        return register

    def _load(self):
        folder = Path(importlib.import_module(self._package).__file__).parent
        for path in sorted(folder.glob("test_*.py")):
            importlib.import_module(f"{self._package}.{path.stem}")
        return self._functions

    def names(self):
        """The names of all cases."""
        return list(self._load())

    def chosen(self, patterns):
        """Name -> function of the cases that the patterns choose; without any, all but those on
        demand."""
        return {name: function for name, function in self._load().items()
                if reporting.matches(patterns, name)
                and (patterns or name not in self._on_demand)}

    def run(self, report, patterns):
        """Runs the chosen cases. See lib.tiers for the arguments."""
        for name, function in self.chosen(patterns).items():
            report.case(self._section, name, lambda: _in_folder(function), self._limit_s)


def _in_folder(function):
    """Calls a case; its folder's name is short, because sockets may lie in it."""
    with tempfile.TemporaryDirectory(prefix="c", dir="/tmp") as folder:
        function(Path(folder))


def expect(condition, text):
    """Fails the case with a text that shows the values unless condition holds."""
    if not condition:
        raise AssertionError(text)
