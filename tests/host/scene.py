# SPDX-License-Identifier: GPL-2.0-or-later
"""What the cases of the host tier do again and again, on one simulated host and with its guests."""

import contextlib
import json

from lib import shell
from lib.cases import expect
from lib.errors import Problem

from . import guest
from .machine import Host

PF = "0000:01:00.0"
GUEST_LIMIT_S = 1200    # a guest's boot, emulated in an emulated host; 60 s on an idle machine
START_LIMIT_S = 900     # of QEMU by libvirt, under emulation
VFS = 4
LEGACY_OPCODES = (2, 3, 4, 5)


class Silence:
    """The narrator of a Scene in which nobody listens."""

    def typed(self, where, line):
        """A command is about to run. where: "host", or the name of a guest."""

    def answered(self, output):
        """It ended, with this output."""

    def note(self, text):
        """Something happens that is no command."""


class Scene:
    """A host, and the guests of guest.GUESTS by name, each of which has a VF."""

    def __init__(self, folder, logs, card=None, narrator=None):
        """folder: Path for the host's disk; logs: Path that keep_logs() fills; card: see Host;
        narrator: is told what a person would see."""
        self.host = Host(folder, card)
        self._folder, self._logs = folder, logs
        self._narrator = narrator or Silence()

    # ---- commands that a narrator shows --------------------------------------------------------

    def show(self, line, limit_s=300):
        """Runs a shell line that must succeed, as a person would type it; returns its output."""
        self._narrator.typed("host", line)
        out = self.host.sh(line, limit_s)
        self._narrator.answered(out)
        return out

    def show_in(self, name, line, limit_s=300):
        """The same on the console of a guest that is up."""
        self._narrator.typed(name, line)
        out = self.in_guest(name, line, limit_s)
        self._narrator.answered(out)
        return out

    def refused(self, line, limit_s=300):
        """Runs a shell line that a person may type but that should fail; returns agent.Done."""
        self._narrator.typed("host", line)
        done = self.host.try_run("/bin/sh", "-c", line, limit_s=limit_s)
        self._narrator.answered(done.out + done.err)
        return done

    # ---- the VFs -------------------------------------------------------------------------------

    def vfs(self):
        """The VFs as vfvirtctl lists them, by index."""
        listing = json.loads(self.host.run("vfvirtctl", "list", "--json"))
        pf = next(pf for pf in listing["pfs"] if pf["address"] == PF)
        return pf["vfs"]

    def address(self, index):
        """The PCI address of a VF."""
        return self.vfs()[index]["address"]

    def hostdev(self, index):
        """The path of the file that is published for a VF, in the host."""
        return f"/run/vfvirt/hostdev/{self.address(index)}.xml"

    def wait_state(self, index, state, limit_s=300):
        """Waits until a VF is in a state."""
        self.host.wait_for(f"VF {index} to be {state}",
                           lambda: self.vfs()[index]["state"] == state, limit_s)

    def commands(self, index):
        """How many legacy commands the card has executed for a VF."""
        ports = json.loads(self.host.card("counters"))["ports"]
        port = next((port for port in ports if port["member"] == index + 1), {"commands": {}})
        return sum(port["commands"].get(str(opcode), {}).get("ok", 0)
                   for opcode in LEGACY_OPCODES)

    def network(self):
        """Gives the PF's own interface the address that guests ping, once."""
        self.host.sh(f"""netdev=$(ls /sys/bus/pci/devices/{PF}/virtio*/net)
ip -4 addr show dev $netdev | grep -q {guest.HOST_IP} ||
    ip addr add {guest.HOST_IP}/24 dev $netdev && ip link set $netdev up""")

    # ---- guests --------------------------------------------------------------------------------

    def guest(self, name):
        """A guest of guest.GUESTS that runs, drives its VF and answers; returns guest.Guest.

        Whatever is missing is done: it is started, given its VF, waited for.
        """
        chosen = guest.GUESTS[name]
        if not self.runs(name):
            self.start(name)
        if self.vfs()[chosen.vf]["state"] != "in-use":
            self.attach(name)
        self.ready(name)
        return chosen

    def runs(self, name):
        """Whether a guest runs."""
        return self.host.try_run("virsh", "domstate", name).out.strip() == "running"

    def define(self, name, address, **more):
        """Defines a guest (guest.domain_xml()) that is not started."""
        path = f"{guest.FOLDER}/{name}.xml"
        if self.host.try_run("virsh", "dominfo", name).status == 0:
            self.host.run("virsh", "undefine", name)
        self.host.run("/bin/sh", "-c", f"cat > {path}",
                      text_in=guest.domain_xml(name, address, **more))
        self.host.run("virsh", "define", path)

    def define_paused(self, name, *indexes):
        """Defines a domain that names VFs; it is never run, so it needs no guest."""
        hostdevs = [self.host.run("cat", self.hostdev(index)) for index in indexes]
        self.define(name, "10.5.0.99", hostdev="".join(hostdevs))

    def start_paused(self, name):
        """Tries to start it without letting it run; returns agent.Done."""
        return self.host.try_run("virsh", "start", "--paused", name, limit_s=START_LIMIT_S)

    @contextlib.contextmanager
    def paused_domain(self, name, *indexes):
        """A domain that names VFs and is not started yet; it is gone afterwards."""
        self.define_paused(name, *indexes)
        try:
            yield
        finally:
            self.host.try_run("virsh", "destroy", name, limit_s=300)
            self.host.try_run("virsh", "undefine", name)

    @contextlib.contextmanager
    def others_paused(self):
        """Stops all guests for the block: on the one CPU there is, the next one boots alone."""
        names = self.host.run("virsh", "list", "--name", "--state-running").split()
        for name in names:
            self.host.run("virsh", "suspend", name)
        try:
            yield
        finally:
            for name in names:
                self.host.run("virsh", "resume", name)

    def start(self, name):
        """Defines and starts a guest of guest.GUESTS; one that starts cold has its VF then."""
        chosen = guest.GUESTS[name]
        hostdev = self.host.run("cat", self.hostdev(chosen.vf)) if chosen.cold else ""
        self.network()
        self.define(name, chosen.address, machine=chosen.machine, legacy=chosen.legacy,
                    hostdev=hostdev)
        self.show(f"virsh start {name}")

    def attach(self, name):
        """Waits until a guest is up, and gives it its VF as a person does."""
        self._narrator.note(f"{name} boots, emulated in an emulated host: this takes a while")
        said = self.hear(name, "up")[0]
        self._narrator.note(f"{name} is up, {said.split()[1]} s after its power-on")
        self.show(f"virsh attach-device {name} {self.hostdev(guest.GUESTS[name].vf)}")

    def detach(self, name):
        """Takes a guest's VF away, and waits until both the guest and the pool say so."""
        vf = guest.GUESTS[name].vf
        self.show(f"virsh detach-device {name} {self.hostdev(vf)}")
        self.hear(name, "gone", count=self._count(name, "pci"))
        self.wait_state(vf, "published")

    def destroy(self, name):
        """Ends a guest at once, and waits until its VF is back in the pool."""
        self.host.run("virsh", "destroy", name)
        self.wait_state(guest.GUESTS[name].vf, "published")

    def ready(self, name):
        """Waits until a guest has the link of its VF up, and until its network answers."""
        address = guest.GUESTS[name].address
        self.hear(name, "ready", count=self._count(name, "gone") + 1)
        self._narrator.note(f"{name} has a link")
        self.host.wait_for(f"the guest {name} to answer", lambda: self.answers(address), 300)

    def answers(self, address):
        """Whether a ping of the host is answered."""
        return self.host.try_run("ping", "-c", "1", "-W", "5", address).status == 0

    def ping_goes_on(self, name, count=2, limit_s=300):
        """Waits until a guest's own pings of the host, one a second, were answered so many more
        times from now on."""
        self.hear(name, "pong", self._count(name, "pong") + count, limit_s)

    def said(self, name):
        """The lines that a guest printed for the tests since it was started."""
        done = self.host.try_run("cat", guest.said_path(name))
        return [line.strip()[6:] for line in done.out.splitlines() if line.startswith("GUEST ")]

    def _count(self, name, word):
        return sum(1 for line in self.said(name) if line.split()[0] == word)

    def hear(self, name, word, count=1, limit_s=GUEST_LIMIT_S):
        """Waits until a guest has printed count lines that begin with a word; returns those."""
        script = guest.HEAR.format(path=guest.said_path(name), word=word, count=count)
        done = self.host.try_run("timeout", str(limit_s), "bash", "-c", script,
                                 limit_s=limit_s + 30)
        if done.status:
            raise Problem(f"waited {limit_s} s in vain for the guest {name} to say {word!r}; it "
                          f"said: {' | '.join(self.said(name)[-5:])}")
        return [line.strip()[6:] for line in done.out.splitlines()]

    def in_guest(self, name, line, limit_s=300):
        """Runs a shell line on the console of a guest that is up; returns what it printed."""
        script = guest.console_script(name, line)
        return self.host.run("/bin/sh", "-c", script, limit_s=limit_s)

    def drives(self, name, before):
        """How a guest drives its VF; what it should be is expected, "legacy" proved as such.

        before: commands() of its VF before the guest had it. Returns the guest's own words.
        """
        chosen = guest.GUESTS[name]
        said = self.hear(name, "pci", count=self._count(name, "gone") + 1)[-1]
        features = self.hear(name, "features", count=self._count(name, "gone") + 1)[-1].split()[1]
        expect("vendor 0x1af4 device 0x1000 revision 0x00" in said, f"the guest sees {said}")
        flags = int(said.split()[-1], 16)
        expect(flags & 1, f"BAR0 of the guest's device is no I/O space: {said}")
        if chosen.legacy:
            expect(features[32] == "0", f"VIRTIO_F_VERSION_1 was negotiated: {features}")
            expect(self.commands(chosen.vf) > before, "the card executed no legacy command")
        else:
            expect(features[32] == "1", f"VIRTIO_F_VERSION_1 was not negotiated: {features}")
        return said

    # ---- the end -------------------------------------------------------------------------------

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
