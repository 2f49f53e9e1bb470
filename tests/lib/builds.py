# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of what `tests/run build` can build; each prints the paths of its results."""

from . import apt, kernels, qemu


def build_lists(_versions):
    """Fetches the package lists of all archives anew."""
    for archive in apt.ARCHIVES:
        apt.fetch_lists(archive, again=True)
    return []


def build_qemu(_versions):
    """Builds QEMU with the device model."""
    return [qemu.command()[0]]


def build_kernels(versions):
    """Fetches the kernels of those versions."""
    return [kernels.get(version).image for version in versions]


# Name -> (what it is, function(kernel versions) -> paths).
BUILDS = {
    "lists": ("newer package lists; the only build that replaces what is there", build_lists),
    "qemu": ("QEMU with the device model", build_qemu),
    "kernels": ("the tested Debian kernels", build_kernels),
}
