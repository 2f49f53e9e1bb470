# SPDX-License-Identifier: GPL-2.0-or-later
"""Each trap: Nova really misreads the configuration, and vfvirtctl nova --check names it."""

from lib.cases import expect

from .case import ALIAS, IDS, PF, case

MANAGED = '"managed": "no"'


def conf(*specs, alias=ALIAS, more=""):
    """A nova.conf with these entries of device_spec."""
    return "[pci]\n" + more + "".join(f"device_spec = {{{spec}}}\n" for spec in specs) + alias


def vf_spec(address, *more):
    """An entry for one VF."""
    return ", ".join((f'"address": "{address}"', IDS, *more))


def expect_named(world, text, *words, level="fail", topic=None):
    """--check has a finding of that level with all these words, and says what to do."""
    done, findings = world.check(text)
    found = [one for one in findings if one["level"] == level
             and (topic is None or one["topic"] == topic)
             and all(word in f"{one['object']}: {one['text']}" for word in words)]
    expect(found and all(one["remedy"] for one in found), f"{words} is not in {findings}")
    expect(done.code == (1 if any(one["level"] == "fail" for one in findings) else 0), str(done))


@case("trap: ids alone, a pattern or the PF's address give Nova the PF too")
def _(world):
    world.host(9)
    for spec in (IDS, f'"address": "*:3b:*.*", {IDS}', f'"address": "{PF}"', '"product_id": "1041"',
                 f'"address": {{"bus": "3b"}}, {IDS}'):
        text = conf(f"{spec}, {MANAGED}")
        answer = world.judge(text)
        expect(PF in answer["given"] and len(answer["given"]) == 10, f"{spec}: {answer}")
        expect("PlacementPciDependentDeviceException" in answer["error"], f"{spec}: {answer}")
        expect_named(world, text, PF, "confuse the PF with its VFs", topic="nova-pf")
    taken = world.judge(conf(IDS, alias=ALIAS.replace("type-VF", "type-PF")))["taken"]
    expect(taken == [PF], f"a guest got {taken}")


@case("trap: a pattern of functions misses VFs in the next slot")
def _(world):
    world.host(9)
    text = conf(f'"address": {{"bus": "3b", "function": "[1-7]"}}, {IDS}, {MANAGED}')
    answer = world.judge(text)
    missed = [vf for vf in world.vfs() if vf not in answer["given"]]
    expect(missed == ["0000:3b:01.0"], f"{answer['given']}")
    expect_named(world, text, missed[0], "Nova would miss it", topic="nova-vf")
    expect(world.judge(text, "vfvirt:9")["at"] == "claim", "a flavor got all nine")


@case("trap: devname of a virtio interface kills nova-compute when it starts")
def _(world):
    world.host(1)
    text = conf('"devname": "ens0"')
    answer = world.judge(text)
    expect("virtio2" in answer["error"] and "does not parse as a hex number" in answer["error"],
           f"{answer}")
    expect_named(world, text, "devname ens0", "dies")


@case("trap: without managed, libvirt rebinds the VF; zed does so always")
def _(world):
    world.host(1)
    vf = world.vfs()[0]
    for more, managed in (((), "yes"), (('"managed": "yes"',), "yes"),
                          ((MANAGED,), "yes" if world.release == "zed" else "no")):
        text = conf(vf_spec(vf, *more))
        answer = world.judge(text)
        expect(f'managed="{managed}"' in answer["xml"][0], f"{answer}")
        if world.release == "zed":
            expect_named(world, text, "always lets libvirt rebind", level="warn")
        elif managed == "yes":
            expect_named(world, text, "managed is not", "rebinds the VF")
    text = conf(vf_spec(vf, '"managed": "maybe"'))
    answer = world.judge(text)
    if world.release == "zed":
        expect("error" not in answer, f"{answer}")
        expect_named(world, text, "managed is not known to Nova zed", level="warn")
    else:
        expect("Cannot parse tag 'managed'" in answer["error"], f"{answer}")
        expect_named(world, text, "managed is neither yes nor no")


