# SPDX-License-Identifier: GPL-2.0-or-later
"""check, the doctor: each finding on a host that has just that, and what to do about it."""

import json
import shutil
import subprocess

from lib import packages

from .case import LIMIT_S, Scene, case, expect, golden_pair, installed
from .test_read import PF, busy_card

RELEASE, NEWER = "6.12.107+deb13-amd64", "6.12.111+deb13-amd64"
MODULES = ("vfvirt_core", "vfvirt_pf", "vfvirt_vfio_pci")
OUR_ALIAS = "alias vfio_pci:v00001AF4d00001041sv*sd*bc02sc00i* vfvirt_vfio_pci\n"
PLAIN_ALIAS = "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n"
RIVAL_ALIAS = "alias vfio_pci:v00001AF4d00001041sv*sd*bc*sc*i* virtio_vfio_pci\n"
SECURE_BOOT = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
SIGNED = b"code~Module signature appended~\n"


def kernel(scene, release, modules=MODULES, suffix=".ko", content=SIGNED):
    """An installed kernel, with our modules as DKMS puts them."""
    folder = f"lib/modules/{release}"
    scene.write(f"{folder}/modules.builtin", "kernel/fs/ext4/ext4.ko\n")
    lines = [f"updates/dkms/{name}{suffix}: kernel/drivers/vfio/vfio.ko.xz\n" for name in modules]
    scene.write(f"{folder}/modules.dep", "kernel/fs/vfvirt_pfx.ko:\n" + "".join(lines))
    scene.write(f"{folder}/modules.alias", PLAIN_ALIAS + OUR_ALIAS)
    for name in modules:
        scene.write(f"{folder}/updates/dkms/{name}{suffix}", content)


def healthy(scene):
    """A host on which nothing is wrong."""
    scene.card.do(f"set proc/sys/kernel/osrelease {RELEASE}")
    kernel(scene, RELEASE)
    scene.write("dev/vfio/vfio", "")
    scene.write("usr/lib/x86_64-linux-gnu/libvirt.so.0.11003.0", "")
    scene.write("usr/sbin/libvirtd", "")
    scene.start_daemon()


def findings(scene, code=None):
    """What check finds, as {(level, topic): text}; several of one kind are joined."""
    done = scene.run("check", "--json")
    expect(code is None or done.code == code, str(done))
    found = {}
    for row in json.loads(done.out)["findings"]:
        key = row["level"], row["topic"]
        text = f"{row['object'] or ''}: {row['text']} -> {row['remedy'] or ''}"
        found[key] = found.get(key, "") + text + "\n"
    return found


def expect_finding(scene, level, topic, *parts):
    """Fails the case unless check has such a finding with these parts, and a remedy unless ok."""
    found = findings(scene, 1 if level == "fail" else None)
    text = found.get((level, topic), "")
    expect(all(part in text for part in parts) and text, f"{level} {topic} {parts}: {found}")
    expect(level == "ok" or "-> \n" not in text, f"no remedy: {text}")


@case("check: a host on which all is well")
def _(folder):
    with Scene(folder) as scene:
        healthy(scene)
        golden_pair("check-healthy", scene, "check")
        done = scene.run("check", "--quiet")
        expect(done.code == 0 and done.out == "14 ok, 0 to look at, 0 wrong\n", str(done))


@case("check: a host on which much is wrong")
def _(folder):
    with Scene(folder, pfs=2) as scene:
        busy_card(scene)
        scene.intent("dpu1", match={"netdev": "ens1"}, vfs=2)
        scene.intent("gone", match={"address": "0000:7f:00.0"}, vfs=2)
        scene.card.do(f"owner {PF} 2 8")
        golden_pair("check-wrong", scene, "check")


@case("check: without root it says what it could not see")
def _(folder):
    folder.chmod(0o755)
    (folder / "SYSFS/bus/pci/devices").mkdir(parents=True)
    (folder / "PROCFS").mkdir()
    program = shutil.copy(installed("usr/bin/vfvirtctl"), folder)
    places = {f"VFVIRT_{name}": f"{folder}/{name}" for name in (
        "ROOT", "SYSFS", "PROCFS", "RUN", "INTENT", "INTENT_VENDOR", "NETLINK")}
    ended = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", program, "check"],
                           env={**places, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={folder}/bus"},
                           check=False, capture_output=True, text=True, timeout=60)
    expect(ended.returncode == 1 and not ended.stderr, f"{ended}")
    expect("only root may read the domains" in ended.stdout
           and ended.stdout.count("run vfvirtctl check as root") == 2, f"{ended}")


