# SPDX-License-Identifier: GPL-2.0-or-later
"""Our reading of nova.conf and of its entries is Nova's, text by text."""

import json

from lib.cases import expect

from .case import ALIAS, IDS, PF, case

ENTRY = '{"address": "0000:3b:00.1"}'
TEXTS = (
    "", "\n", "# x\n; y\n", f"[pci]\ndevice_spec = {ENTRY}\n", f"[pci]\ndevice_spec: {ENTRY}",
    f"[pci]\r\ndevice_spec={ENTRY}\r\n", f"[pci]\rdevice_spec={ENTRY}\r",
    f"[PCI]\ndevice_spec={ENTRY}\n", f"[ pci ]\ndevice_spec={ENTRY}\n",
    f"[pci]  \n \ndevice_spec  =  {ENTRY}  \n", f"[pci]\nDevice_Spec={ENTRY}\n",
    f"[pci]\ndevice-spec={ENTRY}\n", f"[pci]\ndevice_spec='{ENTRY}'\n",
    f'[pci]\ndevice_spec="{ENTRY}"\n', '[pci]\ndevice_spec="\n', "[pci]\ndevice_spec=\n",
    f"[pci]\ndevice_spec=\n {ENTRY}\n", '[pci]\ndevice_spec={"address":\n\t"3b:00.1"\n  }\n',
    '[pci]\ndevice_spec={"address":\n  # x\n "3b:00.1"}\n', f"[pci]\ndevice_spec={ENTRY}\n\n  x\n",
    f"[pci]\ndevice_spec={ENTRY}\n# c\n  x\n", f"[pci]\ndevice_spec={ENTRY}\n \t \n  x\n", " x=1\n",
    "x=1\n", "[]\n", "[pci\n", "[pci] # x\n", "[pci]\nx\n", "[pci]\n=1\n", "[pci]\n:1\n",
    f"[pci]\npassthrough_whitelist={ENTRY}\n", f"[DEFAULT]\npci_passthrough_whitelist={ENTRY}\n",
    f"[default]\npci_passthrough_whitelist={ENTRY}\n",
    f'[pci]\npassthrough_whitelist={ENTRY}\ndevice_spec={{"address": "3b:01.0"}}\n',
    f'[pci]\ndevice_spec={ENTRY}\n[x]\ndevice_spec=1\n[pci]\ndevice_spec={{"address": "3b:01.0"}}',
    f"[pci]\ndevice_spec=[{ENTRY}, {ENTRY}]\n", "[pci]\ndevice_spec=[]\n",
    "[pci]\ndevice_spec=[[]]\n",
    '[pci]\ndevice_spec="x"\n', "[pci]\ndevice_spec=7\n", f"[pci]\ndevice_spec={ENTRY}}}\n",
    f"[pci]\ndevice_spec={ENTRY},\n", f'[pci]\ndevice_spec={ENTRY}, "x": 1\n',
    "[pci]\ndevice_spec=null\n",
    f"[pci]\ndevice_spec={ENTRY} # x\n", f"\x0c[pci]\ndevice_spec={ENTRY}\n",
    f"[pci]\n\x0b\ndevice_spec={ENTRY}\x0b\n", f"[pci]\ndevice_spec={ENTRY}\n]\n",
)
PLACES = (
    None, "", "0000:3b:00.1", "0:3b:0.1", "3b:00.1", "3B:0.1", ":3b:00.1", ":3b:01.", "*:3b:01.*",
    "01", "01.0", ".1", "00", "3b:", "3b:00", "3b:00.0", "0000:3b:00.0", "0000:3b:00.8",
    "3b:20.0", "100:00.0", "0000:3b:00.1.2", "a:b:c:d.0", "10000:3b:00.1", "xyz", "0x3b:00.1",
    "*", "*.*", "*:*:*.*", "3*:00.1", "3b:0*.1", {}, {"function": "1"}, {"function": "[1-7]"},
    {"function": "[^0]"}, {"slot": "0"}, {"slot": "01|00", "function": "0"}, {"bus": "3B"},
    {"bus": "3"}, {"domain": "0*", "bus": ".b"}, {"slot": "0[0-9]$", "function": "[02468]"},
    {"slot": "\\d1"}, {"function": ".*"}, {"slot": "(00|01)"}, {"function": "1+"}, {"function":
    ".?"}, {"func": "1"}, {"function": 1}, {"slot": "0.+"}, {"slot": ""}, ["x"], 7, True,
)


def ours(world, text):
    """What --check makes of a text: (whether Nova would start, the VFs it would have, the PF)."""
    _, findings = world.check(text)
    refused = any("Nova does not start" in one["text"] or one["topic"] == "nova-spec"
                  and "refuses it" in one["text"] for one in findings)
    missed = {one["object"] for one in findings
              if one["topic"] == "nova-vf" and "would miss it" in one["text"]}
    confused = any(one["topic"] == "nova-pf" and one["level"] == "fail" for one in findings)
    unknown = any("not understood" in one["text"] for one in findings)
    expect(not unknown, f"{text!r}: {findings}")
    return not refused, {vf for vf in world.vfs() if vf not in missed}, confused


def theirs(world, text):
    """What Nova makes of it."""
    answer = world.judge(text)
    if "given" not in answer:
        return False, None, None
    given = set(answer["given"])
    return True, given - {PF}, PF in given


def expect_same(world, text):
    """Both say the same; of a text that keeps Nova from starting, only that."""
    want, have = theirs(world, text), ours(world, text)
    expect(have == want or not want[0] and not have[0], f"{text!r}: {have}, but Nova: {want}")


@case("files are read as oslo.config reads them")
def _(world):
    world.host(9)
    for text in TEXTS:
        expect_same(world, text)


@case("a folder of files is read as oslo.config reads it")
def _(world):
    world.host(9)
    files = {"b.conf": f"[pci]\ndevice_spec={ENTRY}\n",
             "a.conf": '[pci]\ndevice_spec={"address": "3b:01.0"}\n',
             ".c.conf": "nonsense", "d.txt": "nonsense", "e.conf": ""}
    expect_same(world, files)
    expect(theirs(world, files)[1] == {"0000:3b:00.1", "0000:3b:01.0"}, f"{theirs(world, files)}")
    expect_same(world, {**files, "f.conf": "nonsense"})


@case("entries match what they match for Nova")
def _(world):
    world.host(9)
    for place in PLACES:
        for ids in (IDS, '"vendor_id": "*"', '"product_id": "0x1041"', '"vendor_id": "8086"'):
            if not isinstance(place, str) and ids != IDS:
                continue
            written = "" if place is None else f'"address": {json.dumps(place)}, '
            expect_same(world, f'[pci]\ndevice_spec = {{{written}{ids}, "managed": "no"}}\n{ALIAS}')


@case("entries that Nova refuses are refused")
def _(world):
    world.host(1)
    for entry in ('"vendor_id": "x"', '"vendor_id": "fffff"', '"product_id": 1041',
                  f'"address": "{PF}", "devname": "ens0"', '"address": null', '"devname": null',
                  f'{IDS}, {IDS}', '"vendor_id": ""', '"vendor_id": null'):
        text = f'[pci]\ndevice_spec = {{{entry}}}\n{ALIAS}'
        if entry == f"{IDS}, {IDS}":
            # Nova takes the last of two equal keys; we call that a mistake.
            expect(theirs(world, text)[0] and not ours(world, text)[0], f"{text}")
            continue
        expect_same(world, text)


