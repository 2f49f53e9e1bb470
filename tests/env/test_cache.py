# SPDX-License-Identifier: GPL-2.0-or-later
"""The cache: items are whole or absent, whatever happens while they are built or kept."""

import concurrent.futures
import os
import signal
import subprocess

from lib import cache
from lib.errors import Problem

from .case import expect, expect_raises, python, test

# Builds the item "thing" and tells on stdout when its build begins; then it reads the FIFO
# $GATE, so it stays in the middle of the build until somebody opens that for writing.
SLOW_BUILD = """
import os
from lib import cache
def build(place):
    (place / "first").write_text("half")
    print("begun", flush=True)
    if os.environ.get("GATE"):
        open(os.environ["GATE"]).read()
    (place / "second").write_text("done")
cache.item("thing", "key", build)
print("finished", flush=True)
"""


class Count:
    """A build function that counts its calls."""

    def __init__(self):
        self.calls = 0

    def __call__(self, place):
        self.calls += 1
        (place / "file").write_text("content")
        (place / "link").symlink_to("file")


def forget():
    """Makes the next cache.item() look at the files, as a new run would."""
    cache._whole.clear()    # pylint: disable=protected-access


@test("cache: an item is built once and found by later runs")
def _(_folder):
    build = Count()
    place = cache.item("thing", "key", build)
    forget()
    expect(cache.item("thing", "key", build) == place, "another place")
    expect(build.calls == 1, f"built {build.calls} times")
    expect((place / "file").read_text() == "content", "no content")


@test("cache: another key is another item")
def _(_folder):
    build = Count()
    places = {cache.item("thing", cache.key(text), build) for text in ("one", "two")}
    expect(len(places) == 2 and build.calls == 2, f"{places}, built {build.calls} times")


@test("cache: a key depends on every part and on where parts end")
def _(folder):
    file = folder / "file"
    file.write_text("a")
    keys = [cache.key("ab"), cache.key("a", "b"), cache.key("b", "a"), cache.key(file)]
    file.write_text("b")
    keys.append(cache.key(file))
    expect(len(set(keys)) == len(keys), f"{keys}")


@test("cache: a build that fails leaves nothing and is tried again")
def _(folder):
    def fail(place):
        (place / "file").write_text("half")
        raise Problem("the compiler failed")
    expect_raises(Problem, "the compiler failed", lambda: cache.item("thing", "key", fail))
    left = list((folder / "cache/items/thing").iterdir())
    expect(not left, f"left: {left}")
    build = Count()
    cache.item("thing", "key", build)
    expect(build.calls == 1, "not built")


@test("cache: a build that leaves no file is refused")
def _(_folder):
    expect_raises(Problem, "left no file", lambda: cache.item("thing", "key", lambda place: None))


@test("cache: a build killed midway is never used; the next run builds it")
def _(folder):
    gate = folder / "gate"
    os.mkfifo(gate)
    with python(SLOW_BUILD, GATE=str(gate)) as killed:
        expect(killed.stdout.readline() == "begun\n", "the build did not begin")
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    half = list((folder / "cache/items/thing").iterdir())
    expect([place.name for place in half] == [".building-key"], f"left: {half}")
    with python(SLOW_BUILD) as second:
        out, _ = second.communicate()
    expect("finished" in out, out)
    place = folder / "cache/items/thing/key"
    expect((place / "second").read_text() == "done" and not half[0].exists(), "half an item")


@test("cache: of two runs at once one builds, the other says that it waits and uses it")
def _(folder):
    gate = folder / "gate"
    os.mkfifo(gate)
    with python(SLOW_BUILD, GATE=str(gate)) as first:
        expect(first.stdout.readline() == "begun\n", "the build did not begin")
        with python(SLOW_BUILD) as second:
            waits = second.stdout.readline()
            with open(gate, "w", encoding="utf-8") as writer:
                writer.write("go on")
            out, _ = second.communicate()
        rest, _ = first.communicate()
    expect("waiting for another run that is building thing" in waits, f"said: {waits}")
    expect("begun" not in out and "finished" in out and "finished" in rest, f"{rest}{out}")


def damaged(folder, harm, word):
    """Damages a finished item by harm(place) and expects the next run to say so and rebuild."""
    build = Count()
    place = cache.item("thing", "key", build)
    harm(place)
    expect(word in cache.damage(place), f"not noticed: {cache.damage(place)!r}")
    with python("from lib import cache\n"
                "def build(place): (place / 'file').write_text('new')\n"
                "cache.item('thing', 'key', build)") as later:
        out, _ = later.communicate()
    expect("damaged" in out and word in out, f"said: {out}")
    expect((folder / "cache/items/thing/key/file").read_text() == "new", "not built again")


@test("cache: an item with a truncated file is built again")
def _(folder):
    damaged(folder, lambda place: os.truncate(place / "file", 3), "file was changed")


@test("cache: an item with a missing file is built again")
def _(folder):
    damaged(folder, lambda place: (place / "link").unlink(), "link is missing")


@test("cache: an item without its list of files is built again")
def _(folder):
    damaged(folder, lambda place: (place / cache.MANIFEST).write_text("{"), "list of files")


