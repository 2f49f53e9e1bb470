# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes wrong in the kernel: writes that fail or never return, cards that vanish, events."""

import json
import os
import random
import time

from . import host
from .case import case, contains, equal, true, until
from .test_wish import refused, states

THREE = {"dpu0": {"vfs": 3}}
TWO_PFS = {"dpu0": {"vfs": 3}, "dpu1": {"pf": 1, "vfs": 3}}
STUCK = {"VFVIRT_STUCK_LIMIT_MS": "700"}

# What a write means to a plan, as a pattern of the card.
WRITES = {"numvfs": "*/sriov_numvfs=3*", "autoprobe": "*/sriov_drivers_autoprobe=*",
          "override": "*/0000:3b:00.2/driver_override=*",
          "probe": "*/drivers_probe=0000:3b:00.2*"}


def fails_whole(what):
    """Whether a failure of that write leaves no VF, rather than one failed VF."""
    return what in ("numvfs", "autoprobe")


for WHAT, PATTERN in WRITES.items():
    for NAME in ("EBUSY", "ENOENT", "EIO", "ERANGE"):
        @case(f"error: {NAME} from {WHAT} fails create by name, and is undone")
        def _(machine, pattern=PATTERN, name=NAME):
            client = machine.start()
            machine.do(f"fail {pattern} {name} 1 99")
            try:
                client.create(machine.pf, 3)
            except host.bus.BusError as failure:
                true(failure.name.startswith("org.vfvirt1.Error."), failure.name)
                contains(failure.text, "0000:3b:00.")
            else:
                raise AssertionError("not refused")
            equal(machine.vfs(), [], "VFs")
            machine.do("clear-faults")
            client.create(machine.pf, 3)
            equal(states(client), ["published"] * 3, "states")

        @case(f"error: {NAME} from {WHAT} at start is told, and tried again on reload",
              intents=THREE)
        def _(machine, what=WHAT, pattern=PATTERN, name=NAME):
            machine.do(f"fail {pattern} {name} 1 99")
            client = machine.start()
            pf = client.model()["pfs"][0]
            contains(pf["failure"], "0000:3b:00.")
            if fails_whole(what):
                equal(pf["vfs"], [], "VFs")
            else:
                equal([vf["state"] for vf in pf["vfs"]], ["published", "failed", "published"],
                      "states")
                true(pf["vfs"][1]["reason"], "there is a reason")
            machine.do("clear-faults")
            client.call("Reload")
            equal(states(client), ["published"] * 3, "states")
            equal(client.model()["pfs"][0]["failure"], None, "failure")


@case("error: what failed is not tried again by its own events", intents=THREE)
def _(machine):
    vf = "0000:3b:00.2"
    machine.do(f"flaw refused {vf}")
    client = machine.start()
    before = len(machine.writes())
    for _ in range(3):
        machine.do("uevents 5")
        machine.do("sync")
        # Whatever the events caused has begun, as the first of a round of its own is over.
        client.call("Apply", "sb", "dpu0", True)
        until(lambda: client.get("ReconcilesRunning") == 0, "reconciles are over")
    equal(len(machine.writes()), before, "writes")
    equal(states(client), ["published", "failed", "published"], "states")


@case("stuck: the caller is told, another PF and the watchdog go on", pfs=2, intents=TWO_PFS)
def _(machine):
    client = machine.start(WATCHDOG_USEC="1000000", **STUCK)
    machine.do("block *drivers/*/unbind=*")
    call = client.begin("Unbind", "asbb", ["dpu0"], False, False)
    machine.do("wait-blocked")
    waiting = client.begin("Destroy", "sb", "dpu0", False)
    row, = client.unbind("dpu1", dry_run=True)
    equal(row["end"]["code"], "none", "another PF")
    for one in (call, waiting):
        contains(refused("Stuck", one.result), "0000:3b:00.0", "/proc/")
    contains(refused("Stuck", lambda: client.destroy("dpu0")), "has not come back")
    equal(client.apply("dpu1")[0]["end"]["code"], "none", "another PF")
    contains(client.model()["pfs"][0]["failure"], "has not come back")
    contains(machine.journal.wait("has not come back for"), "PRIORITY=2", f"VFVIRT_PF={machine.pf}")
    contains(machine.notified.wait("degraded"), "STATUS=2 PFs, 6 VFs")
    machine.notified.seen.clear()
    machine.notified.wait("WATCHDOG=1", count=2)
    machine.do("release")
    machine.journal.wait("has ended")
    until(lambda: client.model()["pfs"][0]["failure"] is None, "the failure is over")
    client.apply()
    equal(states(client), ["published"] * 3, "states")


