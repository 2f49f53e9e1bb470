# SPDX-License-Identifier: GPL-2.0-or-later
"""Measurements on the simulated host, each a ratio inside one boot: `tests/run host-bench`."""

import base64
import shlex
import statistics
import tempfile
import time
from pathlib import Path

from lib import packages, report, shell

from . import guest
from .machine import Host
from .scene import PF, Scene

VFS = 64
LIST_VFS = 240
ROUNDS = 3
DRIVER = "vfvirt_vfio_pci"
NAMES = {"create": "bench: create of 64 VFs", "list": "bench: list of 240 VFs",
         "boot": "bench: power-on to 64 published VFs",
         "attach": "bench: attach-device to a link in the guest"}
LIMIT_S = 1500

# Seconds that a shell line takes, on the clock of the host.
TIMED = "a=$(date +%s%N); {line} >/dev/null || exit 1; b=$(date +%s%N); echo $((b - a))"

DRIVERCTL = f"""echo 0 > /sys/bus/pci/devices/{PF}/sriov_drivers_autoprobe &&
echo {VFS} > /sys/bus/pci/devices/{PF}/sriov_numvfs &&
for link in /sys/bus/pci/devices/{PF}/virtfn*; do
    driverctl --nosave set-override $(basename $(readlink $link)) {DRIVER} || exit 1
done"""


def names():
    """The names of all measurements."""
    return list(NAMES.values())


def run(tier_report, patterns):
    """Measures what is chosen; a ratio beyond its bound fails."""
    for key, vfs, measure in (("create", VFS, _create), ("boot", VFS, _boot),
                              ("list", LIST_VFS, _list)):
        if report.matches(patterns, NAMES[key]):
            with _host(vfs) as host:
                tier_report.case("host-bench", NAMES[key], lambda: measure(host), LIMIT_S)
    if report.matches(patterns, NAMES["attach"]):
        with tempfile.TemporaryDirectory(prefix="host", dir="/var/tmp") as folder:
            scene = Scene(Path(folder), tier_report.logs("attach"))
            try:
                scene.host.start()
                scene.host.settle()
                tier_report.case("host-bench", NAMES["attach"], lambda: _attach(scene), LIMIT_S)
            finally:
                scene.keep_logs()
                scene.host.stop()


class _host:  # pylint: disable=invalid-name; reads as a function
    """A host with a card of so many VFs and no intent."""

    def __init__(self, vfs):
        self._folder = tempfile.TemporaryDirectory(prefix="host", dir="/var/tmp")
        self._vfs = vfs

    def __enter__(self):
        host = self._started = Host(Path(self._folder.name), {"total-vfs": self._vfs}, 4096)
        host.start()
        host.settle()
        host.sh("rm /etc/vfvirt/pf.d/*.json && systemctl reload vfvirtd", 60)
        host.run("vfvirtctl", "destroy", PF, limit_s=120)
        return host

    def __exit__(self, *_):
        self._started.stop()
        self._folder.cleanup()


def _seconds(host, line, limit_s=600):
    return int(host.sh(TIMED.replace("{line}", "{ " + line + "; }"), limit_s)) / 1e9


def _say(name, value, unit, bound):
    shell.say(f"bench {name} {value:.3f} {unit}")
    if bound is not None and value > bound:
        raise AssertionError(f"{name} is {value:.3f}, above {bound}")


def _bare(host):
    """Puts the program that does nothing but the kernel's part into the host."""
    packages.ensure("gcc", "libc6-dev")
    source = Path(__file__).with_name("bare_create.c")
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "bare"
        shell.run(["gcc", "-O2", "-o", program, source], "cannot build bare_create")
        host.run("/bin/sh", "-c", "base64 -d > /run/bare && chmod +x /run/bare",
                 text_in=base64.b64encode(program.read_bytes()).decode())


def _create(host):
    _bare(host)
    ways = {"vfvirtctl": f"vfvirtctl create {PF} --num-vfs {VFS} --runtime",
            "bare": f"/run/bare {PF} {VFS} {DRIVER}", "driverctl": DRIVERCTL}
    took = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, line in ways.items():
            host.sh(f"systemctl {'start' if way == 'vfvirtctl' else 'stop'} vfvirtd")
            took[way].append(_seconds(host, line))
            if way == "vfvirtctl":
                host.run("vfvirtctl", "destroy", PF, limit_s=120)
            else:
                host.sh(f"echo 0 > /sys/bus/pci/devices/{PF}/sriov_numvfs", 120)
            time.sleep(1)
    middle = {way: statistics.median(times) for way, times in took.items()}
    for way, seconds in middle.items():
        _say(f"create_{VFS}_{way}", seconds, "s", None)
    _say("create_to_bare_writes", middle["vfvirtctl"] / middle["bare"], "ratio", None)
    _say("create_to_driverctl", middle["vfvirtctl"] / middle["driverctl"], "ratio", 0.5)


