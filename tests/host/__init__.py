# SPDX-License-Identifier: GPL-2.0-or-later
"""The host tier: from power-on to a legacy guest, on a simulated host where nothing is faked."""

from . import test_story     # first of all: it looks at the host as power-on has left it
from .case import CASES, run

names = CASES.names
