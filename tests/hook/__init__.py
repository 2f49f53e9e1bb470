# SPDX-License-Identifier: GPL-2.0-or-later
"""libvirt's hook: the stub that libvirt starts, and the program behind it, on a made-up card."""

from .case import case as _cases

names, run = _cases.names, _cases.run
