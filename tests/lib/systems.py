# SPDX-License-Identifier: GPL-2.0-or-later
"""What the simulated host of a run can have for its system."""

from dataclasses import dataclass


@dataclass(frozen=True)
class System:
    """A release of Debian with its kernel; preferences: apt's, for what does not come from the
    release itself."""
    archive: str
    kernel: str
    preferences: str = ""


SYSTEMS = {
    "debian13": System("trixie", "6.12"),
    "debian12": System("bookworm-backports", "6.1", "Package: src:libvirt\n"
                       "Pin: release n=bookworm-backports\nPin-Priority: 900"),
}
DEFAULT = "debian13"

_name = DEFAULT    # pylint: disable=invalid-name; no constant: choose() sets it


def choose(name):
    """Makes that one of SYSTEMS the one that all hosts of this run have."""
    global _name    # pylint: disable=global-statement
    _name = name


def chosen():
    """The System that all hosts of this run have."""
    return SYSTEMS[_name]
