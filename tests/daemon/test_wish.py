# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person asks for: create, destroy, bind, unbind, apply; what outlives what."""

import json
import os
import subprocess

from . import bus, host
from .case import case, contains, equal, true

THREE = {"dpu0": {"vfs": 3}}


def refused(error, call):
    """The text of a named error with which a call must fail."""
    try:
        call()
    except bus.BusError as failure:
        equal(failure.name, f"org.vfvirt1.Error.{error}", str(failure))
        return failure.text
    raise AssertionError(f"not refused with {error}")


def states(client, pf=0):
    """States of the VFs of a PF."""
    return [vf["state"] for vf in client.model()["pfs"][pf]["vfs"]]


def intents(machine):
    """All intent files: for which PF, how many VFs."""
    found = {}
    for folder in ("etc", "run/pf.d"):
        for path in sorted((machine.folder / folder).glob("*.json")):
            text = json.loads(path.read_text(encoding="utf-8"))
            found[f"{folder}/{path.name}"] = (text["match"]["address"], text["vfs"])
    return found


@case("create: VFs are made, bound, published, and stay")
def _(machine):
    client = machine.start()
    row = client.create(machine.pf, 3, name="dpu0")
    equal((row["pf"], row["end"]["code"], row["end"]["failed"], row["failed"]),
          (machine.pf, "none", 0, []), "report")
    true(row["plan"]["steps"] and row["end"]["done"] == len(row["plan"]["steps"]),
         "all planned steps are done")
    equal(states(client), ["published"] * 3, "states")
    equal(machine.published(), machine.vfs(), "hostdev files")
    written = json.loads((machine.folder / "etc/dpu0.json").read_text(encoding="utf-8"))
    equal((written["match"]["address"], written["vfs"]), (machine.pf, 3), "intent")
    machine.stop()
    equal(states(machine.start()), ["published"] * 3, "states after a restart")


@case("create: no VFs are not created")
def _(machine):
    client = machine.start()
    contains(refused("Usage", lambda: client.create(machine.pf, 0)), "Destroy")
    client.create(machine.pf, 2)
    refused("Usage", lambda: client.create(machine.pf, 0))
    equal(states(client), ["published"] * 2, "states")


@case("create: --runtime writes nothing to /etc")
def _(machine):
    client = machine.start()
    client.create(machine.pf, 2, runtime=True)
    equal(os.listdir(machine.folder / "etc"), [], "files in etc")
    equal(len(os.listdir(machine.folder / "run/pf.d")), 1, "files in the run folder")
    client.destroy(machine.pf)
    equal(os.listdir(machine.folder / "run/pf.d"), [], "files in the run folder")


@case("create: another number replaces VFs that nobody uses")
def _(machine):
    client = machine.start()
    client.create(machine.pf, 2)
    client.create(machine.pf, 4)
    equal(states(client), ["published"] * 4, "states")
    machine.do(f"open {machine.vfs()[0]} 4711 qemu")
    contains(refused("InUse", lambda: client.create(machine.pf, 3)), "4711")
    equal(len(machine.vfs()), 4, "VFs")


@case("create: a failure is undone, the intent too")
def _(machine):
    client = machine.start()
    machine.do("fail */drivers_probe=0000:3b:00.2* EIO 1 99")
    refused("KernelIo", lambda: client.create(machine.pf, 3))
    machine.do("clear-faults")
    equal((machine.vfs(), machine.published()), ([], []), "VFs")
    equal(os.listdir(machine.folder / "etc"), [], "files in etc")
    client.create(machine.pf, 3)
    equal(states(client), ["published"] * 3, "states")


@case("create: a name that is another PF's is refused, and its file stays", pfs=2)
def _(machine):
    client = machine.start()
    client.create(machine.pf, 2, name="a")
    contains(refused("Intent", lambda: client.create(machine.pfs[1], 2, name="a")), "a.json")
    contains(refused("Intent", lambda: client.create(machine.pfs[1], 2, name="a", runtime=True)),
             "a.json")
    machine.do(f"fail */{machine.pfs[1]}/sriov_numvfs=* EIO 1 99")
    refused("Intent", lambda: client.create(machine.pfs[1], 2, name="a"))
    machine.do("clear-faults")
    equal(intents(machine), {"etc/a.json": (machine.pf, 2)}, "intents")
    equal(machine.vfs(machine.pfs[1]), [], "VFs of the other PF")


