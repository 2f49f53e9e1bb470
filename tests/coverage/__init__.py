# SPDX-License-Identifier: GPL-2.0-or-later
"""How much of common, lib and daemon the tests of the control plane reach.

Runs them with counting programs, prints lines and branches of each file, and names the error paths
that no test went: each is a place where nobody knows what happens.
"""

import json
import re

from lib import flavored, packages, programs, shell
from lib.errors import Problem

SECTION = "coverage"
LEAST = {"line": 80.0, "branch": 60.0}    # percent
ERROR_PATH = re.compile(r"vfv_error_set|return -E|return -errno|= -E|fault\w*\(|_failed\(")
NO_MEMORY = re.compile(r"ENOMEM|NO_MEMORY|no_memory|no memory")
LIMIT_S = 300


def names():
    """The names of all tests."""
    return [*flavored.names(), *(_name(kind) for kind in LEAST)]


def _name(kind):
    return f"{kind}_coverage_is_at_least_{LEAST[kind]:.0f}_percent"


def run(report, patterns):
    """Runs the chosen tests, then prints and judges what they reached."""
    packages.ensure("gcovr")
    flavored.use("coverage")
    with programs.held() as place:
        for old in (place / "build").rglob("*.gcda"):
            old.unlink()
        flavored.run(report, SECTION, patterns)
        files = _count(place)
    totals = _show(files, place / "source", report.logs("coverage") / "uncovered.txt")
    for kind in LEAST:
        report.case(SECTION, _name(kind), lambda one=kind: _judge(one, totals))


def _count(place):
    """What gcovr counted: path inside vfvirtctl/ -> its lines."""
    out = place / "coverage.json"
    shell.run(["gcovr", "--root", place / "source", "--object-directory", place / "build",
               "--filter", r".*vfvirtctl/(common|lib|daemon)/.*\.c$", "--json", out],
              "cannot count what was reached", limit_s=LIMIT_S, cwd=place / "build")
    counted = json.loads(out.read_text(encoding="utf-8"))["files"]
    return {entry["file"].split("vfvirtctl/")[-1]:
            [line for line in entry["lines"] if not line["gcovr/noncode"]] for entry in counted}


def _sums(lines):
    """Reached and all lines, reached and all branches."""
    branches = [branch for line in lines for branch in line["branches"]]
    return {"line": (sum(line["count"] > 0 for line in lines), len(lines)),
            "branch": (sum(branch["count"] > 0 for branch in branches), len(branches))}


def _percent(pair):
    return 100.0 * pair[0] / pair[1] if pair[1] else 100.0


def _show(files, source, listing):
    """Prints a line a file, writes the error paths that were not reached; the totals."""
    totals = {kind: [0, 0] for kind in LEAST}
    missed, without_memory = [], 0
    for path, lines in sorted(files.items()):
        sums = _sums(lines)
        shell.say(f"{path:32} lines {_percent(sums['line']):5.1f} %  "
                  f"branches {_percent(sums['branch']):5.1f} %")
        for kind, pair in sums.items():
            totals[kind] = [sum(two) for two in zip(totals[kind], pair)]
        text = _source_of(path, source)
        for line in lines:
            words = text[line["line_number"] - 1]
            if line["count"] or not ERROR_PATH.search(words):
                continue
            if NO_MEMORY.search(words):
                without_memory += 1
            else:
                missed.append(f"{path}:{line['line_number']}: {words.strip()}")
    listing.write_text("\n".join(missed) + "\n", encoding="utf-8")
    for words in missed:
        shell.say(f"not reached: {words}")
    shell.say(f"not reached for want of memory: {without_memory} more lines")
    for kind, pair in totals.items():
        shell.say(f"coverage {kind} {_percent(pair):.1f} % ({pair[0]} of {pair[1]})")
    return totals


def _source_of(path, source):
    return (source / "vfvirtctl" / path).read_text(encoding="utf-8").splitlines()


def _judge(kind, totals):
    """Raises Problem when too little was reached."""
    have = _percent(totals[kind])
    if have < LEAST[kind]:
        raise Problem(f"{have:.1f} % of {totals[kind][1]}: the error paths that no test went "
                      "are named above")
