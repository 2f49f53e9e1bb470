# SPDX-License-Identifier: GPL-2.0-or-later
"""vfvirtctl nova: what it prints for Nova, and what it finds in a nova.conf."""

import os

from .case import Scene, case, check_schema, expect, golden, golden_pair

PF = "0000:3b:00.0"
OTHER = "0000:4b:00.0"
IDS = '"vendor_id": "1af4", "product_id": "1041"'
ALIAS = ('alias = {"name": "vfvirt", "vendor_id": "1af4", "product_id": "1041", '
         '"device_type": "type-VF"}\n')


def spec(address, more='"managed": "no"'):
    """A line for a VF."""
    return f'device_spec = {{"address": "{address}", {IDS}, {more}}}\n'


def check(scene, text, *words):
    """Runs nova --check on a text."""
    path = scene.folder / "nova.conf"
    if isinstance(text, str):
        text = text.encode()
    path.write_bytes(text)
    return scene.run("nova", "--check", str(path), *words)


@case("cli: nova prints one entry a VF, and no PF")
def _(folder):
    with Scene(folder) as scene:
        scene.create(PF, 9)
        golden_pair("nova", scene, "nova")
        golden_pair("nova-zed", scene, "nova", "--release", "zed", "--alias", "old.guests")
        done = scene.run("nova", "--format", "json")
        expect(done.out == scene.run("nova", "--json").out, str(done))
        expect(scene.run("nova", "--format", "ini").out == scene.run("nova").out, "ini")
        expect(PF not in scene.run("nova").out, "the PF")


@case("cli: nova takes PFs by --pf or by name, else those whose intent has nova")
def _(folder):
    with Scene(folder, pfs=2) as scene:
        scene.create(PF, 1)
        scene.create(OTHER, 1)
        both = scene.run("nova").out
        expect("3b:00.1" in both and "4b:00.1" in both, both)
        expect(both.count("alias = ") == 1, f"the alias is there once: {both}")
        for words in ((), ("--pf", "dpu1", "--pf", PF), ("--pf=dpu1", PF), ("dpu1", PF),
                      ("--pf", "*")):
            scene.intent("dpu1", match={"address": OTHER}, vfs=1)
            expect(scene.run("nova", *words).out == both, f"{words}")
        for words in (("dpu1",), ("--pf", "dpu1")):
            out = scene.run("nova", *words).out
            expect("4b:00.1" in out and "3b:00.1" not in out, out)
        scene.intent("dpu1", match={"address": OTHER}, vfs=1,
                     nova={"alias": "fast", "resource_class": "CUSTOM_FAST", "release": "zed"})
        golden_pair("nova-intent", scene, "nova")
        expect('"managed"' in scene.run("nova", "--release", "2025.1").out, "a release beats it")
        done = scene.run("nova", "--pf", f"{PF[:-1]}1")
        expect(done.code == 2 and not done.out, str(done))


@case("cli: nova leaves out what guests must not have, and says so")
def _(folder):
    with Scene(folder) as scene:
        golden_pair("nova-none", scene, "nova")
        scene.create(PF, 3)
        scene.bind("0000:3b:00.1", "vfvirt_vfio_pci")
        scene.bind("0000:3b:00.2", "vfio-pci")
        golden_pair("nova-foreign", scene, "nova")


def traits(out):
    """The keys that say of VFs, and that ask, in the lines of nova: how often the legacy trait."""
    return {key: sum("traits" in line for line in out.splitlines() if line.startswith(key))
            for key in ("device_spec", "alias")}


@case("cli: nova says no legacy trait of a card that has no legacy registers")
def _(folder):
    with Scene(folder, pfs=2) as scene:
        scene.create(PF, 1)
        scene.create(OTHER, 1)
        expect(traits(scene.run("nova").out) == {"device_spec": 2, "alias": 1}, "cards with them")
        scene.card.do(f"opcodes {PF} 3")
        for release, asked in (("zed", 0), ("2025.1", 1)):
            out = scene.run("nova", "--release", release).out
            expect(traits(out) == {"device_spec": 1, "alias": asked}, out)
            expect(out.count("alias = ") == 1, f"one alias for both: {out}")
        scene.card.do(f"owner {PF} 2 8")
        expect(traits(scene.run("nova").out)["device_spec"] == 2,
               "a degraded card refuses all, and may recover")


@case("cli: nova --check finds nothing in what nova prints")
def _(folder):
    with Scene(folder, vfs_max=240) as scene:
        scene.create(PF, 240)
        for release in ("zed", "2025.1"):
            words = ("--release", release)
            done = check(scene, scene.run("nova", *words).out, *words)
            expect(done.code == 0 and "240 VFs, each matched once" in done.out, str(done))
            expect(("managed" in done.out) == (release == "zed"), str(done))


