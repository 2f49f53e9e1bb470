# SPDX-License-Identifier: GPL-2.0-or-later
"""The stub: whatever happens to the program behind it, guests must start and go on running."""

import shutil

from lib.cases import expect

from .case import STUB, case, start

OPERATIONS = ("prepare", "start", "started", "stopped", "release", "reconnect", "migrate",
              "restore", "attach")


def _program(folder, text):
    path = folder / "program"
    path.write_text("#!/bin/sh\n" + text, encoding="utf-8")
    path.chmod(0o755)
    return path


def _stub(program, operation, stub=STUB):
    return start([stub, "web1", operation, "begin", "-"], "<domain/>", VFVIRT_HOOK=str(program))


@case("hook: a domain starts when the package is gone")
def _(folder):
    for operation in OPERATIONS:
        status, said = _stub(folder / "nothing", operation)
        expect(status == 0, f"{operation}: status {status}: {said}")


@case("hook: a domain starts when the program is broken")
def _(folder):
    for text in ("exit 1", "exit 3", "exit 127", "kill -SEGV $$", "kill -KILL $$", "garbage ("):
        for operation in ("prepare", "reconnect"):
            status, said = _stub(_program(folder, text), operation)
            expect(status == 0, f"{text}, {operation}: status {status}: {said}")


@case("hook: a refusal keeps a domain from starting and nothing else")
def _(folder):
    program = _program(folder, "echo why >&2; exit 10")
    for operation in OPERATIONS:
        status, said = _stub(program, operation)
        expect(status == (operation == "prepare"), f"{operation}: status {status}")
        expect("why" in said, f"{operation}: the reason is lost: {said}")


@case("hook: what a package manager leaves behind does nothing")
def _(folder):
    program = _program(folder, f"touch {folder}/ran; exit 10")
    for suffix in (".dpkg-old", ".dpkg-dist", ".rpmsave", "~"):
        copy = folder / f"50-vfvirt{suffix}"
        shutil.copy(STUB, copy)
        status, _ = _stub(program, "prepare", copy)
        expect(status == 0 and not (folder / "ran").exists(), f"{suffix}: status {status}")


@case("hook: the arguments and the description reach the program")
def _(folder):
    program = _program(folder, f'echo "$*" > {folder}/words; cat > {folder}/text')
    _stub(program, "prepare")
    words = (folder / "words").read_text(encoding="utf-8").strip()
    expect(words == "web1 prepare begin -", f"arguments: {words}")
    text = (folder / "text").read_text(encoding="utf-8")
    expect(text == "<domain/>", f"standard input: {text}")
