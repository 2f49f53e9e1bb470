# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes wrong on a host: killed, restarted, missing, bound by hand, and booted again."""

import contextlib

from lib.cases import expect
from lib.errors import Problem

from . import guest
from .case import case
from .scene import PF, VFS

OLD = "old1"
VARIANT = "vfvirt_vfio_pci"
HOOK = "/usr/sbin/vfvirt-hook"
UNITS = ("vfvirtd.service", "vfvirt-transport.service")
EXPOSURE_MAX_TENTHS = 25
UDEV_WITH_VERIFY = 254
DEVICES = "/sys/bus/pci/devices"


# ---- what the units promise ----------------------------------------------------------------------


@case("host: units and rules are sound and confined")
def _(scene):
    host = scene.host
    for unit in UNITS:
        done = host.try_run("systemd-analyze", "security", "--no-pager",
                            f"--threshold={EXPOSURE_MAX_TENTHS}", unit, limit_s=300)
        expect(done.status == 0, f"{unit}: {done.out.strip().splitlines()[-1:]} {done.err}")
    lines = [f"systemd-analyze verify --man=no {' '.join(UNITS)}"]
    if int(host.sh("udevadm --version")) >= UDEV_WITH_VERIFY:
        lines.append("udevadm verify --resolve-names=late /usr/lib/udev/rules.d/60-vfvirt.rules")
    for line in lines:
        done = host.try_run("/bin/sh", "-c", line, limit_s=300)
        # Units of others are read along; libvirt's of backports is too new for systemd 252.
        expect(done.status == 0 and "vfvirt" not in done.err, f"{line}: {done}")
    # systemd breaks a cycle by leaving a job out, which may be somebody else's.
    cycles = host.try_run("journalctl", "-b", "-t", "systemd", "-g", "ordering cycle").out
    expect("ordering cycle" not in cycles, cycles)


# ---- helpers -------------------------------------------------------------------------------------


def _in_use_by(scene, index, name):
    """Waits until a VF is listed as in use by a domain."""
    def is_so():
        vf = scene.vfs()[index]
        return vf["state"] == "in-use" and vf["domain"] == name
    scene.host.wait_for(f"VF {index} to be in use by {name}", is_so, 300)


def _claim(scene, index):
    """The words of the claim on a VF: UUID and name of a domain; none when there is none."""
    return scene.host.try_run("cat", f"/run/vfvirt/claims/{scene.address(index)}").out.split()


def _claimed_by(scene, index, name):
    uuid = scene.host.run("virsh", "domuuid", name).strip()
    expect(_claim(scene, index) == [uuid, name], f"VF {index}: claim {_claim(scene, index)}")


def _driver(scene, index):
    """The driver of a VF, as the kernel says it; empty: none."""
    place = f"{DEVICES}/{scene.address(index)}/driver"
    return scene.host.sh(f"basename $(readlink {place}) 2>/dev/null || true").strip()


def _bind_by_hand(scene, index, driver):
    """What an administrator types: the VF gets that driver, or none when driver is empty."""
    address = scene.address(index)
    line = f"echo {address} > {DEVICES}/{address}/driver/unbind"
    if driver:
        line += (f" && modprobe {driver} && echo {driver} > {DEVICES}/{address}/driver_override"
                 f" && echo {address} > /sys/bus/pci/drivers_probe")
    scene.host.sh(line)
    expect(_driver(scene, index) == driver, f"the VF is on {_driver(scene, index)!r}")


def _card_view(scene, driven):
    """The VFs as the card itself sees them, {QOM path: status}, those that a driver drives or
    those that none does."""
    found = {}
    for device in scene.host.qmp.execute("x-query-virtio"):
        if device["path"].startswith("/machine/unattached/"):
            status = scene.host.qmp.execute("x-query-virtio-status", path=device["path"])
            if bool(status["status"].get("statuses")) == driven:
                found[device["path"]] = status
    return found


def _ring_position(scene, path):
    """How far the card is in the transmit ring of a VF; a reset takes it back to 0."""
    queue = scene.host.qmp.execute("x-query-virtio-queue-status", path=path, queue=1)
    return queue["last-avail-idx"]


