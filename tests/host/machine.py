# SPDX-License-Identifier: GPL-2.0-or-later
"""The simulated host as a running machine: started, asked, restarted, killed."""

import shutil
import socket
import subprocess
import time

from lib import bootimage, kernels, machines, qemu, shell, systems
from lib.errors import Problem
from lib.qmp import Qmp

from . import image
from .agent import Agent

BOOT_LIMIT_S = 900      # 30 s on an idle machine
CONSOLE_TTY = "/dev/ttyS1"      # the host's end of console.sock
MEMORY_MB = 3072
# All CPUs of the host run in one thread (see lib.machines), so more of them only cost time.
CPUS = 1
RUN_LIMIT_S = 180
ARGUMENTS = ("console=ttyS0 quiet loglevel=4 root=/dev/vda rw mitigations=off no_timer_check "
             "tsc=reliable cryptomgr.notests intel_iommu=on iommu=pt systemd.show_status=0")


class Host:
    """One simulated host with a card; its disk lasts as long as this object."""

    def __init__(self, folder, card=None, memory_mb=MEMORY_MB):
        """folder: Path for its disk and logs; card: properties of the card beyond the usual."""
        self._folder = folder
        self._machine = machines.Machine("the simulated host", (card or {},),
                                         memory_mb=memory_mb, cpus=CPUS)
        self._item = image.get()
        shutil.copy(self._item / "disk.img", folder / "disk.img")
        self._process = None
        self._starts = 0
        self.agent = Agent(folder / "agent.sock")
        self.qmp = None
        self.boot_s = 0.0

    def start(self):
        """Powers it on and waits until its agent answers; boot_s says how long that took."""
        begun = time.monotonic()
        self._starts += 1
        ours, theirs = socket.socketpair()
        with open(self._folder / f"qemu-{self._starts}.log", "wb") as log:
            self._process = subprocess.Popen(
                self._command(theirs.fileno()), stdin=subprocess.DEVNULL, cwd=self._folder,
                stdout=log, stderr=log, pass_fds=[theirs.fileno()],
                preexec_fn=shell.die_with_parent)
        theirs.close()
        self.qmp = Qmp(ours)
        self.agent.wait(begun + BOOT_LIMIT_S, lambda: self._process.poll() is None)
        self.boot_s = time.monotonic() - begun

    def restart(self):
        """Powers it off at once, as a power cut does, and on again."""
        self.stop()
        self.start()

    def reboot(self, limit_s=BOOT_LIMIT_S, on_reset=None):
        """Restarts what runs on it, in order; QEMU and its card go on. limit_s: for the way down,
        and for the way up; on_reset(): called when the machine begins anew."""
        self.qmp.execute("set-action", reboot="reset")
        self.qmp.events.clear()
        self.run("systemctl", "--no-block", "reboot")
        self.agent.forget()
        self.qmp.wait_event("RESET", limit_s, guest=True)
        if on_reset:
            on_reset()
        self.agent.wait(time.monotonic() + limit_s, lambda: self._process.poll() is None)

    def settle(self, limit_s=600):
        """Waits until the boot is over, and udev has renamed the last interface; returns systemd's
        word for the state, "running" at best."""
        done = self.try_run("systemctl", "is-system-running", "--wait", limit_s=limit_s)
        self.try_run("udevadm", "settle")
        return done.out.strip()

    def stop(self):
        """Ends the machine; the disk stays as it is."""
        self.agent.forget()
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def power_off(self, limit_s=120):
        """Shuts it down in order."""
        self.qmp.execute("system_powerdown")
        try:
            self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise Problem(f"the simulated host did not switch off within {limit_s} s") from None
        finally:
            self.stop()

    def try_run(self, *words, limit_s=RUN_LIMIT_S, text_in=""):
        """Runs a program of the host, however it ends; returns agent.Done."""
        return self.agent.run(words, limit_s, text_in)

    def run(self, *words, limit_s=RUN_LIMIT_S, text_in=""):
        """Runs a program that must succeed; returns its standard output."""
        done = self.try_run(*words, limit_s=limit_s, text_in=text_in)
        if done.status:
            raise Problem(f"{' '.join(words)}: status {done.status}: "
                          f"{(done.err or done.out).strip()}")
        return done.out

    def sh(self, line, limit_s=RUN_LIMIT_S):
        """Runs a shell line that must succeed; returns its standard output."""
        return self.run("/bin/sh", "-c", line, limit_s=limit_s)

    def wait_for(self, what, test, limit_s):
        """Asks test() until it gives something true, which is returned."""
        deadline = time.monotonic() + limit_s
        while True:
            found = test()
            if found:
                return found
            if time.monotonic() > deadline:
                raise Problem(f"waited {limit_s} s in vain for {what}")
            time.sleep(0.5)

    def card(self, name):
        """A property of the card."""
        return self.qmp.execute("qom-get", path="/machine/peripheral/pf0", property=name)

    def plug(self):
        """Puts the card in again that was taken out."""
        self.qmp.execute("device_add", **machines.card_options(self._machine, 0))

    def console(self):
        """What the kernel printed since the last start."""
        path = self._folder / f"console-{self._starts}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _command(self, qmp_end):
        machine = machines.arguments(self._machine)
        return [*qemu.command(), *machine,
                "-drive", "file=disk.img,format=raw,if=none,id=disk,cache=unsafe",
                "-device", "virtio-blk-pci,drive=disk,addr=0x11,romfile=",
                "-device", "virtio-serial-pci,addr=0x12",
                "-chardev", "socket,path=agent.sock,server=on,wait=off,id=agent",
                "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
                "-chardev", f"socket,id=qmp,fd={qmp_end}", "-mon", "chardev=qmp,mode=control",
                "-serial", f"file:console-{self._starts}.log",
                "-chardev", "socket,path=console.sock,server=on,wait=off,id=console",
                "-serial", "chardev:console",
                "-D", "trace.log", "-trace", "vfvirt_admin_command",
                "-kernel", str(bootimage.get(kernels.get(systems.chosen().kernel))),
                "-initrd", str(self._item / "initramfs"), "-append", ARGUMENTS]
