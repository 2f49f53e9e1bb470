# SPDX-License-Identifier: GPL-2.0-or-later
"""The made-up card, for tests in Python."""

from .fakecard import FakeCard    # noqa: F401
