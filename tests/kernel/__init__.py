# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel tier: drivers on the device model in VMs, one section a kernel."""

from pathlib import Path

from lib import vmtier

HERE = Path(__file__).resolve().parent


def init():
    """Path of the init program with the tier's table, built when its sources changed."""
    return vmtier.compile_init("kernel-init", [HERE / "runner", HERE / "lib", HERE / "cases"])


def names():
    """Names of all tests of the tier."""
    return [row.label for row in vmtier.table(init())]


def run(report, patterns, kernels, sit):
    """Runs the chosen tests on those kernels. See lib.tiers for the arguments."""
    program = init()
    runner = vmtier.Runner(report, "kernel", program, sit)
    runner.run_all(vmtier.plan(vmtier.table(program), patterns, kernels))