@case("trap: VFs of one PF that differ in class or traits")
def _(world):
    world.host(2)
    for tag, error in (("resource_class", "MixedResourceClass"), ("traits", "MixedTraits")):
        specs = [vf_spec(vf, MANAGED, f'"{tag}": "CUSTOM_{letter}"')
                 for vf, letter in zip(world.vfs(), "AB")]
        text = conf(*specs, more="report_in_placement = yes\n")
        expect(error in world.judge(text)["error"], f"{tag}: {world.judge(text)}")
        expect_named(world, text, PF, f"different {tag}", topic="nova-placement")
        expect_named(world, text, "cannot be turned off", level="warn")


@case("trap: the class that an alias asks for is not that of the VFs")
def _(world):
    world.host(1)
    text = ("[filter_scheduler]\npci_in_placement = on\n"
            + conf(vf_spec(world.vfs()[0], MANAGED, '"resource_class": "CUSTOM_A"')))
    answer = world.judge(text)
    expect("CUSTOM_A=1" in answer["providers"][f"node_{PF.upper()}"], f"{answer}")
    if world.release != "zed":
        expect(answer["settings"]["pci_in_placement"], f"{answer}")
        expect_named(world, text, "CUSTOM_PCI_1AF4_1041", "CUSTOM_A", topic="nova-alias")


@case("trap: two aliases of one name, which placement cannot express")
def _(world):
    world.host(1)
    spec = vf_spec(world.vfs()[0], MANAGED)
    placement = "[filter_scheduler]\npci_in_placement = on\n"
    for second in (ALIAS, ALIAS.replace(IDS, '"vendor_id": "8086", "product_id": "10ca"')):
        text = conf(spec, alias=ALIAS + second)
        expect(world.judge(text)["at"] == "end", f"{world.judge(text)}")
        expect_named(world, text, "vfvirt stands in", "what either asks for", level="warn",
                     topic="nova-alias")
        answer = world.judge(placement + text)
        if world.release == "zed":
            expect(answer["at"] == "end", f"{answer}")
            expect_named(world, placement + text, "what either asks for", level="warn")
            continue
        expect(answer["at"] == "scheduler" and "multiple specs" in answer["error"], f"{answer}")
        expect_named(world, placement + text, "there twice", topic="nova-alias")
    for second in (ALIAS.replace("type-VF", "type-PF"),
                   ALIAS.replace("}", ', "numa_policy": "required"}')):
        text = conf(spec, alias=ALIAS + second)
        answer = world.judge(text)
        expect(answer["at"] == "alias" and "mismatch" in answer["error"], f"{answer}")
        expect_named(world, text, "refuses every alias", topic="nova-alias")
    text = conf(spec, alias=ALIAS + 2 * ALIAS.replace("vfvirt", "gpu").replace("1af4", "10de"))
    expect(not any("stands in" in one["text"] for one in world.check(text)[1]), "two of no ours")


@case("trap: a PCI domain of five digits")
def _(world):
    world.host(1)
    text = conf(vf_spec(world.vfs()[0], MANAGED), '"address": "10000:3b:00.1"')
    expect("domain (10000) is greater" in world.judge(text)["error"], f"{world.judge(text)}")
    expect_named(world, text, "10000", "Nova does not start")


