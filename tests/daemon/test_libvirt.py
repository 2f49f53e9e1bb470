# SPDX-License-Identifier: GPL-2.0-or-later
"""libvirt: asked who has a VF, never needed, never woken, never waited for."""

from . import libvirt
from .case import case, contains, equal, true, until

TWO = {"dpu0": {"vfs": 2}}
VF = "0000:3b:00.2"


def domain(client):
    """The domain of the second VF."""
    return client.model()["pfs"][0]["vfs"][1]["domain"]


@case("libvirt: names the domain of a VF without a claim", intents=TWO)
def _(machine):
    with libvirt.Libvirtd(machine):
        client = machine.start(VFVIRT_LIBVIRT_URI=libvirt.uri(machine, "web1", VF))
        signals = client.listen()
        machine.do(f"open {VF} 4711 qemu")
        until(lambda: domain(client) == "web1", "the domain is known")
        told = [body[1]["Domain"][1] for path, member, body in signals.so_far()
                if member == "PropertiesChanged" and "Domain" in body[1]
                and path.endswith("0000_3b_00_2")]
        equal(told, ["web1"], "changes of Domain")
        client.apply()
        equal(domain(client), "web1", "domain after facts were read again")
        machine.do(f"close {VF}")
        until(lambda: domain(client) is None, "it has no domain any more")


@case("libvirt: a claim names the domain, and libvirt is not asked", intents=TWO)
def _(machine):
    with libvirt.Sleeper(machine) as sleeper:
        client = machine.start(VFVIRT_LIBVIRT_URI=libvirt.uri(machine, "web1", VF))
        (machine.folder / "run/claims").mkdir(exist_ok=True)
        (machine.folder / f"run/claims/{VF}").write_text(
            "c7a5fdbd-edaf-9455-926a-d65c16db1809 db2\n", encoding="utf-8")
        machine.do(f"open {VF} 4711 qemu")
        until(lambda: domain(client) == "db2", "the domain is known")
        true(not sleeper.was_woken(), "libvirtd was left asleep")


@case("libvirt: one that is stopped is not woken", intents=TWO)
def _(machine):
    asked = machine.folder / "asked"
    helper = machine.folder / "helper"
    program = machine.environment()["VFVIRT_DOMAINS_PROGRAM"]
    # The real helper, and a mark that it ran to its end.
    helper.write_text(f"#!/bin/sh\n{program} && touch {asked}\n", encoding="ascii")
    helper.chmod(0o755)
    with libvirt.Sleeper(machine) as sleeper:
        client = machine.start(VFVIRT_LIBVIRT_URI=libvirt.uri(machine, "web1", VF),
                               VFVIRT_DOMAINS_PROGRAM=str(helper))
        machine.do(f"open {VF} 4711 qemu")
        until(asked.exists, "the helper had its look")
        true(not sleeper.was_woken(), "libvirtd was left asleep")
        equal(domain(client), None, "domain")


@case("libvirt: without its helper all else works", intents=TWO)
def _(machine):
    client = machine.start(VFVIRT_DOMAINS_PROGRAM="/nonexistent/vfvirt-domains")
    machine.do(f"open {VF} 4711 qemu")
    until(lambda: client.model()["pfs"][0]["vfs"][1]["state"] == "in-use", "it is in use")
    equal(client.unbind("dpu0/0")[0]["end"]["code"], "none", "end")


@case("libvirt: one that hangs makes nobody wait, and is asked again", intents=TWO)
def _(machine):
    with libvirt.Libvirtd(machine) as daemon:
        client = machine.start(VFVIRT_LIBVIRT_URI=libvirt.uri(machine, "web1", VF),
                               VFVIRT_LIBVIRT_LIMIT_MS="600", WATCHDOG_USEC="1000000")
        daemon.freeze()
        machine.do(f"open {VF} 4711 qemu")
        contains(machine.journal.wait("libvirt did not answer"), "PRIORITY=4")
        equal(client.unbind("dpu0/0")[0]["end"]["code"], "none", "end")
        machine.notified.wait("WATCHDOG=1", count=2)
        daemon.thaw()
        until(lambda: domain(client) == "web1", "the domain is known later")
