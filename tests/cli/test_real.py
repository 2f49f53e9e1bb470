# SPDX-License-Identifier: GPL-2.0-or-later
"""vfvirtctl and the real vfvirtd, hand in hand on the made-up card."""

import errno
import json

from .case import Scene, case, check_schema, expect

PF, VARIANT = "0000:3b:00.0", "vfvirt_vfio_pci"


def states(scene):
    """The states of all VFs."""
    return [vf["state"] for vf in json.loads(scene.run("list", "--json").out)["pfs"][0]["vfs"]]


def done(scene, *words, code=0):
    """Runs a verb that must end so, without a word on standard error when it is 0."""
    ended = scene.run(*words)
    expect(ended.code == code and bool(ended.err) == bool(code), str(ended))
    return ended


@case("real: create, look, refuse, destroy")
def _(folder):
    with Scene(folder) as scene:
        scene.start_vfvirtd()
        out = done(scene, "create", "ens0", "--num-vfs", "6", "--name", "dpu0").out
        written = "/FOLDER/etc/dpu0.json: written\n"
        expect(out == f"{PF}: PF bound to vfvirt_pf, 6 VFs created, 6 bound, 6 published, done\n"
               + written, out)
        expect(states(scene) == ["published"] * 6, f"{states(scene)}")
        expect((folder / "etc/dpu0.json").exists(), "no intent file")
        out = done(scene, "create", "dpu0", "--num-vfs", "6").out
        expect(out == f"{PF}: nothing to do\n", f"a second create does more: {out}")
        published = (folder / "run/hostdev/0000:3b:00.3.xml").read_text()
        expect(done(scene, "xml", "dpu0/2").out == published, "xml is not what is published")
        done(scene, "show", "dpu0/*")
        done(scene, "stats")
        scene.card.do("open 0000:3b:00.3 4711")
        for words in (("destroy", "dpu0"), ("unbind", "dpu0/2"), ("unbind", "dpu0/2", "--force"),
                      ("create", "dpu0", "--num-vfs", "4"), ("destroy", "dpu0", "--dry-run")):
            err = done(scene, *words, code=1).err
            expect("0000:3b:00.3" in err and "qemu-system-x86" in err and "[in-use]" in err, err)
        expect(states(scene).count("published") == 5, f"{states(scene)}")
        scene.card.do("close 0000:3b:00.3")
        expect("VFs removed" in done(scene, "destroy", "dpu0").out, "not removed")
        expect(states(scene) == [] and not (folder / "etc/dpu0.json").exists(), "something is left")


@case("real: unbind, bind and apply")
def _(folder):
    with Scene(folder) as scene:
        scene.start_vfvirtd()
        done(scene, "create", "ens0", "--num-vfs", "4", "--name", "dpu0")
        expect("2 VFs unbound" in done(scene, "unbind", "dpu0/0", "dpu0/3").out, "not unbound")
        drivers = [vf["driver"] for vf in
                   json.loads(done(scene, "list", "--json").out)["pfs"][0]["vfs"]]
        expect(drivers == [None, VARIANT, VARIANT, None], f"{drivers}")
        done(scene, "bind", "dpu0/0")
        done(scene, "bind", "dpu0/3", "--driver", "vfio-pci")
        steps = done(scene, "apply", "--dry-run").out
        expect("0000:3b:00.4" in steps, steps)
        done(scene, "apply")
        expect(states(scene) == ["published"] * 4, f"{states(scene)}")
        expect("nothing to do" in done(scene, "apply").out, "apply is not idempotent")


@case("real: what vfvirtd says is as the schema says")
def _(folder):
    with Scene(folder) as scene:
        scene.start_vfvirtd()
        for words in (("create", "ens0", "--num-vfs", "4", "--dry-run"),
                      ("create", "ens0", "--num-vfs", "4"), ("list",), ("show", PF),
                      ("unbind", "3b:00.1"), ("bind", "3b:00.[1-4]"), ("apply",), ("stats",),
                      ("apply", "--dry-run"), ("destroy", PF)):
            ended = scene.run(*words, "--json")
            expect(ended.code == 0, str(ended))
            check_schema(ended.out)


