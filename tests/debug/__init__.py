# SPDX-License-Identifier: GPL-2.0-or-later
"""The debug tier: tests of the kernel tier on the debug kernel, and proof that it finds bugs.

It runs the module tests (core_*, pf_*, vfio_*), a short storm, and the sweeps that let one memory
allocation after the other fail (debug_*). Every VM ends with two scans for leaks.
"""

import kernel
from harness import Case, run_case
from lib import debugkernel, report, vmtier
from lib.vm import Needs

SECTION = "debug"

# How much longer than on Debian's kernel things may take; KASAN and lockdep under emulation.
SLOWNESS = 5
MEMORY_MB = 256        # KASAN's shadow and quarantine, kmemleak's objects
TESTS_A_VM = 35         # each VM ends with scans for leaks, and two at a time should end together
# virtio-pci maps small neighbours for its administration commands: harmless on x86, but a finding
# of the DMA checker, which therefore looks at our driver only.
ARGUMENTS = "kasan_multi_shot dma_debug_driver=vfvirt_pf"
STORM_OPERATIONS = 2000
RACES = 200             # each open that succeeds takes its time here
WRITE_STRIDE = 9        # of the offsets that the matrix of BAR0 writes to; odd, so all alignments
MANY_VFS = 48           # where other kernels make 240 to see what each costs

CHOSEN = ("core_*", "pf_*", "vfio_*", "debug_*")
LONG = ("vfio_storm", "debug_*")    # of those on demand, the ones that belong here
APART = ("debug_*",)    # what they sweep over is where modules lie, so nobody else may load any

# Test -> why it cannot run here.
UNFIT = {
    "pf_vfs_come_and_go_20_times": "counts slab objects, and the debug kernel keeps its own",
}

PLANTED = (
    Case("planted bugs are found",
         # In this order: KASAN's report switches the lock checker off.
         ("planted_sleep_in_atomic", "planted_lock_inversion", "planted_use_after_free",
          "planted_pass"),
         {"planted_use_after_free": "kernel log .*BUG: KASAN: slab-use-after-free",
          "planted_sleep_in_atomic": "kernel log .*BUG: sleeping function called",
          "planted_lock_inversion": "kernel log .*WARNING: possible circular locking"}),
    Case("a planted leak is found", ("planted_leak", "planted_pass"),
         {"VM": r"gave up: after the last test: [1-9]\d* leaks"}),
)


def system():
    """The debug kernel, for lib.vmtier."""
    return vmtier.System(
        kernel=lambda _version: debugkernel.get(), image=lambda built: built.image,
        modules=lambda _version: debugkernel.build_modules(), by_version=False,
        needs=Needs(SLOWNESS, MEMORY_MB, ARGUMENTS),
        settings={"storm_operations": STORM_OPERATIONS, "races": RACES,
                  "write_stride": WRITE_STRIDE, "many_vfs": MANY_VFS})


def rows():
    """The rows of the kernel tier that belong here, those that cannot run included."""
    return [row for row in vmtier.table(kernel.init())
            if debugkernel.BASE in row.kernels and report.matches(CHOSEN, row.name)
            and (not row.on_demand or report.matches(LONG, row.name))]


def names():
    """Names of all tests of the tier."""
    return [row.label for row in rows()] + [case.name for case in PLANTED]


def boots(chosen):
    """The boots for the chosen rows, those that may last first."""
    apart = [row for row in chosen if report.matches(APART, row.name)]
    rest = [row for row in chosen if row not in apart]
    return [boot for rows in (apart, rest)
            for boot in vmtier.plan(rows, ["*"], [debugkernel.BASE], TESTS_A_VM)]


def run(tier_report, patterns):
    """Runs the chosen tests. See lib.tiers for the arguments."""
    chosen = [row for row in rows() if report.matches(patterns, row.label)]
    for row in chosen:
        if row.name in UNFIT:
            tier_report.result(SECTION, row.label, "skip", 0, UNFIT[row.name])
    runner = vmtier.Runner(tier_report, SECTION, kernel.init(), system=system())
    cases = [case for case in PLANTED if report.matches(patterns, case.name)]
    vmtier.in_parallel(lambda work: work(), [
        *(lambda boot=boot: runner.run(boot)
          for boot in boots([row for row in chosen if row.name not in UNFIT])),
        *(lambda case=case: run_case(tier_report, SECTION, debugkernel.BASE, case, system())
          for case in cases)])
