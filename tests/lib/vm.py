# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs one test VM from its start to its end: ports, limits, logs, verdict on the console."""

import os
import selectors
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import machines, qemu, shell, sitting
from .errors import Problem
from .hostchannel import HostChannel
from .ktap import Stream
from .qmp import Qmp

BOOT_LIMIT_S = 90       # QEMU's start to the plan line; a boot takes 3 to 6 s on an idle machine
AROUND_TEST_LIMIT_S = 60  # more than what init itself allows for killing and putting back
POWER_OFF_LIMIT_S = 60  # pass mark to QEMU's end, which is slow with 240 VFs

# A splat does not stop the kernel: init must live to say which test caused it. A panic ends
# the VM (-no-reboot), and the test that was running has failed. Warnings go to the console
# too, so that what comes after init's last look is judged by the host. iommu=pt keeps the PF's
# own traffic out of the IOMMU; VFs of guests go through it. The timer check panics when the host
# is busy, because an emulated timer comes late then; the self-tests of ciphers only cost time.
KERNEL_ARGUMENTS = ("console=ttyS0 quiet loglevel=5 printk.devkmsg=on panic=-1 "
                    "no_timer_check tsc=reliable cryptomgr.notests mitigations=off "
                    "intel_iommu=on iommu=pt")


@dataclass(frozen=True)
class Needs:
    """What is of a kernel's kind, here Debian's: slowness: factor to all limits; memory_mb: more
    than the machine has; arguments: further ones."""
    slowness: int = 1
    memory_mb: int = 0
    arguments: str = "log_buf_len=4M"


@dataclass
class Outcome:
    """How a VM ended. problem: why it does not count as a good run, empty when it does."""
    stream: Stream
    boot_s: float
    total_s: float
    problem: str
    console_findings: list


@dataclass
class Job:
    """What a VM is to run, and where its logs go.

    kernel_image: for -kernel; machine_name: of lib.machines; tests: name -> limit in seconds;
    init: the init program, which also measures the clock and judges the console; sit: leave a VM that hangs to a
    person; around_test_s: beyond a test's own limit, then the VM counts as hung; needs: of the
    kernel.
    """
    kernel_image: Path
    machine_name: str
    tests: dict
    initramfs: Path
    init: Path
    folder: Path
    sit: bool = False
    around_test_s: int = AROUND_TEST_LIMIT_S
    needs: Needs = Needs()