@case("create: another name for a PF that has one is refused before anything is done")
def _(machine):
    client = machine.start()
    client.create(machine.pf, 2, name="a")
    machine.do("clear-log")
    contains(refused("Intent", lambda: client.create(machine.pf, 2, name="b")), "a.json")
    contains(refused("Intent", lambda: client.create(machine.pf, 3, name="b", runtime=True)),
             "a.json")
    equal((machine.writes(), intents(machine)), ([], {"etc/a.json": (machine.pf, 2)}),
          "writes, intents")
    client.create(machine.pf, 3, name="a")
    client.call("Reload")
    equal(states(client), ["published"] * 3, "states")


@case("create: what is for good takes the place of what is for this boot")
def _(machine):
    client = machine.start()
    client.create(machine.pf, 2, name="a")
    client.create(machine.pf, 3, runtime=True)
    before = intents(machine)
    equal(before, {"etc/a.json": (machine.pf, 2), "run/pf.d/a.json": (machine.pf, 3)}, "intents")
    machine.do("fail */drivers_probe=0000:3b:00.4* EIO 1 99")
    refused("KernelIo", lambda: client.create(machine.pf, 4))
    machine.do("clear-faults")
    equal(intents(machine), before, "intents after a failure")
    client.create(machine.pf, 4)
    equal(intents(machine), {"etc/a.json": (machine.pf, 4)}, "intents")
    client.call("Reload")
    equal(states(client), ["published"] * 4, "states")


@case("create, destroy: the plan names the intent files that come and go")
def _(machine):
    def files(row):
        return [row["plan"].get(key) and os.path.relpath(row["plan"][key], machine.folder)
                for key in ("intent_written", "intent_removed")]

    client = machine.start()
    equal(files(client.create(machine.pf, 2, name="a", dry_run=True)), ["etc/a.json", None], "dry")
    equal(intents(machine), {}, "intents")
    equal(files(client.create(machine.pf, 2, name="a")), ["etc/a.json", None], "create")
    row = client.create(machine.pf, 2, runtime=True)
    equal((row["plan"]["steps"], files(row)), ([], ["run/pf.d/a.json", None]), "for this boot")
    equal(files(client.create(machine.pf, 2)), ["etc/a.json", "run/pf.d/a.json"], "for good")
    equal(files(client.destroy(machine.pf, dry_run=True)), [None, "etc/a.json"], "dry")
    equal(files(client.destroy(machine.pf)), [None, "etc/a.json"], "destroy")
    equal(files(client.destroy(machine.pf)), [None, None], "destroy again")


@case("create: --dry-run tells all and does nothing")
def _(machine):
    client = machine.start()
    row = client.create(machine.pf, 3, dry_run=True)
    true(len(row["plan"]["steps"]) > 6, f"there is a plan: {row}")
    client.create(machine.pf, 2)
    machine.do("clear-log")
    for row in (client.destroy(machine.pf, dry_run=True),
                *client.unbind(machine.pf, dry_run=True), *client.apply(dry_run=True),
                *client.bind(machine.pf, driver="vfio-pci", dry_run=True)):
        equal((row["end"]["code"], row["end"]["done"]), ("none", 0), "end")
    equal(machine.writes(), [], "writes")
    equal(states(client), ["published"] * 2, "states")


@case("destroy: is refused while a VF is in use, and names the user")
def _(machine):
    client = machine.start()
    client.create(machine.pf, 3)
    machine.do(f"open {machine.vfs()[2]} 4711 qemu-kvm")
    contains(refused("InUse", lambda: client.destroy(machine.pf)), "4711", "qemu-kvm")
    equal((len(machine.vfs()), len(os.listdir(machine.folder / "etc"))), (3, 1), "VFs, files")
    machine.do(f"close {machine.vfs()[2]}")
    client.destroy(machine.pf)
    equal((machine.vfs(), machine.published(), os.listdir(machine.folder / "etc")), ([], [], []),
          "VFs, hostdev files, intents")


@case("destroy: is refused while a domain claims a VF")
def _(machine):
    client = machine.start()
    client.create(machine.pf, 2)
    claims = machine.folder / "run/claims"
    claims.mkdir(exist_ok=True)
    (claims / machine.vfs()[1]).write_text("c7a5fdbd-edaf-9455-926a-d65c16db1809 web1\n",
                                           encoding="utf-8")
    contains(refused("InUse", lambda: client.destroy(machine.pf)), "web1")
    equal(len(machine.vfs()), 2, "VFs")


