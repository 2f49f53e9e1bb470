# SPDX-License-Identifier: GPL-2.0-or-later
"""Puts dynamic programs of this host into an initramfs, with the libraries that they need.

A test VM has no user space but its init program. A machine with "control" also gets vfvirtd,
vfvirtctl and a D-Bus daemon with the product's own policy: what stands in for systemd is the test.
"""

import re
from pathlib import Path

from . import packages, programs, shell

CHECKOUT = Path(__file__).resolve().parent.parent.parent
# As the system's own, but for the service that it would start and the user that it would become.
BUS_CONFIG = """<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen>
<auth>EXTERNAL</auth><policy context="default"><allow user="*"/><allow send_type="signal"/>
<allow send_requested_reply="true" send_type="method_return"/>
<allow send_requested_reply="true" send_type="error"/>
<allow receive_type="method_call"/><allow receive_type="method_return"/>
<allow receive_type="error"/><allow receive_type="signal"/>
<allow send_destination="org.freedesktop.DBus"/></policy>
<includedir>/etc/dbus-1/system.d</includedir></busconfig>
"""
TEXTS = {
    "etc/dbus-1/test.conf": BUS_CONFIG,
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "etc/group": "root:x:0:\nlibvirt:x:107:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\n",
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
}


def add_control(archive):
    """Adds the control plane and what it needs to a lib.initramfs.Archive."""
    packages.ensure("dbus-daemon")
    built = programs.build()
    found = {"usr/bin/dbus-daemon": Path("/usr/bin/dbus-daemon"),
             "usr/bin/vfvirtctl": built / "usr/bin/vfvirtctl",
             "usr/sbin/vfvirtd": built / "usr/sbin/vfvirtd"}
    for path in list(found.values()):
        found.update(libraries(path))
    for name, path in found.items():
        archive.file(name, path)
    for name, text in TEXTS.items():
        archive.file(name, text.encode())
    policy = CHECKOUT / "packaging/dbus/org.vfvirt1.conf"
    archive.file(f"etc/dbus-1/system.d/{policy.name}", policy)


def libraries(program):
    """Name in the archive -> Path of each library of a program, the loader among them."""
    said = shell.run(["ldd", program], f"cannot find the libraries of {program}")
    paths = re.findall(r"^\s+(?:\S+ => )?(/\S+) \(0x", said, re.MULTILINE)
    return {path[1:]: Path(path).resolve() for path in paths}
