# SPDX-License-Identifier: GPL-2.0-or-later
"""From power-on to a guest with a legacy driver, and back."""

from lib.cases import expect

from .case import PF, case

FIRST = "old1"


@case("host: after power-on the VFs are there, bound and published")
def _(scene):
    state = scene.host.run("systemctl", "is-system-running", "--wait", limit_s=300).strip()
    expect(state == "running", f"the system is {state}")
    vfs = scene.vfs()
    expect(len(vfs) == 4, f"{len(vfs)} VFs")
    for vf in vfs:
        expect(vf["state"] == "published" and vf["driver"] == "vfvirt_vfio_pci"
               and vf["legacy"] is True, f"{vf}")
    driver = scene.host.sh(f"readlink /sys/bus/pci/devices/{PF}/driver").strip()
    expect(driver.endswith("/vfvirt_pf"), f"the PF's driver is {driver}")


@case("host: a running guest gets a VF by virsh attach-device and drives it as legacy")
def _(scene):
    host = scene.host
    host.sh(f"ip addr add 10.5.0.1/24 dev $(ls /sys/bus/pci/devices/{PF}/virtio*/net) && "
            f"ip link set $(ls /sys/bus/pci/devices/{PF}/virtio*/net) up")
    before = scene.commands(0)
    scene.define(FIRST, "10.5.0.2")
    host.run("virsh", "start", FIRST, limit_s=120)
    scene.hear(FIRST, "up")
    host.run("virsh", "attach-device", FIRST, scene.hostdev(0), limit_s=120)
    said = scene.hear(FIRST, "pci")[0]
    expect("device 0x1000" in said and "revision 0x00" in said, f"the guest sees {said}")
    flags = int(said.split()[-1], 16)
    expect(flags & 1, f"BAR0 of the guest's device is no I/O space: {said}")
    features = scene.hear(FIRST, "features")[0].split()[1]
    expect(features[32] == "0", f"VIRTIO_F_VERSION_1 was negotiated: {features}")
    expect(scene.commands(0) > before, "the card executed no legacy command")


@case("host: ping between the guest and the network of the PF")
def _(scene):
    scene.hear(FIRST, "pong", count=3)
    scene.host.run("ping", "-c", "3", "-W", "5", "10.5.0.2")
    shown = scene.host.run("vfvirtctl", "stats")
    expect("LEGACY" in shown.upper(), f"stats shows no legacy commands: {shown}")


@case("host: a VF in use is refused to destroy and unbind, by the name of its domain")
def _(scene):
    for words in (("destroy", PF), ("unbind", scene.vfs()[0]["address"])):
        done = scene.host.try_run("vfvirtctl", *words)
        expect(done.status == 1 and FIRST in done.err, f"{words}: {done}")
    expect(scene.vfs()[0]["state"] == "in-use", f"{scene.vfs()[0]}")


@case("host: QEMU and libvirtd are confined by AppArmor")
def _(scene):
    shown = scene.host.sh("cat /proc/$(pidof qemu-system-x86_64)/attr/current "
                          "/proc/$(pidof libvirtd)/attr/current")
    expect(shown.count("enforce") == 2, f"profiles: {shown}")


@case("host: detached, the VF is back in the pool")
def _(scene):
    scene.host.run("virsh", "detach-device", FIRST, scene.hostdev(0), limit_s=120)
    scene.hear(FIRST, "gone")
    scene.host.wait_for("the VF to be free", lambda: scene.vfs()[0]["state"] == "published", 60)
