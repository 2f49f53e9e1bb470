# SPDX-License-Identifier: GPL-2.0-or-later
"""The files for OpenStack Nova in the run folder, kept as the VFs are."""

import os
import stat
import subprocess

from .bus import BusError
from .case import case, contains, equal, true, until

NOVA = {"dpu0": {"vfs": 2, "nova": {}}}
LIMIT_S = 60


def files(machine):
    """The files for Nova: name -> text."""
    return {path.name: path.read_text(encoding="utf-8")
            for path in (machine.folder / "run/nova").glob("*")}


def listed(machine, pf=0):
    """Addresses of the VFs in a PF's file."""
    text = files(machine).get(f"{machine.pfs[pf]}.conf", "")
    return [line.split('"')[3] for line in text.splitlines() if line.startswith("device_spec")]


def printed(machine, *words):
    """What vfvirtctl nova prints on this host."""
    return subprocess.run([str(machine.built / "usr/bin/vfvirtctl"), "nova", *words], check=True,
                          env=machine.environment(), capture_output=True, text=True,
                          timeout=LIMIT_S).stdout


@case("nova: the file is there before READY, and says what vfvirtctl nova prints", intents=NOVA)
def _(machine):
    machine.start()
    equal(files(machine), {f"{machine.pf}.conf": printed(machine)}, "files")
    equal(listed(machine), machine.vfs(), "VFs")
    printed(machine, "--check", str(machine.folder / "run/nova"))


@case("nova: one file a PF whose intent has nova, gone with the intent", pfs=2,
      intents={**NOVA, "dpu1": {"pf": 1, "vfs": 1}})
def _(machine):
    client = machine.start()
    equal(list(files(machine)), [f"{machine.pf}.conf"], "files")
    machine.intent("dpu1", pf=1, vfs=1, nova={"release": "zed", "alias": "old"})
    machine.intent("dpu0", vfs=2)
    client.call("Reload")
    equal(list(files(machine)), [f"{machine.pfs[1]}.conf"], "files of the other")
    contains(files(machine)[f"{machine.pfs[1]}.conf"], '"old"', "Nova zed")
    (machine.folder / "etc/dpu1.json").unlink()
    client.call("Reload")
    equal(files(machine), {}, "files without intent")


@case("nova: the file follows the VFs", intents=NOVA)
def _(machine):
    client = machine.start()
    machine.intent("dpu0", vfs=3, nova={})
    client.destroy(machine.pf)
    equal(files(machine), {}, "files without VFs")
    client.apply()
    equal(listed(machine), machine.vfs(), "VFs")
    equal(len(machine.vfs()), 3, "VFs")
    taken = machine.vfs()[1]
    machine.do(f"flaw refused {taken}")
    client.unbind(taken)
    client.apply()
    equal(listed(machine), [vf for vf in machine.vfs() if vf != taken], "without the failed one")


@case("nova: what has not changed is not written, and what somebody wrote is mended", intents=NOVA)
def _(machine):
    client = machine.start()
    path = machine.folder / f"run/nova/{machine.pf}.conf"
    before, text = path.stat(), path.read_text(encoding="utf-8")
    client.apply()
    equal(path.stat().st_ino, before.st_ino, "the file after an apply")
    path.write_text("[pci]\n", encoding="utf-8")
    client.apply()
    equal(path.read_text(encoding="utf-8"), text, "the mended file")
    path.unlink()
    os.symlink("/etc/passwd", path)
    client.apply()
    equal(path.read_text(encoding="utf-8"), text, "the file in place of a link")


@case("nova: the file goes with its PF, with the daemon or without it", intents=NOVA)
def _(machine):
    client = machine.start()
    machine.do(f"vanish {machine.pf}")
    until(lambda: not client.model()["pfs"], "the PF is gone")
    until(lambda: not files(machine), "the file is gone")
    machine.do(f"appear {machine.pf}")
    until(lambda: len(listed(machine)) == 2, "the file is there again")
    machine.stop()
    machine.do(f"vanish {machine.pf}")
    true(files(machine), "nobody there to remove it")
    machine.start()
    until(lambda: not files(machine), "a start removes it")


@case("nova: a folder that cannot be written is told, and the VFs are published", intents=NOVA)
def _(machine):
    (machine.folder / "run").mkdir(exist_ok=True)
    (machine.folder / "run/nova").write_text("no folder", encoding="utf-8")
    client = machine.start()
    equal(len(machine.published()), 2, "hostdev files")
    contains(machine.journal.wait("run/nova: cannot make the folder"), "PRIORITY=3")
    (machine.folder / "run/nova").unlink()
    client.apply()
    equal(listed(machine), machine.vfs(), "VFs")


@case("nova: the folder is there with vfvirtd, and Nova's user can list it, without any card", pfs=0)
def _(machine):
    before = os.umask(0o077)
    try:
        machine.start()
    finally:
        os.umask(before)
    folder = machine.folder / "run/nova"
    equal(stat.S_IMODE(folder.stat().st_mode), 0o755, "its mode")
    equal(files(machine), {}, "files")


@case("nova: a create that cannot write its intent changes no file", intents=NOVA)
def _(machine):
    client = machine.start()
    before = files(machine)
    (machine.folder / "run/pf.d").write_text("no folder", encoding="utf-8")
    try:
        client.create(machine.pf, 1, runtime=True)
        raise AssertionError("it could")
    except BusError as error:
        contains(error.text, "run/pf.d")
    equal(files(machine), before, "files")
