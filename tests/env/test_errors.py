# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad input and a bad host: one clear line each, the right exit status, and never green."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from lib import apt, kernels, packages, qemu, shell, tiers
from lib.errors import Overdue, Problem, Stale

from .case import TESTS, expect, expect_raises, expect_refusal, runner, test

NOBODY = ("setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=+dac_read_search",
          "--ambient-caps=+dac_read_search")


@test("errors: without root it says so")
def _(_folder):
    for words in (("unit",), ("build", "qemu"), ()):
        expect_refusal(runner(*words, prefix=NOBODY), 1, "must run as root")


@test("errors: the lists of tiers and tests need no root")
def _(_folder):
    code, out, err = runner("--list", prefix=NOBODY)
    expect(code == 0 and all(name in out for name in tiers.TIERS), f"{out}{err}")
    code, out, err = runner("unit", "--list", prefix=NOBODY)
    expect(code == 0 and "errors: the lists of tiers and tests need no root" in out, f"{out}{err}")


@test("errors: an unknown tier is refused with the list of tiers")
def _(_folder):
    expect_refusal(runner("kernels"), 2, "no tier 'kernels'; there are: unit, ")


@test("errors: an unknown build is refused with the list of builds")
def _(_folder):
    expect_refusal(runner("build", "qmeu"), 2, "cannot build 'qmeu'; there are: ")
    expect_refusal(runner("build"), 2, "cannot build ''; there are: ")


@test("errors: an unknown kernel is refused with the list of kernels")
def _(_folder):
    expect_refusal(runner("kernel", "--kernel", "6.6"), 2,
                   "no kernel '6.6'; there are: 6.1, 6.12, 7.3, all")
    expect_raises(Problem, "6.1, 6.12, 7.3", lambda: kernels.get("6.6"))


@test("errors: a kernel for a tier that runs on none is refused")
def _(_folder):
    expect_refusal(runner("unit", "--kernel", "6.1"), 2, "the tier unit runs on no kernel")


@test("errors: a pattern without a tier is refused")
def _(_folder):
    for what in ("all", "clean"):
        expect_refusal(runner(what, "S-40"), 2, f"{what} takes no pattern")


@test("errors: an unknown option is refused")
def _(_folder):
    expect_refusal(runner("unit", "--kernels", "6.1"), 2, "--kernels")


@test("errors: a tier whose tests are not in the checkout is refused")
def _(folder):
    copy = folder / "tests"
    copy.mkdir()
    (copy / "lib").symlink_to(TESTS / "lib")
    (copy / "run").write_bytes((TESTS / "run").read_bytes())
    (copy / "device").mkdir()
    done = subprocess.run([sys.executable, copy / "run", "device"], check=False,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    expect_refusal((done.returncode, done.stdout, done.stderr), 2,
                   "the tier device has no tests in this checkout (tests/device/__init__.py)")


def offline(folder):
    """The environment in which apt finds no mirror: a proxy address where nobody listens."""
    config = folder / "apt.conf"
    config.write_text('Acquire::http::Proxy "http://127.0.0.1:9";\n'
                      'Acquire::https::Proxy "http://127.0.0.1:9";\nAcquire::Retries "0";\n')
    return {"APT_CONFIG": str(config)}


@test("errors: without a network the mirror is named as out of reach")
def _(folder):
    expect_refusal(runner("build", "kernels", "--kernel", "6.12", **offline(folder)), 1,
                   "cannot fetch the package lists of trixie: the package mirror cannot be "
                   "reached")


@test("errors: results that cannot be written end the run red, in one line")
def _(_folder):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([sys.executable, TESTS / "run", "unit", "tier is refused with"],
                              check=False, stdin=subprocess.DEVNULL, stdout=full,
                              stderr=subprocess.PIPE, text=True)
    expect_refusal((done.returncode, "", done.stderr), 1, "cannot write the results")


@test("errors: a tier that cannot be built for closes with a failure")
def _(folder):
    code, out, err = runner("device", VFVIRT_QEMU="", **offline(folder))
    expect(code == 1 and "the package mirror cannot be reached" in err, f"{code}: {out}{err}")
    expect(out.splitlines()[-1] == "0 passed, 1 failed", out)


@test("errors: lists that could not be fetched are fetched by the next run")
def _(folder):
    runner("build", "kernels", "--kernel", "7.3", **offline(folder))
    fetched = folder / "cache/apt/trixie-backports/fetched"
    expect(not fetched.exists(), "the failed lists count as fetched")


@test("errors: a package that does not exist is named, with the reason it was wanted")
def _(folder):
    (folder / "lists/partial").mkdir(parents=True)
    config = folder / "apt.conf"
    config.write_text(f'Dir::State::lists "{folder}/lists";\nDir::Etc::sourcelist "/dev/null";\n'
                      'Dir::Etc::sourceparts "/dev/null";\n')
    done = subprocess.run(
        [sys.executable, "-c", "from lib import packages, errors\n"
         "packages.REASONS['vfvirt-none'] = 'planted reason'\n"
         "try: packages.ensure('vfvirt-none')\n"
         "except errors.Problem as problem: print(problem)"],
        env={**os.environ, "PYTHONPATH": str(TESTS), "APT_CONFIG": str(config)}, cwd=TESTS,
        capture_output=True, text=True, check=True)
    expect("installing the package vfvirt-none: planted reason" in done.stderr, done.stderr)
    expect(done.stdout.startswith("cannot install vfvirt-none: the mirror has no such package"),
           done.stdout)


@test("errors: only packages with a reason are installed")
def _(_folder):
    expect_raises(KeyError, "vfvirt-none", lambda: packages.ensure("vfvirt-none"))


@test("errors: an unwritable cache is refused before anything is done")
def _(folder):
    (folder / "file").touch()
    expect_refusal(runner("build", "kernels", VFVIRT_CACHE=str(folder / "file")), 1,
                   f"{folder / 'file'}: cannot write to the cache folder")


@test("errors: no room for a kernel is said before it is fetched")
def _(folder):
    (folder / "cache").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", folder / "cache"],
                   check=True)
    try:
        expect_refusal(runner("build", "kernels", "--kernel", "7.3"), 1, "no disk space for "
                       "kernel-7.3: it needs 1500 MB")
    finally:
        subprocess.run(["umount", folder / "cache"], check=True)


