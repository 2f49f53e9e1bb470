# SPDX-License-Identifier: GPL-2.0-or-later
"""The harness tier: planted failures, each of which must turn a run of VMs red, for its reason.

A test of this tier passes when the planted one was reported as failed with the text it must be
failed with. What ran beside it in the same VM must have passed.
"""

import re
import time
from dataclasses import dataclass
from pathlib import Path

from lib import report, vmtier

HERE = Path(__file__).resolve().parent
KERNEL = HERE.parent / "kernel"

AROUND_TEST_S = 15  # beyond the 2 s of a planted test; init kills for 5 s and puts back in no time
ANY = "6.1 6.12 7.3"
ONE = "6.12"        # what does not depend on the kernel is shown on one


@dataclass(frozen=True)
class Case:
    """A VM's run and how it must turn out.

    tests: what it runs. red: test -> pattern of the reason why it must be failed; the key "VM"
    stands for a failure of the VM as a whole. Tests not in red must pass, or be skipped.
    """
    name: str
    tests: tuple
    red: dict
    kernels: str = ONE


CASES = (
    Case("pass", ("planted_pass", "planted_skip"), {}, ANY),
    Case("failures share a VM",
         ("planted_check", "planted_exit_code", "planted_exit_fail_without_reason",
          "planted_signal", "planted_hang", "planted_kernel_log", "planted_missing_module",
          "planted_pass"),
         {"planted_check": r"planted\.c:\d+: the sum is 2, not 3",
          "planted_exit_code": "exit code 3",
          "planted_exit_fail_without_reason": "exit code 1",
          "planted_signal": "killed by signal 11",
          "planted_hang": "over its limit of 2 s",
          "planted_kernel_log": "kernel log .*BUG: planted line",
          "planted_missing_module": "module_load.*: Required key not available"}),
    Case("warning", ("planted_warn", "planted_pass"),
         {"planted_warn": "kernel log .*(WARNING|cut here)"}, ANY),
    Case("oops", ("planted_oops", "planted_pass"), {"planted_oops": "kernel log .*BUG: "}, ANY),
    Case("panic", ("planted_panic", "planted_pass"),
         {"planted_panic": "ended before its pass mark.*Kernel panic"}, ANY),
    Case("process stuck in the kernel", ("planted_stuck", "planted_pass"),
         {"planted_stuck": "over its limit of 2 s; a process hangs in the kernel"}, ANY),
    Case("VM hangs", ("planted_freeze", "planted_pass"),
         {"planted_freeze": r"the VM hung: no result of planted_freeze@no-card within \d+ s"}, ANY),
    Case("warning at power off", ("planted_warn_at_power_off",),
         {"VM": "findings that no test was blamed for"}),
    Case("power off behind the runner", ("planted_power_off",),
         {"planted_power_off": "ended before its pass mark"}),
    Case("death of init", ("planted_death_of_init",),
         {"planted_death_of_init": "ended before its pass mark.*Attempted to kill init"}),
    Case("zero tests", (), {"VM": "no test ran"}),
    Case("unknown test", ("planted_unknown",), {"VM": "init cannot: run planted_unknown"}),
    Case("garbled stream", ("planted_garbled",), {"VM": "'ok 1 planted_gar@no-card'"}),
    Case("duplicate result", ("planted_duplicate",), {"VM": "is the second result"}),
    Case("early pass mark", ("planted_early_pass_mark", "planted_pass"),
         {"VM": "after 1 of 2 results"}),
    Case("second plan", ("planted_smaller_plan",), {"VM": "is garbled: '1..1'"}),
)


class Witness:
    """Stands in for the report of a tier and keeps what the run said."""

    def __init__(self, tier_report, case):
        """tier_report: the real one, which gives the folders for logs."""
        self._tier_report, self._case = tier_report, case
        self.results = {}

    def logs(self, name):
        """A folder for the logs of one VM."""
        return self._tier_report.logs(f"{self._case.name} {name}")

    def started(self, section, name):
        """Which test runs now does not matter here."""

    def result(self, _section, name, status, _seconds, detail=""):
        """Keeps a result; a VM as a whole has the name "VM"."""
        self.results["VM" if name.startswith("(VM") else _plain(name)] = (status, detail)


def _plain(label):
    """The name of a test without its machine."""
    return label.split("@")[0]


def init():
    """Path of the init program with the planted tests, built when its sources changed."""
    return vmtier.compile_init("harness-init", [KERNEL / "runner", KERNEL / "lib", HERE])


def names():
    """Names of the cases."""
    return [case.name for case in CASES]


def run(tier_report, patterns, kernels, _sit):
    """Runs the chosen cases on those kernels. See lib.tiers for the arguments."""
    chosen = [(version, case) for version in kernels for case in CASES
              if version in case.kernels.split() and report.matches(patterns, case.name)]
    vmtier.in_parallel(lambda one: run_case(tier_report, f"harness {one[0]}", *one), chosen)


def run_case(tier_report, section, version, case, system=vmtier.System()):
    """Runs one case and reports, in that section, whether it went wrong as it must."""
    begin, program = time.monotonic(), init()
    rows = {row.name: row for row in vmtier.table(program)}
    tier_report.started(section, case.name)
    witness = Witness(tier_report, case)
    runner = vmtier.Runner(witness, f"harness {case.name}", program, around_test_s=AROUND_TEST_S,
                           system=system)
    runner.run(vmtier.Boot(version, "no-card", tuple(
        rows.get(name) or vmtier.Row(name, "no-card", ANY, (), 2, False) for name in case.tests)))
    faults = _faults(case, witness.results)
    tier_report.result(section, case.name, "fail" if faults else "ok", time.monotonic() - begin,
                       "\n".join(faults))


def _faults(case, results):
    """What is not as the case says, one line each."""
    faults = []
    for name in dict.fromkeys([*case.tests, *case.red, *results]):
        status, detail = results.get(name, ("no result", ""))
        pattern = case.red.get(name)
        if pattern is None and status not in ("ok", "skip") and name in results:
            faults.append(f"{name} is red: {detail}")
        elif pattern is None and name not in results and "VM" not in case.red:
            faults.append(f"{name} has no result")
        elif pattern and status != "fail":
            faults.append(f"{name} must be red, but: {status}")
        elif pattern and not re.search(pattern, detail):
            faults.append(f"{name} is red for another reason than {pattern!r}: {detail}")
    return faults
