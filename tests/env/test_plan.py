# SPDX-License-Identifier: GPL-2.0-or-later
"""Which tests share a VM, and which run at all."""

from lib.cases import Cases
from lib.vmtier import Row, plan

from .case import expect, test


def row(name, own_boot=False, on_demand=False, kernels=("6.12",)):
    """A row of the table on the default machine."""
    return Row(name, "default", kernels, (), 30, own_boot, on_demand)


def planned(rows, patterns, versions=("6.12",)):
    """The names of the planned tests, one sorted list a boot."""
    return sorted(sorted(chosen.name for chosen in boot.rows)
                  for boot in plan(rows, patterns, versions))


@test("plan: only a pattern runs a test that is on demand")
def _(_folder):
    rows = [row("short"), row("storm", on_demand=True)]
    expect(planned(rows, []) == [["short"]], "an on-demand test runs without being asked for")
    expect(planned(rows, ["storm"]) == [["storm"]], "the pattern does not choose it")
    expect(planned(rows, ["*"]) == [["short", "storm"]], "'*' does not choose all")


@test("plan: tests share a VM unless they leave it unfit, and run on their kernels")
def _(_folder):
    rows = [row("a"), row("b"), row("last", own_boot=True), row("new", kernels=("7.3",))]
    expect(planned(rows, []) == [["a", "b"], ["last"]], planned(rows, []))
    expect(planned(rows, [], ("7.3",)) == [["new"]], planned(rows, [], ("7.3",)))


@test("cases: only a pattern runs a case that is on demand")
def _(_folder):
    cases = Cases("env", "unit", 1)
    cases("short")(id)
    cases("storm", on_demand=True)(id)
    expect(list(cases.chosen([])) == ["short"], "an on-demand case runs without being asked for")
    expect(list(cases.chosen(["storm"])) == ["storm"], "the pattern does not choose it")
    expect(cases.names() == ["short", "storm"], cases.names())
