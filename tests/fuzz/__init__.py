# SPDX-License-Identifier: GPL-2.0-or-later
"""Replays the corpus of each fuzz target. explore.py looks for new inputs, on demand.

corpus/TARGET.txt holds an input a line, written as in a bytes literal of Python ("\\n", "\\x1f");
empty lines and those that begin with '#' are for people.
"""

import codecs
import tempfile
from pathlib import Path

from lib import programs, shell
from lib.errors import Problem
from lib.report import matches

SECTION = "unit"
CORPUS = Path(__file__).parent / "corpus"
LIMIT_S = 120


def targets():
    """The names of all targets."""
    return sorted(path.stem for path in CORPUS.glob("*.txt"))


def inputs(target):
    """The inputs of a target's corpus, as bytes."""
    lines = (CORPUS / f"{target}.txt").read_text(encoding="ascii").splitlines()
    return [codecs.escape_decode(line.encode())[0] for line in lines
            if line and not line.startswith("#")]


def written(data):
    """An input as a line of the corpus."""
    line = repr(bytes(data))[2:-1].replace("\\'", "'")
    return "\\x23" + line[1:] if line.startswith("#") else line


def unpack(target, folder):
    """Writes a target's inputs to files in a folder; their paths."""
    paths = []
    for number, data in enumerate(inputs(target)):
        paths.append(folder / f"{number:04}")
        paths[-1].write_bytes(data)
    return paths


def _name(target):
    return f"fuzz_corpus_of_{target}_replays"


def names():
    """The names of all tests."""
    return [_name(target) for target in targets()]


def run(report, patterns):
    """Replays the corpus of the chosen targets."""
    for target in targets():
        if matches(patterns, _name(target)):
            report.case(SECTION, _name(target), lambda one=target: _replay(one), programs.LIMIT_S)


def _replay(target):
    program = programs.build() / f"tests/fuzz/replay-{target}"
    with tempfile.TemporaryDirectory() as folder:
        paths = unpack(target, Path(folder))
        if not paths:
            raise Problem(f"the corpus of {target} is empty")
        said = shell.run([program, *paths], f"cannot replay the corpus of {target}",
                         limit_s=LIMIT_S)
        if int(said) != len(paths):
            raise Problem(f"replayed {said} of {len(paths)} inputs")
