# SPDX-License-Identifier: GPL-2.0-or-later
"""The program: VFs are checked, repaired and claimed before a start, and given back after it."""

from concurrent.futures import ThreadPoolExecutor

from lib.cases import expect

from .case import DRIVER, ONE, OTHER, Scene, case, domain

REFUSED = 10


@case("hook: prepare claims the VFs of a domain")
def _(folder):
    with Scene(folder) as scene:
        status, said = scene.hook("prepare", domain(ONE, *scene.vfs[:2]))
        expect(status == 0 and not said, f"status {status}: {said}")
        claims = [scene.claim(vf) for vf in scene.vfs]
        expect(claims == [ONE, ONE, None, None], f"claims: {claims}")
        status, said = scene.hook("prepare", domain(ONE, *scene.vfs[:2]))
        expect(status == 0, f"its own claims again: status {status}: {said}")


@case("hook: a second domain is refused and told who has the VF")
def _(folder):
    with Scene(folder) as scene:
        scene.hook("prepare", domain(ONE, scene.vfs[0]))
        status, said = scene.hook("prepare", domain(OTHER, scene.vfs[1], scene.vfs[0], name="db"))
        expect(status == REFUSED, f"status {status}: {said}")
        expect(scene.vfs[0] in said and "web1" in said, f"message: {said}")
        claims = [scene.claim(vf) for vf in scene.vfs[:2]]
        expect(claims == [ONE, None], f"all or none is claimed: {claims}")


@case("hook: a VF that a process has open is refused with the process")
def _(folder):
    with Scene(folder) as scene:
        scene.card.do(f"open {scene.vfs[0]} 77 old-qemu")
        status, said = scene.hook("prepare", domain(ONE, scene.vfs[0]))
        expect(status == REFUSED and "old-qemu" in said, f"status {status}: {said}")
        expect(scene.claim(scene.vfs[0]) is None, "the claim stayed")


@case("hook: a VF that was attached to a running domain is refused by that domain's name")
def _(folder):
    with Scene(folder) as scene:
        scene.card.do(f"open {scene.vfs[0]} 77 qemu-system-x86")
        scene.card.do(r"set proc/77/cmdline qemu\x00-name\x00guest=web1,debug-threads=on\x00")
        status, said = scene.hook("prepare", domain(OTHER, scene.vfs[0], name="db"))
        expect(status == REFUSED and "the domain web1" in said, f"status {status}: {said}")


@case("hook: a lost binding is repaired before a start")
def _(folder):
    with Scene(folder) as scene:
        scene.unbind(scene.vfs[0])
        expect(scene.driver(scene.vfs[0]) is None, "the card did not unbind it")
        status, said = scene.hook("prepare", domain(ONE, scene.vfs[0]))
        expect(status == 0, f"status {status}: {said}")
        expect(scene.driver(scene.vfs[0]) == DRIVER, f"driver {scene.driver(scene.vfs[0])}")
        expect(scene.claim(scene.vfs[0]) == ONE, "no claim")


@case("hook: a hostdev file of any text still has its VF guarded")
def _(folder):
    with Scene(folder) as scene:
        vf = scene.vfs[0]
        (scene.card.folder / f"run/hostdev/{vf}.xml").write_text("?", encoding="utf-8")
        scene.unbind(vf)
        scene.write(vf, "driver_override", "")
        status, said = scene.hook("prepare", domain(ONE, vf))
        expect(status == 0 and scene.driver(vf) == DRIVER and scene.claim(vf) == ONE,
               f"status {status}, driver {scene.driver(vf)}: {said}")


@case("hook: a VF on another VFIO driver is bound back before a start")
def _(folder):
    with Scene(folder) as scene:
        vf = scene.vfs[0]
        scene.unbind(vf)
        scene.write(vf, "driver_override", "vfio-pci")
        (scene.card.sysfs / "bus/pci/drivers_probe").write_text(vf, encoding="utf-8")
        expect(scene.driver(vf) == "vfio-pci", f"driver {scene.driver(vf)}")
        status, said = scene.hook("prepare", domain(ONE, vf))
        expect(status == 0 and scene.driver(vf) == DRIVER,
               f"status {status}, driver {scene.driver(vf)}: {said}")


