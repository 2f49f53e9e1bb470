# SPDX-License-Identifier: GPL-2.0-or-later
"""Nova's part: what it is told on a real host, and the guest's XML that it makes of that."""

import difflib
import os
import re
import tempfile

from lib.cases import expect
from nova import judge, nodes

from . import guest
from .case import case
from .scene import PF

RELEASES = ("2025.1", "zed")
NOVA = guest.GUESTS["old2"]
VFS = 12        # more than the functions of a slot
INTENT = f'{{ "match": {{ "address": "{PF}" }}, "vfs": {VFS}, "nova": {{}} }}'


def dumped(scene):
    """What libvirt says of the PF and its VFs, in the order of their addresses."""
    addresses = [PF] + sorted(vf["address"] for vf in scene.vfs())
    return [scene.host.run("virsh", "nodedev-dumpxml", "pci_" + re.sub("[:.]", "_", address))
            .rstrip("\n") + "\n" for address in addresses]


def settings(text):
    """The lines that set something."""
    return [line for line in text.splitlines() if " = " in line]


def compare(name, text):
    """Holds a text against a captured file, or writes that anew."""
    path = nodes.HERE / name
    license_line = path.read_text(encoding="utf-8").splitlines(keepends=True)[0]
    if os.environ.get("VFVIRT_GOLDEN") == "write":
        path.write_text(license_line + text, encoding="utf-8")
        return
    captured = nodes.captured(name)
    difference = difflib.unified_diff(captured.splitlines(), text.splitlines(), name, "now",
                                      lineterm="")
    expect(text == captured, "\n".join(difference))


@case("host: what libvirt and vfvirtctl say is as captured", card={})
def _(scene):
    host = scene.host
    host.run("/bin/sh", "-c", "cat > /etc/vfvirt/pf.d/dpu0.json", text_in=INTENT)
    host.run("vfvirtctl", "apply", limit_s=300)
    compare("captured.xml", "".join(dumped(scene)))
    for release in RELEASES:
        compare(f"captured-{release}.conf", host.run("vfvirtctl", "nova", "--release", release))
    kept = host.run("cat", f"/run/vfvirt/nova/{PF}.conf", "/run/vfvirt/nova/alias.conf")
    expect(settings(kept) == settings(host.run("vfvirtctl", "nova")), f"vfvirtd keeps {kept}")
    mode = host.run("stat", "-c", "%a", "/run/vfvirt/nova").strip()
    expect(mode == "755", f"Nova's user cannot list the folder: {mode}")
    checked = host.run("vfvirtctl", "nova", "--check", "/run/vfvirt/nova")
    expect(f"{VFS} VFs, each matched once" in checked, checked)


@case("host: the element that Nova made for a guest starts it with its VF, as legacy",
      on_demand=True, second=True)
def _(scene):
    vfs = [vf["address"] for vf in scene.vfs()]
    answer = judge.running("2025.1").judge(scene.host.run("vfvirtctl", "nova"), dumped(scene),
                                           f"vfvirt:{len(vfs)}")
    expect(sorted(answer.get("taken", [])) == vfs, f"{answer}")
    element = answer["xml"][answer["taken"].index(vfs[NOVA.vf])]
    expect('managed="no"' in element, element)
    before = scene.commands(NOVA.vf)
    scene.network()
    scene.define("old2", NOVA.address, hostdev=element)
    scene.host.run("virsh", "start", "old2", limit_s=120)
    expect(scene.vfs()[NOVA.vf]["state"] == "in-use", f"{scene.vfs()[NOVA.vf]}")
    shown = scene.host.run("virsh", "dumpxml", "old2")
    expect("<hostdev mode='subsystem' type='pci' managed='no'>" in shown, shown)
    scene.ready("old2")
    scene.drives("old2", before)
    scene.destroy("old2")


# Joins a port of the machine with libvirtd. A port without a peer reads as ended, so it is tried
# until there is one.
BRIDGE = ("until [ -e {port} ]; do sleep 0.1; done; "
          "while :; do virt-ssh-helper qemu:///system <>{port} >&0; sleep 0.2; done")
PORT = "org.vfvirt.nova"


@case("host: Nova's own libvirt driver finds the PF and its VFs by the running libvirtd",
      second=True)
def _(scene):
    with tempfile.TemporaryDirectory(prefix="nova", dir="/tmp") as folder:
        backend = {"type": "socket", "data": {
            "addr": {"type": "unix", "data": {"path": f"{folder}/libvirt"}},
            "server": True, "wait": False}}
        scene.host.qmp.execute("chardev-add", id="nova", backend=backend)
        scene.host.qmp.execute("device_add", driver="virtserialport", chardev="nova", id="nova",
                               name=PORT)
        try:
            line = BRIDGE.format(port=f"/dev/virtio-ports/{PORT}")
            scene.host.run("systemd-run", "--unit=bridge", "/bin/sh", "-c", line)
            found = judge.discover("2025.1", folder, "qemu+unix:///system?socket=/build/libvirt")
        finally:
            scene.host.try_run("systemctl", "stop", "bridge")
            scene.host.qmp.execute("device_del", id="nova")
    types = {device["address"]: device["dev_type"] for device in found}
    vfs = [vf["address"] for vf in scene.vfs()]
    expect(types[PF] == "type-PF", f"{types}")
    expect([address for address, kind in sorted(types.items()) if kind == "type-VF"] == vfs,
           f"{types}")
    for device in found:
        if device["address"] in vfs:
            expect((device["parent_addr"], device["vendor_id"], device["product_id"])
                   == (PF, "1af4", "1041"), f"{device}")
