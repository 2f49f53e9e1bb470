# SPDX-License-Identifier: GPL-2.0-or-later
"""Start, what is on D-Bus, who may do what, reload, messages."""

import json
import os
import re
import socket
from pathlib import Path

from . import bus, host
from .case import case, contains, equal, true, until

THREE = {"dpu0": {"vfs": 3}}
NOBODY = (65534, 65534, [])


@case("start: without intent nothing is changed", vfs_max=4)
def _(machine):
    client = machine.start()
    equal(machine.writes(), [], "writes")
    equal([pf["address"] for pf in client.model()["pfs"]], machine.pfs, "PFs")
    machine.stop()


@case("start: without a card there is nothing to do", pfs=0)
def _(machine):
    equal(machine.start().model()["pfs"], [], "PFs")


@case("start: the intent is fact before READY", intents=THREE)
def _(machine):
    machine.start()
    vfs = machine.vfs()
    equal(len(vfs), 3, "VFs")
    equal([machine.driver(vf) for vf in vfs], [host.VARIANT] * 3, "drivers")
    equal(machine.published(), vfs, "hostdev files")


@case("start: what matches is not touched, by no restart", intents=THREE)
def _(machine):
    machine.start()
    machine.stop()
    machine.do("clear-log")
    machine.do(f"open {machine.vfs()[1]} 4711")
    client = machine.start()
    client.apply()
    equal(machine.writes(), [], "writes of a second start and an apply")
    equal([vf["state"] for vf in client.model()["pfs"][0]["vfs"]],
          ["published", "in-use", "published"], "states")


@case("start: status and watchdog are told", intents=THREE)
def _(machine):
    machine.start(WATCHDOG_USEC="1000000")
    machine.notified.wait("WATCHDOG=1", count=2)
    contains(machine.notified.wait("STATUS="), "1 PFs, 3 VFs, 0 in use, 0 failed")
    machine.stop()
    machine.notified.wait("STOPPING=1")


@case("start: without a bus VFs are made all the same", intents=THREE)
def _(machine):
    machine.bus.stop()
    machine.start(ready=False)
    machine.notified.wait("READY=1")
    equal(len(machine.published()), 3, "hostdev files")


@case("bus: objects, properties, introspection", intents=THREE)
def _(machine):
    client = machine.start()
    objects = client.objects()
    pf_path = "/org/vfvirt1/pf/" + re.sub("[:.]", "_", machine.pf)
    pf = objects[pf_path][bus.PF]
    equal((pf["Address"], pf["Name"], pf["VfsNow"], pf["VfsMax"], pf["VfsIntended"]),
          (machine.pf, "dpu0", 3, 8, 3), "PF")
    for index, address in enumerate(machine.vfs()):
        vf = objects["/org/vfvirt1/vf/" + re.sub("[:.]", "_", address)][bus.VF]
        equal((vf["Address"], vf["Pf"], vf["Index"], vf["Driver"], vf["State"], vf["Published"]),
              (address, pf_path, index, host.VARIANT, "published",
               f"{machine.folder}/run/hostdev/{address}.xml"), "VF")
        true(re.fullmatch("(..:){5}..", vf["Mac"]), f"a MAC of the device's own: {vf['Mac']!r}")
    text = client.call("Introspect", interface="org.freedesktop.DBus.Introspectable")
    for name in ("Create", "Destroy", "Bind", "Unbind", "Apply", "Reload", "GetModel"):
        contains(text, f'<method name="{name}">')
    contains(text, '<signal name="Progress">', '<property name="IntentErrors" type="as"')
    contains(client.call("Introspect", interface="org.freedesktop.DBus.Introspectable",
                         path=pf_path), '<property name="VfsNow" type="u"')


@case("bus: changes are told, and nothing else", intents=THREE)
def _(machine):
    client = machine.start()
    signals = client.listen()
    signals.so_far()
    vf = machine.vfs()[1]
    machine.do(f"open {vf} 4711")
    path = "/org/vfvirt1/vf/" + re.sub("[:.]", "_", vf)
    until(lambda: client.get("State", path, bus.VF) == "in-use", "the VF is in use")
    told = [(where, sorted(body[1])) for where, member, body in signals.so_far()
            if member == "PropertiesChanged" and body[0] == bus.VF]
    equal(told, [(path, ["State"])], "changed properties of VFs")


