# SPDX-License-Identifier: GPL-2.0-or-later
"""The rules about documents: links lead somewhere, paths and tests that they name are there, a
command that they show is one that a test runs, and references say what the sources say.
"""

import fnmatch
import functools
import importlib.util
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from lib import tiers

from . import source
from .rules import Rule

README, OPERATIONS = "README.md", "docs/operations.md"
ARCHITECTURE, HACKING = "ARCHITECTURE.md", "HACKING.md"
OPTIONS, MAKEFILE, VERSION = "vfvirtctl/cli/options.def", "Makefile", "vfvirtctl/meson.build"
DECODE, OVERVIEW = "vfvirtctl/lib/netlink_decode.c", "vfvirtctl/man/vfvirt.7.in"
MANUAL = tuple(f".{section}.in" for section in (1, 5, 7, 8))
JOURNAL, DAEMON_PAGE = "vfvirtctl/daemon/journal.c", "vfvirtctl/man/vfvirtd.8.in"

FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)


def _blank_lines(found):
    """As many empty lines as a match has, so that line numbers stay."""
    return "\n" * found[0].count("\n")


def _documents(files):
    """The pages of Markdown: path -> text."""
    return {path: text for path, text in files.items() if path.endswith(".md")}


# ---- links -------------------------------------------------------------------------------------

LINK = re.compile(r'(?<!`)\[[^\]]*\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"')
HEADING = re.compile(r"^#+ +(.*?) *$", re.MULTILINE)


def _anchors(text):
    """What a link can name behind # in a page, as the usual sites make it of headings."""
    prose = FENCED.sub("", text)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in HEADING.findall(prose)}


def _lead(path, target, files):
    """What is wrong with a link of a page, or an empty string."""
    place, _, anchor = target.partition("#")
    there = path
    if place:
        parts = []
        for part in (PurePosixPath(path).parent / place).parts:
            if part == "..":
                if not parts:
                    return "leads out of the checkout"
                parts.pop()
            else:
                parts.append(part)
        there = "/".join(parts)
    if there not in files and not any(other.startswith(there + "/") for other in files):
        return "leads nowhere"
    if anchor and anchor not in _anchors(files.get(there, "")):
        return f"{there} has no such heading"
    return ""


def links(files):
    """A link inside of the checkout leads to a file, and to a heading that this has."""
    for path, text in _documents(files).items():
        prose = FENCED.sub(_blank_lines, text)
        for found in LINK.finditer(prose):
            target = found[1] or found[2]
            wrong = "" if re.match(r"[a-z]+:", target) else _lead(path, target, files)
            if wrong:
                yield f"{path}:{source.line_of(prose, found.start())}: {target}: {wrong}"


# ---- paths -------------------------------------------------------------------------------------

CODE = re.compile(r"`([^`\n]+)`")
FOLDERS = ("docs/", "kernel/", "libvirt-hooks/", "packaging/", "systemd/", "tests/", "udev-rules/",
           "vfvirtctl/")
PATH = re.compile(r"[\w.*/@+-]+")
NAME_OF_FILE = re.compile(r"[\w*-]+(\.[\w*-]+)*\.(c|h|py|def|json|md|in|rules|service|conf|txt|svg)")
CHANGES = "Where to change X"


def _is_there(name, files):
    """Whether a name stands for something of the checkout: a path, its end, or a pattern of one.
    Words in capitals stand for any name."""
    for pattern in {name, re.sub(r"[A-Z]{3,}", "*", name)}:
        end = pattern + "*" if pattern.endswith("/") else pattern
        if any(fnmatch.fnmatchcase(path, end) or fnmatch.fnmatchcase(path, "*/" + end)
               or path.startswith(pattern.rstrip("/") + "/") for path in files):
            return True
    return False


def paths(files):
    """Documents name paths that there are."""
    for path, text in _documents(files).items():
        begin = text.find(f"\n## {CHANGES}\n") if path == ARCHITECTURE else -1
        for found in CODE.finditer(text):
            name = found[1]
            strict = 0 <= begin < found.start() and ("/" in name or NAME_OF_FILE.fullmatch(name))
            if (PATH.fullmatch(name) and (strict or name.startswith(FOLDERS))
                    and not _is_there(name, files)):
                yield f"{path}:{source.line_of(text, found.start())}: there is no {name}"