class Vm:
    """One VM; use run() once."""

    def __init__(self, job, on_start, on_result):
        """job: the Job; on_start: called with the name of a test that begins; on_result: called
        with its lib.ktap.Result."""
        self._job = job
        self._on_start, self._on_result = on_start, on_result
        self._machine = machines.get(job.machine_name, job.needs.memory_mb)
        self._stream = Stream(list(job.tests))
        self._rest = {}
        self._ktap = None
        self._begun = time.monotonic()
        self._boot_s = 0.0

    def run(self):
        """Starts the VM, follows it to its end, kills it when it hangs. Returns the Outcome."""
        ours, theirs = zip(*(socket.socketpair() for _ in range(3)))
        with open(self._job.folder / "qemu.log", "wb") as log:
            process = subprocess.Popen(
                self._command([end.fileno() for end in theirs]), stdin=subprocess.DEVNULL,
                cwd=self._job.folder, stdout=log, stderr=log, pass_fds=[end.fileno() for end in theirs],
                preexec_fn=shell.die_with_parent)
        for end in theirs:
            end.close()
        try:
            problem = self._follow(process, *ours)
        except Problem as error:
            problem = str(error)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            for end in ours:
                end.close()
        total_s = time.monotonic() - self._begun
        return Outcome(self._stream, self._boot_s, total_s, problem, self._judge_console())

    def _command(self, ends):
        """QEMU's command line. ends: descriptors for results, requests and QMP."""
        ports = []
        for name, end in zip(("ktap", "host", "qmp"), ends):
            ports += ["-chardev", f"socket,id={name},fd={end}"]
        console = "file,id=console,path=console.log"  # in the folder for logs, where QEMU runs
        if self._job.sit:
            console = ("socket,id=console,path=console.sock,server=on,wait=off,"
                       "logfile=console.log")
        clock_khz = int(shell.run([self._job.init, "--clock"], "cannot measure the clock"))
        arguments = [KERNEL_ARGUMENTS, f"tsc_early_khz={clock_khz}",
                     self._machine.kernel_arguments, self._job.needs.arguments]
        return [*qemu.command(), *machines.arguments(self._machine), *ports,
                "-chardev", console, "-mon", "chardev=qmp,mode=control",
                "-device", "isa-serial,chardev=console,index=0",
                "-device", "isa-serial,chardev=ktap,index=1",
                # The third port's usual interrupt is the first port's, and QEMU cannot share it.
                "-device", "isa-serial,chardev=host,index=2,irq=5",
                "-D", "trace.log", "-trace", "vfvirt_admin_command",
                "-kernel", str(self._job.kernel_image), "-initrd", str(self._job.initramfs),
                "-append", " ".join(arguments).strip()]

    def _follow(self, process, ktap, guest, control):
        """Serves the VM until it ends; returns what is wrong with it, or an empty string."""
        self._ktap = ktap
        channel = HostChannel(Qmp(control), self._machine)
        ended = os.fdopen(os.pidfd_open(process.pid))
        step, since = None, 0.0
        with ended, selectors.DefaultSelector() as events:
            events.register(ktap, selectors.EVENT_READ, self._stream_line)
            events.register(guest, selectors.EVENT_READ,
                            lambda line: _send(guest, channel.answer(line)))
            events.register(ended, selectors.EVENT_READ)
            while events.get_map():
                if self._stream.bailed:
                    return ""  # a kernel that is unfit may be unable to switch off, too
                if step != self._step():
                    step, since = self._step(), time.monotonic()
                left_s = since + step[0] - time.monotonic()
                if left_s <= 0:
                    return self._hung(step, ended)
                for key, _ in events.select(left_s):
                    if key.fileobj == ended or not self._read(key.fileobj, key.data):
                        events.unregister(key.fileobj)
        return self._ending(process.wait())

    def _read(self, end, take):
        """Takes what arrived at one end, line by line; false at its end."""
        try:
            data = end.recv(65536)
        except ConnectionResetError:
            data = b""
        *lines, self._rest[end] = (self._rest.get(end, b"") + data).split(b"\n")
        for line in lines:
            take(line.decode(errors="replace").rstrip("\r"))
        return bool(data)

    def _stream_line(self, line):
        """Takes one line of the result stream and hands on what it tells."""
        with open(self._job.folder / "ktap.log", "a", encoding="utf-8") as log:
            log.write(line + "\n")
        before = (len(self._stream.results), self._stream.running, self._stream.sitting)
        self._stream.feed(line)
        if self._stream.planned >= 0 and not self._boot_s:
            self._boot_s = time.monotonic() - self._begun
        if len(self._stream.results) > before[0]:
            self._on_result(self._stream.results[-1])
        if self._stream.running and self._stream.running != before[1]:
            self._on_start(self._stream.running)
        if self._stream.sitting and not before[2]:
            sitting.invite(self._job.folder, f"{self._stream.running} failed", self._ktap)

    def _step(self):
        """What the VM is to do next: (limit in seconds, in words)."""
        stream, slowness = self._stream, self._job.needs.slowness
        if stream.sitting:
            return sitting.LIMIT_S, "end of the shell"
        if stream.done:
            return POWER_OFF_LIMIT_S * slowness, "power off"
        if stream.running:
            limit_s = self._job.tests.get(stream.running, 0) + self._job.around_test_s
            return limit_s * slowness, f"result of {stream.running}"
        return BOOT_LIMIT_S * slowness, f"next line after {len(stream.results)} results"

    def _hung(self, step, ended):
        """The VM missed a limit: to be killed, unless a person wants to look at it."""
        problem = f"the VM hung: no {step[1]} within {step[0]} s; it was killed"
        if self._job.sit:
            sitting.invite(self._job.folder, problem, ended)
        return problem

    def _ending(self, status):
        """QEMU ended by itself: what is wrong with how it ended, or an empty string."""
        if status:
            text = (self._job.folder / "qemu.log").read_text(errors="replace").strip()
            return f"QEMU ended with status {status}: {' '.join(text.splitlines()[-3:])}"
        if self._stream.done or self._stream.bailed:
            return ""
        lines = self._console().splitlines()
        telling = [line for line in lines if "Kernel panic" in line] or lines or ["(silent)"]
        return f"the VM ended before its pass mark; console: {telling[-1].strip()}"

    def _console(self):
        try:
            return (self._job.folder / "console.log").read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def _judge_console(self):
        """The guilty lines of the console, by the same list that init judges by."""
        done = subprocess.run([self._job.init, "--judge"], input=self._console(), text=True,
                              capture_output=True, check=True, timeout=10)
        return done.stdout.splitlines()


def _send(end, line):
    """Sends a line to the guest; that QEMU died is noticed elsewhere."""
    try:
        end.sendall(line.encode() + b"\n")
    except OSError:
        pass
