# SPDX-License-Identifier: GPL-2.0-or-later
"""All tests of the control plane again, its programs built with ASan and UBSan.

Whatever a sanitizer says goes to files, also from programs that no test looks at closely (a worker of
the daemon, say); a last test is red when there is one.
"""

import os

from lib import flavored
from lib.errors import Problem

SECTION = "sanitized"
LAST = "sanitizers_have_nothing_to_say"
SHOWN_BYTES = 4000


def names():
    """The names of all tests."""
    return [*flavored.names(), LAST]


def run(report, patterns):
    """Runs the chosen tests."""
    logs = report.logs("sanitizers")
    where = f"log_path={logs}/log:print_stacktrace=1"
    os.environ["ASAN_OPTIONS"] = f"{where}:detect_leaks=1"
    os.environ["UBSAN_OPTIONS"] = where
    flavored.use("sanitized")
    flavored.run(report, SECTION, patterns)
    report.case(SECTION, LAST, lambda: _nothing_in(logs))


def _nothing_in(logs):
    """Raises Problem with what sanitizers said."""
    found = sorted(logs.iterdir())
    if found:
        text = found[0].read_text(encoding="utf-8", errors="replace")
        raise Problem(f"{len(found)} reports in {logs}; the first:\n{text[:SHOWN_BYTES]}")