@contextlib.contextmanager
def _undisturbed(scene, name):
    """A guest drives its VF during the block and goes on with it afterwards, without a reset."""
    scene.guest(name)
    vf = guest.GUESTS[name].vf
    (path,) = _card_view(scene, driven=True)
    before = _ring_position(scene, path)
    bound = scene.host.sh(f"stat -c %Y {DEVICES}/{scene.address(vf)}/driver").strip()
    yield
    scene.ping_goes_on(name)
    after = _ring_position(scene, path)
    expect((after - before) % 65536 > 0, f"the card's ring stood at {before}, now at {after}")
    expect(list(_card_view(scene, driven=True)) == [path], "another VF is driven")
    again = scene.host.sh(f"stat -c %Y {DEVICES}/{scene.address(vf)}/driver").strip()
    expect(again == bound, "the VF was bound anew")
    _in_use_by(scene, vf, name)


def _restart_libvirtd(scene):
    """Restarts libvirtd and waits until it has looked at all running domains."""
    scene.host.run("systemctl", "restart", "libvirtd", limit_s=300)
    scene.host.run("virsh", "list", limit_s=300)


# ---- refused and repaired ------------------------------------------------------------------------


@case("host: a second domain is refused, and virsh says who has the VF")
def _(scene):
    chosen = scene.guest(OLD)
    with scene.paused_domain("second", chosen.vf):
        done = scene.start_paused("second")
        expect(done.status != 0, f"it was started: {done}")
        expect(f"{scene.address(chosen.vf)}: the VF is in use by the domain {OLD}" in done.err
               and "give this domain another VF" in done.err, f"virsh says: {done.err}")
        expect(_claim(scene, chosen.vf) == [], "the refused domain claims the VF")
    _in_use_by(scene, chosen.vf, OLD)


@case("host: VFs on a wrong driver and on none are put right before a domain starts")
def _(scene):
    # vfvirtd would be first; here the hook is alone.
    scene.host.run("systemctl", "stop", "vfvirtd")
    try:
        _bind_by_hand(scene, 1, "vfio-pci")
        _bind_by_hand(scene, 2, "")
        with scene.paused_domain("wrong", 1, 2):
            done = scene.start_paused("wrong")
            expect(done.status == 0, f"virsh says: {done.err}")
            for index in (1, 2):
                expect(_driver(scene, index) == VARIANT, f"{index} is on {_driver(scene, index)!r}")
                _claimed_by(scene, index, "wrong")
        expect(_claim(scene, 1) + _claim(scene, 2) == [], "a claim stayed")
    finally:
        scene.host.run("systemctl", "start", "vfvirtd", limit_s=300)
    for index in (1, 2):
        scene.wait_state(index, "published")


@case("host: a VF that cannot be put right is refused with the reason")
def _(scene):
    host = scene.host
    host.run("systemctl", "stop", "vfvirtd")
    try:
        _bind_by_hand(scene, 1, "vfio-pci")
        group = host.sh(f"basename $(readlink {DEVICES}/{scene.address(1)}/iommu_group)")
        host.sh("systemd-run --unit=holder --property=StandardInput=file:/dev/vfio/"
                f"{group.strip()} sleep infinity")
        with scene.paused_domain("wrong", 1):
            done = scene.start_paused("wrong")
            expect(done.status != 0 and "in use by sleep" in done.err, f"virsh says: {done}")
            expect(_driver(scene, 1) == "vfio-pci", f"the VF is on {_driver(scene, 1)!r}")
    finally:
        host.try_run("systemctl", "stop", "holder")
        host.run("systemctl", "start", "vfvirtd", limit_s=300)
    scene.wait_state(1, "published")


@case("host: without a working hook program every domain starts and libvirtd keeps them")
def _(scene):
    host = scene.host
    scene.guest(OLD)
    host.run("mv", HOOK, f"{HOOK}.away")
    try:
        for text in ("", "kill -SEGV $$"):
            if text:
                host.sh(f"printf '#!/bin/sh\\n{text}\\n' > {HOOK} && chmod +x {HOOK}")
            with scene.paused_domain("plain", 1):
                done = scene.start_paused("plain")
                expect(done.status == 0, f"with {text or 'no program'!r}: {done.err}")
                _restart_libvirtd(scene)
                for name in (OLD, "plain"):
                    state = host.run("virsh", "domstate", name).strip()
                    expect(state in ("running", "paused"), f"{text!r}: {name} is {state}")
    finally:
        host.run("mv", f"{HOOK}.away", HOOK)
    scene.ping_goes_on(OLD)
    scene.wait_state(1, "published")