@case("check: IOMMU and VFIO")
def _(folder):
    with Scene(folder, pfs=0) as scene:
        healthy(scene)
        for path in (scene.card.sysfs / "kernel/iommu_groups").iterdir():
            scene.card.do(f"rm sys/kernel/iommu_groups/{path.name}")
        expect_finding(scene, "fail", "iommu", "the IOMMU is off", "intel_iommu=on")
        (scene.root / "dev/vfio/vfio").unlink()
        expect_finding(scene, "fail", "iommu", "/dev/vfio/vfio is missing", "modprobe vfio")


@case("check: modules for the running and the next kernel")
def _(folder):
    with Scene(folder) as scene:
        healthy(scene)
        kernel(scene, NEWER, modules=MODULES[:2])
        expect_finding(scene, "fail", "modules", NEWER, "next boot", "lacks vfvirt_vfio_pci")
        kernel(scene, NEWER)
        expect_finding(scene, "ok", "modules", NEWER)
        # What a removed kernel leaves behind, an older one, and a name that sorts as text.
        scene.write("lib/modules/9.9.9-gone/updates/dkms/vfvirt_pf.ko", "")
        kernel(scene, "6.12.99+deb13-amd64", modules=())
        expect(("fail", "modules") not in findings(scene, 0), f"{findings(scene)}")
        kernel(scene, RELEASE, modules=())
        expect_finding(scene, "fail", "modules", RELEASE, "lacks vfvirt_core vfvirt_pf", "dkms")
        (scene.root / f"lib/modules/{RELEASE}/modules.dep").unlink()
        expect_finding(scene, "fail", "modules", "no readable modules.dep")


@case("check: modules that do not answer, or are of another version")
def _(folder):
    with Scene(folder) as scene:
        healthy(scene)
        scene.card.do("netlink version 9")
        expect_finding(scene, "fail", "kernel", "speaks version 9")
        scene.card.do("netlink unloaded 1")
        expect_finding(scene, "fail", "kernel", "not loaded", "modprobe vfvirt_pf")


def module_file(folder, version, source):
    """The bytes of a module, as far as its description goes."""
    packages.ensure("gcc", "libc6-dev")
    text = "".join(f'A(a{number}, "{key}={value}")\n' for number, (key, value) in enumerate(
        (("version", version), ("srcversion", source), ("license", "GPL"))))
    code = folder / "module.c"
    code.write_text("#define A(name, text) static const char name[] "
                    '__attribute__((used, section(".modinfo"))) = text;\n' + text)
    subprocess.run(["gcc", "-c", "-o", folder / "module.ko", code], check=True, timeout=LIMIT_S)
    return (folder / "module.ko").read_bytes()


@case("check: another module is loaded than is installed")
def _(folder):
    with Scene(folder) as scene:
        healthy(scene)
        kernel(scene, RELEASE, content=module_file(folder, "0.10.0", "ABCDEF"))
        for version, source, kind in (("0.9.9", "012345", "older than the installed one"),
                                      ("0.11.0", "012345", "newer than the installed one"),
                                      ("0.10.0", "012345", "another build"),
                                      ("0.10.0", "ABCDEF", None)):
            for name, value in (("version", version), ("srcversion", source)):
                scene.card.do(f"set sys/module/vfvirt_pf/{name} {value}")
            if kind:
                expect_finding(scene, "warn", "modules", f"vfvirt_pf: the loaded module is {kind}",
                               f"{version}, installed is 0.10.0", "restart the host")
            else:
                expect(("warn", "modules") not in findings(scene, 0), f"{findings(scene)}")
        scene.card.do("set sys/module/vfvirt_pf/version 0.9.9")
        kernel(scene, RELEASE, content=b"no module at all")
        expect(("warn", "modules") not in findings(scene, 0), f"{findings(scene)}")