# ---- tests -------------------------------------------------------------------------------------

TEST_OF_C = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+){3,}(?:@[\w-]+)?")
TEST_OF_PYTHON = re.compile(r"[a-z][a-z0-9., -]*: \S.*")
NAMED = re.compile(r"\b(?:control|core|intree|pf|vfio)_[a-z0-9_]{8,}\b")


@functools.cache
def _listed():
    """The names of all tests, as `tests/run TIER --list` has them, without machines."""
    return {name.split("@")[0] for tier in tiers.TIERS.values() if tiers.present(tier)
            for name in tiers.names(tier)}


def named_tests(files):
    """The tests that documents name as proof are there, and so is whatever is named alike. A name
    that goes on in the next line would not be seen."""
    product = "\n".join(text for path, text in files.items() if not path.endswith(".md")
                        and path.startswith(("kernel/", "tests/", "vfvirtctl/"))
                        and not path.startswith("tests/lint/"))
    words = set(re.findall(r"\w+", product))
    for path, text in _documents(files).items():
        for line, broken in enumerate(FENCED.sub(_blank_lines, text).splitlines(), 1):
            if broken.count("`") % 2:
                yield f"{path}:{line}: what stands in `` goes on in the next line"
        named = [(found.start(), found[0]) for found in NAMED.finditer(text)]
        named += [(found.start(), found[1]) for found in CODE.finditer(text)
                  if TEST_OF_C.fullmatch(found[1]) or TEST_OF_PYTHON.fullmatch(found[1])]
        for position, name in named:
            there = f'"{name}"' in product if ":" in name else name.split("@")[0] in words
            if not there and name not in _listed():
                yield f"{path}:{source.line_of(text, position)}: there is no {name}"


# ---- commands ----------------------------------------------------------------------------------

@dataclass(frozen=True)
class Shown:
    """Commands that the README shows, and what runs such ones: names of tests, or paths."""
    pattern: str
    proofs: tuple


POWER_ON = "host: after power-on the VFs are there, bound and published"
ATTACH = "host: a running guest gets a VF by virsh attach-device and drives it as legacy"
SHOWN = (
    Shown(r"make check", (".ci/run",)),
    Shown(r"make demo", (POWER_ON, ATTACH)),   # the story of the host tier, told
    # What the simulated Debian 12 is made of.
    Shown(r"apt install -t bookworm-backports libvirt-daemon-system .*",
          ("tests/lib/systems.py",)),
    Shown(r"make deb|apt install \./build/vfvirt_.*",
          (POWER_ON, "packages: Debian 12 takes the same packages, and its DKMS builds the modules",
           "packages: DKMS builds the modules offline, and libvirt finds their alias")),
    Shown(r"make rpm", ("packages: the RPM packages hold what the Debian packages hold",)),
    Shown(r"vfvirtctl check", ("check: a host on which all is well",)),
    Shown(r"vfvirtctl create \S+ --num-vfs \d+", ("real: create, look, refuse, destroy",)),
    Shown(r"vfvirtctl list", ("cli: list shows every PF and VF",)),
    Shown(r"virsh attach-device \S+ /run/vfvirt/hostdev/\S+\.xml", (ATTACH,)),
)


EXAMPLE = re.compile(r"^\.EX\n((?:#|\w).*?)^\.EE$", re.DOTALL | re.MULTILINE)


def commands_of(text):
    """The commands in a page's blocks of shell, or in a manual page's examples: (position,
    command); continued lines are one."""
    places = [(found.start(2), found[2]) for found in FENCED.finditer(text) if found[1] == "sh"]
    places += [(found.start(1), found[1]) for found in EXAMPLE.finditer(text)]
    for position, block_text in places:
        begun = ""
        for line in block_text.splitlines(keepends=True):
            words = begun + re.sub(r"(^|\s)#.*", "", line.replace("\\-", "-")).strip()
            begun = words[:-1] if words.endswith("\\") else ""
            if words and not begun:
                yield position, re.sub(r"\s+", " ", words)
            position += len(line)