@case("stuck: READY does not wait for it", pfs=2, intents=TWO_PFS)
def _(machine):
    machine.do("block */0000:3b:00.0/sriov_numvfs=*")
    client = machine.start(VFVIRT_READY_LIMIT_MS="1500")
    equal(len(machine.vfs(machine.pfs[1])), 3, "VFs of the other PF")
    contains(machine.journal.wait("ready with"), "going on without")
    machine.do("release")
    until(lambda: client.model()["pfs"][0]["vfs"] and states(client) == ["published"] * 3,
          "it gets its VFs later")


@case("stuck: facts that cannot be read are told", pfs=2, intents=TWO_PFS)
def _(machine):
    machine.do("block-read */0000:3b:00.0/sriov_numvfs*")
    client = machine.start(**STUCK)
    pfs = {pf["address"]: pf for pf in client.model()["pfs"]}
    contains(pfs[machine.pf]["failure"], "reading facts")
    equal(len(pfs[machine.pfs[1]]["vfs"]), 3, "VFs of the other PF")
    machine.do("release")
    until(lambda: len(client.model()["pfs"][0]["vfs"]) == 3, "it gets its VFs later")


@case("stuck: a list of PFs that cannot be read is told, and made once it can", intents=THREE)
def _(machine):
    machine.do("block-read */sriov_totalvfs*")
    client = machine.start(**STUCK)
    contains(machine.notified.wait("degraded"), "STATUS=", "host: process")
    contains(machine.journal.wait("has not come back for"), "PRIORITY=2")
    equal(client.model()["pfs"], [], "PFs")
    machine.do("release")
    until(lambda: client.model()["pfs"] and states(client) == ["published"] * 3,
          "the PF has its VFs")
    until(lambda: "degraded" not in [one for one in machine.notified.seen if "STATUS=" in one][-1],
          "the failure is over")


@case("stuck: modules that fall silent once their facts are read keep nobody waiting",
      on_demand=True, intents=THREE)
def _(machine):
    machine.do("netlink unloaded 1")
    client = machine.start()
    vf = machine.vfs()[0]
    machine.do(f"open {vf} 4242 qemu")
    machine.do("netlink unloaded 0")
    # In its search for who has the VF open the look has the answers of the modules already.
    machine.do("block-read /proc/4242*")
    machine.do(f"uevents 1 {machine.pf}")
    machine.do("wait-blocked")
    machine.do("netlink silent 1")
    machine.do("release")
    longest_s, running = 0, True
    while running:
        begin = time.monotonic()
        running = client.get("ReconcilesRunning")
        longest_s = max(longest_s, time.monotonic() - begin)
        time.sleep(0.05)
    begin = time.monotonic()
    client.get("Version")
    longest_s = max(longest_s, time.monotonic() - begin)
    machine.do("netlink silent 0")
    # A question to the modules waits for 15 s.
    true(longest_s < 10, f"questions are answered meanwhile: {longest_s:.1f} s")
    client.call("Reload")
    equal(states(client)[0], "in-use", "state")


