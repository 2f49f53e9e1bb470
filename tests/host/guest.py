# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest inside the simulated host: a Debian kernel and a shell, with one script."""

from pathlib import Path

from lib import bootimage, kernels, packages
from lib.initramfs import Archive, Modules

KERNEL = "6.12"
FOLDER = "/var/lib/vfvirt-test"     # in the host
HOST_IP, NETWORK = "10.5.0.1", "10.5.0.0/24"
BUSYBOX = Path("/bin/busybox")

# Prints what the tests look for, each line behind the word GUEST. "force_legacy" falls back to
# the modern driver without a word, so the guest shows what it really drives.
SCRIPT = r"""#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
say() { echo "GUEST $*"; }
word() { tr ' ' '\n' < /proc/cmdline | sed -n "s/^$1=//p"; }
say up "$(cut -d' ' -f1 /proc/uptime)"
for module in $(cat /modules/order); do insmod /modules/$module.ko 2>/dev/null; done
address=$(word vfvirt.ip)
show() {
    for device in /sys/bus/pci/devices/*; do
        [ "$(cat $device/vendor)" = 0x1af4 ] || continue
        say pci "$(basename $device)" device "$(cat $device/device)" \
            revision "$(cat $device/revision)" bar0 "$(head -1 $device/resource)"
        for virtio in $device/virtio*; do
            [ -e $virtio/features ] && say features "$(cat $virtio/features)"
        done
    done
}
netdev() { for name in /sys/class/net/*; do name=${name##*/}; [ $name = lo ] || echo $name; done; }
until [ -n "$(netdev)" ]; do sleep 0.2; done
show
ip addr add $address/24 dev $(netdev)
ip link set $(netdev) up
say ready "$(cut -d' ' -f1 /proc/uptime)"
while [ -n "$(netdev)" ]; do
    ping -c 1 -W 2 $(word vfvirt.peer) > /dev/null && say pong
    sleep 1
done
say gone
# A device that is taken away and given again is set up anew.
exec /init
"""


def initramfs(path):
    """Writes the guest's initramfs to a Path."""
    packages.ensure("busybox-static")
    archive = Archive()
    archive.console()
    archive.file("bin/busybox", BUSYBOX)
    archive.file("init", SCRIPT.encode())
    for name in ("proc", "sys", "dev"):
        archive.folder(name)
    modules = Modules(kernels.get(KERNEL))
    modules.add(archive, ["virtio_net"])
    archive.file("modules/order", "\n".join(modules.order("virtio_net")).encode())
    archive.write(path)


def kernel_image():
    """Path of the guest's unpacked kernel."""
    return bootimage.get(kernels.get(KERNEL))


def domain_xml(name, address, machine="pc", legacy=True, hostdev=""):
    """The description of a guest. address: its IP address; hostdev: XML of a device, or none."""
    arguments = ["console=ttyS0 quiet mitigations=off no_timer_check cryptomgr.notests",
                 f"vfvirt.ip={address} vfvirt.peer={HOST_IP}"]
    if legacy:
        arguments.append("virtio_pci.force_legacy=1")
    return f"""<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>192</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='{machine}'>hvm</type>
    <kernel>{FOLDER}/vmlinux</kernel>
    <initrd>{FOLDER}/initramfs</initrd>
    <cmdline>{' '.join(arguments)}</cmdline>
  </os>
  <cpu mode='maximum'/>
  <features><acpi/></features>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <serial type='file'><source path='/var/log/libvirt/{name}.log'/></serial>
    <memballoon model='none'/>
    {hostdev}
  </devices>
</domain>
"""
