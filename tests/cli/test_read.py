# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs that only look: list, show, xml, stats, apply --dry-run; golden pairs."""

import ctypes
import json
import os

from .case import Scene, case, check_schema, expect, golden, golden_pair, installed

PF = "0000:3b:00.0"
UUID = "3c1e4d0a-8f5b-4f37-9d52-0d6a0c1f7b11"


def busy_card(scene):
    """VFs in every state: published, in use, claimed, bound, foreign, failed to bind, new."""
    scene.intent("dpu0", match={"address": PF}, vfs=8)
    scene.sysfs(f"{PF}/driver_override", "vfvirt_pf")
    scene.sysfs(f"{PF}/driver/unbind", PF)
    (scene.card.sysfs / "bus/pci/drivers_probe").write_text(PF)
    scene.create(PF, 7)
    for number in (1, 2, 3, 4):
        scene.bind(f"0000:3b:00.{number}", "vfvirt_vfio_pci")
    for number in (1, 2, 3):
        scene.publish(f"0000:3b:00.{number}")
    scene.card.do("open 0000:3b:00.2 4711")
    scene.claim("0000:3b:00.3", UUID, "gäst→1")
    scene.bind("0000:3b:00.5", "vfio-pci")
    scene.card.do("legacy 0000:3b:00.6 8")


@case("cli: list and show without a card")
def _(folder):
    with Scene(folder, pfs=0) as scene:
        golden_pair("list-nothing", scene, "list")
        golden_pair("show-nothing", scene, "show", "dpu0")


@case("cli: list shows every PF and VF")
def _(folder):
    with Scene(folder, pfs=2) as scene:
        golden_pair("list-fresh", scene, "list")
        busy_card(scene)
        golden_pair("list-busy", scene, "list")


@case("cli: list of some PFs and VFs")
def _(folder):
    with Scene(folder, pfs=2) as scene:
        busy_card(scene)
        golden_pair("list-some", scene, "list", "dpu0/[01]", "3b:00.3", "ens1", "dpu0/1")


@case("cli: show tells all of a PF and a VF")
def _(folder):
    with Scene(folder) as scene:
        busy_card(scene)
        golden_pair("show-busy", scene, "show", "dpu0", "dpu0/1", "dpu0/2", "dpu0/5")


@case("cli: list and show tell why a card is not as it should be")
def _(folder):
    with Scene(folder) as scene:
        busy_card(scene)
        scene.card.do(f"owner {PF} 2 8")
        golden_pair("list-degraded", scene, "list", "dpu0", "dpu0/0")
        golden_pair("show-degraded", scene, "show", "dpu0")


@case("cli: list says why it does not know all")
def _(folder):
    with Scene(folder) as scene:
        busy_card(scene)
        scene.card.do("netlink unloaded 1")
        golden_pair("list-no-module", scene, "list")
        expect(not scene.run("list", "--quiet").err, "quiet, but not still")


@case("cli: list shows intents that are not fulfilled")
def _(folder):
    with Scene(folder) as scene:
        scene.intent("dpu0", match={"address": PF}, vfs=8)
        golden_pair("list-unfulfilled", scene, "list")


@case("cli: xml prints the element for libvirt")
def _(folder):
    with Scene(folder) as scene:
        busy_card(scene)
        golden_pair("xml", scene, "xml", "dpu0/1", "dpu0/2")
        golden_pair("xml-pf", scene, "xml", "dpu0")


@case("cli: stats shows counters and percentiles")
def _(folder):
    with Scene(folder, pfs=2) as scene:
        busy_card(scene)
        golden_pair("stats-some", scene, "stats", "dpu0/0", "ens1")
        golden_pair("stats-all", scene, "stats")


@case("cli: stats --reset sets to zero what was asked for")
def _(folder):
    with Scene(folder, pfs=2) as scene:
        busy_card(scene)
        done = scene.run("stats", "dpu0/0", "--reset")
        expect(done.code == 0, str(done))
        after = json.loads(scene.run("stats", "--json").out)["stats"]
        counts = {(row["name"], row["commands"]) for row in after}
        expect({count for name, count in counts if name == "dpu0/0"} <= {0}, f"{counts}")
        expect(all(count for name, count in counts if name != "dpu0/0"), f"{counts}")


@case("cli: stats says when the modules are not loaded")
def _(folder):
    with Scene(folder) as scene:
        scene.card.do("netlink unloaded 1")
        golden_pair("stats-no-module", scene, "stats", "ens0")
        scene.card.do("netlink unloaded 0")
        scene.card.do("netlink version 9")
        golden("stats-other-version.text", scene.run("stats"))


