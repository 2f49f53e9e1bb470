# SPDX-License-Identifier: GPL-2.0-or-later
"""The debug kernel: Debian's source of a tested kernel with KASAN, lockdep, kmemleak and faults.

Built from the package linux-source-6.12 and the options in tests/debug/kernel.config, in a
builder tree of its own. What stays is the image, its modules, and the folder to build ours
against; sources and objects go.
"""

import re
import shutil
from pathlib import Path

from . import apt, cache, kernels, modules, shell, tree
from .errors import Problem

BASE = "6.12"           # the tested kernel that it is a variant of
CONFIG = Path(__file__).resolve().parent.parent / "debug/kernel.config"
SOURCE = f"linux-source-{BASE}"
PACKAGES = ("make", "gcc", "libc6-dev", "flex", "bison", "bc", "libelf-dev", "libssl-dev",
            "python3", "cpio", "kmod")
ROOM_MB = 4000
CONFIGURE_LIMIT_S = 300
LIMIT_S = 3600          # 6 minutes on two idle cores

# Changes to the source: (file, what stands there once, what comes in its place).
MENDED = (
    # virtio-pci sends administration commands with a spinlock held, and lets the ring sleep for
    # memory there. That splat comes with every boot and would hide ours.
    ("drivers/virtio/virtio_pci_modern.c",
     "virtqueue_add_sgs(vq, sgs, out_num, in_num, cmd, GFP_KERNEL)",
     "virtqueue_add_sgs(vq, sgs, out_num, in_num, cmd, GFP_ATOMIC)"),
    # The PVH entry, by which QEMU boots an unpacked kernel, compares strings before KASAN has its
    # shadow.
    ("lib/Makefile", "CFLAGS_string.o := -ffreestanding",
     "CFLAGS_string.o := -ffreestanding\nKASAN_SANITIZE_string.o := n"),
    # pciehp takes its reset_lock inside of pci_rescan_remove_lock and outside of it. The splat comes
    # with every hot-plug and switches lockdep off; here the lock is let go of for all that time.
    ("drivers/pci/hotplug/pciehp_pci.c", '#include "pciehp.h"\n', """#include "pciehp.h"
#define pci_lock_rescan_remove() ((up_read)(&ctrl->reset_lock), (pci_lock_rescan_remove)())
#define pci_unlock_rescan_remove() ((pci_unlock_rescan_remove)(), \\
		(down_read_nested)(&ctrl->reset_lock, ctrl->depth))
#define up_read(lock) do { } while (0)
#define down_read_nested(lock, depth) do { } while (0)
"""),
    # A VF that hot-unplug has removed before its PF keeps its reference on the PF.
    ("drivers/pci/iov.c", "if (!virtfn)\n\t\treturn;",
     "if (!virtfn)\n\t\treturn pci_dev_put(dev);"),
    # A probe of virtio_net that fails loses the head of its RSS command.
    ("drivers/net/virtio_net.c", "free:\n\tfree_netdev(dev);",
     "free:\n\tkfree(vi->rss_hdr);\n\tfree_netdev(dev);"),
    # A VFIO group that cannot be added is released with its IOMMU group, which is a warning.
    ("drivers/vfio/group.c", "err_put:\n",
     "err_put:\n\tiommu_group_put(group->iommu_group);\n\tgroup->iommu_group = NULL;\n"),
)


def get():
    """The debug kernel as a lib.kernels.Kernel; its image is for QEMU's -kernel as it is."""
    return apt.fresh(_archive(), _get)


def build_modules():
    """Paths of the .ko files of kernel/ for the debug kernel, built when sources changed."""
    build_folder = get().image.parent / "build"
    return modules.build_for(modules.Target("debug", _builder(), "/out",
                                            ((build_folder, "/out", "ro"),)))


def _archive():
    return kernels.ORIGINS[BASE].archive


def _builder():
    """The builder tree with compiler and tools."""
    return tree.get("kernel-debug", kernels.ORIGINS[BASE].base, PACKAGES)


def _get():
    builder = _builder()
    version = apt.show(_archive(), SOURCE)["Version"]

    def build(place):
        shell.say(f"building the debug kernel from {SOURCE} {version}")
        _build(builder, version, place)

    place = cache.item("kernel-debug", cache.key(str(builder), version, CONFIG, repr(MENDED)), build,
                       needs_mb=ROOM_MB)
    found = next((place / "lib/modules").iterdir())
    return kernels.Kernel("debug", found.name, place / "vmlinux", found)


def _build(builder, version, place):
    """Fills an item with vmlinux, config, lib/modules/RELEASE and build, for our modules."""
    scratch = place / "scratch"
    source = _unpack_source(version, scratch)
    objects, out = scratch / "objects", scratch / "out"
    for folder in (objects, out):
        folder.mkdir()
    shutil.copy2(CONFIG, out / CONFIG.name)
    log = cache.build_log("kernel-debug")

    def make(*words, limit_s=CONFIGURE_LIMIT_S):
        tree.run(builder, ["nice", "make", "-C", "/src", "O=/build", *words],
                 "cannot build the debug kernel",
                 [(source, "/src", "ro"), (objects, "/build", "rw"), (out, "/out", "rw")],
                 log, limit_s)

    make(f"KCONFIG_ALLCONFIG=/out/{CONFIG.name}", "allnoconfig")
    _check_config((objects / ".config").read_text(encoding="utf-8"))
    make("-j2", "vmlinux", "modules", limit_s=LIMIT_S)
    make("INSTALL_MOD_PATH=/out", "modules_install")
    make("run-command",
         "KBUILD_RUN_COMMAND=/src/scripts/package/install-extmod-build /out/build")
    for name in ("lib", "build"):
        (out / name).rename(place / name)
    (objects / "vmlinux").rename(place / "vmlinux")
    (objects / ".config").rename(place / "config")
    shutil.rmtree(scratch)


def _unpack_source(version, scratch):
    """Downloads, unpacks and mends the source; returns its folder."""
    what = f"cannot unpack {SOURCE}"
    scratch.mkdir()
    for deb in apt.download(_archive(), [f"{SOURCE}={version}"], scratch):
        shell.run(["dpkg-deb", "-x", deb, scratch], what)
        deb.unlink()
    packed = next((scratch / "usr/src").glob("*.tar.*"))
    shell.run(["tar", "-C", scratch, "-xf", packed], what)
    packed.unlink()
    source = scratch / SOURCE
    for name, before, after in MENDED:
        text = (source / name).read_text(encoding="utf-8")
        if text.count(before) != 1:
            raise Problem(f"{what}: {name} is not what it was: adapt MENDED in {__file__}")
        (source / name).write_text(text.replace(before, after), encoding="utf-8")
    return source


def _check_config(text):
    """Raises Problem when a line of CONFIG did not come true."""
    have = set(text.splitlines())
    missed = [line for line in CONFIG.read_text(encoding="utf-8").splitlines()
              if re.match(r"CONFIG_|# CONFIG_", line) and line not in have
              and not (line.endswith(" is not set") and f"{line[2:-11]}=" not in text)]
    if missed:
        raise Problem(f"{CONFIG}: not in the finished configuration: {', '.join(missed)}")
