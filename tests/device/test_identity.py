# SPDX-License-Identifier: GPL-2.0-or-later
"""What the functions of the card are, seen from PCI: identity, BARs, capabilities, SR-IOV."""

from . import pci, virtio
from .case import case, equal, true
from .machine import Card

MODERN_NET, CLASS_ETHERNET = 0x1041_1AF4, 0x0200_00


@case("S-70 the PF shows the non-transitional identity")
def pf_identity(card: Card):
    equal(card.pf.read(0x00, 4), MODERN_NET, "vendor and device id")
    equal(card.pf.read(0x08, 1), 1, "revision id")
    equal(card.pf.read(0x09, 4) & 0xFF_FFFF, CLASS_ETHERNET, "class code")
    equal(card.pf.read(0x2C, 2), 0x1AF4, "subsystem vendor id")
    true(card.pf.read(0x2E, 2) >= 0x40, "the subsystem device id is at least 0x40")


@case("S-70 a VF shows the non-transitional identity")
def vf_identity(card: Card):
    equal(card.sriov.read(pci.SRIOV_DEVICE), 0x1041, "VF device id in the SR-IOV capability")
    for vf in card.enable(2):
        equal(vf.read(0x00, 4), 0xFFFF_FFFF, f"{vf}: the ids come from the capability")
        equal(vf.read(0x08, 1), 1, f"{vf}: revision id")
        equal(vf.read(0x09, 4) & 0xFF_FFFF, CLASS_ETHERNET, f"{vf}: class code")
        equal(vf.read(0x2C, 2), 0x1AF4, f"{vf}: subsystem vendor id")
        true(vf.read(0x2E, 2) >= 0x40, f"{vf}: the subsystem device id is at least 0x40")


@case("S-86 a VF has no I/O BAR and no interrupt pin")
def vf_bars(card: Card):
    true(not any(bar.port for bar in card.sriov.bars.values()), "no VF BAR is in I/O space")
    for vf in card.enable(2):
        equal(vf.read(0x3D, 1), 0, f"{vf}: interrupt pin")
        equal(vf.bar_sizes(), {}, f"{vf}: BARs in its own header")
        true(vf.capabilities(pci.CAP_MSIX), f"{vf}: MSI-X")


@case("S-69 BAR0 of the VFs is hardwired to 0")
def vf_bar0(card: Card):
    equal(sorted(card.sriov.bars), [1, 4], "implemented VF BARs")
    card.sriov.write(pci.SRIOV_BAR0, 0xFFFF_FFFF, 4)
    equal(card.sriov.read(pci.SRIOV_BAR0, 4), 0, "VF BAR0 after a write of ones")


@case("S-51 the VFs sit 8, 9, 10... routing ids behind the PF")
def vf_places(card: Card):
    equal(card.sriov.read(pci.SRIOV_OFFSET), 8, "first VF offset")
    equal(card.sriov.read(pci.SRIOV_STRIDE), 1, "VF stride")
    true(card.pf.extended(pci.EXT_ARI), "the PF has the ARI capability")
    for number, vf in enumerate(card.enable(16)):
        equal(vf.devfn, 8 + number, f"place of member {number + 1}")
        true(vf.present(), f"member {number + 1} answers")


@case("S-52 VFs exist only while VF Enable is set")
def vf_enable(card: Card):
    before = [pci.Function(card.qemu, 1, 8 + number) for number in range(3)]
    true(not any(one.present() for one in before), "no VF answers before VF Enable")
    card.enable(2)
    equal([one.present() for one in before], [True, True, False], "VFs with NumVFs 2")
    card.sriov.disable()
    true(not any(one.present() for one in before), "no VF answers after VF Enable was cleared")
    card.enable(3)
    equal([one.present() for one in before], [True] * 3, "VFs with NumVFs 3")


@case("S-14 the SR-IOV capability tells TotalVFs as configured", "total-vfs=5")
def total_vfs(card: Card):
    equal(card.sriov.read(pci.SRIOV_TOTAL), 5, "TotalVFs")
    equal(card.sriov.read(pci.SRIOV_INITIAL), 5, "InitialVFs")
    card.enable(5)
    true(card.member(5).present(), "the last VF answers")


@case("S-14 VFs can be enabled again after a reset without negotiation")
def vf_after_reset(card: Card):
    card.ready(2)
    card.sriov.disable()
    card.device.reset()
    card.enable(2)
    true(card.member(2).present(), "the VF answers")
    vf = card.modern(1)
    equal(vf.get("num_queues"), 3, "queues of the VF")


@case("S-14 total-vfs=0: no SR-IOV capability, bit 37 not offered", "total-vfs=0")
def no_sriov(card: Card):
    true(card.sriov is None, "there is no SR-IOV capability")
    offered = card.device.offered()
    true(not offered >> virtio.F_SR_IOV & 1, "bit 37 is not offered")
    true(offered >> virtio.F_ADMIN_VQ & 1, "bit 41 is offered")


@case("S-14 total-vfs=240: the last of 240 VFs works", "total-vfs=240", alone=True)
def many_vfs(card: Card):
    queue = card.ready(240)
    vf = card.member(240)
    equal(vf.devfn, 247, "place of member 240")
    true(vf.present(), "member 240 answers")
    mac = queue.must(5, member=240, data=bytes(8), room=14)
    equal(mac, card.mac(240), "MAC of member 240")
    equal(queue.execute(3, member=241, data=bytes(8), room=12).outcome(), (22, 5), "member 241")


@case("S-70 function-level reset is offered by PF and VF and resets the virtio device")
def flr(card: Card):
    card.ready(1)
    vf = card.modern(1)
    for device in (vf, card.device):
        function = device.function
        at = function.capability(pci.CAP_EXPRESS)
        true(function.read(at + pci.EXPRESS_DEVICE_CAP, 4) & pci.DEVICE_CAP_FLR,
             f"{function} offers FLR")
        true(device.get("device_status") != 0, f"{function} has a driver")
        function.reset()
        equal(device.get("device_status"), 0, f"{function}: device_status after FLR")


@case("S-52 FLR of the PF takes the VFs away")
def flr_vfs(card: Card):
    card.ready(2)
    card.pf.reset()
    equal(card.sriov.read(pci.SRIOV_CONTROL) & pci.SRIOV_VF_ENABLE, 0, "VF Enable after FLR")
    true(not card.member(1).present(), "no VF answers")


@case("S-51 the MAC of member n is the base MAC + n")
def macs(card: Card):
    card.enable(16)
    for member in (0, 1, 2, 16):
        device = virtio.Device(card.member(member), card.ram) if member else card.device
        have = device.config(0, 4) | device.config(4, 2) << 32
        equal(have.to_bytes(6, "little"), card.mac(member), f"MAC of member {member}")


@case("S-80 modern capabilities of a VF stay in place under a legacy driver")
def modern_beside_legacy(card: Card):
    card.ready(1)
    card.legacy(1).ready()
    device = virtio.Device(card.member(1), card.ram)
    equal(sorted(device.regions), [1, 2, 3, 4, 5], "virtio capabilities")
    equal(device.get("device_status"), virtio.ACKNOWLEDGE | virtio.DRIVER | virtio.DRIVER_OK,
          "status written by the legacy driver, read by the modern register")
