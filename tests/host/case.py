# SPDX-License-Identifier: GPL-2.0-or-later
"""Registers the cases of the host tier, and gives them a host and guests."""

import json
import tempfile
from pathlib import Path

from lib import shell
from lib.cases import Cases
from lib.errors import Problem

from . import guest
from .machine import Host

LIMIT_S = 900
GUEST_LIMIT_S = 600     # a guest's boot, under emulation inside of emulation; 60 s on an idle machine
PF = "0000:01:00.0"
case = Cases("host", "host", LIMIT_S)      # each gets the Scene


def run_on_host(report, cases):
    """Runs cases on one host; its logs are kept, and the console's end is told when it fails."""
    logs = report.logs("host")
    with tempfile.TemporaryDirectory(prefix="host", dir="/var/tmp") as folder:
        scene = Scene(Path(folder), logs)
        try:
            scene.host.start()
            for name, function in cases.items():
                report.case("host", name, lambda: function(scene), LIMIT_S)
        finally:
            scene.keep_logs()
            scene.host.stop()


class Scene:
    """A running host with what the cases do there again and again."""

    def __init__(self, folder, logs):
        self.host = Host(folder)
        self._folder, self._logs = folder, logs

    def vfs(self):
        """The VFs as vfvirtctl lists them, by index."""
        listing = json.loads(self.host.run("vfvirtctl", "list", "--json"))
        pf = next(pf for pf in listing["pfs"] if pf["address"] == PF)
        return pf["vfs"]

    def hostdev(self, index):
        """The path of the file that is published for a VF, in the host."""
        return f"/run/vfvirt/hostdev/{self.vfs()[index]['address']}.xml"

    def define(self, name, address, **more):
        """Defines a guest (guest.domain_xml()) that is not started."""
        path = f"{guest.FOLDER}/{name}.xml"
        self.host.run("/bin/sh", "-c", f"cat > {path}",
                      text_in=guest.domain_xml(name, address, **more))
        self.host.run("virsh", "define", path)

    def said(self, name):
        """The lines that a guest printed for the tests."""
        done = self.host.try_run("cat", f"/var/log/libvirt/{name}.log")
        return [line.strip()[6:] for line in done.out.splitlines() if line.startswith("GUEST ")]

    def hear(self, name, word, count=1, limit_s=GUEST_LIMIT_S):
        """Waits until a guest has printed count lines that begin with a word; returns those."""
        def heard():
            lines = [line for line in self.said(name) if line.startswith(word)]
            return lines if len(lines) >= count else None
        return self.host.wait_for(f"the guest {name} to say {word!r}", heard, limit_s)

    def commands(self, index):
        """How many legacy commands the card has executed for a VF."""
        ports = json.loads(self.host.card("counters"))["ports"]
        port = next(port for port in ports if port["member"] == index + 1)
        return sum(port["commands"].get(str(opcode), {}).get("ok", 0) for opcode in (2, 3, 4, 5))

    def keep_logs(self):
        """Copies what explains a failure to the folder for logs."""
        for path in self._folder.glob("*.log"):
            (self._logs / path.name).write_bytes(path.read_bytes())
        try:
            for name, line in (("journal.log", "journalctl -b --no-pager"),
                               ("guests.log", "tail -n 200 /var/log/libvirt/*.log "
                                              "/var/log/libvirt/qemu/*.log")):
                (self._logs / name).write_text(self.host.try_run("/bin/sh", "-c", line).out,
                                               encoding="utf-8")
        except (Problem, OSError, AttributeError, ValueError) as problem:
            shell.say(f"the host's own logs are lost: {problem}")