def _verbs(files):
    """Verbs of vfvirtctl -> the options that each takes, with their letters."""
    text = files[OPTIONS]
    verbs = {name: set() for name in re.findall(r"^VERB\((\w+),", text, re.MULTILINE)}
    for name, letter, places in re.findall(
            r'^OPTION\(\w+, "([\w-]+)", (0|\'\w\'), (?:NULL|"\w+"), ([^,]+),', text, re.MULTILINE):
        taking = verbs if places.strip() == "EVERY" else re.findall(r"IN\((\w+)\)", places)
        for verb in taking:
            verbs[verb] |= {f"--{name}"} | ({f"-{letter[1]}"} if letter != "0" else set())
    return verbs


def _wrong_make(words, files):
    """The same of make; -C FOLDER may come first."""
    place = f"{words[1]}/{MAKEFILE}" if words[:1] == ["-C"] else MAKEFILE
    targets = re.search(r"^\.PHONY:((?:.*\\\n)*.*)$", files[place], re.MULTILINE)[1].split()
    wrong = [word for word in words[2 if words[:1] == ["-C"] else 0:]
             if "=" not in word and word not in targets]
    return f"make has no target {wrong[0]}" if wrong else ""


def _wrong_vfvirtctl(words, files):
    """The same of vfvirtctl."""
    verbs = _verbs(files)
    if words[0] not in verbs:
        return f"vfvirtctl has no verb {words[0]}"
    wrong = [word for word in words[1:] if word.startswith("-")
             and word.split("=")[0] not in verbs[words[0]]]
    return f"vfvirtctl {words[0]} takes no {wrong[0]}" if wrong else ""


def _wrong_tier(words, _files):
    """The same of tests/run."""
    known = words[0] in (*tiers.TIERS, "all", "build", "clean") or words[0].startswith("-")
    return "" if known else f"there is no tier {words[0]}"


def _wrong_version(words, files):
    """The same of dkms, as far as it is about the version of vfvirt."""
    version = re.search(r"'c', version: '([^']*)'", files[VERSION])[1]
    wrong = [word for word in words if word.startswith("vfvirt/") and word != f"vfvirt/{version}"]
    return f"the version is {version}, not as in {wrong[0]}" if wrong else ""


CHECKS = {"dkms": _wrong_version, "make": _wrong_make, "vfvirtctl": _wrong_vfvirtctl, "tests/run": _wrong_tier}


def _wrong_words(command, files):
    """What a program would say against a command; an empty string: nothing that we know of."""
    program, *words = re.sub(r"\$\([^)]*\)", "X", command).split()
    check = CHECKS.get(program)
    return check(words, files) if check else ""


def commands(files, shown=SHOWN):
    """The README shows commands that a test runs; make, vfvirtctl and tests/run take those of all
    pages."""
    manuals = {path: text for path, text in files.items() if path.endswith(MANUAL)}
    for path, text in (_documents(files) | manuals).items():
        for position, command in commands_of(text):
            where = f"{path}:{source.line_of(text, position)}"
            wrong = _wrong_words(command, files)
            if wrong:
                yield f"{where}: {command}: {wrong}"
            rows = [row for row in shown if re.fullmatch(row.pattern, command)]
            if path == README and not rows:
                yield f"{where}: {command}: no test runs it"
            for proof in (proof for row in rows for proof in row.proofs):
                if proof not in files and proof not in _listed():
                    yield f"{where}: {command}: there is no {proof}, which should run it"


# ---- references --------------------------------------------------------------------------------

