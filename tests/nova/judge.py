# SPDX-License-Identifier: GPL-2.0-or-later
"""Nova's own code, installed in a tree, as a judge of configurations. inside.py runs in there."""

import json
import os
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

from lib import apt, shell, tree
from lib.errors import Problem

HERE = Path(__file__).parent
# Release of Nova -> (archive, version).
ARCHIVES = {"2025.1": ("trixie", "31"), "zed": ("bookworm", "26")}
NAMES = ("python3-nova", "python3-libvirt")
# Compiling all of Python's files takes longer than the tests do.
LEFT_OUT = ("/usr/bin/py3compile", "/usr/lib/python3/dist-packages/nova/tests/*")
PFS = {"0000:01:00.0": 16, "0000:3b:00.0": 240, "0000:4b:00.0": 240}
NETDEV = "ens0"
DISCOVER_LIMIT_S = 300


def get_tree(release):
    """The path of a tree in which Nova of a release is installed."""
    archive, version = ARCHIVES[release]
    return apt.fresh(archive, lambda: tree.get(f"nova-{version}", archive, NAMES,
                                               left_out=LEFT_OUT))


class Judge:
    """A running Nova of a release. Lives until this process ends."""

    def __init__(self, release):
        place = get_tree(release)
        # pylint: disable-next=consider-using-with; it is used as long as this process lives
        self._folder = tempfile.TemporaryDirectory(prefix="nova", dir="/tmp")
        self._log = Path(self._folder.name, "log")
        sysfs = Path(self._folder.name, "sys")
        _fill_sysfs(sysfs)
        with open(self._log, "w", encoding="utf-8") as log:
            # pylint: disable-next=consider-using-with; likewise
            self._process = subprocess.Popen(
                tree.command(place, ["python3", "/src/inside.py"],
                             [(HERE, "/src", "ro"), (sysfs, "/sys", "ro")]),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                preexec_fn=shell.die_with_parent)

    def judge(self, files, nodes, asked="vfvirt:1"):
        """What Nova makes of configuration files {name: text}, or of one text, on such a host."""
        if isinstance(files, str):
            files = {"nova.conf": files}
        self._process.stdin.write(json.dumps({"files": files, "nodes": nodes, "asked": asked})
                                  + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise Problem(f"Nova ended with status {self._process.wait(60)}: "
                          f"{self._log.read_text(errors='replace')[-2000:]}")
        return json.loads(answer)


@lru_cache(maxsize=None)
def running(release):
    """The Nova of a release, started when it is first asked for."""
    return Judge(release)


def _fill_sysfs(sysfs):
    """What Nova looks at itself: which functions are PFs, and whose an interface is."""
    devices = sysfs / "bus/pci/devices"
    devices.mkdir(parents=True)
    for pf, most in PFS.items():
        place = sysfs / "devices/pci0000:00" / pf
        place.mkdir(parents=True)
        (place / "sriov_totalvfs").write_text(f"{most}\n", encoding="ascii")
        (devices / pf).symlink_to(os.path.relpath(place, devices))
    interface = sysfs / "devices/pci0000:00" / next(iter(PFS)) / "virtio2/net" / NETDEV
    interface.mkdir(parents=True)
    (interface / "device").symlink_to("../../../virtio2")
    (sysfs / "class/net").mkdir(parents=True)
    (sysfs / "class/net" / NETDEV).symlink_to(os.path.relpath(interface, sysfs / "class/net"))


def discover(release, folder, uri):
    """The PCI devices that Nova's libvirt driver finds over a libvirt.

    folder: is at /build for it; uri: of the libvirt.
    """
    said = tree.run(get_tree(release), ["python3", "/src/discover.py", uri],
                    "Nova's libvirt driver finds no devices", limit_s=DISCOVER_LIMIT_S,
                    binds=[(HERE, "/src", "ro"), (folder, "/build", "rw")])
    return json.loads(said.splitlines()[-1])
