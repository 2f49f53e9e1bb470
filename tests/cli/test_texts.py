# SPDX-License-Identifier: GPL-2.0-or-later
"""Help, manual page, completion and the program itself say the same; the schema fits them."""

import json
import re
import shutil
import subprocess
from pathlib import Path

from lib import packages

from .case import LIMIT_S, Scene, case, expect, installed
from .test_change import error_codes

MAN = "usr/share/man"
COMPLETION = "usr/share/bash-completion/completions/vfvirtctl"
OPTION = re.compile(r"^  (?:-(\w), |    )--([a-z-]+)(?: ([A-Z]+))? ", re.M)


def options_of_help(scene, *verb):
    """The options that --help lists: {(letter, name, value)}."""
    return set(OPTION.findall(scene.run(*verb, "--help").out))


def verbs_of_help(scene):
    """The verbs that --help lists."""
    part = scene.run("--help").out.split("Verbs:\n")[1].split("\n\n")[0]
    return [line.split()[0] for line in part.splitlines()]


def options_of_page(text):
    """The options that a part of the manual page lists."""
    found = set()
    for line in re.findall(r"^\.TP\n(.*\\-\\-.*)$", text, re.M):
        words = re.sub(r"\\f[BIP]", "", line).replace("\\-", "-")
        letter, name, value = re.fullmatch(r"(?:-(\w), )?--([a-z-]+)(?: ([A-Z]+))?", words).groups()
        found.add((letter or "", name, value or ""))
    return found


def page_parts():
    """The manual page's verbs with their own options, and the options of all."""
    page = installed(f"{MAN}/man1/vfvirtctl.1").read_text()
    verbs = page.split(".SH VERBS\n")[1].split(".SH OPTIONS")[0]
    parts = {part.split()[0]: options_of_page(part) for part in verbs.split(".SS ")[1:]}
    return parts, options_of_page(page.split(".SH OPTIONS")[1].split(".SH EXIT STATUS")[0])


def complete(scene, *words):
    """What bash completes the last of these words to."""
    script = (f"PATH={installed('usr/bin')}:$PATH; source {installed(COMPLETION)}; "
              'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _vfvirtctl; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", script, "bash", "vfvirtctl", *words], check=True,
                          capture_output=True, text=True, timeout=LIMIT_S,
                          env=scene.environment())
    expect(not done.stderr, done.stderr)
    return set(done.stdout.split())


@case("cli: help, manual page and completion list the same verbs and options")
def _(folder):
    with Scene(folder) as scene:
        verbs = verbs_of_help(scene)
        expect(len(verbs) == 11, f"{verbs}")
        parts, common = page_parts()
        expect(list(parts) == verbs, f"{list(parts)} and {verbs}")
        expect(complete(scene, "") == set(verbs), f"{complete(scene, '')}")
        expect(options_of_help(scene) == common, f"{common}")
        for verb in verbs:
            listed = options_of_help(scene, verb)
            expect(listed == parts[verb] | common, f"{verb}: {listed} and {parts[verb]}")
            completed = complete(scene, verb, "--")
            expect(completed == {f"--{name}" for _, name, _ in listed}, f"{verb}: {completed}")


@case("cli: the program takes the options that its help lists, and no others")
def _(folder):
    with Scene(folder) as scene:
        verbs = verbs_of_help(scene)
        every = set().union(*(options_of_help(scene, verb) for verb in verbs))
        for verb in verbs:
            listed = options_of_help(scene, verb)
            for letter, name, value in every:
                # A wrong word of another kind is complained about only after all options.
                words = [verb, f"--{name}" + ("=1" if value else ""), "--no-such-option"]
                err = scene.run(*words).err
                expect("unknown option --no-such-option" in err, f"{words}: {err}")
                if name in ("help", "version"):
                    continue
                done = scene.run(verb, f"--{name}" + ("=1" if value else ""), *["x"] * 3)
                refused = f"takes no option --{name}" in done.err
                expect(refused == ((letter, name, value) not in listed), f"{verb} {name}: {done}")


