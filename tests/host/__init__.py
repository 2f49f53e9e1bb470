# SPDX-License-Identifier: GPL-2.0-or-later
"""The host tier: from power-on to a legacy guest, on a simulated host where nothing is faked."""

from .case import case as _cases, run_on_host

names = _cases.names


def run(report, patterns):
    """Runs the chosen cases in order, on one host that is powered on once."""
    chosen = _cases.chosen(patterns)
    if chosen:
        run_on_host(report, chosen)