@case("cli: apply --dry-run needs no daemon")
def _(folder):
    with Scene(folder, pfs=2) as scene:
        scene.intent("dpu0", match={"address": PF}, vfs=1)
        golden_pair("apply-dry-run", scene, "apply", "--dry-run")
        golden_pair("apply-dry-run-one", scene, "apply", "ens1", "--dry-run")
        busy_card(scene)
        golden_pair("apply-dry-run-busy", scene, "apply", "dpu0", "--dry-run")


@case("cli: apply --dry-run tells which intents are wrong")
def _(folder):
    with Scene(folder, pfs=2) as scene:
        scene.intent("dpu0", match={"address": PF}, vfs=1)
        scene.intent("dpu1", match={"netdev": "ens0"}, vfs=2)
        scene.intent("dpu2", match={"address": "0000:4b:00.0"}, vfs=2, drivers="vfio-pci")
        golden("apply-wrong-intents.text", scene.run("apply", "--dry-run"))
        told = scene.run("apply", "--dry-run", "--json").out
        check_schema(told)
        error, = json.loads(told)["intent_errors"]
        expect(error.startswith("/FOLDER/etc/dpu2.json: drivers: unknown key"), error)


def count_calls(scene, *words):
    """How many system calls a run of vfvirtctl makes, counted by following it."""
    trace_me, go_on = 0, 24     # of ptrace(2)
    libc = ctypes.CDLL(None)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    path, environment = str(installed("usr/bin/vfvirtctl")), scene.environment()
    # The sanitizer that looks for leaks cannot do so while somebody else looks on.
    leaks = environment.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    child = os.fork()
    if child == 0:
        try:
            os.dup2(os.open("/dev/null", os.O_RDWR), 1)
            libc.ptrace(trace_me, 0, None, None)
            os.execve(path, [path, *words], {**environment, "ASAN_OPTIONS": leaks})
        finally:
            os._exit(127)
    stops = 0
    while os.WIFSTOPPED(status := os.waitpid(child, 0)[1]):
        stops += 1
        libc.ptrace(go_on, child, None, None)
    expect(os.waitstatus_to_exitcode(status) == 0, f"{words}: ended with {status}")
    return stops // 2   # each call stops twice: as it begins and as it ends


@case("cli: list costs at most 30 system calls a VF")
def _(folder):
    with Scene(folder, vfs_max=64) as scene:
        scene.intent("dpu0", match={"address": PF}, vfs=64)
        without = count_calls(scene, "list")
        scene.create(PF, 64)
        vfs = [f"0000:3b:{number // 8:02x}.{number % 8}" for number in range(1, 65)]
        for vf in vfs:
            scene.bind(vf, "vfvirt_vfio_pci")
            scene.publish(vf)
        scene.card.do(f"open {vfs[7]} 4711")
        scene.claim(vfs[8], UUID, "web1")
        calls = count_calls(scene, "list") - without
        expect(64 < calls <= 64 * 30, f"{calls} calls for 64 VFs")


@case("cli: facts come from vfvirtd where it runs")
def _(folder):
    with Scene(folder) as scene:
        busy_card(scene)
        model = json.loads(scene.run("list", "--json").out)
        model["pfs"][0]["vfs"][1]["domain"] = "known-to-libvirt"
        scene.start_daemon(GetModel=model)
        done = scene.run("list", "dpu0/1")
        expect("known-to-libvirt" in done.out and not done.err, str(done))
        expect(scene.calls() == ["GetModel"], f"{scene.calls()}")


@case("cli: facts are read here when vfvirtd is ill")
def _(folder):
    with Scene(folder) as scene:
        busy_card(scene)
        alone = scene.run("list")
        scene.start_daemon(GetModel="silence\n")
        for answer, complaint in (("silence\n", "does not answer"), ("[]", "reading the facts without it"),
                                  ("{}", "different versions"), ("end\n", "does not answer")):
            scene.answer("GetModel", answer)
            done = scene.run("list")
            expect(done.out == alone.out and done.code == 0, str(done))
            expect(complaint in done.err, str(done))


@case("cli: who may not ask vfvirtd reads the facts without a word")
def _(folder):
    with Scene(folder) as scene:
        busy_card(scene)
        alone = scene.run("list")
        scene.start_daemon(GetModel="error org.freedesktop.DBus.Error.AccessDenied no")
        expect(str(scene.run("list")) == str(alone), str(scene.run("list")))


@case("cli: looking never starts vfvirtd")
def _(folder):
    with Scene(folder) as scene:
        busy_card(scene)
        scene.start_bus()
        for words in (("list",), ("show", "dpu0"), ("xml", "dpu0/0"), ("stats",), ("check",),
                      ("apply", "--dry-run"), ("create", "dpu0", "--num-vfs", "2")):
            scene.run(*words)
        expect(not (folder / "started").exists(), "vfvirtd was started")
