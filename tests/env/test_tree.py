# SPDX-License-Identifier: GPL-2.0-or-later
"""Builder trees: a program in one cannot change it, and its mounts and processes end with it."""

import os
import shutil
import signal
from pathlib import Path

from lib import packages, tree
from lib.errors import Problem

from .case import expect, expect_raises, python, test

BUSYBOX = "/bin/busybox"


def small_tree(folder):
    """A tree that has a shell and little else, in place of one made by mmdebstrap."""
    packages.ensure("busybox-static")
    place = folder / "tree"
    for name in ("proc", "dev", "tmp", "usr/bin", "src", "build", "out"):
        (place / name).mkdir(parents=True)
    for name in ("env", "sh", "cat", "touch", "sleep"):
        shutil.copy(BUSYBOX, place / "usr/bin" / name)
    (folder / "work").mkdir()
    return place


def mounts():
    """The mounts of this process."""
    return Path("/proc/self/mountinfo").read_text(encoding="utf-8")


@test("tree: a program writes only where it is told to")
def _(folder):
    place, binds = small_tree(folder), [(folder / "work", "/build", "rw")]
    tree.run(place, ["touch", "/build/file"], "cannot touch", binds)
    expect((folder / "work/file").exists(), "no file")
    for path in ("/file", "/usr/bin/file", "/src/file"):
        expect_raises(Problem, "read-only",
                      lambda p=path: tree.run(place, ["touch", p], "cannot touch", binds))
    expect_raises(Problem, "read-only", lambda: tree.run(
        place, ["touch", "/src/file"], "cannot touch", [(folder / "work", "/src", "ro")]))


@test("tree: a program sees neither our variables nor our processes")
def _(folder):
    os.environ["VFVIRT_SECRET"] = "1"
    try:
        out = tree.run(small_tree(folder), ["sh", "-c", "echo $$; env"], "cannot echo")
    finally:
        del os.environ["VFVIRT_SECRET"]
    expect(out.startswith("1\n") and "VFVIRT" not in out, out)


@test("tree: no mount is left, neither after success nor after failure")
def _(folder):
    place, before = small_tree(folder), mounts()
    tree.run(place, ["touch", "/tmp/file"], "cannot touch")
    expect_raises(Problem, "cannot fail", lambda: tree.run(place, ["cat", "/no"], "cannot fail"))
    expect(mounts() == before, mounts())
    expect(not list((place / "tmp").iterdir()), "/tmp of the tree was written")


@test("tree: when the run is killed its program is gone and no mount is left")
def _(folder):
    place, before = small_tree(folder), mounts()
    held = folder / "work/held"
    os.mkfifo(held)
    code = (f"from lib import tree\n"
            f"tree.run({str(place)!r}, ['sh', '-c', 'exec 3>/build/held; exec sleep 1000'], "
            f"'cannot sleep', [({str(folder / 'work')!r}, '/build', 'rw')])\n")
    with python(code) as killed:
        with open(held, encoding="utf-8") as reader:
            killed.send_signal(signal.SIGKILL)
            killed.communicate()
            reader.read()    # ends when the program in the tree is gone
    expect(mounts() == before, mounts())
