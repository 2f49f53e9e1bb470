# SPDX-License-Identifier: GPL-2.0-or-later
"""What vfvirtctl nova prints, and what Nova makes of it, up to the guest's XML."""

import re

from lib.cases import expect

from . import nodes
from .case import PF, case

CLASS = "CUSTOM_VFVIRT_NET"
TRAIT = "CUSTOM_VFVIRT_LEGACY"
OTHER = "0000:4b:00.0"
PLACEMENT = ("[filter_scheduler]\npci_in_placement = true\n"
             "[pci]\nreport_in_placement = true\n")


def expect_good(world, answer, pf, vfs, resource_class=CLASS):
    """Nova has exactly these VFs of a PF, counts them, and gives one to a guest."""
    expect(answer["at"] == "end" and "error" not in answer, f"{answer}")
    expect(answer["types"][pf] == "type-PF", f"{answer['types']}")
    expect(all(answer["types"][vf] == "type-VF" for vf in vfs), f"{answer['types']}")
    expect(sorted(answer["given"]) == sorted(vfs), f"{answer['given']}")
    provider = answer["providers"][f"node_{pf.upper()}"]
    expect(f"{resource_class}={len(vfs)}, " in provider and TRAIT in provider, provider)
    expect(answer["taken"] and set(answer["taken"]) <= set(vfs), f"{answer['taken']}")
    for vf, xml in zip(answer["taken"], answer["xml"]):
        expect_xml(world, vf, xml)


def expect_xml(world, vf, xml):
    """The element in the guest's XML names a VF; since 2025.1 libvirt lets its driver be."""
    managed = "yes" if world.release == "zed" else "no"
    expect(f'<hostdev mode="subsystem" type="pci" managed="{managed}">' in xml, xml)
    numbers = tuple(re.search(f'{word}="0x(\\w+)"', xml)[1]
                    for word in ("domain", "bus", "slot", "function"))
    expect("{}:{}:{}.{}".format(*numbers) == vf, f"{vf}: {xml}")


def asked(world, count):
    """What a scheduler asks placement for so many VFs; Zed's asks for none."""
    return [] if world.release == "zed" else [[CLASS, [TRAIT]]] * count


@case("XML that is made from what libvirt said is what libvirt said")
def _(_world):
    captured = nodes.captured_nodes()
    vfs = nodes.captured_vfs()
    expect(len(vfs) == 12 and {vf[:10] for vf in vfs} == {"0000:01:01", "0000:01:02"}, f"{vfs}")
    made = nodes.made(nodes.PF, vfs)
    for have, want in zip(made, captured, strict=True):
        expect(have == want, f"{have}\nis not\n{want}")


@case("what the simulated host printed gives Nova each of its VFs")
def _(world):
    text = nodes.captured(f"captured-{world.release}.conf")
    vfs = nodes.captured_vfs()
    answer = world.nova.judge(text, nodes.captured_nodes(), f"vfvirt:{len(vfs)}")
    expect_good(world, answer, nodes.PF, vfs)
    expect(sorted(answer["taken"]) == vfs, f"{answer['taken']}")
    lines = re.findall(r"^device_spec = (.*)$", text, re.M)
    expect(answer["settings"]["device_spec"] == lines, "oslo.config read something else")


@case("one VF")
def _(world):
    world.host(1)
    text = world.printed()
    expect_good(world, world.judge(text), PF, world.vfs())
    expect(world.check(text)[0].code == 0, "--check finds something in it")


@case("240 VFs over many slots, all of which a flavor can have")
def _(world):
    world.host(240)
    text, vfs = world.printed(), world.vfs()
    expect(len({vf.split(".")[0] for vf in vfs}) > 30, f"not over many slots: {vfs}")
    answer = world.judge(text, "vfvirt:240")
    expect_good(world, answer, PF, vfs)
    expect(sorted(answer["taken"]) == sorted(vfs), "not all were taken")
    answer = world.judge(text, "vfvirt:241")
    expect("error" in answer and answer["at"] == "claim", f"a VF too many: {answer}")


@case("two PFs, by the files that vfvirtd keeps, each with its alias")
def _(world):
    scene = world.host(9, pfs=2)
    for name, pf, alias in (("dpu0", PF, "slow"), ("dpu1", OTHER, "fast")):
        scene.intent(name, match={"address": pf}, vfs=9,
                     nova={"alias": alias, "resource_class": f"CUSTOM_{alias.upper()}"})
    files = world.kept()
    for pf, alias in ((PF, "slow"), (OTHER, "fast")):
        answer = world.judge(files, f"{alias}:1")
        expect(sorted(answer["given"]) == world.vfs(PF) + world.vfs(OTHER), f"{answer}")
        provider = answer["providers"][f"node_{pf.upper()}"]
        expect(f"CUSTOM_{alias.upper()}=9" in provider, provider)
        expect_xml(world, answer["taken"][0], answer["xml"][0])
    expect(world.check(files)[0].code == 0, "--check finds something in it")


@case("the same alias from two PFs is one alias")
def _(world):
    world.host(1, pfs=2)
    files = world.kept()
    answer = world.judge(files, "vfvirt:2")
    expect(answer["at"] == "end" and len(answer["taken"]) == 2, f"{answer}")
    expect(world.judge(world.printed(), "vfvirt:2")["given"] == answer["given"], "in one file")


@case("entries and alias suit a scheduler that asks placement")
def _(world):
    world.host(2)
    text = PLACEMENT + world.printed()
    answer = world.judge(text)
    expect_good(world, answer, PF, world.vfs())
    expect(answer["groups"] == asked(world, 1), f"{answer}")
    _, findings = world.check(text)
    expect([one["topic"] for one in findings if one["level"] == "fail"] == [], f"{findings}")


@case("two PFs of one alias, one without legacy registers, and a scheduler that asks placement")
def _(world):
    world.host(1, pfs=2).card.do(f"opcodes {OTHER} 3")
    for files in ({**world.kept(), "placement.conf": PLACEMENT},
                  {"nova.conf": PLACEMENT + world.printed()}):
        answer = world.judge(files, "vfvirt:2")
        expect(answer["at"] == "end" and "error" not in answer, f"{answer}")
        expect(answer["groups"] == asked(world, 2), f"{answer}")
        expect(len(answer["settings"]["alias"]) == 1, f"{answer}")
        for pf, legacy in ((PF, True), (OTHER, False)):
            provider = answer["providers"][f"node_{pf.upper()}"]
            expect(f"{CLASS}=1, " in provider and (TRAIT in provider) == legacy, provider)
        _, findings = world.check(files)
        expect([one for one in findings if one["level"] == "fail"] == [], f"{findings}")
        expect(not any(one["topic"] == "nova-alias" for one in findings), f"{findings}")