@case("hook: a VF that cannot be repaired is refused with the reason")
def _(folder):
    with Scene(folder) as scene:
        for vf in scene.vfs:
            scene.unbind(vf)
        scene.card.do(f"unload {DRIVER}")
        status, said = scene.hook("prepare", domain(ONE, scene.vfs[0]))
        expect(status == REFUSED and scene.vfs[0] in said and DRIVER in said,
               f"status {status}: {said}")
        expect(scene.claim(scene.vfs[0]) is None, "the claim stayed")


@case("hook: a published VF that is gone is refused")
def _(folder):
    with Scene(folder) as scene:
        scene.write(scene.pf, "sriov_numvfs", "0")
        status, said = scene.hook("prepare", domain(ONE, scene.vfs[0]))
        expect(status == REFUSED and "does not exist" in said, f"status {status}: {said}")


@case("hook: devices of others are nobody's business")
def _(folder):
    with Scene(folder) as scene:
        text = domain(ONE, "0000:02:00.0", "0000:7f:00.0", scene.pf)
        status, said = scene.hook("prepare", text)
        expect(status == 0 and not said, f"status {status}: {said}")
        expect(not scene.claims.exists() or not list(scene.claims.iterdir()), "claimed")


@case("hook: the end of a domain drops its own claims and no others")
def _(folder):
    for operation in ("stopped", "release"):
        place = folder / operation[0]
        place.mkdir()
        with Scene(place) as scene:
            scene.hook("prepare", domain(ONE, *scene.vfs[:2]))
            scene.hook("prepare", domain(OTHER, scene.vfs[2], name="db"))
            # The second VF was detached meanwhile, so the description lacks it.
            status, said = scene.hook(operation, domain(ONE, scene.vfs[0]))
            expect(status == 0, f"status {status}: {said}")
            claims = [scene.claim(vf) for vf in scene.vfs]
            expect(claims == [None, None, OTHER, None], f"{operation}: claims {claims}")


@case("hook: a failed start of one domain leaves the claim of the other")
def _(folder):
    with Scene(folder) as scene:
        scene.hook("prepare", domain(ONE, scene.vfs[0]))
        scene.hook("prepare", domain(OTHER, scene.vfs[0], name="db"))
        for operation in ("stopped", "release"):
            scene.hook(operation, domain(OTHER, scene.vfs[0], name="db"))
        expect(scene.claim(scene.vfs[0]) == ONE, f"claim {scene.claim(scene.vfs[0])}")


@case("hook: reconnect claims again and always succeeds")
def _(folder):
    with Scene(folder) as scene:
        scene.card.do(f"open {scene.vfs[0]} 77 qemu")
        status, said = scene.hook("reconnect", domain(ONE, scene.vfs[0]))
        expect(status == 0 and scene.claim(scene.vfs[0]) == ONE, f"status {status}: {said}")
        status, said = scene.hook("reconnect", domain(OTHER, scene.vfs[0]))
        expect(status == 0 and scene.claim(scene.vfs[0]) == ONE, f"conflict: {status}: {said}")


@case("hook: a description that is none harms nobody")
def _(folder):
    with Scene(folder) as scene:
        texts = ("", "no XML", "<domain>", "<domain/>", "<a/>", domain(ONE)[:-9],
                 domain("", scene.vfs[0]), "<domain>" + "x" * (5 << 20))
        for text in texts:
            for operation in ("prepare", "reconnect", "stopped", "release", "start", ""):
                status, said = scene.hook(operation, text)
                expect(status == 0, f"{operation} with {text[:40]!r}: {status}: {said}")


@case("hook: a full disk refuses the start and says so")
def _(folder):
    with Scene(folder) as scene:
        scene.claims.write_text("a file where the folder belongs\n", encoding="utf-8")
        status, said = scene.hook("prepare", domain(ONE, scene.vfs[0]))
        expect(status == REFUSED and "claims" in said, f"status {status}: {said}")


@case("hook: a kernel that does not answer refuses a start and lets the rest go on")
def _(folder):
    with Scene(folder) as scene:
        scene.card.do("block-read */sriov_numvfs 1")
        running = {}
        with ThreadPoolExecutor() as pool:
            for operation in ("prepare", "reconnect", "stopped"):
                running[operation] = pool.submit(scene.hook, operation,
                                                 domain(ONE, scene.vfs[0]))
        ends = {operation: future.result() for operation, future in running.items()}
        scene.card.do("release")
        expect(ends["prepare"][0] == REFUSED and "in time" in ends["prepare"][1], f"{ends}")
        expect(ends["reconnect"][0] == 0 and ends["stopped"][0] == 0, f"{ends}")