@case("stuck: a restarted daemon sees the worker, and starts nothing beside it", intents=THREE)
def _(machine):
    client = machine.start(**STUCK)
    machine.do("block *drivers/*/unbind=*")
    call = client.begin("Unbind", "asbb", ["dpu0"], False, False)
    machine.do("wait-blocked")
    machine.do("clear-log")
    stuck, = machine.workers()
    machine.kill(workers=False)
    call.connection.close()
    client = machine.start(**STUCK)
    contains(client.model()["pfs"][0]["failure"], f"process {stuck}", "earlier vfvirtd")
    contains(refused("Stuck", lambda: client.destroy(machine.pf)), machine.pf)
    equal(machine.writes(), [], "writes")
    machine.do("release")
    until(lambda: [machine.driver(vf) for vf in machine.vfs()] == [None] * 3,
          "the old worker ends what it began")
    until(lambda: client.model()["pfs"][0]["failure"] is None, "the failure is over")
    client.apply()
    equal(states(client), ["published"] * 3, "states")


@case("stuck: SIGTERM does not wait for it", intents=THREE)
def _(machine):
    client = machine.start(**STUCK)
    machine.do("block *drivers/*/unbind=*")
    call = client.begin("Unbind", "asbb", ["dpu0"], False, False)
    refused("Stuck", call.result)
    machine.stop()
    machine.do("release")


@case("vanish: a PF that goes while VFs are made", pfs=2)
def _(machine):
    client = machine.start()
    machine.do(f"vanish-at */drivers_probe=* {machine.pf} 2")
    try:
        client.create(machine.pf, 3)
    except host.bus.BusError as failure:
        true(failure.name.startswith("org.vfvirt1.Error."), failure.name)
    until(lambda: [pf["address"] for pf in client.model()["pfs"]] == machine.pfs[1:],
          "the PF is gone from the model")
    machine.journal.wait("the PF is gone")
    client.create(machine.pfs[1], 2)
    equal(states(client), ["published"] * 2, "states of the other PF")


@case("vanish: a PF that comes back is as its intent says", intents=THREE)
def _(machine):
    client = machine.start()
    machine.do(f"vanish {machine.pf}")
    until(lambda: not client.model()["pfs"], "the PF is gone")
    machine.do(f"appear {machine.pf}")
    until(lambda: client.model()["pfs"] and len(client.model()["pfs"][0]["vfs"]) == 3
          and states(client) == ["published"] * 3, "its VFs are there again")


@case("events: VFs that others remove are made again, those they add are adopted", intents=THREE)
def _(machine):
    client = machine.start()
    device = machine.card.sysfs / "bus/pci/devices" / machine.pf
    (device / "sriov_numvfs").write_text("0", encoding="utf-8")
    until(lambda: len(machine.published()) == 3 and machine.vfs()
          and states(client) == ["published"] * 3, "VFs are there again")


@case("events: hostdev files go with their VFs, and VFs of others get MACs")
def _(machine):
    client = machine.start()
    device = machine.card.sysfs / "bus/pci/devices" / machine.pf
    (device / "sriov_numvfs").write_text("2", encoding="utf-8")
    until(lambda: [vf["mac"] is None for vf in client.model()["pfs"][0]["vfs"]] == [False] * 2,
          "the MACs of VFs that another made are known")
    (device / "sriov_numvfs").write_text("0", encoding="utf-8")
    until(lambda: client.model()["pfs"][0]["vfs"] == [], "they are gone")
    client.create(machine.pf, 2, name="made")
    (machine.folder / "etc/made.json").unlink()
    client.call("Reload")
    equal(len(machine.published()), 2, "hostdev files")
    (device / "sriov_numvfs").write_text("0", encoding="utf-8")
    until(lambda: machine.published() == [], "the files of VFs that others removed are gone")
    client.create(machine.pf, 2, name="made")
    machine.do(f"vanish {machine.pf}")
    until(lambda: machine.published() == [], "the files of VFs of a PF that went are gone")


