# SPDX-License-Identifier: GPL-2.0-or-later
"""Gives cases a made-up host to run vfvirtctl on, and golden files to hold it against."""

import difflib
import json
import os
import re
import socket
import subprocess
import time
from pathlib import Path

from fakecard import FakeCard
from lib import packages, programs
from lib.cases import Cases, expect

HERE = Path(__file__).resolve().parent
GOLDEN = HERE / "golden"
LIMIT_S = 60        # of one run of a program
# Of the environment only what these name is passed on: how sanitizers and coverage are told.
KEPT = re.compile(r"PATH|GCOV_.*|.*SAN_OPTIONS")
case = Cases("cli", "unit", 120)
BUS_CONFIG = """<busconfig><type>system</type><listen>unix:path={folder}/bus</listen>
<auth>EXTERNAL</auth><servicedir>{folder}/services</servicedir>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/>
<allow receive_sender="*"/></policy></busconfig>
"""


def installed(path):
    """The path of an installed file, such as usr/bin/vfvirtctl."""
    return programs.build() / path


class Done:
    """A run that has ended: code, out, err."""

    def __init__(self, words, code, out, err):
        self.words, self.code, self.out, self.err = words, code, out, err

    def __str__(self):
        shown = " ".join(word if re.fullmatch(r"[\w./:=-]+", str(word)) else repr(word)
                         for word in self.words)
        return (f"$ vfvirtctl {shown}\n{self.out}"
                f"--- standard error\n{self.err}--- exit status {self.code}\n")


