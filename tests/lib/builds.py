# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of what `tests/run build` can build; each prints the paths of its results."""

import importlib

from . import apt, debs, debugkernel, kernels, modules, programs, qemu, rpms


def build_lists(_versions):
    """Fetches the package lists of all archives anew."""
    for archive in apt.ARCHIVES:
        apt.fetch_lists(archive, again=True)
    return []


def build_trees(versions):
    """Makes the builder trees."""
    return [apt.fresh(qemu.ARCHIVE, qemu.builder)] + [modules.headers(version)
                                                      for version in versions]


def build_qemu(_versions):
    """Builds QEMU with the device model."""
    return qemu.command()


def build_kernels(versions):
    """Fetches the kernels of those versions."""
    return [kernels.get(version).image for version in versions]


def build_modules(versions):
    """Builds the modules of kernel/ for those versions."""
    return [path for version in versions for path in modules.build(version)]


def build_debugkernel(_versions):
    """Builds the debug kernel and the modules of kernel/ for it."""
    return [debugkernel.get().image, *debugkernel.build_modules()]


def build_programs(_versions):
    """Builds vfvirtd and vfvirtctl, and the programs that only tests use."""
    return [programs.build()]


def build_nova(_versions):
    """Installs the Nova that is always tested in a tree."""
    # pylint: disable-next=import-outside-toplevel; what is built for one tier stays with it
    from nova import judge
    return [judge.get_tree("2025.1")]


def build_debs(_versions):
    """Builds our Debian packages."""
    return debs.get()


def build_hostdisk(_versions):
    """Builds the disk of the simulated host, and what it is made of."""
    return [importlib.import_module("host.image").get()]


def build_rpm(_versions):
    """Builds our RPM packages."""
    return rpms.get()


def build_dkms(versions):
    """Builds the modules of kernel/ with DKMS for those versions."""
    return [path for version in versions for path in modules.dkms(version)]


# Name -> (what it is, function(kernel versions) -> paths).
BUILDS = {
    "lists": ("newer package lists; the only build that replaces what is there", build_lists),
    "trees": ("the builder trees", build_trees),
    "qemu": ("QEMU with the device model", build_qemu),
    "kernels": ("the tested Debian kernels", build_kernels),
    "programs": ("vfvirtd and vfvirtctl, and the programs of their tests", build_programs),
    "modules": ("the modules of kernel/, for each tested kernel", build_modules),
    "dkms": ("the modules once more, by DKMS from its source tree", build_dkms),
    "nova": ("OpenStack Nova, installed in a tree", build_nova),
    "debs": ("the Debian packages", build_debs),
    "hostdisk": ("the disk of the simulated host, with the packages installed", build_hostdisk),
    "rpm": ("the RPM packages", build_rpm),
    "debugkernel": ("the debug kernel, and the modules for it", build_debugkernel),
}
