# SPDX-License-Identifier: GPL-2.0-or-later
"""The host tier: from power-on to a legacy guest, on a simulated host where nothing is faked."""

# In this order: the first looks at a host as power-on has left it, and leaves a guest to the next.
from . import test_story, test_guests
from .case import CASES, run

names = CASES.names