class Scene:
    """A host with a card, as a context manager. folder: empty and short, since sockets lie in it."""

    def __init__(self, folder, pfs=1, vfs_max=16):
        self.folder = folder
        self.root = folder / "host"
        self.root.mkdir()
        self.card = FakeCard(installed("tests/fakecard/fakecard"), folder, pfs, vfs_max)
        self._running = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self._running):
            process.kill()
            process.wait(LIMIT_S)
            if process.stdout:
                process.stdout.close()
        self.card.stop()

    def environment(self):
        """All that vfvirtctl needs to see this host and nothing of the real one."""
        kept = {name: value for name, value in os.environ.items() if KEPT.fullmatch(name)}
        return {**kept, **self.card.environment(), "VFVIRT_ROOT": str(self.root),
                "LC_ALL": "C.UTF-8", "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.folder}/bus"}

    def start(self, *words):
        """Starts a program that lives until the scene ends, and waits for its first line."""
        log = self.folder / "log"
        with open(log, "a", encoding="utf-8") as errors:
            process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors, text=True,
                                       env=self.environment())
        self._running.append(process)
        expect(process.stdout.readline(), f"{words[0]} did not start: {log.read_text()}")
        return process

    def start_bus(self):
        """A bus of our own, on which a service stands that must never be started."""
        services = self.folder / "services"
        services.mkdir()
        trap = self.folder / "trap"
        trap.write_text(f"#!/bin/sh\ntouch {self.folder}/started\n")
        trap.chmod(0o755)
        (services / "org.vfvirt1.service").write_text(
            f"[D-BUS Service]\nName=org.vfvirt1\nExec={trap}\nUser=root\n")
        config = self.folder / "bus.conf"
        config.write_text(BUS_CONFIG.format(folder=self.folder))
        self.start("dbus-daemon", f"--config-file={config}", "--nofork", "--print-address")

    def start_daemon(self, **answers):
        """A vfvirtd that gives these answers: method -> text, or object."""
        self.start_bus()
        for method, answer in answers.items():
            self.answer(method, answer)
        self.daemon = self.start(installed("tests/cli/fake_vfvirtd"), self.folder)

    def start_vfvirtd(self):
        """The real vfvirtd, ready and on the bus."""
        self.start_bus()
        notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notified.bind(str(self.folder / "notify"))
        notified.settimeout(LIMIT_S)
        with open(self.folder / "log", "a", encoding="utf-8") as log:
            self._running.append(subprocess.Popen(
                [installed("usr/sbin/vfvirtd")], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**self.environment(), "NOTIFY_SOCKET": str(self.folder / "notify"),
                     "VFVIRT_LIBVIRT_PIDFILE": str(self.folder / "libvirtd.pid")}))
        with notified:
            while b"READY=1" not in notified.recv(65536):
                pass
        # Its name is given a moment after it is ready.
        end = time.monotonic() + LIMIT_S
        while "vfvirtd is running" not in self.run("check").out:
            expect(time.monotonic() < end, "vfvirtd is ready but not on the bus")

    def answer(self, method, answer):
        """What vfvirtd answers to a method from now on."""
        text = answer if isinstance(answer, str) else json.dumps(answer)
        (self.folder / method).write_text(text)

    def calls(self):
        """The calls that vfvirtd got, a line each."""
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def run(self, *words, **environment):
        """Runs vfvirtctl to its end; names of folders are made the same for every run."""
        done = subprocess.run([installed("usr/bin/vfvirtctl"), *words], check=False,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S,
                              env={**self.environment(), **environment})
        out, err = (text.decode("utf-8", "backslashreplace").replace(str(self.folder), "/FOLDER")
                    for text in (done.stdout, done.stderr))
        shown = [word.replace(str(self.folder), "/FOLDER") if isinstance(word, str) else word
                 for word in words]
        return Done(shown, done.returncode, out, err)

    def write(self, path, text):
        """A file below the root of the host, with the folders above it."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            place.write_bytes(text)
        else:
            place.write_text(text)

    def intent(self, name, **keys):
        """An intent file."""
        (self.folder / f"etc/{name}.json").write_text(json.dumps(keys))

    def sysfs(self, path, text):
        """Writes to an attribute below sys/bus/pci/devices."""
        (self.card.sysfs / "bus/pci/devices" / path).write_text(text)

    def create(self, pf, number):
        """VFs of a PF, without drivers."""
        self.sysfs(f"{pf}/sriov_drivers_autoprobe", "0")
        self.sysfs(f"{pf}/sriov_numvfs", str(number))

    def bind(self, vf, driver):
        """A VF to a driver."""
        self.sysfs(f"{vf}/driver_override", driver)
        (self.card.sysfs / "bus/pci/drivers_probe").write_text(vf)

    def publish(self, vf):
        """The file that vfvirtd writes for a VF that is ready."""
        (self.folder / "run/hostdev").mkdir(parents=True, exist_ok=True)
        domain, bus, device, function = re.split("[:.]", vf)
        (self.folder / f"run/hostdev/{vf}.xml").write_text(
            "<hostdev mode='subsystem' type='pci' managed='no'>\n"
            "  <source>\n"
            f"    <address domain='0x{domain}' bus='0x{bus}' slot='0x{device}'"
            f" function='0x{function}'/>\n"
            "  </source>\n"
            f"  <alias name='ua-vfvirt-{domain}-{bus}-{device}-{function}'/>\n"
            "</hostdev>\n")

    def claim(self, vf, uuid, domain):
        """What libvirt's hook writes for a VF that a domain has."""
        (self.folder / "run/claims").mkdir(parents=True, exist_ok=True)
        (self.folder / f"run/claims/{vf}").write_text(f"{uuid} {domain}\n")


def golden(name, *runs):
    """Fails the case unless the runs are as the file golden/NAME says.

    With VFVIRT_GOLDEN=write the file is written instead: look at the difference before you commit.
    """
    path, text = GOLDEN / name, "\n".join(map(str, runs))
    if os.environ.get("VFVIRT_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return
    expected = path.read_text(encoding="utf-8")
    difference = difflib.unified_diff(expected.splitlines(), text.splitlines(), str(path), "now",
                                      lineterm="")
    expect(text == expected, "\n".join(difference))


def golden_pair(name, scene, *words):
    """A run for people, and the same with --json, which must be as the schema says."""
    golden(f"{name}.text", scene.run(*words))
    done = scene.run(*words, "--json")
    golden(f"{name}.json", done)
    if done.out:
        check_schema(done.out)
    for line in done.err.splitlines():
        if line.startswith("{"):
            check_schema(line)


def check_schema(text):
    """Fails the case unless a text is an object of the published schema."""
    packages.ensure("python3-jsonschema")
    # pylint: disable-next=import-outside-toplevel; it may have been installed just now
    import jsonschema
    schema = json.loads(installed("usr/share/vfvirt/vfvirt-json.schema.json").read_text())
    wrong = jsonschema.exceptions.best_match(
        jsonschema.Draft202012Validator(schema).iter_errors(json.loads(text)))
    expect(not wrong, wrong and f"{wrong.json_path}: {wrong.message[:500]}")
