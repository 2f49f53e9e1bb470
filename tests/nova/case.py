# SPDX-License-Identifier: GPL-2.0-or-later
"""Registers the cases, once for each release of Nova, and gives them a made-up host."""

import json
import os

from cli.case import Scene
from lib.cases import Cases, expect

from . import judge, nodes

LIMIT_S = 300
CASES = Cases("nova", "nova", LIMIT_S)
ALWAYS = "2025.1"       # the release whose tree every run can afford; others on demand
PF = "0000:3b:00.0"
IDS = '"vendor_id": "1af4", "product_id": "1041"'
ALIAS = f'alias = {{"name": "vfvirt", {IDS}, "device_type": "type-VF"}}\n'


def case(name):
    """Registers a function(world) as a case of each release."""
    def register(function):
        for release in judge.ARCHIVES:
            CASES(f"nova {release}: {name}", on_demand=release != ALWAYS)(
                lambda folder, one=release: _in_world(function, one, folder))
        return function
    return register


def _in_world(function, release, folder):
    with World(release, folder) as world:
        function(world)


class World:
    """A Nova, and a made-up host with a card that is there when it is first asked for."""

    def __init__(self, release, folder):
        self.release, self.nova = release, judge.running(release)
        self._folder, self._scene = folder, None

    def __enter__(self):
        return self

    def __exit__(self, *words):
        if self._scene:
            self._scene.__exit__(*words)

    def host(self, vfs, pfs=1):
        """A host whose PFs have so many VFs each; the Scene of vfvirtctl's tests."""
        self._scene = Scene(self._folder, pfs=pfs, vfs_max=240)
        for pf in self.pfs():
            self._scene.create(pf, vfs)
        return self._scene

    def pfs(self):
        """The addresses of the host's PFs."""
        return sorted(path.parent.name for path in
                      (self._scene.card.sysfs / "bus/pci/devices").glob("*/sriov_totalvfs"))

    def vfs(self, pf=PF):
        """The addresses of a PF's VFs, by index."""
        links = (self._scene.card.sysfs / "bus/pci/devices" / pf).glob("virtfn*")
        return [os.path.basename(os.readlink(link))
                for link in sorted(links, key=lambda link: int(link.name[6:]))]

    def nodes(self):
        """What libvirt would say of the host's PFs and VFs."""
        return [node for pf in self.pfs() for node in nodes.made(pf, self.vfs(pf))]

    def printed(self, *words):
        """What vfvirtctl nova prints for this release."""
        done = self._scene.run("nova", "--release", self.release, *words)
        expect(done.code == 0, str(done))
        return done.out

    def kept(self):
        """The files that vfvirtd keeps: the entries of each PF, and each alias once."""
        files, aliases = {}, {}
        for pf in self.pfs():
            lines = self.printed("--pf", pf).splitlines(keepends=True)
            files[f"{pf}.conf"] = "".join(line for line in lines if not line.startswith("alias"))
            aliases.update((line, None) for line in lines if line.startswith("alias"))
        return {**files, "alias.conf": "[pci]\n" + "".join(aliases)}

    def judge(self, text, asked="vfvirt:1"):
        """What Nova makes of configuration files on this host."""
        return self.nova.judge(text, self.nodes(), asked)

    def check(self, files):
        """What vfvirtctl nova --check says of configuration files: (run, findings)."""
        place = self._folder / "checked"
        place.mkdir(exist_ok=True)
        for old in place.iterdir():
            old.unlink()
        for name, text in ({"nova.conf": files} if isinstance(files, str) else files).items():
            (place / name).write_bytes(text.encode())
        done = self._scene.run("nova", "--release", self.release, "--check", str(place), "--json")
        expect(done.code in (0, 1) and done.out, str(done))
        return done, json.loads(done.out)["findings"]
