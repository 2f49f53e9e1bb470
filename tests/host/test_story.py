# SPDX-License-Identifier: GPL-2.0-or-later
"""From power-on to a guest with a legacy driver, and back: what `make demo` tells, too."""

from lib.cases import expect

from . import guest
from .case import case
from .scene import PF, VFS

OLD = "old1"
CHAPTERS = {}       # title -> function of a Scene, in the order of the story


def chapter(title):
    """Registers a function as a case and as a part of the demo."""
    def register(function):
        CHAPTERS[title] = function
        return case(f"host: {title}")(function)
    return register


@chapter("after power-on the VFs are there, bound and published")
def _(scene):
    scene.show("systemctl is-system-running --wait", 300)
    scene.show("cat /etc/vfvirt/pf.d/dpu0.json")
    scene.show("vfvirtctl list")
    vfs = scene.vfs()
    expect(len(vfs) == VFS, f"{len(vfs)} VFs")
    for vf in vfs:
        expect(vf["state"] == "published" and vf["driver"] == "vfvirt_vfio_pci"
               and vf["legacy"] is True, f"{vf}")
    driver = scene.host.sh(f"readlink /sys/bus/pci/devices/{PF}/driver").strip()
    expect(driver.endswith("/vfvirt_pf"), f"the PF's driver is {driver}")


@chapter("a running guest gets a VF by virsh attach-device and drives it as legacy")
def _(scene):
    before = scene.commands(guest.GUESTS[OLD].vf)
    scene.start(OLD)
    scene.show("virsh list")
    scene.attach(OLD)
    scene.drives(OLD, before)
    scene.show("vfvirtctl list")


@chapter("the guest's own view: I/O ports, the legacy id, no modern features")
def _(scene):
    scene.guest(OLD)
    device = "/sys/bus/pci/devices/" + scene.hear(OLD, "pci")[-1].split()[1]
    scene.show_in(OLD, "cat /proc/cmdline")
    shown = scene.show_in(OLD, f"cd {device}; grep . vendor device revision; readlink driver; cd /")
    for fact in ("vendor:0x1af4", "device:0x1000", "revision:0x00", "/virtio-pci"):
        expect(fact in shown, f"no {fact} in {shown}")
    bar0 = scene.show_in(OLD, f"head -n 1 {device}/resource").split()
    ports = scene.show_in(OLD, "grep -i virtio /proc/ioports")
    expect(f"{int(bar0[0], 16):04x}-{int(bar0[1], 16):04x}" in ports, f"{bar0} is not in {ports}")
    features = scene.show_in(OLD, f"cat {device}/virtio*/features").strip()
    expect(features[32] == "0", f"VIRTIO_F_VERSION_1 was negotiated: {features}")
    shown = scene.show_in(OLD, "ip address show dev eth0")
    mac = scene.vfs()[guest.GUESTS[OLD].vf]["mac"]
    expect(mac in shown, f"the VF's MAC is {mac}, the guest has {shown}")


@chapter("ping between the guest and the network of the PF")
def _(scene):
    chosen = scene.guest(OLD)
    scene.show(f"ping -c 3 -W 5 {chosen.address}")
    scene.show_in(OLD, f"ping -c 3 -W 5 {guest.HOST_IP}")
    scene.ping_goes_on(OLD)


@chapter("vfvirtctl stats counts the guest's legacy commands")
def _(scene):
    chosen = scene.guest(OLD)
    shown = scene.show("vfvirtctl stats")
    expect("LEGACY" in shown.upper(), f"stats shows no legacy commands: {shown}")
    expect(scene.commands(chosen.vf), "the card has counted no legacy command")


@chapter("a VF in use is refused to destroy and unbind, by the name of its domain")
def _(scene):
    chosen = scene.guest(OLD)
    for line in (f"vfvirtctl destroy {PF}",
                 f"vfvirtctl unbind {scene.vfs()[chosen.vf]['address']}"):
        done = scene.refused(line)
        expect(done.status == 1 and OLD in done.err, f"{line}: {done}")
    expect(scene.vfs()[chosen.vf]["state"] == "in-use", f"{scene.vfs()[chosen.vf]}")


@case("host: QEMU and libvirtd are confined by AppArmor")
def _(scene):
    scene.guest(OLD)
    shown = scene.host.sh("cat /proc/$(pidof -s qemu-system-x86_64)/attr/current "
                          "/proc/$(pidof libvirtd)/attr/current")
    expect(shown.count("enforce") == 2, f"profiles: {shown}")


@chapter("detached, the VF is back in the pool")
def _(scene):
    scene.guest(OLD)
    scene.detach(OLD)
    scene.show("vfvirtctl list")
