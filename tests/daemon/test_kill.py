# SPDX-License-Identifier: GPL-2.0-or-later
"""SIGKILL at every write of create, destroy, bind and unbind; a restart converges.

Daemon and worker are killed while the worker is in its k-th write; the write itself is carried out,
as the kernel would. The points are those of the log of writes of an undisturbed run, which each
case keeps as points.txt beside its logs.
"""

import contextlib
import os
import subprocess

from . import bus, host
from .case import case, contains, equal, true, until
from .test_wish import states

FOUR = {"dpu0": {"vfs": 4}}


def kill_at(machine, number, begin):
    """Kills all while begin()'s request is in its write of that number."""
    machine.do(f"block * {number}")
    call = begin()
    machine.do("wait-blocked")
    machine.kill_with(lambda: machine.do("release"))
    call.connection.close()


def unsealed(client):
    """Whether no VF is left sealed."""
    return all(vf["sealed"] is not True for vf in client.model()["pfs"][0]["vfs"])


def at_every_write(machine, prepare, begin, check):
    """Goes through all points. prepare(client): the state before; check(client): the one wanted."""
    client = machine.start()
    prepare(client)
    machine.do("clear-log")
    begin(client).result()
    points = machine.writes()
    (machine.logs / "points.txt").write_text("\n".join(points) + "\n", encoding="utf-8")
    true(len(points) >= 2, f"there are points: {points}")
    check(client)
    for number, point in enumerate(points, 1):
        prepare(client)
        try:
            kill_at(machine, number, lambda: begin(client))  # pylint: disable=cell-var-from-loop
            client = machine.start()
            check(client)
        except AssertionError as failure:
            raise AssertionError(f"killed at {number} of {len(points)}, {point}: {failure}") \
                from failure
        true(unsealed(client), f"no VF is sealed after a kill at {point}")


@case("kill: at every write of create")
def _(machine):
    def prepare(client):
        with contextlib.suppress(bus.BusError):
            client.destroy(machine.pf)
        machine.rebind(machine.pf, "")
        client.call("Reload")
        equal((machine.vfs(), os.listdir(machine.folder / "etc")), ([], []), "before")

    def check(client):
        equal(states(client), ["published"] * 3, "states")
        equal(machine.published(), machine.vfs(), "hostdev files")

    at_every_write(machine, prepare,
                   lambda client: client.begin("Create", "ssubb", machine.pf, "dpu0", 3, False,
                                               False), check)


@case("kill: at every write of destroy")
def _(machine):
    def prepare(client):
        client.create(machine.pf, 3)

    def check(client):
        equal((machine.vfs(), machine.published(), states(client)), ([], [], []), "VFs")
        equal(os.listdir(machine.folder / "etc"), [], "intents")
        equal(client.model()["pfs"][0]["failure"], None, "failure")

    at_every_write(machine, prepare,
                   lambda client: client.begin("Destroy", "sb", machine.pf, False), check)


@case("kill: at every write of unbind, a VF in use untouched", intents=FOUR)
def _(machine):
    def prepare(client):
        with contextlib.suppress(RuntimeError):
            machine.do(f"close {machine.vfs()[0]}")
        client.apply()
        equal(states(client), ["published"] * 4, "before")
        machine.do(f"open {machine.vfs()[0]} 4711 qemu")

    def check(client):
        equal([machine.driver(vf) for vf in machine.vfs()],
              [host.VARIANT, None, None, host.VARIANT], "drivers")
        equal(states(client)[0], "in-use", "state of the VF in use")

    at_every_write(machine, prepare,
                   lambda client: client.begin("Unbind", "asbb", ["dpu0/1", "dpu0/2"], False,
                                               False), check)


@case("kill: at every write of bind, a VF in use untouched", intents=FOUR)
def _(machine):
    def prepare(client):
        with contextlib.suppress(RuntimeError):
            machine.do(f"close {machine.vfs()[0]}")
        client.apply()
        machine.do(f"open {machine.vfs()[0]} 4711 qemu")

    def check(client):
        equal([machine.driver(vf) for vf in machine.vfs()],
              [host.VARIANT, "vfio-pci", "vfio-pci", host.VARIANT], "drivers")
        equal(states(client)[0], "in-use", "state of the VF in use")

    at_every_write(machine, prepare,
                   lambda client: client.begin("Bind", "assbb", ["dpu0/1", "dpu0/2"], "vfio-pci",
                                               False, False), check)


@case("kill: a VF without intent does not stay sealed")
def _(machine):
    client = machine.start()
    device = machine.card.sysfs / "bus/pci/devices"
    (device / machine.pf / "sriov_drivers_autoprobe").write_text("0", encoding="utf-8")
    (device / machine.pf / "sriov_numvfs").write_text("2", encoding="utf-8")
    for vf in machine.vfs():
        (device / vf / "driver_override").write_text(host.VARIANT + "\n", encoding="utf-8")
        (machine.card.sysfs / "bus/pci/drivers_probe").write_text(vf, encoding="utf-8")
    until(lambda: client.model()["pfs"][0]["vfs_now"] == 2, "the VFs are known")
    machine.do("block */unbind*")
    call = client.begin("Unbind", "asbb", [machine.vfs()[0]], False, False)
    machine.do("wait-blocked")
    machine.do("fail */unbind* EIO")
    machine.kill_with(lambda: machine.do("release"))
    call.connection.close()
    machine.do("clear-faults")
    done = subprocess.run([machine.built / "usr/bin/vfvirtctl", "check"], check=False,
                          env=machine.environment(), capture_output=True, text=True)
    contains(done.stdout, "is sealed: no guest can open it")
    client = machine.start()
    vfs = client.model()["pfs"][0]["vfs"]
    equal([(vf["driver"], vf["sealed"]) for vf in vfs], [(host.VARIANT, False)] * 2, "VFs")


@case("kill: the daemon alone; its worker ends the work, the next daemon waits for it")
def _(machine):
    client = machine.start()
    machine.do("block */sriov_numvfs=*")
    call = client.begin("Create", "ssubb", machine.pf, "", 3, False, False)
    machine.do("wait-blocked")
    machine.kill(workers=False)
    call.connection.close()
    machine.start(ready=False)
    machine.do("release")
    machine.notified.wait("READY=1")
    client = machine.connect()
    until(lambda: states(client) == ["published"] * 3, "the VFs are there")
