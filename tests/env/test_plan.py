# SPDX-License-Identifier: GPL-2.0-or-later
"""Which tests share a VM, and which run at all."""

from lib.cases import Cases
from lib.vmtier import Row, plan

from .case import expect, test


def row(name, machine="default", kernels=("6.12",), limit_s=30, **flags):
    """A row of the table."""
    return Row(name, machine, kernels, (), limit_s, **flags)


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


@test("plan: tests share a VM unless one wants its own, and run on their kernels")
def _(_folder):
    rows = [row("a"), row("b"), row("alone", own_boot=True), row("new", kernels=("7.3",))]
    expect(planned(rows, []) == [["a", "b"], ["alone"]], planned(rows, []))
    expect(planned(rows, [], ("7.3",)) == [["new"]], planned(rows, [], ("7.3",)))


@test("plan: a test that leaves the VM unfit is its last, and the only such one")
def _(_folder):
    rows = [row("x", last=True), row("a"), row("b"), row("y", last=True), row("c")]
    boots = plan(rows, [], ["6.12"])
    expect([[chosen.last for chosen in boot.rows].index(True) - len(boot.rows) for boot in boots]
           == [-1, -1], boots)
    expect(sorted(chosen.name for boot in boots for chosen in boot.rows) == ["a", "b", "c", "x", "y"],
           boots)
    alone = plan([row("x", last=True), row("y", last=True)], [], ["6.12"])
    expect([len(boot.rows) for boot in alone] == [1, 1], alone)


@test("plan: machines that differ in the card share a VM, which starts as the first of them")
def _(_folder):
    rows = [row("a"), row("b", "packed"), row("c", "aer"), row("d", "packed"), row("e", "vfs240"),
            row("f", "oracle"), row("g", last=True), row("h", "two-cards")]
    boots = {boot.machine: [chosen.label for chosen in boot.rows]
             for boot in plan(rows, [], ["6.12"])}
    expect(boots == {"packed": ["b@packed", "d@packed", "c@aer", "a", "g"], "vfs240": ["e@vfs240"],
                     "oracle": ["f@oracle"], "two-cards": ["h@two-cards"]}, boots)


@test("plan: many tests are cut into VMs that may take about as long, a card's in one of them")
def _(_folder):
    rows = [*(row(f"a{n}") for n in range(6)), *(row(f"b{n}", "packed") for n in range(3))]
    boots = plan(rows, [], ["6.12"], 5)
    expect([len(boot.rows) for boot in boots] == [6, 3], boots)
    expect([boot.machine for boot in boots] == ["packed", "default"], boots)


@test("cases: only a pattern runs a case that is on demand")
def _(_folder):
    cases = Cases("env", "unit", 1)
    cases("short")(id)
    cases("storm", on_demand=True)(id)
    expect(list(cases.chosen([])) == ["short"], "an on-demand case runs without being asked for")
    expect(list(cases.chosen(["storm"])) == ["storm"], "the pattern does not choose it")
    expect(cases.names() == ["short", "storm"], cases.names())