@case("events: a hostdev file of other content is written anew", intents=THREE)
def _(machine):
    client = machine.start()
    file = machine.folder / "run/hostdev" / f"{machine.vfs()[0]}.xml"
    text = file.read_text(encoding="utf-8")
    file.write_text("<evil/>", encoding="utf-8")
    client.call("Reload")
    equal(file.read_text(encoding="utf-8"), text, "hostdev file")
    equal(states(client), ["published"] * 3, "states")


@case("events: opening and closing a VF is noticed", intents=THREE)
def _(machine):
    client = machine.start()
    vf = machine.vfs()[0]
    machine.do(f"open {vf} 4711 qemu")
    until(lambda: states(client)[0] == "in-use", "it is in use")
    machine.do(f"close {vf}")
    until(lambda: states(client)[0] == "published", "it is free again")


@case("events: a VF whose group is closed long after it is noticed, without another event",
      intents=THREE)
def _(machine):
    client = machine.start()
    vf = machine.vfs()[0]
    group = os.readlink(machine.card.sysfs / f"bus/pci/devices/{vf}/iommu_group").split("/")[-1]
    machine.do(f"open {vf} 4711 qemu")
    until(lambda: states(client)[0] == "in-use", "it is in use")
    machine.do("mkdir proc/4712/fd")
    machine.do(f"link proc/4712/fd/7 /dev/vfio/{group}")
    machine.do(f"close {vf}")
    until(lambda: [user["pid"] for user in client.model()["pfs"][0]["vfs"][0]["users"]] == [4712],
          "its group alone is open")
    client.call("Reload")       # waits for no such VF
    equal(states(client)[0], "in-use", "the state while the group is open")
    machine.do("rm proc/4712/fd/7")
    until(lambda: states(client)[0] == "published", "it is free again")


@case("events: thousands cause a few looks and no write", pfs=2, intents=TWO_PFS)
def _(machine):
    client = machine.start()
    signals = client.listen()
    machine.do("clear-log")
    vfs = [vf for pf in machine.pfs for vf in machine.vfs(pf)]
    chosen = random.Random(5)
    begin = time.monotonic()
    for _ in range(50):
        machine.do(f"uevents 100 {chosen.choice(vfs + machine.pfs)}")
    machine.do("sync")
    lasted_s = time.monotonic() - begin
    client.call("Reload")
    looks = [body for _, member, body in signals.so_far() if member == "PropertiesChanged"
             and "ReconcilesRunning" in body[1] and body[1]["ReconcilesRunning"][1]]
    # Marks are gathered for 0.1 s at first, then ever longer; each look is one of each PF.
    true(len(looks) <= 20 + 20 * lasted_s, f"{len(looks)} changes in {lasted_s:.1f} s")
    equal(machine.writes(), [], "writes")
    equal(states(client), ["published"] * 3, "states")


@case("events: in any order, repeated, and about what is not there", intents=THREE)
def _(machine):
    client = machine.start()
    machine.do("clear-log")
    chosen = random.Random(7)
    places = [f"/devices/pci0000:3a/0000:3a:00.0/{name}" for name in
              (machine.pf, *machine.vfs(), "0000:3b:1f.7", machine.pf + "/virtio3", "x", "")]
    with host.Sender(machine.folder / "uevents") as sender:
        for _ in range(500):
            action = chosen.choice(("add", "remove", "bind", "unbind", "change", "move", ""))
            sender.send(ACTION=action, DEVPATH=chosen.choice(places),
                        SUBSYSTEM=chosen.choice(("pci", "virtio", "")),
                        **({"PCI_ID": chosen.choice(("1AF4:1041", "8086:1521", ""))}
                           if chosen.random() < .7 else {}))
        sender.send_raw(b"\0" * 100)
        sender.send_raw(b"DEVPATH")
        sender.send_raw(bytes(range(256)) * 30)
    client.call("Reload")
    equal(machine.writes(), [], "writes")
    equal(states(client), ["published"] * 3, "states")
    equal(json.loads(client.call("GetModel"))["schema"], 1, "schema")