@case("cli: nova --check names the VFs that are missed, seen twice, confused with the PF")
def _(folder):
    with Scene(folder) as scene:
        scene.create(PF, 9)
        text = ("[pci]\n" + spec("0000:3b:00.1") + spec("0000:3b:00.1")
                + spec("0000:3b:00.2") + spec("0000:3b:00.2", '"managed": "yes"')
                + 'device_spec = {"address": {"bus": "3b", "slot": "00", "function": "[2-7]"}, '
                '"managed": "no"}\n')
        path = folder / "nova.conf"
        path.write_text(text + ALIAS)
        golden_pair("nova-check-vfs", scene, "nova", "--check", str(path))
        for place in ("", '"address": "*:3b:00.*", ', f'"address": "{PF}", ', '"address": "3b:", '):
            done = check(scene, f'[pci]\ndevice_spec = {{{place}{IDS}, "managed": "no"}}\n{ALIAS}')
            expect(done.code == 1 and "confuse the PF with its VFs" in done.out, str(done))


@case("cli: nova --check finds each trap of device_spec and alias")
def _(folder):
    with Scene(folder) as scene:
        scene.create(PF, 2)
        path = folder / "nova.conf"
        path.write_text(
            "[pci]\nreport_in_placement = on\n"
            + spec("0000:3b:00.1", '"managed": "no", "traits": "A", "live_migratable": "yes", '
                   '"physical_network": "p", "remote_managed": "true"')
            + spec("0000:3b:00.2", '"resource_class": "B"')
            + spec("0000:3b:07.7") + spec("10000:3b:00.1")
            + spec("0000:3b:00.1", '"managed": "maybe"')
            + 'device_spec = {"devname": "ens0"}\ndevice_spec = nonsense\n'
            'device_spec = {"vendor_id": "8086", "product_id": "10ca"}\n'
            'alias = {"name": "a", "vendor_id": "0x1af4"}\n'
            'alias = {"name": "b", "vendor_id": "1af4", "managed": "no"}\n'
            'alias = {"name": "c", "vendor_id": "1af4", "product_id": "1041"}\n'
            'alias = [{"name": "d"}]\nalias = {"vendor_id": "1af4"}\n'
            'alias = {"name": "gpu", "vendor_id": "10de", "wrong": "but not ours"}\n')
        golden_pair("nova-check-traps", scene, "nova", "--check", str(path))
        path.write_text("[pci]\n" + spec("0000:3b:00.1", '"resource_class": "X"')
                        + 'alias = {"name": "a", "device_type": "type-VF", "traits": "T"}\n'
                        "[filter_scheduler]\npci_in_placement = true\n")
        golden("nova-check-releases.text", scene.run("nova", "--check", str(path)),
               scene.run("nova", "--check", str(path), "--release", "zed"))


@case("cli: nova --check names aliases of one name")
def _(folder):
    with Scene(folder) as scene:
        scene.create(PF, 1)
        text = "[pci]\n" + spec("0000:3b:00.1") + 2 * ALIAS
        placement = "[filter_scheduler]\npci_in_placement = true\n"
        path = folder / "nova.conf"
        runs = []
        for more, *words in ((text,), (placement + text,), (placement + text, "--release", "zed"),
                             (text.replace("VF\"}", "PF\"}", 1),)):
            path.write_text(more)
            runs.append(scene.run("nova", "--check", str(path), *words))
        golden("nova-check-names.text", *runs)
        expect([run.code for run in runs] == [0, 1, 0, 1], "exit status")


@case("cli: nova --check reads what Nova would read, and refuses the rest")
def _(folder):
    with Scene(folder) as scene:
        scene.create(PF, 1)
        good = "[pci]\n" + spec("0000:3b:00.1") + ALIAS
        for text in (good, good.replace("\n", "\r\n"), "[DEFAULT]\nsecret=x\n more\n" + good,
                     good.replace("device_spec", "passthrough_whitelist"),
                     good.replace(", ", ",\n  "), good.replace("=", ":", 1), "\n# x\n" + good,
                     good.replace("[pci]", "[PCI]")):
            done = check(scene, text)
            expect(done.code == 0, f"{text!r}: {done}")
        runs = [check(scene, text) for text in (
            b" x = 1\n", b"x = 1\n", b"[]\n", b"[pci\n", b"[pci]\npassword\n", b"[pci]\n= x\n",
            b"[pci]\nx = 1\n# c\n y\n", b"[pci]\n\x00\n")]
        runs.append(scene.run("nova", "--check", "/nonexistent", "--json"))
        golden("nova-check-unreadable.text", *runs)
        expect(all(run.code == 1 and "password" not in run.out + run.err for run in runs), "secret")
        (folder / "conf").mkdir()
        done = scene.run("nova", "--check", str(folder / "conf"))
        expect(done.code == 1 and "no file whose name ends in .conf" in done.err, str(done))
        (folder / "conf/b.conf").write_text(good)
        (folder / "conf/a.conf").symlink_to(folder / "conf/b.conf")
        (folder / "conf/.c.conf").write_text("nonsense")
        (folder / "conf/d.txt").write_text("nonsense")
        done = scene.run("nova", "--check", str(folder / "conf"), "--json")
        expect(done.code == 0 and "twice" in done.out and "b.conf:2" in done.out, str(done))
        check_schema(done.out)
        os.mkfifo(folder / "fifo.conf")
        expect(scene.run("nova", "--check", str(folder / "fifo.conf")).code == 1, "a FIFO")
        done = check(scene, b"#" * (5 << 20))
        expect(done.code == 1 and "too large" in done.err, str(done))
