# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs inside a tree that has Nova, and lets Nova's own code judge configurations.

Each line of standard input is a job, {"files": {NAME: TEXT}, "nodes": [XML], "asked":
"ALIAS:COUNT"}, and is answered by a line with what Nova made of it. Only libvirt's node devices are
stood in for, by the XML that libvirt prints for them; in /sys lies what the test has put there for
Nova to read.
"""

import copy
import json
import re
import sys
import tempfile
from pathlib import Path
from unittest import mock

import nova.conf
from nova import objects
from nova.compute import pci_placement_translator
from nova.pci import request, stats, whitelist
from nova.virt.libvirt import driver, host

CONF = nova.conf.CONF


class NodeDevice:
    """The part of libvirt's virNodeDevice that Nova calls."""

    def __init__(self, xml):
        self._xml = xml

    def name(self):
        """The name in the XML."""
        return re.search("<name>(.*?)<", self._xml).group(1)

    def parent(self):
        """The parent in the XML."""
        return re.search("<parent>(.*?)<", self._xml).group(1)

    def XMLDesc(self, _flags=0):        # pylint: disable=invalid-name
        """The XML."""
        return self._xml

    def listCaps(self):                 # pylint: disable=invalid-name
        """What is asked for network interfaces only."""
        return ["pci"]


def load(files):
    """Reads configuration files as nova-compute does: one by --config-file, or a folder of them."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            Path(folder, name).write_bytes(text.encode())
        CONF.reset()
        CONF(["--config-dir", folder], project="nova", default_config_files=[])
        return {"device_spec": CONF.pci.device_spec, "alias": CONF.pci.alias,
                "report_in_placement": CONF.pci.report_in_placement,
                "pci_in_placement": getattr(CONF.filter_scheduler, "pci_in_placement", False)}


def discover(nodes):
    """What Nova's libvirt driver says of node devices."""
    devices = [NodeDevice(xml) for xml in nodes]
    asked = host.Host.__new__(host.Host)        # without a connection to libvirt
    # pylint: disable-next=protected-access
    return [host.Host._get_pcidev_info(asked, device.name(), device, [], [], devices)
            for device in devices]


def assign(allowed, devices):
    """The devices that the configuration gives to guests, as Nova's objects, with their entries."""
    given = []
    for device in devices:
        entry = allowed.device_assignable(device)
        if not entry:
            continue
        fields = dict(copy.deepcopy(device), compute_node_id=1)
        if hasattr(entry, "enhanced_pci_device_with_spec_tags"):
            entry.enhanced_pci_device_with_spec_tags(fields)
        given.append(objects.PciDevice.create(None, fields))
    return given


def place(allowed, given):
    """What Nova would report to placement: {resource provider: [class, traits, amount]}."""
    view = pci_placement_translator.PlacementView("node", [])
    for device in given:
        view.process_dev(device, allowed.get_devspec(device))
    # pylint: disable-next=protected-access
    return {name: str(provider) for name, provider in view.rps.items()}


def request_of(asked):
    """What a flavor asks for that names an alias and a number."""
    flavor = objects.Flavor(extra_specs={"pci_passthrough:alias": asked})
    return request.get_pci_requests_from_flavor(flavor)


def groups_of(asked):
    """What the scheduler asks placement for, a pair of class and traits for each device."""
    wanted = objects.RequestSpec(pci_requests=asked, requested_resources=[])
    if hasattr(wanted, "generate_request_groups_from_pci_requests"):
        wanted.generate_request_groups_from_pci_requests()
    return [[*group.resources, sorted(group.required_traits)]
            for group in wanted.requested_resources]


def guest_xml(device):
    """The element that Nova's libvirt driver writes into a guest's XML."""
    made = mock.Mock(spec=driver.LibvirtDriver)
    # pylint: disable=protected-access
    made._set_managed_mode = lambda *words: driver.LibvirtDriver._set_managed_mode(made, *words)
    return driver.LibvirtDriver._get_guest_pci_device(made, device).to_xml()


def judge(job):
    """Goes on as far as Nova does; what it raises ends up in "error", where in "at"."""
    result = {"at": "configuration"}
    try:
        result["settings"] = load(job["files"])
        result["at"] = "device_spec"
        allowed = whitelist.Whitelist(CONF.pci.device_spec)
        devices = discover(job["nodes"])
        result["types"] = {device["address"]: device["dev_type"] for device in devices}
        given = assign(allowed, devices)
        result["given"] = [device.address for device in given]
        result["at"] = "placement"
        result["providers"] = place(allowed, given)
    except Exception as error:          # pylint: disable=broad-exception-caught; it is the answer
        result["error"] = f"{type(error).__name__}: {error}"
        if result["at"] != "placement":
            return result
    try:
        pools = stats.PciDeviceStats(objects.NUMATopology(), dev_filter=allowed)
        for device in given:
            pools.add_device(device)
        result["at"] = "alias"
        asked = request_of(job["asked"])
        result["at"] = "scheduler"
        result["groups"] = groups_of(asked)
        result["at"] = "claim"
        taken = pools.consume_requests(asked.requests)
        result["taken"] = [device.address for device in taken or []]
        result["xml"] = [guest_xml(device) for device in taken or []]
        result["at"] = "end"
    except Exception as error:          # pylint: disable=broad-exception-caught; it is the answer
        result.setdefault("error", f"{type(error).__name__}: {error}")
    return result


def main():
    """Judges jobs until there are no more."""
    objects.register_all()
    for line in sys.stdin:
        print(json.dumps(judge(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