@case("destroy: a claim that nobody can read is named, and what to do about it")
def _(machine):
    client = machine.start()
    client.create(machine.pf, 2)
    claim = machine.folder / "run/claims" / machine.vfs()[1]
    claim.parent.mkdir(exist_ok=True)
    claim.write_text("nonsense\n", encoding="utf-8")
    for call in (lambda: client.destroy(machine.pf), lambda: client.unbind(machine.vfs()[1])):
        text = refused("InUse", call)
        contains(text, "in use by an unreadable claim: remove its file in /run/vfvirt/claims")
    claim.unlink()
    client.destroy(machine.pf)
    equal(machine.vfs(), [], "VFs")


@case("destroy: an administrator's file stays, and acts again at apply", intents=THREE)
def _(machine):
    client = machine.start()
    client.destroy("dpu0")
    true((machine.folder / "etc/dpu0.json").exists(), "the file is there")
    machine.do("uevents 20")
    client.call("Reload")
    machine.stop()
    client = machine.start()
    equal(machine.vfs(), [], "VFs after events, reload and restart")
    contains(client.model()["pfs"][0]["failure"], "by hand", "apply")
    client.apply("dpu0")
    equal(states(client), ["published"] * 3, "states")
    equal(client.model()["pfs"][0]["failure"], None, "failure")


@case("unbind: holds against events, reload and restart, until apply", intents=THREE)
def _(machine):
    client = machine.start()
    client.unbind("dpu0/1")
    equal([machine.driver(vf) for vf in machine.vfs()], [host.VARIANT, None, host.VARIANT],
          "drivers")
    machine.do("uevents 20")
    client.call("Reload")
    machine.stop()
    client = machine.start()
    equal(machine.driver(machine.vfs()[1]), None, "driver")
    contains(client.model()["pfs"][0]["vfs"][1]["reason"], "by hand")
    client.apply()
    equal(states(client), ["published"] * 3, "states")


@case("bind: to another driver and back", intents=THREE)
def _(machine):
    client = machine.start()
    row, = client.bind("dpu0/0", "dpu0/2", driver="vfio-pci")
    equal(row["end"]["code"], "none", "end")
    client.call("Reload")
    equal([machine.driver(vf) for vf in machine.vfs()], ["vfio-pci", host.VARIANT, "vfio-pci"],
          "drivers")
    client.bind("dpu0")
    equal([machine.driver(vf) for vf in machine.vfs()], [host.VARIANT] * 3, "drivers")
    equal(states(client), ["published"] * 3, "states")


@case("bind: VFs of two PFs in one call, by glob", pfs=2,
      intents={"dpu0": {"vfs": 2}, "dpu1": {"pf": 1, "vfs": 2}})
def _(machine):
    client = machine.start()
    rows = client.unbind("dpu?/1")
    equal([row["pf"] for row in rows], machine.pfs, "PFs")
    equal([machine.driver(vf) for pf in machine.pfs for vf in machine.vfs(pf)],
          [host.VARIANT, None] * 2, "drivers")


@case("bind: what was partly done is in the report", intents=THREE)
def _(machine):
    client = machine.start()
    first, second, _ = machine.vfs()
    machine.do(f"open {second} 4711 qemu")
    refused("InUse", lambda: client.unbind("dpu0/1"))
    machine.do(f"close {second}")
    client.unbind("dpu0/*")
    machine.do(f"flaw refused {second}")
    row, = client.bind("dpu0")
    equal([failed["vf_index"] for failed in row["failed"]], [1], "failed VFs")
    equal((row["end"]["code"], machine.driver(first), machine.driver(second)),
          ("bind-failed", host.VARIANT, None), "end")


@case("bind: one that fails leaves VFs to the intent", intents=THREE)
def _(machine):
    client = machine.start()
    first, second, third = machine.vfs()
    refused("NoDriver", lambda: client.bind("dpu0/0", driver="nope"))
    equal(states(client), ["published"] * 3, "states")
    (machine.card.sysfs / "bus/pci/devices" / first / "driver/unbind").write_text(
        first, encoding="utf-8")
    client.call("Reload")
    equal(machine.driver(first), host.VARIANT, "driver after a stray unbind")
    machine.do(f"fail */drivers_probe={second}* EIO 1 1")
    row, = client.bind("dpu0/1", "dpu0/2", driver="vfio-pci")
    equal([failed["vf_index"] for failed in row["failed"]], [1], "failed VFs")
    client.call("Reload")
    equal([machine.driver(vf) for vf in (second, third)], [host.VARIANT, "vfio-pci"], "drivers")


