# SPDX-License-Identifier: GPL-2.0-or-later
"""The one kind of error that tests/run shows to a person as a single line."""


class Problem(Exception):
    """A failure that a person can act on: what failed on which object, why, what to do."""


class Stale(Problem):
    """The package lists name a version that the mirror no longer has; newer lists cure it."""


class Overdue(Problem):
    """A program ran into its time limit and was killed in the middle of its work."""


class Stopped(BaseException):
    """A signal asked this process to stop; unwinds through every clean-up on its way out."""