@case("bus: objects come and go with the VFs")
def _(machine):
    client = machine.start()
    signals = client.listen()
    client.create(machine.pf, 2)
    paths = ["/org/vfvirt1/vf/" + re.sub("[:.]", "_", vf) for vf in machine.vfs()]
    came = [body[0] for _, member, body in signals.so_far() if member == "InterfacesAdded"]
    equal(sorted(came), paths, "InterfacesAdded")
    client.destroy(machine.pf)
    went = [body[0] for _, member, body in signals.so_far() if member == "InterfacesRemoved"]
    equal(sorted(went), paths, "InterfacesRemoved")
    equal([path for path in client.objects() if "/vf/" in path], [], "VF objects")


@case("bus: progress is told while VFs are made", vfs_max=8)
def _(machine):
    client = machine.start()
    signals = client.listen()
    client.create(machine.pf, 8)
    told = [body for _, member, body in signals.so_far() if member == "Progress"]
    true(told, "there is progress")
    for pf, done, total, step in told:
        equal(pf, machine.pf, "PF")
        true(done < total and step, f"{done} of {total}: {step}")


@case("rights: the bus lets the group libvirt read, and nobody else", intents=THREE)
def _(machine):
    machine.start()
    member = (NOBODY[0], NOBODY[1], [host.LIBVIRT_GROUP])
    equal(bus.call_as(member, machine.bus.address, "GetModel")[0], None, "error of GetModel")
    for who, method, arguments in ((member, "Destroy", ("sb", machine.pf, False)),
                                   (member, "Reload", ()), (NOBODY, "GetModel", ())):
        name, _ = bus.call_as(who, machine.bus.address, method, *arguments)
        equal(name, "org.freedesktop.DBus.Error.AccessDenied", f"{method} by {who}")
    equal(len(machine.vfs()), 3, "VFs")


@case("rights: the daemon itself refuses callers that are not root", open_bus=True, intents=THREE)
def _(machine):
    client = machine.start()
    for method, arguments in (("Create", ("ssubb", machine.pf, "", 1, False, False)),
                              ("Destroy", ("sb", machine.pf, False)),
                              ("Bind", ("assbb", [machine.pf], "", False, False)),
                              ("Unbind", ("asbb", [machine.pf], False, False)),
                              ("Apply", ("sb", "", False)), ("Reload", ())):
        name, text = bus.call_as(NOBODY, machine.bus.address, method, *arguments)
        equal(name, "org.vfvirt1.Error.Access", f"{method}: {text}")
    contains(machine.journal.wait("Destroy by"), "only root may do that", "VFVIRT_OP=Destroy")
    equal(client.model()["pfs"][0]["vfs_now"], 3, "VFs")


@case("rights: calls that make no sense are refused by name", intents=THREE)
def _(machine):
    client = machine.start()
    for error, call in (
            ("NotFound", lambda: client.create("0000:77:00.0", 1)),
            ("NotFound", lambda: client.unbind("dpu0/77")),
            ("Usage", lambda: client.unbind()),
            ("Usage", lambda: client.destroy("dpu*")),
            ("TooManyVfs", lambda: client.create(machine.pf, 65536)),
            ("TooManyVfs", lambda: client.create(machine.pf, 9, runtime=True)),
            ("Intent", lambda: client.create(machine.pf, 2))):
        try:
            call()
        except bus.BusError as failure:
            equal(failure.name, f"org.vfvirt1.Error.{error}", str(failure))
            continue
        raise AssertionError(f"not refused: {error}")
    equal(len(machine.vfs()), 3, "VFs")


@case("reload: SIGHUP reads intent files, and says when it is done")
def _(machine):
    client = machine.start()
    machine.intent("dpu0", vfs=2)
    machine.notified.seen.clear()
    machine.process.send_signal(1)
    contains(machine.notified.wait("RELOADING=1"), "MONOTONIC_USEC=")
    machine.notified.wait("READY=1")
    equal(len(machine.published()), 2, "hostdev files")
    equal(client.model()["pfs"][0]["name"], "dpu0", "name")