@test("cache: old unused items go, the newest and the used stay")
def _(folder):
    for number in range(6):
        place = cache.item("thing", f"key{number}", Count())
        if number not in (1, 5):
            age_s = cache.KEPT_UNUSED_S + 100 - number
            stamp = (place / cache.MANIFEST).stat().st_mtime - age_s
            os.utime(place / cache.MANIFEST, (stamp, stamp))
    left = sorted(path.name for path in (folder / "cache/items/thing").iterdir())
    expect(left == ["key1", "key4", "key5"], f"left: {left}")


@test("cache: a work folder is kept from run to run and after a failed build")
def _(_folder):
    def attempt():
        with cache.work("work", "key", lambda place: (place / "seed").touch()) as place:
            (place / "object").touch()
            raise Problem("the compiler failed")
    expect_raises(Problem, "the compiler failed", attempt)
    with cache.work("work", "key", lambda place: expect(False, "filled again")) as place:
        expect((place / "object").exists(), "what was built is gone")


@test("cache: a work folder in which a run was interrupted is made anew")
def _(_folder):
    code = ("import os, signal\nfrom lib import cache\n"
            "with cache.work('work', 'key', lambda place: (place / 'seed').touch()) as place:\n"
            "    (place / 'object').touch()\n"
            "    os.kill(os.getpid(), signal.SIGKILL)\n")
    with python(code) as killed:
        killed.communicate()
    with cache.work("work", "key", lambda place: (place / "seed").touch()) as place:
        expect((place / "seed").exists() and not (place / "object").exists(), "half was kept")


@test("cache: a work folder of another key is made anew")
def _(_folder):
    for key in ("one", "two"):
        with cache.work("work", key, lambda place: (place / "seed").touch()) as place:
            expect(not (place / "object").exists(), "what the other key built is still there")
            (place / "object").touch()


@test("cache: temporary files of a killed run go with the next run, those of a running one stay")
def _(folder):
    code = ("import os, signal\nfrom lib import cache\n"
            "with cache.scratch(): os.kill(os.getpid(), signal.SIGKILL)\n")
    with python(code) as killed:
        killed.communicate()
    left = list((folder / "cache/tmp").iterdir())
    with cache.scratch() as first, cache.scratch() as second:
        there = set((folder / "cache/tmp").iterdir())
        expect(len(left) == 1 and there == {first, second}, f"left: {left}, there: {there}")
    expect(not list((folder / "cache/tmp").iterdir()), "not removed at the end")


@test("cache: emptying it leaves what others put there")
def _(folder):
    place = cache.item("thing", "key", Count())
    (folder / "cache/mine").touch()
    cache.empty()
    left = [path.name for path in (folder / "cache").iterdir()]
    expect(left == ["mine"] and not place.exists(), f"left: {left}")


@test("cache: it is not emptied while a run builds")
def _(folder):
    gate = folder / "gate"
    os.mkfifo(gate)
    with python(SLOW_BUILD, GATE=str(gate)) as building:
        expect(building.stdout.readline() == "begun\n", "the build did not begin")
        expect_raises(Problem, "another run is building thing", cache.empty)
        with open(gate, "w", encoding="utf-8") as writer:
            writer.write("go on")
        out, _ = building.communicate()
    expect("finished" in out, out)


def mounted(folder, options):
    """Mounts a small tmpfs as the cache folder; it goes with the mount namespace of the run."""
    (folder / "cache").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder / "cache"], check=True)


@test("cache: too little room is said before a build begins")
def _(folder):
    mounted(folder, "size=1m")
    try:
        expect_raises(Problem, "no disk space for thing: it needs 5 MB",
                      lambda: cache.item("thing", "key", Count(), needs_mb=5))
    finally:
        subprocess.run(["umount", folder / "cache"], check=True)


@test("cache: a disk that fills up during a build is one line, and nothing is left")
def _(folder):
    mounted(folder, "size=1m")
    try:
        expect_raises(Problem, "no disk space left while building thing", lambda: cache.item(
            "thing", "key", lambda place: (place / "big").write_bytes(bytes(2 << 20))))
        left = list((folder / "cache/items/thing").iterdir())
        expect(not left, f"left: {left}")
    finally:
        subprocess.run(["umount", folder / "cache"], check=True)


@test("cache: a folder that cannot be written is named")
def _(folder):
    mounted(folder, "ro")
    try:
        expect_raises(Problem, f"{folder / 'cache'}: cannot write to the cache folder: "
                      "Read-only file system", cache.root)
    finally:
        subprocess.run(["umount", folder / "cache"], check=True)


@test("cache: a path with a file in the way is named")
def _(folder):
    (folder / "cache").touch()
    expect_raises(Problem, "cannot write to the cache folder", cache.root)


@test("cache: many threads may ask for the folder at once")
def _(_folder):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: cache.root(), range(2000)))
    expect(len(found) == 1, f"{found}")


@test("cache: a folder of logs that another run removes meanwhile harms nobody")
def _(_folder):
    (cache.folder("logs") / "20200101-000000").symlink_to("gone")
    expect(cache.logs().is_dir(), "no folder for logs")
