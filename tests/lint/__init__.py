# SPDX-License-Identifier: GPL-2.0-or-later
"""The lint tier: rules that text can break, and checkers of others. See rules.py, documents.py,
tools.py.

For each rule one case holds it against the checkout, and one against what is planted for it.
"""

import re
import tempfile
from pathlib import Path

from lib import kernels, modules, packages, shell
from lib.errors import Problem
from lib.report import matches

from . import documents, rules, source, tools

SECTION = "lint"
LIMIT_S = 60
BUILD_LIMIT_S = 600    # the first time, or when kernel/ changed
SHOWN = 20

# Kind of complaint -> a file that draws it.
PLANTED_PATCH = {
    "SPACING": "int a(int b)\n{\n\treturn b+1;\n}\n",
    "LONG_LINE": "/* " + "a" * 110 + " */\n",
    "RETURN_PARENTHESES": "int a(int b)\n{\n\treturn (b);\n}\n",
}
PLANTED_DOC = {
    "not described": "/**\n * a() - b\n *\n * Return: c\n */\nint a(int d)\n{\n\treturn d;\n}\n",
    "return value": "/**\n * a() - b\n * @d: e\n */\nint a(int d)\n{\n\treturn d;\n}\n",
    "short description": "/**\n * a()\n *\n * Return: c\n */\nint a(void)\n{\n\treturn 0;\n}\n",
}
PLANTED_SPELLING = {"teh ==> the": "/* teh card */\n", "widht ==> width": "/* its widht */\n"}
PLANTED_SPARSE = ("#include <linux/module.h>\n#include <linux/io.h>\n"
                  "int a(void __iomem *b);\nint a(void __iomem *b)\n{\n\treturn *(int *)b;\n}\n"
                  'MODULE_LICENSE("GPL");\nMODULE_DESCRIPTION("planted");\n')
# Exact class, so that libvirt prefers it to the driver of the kernel.
VFIO_ALIAS = "vfio_pci:v00001AF4d00001041sv*sd*bc02sc00i*"


def _none(found):
    """Fails the case when there are complaints, and shows the first ones."""
    if found:
        raise Problem("\n".join([f"{len(found)} complaints:", *found[:SHOWN]]))


def _expect(condition, text):
    if not condition:
        raise Problem(text)


def _refused(function):
    """Fails the case unless a function raises Problem."""
    try:
        function()
    except Problem:
        return
    raise Problem("a breach was not found")


def _planted_files(folder, texts):
    """Writes texts to files 0.c, 1.c and so on; returns their names."""
    names = []
    for number, text in enumerate(texts):
        (folder / f"{number}.c").write_text("// SPDX-License-Identifier: GPL-2.0-only\n" + text)
        names.append(f"{number}.c")
    return names


def _each_drawn(said, planted, names):
    """Fails the case unless each planted file drew the complaint that it is there for."""
    for name, kind in zip(names, planted):
        lines = [line for line in said if f"{name}:" in line and kind in line]
        _expect(lines, f"{kind} was not found: {said}")


def _rule_cases():
    files = source.files()
    for rule in (*rules.RULES, *documents.RULES):
        yield f"{rule.name}", lambda rule=rule: _none(list(rule.check(files)))

        def planted(rule=rule):
            breaches = [*rule.planted.items(), *((rules.DKMS, text) for text in rule.planted_dkms)]
            for path, text in breaches:
                found = list(rule.check({**rules.HEADERS, **documents.BASE, path: text}))
                _expect(any(line.startswith(path) for line in found),
                        f"not found in {path}: {text}")
            _none([line for line in rule.check({**rules.HEADERS, **documents.BASE, **rule.sound})
                   if line.split(":")[0] in rule.sound])
        yield f"{rule.name}: a breach is found, and no more", planted


def _kernel_sources():
    return [path for path in source.files() if path.startswith("kernel/") and source.is_c(path)]


def _pages():
    """What people read: documents, manual pages, help, the table of errors."""
    return [path for path in source.files()
            if path.endswith((".md", ".in", ".svg", ".def", "/error.c"))]


def _make_takes(files):
    """`make -n` has nothing against the lines of make that documents show; -C kernel apart, which
    asks for the headers of the running kernel."""
    shown = {line for path, text in files.items() if path.endswith(".md")
             for _, line in documents.commands_of(text) if re.match(r"make(?! -C)\b", line)}
    _expect(shown, "no document shows a line of make")
    for line in sorted(shown):
        shell.run(["sh", "-c", f"{line} -n"], f"make does not take: {line}", cwd=source.CHECKOUT)


