# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's QEMU with the device model in it: built once in a builder tree, then cached."""

import os
from pathlib import Path

from .errors import Problem


def command():
    """The start of a command line that runs our QEMU, firmware folders included.

    VFVIRT_QEMU, a path to a binary or a wrapper script, is used instead when it is set.
    """
    chosen = os.environ.get("VFVIRT_QEMU")
    if chosen:
        if not os.access(chosen, os.X_OK) or Path(chosen).is_dir():
            raise Problem(f"VFVIRT_QEMU: {chosen} is not a program")
        return [chosen]
    raise Problem("no QEMU yet: set VFVIRT_QEMU to one with the device model")
