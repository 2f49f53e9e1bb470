# SPDX-License-Identifier: GPL-2.0-or-later
"""Registers the cases of the host tier, and gives them a host and guests."""

import os
import tempfile
from pathlib import Path

from lib import report as reporting, vmtier
from lib.cases import Cases
from lib.errors import Problem

from .scene import Scene

LIMIT_S = 1800
CASES = Cases("host", "host", LIMIT_S)
_cards = {}         # name of a case -> properties of the card of its own host
_on_second = set()  # names of the cases of the second shared host


def case(name, on_demand=False, card=None, second=False):
    """Registers a function as the case of that name; it gets a Scene.

    on_demand: it runs only when a pattern chooses it. card: the case gets a host of its own, which
    is powered on for it and whose card has these properties beyond the usual ({}: none). All
    others share two hosts, which run side by side: in order, and they leave them as they found
    them, running guests excepted. second: it belongs to the second one.
    """
    if card is not None:
        _cards[name] = card
    if second:
        _on_second.add(name)
    return CASES(name, on_demand)


def run(report, patterns):
    """Runs the chosen cases, on as many hosts at a time as there are cores."""
    hosts = {}
    for name, function in CASES.chosen(patterns).items():
        place = name if name in _cards else f"host-{2 if name in _on_second else 1}"
        hosts.setdefault(place, {})[name] = function
    shared = sorted(place for place in hosts if place not in _cards)
    numbered = enumerate(shared + [place for place in hosts if place in _cards], 1)
    vmtier.in_parallel(
        lambda job: _in_process(report, f"host-{job[0]}", _cards.get(job[1]), hosts[job[1]]),
        list(numbered))


def _in_process(report, log_name, card, cases):
    """Runs cases on one host in a process of its own, as a case's time limit is a signal."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            reporting.attempt(report, "host", lambda: _run_on_host(report, log_name, card, cases))
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    if status:
        code = os.waitstatus_to_exitcode(status)
        raise Problem(f"the process of {log_name} ended with status {code}; it had to run: "
                      f"{', '.join(cases)}")


def _run_on_host(report, log_name, card, cases):
    """Runs cases on one host; its logs are kept."""
    with tempfile.TemporaryDirectory(prefix="host", dir="/var/tmp") as folder:
        scene = Scene(Path(folder), report.logs(log_name), card)
        try:
            scene.host.start()
            scene.host.settle()
            for name, function in cases.items():
                report.case("host", name, lambda: function(scene), LIMIT_S)
        finally:
            scene.keep_logs()
            scene.host.stop()