def _with_planted(check, planted):
    with tempfile.TemporaryDirectory() as place:
        names = _planted_files(Path(place), planted.values())
        _each_drawn(check(names, Path(place)), planted, names)


def _sparse_planted():
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "planted.c").write_text(PLANTED_SPARSE)
        (Path(place) / "Kbuild").write_text("obj-m := planted.o\n")
        said = tools.sparse(Path(place))
    _expect(any("address space" in line for line in said), f"a wrong cast was not found: {said}")


def _modules(version):
    """The product's modules for a kernel, name -> path."""
    return {path.stem: path for path in modules.build(version)
            if path.stem in ("vfvirt_core", "vfvirt_pf", "vfvirt_vfio_pci")}


def _aliases(version):
    """Every module's aliases are those that user space relies on, and no others."""
    found = {name: [value for field, value in tools.module_info(path) if field == "alias"]
             for name, path in _modules(version).items()}
    core = [alias for alias in found["vfvirt_core"] if "vfvirt" not in alias]
    _expect(found["vfvirt_vfio_pci"] == [VFIO_ALIAS], f"vfvirt_vfio_pci: {found}")
    _expect(not found["vfvirt_pf"], f"vfvirt_pf would load by itself: {found}")
    _expect(not core, f"vfvirt_core: {found}")


def _depmod(version):
    """The line of modules.alias that libvirt looks for, as depmod writes it."""
    packages.ensure("kmod")
    release = kernels.release(version)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "lib/modules" / release / "updates/dkms"
        folder.mkdir(parents=True)
        for name, path in _modules(version).items():
            (folder / f"{name}.ko").write_bytes(path.read_bytes())
        shell.run(["depmod", "-b", place, release], "cannot run depmod")
        lines = (folder.parent.parent / "modules.alias").read_text().splitlines()
    _expect(f"alias {VFIO_ALIAS} vfvirt_vfio_pci" in lines, "\n".join(lines))


def _cases():
    """All cases: name -> (function, limit in seconds)."""
    found = {name: (function, LIMIT_S) for name, function in _rule_cases()}
    found["checkpatch --strict has nothing to say"] = (
        lambda: _none(tools.checkpatch(_kernel_sources())), BUILD_LIMIT_S)
    found["checkpatch --strict finds what is planted"] = (
        lambda: _with_planted(tools.checkpatch, PLANTED_PATCH), LIMIT_S)
    found["kernel-doc -Wall has nothing to say"] = (
        lambda: _none(tools.kernel_doc(_kernel_sources())), BUILD_LIMIT_S)
    found["kernel-doc -Wall finds what is planted"] = (
        lambda: _with_planted(tools.kernel_doc, PLANTED_DOC), LIMIT_S)
    found["lines of make in documents are taken by make"] = (
        lambda: _make_takes(source.files()), LIMIT_S)
    found["a line of make that is not taken is found"] = (
        lambda: _refused(lambda: _make_takes({"a.md": documents.block("make no-such-target")})),
        LIMIT_S)
    found["documents have no misspelt word"] = (lambda: _none(tools.spelling(_pages())),
                                                BUILD_LIMIT_S)
    found["a misspelt word is found"] = (
        lambda: _with_planted(tools.spelling, PLANTED_SPELLING), LIMIT_S)
    found["sparse has nothing to say"] = (lambda: _none(modules.check(tools.VERSION)),
                                          BUILD_LIMIT_S)
    found["sparse finds what is planted"] = (_sparse_planted, LIMIT_S)
    for version in kernels.VERSIONS:
        found[f"modules for {version} have the aliases that user space relies on"] = (
            lambda version=version: _aliases(version), BUILD_LIMIT_S)
    found["depmod writes the alias that libvirt looks for"] = (lambda: _depmod(tools.VERSION),
                                                               BUILD_LIMIT_S)
    return found


def names():
    """The names of all cases."""
    return list(_cases())


def run(report, patterns):
    """Runs the chosen cases. See lib.tiers for the arguments."""
    for name, (function, limit_s) in _cases().items():
        if matches(patterns, name):
            report.case(SECTION, name, function, limit_s)
