# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes a manual page or the completion from a template and the programs' own tables.

    generate.py PROGRAM TEMPLATE OUTPUT VERSION

PROGRAM prints the tables as JSON (tables.c). In the template, a line "@NAME@" becomes what the
function of that name below makes of them; @VERSION@ stands for the version anywhere. A line
"@ERROR CODE@" begins what a page says about that error; a page that has one must have all.
"""

import json
import re
import subprocess
import sys
from pathlib import Path


def roff(text):
    """A text as it may stand in a line of a manual page."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text


def sentence(text):
    """A text with a capital at its beginning."""
    return text[:1].upper() + text[1:]


def option_words(option):
    """An option as in "-n, --num-vfs N", in bold and italics."""
    words = [f"\\fB\\-{option['letter']}\\fP"] if option["letter"] else []
    words.append(f"\\fB\\-\\-{roff(option['name'])}\\fP")
    value = f" \\fI{option['value']}\\fP" if option["value"] else ""
    return ", ".join(words) + value


def verbs(tables):
    """Each verb with its operands, text, and the options that not all have."""
    lines = []
    for verb in tables["verbs"]:
        lines += [f".SS {verb['name']} {roff(verb['operands'])}".rstrip(), roff(verb["text"])]
        for option in tables["options"]:
            if verb["name"] in option["verbs"] and not option["every"]:
                lines += [".TP", option_words(option), roff(option["text"]) + "."]
    return lines


def common_options(tables):
    """The options of every verb."""
    lines = []
    for option in tables["options"]:
        if option["every"]:
            lines += [".TP", option_words(option), roff(option["text"]) + "."]
    return lines


def error_lines(error):
    """A named error with what it means and what to do."""
    return [".TP", f".B {roff(error['code'])}",
            roff(f"{sentence(error['meaning'])}. What to do: {error['remedy']}.")]


def errors(tables):
    """Each named error."""
    return [line for error in tables["errors"] for line in error_lines(error)]


def keys(tables):
    """Each key of an intent file."""
    lines = []
    for key in tables["keys"]:
        fallback = f" If missing: {key['fallback']}." if key["fallback"] else ""
        lines += [".TP", f".B {roff(key['path'])}",
                  roff(f"{sentence(key['meaning'])}: {key['form']}.{fallback}")]
    return lines


def case_options(tables):
    """For the completion: the options of each verb, as branches of a case."""
    lines = []
    for verb in tables["verbs"]:
        words = " ".join(f"--{option['name']}" for option in tables["options"]
                         if verb["name"] in option["verbs"])
        lines.append(f"\t{verb['name']}) options=\"{words}\" ;;")
    words = " ".join(f"--{option['name']}" for option in tables["options"] if option["every"])
    return [*lines, f"\t*) options=\"{words}\" ;;"]


def verb_names(tables):
    """For the completion: a variable with all verbs, and one with those that take operands."""
    names = [verb["name"] for verb in tables["verbs"]]
    taking = [verb["name"] for verb in tables["verbs"] if verb["operands"]]
    return [f"\tlocal verbs=\"{' '.join(names)}\"", f"\tlocal taking=\" {' '.join(taking)} \""]


def value_options(tables):
    """For the completion: a variable with the options that take a value."""
    words = [f"--{option['name']}" for option in tables["options"] if option["value"]]
    words += [f"-{option['letter']}" for option in tables["options"]
              if option["value"] and option["letter"]]
    return [f"\tlocal valued=\" {' '.join(words)} \""]


MAKERS = {function.__name__.upper(): function
          for function in (verbs, common_options, errors, keys, case_options, verb_names,
                           value_options)}


def main(program, template, output, version):
    """Fills the template; a name that no function has, or an error left out, is an error."""
    tables = json.loads(subprocess.run([program], check=True, stdout=subprocess.PIPE).stdout)
    rows = {error["code"]: error for error in tables["errors"]}
    lines, told = [], []
    for line in Path(template).read_text(encoding="utf-8").splitlines():
        found = re.fullmatch(r"@([A-Z_]+)(?: ([a-z-]+))?@", line)
        if found and found[2]:
            lines += error_lines(rows[found[2]])
            told.append(found[2])
        else:
            lines += MAKERS[found[1]](tables) if found else [line.replace("@VERSION@", version)]
    if told and sorted(told) != sorted(rows):
        sys.exit(f"{template}: errors not there once: {set(told) ^ set(rows) or told}")
    Path(output).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
