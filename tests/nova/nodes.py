# SPDX-License-Identifier: GPL-2.0-or-later
"""What libvirt says of a PF and its VFs: captured on the simulated host, and made from that.

captured.xml is what `virsh nodedev-dumpxml` printed there for the PF and its twelve VFs, and
captured-RELEASE.conf what `vfvirtctl nova --release RELEASE` printed. The case "host: what libvirt
and vfvirtctl say is as captured" of the host tier compares them with a host of today, and writes
them anew with VFVIRT_GOLDEN=write. More VFs than that host can have, and other addresses, are made
by replacing addresses in the captured text.
"""

import re
from pathlib import Path

HERE = Path(__file__).parent
PF = "0000:01:00.0"
ADDRESS = re.compile(r"(\w{4}):(\w\w):(\w\w)\.(\w)")
LICENSE = re.compile(r"(<!--|#) SPDX-License-Identifier.*\n")


def captured(name):
    """A captured file, without the line that names its license."""
    return LICENSE.sub("", (HERE / name).read_text(encoding="utf-8"), count=1)


def captured_nodes():
    """The XML of the captured PF and its VFs, in this order."""
    return [f"{text}</device>\n" for text in captured("captured.xml").split("</device>\n")[:-1]]


def captured_vfs():
    """The addresses of the captured VFs."""
    return [_address_of(node) for node in captured_nodes()[1:]]


def _address_of(node):
    domain, bus, slot, function = (int(re.search(f"<{word}>(\\d+)<", node)[1])
                                   for word in ("domain", "bus", "slot", "function"))
    return f"{domain:04x}:{bus:02x}:{slot:02x}.{function:x}"


def _parts(address):
    return [int(part, 16) for part in ADDRESS.fullmatch(address).groups()]


def _element(address):
    domain, bus, slot, function = _parts(address)
    return (f"<address domain='0x{domain:04x}' bus='0x{bus:02x}' slot='0x{slot:02x}' "
            f"function='0x{function:x}'/>")


def _moved(node, old, new, group):
    """A captured function's XML as if it were at another address, in an IOMMU group."""
    node = node.replace(old, new).replace(re.sub("[:.]", "_", old), re.sub("[:.]", "_", new))
    for word, number in zip(("domain", "bus", "slot", "function"), _parts(new)):
        node = re.sub(f"<{word}>\\d+</{word}>", f"<{word}>{number}</{word}>", node)
    return re.sub(r"(<iommuGroup number=')\d+('>\s*)<address [^>]*>",
                  lambda found: f"{found[1]}{group}{found[2]}{_element(new)}", node)


def made(pf, vfs, first_group=5):
    """The XML of a PF and its VFs at these addresses, made from the captured one."""
    pf_node, vf_node, *_ = captured_nodes()
    old_vf = _address_of(vf_node)
    listed = "\n".join(f"      {_element(vf)}" for vf in vfs)
    functions = re.compile(r"(<capability type='virt_functions'[^>]*>\n).*?(\n    </capability>)",
                           re.S)
    physical = re.compile(r"(<capability type='phys_function'>\s*)<address [^>]*>")
    nodes = [functions.sub(lambda found: found[1] + listed + found[2],
                           _moved(pf_node, PF, pf, first_group))]
    for number, vf in enumerate(vfs, start=first_group + 1):
        nodes.append(physical.sub(lambda found: found[1] + _element(pf),
                                  _moved(vf_node, old_vf, vf, number)))
    return nodes