@case("real: a VF that its driver refuses is told, and create takes all back")
def _(folder):
    with Scene(folder) as scene:
        scene.start_vfvirtd()
        scene.card.do("flaw refused 0000:3b:00.3")
        ended = scene.run("create", "ens0", "--num-vfs", "4")
        expect(ended.code == 1 and "0000:3b:00.3" in ended.err and "[bind-failed]" in ended.err
               and not ended.out, str(ended))
        expect(states(scene) == [], f"{states(scene)}")


@case("real: a VF that its driver refuses is told, and apply keeps the others")
def _(folder):
    with Scene(folder) as scene:
        scene.start_vfvirtd()
        # No change stands before the file: its events would have vfvirtd read that by itself.
        scene.card.do("flaw refused 0000:3b:00.3")
        scene.intent("dpu0", match={"address": PF}, vfs=4)
        ended = scene.run("apply")
        expect(ended.code == 3 and "3 published, 1 failed" in ended.out, str(ended))
        expect(states(scene) == ["published", "published", "failed", "published"],
               f"{states(scene)}")


@case("real: a PF that vanishes in the middle of a create is no success")
def _(folder):
    with Scene(folder) as scene:
        scene.start_vfvirtd()
        scene.card.do(f"vanish-at */sriov_numvfs* {PF}")
        ended = scene.run("create", "ens0", "--num-vfs", "4")
        expect((ended.code, ended.out) == (1, "") and "[gone]" in ended.err, str(ended))
        expect(not list((folder / "etc").iterdir()), "an intent file is left")


@case("real: the errno of an error comes through")
def _(folder):
    with Scene(folder) as scene:
        scene.start_vfvirtd()
        scene.intent("dpu0", match={"address": PF}, vfs=2)
        done(scene, "apply")
        ended = scene.run("create", PF, "--num-vfs", "4", "--json")
        told = json.loads(ended.err)["error"]
        expect((ended.code, told["code"], told["errno"]) == (1, "intent", errno.EEXIST), str(ended))


@case("real: VFs that could not be made are not told as made")
def _(folder):
    with Scene(folder) as scene:
        scene.start_vfvirtd()
        scene.card.do("fail */sriov_numvfs=* EIO 1 0")
        scene.intent("dpu0", match={"address": PF}, vfs=4)
        ended = scene.run("apply")
        expect(ended.code == 3 and ended.out ==
               f"{PF}: PF bound to vfvirt_pf, 0 bound, 0 published, 1 failed\n", str(ended))


@case("real: names that are none are refused by vfvirtd too")
def _(folder):
    with Scene(folder) as scene:
        scene.start_vfvirtd()
        for words, code, name in ((("destroy", "dpu9"), 1, "not-found"),
                                  (("destroy", "ens*"), 2, "usage"),
                                  (("bind", "dpu9/*"), 1, "not-found"),
                                  (("create", "ens0", "--num-vfs", "17"), 1, "too-many-vfs"),
                                  (("create", "ens0", "-n1", "--name", "a/b"), 1, "intent")):
            ended = scene.run(*words)
            expect(ended.code == code and f"[{name}]" in ended.err and not ended.out, str(ended))


@case("real: apply names the files that it had to leave out")
def _(folder):
    with Scene(folder) as scene:
        scene.start_vfvirtd()
        scene.intent("dpu0", match={"address": PF}, vfs=2)
        (folder / "etc/dpu1.json").write_text('{ "vfs": -1 }\n', encoding="utf-8")
        ended = done(scene, "apply", code=3)
        expect("dpu1.json" in ended.err and "[intent]" in ended.err, str(ended))
        ended = scene.run("apply", "--json")
        check_schema(ended.out)
        error, = json.loads(ended.out)["intent_errors"]
        expect(ended.code == 3 and "dpu1.json: vfs: must be" in error, str(ended))
        expect(states(scene) == ["published"] * 2, f"{states(scene)}")