def _reference():
    """docs/reference.py, which makes the pages."""
    spec = importlib.util.spec_from_file_location("reference",
                                                  source.CHECKOUT / "docs/reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def references(files):
    """The references of D-Bus and netlink are what their sources make of them."""
    for path, text in _reference().pages(source.files().__getitem__).items():
        if path in files and files[path] != text:
            yield f"{path}:1: is not what its sources say: run make reference"


def reasons(files):
    """vfvirt(7) says about every reason for missing legacy registers what to do."""
    table = re.search(r"reasons\[VFVIRT_REASON_COUNT\] = \{(.*?)^\};", files.get(DECODE, ""),
                      re.DOTALL | re.MULTILINE)
    for reason in re.findall(r'= \{"(.*?)",', table[1]) if table else ():
        if f".B {reason}\n" not in files.get(OVERVIEW, ""):
            yield f"{OVERVIEW}:1: says nothing about: {reason}"


def messages(files):
    """vfvirtd(8) names every MESSAGE_ID, and no others."""
    wanted = set(re.findall(r"\b[0-9a-f]{32}\b", files.get(JOURNAL, "")))
    named = set(re.findall(r"\b[0-9a-f]{32}\b", files.get(DAEMON_PAGE, "")))
    for missing in sorted(wanted ^ named):
        yield f"{DAEMON_PAGE}:1: {missing} stands in one of this and {JOURNAL} only"


# ---- the table ---------------------------------------------------------------------------------

def block(*lines):
    """Lines as a block of shell of a page."""
    return "```sh\n" + "".join(line + "\n" for line in lines) + "```\n"


BASE = {OPTIONS: 'VERB(list, 0, MANY, "")\nOPTION(json, "json", \'j\', NULL, EVERY,\n "")\n'
                 'VERB(bind, 1, MANY, "")\nOPTION(force, "force", \'f\', NULL, IN(bind),\n "")\n',
        VERSION: "project('vfvirtctl', 'c', version: '1.2')\n",
        DECODE: 'x reasons[VFVIRT_REASON_COUNT] = {\n\t[A] = {"no queue", "wait"},\n};\n',
        MAKEFILE: ".PHONY: all check\n", f"a/{MAKEFILE}": ".PHONY: all\n"}

RULES = (
    Rule("links in documents lead somewhere", links,
         {"a.md": "[b](b.md)\n", "docs/b.md": "[c](../../c.md)\n", "docs/c.md": "[d](#no-such)\n",
          "docs/d.md": '# D\n<img src="no.svg">\n', "docs/e.md": "[a](d.md#e)\n# E\n"},
         {"ok.md": "# One, `two`\n[a](ok.md#one-two) [b](#one-two) [c](https://a.b/c) [d](kernel)\n"
                   "```\n[e](no.md)\n```\n"}),
    Rule("paths that documents name are there", paths,
         {ARCHITECTURE: f"\n## {CHANGES}\n\n| it | `no_such.c` |\n", HACKING: "`tests/no/such`\n",
          "docs/a.md": "`kernel/no_*.c`\n"},
         {"docs/ok.md": "`kernel/core/core.h`, `kernel/pf/*.h`, `other.c`, `kernel/`\n",
          "kernel/core/cmd_a.c": "\n", "docs/fine.md": "`kernel/core/cmd_VERB.c`\n"}),
    Rule("tests that documents name are there", named_tests,
         {ARCHITECTURE: "| B-P04 | pf_no_such_case |\n", README: "`host: no such case`\n",
          "docs/a.md": "`step_that_nobody_takes@packed`\n", "docs/b.md": "`kill: at\nonce`\n", "docs/c.md": "`nova 1.2: no case`\n"},
         {"docs/ok.md": "`pf_kill_ends_it_all@packed`, `kill: at every write`\n",
          "tests/kernel/cases/a.c": "TEST(pf_kill_ends_it_all)\n",
          "tests/daemon/test_a.py": '@case("kill: at every write")\n'}),
    Rule("commands in documents are run by tests", commands,
         {README: block("no-such-command"), OPERATIONS: block("vfvirtctl no-such-verb"),
          "docs/a.md": block("make no-such-target"), "docs/b.md": block("vfvirtctl list -f x"),
          "docs/c.md": "1. do\n\n   ```sh\n   vfvirtctl undo\n   ```\n",
          "vfvirtctl/man/a.1.in": ".EX\n# do\nvfvirtctl list \\-\\-force\n.EE\n",
          "docs/d.md": block("tests/run no-such-tier"), "docs/e.md": block("make -C a b"),
          "docs/f.md": block("dkms install vfvirt/1.1")},
         {"docs/ok.md": block("vfvirtctl bind --force \\", "    -j a   # and b") +
          "```\nvfvirtctl what\n```\n"} | BASE),
    Rule("references are made from their sources", references,
         {"docs/dbus.md": "# D-Bus\n", "docs/netlink.md": "# Netlink\n"}, {}),
    Rule("vfvirt(7) knows every reason for missing legacy registers", reasons,
         {OVERVIEW: ".TP\n.B no card\n"}, {}),
    Rule("vfvirtd(8) names every MESSAGE_ID", messages,
         {DAEMON_PAGE: "0123456789abcdef0123456789abcdef\n"}, {}),
)
