# SPDX-License-Identifier: GPL-2.0-or-later
"""240 VFs: that it works, what it costs. Measurements print a line `bench NAME VALUE UNIT`."""

import time

from lib import programs

from .case import case, equal, true, until
from .test_wish import states

MANY = {"dpu0": {"vfs": 120}, "dpu1": {"pf": 1, "vfs": 120}}
IDLE_S = 60
USS_LIMIT_KIB = 8 * 1024


def uss_kib(pid):
    """Memory that a process shares with nobody."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as lines:
        return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


def switches(pid):
    """How often a process has gone to sleep by itself."""
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines
                    if line.startswith("voluntary_ctxt_switches"))


def quiet(machine, client):
    """Waits until no reconcile runs and none is to come: the pause between two is 2 s at most."""
    equal(client.model()["pfs"][0]["failure"], None, "failure")
    last = switches(machine.process.pid)
    since = time.monotonic()

    def is_quiet():
        nonlocal last, since
        now = switches(machine.process.pid)
        if now != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since > 3
    until(is_quiet, "nothing happens any more", 60)


@case("many: 240 VFs on two PFs, made at start, told, destroyed; memory stays small", pfs=2,
      vfs_max=120, intents=MANY)
def _(machine):
    client = machine.start()
    for pf in range(2):
        equal(states(client, pf), ["published"] * 120, "states")
    equal(len([path for path in client.objects() if "/vf/" in path]), 240, "objects")
    machine.do("uevents 1000")
    client.call("Reload")
    uss = uss_kib(machine.process.pid)
    print(f"bench uss_240_vfs {uss} KiB", flush=True)
    # A sanitizer's own memory is many times ours.
    true(uss < USS_LIMIT_KIB or programs.flavor().name == "sanitized",
         f"{uss} KiB private memory are less than {USS_LIMIT_KIB}")
    client.destroy("dpu0")
    equal(client.model()["pfs"][0]["vfs"], [], "VFs")


@case("bench: idle for a minute, woken by the watchdog alone", on_demand=True, pfs=2, vfs_max=120,
      intents=MANY)
def _(machine):
    client = machine.start(WATCHDOG_USEC="20000000")
    quiet(machine, client)
    machine.notified.seen.clear()
    before = switches(machine.process.pid)
    time.sleep(IDLE_S)
    woken = switches(machine.process.pid) - before
    fed = len([one for one in machine.notified.seen if "WATCHDOG=1" in one])
    print(f"bench idle_wakeups_60_s {woken} wakeups", flush=True)
    print(f"bench idle_watchdog_60_s {fed} messages", flush=True)
    true(fed >= 3, "the watchdog is fed")
    equal(woken, fed, "times it woke up")
    equal(len(machine.notified.seen), fed, "messages")