@case("cli: completion offers names, drivers and nothing where nothing fits")
def _(folder):
    with Scene(folder) as scene:
        scene.intent("dpu0", match={"address": "0000:3b:00.0"}, vfs=2)
        scene.create("0000:3b:00.0", 2)
        expect(complete(scene, "show", "dpu") == {"dpu0", "dpu0/0", "dpu0/1"},
               f"{complete(scene, 'show', 'dpu')}")
        expect(complete(scene, "check", "") == set(), f"{complete(scene, 'check', '')}")
        expect(complete(scene, "cre") == {"create"}, f"{complete(scene, 'cre')}")
        expect(complete(scene, "--json", "des") == {"destroy"}, "an option before the verb")
        expect(complete(scene, "create", "--num-vfs", "") == set(), "a number")
        expect("--name" in complete(scene, "create", "--num-vfs", "4", "--n"), "behind a value")


@case("cli: manual pages are well formed")
def _(_folder):
    packages.ensure("groff", "mandoc")
    for path in sorted(installed(MAN).rglob("*.[1578]")):
        done = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", path], check=False,
                              capture_output=True, text=True, timeout=LIMIT_S)
        expect(done.returncode == 0 and not done.stderr, f"{path.name}: {done.stderr}")
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", path], check=False,
                              capture_output=True, text=True, timeout=LIMIT_S)
        # The pages bear a version instead of a date.
        found = [line for line in done.stdout.splitlines() if "missing date" not in line]
        expect(not found and not done.stderr, f"{path.name}: {found} {done.stderr}")
        text = path.read_text()
        expect("@" not in text, f"{path.name}: a place was not filled")
        expect(not re.search("[^\x00-\x7f]", text), f"{path.name}: not ASCII")


@case("cli: exit statuses, errors and keys stand in the manual pages")
def _(folder):
    page = installed(f"{MAN}/man1/vfvirtctl.1").read_text()
    for status in range(4):
        expect(f".TP\n.B {status}\n" in page, f"exit status {status}")
    overview = installed(f"{MAN}/man7/vfvirt.7").read_text().replace("\\", "")
    overview = overview.split(".SS Errors\n")[1]
    for code in error_codes():
        told = overview.partition(f".TP\n.B {code}\n")[2].partition("\n.TP\n")[0]
        expect("What to do: " in told, f"vfvirt(7) about {code}: {told}")
        expect(len(told.splitlines()) > 1, f"vfvirt(7) gives no cause of {code}")
    keys = re.findall(r"^\.TP\n\.B (\S+)$", installed(f"{MAN}/man5/vfvirt.json.5").read_text(),
                      re.M)
    with Scene(folder) as scene:
        (folder / "etc/a.json").write_text('{"no-such-key": 1}')
        err = scene.run("apply", "--dry-run").err
        listed = re.search(r"there are (.*) \[intent\]", err)[1].split(", ")
        expect([key.replace("\\", "") for key in keys] == listed, f"{keys} and {listed}")


@case("cli: the example of the manual page is a good intent")
def _(folder):
    page = installed(f"{MAN}/man5/vfvirt.json.5").read_text()
    example = page.split(".EX\n")[1].split(".EE")[0]
    with Scene(folder) as scene:
        (folder / "etc/dpu0.json").write_text(example)
        done = scene.run("apply", "--dry-run")
        expect(done.code == 0 and "set the number of VFs to 16" in done.out, str(done))


@case("cli: the schema is sound, and strict")
def _(_folder):
    packages.ensure("python3-jsonschema")
    # pylint: disable-next=import-outside-toplevel; it may have been installed just now
    import jsonschema
    schema = json.loads(installed("usr/share/vfvirt/vfvirt-json.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for text in ("{}", '{"schema": 1}', '{"schema": 2, "vfs": []}', '{"schema": 1, "vfs": [{}]}',
                 '{"schema": 1, "findings": [], "ok": -1, "warn": 0, "fail": 0}'):
        expect(not validator.is_valid(json.loads(text)), f"{text} is taken")


@case("cli: version and help need nothing")
def _(folder):
    program = Path(shutil.copy(installed("usr/bin/vfvirtctl"), folder))
    for words in (("--version",), ("--help",), ("create", "--help"), ("-V",), ("list", "-h")):
        done = subprocess.run([program, *words], check=False, capture_output=True, text=True,
                              env={}, cwd=folder, timeout=LIMIT_S)
        expect(done.returncode == 0 and done.stdout and not done.stderr, f"{words}: {done}")
        width = max(map(len, done.stdout.splitlines()))
        expect(width <= 80, f"{words}: a line of {width} columns")
