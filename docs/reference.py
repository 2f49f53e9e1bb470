#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the references of D-Bus and netlink, docs/dbus.md and docs/netlink.md, from the sources.

Their prose is the comment at the head of the two headers that are the contracts; tables come from
enums and from the table of errors. `make reference` runs it; the lint tier fails when a page is not
what this makes, the daemon tier when vfvirtd offers anything else on D-Bus.
"""

import re
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
BUS = "vfvirtctl/lib/bus_contract.h"
ERRORS = "vfvirtctl/common/error.c"
NETLINK = "kernel/include/uapi/vfvirt.h"
HEAD = ("<!-- SPDX-License-Identifier: GPL-2.0-or-later -->\n"
        "<!-- Made by docs/reference.py from {}: change that. -->\n")

MEMBER = re.compile(r"(?:(signal|property) )?(\w+)(?:\((.*)\)(?: -> (.*))?| (\w+))")
ROW = re.compile(r'\[VFV_ERROR_\w+\] = \{"([\w-]+)", DBUS_PREFIX "(\w+)", (\d), (\w+),'
                 r'\s*"([^"]+)",\s*"([^"]+)"\}')
ENUM = re.compile(r"^(?:/\* ([^\n]*) \*/\n)?enum (\w+) \{\n(.*?)^\};", re.DOTALL | re.MULTILINE)
NO_VALUE = re.compile(r"VFVIRT_[A-Z]+_(UNSPEC|COUNT|MAX)")     # what only counts, or is never sent
CONSTANT = re.compile(r'^#define\s+(VFVIRT_\w+)\s+(\d+|"[^"]*")$', re.MULTILINE)
UNDERLINED = re.compile(r"^(.+)\n(=+|-+)$", re.MULTILINE)


def head_comment(text):
    """The lines of the first comment of more than a line, without what makes them a comment."""
    found = re.search(r"^/\*\n(.*?)^ \*/$", text, re.DOTALL | re.MULTILINE)
    return "\n".join(line[3:] for line in found[1].splitlines())


def headings(text):
    """Underlined lines as headings of Markdown."""
    return UNDERLINED.sub(lambda found: ("## " if found[2][0] == "=" else "### ") + found[1] + "\n",
                          text)


def table(titles, rows):
    """A table of Markdown."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"
                     for line in lines)


def members(part):
    """What an interface offers, from its part of the comment: (kind, name, in, out, text)."""
    found = []
    for line in part.splitlines():
        if line.startswith("  "):
            found[-1][4].append(line.strip())
        elif line:
            kind, name, given, answer, kept = MEMBER.fullmatch(line).groups()
            found.append((kind or "method", name, given or "", kept or answer or "", []))
    return [(*member[:4], " ".join(member[4])) for member in found]


def interfaces(text):
    """The interfaces that the contract names: name -> members()."""
    parts = UNDERLINED.split(head_comment(text))
    return {name: members(part) for name, part in zip(parts[1::3], parts[3::3])}


def bus_page(header, errors):
    """The text of docs/dbus.md."""
    comment = head_comment(header)
    lines = [HEAD.format(f"{BUS} and {ERRORS}") + "# D-Bus: org.vfvirt1", "",
             UNDERLINED.split(comment)[0].split("\n", 2)[2].strip()]
    for name, offered in interfaces(header).items():
        lines += ["", f"## {name}"]
        calls = [(f"`{member}({given})`", f"`{answer}`" if answer else "", text)
                 for kind, member, given, answer, text in offered if kind == "method"]
        signals = [(f"`{member}({given})`", text)
                   for kind, member, given, _, text in offered if kind == "signal"]
        kept = [(f"`{member}`", f"`{form}`", text)
                for kind, member, _, form, text in offered if kind == "property"]
        lines += ["", table(("method", "answer", "what it does"), calls)] if calls else []
        lines += ["", table(("signal", "when"), signals)] if signals else []
        lines += ["", table(("property", "type", "what it is"), kept)] if kept else []
    rows = [(f"`org.vfvirt1.Error.{bus}`", f"`{code}`", meaning, remedy)
            for code, bus, status, _, meaning, remedy in ROW.findall(errors) if status != "0"]
    lines += ["", "## Errors", "", "vfvirt(7) says more about each.", "",
              table(("name", "in JSON", "meaning", "what to do"), rows)]
    return "\n".join(lines) + "\n"


def values(body):
    """The members of an enum that stand for something: (value, name, comment)."""
    found = []
    for number, line in enumerate(line for line in body.splitlines() if line.strip()):
        name, comment = re.fullmatch(r"\s*(\w+)(?: = [\w\s-]+)?,\s*(?:/\*(.*?)\*/)?", line).groups()
        if not NO_VALUE.fullmatch(name):
            found.append((str(number), f"`{name}`", (comment or "").strip()))
    return found


def netlink_page(header):
    """The text of docs/netlink.md."""
    title, _, prose = head_comment(header).partition("\n")
    lines = [HEAD.format(NETLINK) + "# Generic netlink: the family vfvirt", "", title,
             "", headings(prose).strip(), "", "## Constants", "",
             table(("name", "value"), [(f"`{name}`", f"`{value}`")
                                       for name, value in CONSTANT.findall(header)])]
    for comment, name, body in ENUM.findall(header):
        lines += ["", f"## enum {name}", ""]
        lines += [comment.strip(), ""] if comment else []
        lines += [table(("value", "name", "what it is"), values(body))]
    return "\n".join(lines) + "\n"


def pages(read):
    """Path -> text of each page; read: gives the text of a file of the checkout."""
    return {"docs/dbus.md": bus_page(read(BUS), read(ERRORS)),
            "docs/netlink.md": netlink_page(read(NETLINK))}


def main():
    """Writes the pages."""
    for path, text in pages(lambda name: (CHECKOUT / name).read_text(encoding="utf-8")).items():
        (CHECKOUT / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