@test("errors: VFVIRT_QEMU that is no program is named")
def _(folder):
    expect_refusal(runner("build", "qemu", VFVIRT_QEMU=str(folder)), 1,
                   f"VFVIRT_QEMU: {folder} is not a program")


@test("errors: VFVIRT_QEMU replaces the built QEMU")
def _(_folder):
    os.environ["VFVIRT_QEMU"], before = "/bin/true", os.environ.get("VFVIRT_QEMU")
    try:
        expect(qemu.command() == ["/bin/true"], f"{qemu.command()}")
    finally:
        os.environ.pop("VFVIRT_QEMU")
        if before:
            os.environ["VFVIRT_QEMU"] = before


@test("errors: a stopped run ends at once with 128 + signal and leaves no process")
def _(folder):
    (folder / "bin").mkdir()
    held = folder / "held"
    os.mkfifo(held)
    fake = folder / "bin/apt-get"
    fake.write_text(f"#!/bin/sh\nexec 3>{held}\nexec sleep 1000\n")
    fake.chmod(0o755)
    with subprocess.Popen([sys.executable, TESTS / "run", "build", "lists"], text=True,
                          stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          env={**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}"}) as run:
        with open(held, encoding="utf-8") as reader:
            run.send_signal(signal.SIGTERM)
            _, err = run.communicate()
            reader.read()    # ends when the stand-in for apt-get is gone
    expect(run.returncode == 128 + signal.SIGTERM, f"exit status {run.returncode}: {err}")
    expect("tests/run: stopped by signal 15" in err, err)


def _state(pid):
    """The letter of a process' state, empty when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return text.rsplit(") ", 1)[1][0]


@test("errors: a program over its limit is killed with all that it started")
def _(folder):
    script = "sleep 1000 & echo $! > pid; wait"
    expect_raises(Overdue, "took more than 1 s and was killed", lambda: shell.run(
        ["sh", "-c", script], "cannot wait", limit_s=1, cwd=folder))
    pid = (folder / "pid").read_text().strip()
    # A busy machine may take a while to run what was killed to its end.
    deadline = time.monotonic() + 20
    while (state := _state(pid)) not in ("", "Z", "X") and time.monotonic() < deadline:
        time.sleep(0.01)
    expect(state in ("", "Z", "X"), f"still there, in state {state}")


@test("errors: the cause is found in a program's output and told in one line")
def _(_folder):
    for output, kind, text in (
            ("x\nE: Unable to locate package foo\n", Stale, "the mirror has no such package"),
            ("Err: 404  Not Found [IP: 1]\nE: Failed to fetch\n", Stale, "has no such package"),
            ("E: Failed to fetch x  Could not connect to a:80\n", Problem, "cannot be reached"),
            ("W: Temporary failure resolving 'a'\n", Problem, "cannot be reached"),
            ("tar: x: Cannot write: No space left on device\n", Problem, "the disk is full"),
            ("unshare: unshare failed: Operation not permitted\n", Problem, "real root"),
            ("CC x.o\nx.c:3: error: expected ;\nmake: *** Error 2\n", Problem, "expected ;"),
            ("one\ntwo\n", Problem, "cannot build: two")):
        found = shell.explain("cannot build", output)
        expect(type(found) is kind and text in str(found), f"{output!r}: {found!r}")


@test("errors: an archive without a package is stale")
def _(_folder):
    expect_raises(Stale, "no package", lambda: apt.show("trixie", "vfvirt-none"))
