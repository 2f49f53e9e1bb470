# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the tests of an init program in as few VMs as honest, and reports each one's result.

The init program's own table says what there is (name, machines, kernels, modules, limit). Tests
of the same kernel share a VM when their machines differ in nothing but the card, which is swapped
in between; one that leaves the VM unfit comes last. When a VM ends early, the test that was
running has failed and the rest is run in another one.
"""

import itertools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from . import bootimage, cache, kernels, machines, modules, packages, report, shell, userland
from .errors import Problem
from .initramfs import Archive, Modules
from .vm import AROUND_TEST_LIMIT_S, Job, Needs, Vm

UAPI = Path(__file__).resolve().parent.parent.parent / "kernel/include/uapi"

TESTS_A_VM = 50     # so that all cores have something to do to the end

# The table's order is that of the files: the compiler must not turn it round.
FLAGS = ("-std=gnu11", "-static", "-O1", "-fno-toplevel-reorder", "-Wall", "-Wextra", "-Werror")


@dataclass(frozen=True)
class Row:
    """One test of the table on one machine. label: its name for people."""
    name: str
    machine: str
    kernels: tuple
    modules: tuple
    limit_s: int
    own_boot: bool = False
    last: bool = False
    on_demand: bool = False

    @property
    def label(self):
        """The name in reports and patterns: with the machine, unless that is the default."""
        return self.name if self.machine == "default" else f"{self.name}@{self.machine}"


@dataclass(frozen=True)
class Boot:
    """What one VM is to run. machine: the one that it starts as."""
    version: str
    machine: str
    rows: tuple


@dataclass(frozen=True)
class System:
    """Where a Runner has kernels from, and how tests are told to run on them.

    kernel, image, modules: version -> lib.kernels.Kernel, Kernel -> file for QEMU's -kernel,
    version -> files of our modules; needs: of these kernels; settings: name -> number, for
    test_number(); by_version: whether each version has a section.
    """
    kernel: Callable = kernels.get
    image: Callable = bootimage.get
    modules: Callable = modules.build
    needs: Needs = Needs()
    settings: dict = field(default_factory=dict)
    by_version: bool = True


def compile_init(name, folders):
    """The static init program made of all C files in those folders; built when they changed."""
    sources = [path for folder in folders for path in sorted(folder.glob("*.c"))]
    headers = [path for folder in (*folders, UAPI) for path in sorted(folder.glob("*.h"))]
    places = [word for folder in folders for word in ("-I", folder)]

    def build(place):
        packages.ensure("gcc", "libc6-dev")
        shell.run(["gcc", *FLAGS, *places, "-o", place / "init", *sources], f"cannot build {name}")

    return cache.item(name, cache.key(*FLAGS, *sources, *headers), build) / "init"


def table(init):
    """The rows of an init program, one for each machine of a test."""
    rows = []
    for line in shell.run([init, "--list"], f"cannot list the tests of {init}").splitlines():
        name, machine_names, versions, module_names, limit_s, *flags = line.split("\t")
        for machine in machine_names.split(" "):
            rows.append(Row(name, machine, tuple(versions.split()), tuple(module_names.split()),
                            int(limit_s), *(flag == "1" for flag in flags)))
    return rows


def plan(rows, patterns, versions, tests_a_vm=TESTS_A_VM):
    """The boots for the chosen rows, shared where the rows allow it; those that may last first."""
    boots = []
    for version in versions:
        chosen = [row for row in rows
                  if version in row.kernels and report.matches(patterns, row.label)
                  and (patterns or not row.on_demand)]
        parts = [(row,) for row in chosen if row.own_boot]
        shared = {}
        for row in chosen:
            if not row.own_boot:
                shared.setdefault(machines.board(row.machine), []).append(row)
        for some in shared.values():
            parts += _share_out(some, tests_a_vm)
        boots += [Boot(version, part[0].machine, tuple(part)) for part in parts]
    return sorted(boots, key=lambda boot: -_limit_s(boot.rows))


def _share_out(rows, tests_a_vm):
    """Rows that may share VMs, cut into a list for each VM. No VM has more than one row that must be
    the last, and tests of the same card are together, as a swap takes seconds."""
    last = [row for row in rows if row.last]
    rest = [row for row in rows if not row.last]
    count = max(len(last), -(-len(rest) // tests_a_vm))
    parts = [[] for _ in range(count)]
    first = rest[0].machine if rest else None
    for number, row in enumerate(row for row in rest if row.machine == first):
        parts[number % count].append(row)
    for machine in dict.fromkeys(row.machine for row in rest if row.machine != first):
        min(parts, key=_limit_s).extend(row for row in rest if row.machine == machine)
    for row in last:
        min((part for part in parts if not part or not part[-1].last), key=_limit_s).append(row)
    for part in parts:
        part.sort(key=lambda row: (row.last, row.machine == first))
    return [part for part in parts if part]


def _limit_s(rows):
    """How long the rows may take together."""
    return sum(row.limit_s for row in rows)


def in_parallel(function, items, more=0):
    """Calls a function for each item in threads, as many at a time as VFVIRT_JOBS says; without
    it as many as there are cores, and so many more."""
    jobs = os.environ.get("VFVIRT_JOBS") or os.cpu_count() + more
    with ThreadPoolExecutor(int(jobs)) as pool:
        for running in [pool.submit(function, item) for item in items]:
            running.result()


class Runner:
    """Runs boots and reports to a tier. One object a tier run."""

    def __init__(self, tier_report, tier, init, sit=False, around_test_s=AROUND_TEST_LIMIT_S,
                 system=System()):
        """tier: its name, for sections; init: Path of the init program; around_test_s: how much
        longer than its own limit a test may take before the VM counts as hung."""
        self._report, self._tier, self._init, self._sit = tier_report, tier, init, sit
        self._around_test_s = around_test_s
        self._system = system
        self._numbers = itertools.count(1)
        self._modules = {}
        self._guard = threading.Lock()  # of _modules, and lets one thread build at a time

    def run_all(self, boots):
        """Runs boots, one more at a time than there are cores, as tests wait for much of their
        time; one at a time when a person sits."""
        if self._sit:
            for boot in boots:
                self.run(boot)
        else:
            in_parallel(self.run, boots, more=1)

    def run(self, boot):
        """Runs a boot, and what a VM that ended early left over in further ones."""
        try:
            while boot:
                left = self._run_once(boot)
                boot = left and Boot(boot.version, left[0].machine, left)
        except Problem as problem:
            for row in boot.rows:
                self._report.result(self._section(boot), row.label, "fail", 0, str(problem))

    def _section(self, boot):
        """The section that a boot's results go to."""
        return f"{self._tier} {boot.version}" if self._system.by_version else self._tier

    def _run_once(self, boot):
        """Runs one VM and reports it; returns the rows that it did not come to."""
        others = len({row.machine for row in boot.rows} - {boot.machine})
        title = f"{boot.version} {boot.machine}{f'+{others}' * bool(others)} {next(self._numbers)}"
        section = self._section(boot)
        folder = self._report.logs(title)
        with self._guard:
            kernel = self._system.kernel(boot.version)
            image = self._system.image(kernel)
            self._write_initramfs(kernel, boot, folder / "initramfs")
        rows = {row.label: row for row in boot.rows}
        limits_s = {row.label: row.limit_s for row in boot.rows}
        job = Job(image, boot.machine, limits_s, folder / "initramfs", self._init, folder,
                  self._sit, self._around_test_s, self._system.needs)
        outcome = Vm(job,
                     lambda label: self._report.started(section, label),
                     lambda result: self._tell(section, result, folder)).run()
        (folder / "initramfs").unlink()
        shell.say(f"VM {title}: boot {outcome.boot_s:.1f} s, {len(outcome.stream.results)} tests, "
                  f"{outcome.total_s:.1f} s in all")
        return self._judge(section, f"(VM {title})", rows, outcome, folder)

    def _tell(self, section, result, folder):
        """Reports one result that came from the guest."""
        detail = [result.reason, *result.log]
        if result.status == "fail":
            detail.append(f"logs: {folder}")
        for line in result.log:
            if line.startswith("bench "):
                shell.say(line)
        self._report.result(section, result.name, result.status, result.seconds,
                            "\n".join(detail))

    def _judge(self, section, name, rows, outcome, folder):
        """Reports what is wrong with a VM as a whole; returns the rows still to be run."""
        stream = outcome.stream
        problems = [outcome.problem] * bool(outcome.problem) + stream.faults
        blamed = [result for result in stream.results if result.status == "fail"]
        if not stream.results and stream.planned == 0:
            problems.append("no test ran")
        if not problems and not stream.bailed and stream.missing():
            problems.append(f"no result of {', '.join(stream.missing())}")
        if stream.bailed and not blamed:
            problems.append(f"the guest gave up: {stream.bailed}")
        if outcome.console_findings and not blamed and not problems:
            problems.append("the kernel's console has findings that no test was blamed for")
        if not problems:
            return self._left(rows, stream)
        detail = "\n".join([*problems, *outcome.console_findings[:5], f"logs: {folder}"])
        if stream.running in rows:
            log = "\n".join(stream.log_of_running())
            self._report.result(section, stream.running, "fail", outcome.total_s,
                                f"{detail}\n{log}")
        else:
            self._report.result(section, name, "fail", outcome.total_s, detail)
        return self._left(rows, stream)

    def _left(self, rows, stream):
        """The rows that got neither a result nor the blame; none when the VM came to no test."""
        left = [row for label, row in rows.items()
                if label in stream.missing() and label != stream.running]
        if len(left) < len(rows):
            return tuple(left)
        return ()

    def _write_initramfs(self, kernel, boot, path):
        """Makes the initramfs of a boot: init, its plan, and the modules of its tests."""
        archive = Archive()
        archive.console()
        archive.file("init", self._init)
        if machines.get(boot.machine).control:
            userland.add_control(archive)
        lines = [f"run {row.label}" for row in boot.rows]
        if self._sit:
            archive.file("bin/busybox", _busybox())
            lines.append("sit")
        settings = {"slowness": self._system.needs.slowness, **self._system.settings}
        lines += [f"set {name} {number}" for name, number in settings.items()]
        archive.file("plan", "".join(line + "\n" for line in lines).encode())
        names = list(dict.fromkeys(name for row in boot.rows for name in row.modules))
        self._modules_for(kernel, names).add(archive, names)
        archive.write(path)

    def _modules_for(self, kernel, names):
        """The modules to choose from: the kernel's, and ours when one of those is named."""
        if (kernel.version, False) not in self._modules:
            self._modules[kernel.version, False] = Modules(kernel)
        ours = not all(self._modules[kernel.version, False].has(name) for name in names)
        if (kernel.version, ours) not in self._modules:
            folder = self._system.modules(kernel.version)[0].parent
            self._modules[kernel.version, ours] = Modules(kernel, [folder])
        return self._modules[kernel.version, ours]


def _busybox():
    """Path of a static busybox for the shell of --sit."""
    packages.ensure("busybox-static")
    return Path("/bin/busybox")
