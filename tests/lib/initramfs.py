# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the initramfs of a test VM from an explicit list of files, and finds modules for it."""

import os
import re
from pathlib import Path

from .errors import Problem

DIRECTORY, FILE, CHARACTER_DEVICE = 0o040755, 0o100755, 0o020600


class Archive:
    """A cpio archive in the "newc" format, in memory."""

    def __init__(self):
        self._parts = []
        self._known = set()

    def _entry(self, name, mode, data=b"", device=(0, 0)):
        """Appends one entry; inode numbers only have to differ."""
        path = name.encode() + b"\0"
        numbers = (len(self._parts) + 1, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0)
        header = b"070701" + b"".join(b"%08x" % number for number in numbers) + path
        self._parts.append(header + bytes(-len(header) % 4) + data + bytes(-len(data) % 4))

    def folder(self, name):
        """Adds a folder and those above it, once."""
        if name in self._known or name in ("", "."):
            return
        self.folder(os.path.dirname(name))
        self._known.add(name)
        self._entry(name, DIRECTORY)

    def file(self, name, data):
        """Adds an executable file and the folders above it. data: bytes, or Path of a file."""
        self.folder(os.path.dirname(name))
        self._entry(name, FILE, data.read_bytes() if isinstance(data, Path) else data)

    def console(self):
        """Adds /dev/console, which the kernel gives to init as its standard streams."""
        self.folder("dev")
        self._entry("dev/console", CHARACTER_DEVICE, device=(5, 1))

    def write(self, path):
        """Finishes the archive and writes it."""
        self._entry("TRAILER!!!", 0)
        path.write_bytes(b"".join(self._parts))


class Modules:
    """The modules of a kernel and of further folders, by name with underscores."""

    def __init__(self, kernel, folders=()):
        """kernel: lib.kernels.Kernel; folders: more Paths with .ko files, which come first."""
        self._kernel = kernel
        self._paths = {}
        for folder in [kernel.modules, *reversed(folders)]:
            for path in folder.rglob("*.ko"):
                self._paths[_name(path)] = path
        builtin = (kernel.modules / "modules.builtin").read_text(encoding="utf-8").split()
        self._builtin = {_name(Path(line)) for line in builtin}

    def has(self, name):
        """Whether there is such a module, built in or as a file."""
        return name in self._paths or name in self._builtin

    def _needs(self, name):
        """Names of the modules that one depends on directly, as its file says."""
        if name not in self._paths:
            if name in self._builtin:
                return []
            raise Problem(f"kernel {self._kernel.release} has no module {name}")
        found = re.search(rb"\0depends=([^\0]*)\0", self._paths[name].read_bytes())
        if not found:
            raise Problem(f"{self._paths[name]}: not a kernel module: it names no dependencies")
        return [need.replace("-", "_") for need in found[1].decode().split(",") if need]

    def order(self, name, above=()):
        """Names of all modules to load for one, in load order, itself last."""
        if name in above:
            raise Problem(f"modules depend on each other: {' -> '.join((*above, name))}")
        found = []
        for need in self._needs(name):
            found += self.order(need, (*above, name))
        return list(dict.fromkeys([*found, name]))

    def add(self, archive, names):
        """Puts modules and what they need into an archive, with the list that init loads by."""
        chosen = dict.fromkeys(need for name in names for need in self.order(name))
        lines = []
        for name in chosen:
            built_in = name not in self._paths
            if not built_in:
                archive.file(f"modules/{name}.ko", self._paths[name])
            words = [name, "builtin" if built_in else f"{name}.ko", *self.order(name)[:-1]]
            lines.append(" ".join(words) + "\n")
        archive.file("modules/list", "".join(lines).encode())


def _name(path):
    """The module name of a file: its stem, with underscores."""
    return path.name.split(".", 1)[0].replace("-", "_")
