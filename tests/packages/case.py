# SPDX-License-Identifier: GPL-2.0-or-later
"""Registers the cases of the packages tier."""

from lib import debs
from lib.cases import Cases

LIMIT_S = 2400
OLD = "0.0.9"       # older than any release
case = Cases("packages", "packages", LIMIT_S)


def package(name, version=None):
    """The .deb file of a package, of the checkout's version or of another."""
    return next(path for path in debs.get(version) if path.name.startswith(f"{name}_"))
