# SPDX-License-Identifier: GPL-2.0-or-later
"""The files that the rules look at, and C text without what the rules must not see."""

import os
import re
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent.parent
LEFT_OUT = {".git", "build", "__pycache__"}

# A comment, a string or a character; what is found first decides, as in the compiler.
TOKENS = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def files():
    """All files of the checkout, path -> text; build output left out."""
    found = {}
    for base, folders, names in os.walk(CHECKOUT):
        folders[:] = sorted(set(folders) - LEFT_OUT)
        for name in sorted(names):
            path = Path(base) / name
            if path.is_file():
                found[str(path.relative_to(CHECKOUT))] = path.read_text(errors="replace")
    return found


def is_c(path):
    """Whether a path is that of C source."""
    return path.endswith((".c", ".h"))


def _blank(text):
    """Spaces instead of text; its line ends stay, so that line numbers do."""
    return re.sub(r"[^\n]", " ", text)


def without_comments(text):
    """C text whose comments are blanks."""
    return TOKENS.sub(lambda found: _blank(found[0]) if found[0].startswith("/") else found[0], text)


def code_only(text):
    """C text whose comments, strings and characters are blanks."""
    return TOKENS.sub(lambda found: _blank(found[0]), text)


def line_of(text, position):
    """The number of the line that a position in a text is in, from 1."""
    return text.count("\n", 0, position) + 1