@case("check: libvirt's automatic choice of a driver")
def _(folder):
    with Scene(folder) as scene:
        healthy(scene)
        path = f"lib/modules/{RELEASE}/modules.alias"
        for text, winner in ((RIVAL_ALIAS + OUR_ALIAS, None), (OUR_ALIAS + RIVAL_ALIAS, None),
                             (PLAIN_ALIAS + RIVAL_ALIAS, "virtio_vfio_pci"),
                             (PLAIN_ALIAS, "vfio_pci"), ("# nothing\n", "vfio-pci"),
                             ("alias vfio_pci:v00001AF4d00001041sv*sd*bc02sc00i01 other\n"
                              + OUR_ALIAS, None),
                             (OUR_ALIAS.replace("vfvirt_vfio_pci", "rival") + OUR_ALIAS, "rival"),
                             ("alias vfio_pci:v00001AF4d\nalias vfio_pci:\nalias vfio_pci: x\n"
                              "alias vfio_pci:v*d*sv*sd*bc*sc*i*\n" + OUR_ALIAS[:-1], None)):
            scene.write(path, text)
            if winner:
                expect_finding(scene, "warn", "modules-alias", f"would be {winner},")
            else:
                expect_finding(scene, "ok", "modules-alias", "vfvirt_vfio_pci")
        (scene.root / path).unlink()
        expect_finding(scene, "fail", "modules-alias", "cannot be read", "depmod")


@case("check: Secure Boot and modules without a signature")
def _(folder):
    with Scene(folder) as scene:
        healthy(scene)
        expect_finding(scene, "ok", "secure-boot", "is off")
        scene.card.do(f"set {SECURE_BOOT} \\x06\\x00\\x00\\x00\\x01")
        expect_finding(scene, "ok", "secure-boot", "is on")
        kernel(scene, RELEASE, content=b"code")
        expect_finding(scene, "fail", "secure-boot", "vfvirt_core is not signed", "mokutil")
        kernel(scene, RELEASE, suffix=".ko.xz", content=b"packed")
        expect_finding(scene, "ok", "secure-boot", "is on")
        scene.card.do(f"set {SECURE_BOOT} \\x06\\x00\\x00\\x00\\x00")
        expect_finding(scene, "ok", "secure-boot", "is off")


@case("check: cards")
def _(folder):
    with Scene(folder) as scene:
        healthy(scene)
        expect_finding(scene, "ok", "card", "bit 41", "provider intree")
        scene.card.do(f"opcodes {PF} 3")
        expect_finding(scene, "fail", "card", "offers no legacy registers", "emulation")
        scene.card.do("netlink unloaded 1")
        expect_finding(scene, "warn", "card", "cannot tell", "bit 41", "create binds")
        scene.intent("dpu0", match={"address": PF}, vfs=0)
        expect_finding(scene, "warn", "card", "cannot tell", "bit 41", "apply binds")
        scene.intent("dpu0", match={"address": PF}, vfs=0, transport="intree")
        expect_finding(scene, "warn", "card", "cannot tell", "bit 41", '"transport" in its')
    (folder / "none").mkdir()
    with Scene(folder / "none", pfs=0) as scene:
        expect_finding(scene, "fail", "card", "no virtio network card", "lspci")


# What to do about a card without legacy registers, by the reason: an enum vfvirt_owner_reason.
UPDATE_OR_ENABLE, UPDATE = "update the card's firmware, or enable", "update the card's firmware, w"
REMEDIES = {1: UPDATE_OR_ENABLE, 2: UPDATE, 3: UPDATE_OR_ENABLE, 4: UPDATE,
            5: "load the driver: modprobe virtio_net", 6: "free some memory", 7: "enable legacy VF",
            8: "wait for its recovery", 9: UPDATE, 10: "wait: it passes", 11: "see whether it was",
            12: "wait: it passes", 13: "bind the PF to vfvirt_pf", 14: "install kernel modules"}


@case("check: each reason for missing legacy registers has its own remedy")
def _(folder):
    with Scene(folder) as scene:
        healthy(scene)
        for reason, remedy in REMEDIES.items():
            scene.card.do(f"owner {PF} 0 {reason}")
            expect_finding(scene, "fail", "card", "offers no legacy registers", f"-> {remedy}")


