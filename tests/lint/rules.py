# SPDX-License-Identifier: GPL-2.0-or-later
"""The rules about text: licences, who includes whom, words that do not belong in the product.

A rule is a function from all files (path -> text) to complaints "PATH:LINE: what". Each comes with
planted files that must be found, one complaint or more each, so that a rule that sees nothing any
more is noticed.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Callable

from . import source


@dataclass(frozen=True)
class Rule:
    """One rule. planted: path -> text, each a breach; planted_dkms: texts of dkms.conf,
    each one; sound: path -> text, none of them one."""
    name: str
    check: Callable
    planted: dict
    sound: dict
    planted_dkms: tuple = ()


# ---- licences --------------------------------------------------------------------------------

GPL2_ONLY = ("kernel/", "tests/kernel/modules/", "tests/device-model/", "packaging/dkms/")
# The licence itself, and files whose format or purpose leaves no room for a comment.
NO_LICENCE_LINE = re.compile(r"COPYING|packaging/deb/(changelog|copyright|source/.*)"
                             r"|tests/[a-z]+/golden/.*")


def licences(files):
    """Every file names its licence in its first lines, the one that its folder has."""
    for path, text in files.items():
        if NO_LICENCE_LINE.fullmatch(path):
            continue
        want = "GPL-2.0-only" if path.startswith(GPL2_ONLY) else "GPL-2.0-or-later"
        found = re.search(r'SPDX-License-Identifier"?: "?([A-Za-z0-9.+-]+)',
                          "\n".join(text.split("\n")[:3]))
        if not found or found[1] != want:
            yield f"{path}:1: licence is {found[1] if found else 'not named'}, not {want}"


# ---- who includes whom -----------------------------------------------------------------------

# Part -> parts whose headers it may include, besides its own. A part that is not here may include
# nothing of the product; tests may include anything and are not here either.
MAY_INCLUDE = {
    "kernel/core": ("kernel/include", "kernel/compat"),
    "kernel/pf": ("kernel/include", "kernel/compat"),
    "kernel/vfio": ("kernel/include", "kernel/compat"),
    "kernel/compat": (),
    "kernel/include": (),
    "vfvirtctl/common": (),
    "vfvirtctl/lib": ("vfvirtctl/common", "kernel/include/uapi"),
    "vfvirtctl/daemon": ("vfvirtctl/common", "vfvirtctl/lib"),
    "vfvirtctl/cli": ("vfvirtctl/common", "vfvirtctl/lib"),
    "vfvirtctl/hook": ("vfvirtctl/common", "vfvirtctl/lib"),
    "vfvirtctl/man": ("vfvirtctl/common", "vfvirtctl/lib", "vfvirtctl/cli"),    # makes its tables
}
PRODUCT = ("kernel/", "vfvirtctl/", "libvirt-hooks/")
GENERATED = {"compat_probes.h": "kernel/compat", "config.h": "vfvirtctl/common"}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def _part(path):
    """The first two folders of a path, which name its part."""
    return "/".join(path.split("/")[:2])


def _resolve(path, name, files):
    """The files of the checkout that an include of that name can mean, nearest first."""
    beside = str(PurePosixPath(path).parent / name)
    if beside in files:
        return [beside]
    return [other for other in files if other.endswith("/" + name)
            and other.startswith((*PRODUCT, "tests/"))]


def _arrow(path, name, files):
    """What is wrong with an include, or an empty string."""
    part = _part(path)
    if ".." in name.split("/"):
        return "climbs out of its folder"
    if name in GENERATED:
        return "" if part == GENERATED[name] else f"only {GENERATED[name]} includes it"
    candidates = _resolve(path, name, files)
    allowed = (part, *MAY_INCLUDE.get(part, ()))
    if any(other.startswith(tuple(f"{place}/" for place in allowed)) for other in candidates):
        return ""
    return f"{part} must not include {candidates[0]}" if candidates else "there is no such file"


def includes(files):
    """Headers are included only along the arrows of ARCHITECTURE.md."""
    for path, text in files.items():
        if not source.is_c(path) or not path.startswith(PRODUCT):
            continue
        for found in INCLUDE.finditer(source.without_comments(text)):
            wrong = _arrow(path, found[2], files)
            # In <>, a name that the checkout does not have is a system header.
            if wrong and not (found[1] == "<" and wrong == "there is no such file"):
                yield f"{path}:{source.line_of(text, found.start())}: {found[2]}: {wrong}"


# ---- words that do not belong ------------------------------------------------------------------

@dataclass(frozen=True)
class Word:
    """A word that is banned. inside: folders; but: paths or folders where it may stand; strings:
    it is looked for in strings, too."""
    pattern: str
    instead: str
    inside: tuple
    but: tuple = ()
    strings: bool = False


KERNEL, USER = ("kernel/",), ("vfvirtctl/", "libvirt-hooks/")
CALL = r"(?<![\w.>])"
WORDS = (
    Word(CALL + r"v?sprintf\s*\(", "scnprintf()", KERNEL + USER),
    Word(CALL + r"(strcpy|strcat|strncpy)\s*\(", "strscpy()", KERNEL + USER),
    Word(CALL + r"(BUG|BUG_ON)\s*\(", "an error, or WARN_ON_ONCE()", KERNEL),
    Word(CALL + r"(msleep|ssleep|mdelay|usleep_range)\s*\(", "a wait for the event with a limit",
         KERNEL),
    Word(r"\b(LINUX_VERSION_CODE|KERNEL_VERSION)\b", "a probe in kernel/compat", KERNEL,
         ("kernel/compat/",)),
    Word(CALL + r"simple_strto\w+\s*\(", "kstrto*()", KERNEL),
    Word(r"%p(?![a-zA-Z])", "nothing: an address says nothing to a person", KERNEL + USER,
         strings=True),
    Word(r"\bsystemd\b", "nothing: the kernel knows of no user space", KERNEL, strings=True),
    Word(CALL + r"(atoi|atol|atoll|atof|strto(l|ll|ul|ull|d|f|imax|umax))\s*\(",
         "the functions of parse.c", USER,
         ("vfvirtctl/common/parse.c",)),
    Word(CALL + r"(system|popen)\s*\(", "a child process with a limit", USER),
    Word(CALL + r"(usleep|sleep|nanosleep)\s*\(", "a wait for the event with a limit", USER),
    Word(CALL + r"close\s*\(", "the scope cleanup of common", USER, ("vfvirtctl/common/",)),
)


def words(files):
    """No banned word stands in the C of the product."""
    for path, text in files.items():
        if not source.is_c(path):
            continue
        for word in WORDS:
            if not path.startswith(word.inside) or (word.but and path.startswith(word.but)):
                continue
            shown = source.without_comments(text) if word.strings else source.code_only(text)
            for found in re.finditer(word.pattern, shown):
                yield (f"{path}:{source.line_of(text, found.start())}: {found[0].strip()} is banned; "
                       f"use {word.instead}")


FUNCTION_END = re.compile(r"^}", re.MULTILINE)
JUMP = re.compile(r"\bgoto\s+(\w+)\s*;")


def jumps(files):
    """A goto leads forward, to a label of the same function."""
    for path, text in files.items():
        if not source.is_c(path) or not path.startswith(PRODUCT):
            continue
        start, code = 0, source.code_only(text)
        for end in FUNCTION_END.finditer(code):
            body = code[start:end.start()]
            for found in JUMP.finditer(body):
                label = re.search(rf"^[ \t]*{found[1]}[ \t]*:", body[:found.start()], re.MULTILINE)
                if label:
                    line = source.line_of(code, start + found.start())
                    yield f"{path}:{line}: goto {found[1]} jumps backwards"
            start = end.end()


EXPORT = re.compile(r"^EXPORT_SYMBOL\w*\s*\(\s*(\w+)", re.MULTILINE)


def exports(files):
    """What a module exports has a doc block in the same file, and only by the GPL."""
    for path, text in files.items():
        if not path.startswith(KERNEL) or not path.endswith(".c"):
            continue
        for found in EXPORT.finditer(source.code_only(text)):
            line = source.line_of(text, found.start())
            if not found[0].startswith("EXPORT_SYMBOL_GPL"):
                yield f"{path}:{line}: {found[1]} is exported to more than the GPL"
            if not re.search(rf"^ \* {found[1]}\(\) - ", text, re.MULTILINE):
                yield f"{path}:{line}: {found[1]} is exported without a doc block"


# ---- DKMS --------------------------------------------------------------------------------------

DKMS, SUPPORTED = "packaging/dkms/dkms.conf", "kernel/compat/SUPPORTED"
RELEASES = ("5.15", "6.0", "6.1", "6.2", "6.9", "6.12", "6.19", "7.0", "7.3", "7.4", "7.10", "8.1",
            "16.1")


def _series(text):
    """A series such as 6.12 in a form that can be compared."""
    return tuple(int(number) for number in text.split("."))


def _dkms_modules(conf):
    """Modules of a dkms.conf: name -> folder."""
    names = dict(re.findall(r'^BUILT_MODULE_NAME\[(\d+)\]="(.*)"', conf, re.MULTILINE))
    folders = dict(re.findall(r'^BUILT_MODULE_LOCATION\[(\d+)\]="dkms/(.*)"', conf, re.MULTILINE))
    return {name: folders.get(number) for number, name in names.items()}


def dkms(files):
    """dkms.conf names every module, and the kernels that the build accepts."""
    conf, settings = files[DKMS], dict(re.findall(r'^(\w+)="(.*)"', files[DKMS], re.MULTILINE))
    modules = {found[1]: path.split("/")[1] for path, text in files.items()
               if path.startswith(KERNEL) and path.endswith("/Kbuild")
               for found in [re.search(r"^obj-m := (\w+)\.o$", text, re.MULTILINE)] if found}
    if _dkms_modules(conf) != modules:
        yield f"{DKMS}:1: modules are {_dkms_modules(conf)}, not {modules}"
    limits = dict(line.split() for line in files[SUPPORTED].splitlines() if line[:1].islower())
    low, high = _series(limits["min"]), _series(limits["max"])
    if (_series(settings["BUILD_EXCLUSIVE_KERNEL_MIN"]) != low
            or _series(settings["BUILD_EXCLUSIVE_KERNEL_MAX"]) != (high[0], high[1] + 1)):
        yield f"{DKMS}:1: MIN and MAX are not the range of {SUPPORTED}, MAX being the first outside"
    for release in RELEASES:
        taken = bool(re.search(settings["BUILD_EXCLUSIVE_KERNEL"], f"{release}.5-amd64"))
        if taken != (low <= _series(release) <= high):
            yield f"{DKMS}:1: BUILD_EXCLUSIVE_KERNEL is wrong about {release}"
    if settings["PACKAGE_VERSION"] != "@VERSION@":
        yield f"{DKMS}:1: the version is not left to `make install-dkms`"


# ---- the table ---------------------------------------------------------------------------------

def _lines(*lines):
    return "".join(line + "\n" for line in lines)


def _include(name):
    return f'#include "{name}"\n'


DKMS_SOUND = _lines(
    'PACKAGE_VERSION="@VERSION@"', 'BUILD_EXCLUSIVE_KERNEL="^(6\\.[1-9][0-9]*|7\\.[0-3])[^0-9]"',
    'BUILD_EXCLUSIVE_KERNEL_MIN="6.1"', 'BUILD_EXCLUSIVE_KERNEL_MAX="7.4"',
    'BUILT_MODULE_NAME[0]="vfvirt_pf"', 'BUILT_MODULE_LOCATION[0]="dkms/pf"')
BUILD_FILES = {DKMS: DKMS_SOUND, SUPPORTED: "# range\nmin 6.1\nmax 7.3\n",
               "kernel/pf/Kbuild": "obj-m := vfvirt_pf.o\n"}
HEADERS = BUILD_FILES | {path: "\n" for path in (
    "kernel/core/core.h", "kernel/pf/pf.h", "kernel/include/vfvirt_core.h",
    "kernel/include/uapi/vfvirt.h", "kernel/compat/vfvirt_compat.h", "vfvirtctl/common/err.h",
    "vfvirtctl/lib/intent.h", "vfvirtctl/daemon/worker.h", "vfvirtctl/cli/render.h",
    "tests/kernel/lib/test.h")}

RULES = (
    Rule("every file names the licence of its folder", licences,
         {"kernel/core/a.c": "int a;\n",
          "kernel/core/b.c": "// SPDX-License-Identifier: GPL-2.0-or-later\n",
          "vfvirtctl/lib/c.c": "// SPDX-License-Identifier: GPL-2.0-only\n",
          "tests/cli/golden.c": "int a;\n",
          "tests/late.py": "\n\n\n# SPDX-License-Identifier: GPL-2.0-or-later\n"},
         {"kernel/include/uapi/a.h":
          "/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */\n",
          "COPYING": "the licence\n", "tests/cli/golden/list.json": "{}\n",
          "tests/a.py": "#!/usr/bin/python3\n# SPDX-License-Identifier: GPL-2.0-or-later\n"}),
    Rule("headers are included along the arrows", includes,
         {"kernel/core/a.c": _include("pf.h"), "kernel/pf/a.c": _include("core.h"),
          "kernel/vfio/a.c": "#  include <core.h>\n", "kernel/pf/b.c": _include("../core/core.h"),
          "kernel/include/a.h": _include("core.h"), "kernel/compat/a.h": _include("vfvirt_core.h"),
          "kernel/core/b.c": _include("compat_probes.h"), "kernel/core/c.c": _include("nobody.h"),
          "kernel/vfio/b.c": _include("test.h"), "vfvirtctl/common/a.c": _include("intent.h"),
          "vfvirtctl/lib/a.c": _include("worker.h"), "vfvirtctl/cli/a.c": _include("worker.h"),
          "vfvirtctl/daemon/a.c": _include("render.h"),
          "vfvirtctl/daemon/b.c": _include("uapi/vfvirt.h"),
          "vfvirtctl/lib/b.c": _include("vfvirt_core.h"),
          "vfvirtctl/cli/b.c": _include("kernel/include/uapi/vfvirt.h")},
         {"kernel/core/ok.c": _include("core.h") + _include("vfvirt_core.h")
          + _include("vfvirt_compat.h") + "#include <linux/pci.h>\n/* #include \"pf.h\" */\n",
          "kernel/compat/ok.h": _include("compat_probes.h"),
          "vfvirtctl/lib/ok.c": _include("uapi/vfvirt.h") + _include("err.h"),
          "vfvirtctl/daemon/ok.c": _include("intent.h") + _include("err.h"),
          "tests/ok.c": _include("core.h")}),
    Rule("no banned word stands in the product", words,
         {f"{folder}a{number}.c": f"{text}\n" for folder, texts in (
             ("kernel/core/", (
                 "sprintf(a, b);", "vsprintf(a, b, c);", "strcpy(a, b);", "strcat (a, b);",
                 "strncpy(a, b, 1);", "BUG();", "BUG_ON(a);", "msleep(1);", "ssleep(1);",
                 "mdelay(1);", "usleep_range(1, 2);", "#if LINUX_VERSION_CODE < 1",
                 "int a = KERNEL_VERSION(6, 1, 0);", "simple_strtoul(a, b, 0);",
                 'pr_info("at %p\\n", a);', 'const char *a = "systemd";')),
             ("vfvirtctl/lib/", (
                 "atoi(a);", "atol(a);", "strtol(a, b, 0);", "strtoull(a, b, 0);", "sprintf(a, b);",
                 "strcpy(a, b);", "system(a);", "popen(a, b);", "usleep(1);", "sleep(1);",
                 "close(fd);", 'printf("%p", a);')),
         ) for number, text in enumerate(texts)},
         {"kernel/core/ok.c": _lines(
             "/* sprintf(a, b); */", "scnprintf(a, b, c);", 'pr_info("BUG(1) %pK\\n", a);',
             "// systemd: BUG_ON(a)", "ops->close(a);", "do_msleep(1);"),
          "kernel/compat/ok.h": "#if LINUX_VERSION_CODE < 1\n",
          "vfvirtctl/common/parse.c": "strtoul(a, b, 0);\n",
          "vfvirtctl/common/fs.c": "close(fd);\n",
          "vfvirtctl/lib/ok.c": "vfv_close(a); ops.close(a); fd_close (a);\n",
          "tests/ok.c": "sleep(1); close(a);\n"}),
    Rule("a goto leads forward", jumps,
         {"kernel/core/a.c": _lines("int a(void)", "{", "again:", "\tgoto again;", "}"),
          "vfvirtctl/lib/a.c": _lines("int b(void)", "{", "\tgoto end;", "end:", "\tgoto end;",
                                      "}")},
         {"kernel/core/ok.c": _lines("int a(void)", "{", "\tgoto out;", "out:", "\treturn 0;", "}",
                                     "int b(void)", "{", "\tgoto out;", "out:", "\treturn 0;",
                                     "}")}),
    Rule("what is exported is documented, and by the GPL", exports,
         {"kernel/core/a.c": "EXPORT_SYMBOL_GPL(vfvirt_a);\n",
          "kernel/core/b.c": "/**\n * vfvirt_b() - what\n */\nEXPORT_SYMBOL(vfvirt_b);\n"},
         {"kernel/core/ok.c": "/**\n * vfvirt_a() - what\n */\nEXPORT_SYMBOL_GPL(vfvirt_a);\n"}),
    Rule("dkms.conf names the modules and the kernels that there are", dkms, {}, BUILD_FILES,
         tuple(DKMS_SOUND.replace(*change) for change in (
             ("vfvirt_pf", "vfvirt_core"), ("dkms/pf", "dkms/core"), ('MIN="6.1"', 'MIN="6.2"'),
             ('MAX="7.4"', 'MAX="7.3"'), ("[0-3]", "[0-4]"), ("[1-9][0-9]*", "[1-9]"),
             ("@VERSION@", "1.0")))),
)
