# SPDX-License-Identifier: GPL-2.0-or-later
"""Install, upgrade, remove and purge of the package vfvirt: what is there afterwards."""

from lib.cases import expect

from .case import OLD, case, package
from .root import Root

STUB = "/etc/libvirt/hooks/qemu.d/50-vfvirt"
INTENT = "/etc/vfvirt/pf.d/dpu0.json"
WANTED = "/etc/systemd/system/multi-user.target.wants/vfvirtd.service"
OPERATIONS = ("prepare", "start", "started", "stopped", "release", "reconnect", "migrate",
              "restore", "attach")


def status(root, name):
    """What dpkg says about a package, as in "installed 0.1.0"."""
    return root.try_run("dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}",
                        name).said.strip()


def _install(root):
    """Installs the package on a system with an intent; the files that were there before."""
    before = root.files()
    root.install(package("vfvirt"))
    root.write(INTENT, "{}")
    return before


@case("packages: what is installed works, and its services are enabled")
def _(folder):
    with Root(folder) as root:
        root.install(package("vfvirt"))
        version = package("vfvirt").name.split("_")[1]
        for program in ("vfvirtctl", "vfvirtd"):
            said = root.run(program, "--version").split()
            expect(version in said, f"{program} --version: {said}")
        expect(root.exists(WANTED), f"vfvirtd is not enabled: {status(root, 'vfvirt')}")
        for page in ("man1/vfvirtctl.1", "man5/vfvirt.json.5", "man8/vfvirtd.8",
                     "man8/vfvirt-hook.8"):
            said = root.run("dpkg", "-L", "vfvirt")
            expect(f"/usr/share/man/{page}.gz" in said, f"no {page}: {said}")


@case("packages: removed, only configuration stays, and the hook in it does nothing")
def _(folder):
    with Root(folder) as root:
        before = _install(root)
        root.run("dpkg", "--remove", "vfvirt")
        left = {path for path in root.files() - before
                if not path.startswith(("/etc/systemd/system", "/var/lib/systemd"))}
        expect(left == {"/etc/libvirt/hooks", "/etc/libvirt/hooks/qemu.d", STUB,
                        "/etc/vfvirt", "/etc/vfvirt/pf.d", INTENT}, f"left: {sorted(left)}")
        for operation in OPERATIONS:
            done = root.try_run(STUB, "web1", operation, "begin", "-", text_in="<domain/>")
            expect(done.status == 0 and not done.said, f"{operation}: {done}")


@case("packages: purged, nothing stays")
def _(folder):
    with Root(folder) as root:
        before = _install(root)
        for name in ("hostdev/0000:01:00.1.xml", "claims/0000:01:00.1", "pf.d/dpu1.json"):
            root.write(f"/run/vfvirt/{name}")
        root.run("dpkg", "--purge", "vfvirt")
        left = root.files() - before
        expect(not left, f"left: {sorted(left)}")
        expect(not before - root.files(), f"lost: {sorted(before - root.files())}")


@case("packages: an upgrade keeps what an administrator changed")
def _(folder):
    with Root(folder) as root:
        root.install(package("vfvirt", OLD))
        expect(OLD in root.run("vfvirtctl", "--version"), root.run("vfvirtctl", "--version"))
        root.write(INTENT, "{}")
        stub = root.write(STUB, "#!/bin/sh\n# changed\nexit 0\n")
        root.run("systemctl", "disable", "vfvirtd.service")
        root.install(package("vfvirt"))
        expect(OLD not in root.run("vfvirtctl", "--version"), "the old program is still there")
        expect(root.exists(INTENT), "the intent is gone")
        expect("# changed" in stub.read_text(encoding="utf-8"), "the hook was replaced")
        expect(not root.exists(WANTED), "a service that was disabled is enabled again")
