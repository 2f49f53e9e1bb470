# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of tiers, and how one of them is run under its time limit.

A tier is one or more packages under tests/, each of which has

    run(report, patterns)                      a lib.report.Report, and the user's patterns
    run(report, patterns, kernels, sit)        when the tier runs on kernels: versions as strings;
                                               sit: stay in the VM when a test fails
    names()                                    names of its tests, for --list
"""

import importlib
import importlib.util
import json
import os
import select
import signal
import time
from dataclasses import dataclass

from . import namespace, report
from .errors import Problem


@dataclass(frozen=True)
class Tier:
    """One row of the table. needs: what tests/run builds before the tier's time starts;
    on_demand: `all` leaves it out."""
    name: str
    modules: tuple
    about: str
    limit_s: int
    by_kernel: bool = False
    needs: tuple = ()
    on_demand: bool = False


HOST_NEEDS = ("qemu", "hostdisk")

TIERS = {tier.name: tier for tier in (
    Tier("unit", ("env", "hook", "unit", "cli", "fuzz"), "the test machinery; the parts of the control plane", 600),
    Tier("lint", ("lint",), "rules about the text of the product; the kernel's own checkers", 900,
         needs=("modules",)),
    Tier("daemon", ("daemon",), "the real vfvirtd on a private bus, over a made-up host", 600,
         needs=("programs",)),
    Tier("device", ("device",), "the device model against the specification, over qtest", 300,
         needs=("qemu",)),
    Tier("harness", ("harness",), "planted failures: each must turn a run red", 600,
         by_kernel=True, needs=("qemu", "kernels", "modules")),
    Tier("kernel", ("kernel",), "the kernel's drivers on the device model, in VMs", 2100,
         by_kernel=True, needs=("qemu", "kernels", "modules", "programs")),
    Tier("nova", ("nova",), "what is printed for OpenStack Nova, judged by Nova's own code", 600,
         needs=("programs", "nova")),
    Tier("host", ("host",), "from power-on to a legacy guest, on a simulated host", 3600,
         needs=HOST_NEEDS),
    Tier("sanitized", ("sanitized",), "the control plane's tests with ASan and UBSan", 1200,
         on_demand=True),
    Tier("coverage", ("coverage",), "which lines of the control plane its tests reach", 1200,
         on_demand=True),
    Tier("fuzz", ("fuzz.explore",), "inputs that no parser of the control plane can stand", 1800,
         on_demand=True),
    Tier("packages", ("packages",), "our packages come, go and are replaced", 5400,
         needs=("debs",), on_demand=True),
    Tier("demo", ("host.demo",), "the story of the host tier, told with its commands", 5400,
         needs=HOST_NEEDS, on_demand=True),
    Tier("demo-shell", ("host.prompt",), "a root prompt in the simulated host", 86400,
         needs=HOST_NEEDS, on_demand=True),
    Tier("host-bench", ("host.bench",), "measurements on the simulated host", 2700,
         needs=HOST_NEEDS, on_demand=True),
    Tier("debug", ("debug",), "kernel tests on a kernel with all checks on; builds that kernel",
         1800, needs=("qemu", "debugkernel"), on_demand=True),
)}


def present(tier):
    """Whether all packages of a tier are in this checkout."""
    for module in tier.modules:
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            return False
    return True


def sections(tier, kernels):
    """The sections that must give results when the tier runs on these kernels."""
    return [f"{tier.name} {version}" for version in kernels] if tier.by_kernel else [tier.name]


def names(tier):
    """Names of the tests of a tier."""
    found = []
    for module in tier.modules:
        listing = getattr(importlib.import_module(module), "names", None)
        if listing is None:
            raise Problem(f"tests/{module} cannot list its tests: it has no names()")
        found += listing()
    return found


def run(collector, tier, patterns, kernels, sit, log_folder):
    """Runs a tier in a child process and judges it; kills all of it at the time limit."""
    begin = time.monotonic()
    log_folder.mkdir(parents=True, exist_ok=True)
    collector.line(f"== {tier.name}: {tier.about} (limit {tier.limit_s} s)")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _child(tier, report.Report(writing, log_folder), patterns, kernels, sit)
    os.close(writing)
    first = sections(tier, kernels)[0]
    deadline = None if sit else begin + tier.limit_s
    ending = _collect(collector, reading, deadline)
    os.close(reading)
    if ending == "limit":
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    namespace.kill_all()
    during = collector.during()
    if ending == "limit":
        collector.result(first, "(limit)", "fail", time.monotonic() - begin,
                         f"took more than its limit of {tier.limit_s} s{during}; all of it "
                         f"was killed; logs: {log_folder}")
    elif ending == "silence" or status:
        code = os.waitstatus_to_exitcode(status)
        how = f"by signal {-code}" if code < 0 else f"with status {code}"
        collector.result(first, "(tier)", "fail", time.monotonic() - begin,
                         f"ended early, {how}{during}; logs: {log_folder}")
    collector.judge(sections(tier, kernels), patterns)


def _child(tier, tier_report, patterns, kernels, sit):
    """Runs all packages of a tier and ends the process."""
    def body():
        for module in tier.modules:
            extra = (kernels, sit) if tier.by_kernel else ()
            importlib.import_module(module).run(tier_report, patterns, *extra)
    status = 1
    try:
        report.guard(tier_report, sections(tier, kernels)[0], body)
        status = 0
    finally:
        os._exit(status)


def _collect(collector, reading, deadline):
    """Reads events until the tier is finished; returns "finished", "silence" or "limit"."""
    buffer, ending = b"", "silence"
    while True:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            return "limit"
        if not select.select([reading], [], [], left)[0]:
            continue
        data = os.read(reading, 65536)
        if not data:
            return ending
        *lines, buffer = (buffer + data).split(b"\n")
        for line in lines:
            event = json.loads(line)
            collector.receive(event)
            if event["event"] == "finished":
                return "finished"
