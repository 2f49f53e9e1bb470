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
LEAST = {"line": 80.0, "branch": 60.0}    # percent, of these folders:
MEASURED = ("common/", "lib/", "daemon/")
ERRORS = "every_named_error_is_reached"
NAMED_ERROR = re.compile(r"VFV_ERROR_[A-Z_]+")
NOT_SET = {"VFV_ERROR_NONE", "VFV_ERROR_COUNT", "VFV_ERROR_TEXT_BYTES"}
ERROR_PATH = re.compile(r"vfv_error_set|return -E|return -errno|= -E|fault\w*\(|_failed\(")
NO_MEMORY = re.compile(r"ENOMEM|NO_MEMORY|no_memory|no memory")
LIMIT_S = 300


def names():
    """The names of all tests."""
    return [*flavored.names(), *(_name(kind) for kind in LEAST), ERRORS]


def _name(kind):
    return f"{kind}_coverage_is_at_least_{LEAST[kind]:.0f}_percent"


def run(report, patterns):
    """Runs the chosen tests, then prints what they reached; judges it when that were all."""
    packages.ensure("gcovr")
    flavored.use("coverage")
    with programs.held() as place:
        for old in (place / "build").rglob("*.gcda"):
            old.unlink()
        flavored.run(report, SECTION, patterns)
        files = _count(place)
    totals = _show(files, place / "source", report.logs("coverage") / "uncovered.txt")
    if patterns:
        return
    for kind in LEAST:
        report.case(SECTION, _name(kind), lambda one=kind: _judge(one, totals))
    report.case(SECTION, ERRORS, lambda: _judge_errors(files, place / "source"))


def _count(place):
    """What gcovr counted: path inside vfvirtctl/ -> its lines."""
    out = place / "coverage.json"
    shell.run(["gcovr", "--root", place / "source", "--object-directory", place / "build",
               "--filter", r".*vfvirtctl/[a-z]*/.*\.c$", "--json", out],
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
        if not path.startswith(MEASURED):
            continue
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


def _judge_errors(files, source):
    """Raises Problem for named errors that no line which was reached sets."""
    header = (source / "vfvirtctl/common/error.h").read_text(encoding="utf-8")
    missing = set(NAMED_ERROR.findall(header)) - NOT_SET
    for path, lines in files.items():
        if path == "common/error.c":
            continue
        counts = {line["line_number"]: line["count"] for line in lines}
        reached, before = 0, ""
        for number, words in enumerate(_source_of(path, source), 1):
            reached = counts.get(number, reached)    # words may go on from the line above
            if reached and "vfv_error_set" in before + words:
                missing -= set(NAMED_ERROR.findall(words))
            before = words
    if missing:
        raise Problem(f"no test reaches {', '.join(sorted(missing))}")