@case("bind: one that fails leaves a VF as it was held", intents=THREE)
def _(machine):
    client = machine.start()
    client.unbind("dpu0/1")
    refused("NoDriver", lambda: client.bind("dpu0/1", driver="nope"))
    client.call("Reload")
    equal(machine.driver(machine.vfs()[1]), None, "driver")
    contains(client.model()["pfs"][0]["vfs"][1]["reason"], "unbound by hand")


@case("bind: what is no name of a driver is refused before anything is done", intents=THREE)
def _(machine):
    client = machine.start()
    machine.do("clear-log")
    for name in ("../drivers/vfio-pci", "../..", "vfio pci", "x" * 64):
        for dry_run in (True, False):
            contains(refused("NoDriver", lambda: client.bind("dpu0/0", driver=name,
                                                             dry_run=dry_run)), "is no name")
    contains(refused("NoDriver", lambda: client.bind("dpu0/0", driver="x" * 63)), "x" * 63)
    equal(machine.writes(), [], "writes")
    equal(states(client), ["published"] * 3, "states")


@case("apply: takes back a VF that bind gave to virtio-pci", intents=THREE)
def _(machine):
    client = machine.start()
    first, second, _ = machine.vfs()
    client.bind("dpu0/0", "dpu0/1", driver="virtio-pci")
    client.call("Reload")
    equal([machine.driver(vf) for vf in (first, second)], ["virtio-pci"] * 2, "drivers")
    contains(client.model()["pfs"][0]["vfs"][0]["reason"], "bound by hand", "apply")
    client.bind("dpu0/0")
    equal(machine.driver(first), host.VARIANT, "driver after bind")
    true(client.apply(dry_run=True)[0]["plan"]["steps"], "apply has something to do")
    client.apply()
    equal(states(client), ["published"] * 3, "states")


@case("apply: VFs in use are left alone and named", intents=THREE)
def _(machine):
    client = machine.start()
    machine.do(f"open {machine.vfs()[0]} 4711 qemu")
    machine.do("clear-log")
    machine.intent("dpu0", vfs=5)
    row, = client.apply("dpu0")
    contains(json.dumps(row), "4711")
    equal((machine.writes(), len(machine.vfs())), ([], 3), "writes, VFs")


@case("apply: VFs that somebody else bound are left alone", intents={"dpu0": {"vfs": 0}})
def _(machine):
    machine.start()
    device = machine.card.sysfs / "bus/pci/devices" / machine.pf
    (device / "sriov_numvfs").write_text("3", encoding="utf-8")
    theirs = machine.vfs()[1]
    machine.rebind(theirs, "vfio-pci")
    machine.intent("dpu0", vfs=3)
    machine.client.apply()
    equal([machine.driver(vf) for vf in machine.vfs()], [host.VARIANT, "vfio-pci", host.VARIANT],
          "drivers")
    equal(states(machine.client), ["published", "foreign", "published"], "states")


@case("storage: a read-only /etc refuses create before anything is done")
def _(machine):
    client = machine.start()
    etc = machine.folder / "etc"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", etc], check=True)
    try:
        contains(refused("Storage", lambda: client.create(machine.pf, 2)), str(etc))
        equal((machine.vfs(), machine.writes()), ([], []), "VFs, writes")
        client.create(machine.pf, 2, runtime=True)
    finally:
        subprocess.run(["umount", etc], check=True)


@case("storage: a full disk refuses create before anything is done")
def _(machine):
    client = machine.start()
    etc = machine.folder / "etc"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=8", "none", etc], check=True)
    try:
        (etc / "filler").write_bytes(b"x" * 4096)
        refused("Storage", lambda: client.create(machine.pf, 2))
        equal((machine.vfs(), machine.writes()), ([], []), "VFs, writes")
        equal(os.listdir(etc), ["filler"], "files")
    finally:
        subprocess.run(["umount", etc], check=True)


@case("storage: a full run folder makes failed VFs, not a dead daemon", intents=THREE)
def _(machine):
    run = machine.folder / "run"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=9", "none", run], check=True)
    try:
        for number in range(5):
            (run / f"filler{number}").touch()
        machine.start()
        true(machine.client.model()["pfs"], "there is an answer")
        for number in range(5):
            (run / f"filler{number}").unlink()
        subprocess.run(["mount", "-o", "remount,size=1m,nr_inodes=99", run], check=True)
        machine.client.call("Reload")
        equal(states(machine.client), ["published"] * 3, "states")
    finally:
        subprocess.run(["umount", "-l", run], check=True)
