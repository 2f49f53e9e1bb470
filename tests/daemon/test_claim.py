# SPDX-License-Identifier: GPL-2.0-or-later
"""Claims, which the hook takes and drops: noticed without any other event, and not kept for good."""

import shutil

from .case import case, true, until

TWO = {"dpu0": {"vfs": 2}}
VF = "0000:3b:00.2"
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