@case("check: VFs that failed, are foreign or share a group")
def _(folder):
    with Scene(folder) as scene:
        healthy(scene)
        busy_card(scene)
        expect_finding(scene, "warn", "vf", "dpu0/4: is left alone", "dpu0/5: has no legacy")
        scene.card.do("close 0000:3b:00.2")
        scene.card.do("flaw shared 0000:3b:01.*")
        scene.sysfs(f"{PF}/sriov_numvfs", "0")
        scene.create(PF, 8)
        expect_finding(scene, "fail", "vf", "dpu0/7: shares IOMMU group", "ACS")


@case("check: intent files")
def _(folder):
    with Scene(folder, pfs=2) as scene:
        healthy(scene)
        scene.intent("dpu0", match={"address": PF}, vfs=2)
        expect_finding(scene, "warn", "card", "dpu0: has 0 VFs, 2 are intended", "apply")
        scene.intent("away", match={"address": "0000:7f:00.0"}, vfs=2)
        expect_finding(scene, "warn", "intent", "away.json: no PF of this host matches")
        scene.intent("dpu1", match={"netdev": "ens0"}, vfs=2)
        expect_finding(scene, "fail", "intent", "dpu0.json and ", "dpu1.json")
        (folder / "etc/bad.json").write_text('{\n"vfs": 2,\n}')
        expect_finding(scene, "fail", "intent", "bad.json:3", "vfvirt.json(5)")


@case("check: vfvirtd")
def _(folder):
    with Scene(folder) as scene:
        expect_finding(scene, "warn", "daemon", "no system bus")
        scene.start_bus()
        expect_finding(scene, "warn", "daemon", "is not running", "systemctl start vfvirtd")
        expect(not (folder / "started").exists(), "vfvirtd was started")


@case("check: libvirt's version")
def _(folder):
    with Scene(folder) as scene:
        healthy(scene)
        place = scene.root / "usr/lib/x86_64-linux-gnu"
        for number, level in ((9000, "fail"), (9006, "fail"), (9007, "ok"), (10000, "ok")):
            for path in place.iterdir():
                path.unlink()
            scene.write(f"usr/lib/x86_64-linux-gnu/libvirt.so.0.{number}.0", "")
            expect_finding(scene, level, "libvirt", f"libvirt {number // 1000}.{number % 1000} ")
        for path in place.iterdir():
            path.unlink()
        expect_finding(scene, "warn", "libvirt", "not installed")
        scene.write("usr/lib64/libvirt.so.0.nonsense", "")
        expect_finding(scene, "warn", "libvirt", "not installed")


@case("check: a host with libvirt's library only")
def _(folder):
    with Scene(folder) as scene:
        healthy(scene)
        (scene.root / "usr/sbin/libvirtd").unlink()
        expect_finding(scene, "warn", "libvirt", "only the library of libvirt 11.3",
                       "libvirt-daemon-system")
        scene.write("usr/sbin/virtqemud", "")
        expect_finding(scene, "ok", "libvirt", "libvirt 11.3 takes VFs")


@case("check: AppArmor and hooks that it stops")
def _(folder):
    with Scene(folder) as scene:
        healthy(scene)
        expect_finding(scene, "ok", "apparmor", "is off")
        scene.card.do("set sys/module/apparmor/parameters/enabled Y")
        expect_finding(scene, "ok", "apparmor", "is on")
        scene.write("etc/libvirt/hooks/qemu.d/50-vfvirt", "")
        expect(("fail", "apparmor") not in findings(scene, 0), "a file is blamed")
        (scene.root / "etc/libvirt/hooks/qemu.d/51-vfvirt").symlink_to("/usr/lib/vfvirt/hook")
        expect_finding(scene, "fail", "apparmor", "51-vfvirt", "/usr/lib/vfvirt/hook")


