# SPDX-License-Identifier: GPL-2.0-or-later
"""A libvirt of its own: the real libvirtd with the test driver, and what stands for none."""

import os
import re
import signal
import socket
import subprocess
import time

LIMIT_S = 60
FOLDERS = ("/etc/libvirt", "/run/libvirt", "/var/cache/libvirt", "/var/lib/libvirt",
           "/var/log/libvirt")
CONFIGURATION = """unix_sock_dir = "{folder}"
auth_unix_ro = "none"
auth_unix_rw = "none"
"""
NODE = """<node>
  <domain type='test'>
    <name>{name}</name>
    <memory>8192</memory><vcpu>1</vcpu><os><type>hvm</type></os>
    <devices>
      <hostdev mode='subsystem' type='pci' managed='no'>
        <source><address domain='0x{domain}' bus='0x{bus}' slot='0x{slot}'
                         function='0x{function}'/></source>
      </hostdev>
    </devices>
  </domain>
</node>
"""


def uri(machine, name, vf):
    """Where a libvirt is reached that has a running domain of that name with that VF."""
    node = machine.folder / "node.xml"
    domain, bus, slot, function = re.split("[:.]", vf)
    node.write_text(NODE.format(name=name, domain=domain, bus=bus, slot=slot, function=function),
                    encoding="utf-8")
    return f"test+unix://{node}?socket={machine.folder}/libvirt-sock"


class Libvirtd:
    """A running libvirtd without any driver but the test driver, as a context manager."""

    def __init__(self, machine):
        for folder in FOLDERS:
            if not os.path.ismount(folder):
                os.makedirs(folder, exist_ok=True)
                subprocess.run(["mount", "-t", "tmpfs", "none", folder], check=True)
        self.folder = machine.folder
        (self.folder / "no-drivers").mkdir()
        configuration = self.folder / "libvirtd.conf"
        configuration.write_text(CONFIGURATION.format(folder=self.folder), encoding="utf-8")
        with open(machine.logs / "libvirtd.log", "wb") as log:
            self.process = subprocess.Popen(
                ["/usr/sbin/libvirtd", "-f", configuration, "-p", self.folder / "libvirtd.pid"],
                env={**os.environ, "LIBVIRT_DRIVER_DIR": str(self.folder / "no-drivers")},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def __enter__(self):
        end = time.monotonic() + LIMIT_S
        while not self._answers():
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError("libvirtd did not start: see libvirtd.log")
            time.sleep(0.02)
        return self

    def _answers(self):
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self.folder / "libvirt-sock"))
            except OSError:
                return False
        return True

    def freeze(self):
        """It does not answer from now on."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        """It answers again."""
        self.process.send_signal(signal.SIGCONT)

    def __exit__(self, *_):
        self.thaw()
        self.process.terminate()
        self.process.wait(LIMIT_S)


class Sleeper:
    """The socket of a libvirtd that is not running, held as systemd would; a context manager."""

    def __init__(self, machine):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(machine.folder / "libvirt-sock"))
        self.socket.listen()
        self.socket.setblocking(False)
        # Of an earlier one; nobody holds its lock.
        (machine.folder / "libvirtd.pid").write_text(f"{os.getpid()}\n", encoding="ascii")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def was_woken(self):
        """Whether anybody has connected."""
        try:
            self.socket.accept()[0].close()
        except BlockingIOError:
            return False
        return True
