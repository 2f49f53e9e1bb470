# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine configurations of the test VMs: which cards they have, with what switches."""

from dataclasses import dataclass, replace

from .errors import Problem

MEMORY_MB = 1024
CPUS = 2
# QEMU 10.0 aborts (iotlb_to_section) or loses timers when one vCPU changes the memory map by a
# reset while another uses it, so both vCPUs run in one thread. Two VMs at a time use both cores.
ACCELERATOR = "tcg,thread=single"


@dataclass(frozen=True)
class Machine:
    """A configuration. cards: one dictionary of device properties a card, pf0 first; port:
    further properties of each root port; extra: further words for QEMU; control: vfvirtd,
    vfvirtctl and a D-Bus daemon are there."""
    about: str
    cards: tuple = ({},)
    port: str = ""
    extra: tuple = ()
    kernel_arguments: str = ""
    memory_mb: int = MEMORY_MB
    cpus: int = CPUS
    control: bool = False


# QEMU's own transitional card, with the features and the MAC of the first VF: the oracle for
# legacy registers. It stands on the root bus, where a card may have an I/O BAR and is alone in
# its IOMMU group.
STOCK_CARD = ("-netdev", "user,id=stock-up,net=10.9.0.0/24,host=10.9.0.2",
              "-device", "virtio-net-pci,id=stock,netdev=stock-up,addr=0x10,disable-legacy=off,"
              "romfile=,mac=52:54:00:f0:00:01,vectors=4,csum=off,gso=off,guest_csum=off,"
              "guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off,guest_uso4=off,"
              "guest_uso6=off,host_tso4=off,host_tso6=off,host_ecn=off,host_ufo=off,host_uso=off,"
              "guest_announce=off,ctrl_guest_offloads=off,ctrl_vlan=off,ctrl_rx_extra=off,mq=off,"
              "host_mtu=1500,speed=25000,duplex=full,rx_queue_size=256,tx_queue_size=256")


MACHINES = {
    "default": Machine("one card, 16 VFs, everything on"),
    "intx": Machine("the PF has no MSI-X", ({"intx-only": True},)),
    "few-vectors": Machine("the PF has two MSI-X vectors, so queues share", ({"vectors": 2},)),
    "packed": Machine("packed rings are offered", ({"packed": True},)),
    "two-cards": Machine("two cards on two root ports", ({}, {})),
    "strict": Machine("the group exists only while VFs do", ({"group-rules": "strict"},)),
    "strict-member": Machine("LIST_* must carry a member id too",
                             ({"group-rules": "strict-member"},)),
    "vfs64": Machine("one card with 64 VFs", ({"total-vfs": 64},)),
    "vfs240": Machine("one card with 240 VFs", ({"total-vfs": 240},)),
    "control": Machine("one card with 64 VFs, and the control plane's programs",
                       ({"total-vfs": 64},), control=True),
    "no-admin": Machine("the card offers no bit 41", ({"admin-vq": False},)),
    "no-admin-queue": Machine("bit 41, but admin_queue_num is 0", ({"admin-queues": 0},)),
    "in-order": Machine("the card offers to answer in order", ({"in_order": True},)),
    "no-queue-reset": Machine("single queues cannot be reset", ({"queue_reset": False},)),
    "four-admin-queues": Machine("four administration queues", ({"admin-queues": 4},)),
    "owner-doorbell": Machine("doorbells of VFs only in the PF's BAR", ({"notify-info": "owner"},)),
    "other-vfs": Machine("the VFs say that they are block devices", ({"vf-device-id": 0x1042},)),
    "no-doorbell": Machine("no doorbell addresses: opcode 6 is absent", ({"notify-info": "none"},)),
    # The oracle's queues have 1024 entries whatever it is told.
    "oracle": Machine("one card and QEMU's transitional virtio-net-pci", ({"queue-size": 1024},),
                      extra=STOCK_CARD),
    # Without access control in the port, functions could reach each other behind the IOMMU's back.
    "shared-group": Machine("PF and VFs are one IOMMU group", port=",disable-acs=on"),
    # With a check on each of its objects, SLUB counts what is in use. Otherwise it takes all of a
    # slab that a CPU allocates from for used: hundreds of objects more or less at any moment.
    "exact-slabs": Machine("slab caches count their objects exactly",
                           kernel_arguments="slub_debug=F"),
    "aer": Machine("the PF reports errors of the bus", ({"aer": True},)),
    "no-card": Machine("no card at all", ()),
}


def get(name, more_mb=0):
    """The configuration of that name, with more memory. Raises Problem for an unknown one."""
    if name not in MACHINES:
        raise Problem(f"no machine configuration {name!r}; there are: {', '.join(MACHINES)}")
    return replace(MACHINES[name], memory_mb=MACHINES[name].memory_mb + more_mb)


def board(name):
    """The first configuration that is the same but for what its one card can: from one to the other,
    a VM gets by another card in its slot. The number of VFs is not among that, because the slot's
    windows are sized at boot."""
    like = _without_card(get(name))
    return next(other for other, machine in MACHINES.items() if _without_card(machine) == like)


def _without_card(machine):
    """A configuration without what another card changes."""
    if len(machine.cards) != 1:
        return machine
    vfs = {name: value for name, value in machine.cards[0].items() if name == "total-vfs"}
    return replace(machine, about="", cards=(vfs,))


def card_options(machine, index, base_mac="52:54:00:f0"):
    """The properties that make card number index of a machine, as device_add takes them."""
    return {"driver": "vfvirt-net-pf", "id": f"pf{index}", "bus": f"rp{index}",
            "netdev": f"up{index}", "mac": f"{base_mac}:{index:02x}:00",
            **machine.cards[index]}


def _word(value):
    """A property's value on the command line."""
    return ("off", "on")[value] if isinstance(value, bool) else value


def arguments(machine):
    """QEMU's arguments for a machine: board, IOMMU, root ports, uplinks and cards."""
    words = ["-machine", "q35,kernel-irqchip=split", "-accel", ACCELERATOR, "-cpu", "max",
             "-smp", str(machine.cpus), "-m", str(machine.memory_mb), "-nodefaults", "-display", "none",
             "-no-reboot", "-device", "intel-iommu,intremap=on",
             "-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"]
    for index in range(len(machine.cards)):
        card = ",".join(f"{name}={_word(value)}"
                        for name, value in card_options(machine, index).items() if name != "driver")
        words += ["-device", f"pcie-root-port,id=rp{index},chassis={index + 1}{machine.port}",
                  "-netdev", f"user,id=up{index}", "-device", f"vfvirt-net-pf,{card}"]
    return words + list(machine.extra)