# ---- restarted and killed under a guest ----------------------------------------------------------


@case("host: libvirtd restarts under a guest, which goes on with its VF")
def _(scene):
    with _undisturbed(scene, OLD):
        _restart_libvirtd(scene)
        # The VF was attached to a running guest: only "reconnect" can have claimed it.
        _claimed_by(scene, guest.GUESTS[OLD].vf, OLD)
    with scene.paused_domain("second", guest.GUESTS[OLD].vf):
        done = scene.start_paused("second")
        expect(done.status != 0 and f"in use by the domain {OLD}" in done.err, f"{done}")
    _claimed_by(scene, guest.GUESTS[OLD].vf, OLD)


@case("host: vfvirtd is killed and comes back under a guest, which goes on with its VF")
def _(scene):
    host = scene.host
    with _undisturbed(scene, OLD):
        before = host.run("systemctl", "show", "-P", "MainPID", "vfvirtd").strip()
        host.run("systemctl", "kill", "-s", "KILL", "--kill-whom=main", "vfvirtd")

        def is_back():
            shown = host.run("systemctl", "show", "-P", "MainPID", "-P", "ActiveState",
                             "vfvirtd").split()
            return "active" in shown and before not in shown
        host.wait_for("vfvirtd to be back", is_back, 300)
    states = [vf["state"] for vf in scene.vfs()]
    expect(states == ["in-use"] + ["published"] * (VFS - 1), f"states: {states}")


@case("host: the claim of a VF that is detached later does not stay")
def _(scene):
    scene.guest(OLD)
    _restart_libvirtd(scene)
    _claimed_by(scene, guest.GUESTS[OLD].vf, OLD)
    scene.detach(OLD)
    expect(_claim(scene, guest.GUESTS[OLD].vf) == [], "the claim stayed")


@case("host: a guest's QEMU is killed, and the next guest can have its VF")
def _(scene):
    host = scene.host
    chosen = scene.guest(OLD)
    (path,) = _card_view(scene, driven=True)
    host.sh(f"kill -KILL $(pgrep -f '[g]uest={OLD},')")
    host.wait_for(f"{OLD} to be off", lambda: not scene.runs(OLD), 300)
    scene.wait_state(chosen.vf, "published")
    expect(_claim(scene, chosen.vf) == [], "the claim stayed")
    clean = _card_view(scene, driven=False)
    expect(path in clean, "the card still takes the VF for driven")
    features = clean[path]["guest-features"]
    expect(not features.get("transports") and not features.get("dev-features"),
           f"features that the killed guest had negotiated: {features}")
    with scene.paused_domain("heir", chosen.vf):
        done = scene.start_paused("heir")
        expect(done.status == 0, f"virsh says: {done.err}")
        _in_use_by(scene, chosen.vf, "heir")
        _claimed_by(scene, chosen.vf, "heir")
    scene.wait_state(chosen.vf, "published")


# ---- booted again --------------------------------------------------------------------------------


def _provisioned(scene):
    """Everything that must be the same after a reboot, as soon as it can be read."""
    facts = [{key: vf[key] for key in ("address", "mac", "driver", "state", "legacy")}
             for vf in scene.vfs()]
    files = scene.host.try_run("/bin/sh", "-c", "cd /run/vfvirt/hostdev && sha256sum *").out
    intent = scene.host.sh("cd /etc/vfvirt/pf.d && sha256sum *")
    return {"VFs": facts, "hostdev files": files, "intent": intent,
            "PF": scene.host.sh(f"basename $(readlink {DEVICES}/{PF}/driver)")}


@case("host: a reboot brings all VFs back as they were")
def _(scene):
    for name in scene.host.run("virsh", "list", "--name").split():
        scene.host.run("virsh", "destroy", name)
    for index in range(VFS):
        scene.wait_state(index, "published")
    before = _provisioned(scene)
    scene.host.reboot()
    state = scene.host.settle()
    expect(state == "running", f"the system is {state}")
    # A boot does not wait longer than 30 s for the VFs, and the card tells their MACs last.
    with contextlib.suppress(Problem):
        scene.host.wait_for("all VFs", lambda: _provisioned(scene) == before, 300)
    after = _provisioned(scene)
    for what, fact in before.items():
        expect(after[what] == fact, f"{what} before: {fact}; after: {after[what]}")
