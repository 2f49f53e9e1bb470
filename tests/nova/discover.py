# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs inside a tree that has Nova: its libvirt driver looks for PCI devices over a real libvirt.

    discover.py URI

Prints what Nova would store for the node: a list of devices, as JSON.
"""

import sys
from unittest import mock

import nova.conf
from nova import objects
from nova.virt.libvirt import driver


def main(uri):
    """Prints the devices."""
    conf = nova.conf.CONF
    conf([], project="nova", default_config_files=[])
    conf.set_override("connection_uri", uri, "libvirt")
    objects.register_all()
    # Whom it would tell of guests' lives; it is asked for devices only.
    asked = driver.LibvirtDriver(mock.Mock())
    # pylint: disable-next=protected-access; what the resource tracker gets
    print(asked._get_pci_passthrough_devices())


if __name__ == "__main__":
    main(sys.argv[1])