# Seconds since the kernel began at which things were done, and when the last VF was published.
MOMENTS = """systemctl show -P UserspaceTimestampMonotonic
systemctl show -P ExecMainStartTimestampMonotonic vfvirtd
systemctl show -P ActiveEnterTimestampMonotonic vfvirtd
begun=$(date +%s%N)
begun=$((begun / 1000 - $(cut -d' ' -f1 /proc/uptime | tr -d .)0000))
for file in /run/vfvirt/hostdev/*.xml; do
    echo $(($(date -r $file +%s%N) / 1000 - begun))
done | sort -n | tail -n 1"""


def _boot(host):
    """Power-on with an intent of 64 VFs; the kernel's own share is its start and its writes."""
    intent = f'{{ "match": {{ "address": "{PF}" }}, "vfs": {VFS} }}'
    host.sh(f"echo '{intent}' > /etc/vfvirt/pf.d/dpu0.json && sync")
    host.restart()
    host.wait_for(f"{VFS} published VFs",
                  lambda: host.sh("ls /run/vfvirt/hostdev | wc -l").strip() == str(VFS), 300)
    host.settle()
    shell.say(host.sh("systemd-analyze critical-chain vfvirtd.service"))
    kernel, daemon, ready, last = (int(word) / 1e6 for word in host.sh(MOMENTS).split())
    _say("boot_kernel", kernel, "s", None)
    _say("boot_until_vfvirtd_starts", daemon, "s", None)
    _say(f"boot_until_{VFS}_published", last, "s", None)
    _say("boot_until_vfvirtd_is_ready", ready, "s", None)
    host.run("vfvirtctl", "destroy", PF, limit_s=120)
    host.sh("systemctl stop vfvirtd")
    _bare(host)
    bare = _seconds(host, f"/run/bare {PF} {VFS} {DRIVER}")
    _say(f"boot_kernels_share_of_{VFS}_vfs", bare, "s", None)
    _say("boot_vfvirtd_to_kernels_share", (last - daemon) / bare, "ratio", None)


def _attach(scene):
    """The same VF, given to a legacy guest by our driver and to a modern one by vfio-pci."""
    took = {}
    for name, driver in (("old1", DRIVER), ("new1", "vfio-pci")):
        vf = scene.vfs()[guest.GUESTS[name].vf]["address"]
        description = f"{guest.FOLDER}/{vf}.xml"
        scene.host.sh(f"cp {scene.hostdev(guest.GUESTS[name].vf)} {description}; modprobe vfio-pci")
        scene.host.run("vfvirtctl", "bind", vf, "--driver", driver)
        scene.start(name)
        scene.hear(name, "up")
        times = []
        for turn in range(1, ROUNDS + 1):
            ready = guest.HEAR.format(path=guest.said_path(name), word="ready", count=turn)
            # Into a file: grep reads to the end, which never comes, when nobody wants its output.
            times.append(_seconds(scene.host, f"virsh attach-device {name} {description} && "
                                              f"bash -c {shlex.quote(ready)} > /run/heard"))
            scene.host.run("virsh", "detach-device", name, description)
            scene.hear(name, "gone", count=turn)
        took[name] = statistics.median(times)
        scene.host.run("virsh", "destroy", name)
    _say("attach_legacy", took["old1"], "s", None)
    _say("attach_vfio_pci_modern", took["new1"], "s", None)
    _say("attach_legacy_to_vfio_pci_modern", took["old1"] / took["new1"], "ratio", None)


def _list(host):
    host.run("vfvirtctl", "create", PF, "--num-vfs", str(LIST_VFS), "--runtime", limit_s=600)
    loop = (f"for link in /sys/bus/pci/devices/{PF}/virtfn*; do "
            "echo $(basename $(readlink $link)) | tr :. __; done > /run/names; "
            "for name in $(cat /run/names); do virsh nodedev-dumpxml pci_$name || exit 1; done")
    ours = statistics.median(_seconds(host, "vfvirtctl list") for _ in range(ROUNDS))
    theirs = _seconds(host, loop, 1200)
    _say("list_240", ours, "s", None)
    _say("list_to_virsh_nodedev_dumpxml", ours / theirs, "ratio", 0.2)
