# SPDX-License-Identifier: GPL-2.0-or-later
"""What `make bench` runs: tests that are there, and every one that measures."""

import re
import subprocess

from lib.report import matches

from .case import TESTS, expect, test


def patterns_of_make_bench():
    """The patterns that the target hands to tests/run, in order."""
    shown = subprocess.run(["make", "--silent", "--dry-run", "bench"], cwd=TESTS.parent, check=True,
                           capture_output=True, text=True).stdout
    return re.search(r"tests/run kernel (.*)", shown).group(1).split()


def kernel_tests():
    """Name -> whether it is on demand, of each test of the kernel tier."""
    found = {}
    for path in sorted((TESTS / "kernel" / "cases").glob("*.c")):
        for row in re.finditer(r"^TEST\((\w+)(.*?)^\{", path.read_text(), re.M | re.S):
            found[row.group(1)] = "on_demand = true" in row.group(2)
    return found


@test("bench: make bench names tests that are there, and leaves none out")
def _(_folder):
    tests, patterns = kernel_tests(), patterns_of_make_bench()
    for pattern in patterns:
        expect(any(matches([pattern], name) for name in tests),
               f"make bench names {pattern!r}, which is no test")
    benches = [name for name in tests if "bench" in name]
    expect(len(benches) >= 8, f"only {len(benches)} benches: {benches}")
    for name in benches:
        expect(matches(patterns, name), f"make bench leaves {name} out")
        expect(tests[name], f"{name} measures, but is not on demand")