PROVISIONERS = {
    "netplan": ("etc/netplan/01.yaml", "network:\n  virtual-function-count: 4\n"),
    "NetworkManager": ("etc/NetworkManager/system-connections/a.nmconnection", "[sriov]\n"),
    "systemd.link": ("etc/systemd/network/10-a.link", "[SR-IOV]\nSR-IOVVirtualFunctions=4\n"),
    "udev": ("etc/udev/rules.d/90-a.rules", 'ATTR{device/sriov_numvfs}="4"\n'),
    "rc.local": ("etc/rc.local", "echo 4 > /sys/class/net/ens0/device/sriov_numvfs\n"),
    "sriov-network-operator": ("etc/sriov-operator/pci", ""),
    "driverctl": ("etc/driverctl.d/pci-0000:3b:00.0", "vfio-pci\n"),
}


@case("check: other tools that make or bind VFs")
def _(folder):
    with Scene(folder) as scene:
        healthy(scene)
        scene.write("etc/driverctl.d/pci-0000:99:00.0", "vfio-pci\n")
        scene.write("etc/driverctl.d/pci-nonsense", "vfio-pci\n")
        for tool, (path, text) in PROVISIONERS.items():
            expect_finding(scene, "ok", "provisioner", "nobody else")
            scene.write(path, text)
            expect_finding(scene, "warn", "provisioner", tool, path)
            scene.write(path, "  # " + text if "\n" in text else text)
            if text.count("\n") == 1 and tool != "driverctl":
                expect_finding(scene, "ok", "provisioner", "nobody else")
            (scene.root / path).unlink()


def domain(*addresses, kind="hostdev"):
    """The description of a domain that has these PCI devices."""
    devices = ""
    for bus, slot, function in addresses:
        place = f"<source><address {'type=' + repr('pci') if kind == 'interface' else ''} " \
                f"domain='0x0000' bus='{bus}' slot='{slot}' function='{function}'/></source>"
        devices += (f"<hostdev mode='subsystem' type='pci'>{place}</hostdev>" if kind == "hostdev"
                    else f"<interface type='hostdev'>{place}</interface>")
    return f"<domain type='kvm'><name>web1</name><devices>{devices}</devices></domain>"


@case("check: domains that name VFs which do not exist")
def _(folder):
    with Scene(folder) as scene:
        healthy(scene)
        scene.create(PF, 2)
        scene.write("etc/libvirt/qemu/web1.xml",
                    domain(("0x3b", "0x00", "0x1"), ("59", "0", "2")))
        expect_finding(scene, "ok", "domain", "name 2 PFs and VFs")
        for kind in ("hostdev", "interface"):
            scene.write("etc/libvirt/qemu/web1.xml", domain(("0x3b", "0x00", "0x5"), kind=kind))
            expect_finding(scene, "warn", "domain", "web1.xml", "domain web1 names 0000:3b:00.5")
        scene.write("etc/libvirt/qemu/web1.xml", domain(("0x99", "0x00", "0x5")))
        expect_finding(scene, "warn", "domain", "0000:99:00.5", "virsh edit")


@case("check: domain files that are none")
def _(folder):
    bomb = ('<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {chr(98 + number)} "{f"&{chr(97 + number)};" * 10}">' for number in range(9))
        + "]><domain><name>&j;</name></domain>")
    with Scene(folder) as scene:
        healthy(scene)
        for text in ("", "<domain>", "<pool/>", "\0", "<domain/>", bomb, b"\xff\xfe",
                     "<domain><name>a</name></domain><x/>",
                     "<!DOCTYPE domain><domain><name>a</name></domain>", "a" * (5 << 20),
                     domain(("0x3b", "0x00", "0x9")).replace("web1", "\x01"),
                     "<a>" * 3000):
            scene.write("etc/libvirt/qemu/web1.xml", text)
            expect_finding_or_error(scene)
        for odd in (("0x100", "0", "1"), ("-1", "0", "1"), ("", "0", "1"), ("0x3b", "0x20", "1"),
                    ("0x3b", "0", "8"), ("0x", "0", "1"), ("9" * 40, "0", "1")):
            scene.write("etc/libvirt/qemu/web1.xml", domain(odd))
            expect_finding(scene, "ok", "domain", "name 0 PFs and VFs")


def expect_finding_or_error(scene):
    """A file that is no domain is named, and nothing else is wrong."""
    found = findings(scene, 0)
    expect("web1.xml" in found.get(("warn", "domain"), ""), f"{found}")
