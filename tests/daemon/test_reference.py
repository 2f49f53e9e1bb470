# SPDX-License-Identifier: GPL-2.0-or-later
"""What vfvirtd says of itself on D-Bus is what the reference says, which is made from the contract."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from . import bus
from .case import case, equal

PAGE = Path(__file__).resolve().parent.parent.parent / "docs/dbus.md"
CALL = re.compile(r"^\| `(\w+)\((.*?)\)` \|(?: (?:`(.*?)`)? ?\|)?", re.MULTILINE)
PROPERTY = re.compile(r"^\| `(\w+)` \| `(\w+)` \|", re.MULTILINE)


def written(interface):
    """What the page says that an interface offers: name -> arguments and answer, or type."""
    part = PAGE.read_text(encoding="utf-8").split(f"\n## {interface}\n")[1].split("\n## ")[0]
    calls, _, kept = part.partition("| property |")
    calls, _, signals = calls.partition("| signal |")
    found = {name: [given, answer or ""] for name, given, answer in CALL.findall(calls)}
    found |= {name: [given, ""] for name, given, _ in CALL.findall(signals)}
    return found | dict(PROPERTY.findall(kept))


def offered(client, path, interface):
    """The same, as vfvirtd itself says."""
    text = client.call("Introspect", interface="org.freedesktop.DBus.Introspectable", path=path)
    element = next(node for node in ElementTree.fromstring(text)
                   if node.get("name") == interface)
    found = {}
    for member in element:
        words = {"in": [], "out": []}
        for argument in member.findall("arg"):
            # Arguments of signals have no direction.
            way = "in" if member.tag == "signal" else argument.get("direction")
            words[way].append(f"{argument.get('type')} {argument.get('name')}")
        found[member.get("name")] = (member.get("type") if member.tag == "property"
                                     else [", ".join(words["in"]), ", ".join(words["out"])])
    return found


@case("bus: the reference lists what vfvirtd offers, and nothing else",
      intents={"dpu0": {"vfs": 1}})
def _(machine):
    client = machine.start()
    places = {"org.vfvirt1.Manager": "/org/vfvirt1"}
    for path, interfaces in client.objects().items():
        places |= {name: path for name in interfaces if name in (bus.PF, bus.VF)}
    equal(len(places), 3, f"interfaces: {places}")
    for interface, path in places.items():
        equal(written(interface), offered(client, path, interface), interface)
