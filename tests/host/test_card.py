# SPDX-License-Identifier: GPL-2.0-or-later
"""Cards out of the ordinary: a large one, one that hangs, one that is taken out and put in."""

import json

from lib import shell
from lib.cases import expect

from .case import case
from .scene import VFS

OLD = "old1"
LARGE_VFS = 240
NETWORK_DELAY_MAX_S = 5     # on an idle machine


def _set_fault(host, value):
    host.qmp.execute("qom-set", path="/machine/peripheral/pf0", property="fault", value=value)


@case(f"host: {LARGE_VFS} VFs are there after a boot", on_demand=True,
      card={"total-vfs": LARGE_VFS})
def _(scene):
    host = scene.host
    host.sh(f"sed -i 's/\"vfs\": [0-9]*/\"vfs\": {LARGE_VFS}/' /etc/vfvirt/pf.d/dpu0.json")
    host.reboot()
    host.settle()

    def good():
        return [vf for vf in scene.vfs() if vf["state"] == "published" and vf["mac"]]
    host.wait_for(f"{LARGE_VFS} published VFs with MACs", lambda: len(good()) == LARGE_VFS, 600)


@case("host: a card that hangs delays the network once, by the limit", on_demand=True, card={})
def _(scene):
    host = scene.host

    def break_card():
        # The kernel's own driver has set the card up; the transport step's unbind resets it.
        host.wait_for("the kernel to use the card",
                      lambda: json.loads(host.card("counters"))["admin_feature_negotiated"], 300)
        _set_fault(host, "reset-stuck,member=0")

    host.reboot(on_reset=break_card)
    host.settle()
    journal = host.run("journalctl", "-b", "--no-pager", "-u", "vfvirt-transport")
    expect("the boot goes on without" in journal, f"the card did not hang: {journal}")
    expect(journal.count("Starting vfvirt-transport") == 1, f"more than once: {journal}")
    shown = host.run("systemctl", "show", "vfvirt-transport", "-P",
                     "ExecMainStartTimestampMonotonic", "-P", "ExecMainExitTimestampMonotonic")
    begin, end = (int(text) for text in shown.split())
    shell.say(f"the network waited {(end - begin) / 1e6:.1f} s; on an idle machine at most "
              f"{NETWORK_DELAY_MAX_S}")
    state = host.run("systemctl", "show", "-P", "ActiveState", "network-pre.target").strip()
    expect(state == "active", f"network-pre.target is {state}")


def _lose_and_get_back(scene, lose, give_back):
    """The card goes and comes under a guest; the host says so, and converges."""
    host = scene.host
    chosen = scene.guest(OLD)
    address, other = scene.address(chosen.vf), scene.address(1)
    scene.define_paused("second", 1)

    def pfs():
        return json.loads(host.run("vfvirtctl", "list", "--json"))["pfs"]

    lose()
    scene.hear(OLD, "gone")
    host.wait_for("the card to be gone", lambda: not pfs(), 300)
    expect(scene.runs(OLD), "the guest ended")
    expect(scene.in_guest(OLD, "echo still here").strip() == "still here", "the guest hangs")
    done = scene.start_paused("second")
    expect(done.status != 0 and other in done.err, f"virsh says: {done}")
    shown = host.try_run("vfvirtctl", "show", address)
    expect(shown.status == 1 and address in shown.err, f"show: {shown}")
    give_back()
    host.wait_for("the card to be back", pfs, 300)
    host.wait_for("all VFs to be published",
                  lambda: [vf["state"] for vf in scene.vfs()] == ["published"] * VFS, 300)
    scene.network()
    scene.guest(OLD)
    scene.destroy(OLD)


@case("host: a card that is pulled and put in again under a guest", on_demand=True, card={})
def _(scene):
    def pull(value):
        scene.host.qmp.execute("qom-set", path="/machine/peripheral/pf0", property="gone",
                               value=value)
    _lose_and_get_back(scene, lambda: pull(True), lambda: pull(False))


@case("host: a card that is unplugged in order and plugged in under a guest", on_demand=True,
      card={})
def _(scene):
    qmp = scene.host.qmp

    def plug():
        qmp.wait_event("DEVICE_DELETED", 300, device="pf0")
        scene.host.plug()
    _lose_and_get_back(scene, lambda: qmp.execute("device_del", id="pf0"), plug)
