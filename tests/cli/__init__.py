# SPDX-License-Identifier: GPL-2.0-or-later
"""vfvirtctl as people and scripts meet it: what it prints, and how it ends."""

from .case import case as _cases

names, run = _cases.names, _cases.run
