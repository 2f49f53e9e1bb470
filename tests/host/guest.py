# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest inside the simulated host: a Debian kernel and a shell, with one script."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from lib import bootimage, kernels, packages
from lib.initramfs import Archive, Modules

KERNEL = "6.12"
FOLDER = "/var/lib/vfvirt-test"     # in the host
HOST_IP, NETWORK = "10.5.0.1", "10.5.0.0/24"
BUSYBOX = Path("/bin/busybox")



@dataclass(frozen=True)
class Guest:
    """A guest of the tests. address: its IP address; vf: index of the VF that it is given, before
    its start when cold; legacy: "force_legacy" is on its kernel's command line."""
    address: str
    vf: int
    machine: str = "pc"
    legacy: bool = True
    cold: bool = False


GUESTS = {
    "old1": Guest("10.5.0.2", 0),
    "old2": Guest("10.5.0.3", 1, cold=True),
    "old3": Guest("10.5.0.4", 2, machine="q35", cold=True),
    "new1": Guest("10.5.0.5", 0, legacy=False),
}

# The second serial port says what the tests look for, each line behind the word GUEST; the first
# one is a shell for `virsh console`. "force_legacy" falls back to the modern driver without a
# word, so the guest shows what it really drives. A device may be taken away and given again.
SCRIPT = r"""#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
say() { echo "GUEST $*" > /dev/ttyS1; }
word() { tr ' ' '\n' < /proc/cmdline | sed -n "s/^$1=//p"; }
uptime() { cut -d' ' -f1 /proc/uptime; }
netdev() { for name in /sys/class/net/*; do name=${name##*/}; [ $name = lo ] || echo $name; done; }
show() {
    for device in /sys/bus/pci/devices/*; do
        [ "$(cat $device/vendor)" = 0x1af4 ] || continue
        say pci "$(basename $device)" vendor 0x1af4 device "$(cat $device/device)" \
            revision "$(cat $device/revision)" bar0 "$(head -1 $device/resource)"
        say features "$(cat $device/virtio*/features)"
    done
}
watch() {
    until [ -n "$(netdev)" ]; do sleep 0.2; done
    name=$(netdev)
    show
    ip addr add $(word vfvirt.ip)/24 dev $name
    ip link set $name up
    until [ "$(cat /sys/class/net/$name/carrier)" = 1 ]; do sleep 0.1; done
    say ready "$(uptime)"
    while [ -e /sys/class/net/$name ]; do
        ping -c 1 -W 2 $(word vfvirt.peer) > /dev/null && say pong
        sleep 1
    done
    say gone "$(uptime)"
}
say up "$(uptime)"
for module in $(cat /modules/order); do insmod /modules/$module.ko 2>/dev/null; done
while :; do watch; done 2>/dev/null &
export PS1="$(word vfvirt.name):\w# " HOME=/
cd /
while :; do setsid cttyhack sh; done
"""

# Waits for lines without asking for them again and again, which would take time from the guest.
HEAR = "grep -a -m {count} '^GUEST {word}' < <(tail -n +1 -F {path} 2>/dev/null)"

# Types a line at a guest's console and gives what comes back before the next prompt. QEMU reads
# from a terminal only while somebody has it open, and needs somebody who reads what it writes.
CONSOLE = r"""
exec 3<> "$(virsh ttyconsole {name} | head -n 1)"
heard=$(mktemp)
cat <&3 > $heard &
reader=$!
printf '%s\n' {typed} >&3
until grep -q '^end=[0-9]' $heard; do sleep 0.2; done
kill $reader
tr -d '\r' < $heard | sed -n '/^begin=1$/,/^end=/p' | sed '1d;$d'
status=$(sed -n 's/^end=\([0-9]*\).*/\1/p' $heard)
rm $heard
exit $status
"""


def console_script(name, line):
    """A shell script for the host that runs a line in a guest; with its output and its status."""
    typed = f"echo begin=$((1)); {line}; echo end=$?"
    return CONSOLE.format(name=name, typed=shlex.quote(typed))


def said_path(name):
    """The file in the host that holds what a guest says."""
    return f"/var/log/libvirt/{name}.log"


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


# Without what costs emulation time and no guest of ours needs. The list are initialisers of random
# numbers, of self-tests, of trace events and of certificates, and a clock that takes a second.
ARGUMENTS = ("console=ttyS0 quiet mitigations=off no_timer_check cryptomgr.notests no5lvl "
             "tsc=reliable 8250.nr_uarts=2 ipv6.disable=1 initcall_blacklist=jent_mod_init,"
             "crypto_kdf108_init,trace_eval_init,load_system_certificate_list,cmos_init")

# What is plugged in behind a root port later finds only the I/O space that was set aside for it;
# libvirt has no word for that.
ROOT_PORTS = """<qemu:commandline>
    <qemu:arg value='-global'/><qemu:arg value='pcie-root-port.io-reserve=4096'/>
  </qemu:commandline>"""


def domain_xml(name, address, machine="pc", legacy=True, hostdev=""):
    """The description of a guest. address: its IP address; hostdev: XML of a device, or none."""
    arguments = [ARGUMENTS,
                 f"vfvirt.name={name} vfvirt.ip={address} vfvirt.peer={HOST_IP}"]
    if legacy:
        arguments.append("virtio_pci.force_legacy=1")
    return f"""<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
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
    <serial type='pty'><log file='/var/log/libvirt/{name}-console.log' append='off'/></serial>
    <serial type='file'><source path='{said_path(name)}'/></serial>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
    {hostdev}
  </devices>
  {ROOT_PORTS if machine == "q35" else ""}
</domain>
"""