@case("reload: over D-Bus it answers when it is done")
def _(machine):
    client = machine.start()
    machine.intent("dpu0", vfs=2)
    client.call("Reload")
    equal(len(machine.published()), 2, "hostdev files")


@case("reload: a bad file harms no other PF, and is named", pfs=2, intents=THREE)
def _(machine):
    client = machine.start()
    (machine.folder / "etc/dpu1.json").write_text('{ "match": {}, "vsf": 3 }\n', encoding="utf-8")
    os.mkfifo(machine.folder / "etc/fifo.json")
    machine.intent("dpu0", vfs=3)
    signals = client.listen()
    client.call("Reload")
    errors = "\n".join(client.get("IntentErrors"))
    contains(errors, "etc/dpu1.json", "etc/fifo.json")
    contains(machine.journal.wait("ignoring the file"), "PRIORITY=3",
             "MESSAGE_ID=cebf49f4059e481ab82e5e527e89d1a0")
    told = [list(body[1]) for _, member, body in signals.so_far() if member == "PropertiesChanged"
            and body[0] == bus.MANAGER]
    true(["IntentErrors"] in told, f"IntentErrors is told to have changed: {told}")
    equal(len(machine.vfs()), 3, "VFs of the other")


@case("reload: two files for one PF are both named, the PF is left alone", intents=THREE)
def _(machine):
    client = machine.start()
    machine.intent("other", vfs=5)
    client.call("Reload")
    contains(client.model()["pfs"][0]["failure"], "dpu0.json", "other.json")
    equal(len(machine.vfs()), 3, "VFs")
    (machine.folder / "etc/other.json").unlink()
    client.call("Reload")
    equal(client.model()["pfs"][0]["failure"], None, "failure")


@case("reload: two files for one PF outdo an older failure", intents={"dpu0": {"vfs": 9}})
def _(machine):
    client = machine.start()
    contains(client.model()["pfs"][0]["failure"], "9 VFs")
    machine.intent("other", vfs=5)
    client.call("Reload")
    contains(client.model()["pfs"][0]["failure"], "dpu0.json", "other.json")
    (machine.folder / "etc/dpu0.json").unlink()
    client.call("Reload")
    equal(client.model()["pfs"][0]["failure"], None, "failure")
    equal(len(machine.published()), 5, "hostdev files")


@case("reload: an apply of all tells of bad files too", intents=THREE)
def _(machine):
    client = machine.start()
    (machine.folder / "etc/dpu1.json").write_text("{", encoding="utf-8")
    client.apply()
    until(lambda: "dpu1.json" in str(client.get("IntentErrors")), "IntentErrors names the file")


@case("journal: fields and fixed identifiers")
def _(machine):
    client = machine.start()
    client.create(machine.pf, 2)
    text = machine.journal.wait("create:")
    contains(text, f"VFVIRT_PF={machine.pf}", "VFVIRT_OP=create", "PRIORITY=5",
             "SYSLOG_IDENTIFIER=vfvirtd")
    true(re.search(r"MESSAGE_ID=[0-9a-f]{32}\n", text), "it has an identifier")
    messages = machine.journal.seen
    identifiers = {re.search("MESSAGE_ID=(.*)", one)[1] for one in messages}
    true(len(identifiers) > 2, f"kinds have identifiers of their own: {identifiers}")
    equal(json.loads(client.call("GetModel"))["schema"], 1, "schema")


@case("journal: one that does not read makes nobody wait", open_bus=True)
def _(machine):
    machine.journal.close()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as silent:
        silent.bind(machine.journal.path)
        client = machine.start()
        room = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text(encoding="ascii"))
        for _ in range(room + 5):
            bus.call_as(NOBODY, machine.bus.address, "Reload")
        equal(len(client.model()["pfs"]), 1, "PFs")
    os.unlink(machine.journal.path)
    machine.journal = host.Datagrams(machine.journal.path)
    client.create(machine.pf, 2)
    contains(machine.journal.wait("VFVIRT_LOST="), "MESSAGE=")
