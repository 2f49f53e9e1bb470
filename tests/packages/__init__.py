# SPDX-License-Identifier: GPL-2.0-or-later
"""The packages tier: our packages come, go and are replaced on a system without a running systemd.

What a running one makes of them, the host tier shows.
"""

from .case import case as _cases

names = _cases.names
run = _cases.run
