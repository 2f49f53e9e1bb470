# SPDX-License-Identifier: GPL-2.0-or-later
"""The disk of the simulated host: Debian with libvirt, and our packages installed by apt."""

import shutil
from pathlib import Path

from lib import apt, cache, debs, kernels, packages, shell, systems, tree
from lib.initramfs import Archive, Modules

from . import guest

SIZE_MB = 3072
ROOM_MB = 5000
LIMIT_S = 600
NAMES = ("apparmor", "apt", "busybox-static", "dbus", "driverctl", "iproute2", "iputils-ping",
         "kmod", "libjson-c5", "libnl-genl-3-200", "libnl-route-3-200", "libvirt-clients",
         "libvirt-daemon-system", "libxml2", "pciutils", "procps", "qemu-guest-agent",
         "qemu-system-x86", "systemd-sysv", "udev")

# The serial console is the log of the kernel alone; a login prompt there would break lines.
MASKED = ("serial-getty@ttyS0.service", "apt-daily.timer", "apt-daily-upgrade.timer",
          "dpkg-db-backup.timer", "fstrim.timer", "e2scrub_all.timer", "e2scrub_reap.service",
          "systemd-networkd-wait-online.service")

# The product's limits are those of real machines. Under emulation, on a busy one, every step
# takes many times as long, and a limit that strikes would say nothing about the product.
PATIENCE = {
    "system/vfvirt-transport.service.d/slow.conf": "[Service]\nTimeoutStartSec=300\n",
    "system/vfvirtd.service.d/slow.conf": "[Service]\nTimeoutStartSec=600\nWatchdogSec=600\n",
    "system.conf.d/slow.conf": "[Manager]\nDefaultTimeoutStartSec=600\n",
}

# What is confined; the profiles of a hundred other programs take half a minute to compile.
PROFILES = ("usr.sbin.libvirtd", "usr.lib.libvirt.virt-aa-helper")

# What an administrator writes; the packages find it there when they are installed.
INTENT = '{ "match": { "address": "0000:01:00.0" }, "vfs": 4 }\n'

INIT = r"""#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for module in $(/bin/busybox cat /modules/order); do
    /bin/busybox insmod /modules/$module.ko 2>/dev/null
done
until [ -e /dev/vda ]; do /bin/busybox sleep 0.1; done
/bin/busybox mount -t ext4 -o rw,noatime /dev/vda /root || exec /bin/busybox poweroff -f
/bin/busybox mount --move /dev /root/dev
exec /bin/busybox switch_root /root /lib/systemd/systemd
"""


def initramfs(path):
    """Writes an initramfs that only mounts the disk; Debian's own costs seconds to unpack."""
    packages.ensure("busybox-static")
    archive = Archive()
    archive.console()
    archive.file("bin/busybox", guest.BUSYBOX)
    archive.file("init", INIT.encode())
    for name in ("dev", "root"):
        archive.folder(name)
    modules = Modules(kernels.get(systems.chosen().kernel))
    # ext4 asks for the checksum by name, so it is not among what it depends on.
    wanted = ["virtio_pci", "virtio_blk", "crc32c_generic", "ext4"]
    modules.add(archive, wanted)
    order = dict.fromkeys(name for module in wanted for name in modules.order(module))
    archive.file("modules/order", "\n".join(order).encode())
    archive.write(path)


def base():
    """The builder tree that the host's disk begins as."""
    chosen = systems.chosen()
    names = [*NAMES, f"linux-image-{kernels.release(chosen.kernel)}"]
    return apt.fresh(chosen.archive, lambda: tree.get("host", chosen.archive, names,
                                                      preferences=chosen.preferences))


def get():
    """Folder with disk.img, vmlinux is lib.bootimage's, initramfs: built when something changed."""
    packages.ensure("e2fsprogs", "kmod")
    begun, ours = base(), debs.get()
    modules = debs.modules(systems.chosen().kernel)

    def build(place):
        root = place / "root"
        shell.run(["cp", "-a", "--reflink=auto", begun, root], "cannot copy the host's tree")
        _settle(root)
        _install(root, ours, modules)
        guest_folder = root / guest.FOLDER.lstrip("/")
        guest_folder.mkdir(parents=True)
        shutil.copy(guest.kernel_image(), guest_folder / "vmlinux")
        guest.initramfs(guest_folder / "initramfs")
        initramfs(place / "initramfs")
        disk = place / "disk.img"
        with open(disk, "wb") as image:
            image.truncate(SIZE_MB << 20)
        shell.run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", root, disk],
                  "cannot make the host's disk", limit_s=LIMIT_S)
        shutil.rmtree(root)

    key = cache.key(str(begun), *ours, *modules, guest.SCRIPT, Path(__file__))
    return cache.item("host-disk", key, build, needs_mb=ROOM_MB)


def _settle(root):
    """Configures what a person would when installing a host."""
    (root / "etc/fstab").write_text("/dev/vda / ext4 rw,noatime 0 0\n", encoding="utf-8")
    (root / "etc/hostname").write_text("simulated-host\n", encoding="utf-8")
    intent = root / "etc/vfvirt/pf.d/dpu0.json"
    intent.parent.mkdir(parents=True, exist_ok=True)
    intent.write_text(INTENT, encoding="utf-8")
    (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n", encoding="utf-8")
    profiles = root / "etc/apparmor.d"
    for path in profiles.iterdir():
        if path.is_file() and path.name not in PROFILES:
            (profiles / "disable" / path.name).symlink_to(f"/etc/apparmor.d/{path.name}")
    for name, text in PATIENCE.items():
        path = root / "etc/systemd" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for unit in MASKED:
        link = root / "etc/systemd/system" / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")


def _install(root, ours, modules):
    """Installs our packages, and the modules that DKMS would take minutes to build under TCG."""
    release = kernels.release(systems.chosen().kernel)
    place = root / "lib/modules" / release / "updates/dkms"
    place.mkdir(parents=True)
    for module in modules:
        shutil.copy(module, place)
    shell.run(["depmod", "-b", root, release], "cannot list the host's modules")
    inside = root / "tmp/debs"
    inside.mkdir()
    for deb in ours:
        shutil.copy(deb, inside)
    shell.run([*tree.ISOLATED, "sh", "-ec", f"""
mount -t proc proc {root}/proc
printf '#!/bin/sh\\nexit 101\\n' > {root}/usr/sbin/policy-rc.d
chmod +x {root}/usr/sbin/policy-rc.d
chroot {root} sh -c 'DEBIAN_FRONTEND=noninteractive apt-get -o Dir::Etc::sourcelist=/dev/null \
-o Dir::Etc::sourceparts=/dev/null install -y --no-install-recommends /tmp/debs/vfvirt_*.deb'
rm -r {root}/usr/sbin/policy-rc.d {inside}
"""], "cannot install the packages", log=cache.build_log("host-install"), limit_s=LIMIT_S)
