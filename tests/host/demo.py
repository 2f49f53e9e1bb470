# SPDX-License-Identifier: GPL-2.0-or-later
"""The story of test_story.py told to a person: `make demo`."""

import tempfile
import time
from pathlib import Path

from lib.cases import expect

from .case import LIMIT_S
from .scene import Scene
from .test_story import CHAPTERS

BEGIN = "power-on of the simulated host"


def names():
    """The parts of the story."""
    return [BEGIN, *CHAPTERS]


def run(report, _patterns):
    """Tells all of it; stops at the first part that does not end well."""
    with tempfile.TemporaryDirectory(prefix="host", dir="/var/tmp") as folder:
        narrator = Narrator(report)
        scene = Scene(Path(folder), report.logs("host"), narrator=narrator)
        try:
            narrator.chapter(BEGIN)
            well = report.case("demo", BEGIN, lambda: _power_on(scene), LIMIT_S)
            for title, function in CHAPTERS.items():
                if not well:
                    break
                narrator.chapter(title)
                well = report.case("demo", title, lambda: function(scene), LIMIT_S)
        finally:
            scene.keep_logs()
            scene.host.stop()


def _power_on(scene):
    scene.host.start()
    kernel = scene.show("uname -srm; . /etc/os-release; echo $PRETTY_NAME")
    expect("Linux" in kernel, kernel)
    scene.show("lspci -nn -d 1af4:1041")
    scene.show("dpkg-query -W 'vfvirt*' 'libvirt-daemon' 'qemu-system-x86'")


class Narrator:
    """Says what is done while it is done: each command as it would be typed, and its output."""

    def __init__(self, report):
        self._report = report
        self._begun = time.monotonic()
        self._chapters = 0

    def chapter(self, title):
        """Begins a part of the story."""
        self._chapters += 1
        self._report.line(f"\n{self._chapters}. {title}  [{self._clock()}]")

    def typed(self, where, line):
        """A command is about to run. where: "host", or the name of a guest."""
        self._report.line(f"   {self._clock()}  {where}# {line}")

    def answered(self, output):
        """It ended, with this output."""
        for line in output.rstrip().splitlines():
            self._report.line(f"          {line.rstrip()}")

    def note(self, text):
        """Something happens that is no command."""
        self._report.line(f"   {self._clock()}  ({text})")

    def _clock(self):
        """The time since the story began."""
        seconds = int(time.monotonic() - self._begun)
        return f"{seconds // 60:2}:{seconds % 60:02}"
