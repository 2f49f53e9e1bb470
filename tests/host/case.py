# SPDX-License-Identifier: GPL-2.0-or-later
"""Registers the cases of the host tier, and gives them a host and guests."""

import tempfile
from pathlib import Path

from lib.cases import Cases

from .scene import Scene

LIMIT_S = 1800
CASES = Cases("host", "host", LIMIT_S)
_own_hosts = {}     # name of a case -> properties of its host's card


def case(name, on_demand=False, card=None):
    """Registers a function as the case of that name; it gets a Scene.

    on_demand: it runs only when a pattern chooses it. card: the case gets a host of its own, which
    is powered on for it and whose card has these properties beyond the usual ({}: none). All
    others share one host, in order, and leave it as they found it, running guests excepted.
    """
    if card is not None:
        _own_hosts[name] = card
    return CASES(name, on_demand)


def run(report, patterns):
    """Runs the chosen cases: first those that share a host, then those with one of their own."""
    chosen = CASES.chosen(patterns)
    shared = {name: function for name, function in chosen.items() if name not in _own_hosts}
    if shared:
        _run_on_host(report, "host", {}, shared)
    for number, name in enumerate(name for name in chosen if name in _own_hosts):
        _run_on_host(report, f"host-{number + 1}", _own_hosts[name], {name: chosen[name]})


def _run_on_host(report, log_name, card, cases):
    """Runs cases on one host; its logs are kept."""
    with tempfile.TemporaryDirectory(prefix="host", dir="/var/tmp") as folder:
        scene = Scene(Path(folder), report.logs(log_name), card)
        try:
            scene.host.start()
            for name, function in cases.items():
                report.case("host", name, lambda: function(scene), LIMIT_S)
        finally:
            scene.keep_logs()
            scene.host.stop()
