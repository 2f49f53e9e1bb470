# SPDX-License-Identifier: GPL-2.0-or-later
"""Answers what the tests of a guest ask of the host (tests/kernel/README.md has the verbs)."""

import json
from pathlib import Path

from . import machines
from .errors import Problem


class HostChannel:
    """The requests of one VM, answered over QMP. Every card is the QOM object of its id."""

    def __init__(self, qmp, machine):
        """qmp: lib.qmp.Qmp of the VM; machine: lib.machines.Machine it was started with."""
        self._qmp = qmp
        self._machine = machine
        self._verbs = {"fault": self._fault, "fault-clear": self._fault_clear, "get": self._get,
                       "gone": self._gone, "unplug": self._unplug, "plug": self._plug,
                       "plugged": self._plugged, "count": self._count, "struck": self._struck,
                       "aer": self._aer, "cpu": self._cpu, "reset": self._reset,
                       "machine": self._become}

    def answer(self, line):
        """The answer to one request line "NUMBER VERB WORDS...", both without their ends."""
        number, _, request = line.partition(" ")
        verb, *words = request.split(" ")
        try:
            if verb not in self._verbs:
                raise Problem(f"no verb {verb!r}; there are: {', '.join(self._verbs)}")
            text = self._verbs[verb](*words)
        except (TypeError, ValueError):
            return f"{number} error {verb}: cannot be asked with {' '.join(words) or 'no words'}"
        except Problem as problem:
            return f"{number} error {' '.join(str(problem).split())}"
        return f"{number} ok {text}".rstrip()

    def _cards(self):
        """Ids of the cards that are plugged in."""
        return [entry["name"] for entry in self._qmp.execute("qom-list", path="/machine/peripheral")
                if entry["name"].startswith("pf")]

    def _set(self, card, name, value):
        self._qmp.execute("qom-set", path=f"/machine/peripheral/{card}", property=name,
                          value=value)
        return ""

    def _get(self, card, name):
        value = self._qmp.execute("qom-get", path=f"/machine/peripheral/{card}", property=name)
        return value if isinstance(value, str) else json.dumps(value)

    def _fault(self, card, spec):
        return self._set(card, "fault", spec)

    def _fault_clear(self, card, kind):
        return self._set(card, "fault-clear", kind)

    def _gone(self, card, value):
        if value not in ("true", "false"):
            raise Problem(f"gone: {value!r} is neither true nor false")
        return self._set(card, "gone", value == "true")

    def _unplug(self, card):
        self._qmp.execute("device_del", id=card)
        return ""

    def _plug(self, card):
        index = int(card.removeprefix("pf"))
        options = machines.card_options(self._machine, index)
        self._qmp.execute("device_add", **options)
        return ""

    def _plugged(self, card):
        return "1" if card in self._cards() else "0"

    def _count(self, card, member_id, counter):
        ports = json.loads(self._get(card, "counters"))["ports"]
        value = next((port for port in ports if port["member"] == int(member_id)), {})
        for step in counter.split("."):
            value = value.get(step, {})
        if value != {} and not isinstance(value, int):
            raise Problem(f"{counter} is no counter")
        return str(value or 0)

    def _struck(self, card, kind):
        faults = json.loads(self._get(card, "faults"))
        return str(sum(fault["struck"] for fault in faults if fault["kind"] == kind))

    def _aer(self, card, error):
        answer = self._qmp.execute("human-monitor-command", **{
            "command-line": f"pcie_aer_inject_error {card} {error}"})
        if "OK" not in answer:
            raise Problem(f"aer: {answer or 'nothing was injected'}")
        return ""

    def _cpu(self):
        """Microseconds for which the host ran the VM's processors, which may share a thread."""
        threads = {cpu["thread-id"] for cpu in self._qmp.execute("query-cpus-fast")}
        spent_ns = [int(Path(f"/proc/{thread}/schedstat").read_text(encoding="ascii").split()[0])
                    for thread in threads]
        return str(sum(spent_ns) // 1000)

    def _become(self, name):
        """What is plugged from now on are the cards of the machine of that name."""
        self._machine = machines.get(name)
        return ""

    def _reset(self):
        for card in self._cards():
            self._set(card, "fault-clear", "all")
            self._set(card, "counters-reset", True)
        return str(len(self._machine.cards))
