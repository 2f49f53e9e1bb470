# SPDX-License-Identifier: GPL-2.0-or-later
"""Claims, which the hook takes and drops: noticed without any other event, and not kept for good."""

import json
import shutil

from .case import case, contains, equal, true, until

TWO = {"dpu0": {"vfs": 2}}
VF = "0000:3b:00.2"
OTHER = "22222222-2222-2222-2222-222222222222"
UUID = "c7a5fdbd-edaf-9455-926a-d65c16db1809"


def claims(machine):
    """The folder of claims."""
    return machine.folder / "run/claims"


def claim(machine, uuid=UUID, name="web1"):
    """Claims the second VF, as the hook does: whole at once."""
    claims(machine).mkdir(exist_ok=True)
    beside = machine.folder / "run/beside"
    beside.write_text(f"{uuid} {name}\n", encoding="utf-8")
    beside.rename(claims(machine) / VF)


def state(client):
    """The state and the domain of the second VF."""
    vf = client.model()["pfs"][0]["vfs"][1]
    return vf["state"], vf["domain"]


@case("claim: one that is taken and dropped is noticed without another event", intents=TWO)
def _(machine):
    client = machine.start()
    claim(machine)
    until(lambda: state(client) == ("in-use", "web1"), "the VF is in use")
    (claims(machine) / VF).unlink()
    until(lambda: state(client) == ("published", None), "it is free again")


@case("claim: dropped after the VF was closed, the VF is free", intents=TWO)
def _(machine):
    client = machine.start()
    claim(machine)
    machine.do(f"open {VF} 4711 qemu")
    until(lambda: state(client) == ("in-use", "web1"), "the VF is in use")
    machine.do(f"close {VF}")
    until(lambda: not client.model()["pfs"][0]["vfs"][1]["users"], "nobody has it open")
    (claims(machine) / VF).unlink()
    until(lambda: state(client) == ("published", None), "it is free again")


@case("claim: the folder may be removed under the daemon", intents=TWO)
def _(machine):
    client = machine.start()
    claim(machine)
    until(lambda: state(client) == ("in-use", "web1"), "the VF is in use")
    shutil.rmtree(claims(machine))
    until(lambda: state(client) == ("published", None), "it is free again")
    until(claims(machine).is_dir, "the folder is there again")
    claim(machine)
    until(lambda: state(client) == ("in-use", "web1"), "the VF is in use again")
    true(not [one for one in machine.journal.seen if "cannot watch" in one], "it watches")


def question(machine, *domains, end='{"complete": true}'):
    """A helper that answers for libvirt: each of domains is a line of its; the variables."""
    helper = machine.folder / "helper"
    lines = "\n".join(f"echo '{line}'" for line in (*domains, end))
    helper.write_text(f"#!/bin/sh\n{lines}\ntouch {machine.folder}/asked\n", encoding="ascii")
    helper.chmod(0o755)
    return {"VFVIRT_DOMAINS_PROGRAM": str(helper)}


def running(uuid, *devices):
    """A line of the helper's, about a running domain."""
    return json.dumps({"domain": "web1", "uuid": uuid, "devices": list(devices)})


@case("claim: left over of a VF that was detached is dropped", intents=TWO)
def _(machine):
    client = machine.start(**question(machine, running(UUID)))
    claim(machine)
    machine.do(f"open {VF} 4711 qemu")
    until(lambda: state(client) == ("in-use", "web1"), "the VF is in use")
    machine.do(f"close {VF}")
    until(lambda: state(client) == ("published", None), "it is free again")
    true(not (claims(machine) / VF).exists(), "the claim is gone")
    contains(machine.journal.wait("left over"), VF, UUID)


@case("claim: left over of a domain that has ended is dropped", intents=TWO)
def _(machine):
    claims(machine).mkdir()
    claim(machine)
    client = machine.start(**question(machine, running(OTHER, VF)))
    until(lambda: state(client) == ("published", None), "the VF is free")


@case("claim: one whose domain has the VF, or may have it, stays", intents=TWO)
def _(machine):
    for lines, end in (((running(UUID, VF),), '{"complete": true}'), ((running(OTHER),), "{}"),
                       ((), '{"problem": "libvirt: cannot connect"}')):
        client = machine.start(**question(machine, *lines, end=end))
        claim(machine)
        until((machine.folder / "asked").exists, "libvirt was asked")
        # Asked again after 15 s if at all; a look at the facts comes after what the answer did.
        client.apply()
        equal(state(client), ("in-use", "web1"), f"state after {lines}, {end}")
        machine.stop()
        (machine.folder / "asked").unlink()


@case("claim: one that is open stays, whatever libvirt says", intents=TWO)
def _(machine):
    client = machine.start(**question(machine))
    machine.do(f"open {VF} 4711 qemu")
    claim(machine)
    until(lambda: state(client) == ("in-use", "web1"), "the VF is claimed")
    other = "0000:3b:00.1"
    machine.do(f"open {other} 4712 qemu")       # about this one libvirt is asked
    until((machine.folder / "asked").exists, "libvirt was asked")
    client.apply()
    equal(state(client), ("in-use", "web1"), "state")
