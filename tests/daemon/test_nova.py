# SPDX-License-Identifier: GPL-2.0-or-later
"""The files for OpenStack Nova in the run folder, kept as the VFs are."""

import json
import os
import stat
import subprocess

from .bus import BusError
from .case import case, contains, equal, true, until

NOVA = {"dpu0": {"vfs": 2, "nova": {}}}
ALIAS = "alias.conf"
MINE = {"created-by": "vfvirtctl create"}
LIMIT_S = 60


def files(machine):
    """The files for Nova: name -> text."""
    return {path.name: path.read_text(encoding="utf-8")
            for path in (machine.folder / "run/nova").glob("*")}


def listed(machine, pf=0):
    """Addresses of the VFs in a PF's file."""
    text = files(machine).get(f"{machine.pfs[pf]}.conf", "")
    return [line.split('"')[3] for line in text.splitlines() if line.startswith("device_spec")]


def settings(*texts):
    """The lines of texts that set something."""
    return [line for text in texts for line in text.splitlines() if " = " in line]


def aliases(machine):
    """Name and resource class of each alias in all files."""
    found = [json.loads(line.partition(" = ")[2]) for line in settings(*files(machine).values())
             if line.startswith("alias")]
    return sorted((one["name"], one.get("resource_class")) for one in found)


def names(machine):
    """The names of the aliases in all files."""
    return [name for name, _ in aliases(machine)]


def printed(machine, *words):
    """What vfvirtctl nova prints on this host."""
    return subprocess.run([str(machine.built / "usr/bin/vfvirtctl"), "nova", *words], check=True,
                          env=machine.environment(), capture_output=True, text=True,
                          timeout=LIMIT_S).stdout


@case("nova: the file is there before READY, and says what vfvirtctl nova prints", intents=NOVA)
def _(machine):
    machine.start()
    found = files(machine)
    equal(sorted(found), [f"{machine.pf}.conf", ALIAS], "files")
    equal(settings(found[f"{machine.pf}.conf"], found[ALIAS]), settings(printed(machine)), "lines")
    equal(listed(machine), machine.vfs(), "VFs")
    printed(machine, "--check", str(machine.folder / "run/nova"))


@case("nova: one file a PF whose intent has nova, gone with the intent", pfs=2,
      intents={**NOVA, "dpu1": {"pf": 1, "vfs": 1}})
def _(machine):
    client = machine.start()
    equal(sorted(files(machine)), [f"{machine.pf}.conf", ALIAS], "files")
    machine.intent("dpu1", pf=1, vfs=1, nova={"release": "zed", "alias": "old"})
    machine.intent("dpu0", vfs=2)
    client.call("Reload")
    equal(sorted(files(machine)), [f"{machine.pfs[1]}.conf", ALIAS], "files of the other")
    contains(files(machine)[f"{machine.pfs[1]}.conf"], "Nova zed")
    equal(aliases(machine), [("old", None)], "aliases of the other")
    (machine.folder / "etc/dpu1.json").unlink()
    client.call("Reload")
    equal(files(machine), {}, "files without intent")


@case("nova: the file follows the VFs", intents=NOVA)
def _(machine):
    client = machine.start()
    machine.intent("dpu0", vfs=3, nova={})
    client.destroy(machine.pf)
    equal(list(files(machine)), [ALIAS], "files without VFs")
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
    until(lambda: list(files(machine)) == [ALIAS], "the file is gone")
    machine.do(f"appear {machine.pf}")
    until(lambda: len(listed(machine)) == 2, "the file is there again")
    machine.stop()
    machine.do(f"vanish {machine.pf}")
    true(f"{machine.pf}.conf" in files(machine), "nobody there to remove it")
    machine.start()
    until(lambda: list(files(machine)) == [ALIAS], "a start removes it")


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


@case("nova: the aliases of all intents are there, each once, whatever their cards do", pfs=2,
      intents={**NOVA, "dpu1": {"pf": 1, "vfs": 1, "nova": {}}})
def _(machine):
    other, vfvirt = f"{machine.pfs[1]}.conf", ("vfvirt", "CUSTOM_VFVIRT_NET")
    client = machine.start()
    equal(sorted(files(machine)), [f"{machine.pf}.conf", other, ALIAS], "files")
    equal(aliases(machine), [vfvirt], "aliases")
    equal(stat.S_IMODE((machine.folder / "run/nova" / ALIAS).stat().st_mode), 0o644, "its mode")
    before = files(machine)[ALIAS]
    machine.do(f"opcodes {machine.pfs[1]} 3")
    client.apply()
    true("traits" not in files(machine)[other], "a card without registers says no trait")
    client.destroy(machine.pf)
    equal(sorted(files(machine)), [other, ALIAS], "files of the other PF")
    machine.do(f"vanish {machine.pfs[1]}")
    until(lambda: list(files(machine)) == [ALIAS], "its file is gone")
    equal(files(machine)[ALIAS], before, "the aliases all the while")
    machine.intent("dpu1", pf=1, vfs=1, nova={"resource_class": "CUSTOM_FAST"})
    client.call("Reload")
    equal(aliases(machine), [("vfvirt", "CUSTOM_FAST"), vfvirt], "aliases of two classes")
    for name in ("dpu0", "dpu1"):
        (machine.folder / f"etc/{name}.json").unlink()
    client.call("Reload")
    equal(files(machine), {}, "files without intents")


@case("nova: an intent that create and destroy change takes its alias with it", pfs=2,
      intents={**NOVA, "dpu1": {"pf": 1, "vfs": 1, "nova": {"alias": "fast"}, **MINE}})
def _(machine):
    client = machine.start()
    equal(names(machine), ["fast", "vfvirt"], "aliases")
    client.destroy(machine.pfs[1])
    equal(names(machine), ["vfvirt"], "aliases without an intent that went with the VFs")
    client.create(machine.pf, 1, runtime=True)
    equal(names(machine), [], "aliases while a file of this boot hides the intent")
    client.destroy(machine.pf)
    equal(names(machine), ["vfvirt"], "aliases when it is gone")


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
