# SPDX-License-Identifier: GPL-2.0-or-later
"""Our packages come, go and are replaced on a running host, with a guest that has a VF."""

import base64

from lib import debs, kernels, systems
from lib.cases import expect

from . import guest, image
from .case import case
from .scene import PF, VFS

OLD = "old1"
NEW = "99.0"        # newer than any release
LIMIT_S = 300

# What may still bear our name: the modules and the units' limits, which the tests put there, and
# what is no file of ours.
LEFT = ("find / -xdev -name '*vfvirt*' -not -path '/lib/modules/*' -not -path '/usr/lib/modules/*' "
        f"-not -path '{guest.FOLDER}*' -not -path '/var/log/*' -not -path '/root/*' "
        "-not -path '/etc/systemd/system/vfvirt*.service.d*'; "
        "ls -d /run/vfvirt /etc/vfvirt 2>/dev/null; true")


def _put(host, version=None, name="vfvirt"):
    """Brings a package to the host; returns its path there."""
    deb = next(path for path in debs.get(version) if path.name.startswith(f"{name}_"))
    path = f"/root/{deb.name}"
    host.run("/bin/sh", "-c", f"base64 -d > {path}",
             text_in=base64.b64encode(deb.read_bytes()).decode())
    return path


def _modules():
    """The folder of our modules on the host."""
    return f"/lib/modules/{kernels.release(systems.chosen().kernel)}/updates/dkms"


def _unit(host, name, what):
    """A property of a unit, as in "active"."""
    return host.run("systemctl", "show", "-P", what, name).strip()


def _undisturbed(scene, change):
    """Makes a change, a function, while a guest is pinged; nothing of that may be disturbed."""
    host, address = scene.host, guest.GUESTS[OLD].address
    scene.guest(OLD)
    qemu = host.sh(f"pgrep -f '[g]uest={OLD},'").strip()
    # The agent waits for whoever holds its streams.
    host.sh(f"ping -W 30 {address} > /run/pinged 2>&1 < /dev/null & echo $! > /run/pinging")
    change()
    scene.ping_goes_on(OLD)
    host.sh("kill -INT $(cat /run/pinging)")
    host.wait_for("the sum of ping", lambda: "packets" in host.sh("cat /run/pinged"), 60)
    sent, got = [int(word) for word in host.sh("grep packets /run/pinged").split()
                 if word.isdecimal()][:2]
    # The last one may be under way.
    expect(sent > 1 and got >= sent - 1, f"{sent} pings, {got} answers")
    # libvirtd starts others for a moment, to ask what they can do.
    expect(qemu in host.sh("pidof qemu-system-x86_64").split(), "the guest's QEMU is another one")


@case("host: an upgrade with a running guest disturbs nothing", on_demand=True, card={})
def _(scene):
    host = scene.host
    package = _put(host, NEW)
    scene.guest(OLD)
    before = {name: _unit(host, name, "InvocationID")
              for name in ("vfvirtd", "vfvirt-transport", "libvirtd")}
    _undisturbed(scene, lambda: host.run("dpkg", "-i", package, limit_s=LIMIT_S))
    expect(NEW in host.run("vfvirtctl", "--version"), "the old program is still there")
    after = {name: _unit(host, name, "InvocationID") for name in before}
    changed = {name for name, value in before.items() if after[name] != value}
    expect(changed == {"vfvirtd"}, f"started anew: {changed}")
    host.wait_for("vfvirtd", lambda: _unit(host, "vfvirtd", "ActiveState") == "active", 120)
    vf = scene.vfs()[guest.GUESTS[OLD].vf]
    expect(vf["state"] == "in-use" and vf["domain"] == OLD, f"{vf}")


@case("host: newer modules are installed under a guest, and check says so", on_demand=True, card={})
def _(scene):
    host = scene.host
    loaded = host.run("cat", "/sys/module/vfvirt_core/version").strip()
    modules = _modules()

    def replace():
        # Another first digit, so that nothing in the file moves.
        host.sh(f"sed -z -i 's/^version={loaded}$/version=9{loaded[1:]}/' {modules}/*.ko && depmod")

    _undisturbed(scene, replace)
    said = host.try_run("vfvirtctl", "check").out
    for name in ("vfvirt_core", "vfvirt_pf", "vfvirt_vfio_pci"):
        expect(f"{name}: the loaded module is older than the installed one: {loaded}, installed "
               f"is 9{loaded[1:]}" in said, said)
    expect(host.run("cat", "/sys/module/vfvirt_core/version").strip() == loaded, "was loaded anew")


@case("host: modules that come after the daemon are loaded, and VFs are there", on_demand=True,
      card={})
def _(scene):
    host = scene.host
    package = _put(host, name="vfvirt-dkms")
    host.sh(f"mkdir /root/built && mv {_modules()}/*.ko /root/built && depmod && sync")
    host.reboot()
    host.settle()
    said = host.try_run("vfvirtctl", "check").out
    expect("vfvirt_vfio_pci" in said, f"check does not miss the modules: {said}")
    states = {vf["state"] for vf in scene.vfs()}
    expect("published" not in states, f"without modules: {states}")
    # DKMS itself, which would take minutes here, has its tests in a tree of its own.
    host.run("/bin/sh", "-c", "mkdir -p /usr/lib/dkms && cat > /usr/lib/dkms/common.postinst && "
             "chmod +x /usr/lib/dkms/common.postinst",
             text_in=f"#!/bin/sh\nmv /root/built/*.ko {_modules()}/ && depmod\n")
    host.run("dpkg", "--force-depends", "-i", package, limit_s=LIMIT_S)
    host.wait_for("the VFs", lambda: [vf["state"] for vf in scene.vfs()] == ["published"] * VFS,
                  300)


@case("host: removed, guests go on; purged, nothing stays; installed, VFs are there",
      on_demand=True, card={})
def _(scene):
    host = scene.host
    package = _put(host)
    hostdev = host.run("cat", scene.hostdev(guest.GUESTS[OLD].vf))

    def remove():
        host.run("dpkg", "--remove", "vfvirt", limit_s=LIMIT_S)
        host.run("systemctl", "restart", "libvirtd", limit_s=LIMIT_S)

    _undisturbed(scene, remove)
    expect(_unit(host, "vfvirtd", "ActiveState") == "inactive", "vfvirtd runs on")
    host.run("/bin/sh", "-c", "cat > /root/vf.xml", text_in=hostdev)
    host.run("virsh", "detach-device", OLD, "/root/vf.xml", limit_s=LIMIT_S)
    host.run("virsh", "destroy", OLD)
    host.run("virsh", "start", OLD, limit_s=LIMIT_S)
    host.run("virsh", "destroy", OLD)
    host.run("dpkg", "--purge", "vfvirt", limit_s=LIMIT_S)
    left = host.sh(LEFT).split()
    expect(not left, f"left: {left}")
    host.run("/bin/sh", "-c", "mkdir -p /etc/vfvirt/pf.d && cat > /etc/vfvirt/pf.d/dpu0.json",
             text_in=image.INTENT)
    host.run("dpkg", "-i", package, limit_s=LIMIT_S)
    host.wait_for("vfvirtd", lambda: _unit(host, "vfvirtd", "ActiveState") == "active", 120)
    states = [vf["state"] for vf in scene.vfs()]
    expect(states == ["published"] * VFS, f"{PF}: {states}")
