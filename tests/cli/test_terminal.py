# SPDX-License-Identifier: GPL-2.0-or-later
"""What differs on a terminal: colors and progress."""

import os
import pty
import subprocess
import time

from .case import LIMIT_S, Scene, case, expect, installed
from .test_change import CREATED
from .test_read import busy_card


def on_terminal(scene, *words, out=True, **environment):
    """Runs vfvirtctl with a terminal as standard error, and output too if out; what it wrote."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([installed("usr/bin/vfvirtctl"), *words], stdin=subprocess.DEVNULL,
                               stdout=theirs if out else subprocess.DEVNULL, stderr=theirs,
                               env={**scene.environment(), "TERM": "xterm", **environment})
    os.close(theirs)
    text, deadline = b"", time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        try:
            data = os.read(ours, 65536)
        except OSError:     # the other side was closed
            break
        text += data
    os.close(ours)
    expect(process.wait(LIMIT_S) == 0, f"{words}: status {process.returncode}: {text}")
    return text.decode()


@case("cli: colors only on a terminal, and only where they are wanted")
def _(folder):
    with Scene(folder) as scene:
        busy_card(scene)
        plain = scene.run("list").out
        colored = on_terminal(scene, "list")
        expect("\033[32mpublished\033[0m" in colored, colored)
        for words, environment in ((("list", "--no-color"), {}), (("list",), {"NO_COLOR": "1"}),
                                   (("list",), {"TERM": "dumb"})):
            text = on_terminal(scene, *words, **environment)
            expect(text.replace("\r\n", "\n") == plain, text)
        expect("\033[" in on_terminal(scene, "list", NO_COLOR=""), "an empty NO_COLOR is none")


@case("cli: columns stand under each other with colors too")
def _(folder):
    with Scene(folder) as scene:
        busy_card(scene)
        colored = on_terminal(scene, "list").replace("\r\n", "\n")
        for code in ("1", "31", "32", "33", "0"):
            colored = colored.replace(f"\033[{code}m", "")
        expect(colored == scene.run("list").out, colored)


@case("cli: other bytes than a terminal's own never reach it")
def _(folder):
    with Scene(folder) as scene:
        busy_card(scene)
        (folder / "run/claims/0000:3b:00.3").write_bytes(
            b"3c1e4d0a-8f5b-4f37-9d52-0d6a0c1f7b11 a\x1b]0;b\x07\xc2\x9b\xff\xe2\x80\xaec\n")
        for locale in ("C.UTF-8", "C"):
            done = scene.run("list", LC_ALL=locale)
            expect(done.code == 0 and not set(done.out) & set("\x1b\x07\x9b\u202e"), str(done))


@case("cli: letters that the locale does not know become question marks")
def _(folder):
    with Scene(folder) as scene:
        busy_card(scene)
        expect(" g?st?1 " in scene.run("list", LC_ALL="C").out, str(scene.run("list", LC_ALL="C")))
        expect(" gäst→1 " in scene.run("list").out, str(scene.run("list")))


@case("cli: progress is one line, on a terminal only")
def _(folder):
    with Scene(folder) as scene:
        scene.start_daemon(Create=CREATED)
        lines = [f"0000:3b:00.0 {number} 240 0000:3b:00.1: bind to vfvirt_vfio_pci"
                 for number in range(240)]
        (folder / "progress").write_text("\n".join(lines) + "\n")
        words = ("create", "dpu0", "--num-vfs", "2")
        text = on_terminal(scene, *words)
        expect(text.count("\n") == 1 and "\r239/240  0000:3b:00.1: bind" in text, text)
        expect(text.rindex("\033[K") < text.index("2 VFs created"), "the line is not taken away")
        expect("/240" not in on_terminal(scene, *words, "--quiet"), "progress though quiet")
        expect("\r239/240" in on_terminal(scene, *words, out=False), "no progress beside a pipe")
        expect("/240" not in scene.run(*words).err, "progress without a terminal")
