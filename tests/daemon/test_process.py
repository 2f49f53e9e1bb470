# SPDX-License-Identifier: GPL-2.0-or-later
"""vfvirtd as a program: its command line, where messages go, what it does without this and that."""

import os
import signal
import subprocess

from . import bus, host
from .case import case, contains, equal, true, until
from .test_wish import refused, states

THREE = {"dpu0": {"vfs": 3}}


def run(machine, *words, text_in="", **environment):
    """Runs vfvirtd to its end: status, standard output, standard error."""
    done = subprocess.run(machine.program(*words), env=machine.environment(**environment),
                          input=text_in, capture_output=True, text=True, check=False,
                          timeout=host.LIMIT_S)
    return done.returncode, done.stdout, done.stderr


@case("program: help, version, and what it does not know")
def _(machine):
    status, out, _ = run(machine, "--help")
    equal(status, 0, "status of --help")
    contains(out, "--transport", "/etc/vfvirt/pf.d")
    status, out, _ = run(machine, "--version")
    true(status == 0 and out.startswith("vfvirtd "), f"a version: {out!r}")
    for words in (("--nonsense",), ("apply",), ("--transport", "x")):
        status, out, err = run(machine, *words)
        equal((status, out), (2, ""), f"status and output of {words}")
        contains(err, "Usage:")


@case("program: a worker refuses what is no request")
def _(machine):
    for text in ("", "{}", "null", '{"op": "apply"}', "{" * 100, "\0", '{"op": "list"',
                 '{"op": "facts", "pf": "x"}'):
        status, out, _ = run(machine, "--worker", text_in=text)
        equal(status, 0, "status")
        contains(out, '"code":"usage"')
    equal(machine.writes(), [], "writes")


@case("program: a second one on the same bus ends", intents=THREE)
def _(machine):
    machine.start()
    equal(run(machine)[0], 1, "status")
    equal(states(machine.client), ["published"] * 3, "states")


@case("program: without a journal messages go to standard error")
def _(machine):
    machine.journal.close()
    machine.start()
    machine.journal = host.Datagrams(machine.journal.path)
    contains(machine.last_words(), "vfvirtd: ready with 1 PFs")


@case("program: without the seam of the tests it listens to udev", intents=THREE)
def _(machine):
    client = machine.start(VFVIRT_UEVENTS="")
    equal(states(client), ["published"] * 3, "states")
    true(not [one for one in machine.journal.seen if "cannot listen to udev" in one],
         "it listens to udev")


@case("program: without vfvirt's modules the facts say so", intents={"dpu0": {"vfs": 0}})
def _(machine):
    model = machine.start(VFVIRT_NETLINK="/nonexistent/netlink").model()
    equal(model["kernel_contract_ok"], False, "kernel_contract_ok")
    true(model["kernel_problem"], "there is a reason")


@case("program: a worker that is killed fails its request alone", intents=THREE)
def _(machine):
    client = machine.start()
    machine.do("block *drivers/*/unbind=*")
    call = client.begin("Unbind", "asbb", ["dpu0/1"], False, False)
    machine.do("wait-blocked")
    behind = client.begin("Apply", "sb", "dpu0", False)
    number, = machine.workers()
    os.kill(number, signal.SIGKILL)
    machine.do("release")
    contains(refused("Internal", call.result), "ended without a result", "unbind")
    behind.result()
    equal(states(client), ["published"] * 3, "states")


@case("program: too many requests for one PF are refused, others go on", pfs=2,
      intents={"dpu0": {"vfs": 1}, "dpu1": {"pf": 1, "vfs": 1}})
def _(machine):
    client = machine.start()
    machine.do("block *drivers/*/unbind=*")
    calls = [client.begin("Unbind", "asbb", ["dpu0"], False, False)]
    machine.do("wait-blocked")
    calls += [client.begin("Apply", "sb", "dpu0", False) for _ in range(24)]
    client.apply("dpu1")
    machine.do("release")
    codes = []
    for call in calls:
        try:
            call.result()
            codes.append("none")
        except bus.BusError as failure:
            codes.append(failure.name.rsplit(".", 1)[1])
    true(codes.count("Busy") >= 5 and codes.count("none") >= 15, f"{codes}")
    until(lambda: states(client) == ["published"], "the VF is there")
