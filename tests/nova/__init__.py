# SPDX-License-Identifier: GPL-2.0-or-later
"""The nova tier: what vfvirtctl says of and to Nova, held against Nova's own code."""

from .case import CASES as _cases

names, run = _cases.names, _cases.run
