# SPDX-License-Identifier: GPL-2.0-or-later
"""Checkers of others: checkpatch, kernel-doc, sparse over kernel/; modules' aliases; spelling.

checkpatch and kernel-doc come with the kernel's source of one version and run in the builder tree
of that version; what they need of the source is kept in the cache.
"""

import re
import shutil

from lib import apt, cache, kernels, modules, packages, shell, tree

from . import source

VERSION = "6.12"    # sparse does not understand the headers of 7.3
SCRIPTS = ("checkpatch.pl", "const_structs.checkpatch", "kernel-doc", "spelling.txt")
CHECKPATCH = ("--strict", "--no-tree", "--no-summary", "--terse", "--show-types",
              "--max-line-length=100")

# What checkpatch says about code that cannot be otherwise: (path, kind) -> why.
KNOWN = {
    ("kernel/core/trace.h", "OPEN_ENDED_LINE"): "the shape of TRACE_EVENT()",
    ("kernel/core/trace.h", "PARENTHESIS_ALIGNMENT"): "the shape of TRACE_EVENT()",
    ("kernel/compat/virtio_compat.h", "MACRO_WITH_FLOW_CONTROL"): "macros that define functions",
}
SAID = re.compile(r"(?:/src/|/build/)?(?P<path>\S+?):(?P<line>\d+): \w+:(?P<kind>\w+): ")


def scripts():
    """The folder with the kernel's scripts; fetched once from its source package."""
    archive, package = kernels.ORIGINS[VERSION].archive, f"linux-source-{VERSION}"

    def build(place):
        shell.say(f"fetching the kernel's checkers from {package}")
        debs = place / "debs"
        debs.mkdir()
        deb, = apt.download(archive, [package], debs)
        names = " ".join(f"{package}/scripts/{name}" for name in SCRIPTS)
        shell.run(["sh", "-ec", f"dpkg-deb --fsys-tarfile '{deb}' "
                   f"| tar -xO ./usr/src/{package}.tar.xz | tar -xJ --strip-components=2 {names}"],
                  f"cannot unpack {package}", cwd=place)
        shutil.rmtree(debs)

    def get():
        return cache.item("kernel-scripts", cache.key(apt.show(archive, package)["Version"],
                                                      *SCRIPTS), build)
    return apt.fresh(archive, get)


def _perl(name, words, inputs, text):
    """What a script says, line by line. inputs: the folder that is /src; text: said for people."""
    built_in = modules.headers(VERSION)
    script = scripts()
    # A script that found something ends with a status that is no error of its own.
    said = tree.run(built_in, ["sh", "-c", 'cd /src && perl "$@" 2>&1 || [ $? = 1 ]', "sh",
                               f"/out/{name}", *words], text,
                    [(inputs, "/src", "ro"), (script, "/out", "ro")])
    return said.splitlines()


def checkpatch(paths, inputs=source.CHECKOUT):
    """What checkpatch says about files below inputs, known findings left out.

    It takes half a second a file, so its word about the same files is kept in the cache.
    """
    def ask(place):
        said = _perl("checkpatch.pl", [*CHECKPATCH, "-f", *paths], inputs, "cannot run checkpatch")
        (place / "said").write_text("".join(f"{line}\n" for line in said if line))

    key = cache.key(str(scripts()), *CHECKPATCH, *(word for path in paths for word in (
        path, (inputs / path).read_bytes())))
    found = []
    for line in (cache.item("checkpatch", key, ask) / "said").read_text().splitlines():
        place = SAID.match(line)
        if not place or (place["path"], place["kind"]) not in KNOWN:
            found.append(line)
    return found


def kernel_doc(paths, inputs=source.CHECKOUT):
    """What kernel-doc says about the doc blocks of files below inputs."""
    return [line for line in _perl("kernel-doc", ["-none", "-Wall", *paths], inputs,
                                   "cannot run kernel-doc") if line]


def sparse(folder):
    """What sparse says about a folder of kernel source with its Kbuild, which it is built in."""
    log = folder / "log"
    log.touch()
    tree.run(modules.headers(VERSION), ["make", "-C", modules.kdir(VERSION), "M=/build", "C=2"],
             "cannot run sparse", [(folder, "/build", "rw")], log)
    return modules.complaints(log)


def module_info(path):
    """The fields of a module's .modinfo section: a list of (name, value)."""
    found = re.findall(rb"(?:\0|^)([a-z_.]+)=([^\0]*)(?=\0)", path.read_bytes())
    return [(name.decode(), value.decode(errors="replace")) for name, value in found]


def spelling(paths, folder=source.CHECKOUT):
    """Words that codespell takes for misspelt, in files of a folder: "PATH:LINE: WORD ==> WORD"."""
    packages.ensure("codespell")
    # Another status than 0 or 65 is no finding.
    done = shell.run(["sh", "-c", 'codespell "$@" || [ $? = 65 ]', "sh", *paths],
                     "cannot check the spelling", cwd=folder)
    return done.splitlines()
