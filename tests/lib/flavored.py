# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs all tests of the control plane again, with its programs built in another flavor."""

import importlib
import importlib.util
import os

# Packages under tests/ that run programs which lib.programs builds.
MODULES = tuple(name for name in ("unit", "fuzz", "cli", "hook", "daemon")
                if importlib.util.find_spec(name))


class Renamed:
    """A Report that files everything under one section."""

    def __init__(self, report, section):
        self._report, self._section = report, section
        self.logs, self.log_folder = report.logs, report.log_folder

    def started(self, _section, name):
        """See lib.report.Report."""
        self._report.started(self._section, name)

    def result(self, _section, *rest):
        """See lib.report.Report."""
        self._report.result(self._section, *rest)

    def case(self, _section, *rest):
        """See lib.report.Report."""
        self._report.case(self._section, *rest)


def names():
    """The names of all tests."""
    return [name for module in MODULES for name in importlib.import_module(module).names()]


def use(flavor):
    """From now on programs are of this flavor."""
    os.environ["VFVIRT_FLAVOR"] = flavor


def run(report, section, patterns):
    """Runs the chosen tests with programs of the flavor in use, under that section."""
    for module in MODULES:
        importlib.import_module(module).run(Renamed(report, section), patterns)