@case("trap: an alias with 0x, with keys of another release, without a name, as a list")
def _(world):
    world.host(1)
    spec = vf_spec(world.vfs()[0], MANAGED)
    for alias, error, words in (
            ('{"name": "vfvirt", "vendor_id": "0x1af4"}', "does not match", ("0x",)),
            ('{"name": "vfvirt", "product_id": "41"}', "does not match", ("four", )),
            (f'{{"name": "vfvirt", {IDS}, "managed": "no"}}', "Additional properties",
             ('takes no "managed"',)),
            (f'{{{IDS}}}', "'name' is a required", ("without a name",)),
            (f'[{{"name": "vfvirt", {IDS}}}]', "is not of type 'object'", ("no object of JSON",)),
            ("nonsense", "", ("no object of JSON",))):
        text = conf(spec, alias=f"alias = {alias}\n")
        answer = world.judge(text)
        expect(answer["at"] == "alias" and error in answer["error"], f"{alias}: {answer}")
        expect_named(world, text, *words, topic="nova-alias")
    for key in ("resource_class", "traits", "live_migratable"):
        text = conf(spec, alias=f'alias = {{"name": "vfvirt", "device_type": "type-VF", {IDS}, '
                                f'"{key}": "yes"}}\n')
        answer = world.judge(text)
        if world.release == "zed":
            expect("Additional properties" in answer["error"], f"{key}: {answer}")
            expect_named(world, text, f'takes no "{key}"', topic="nova-alias")
        else:
            expect(answer["at"] != "alias", f"{key}: {answer}")
            expect(world.check(text)[0].code == 0, f"{key}: {world.check(text)[0]}")


@case("trap: an alias for PFs, or for any type, is not one for VFs")
def _(world):
    world.host(1)
    spec = vf_spec(world.vfs()[0], MANAGED)
    for kind in ("type-PF", "type-PCI"):
        text = conf(spec, alias=ALIAS.replace("type-VF", kind))
        expect(world.judge(text)["at"] == "claim", f"{kind}: {world.judge(text)}")
        expect_named(world, text, "not for VFs", level="warn")
        expect_named(world, text, "no alias asks for VFs", level="warn")


@case("trap: remote_managed hides VFs, physical_network keeps them from placement")
def _(world):
    world.host(1)
    vf = world.vfs()[0]
    text = conf(vf_spec(vf, MANAGED, '"remote_managed": "true"'))
    expect(world.judge(text)["given"] == [], f"{world.judge(text)}")
    expect_named(world, text, "remote_managed")
    text = conf(vf_spec(vf, MANAGED, '"physical_network": "net"'))
    expect(world.judge(text)["providers"] == {}, f"{world.judge(text)}")
    expect_named(world, text, "physical_network", level="warn")


@case("trap: live_migratable raises what nova-compute asks of libvirt and QEMU")
def _(world):
    world.host(1)
    text = conf(vf_spec(world.vfs()[0], MANAGED, '"live_migratable": "yes"'))
    expect("error" not in world.judge(text), f"{world.judge(text)}")
    if world.release != "zed":
        expect_named(world, text, "live_migratable", "10.0.0")


@case("trap: names of old releases still count")
def _(world):
    world.host(1)
    vf = world.vfs()[0]
    for old in ("[pci]\npassthrough_whitelist", "[DEFAULT]\npci_passthrough_whitelist"):
        text = f"{old} = {{{vf_spec(vf, MANAGED)}}}\n"
        expect(world.judge(text)["given"] == [vf], f"{world.judge(text)}")
        expect_named(world, text, "an old name", level="warn")
    text = conf(vf_spec(vf, MANAGED), alias="[DEFAULT]\npci_" + ALIAS)
    expect(world.judge(text)["taken"] == [vf], f"{world.judge(text)}")
    expect_named(world, text, "an old name", level="warn")


@case("trap: the first of several entries counts")
def _(world):
    world.host(1)
    vf = world.vfs()[0]
    first, second = vf_spec(vf, '"managed": "yes"'), vf_spec(vf, MANAGED)
    answer = world.judge(conf(first, second))
    expect(answer["given"] == [vf] and 'managed="yes"' in answer["xml"][0], f"{answer}")
    expect_named(world, conf(first, second), "twice", "which counts and says something else")
    expect_named(world, conf(second, second), "twice", level="warn")
