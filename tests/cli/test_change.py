# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs that change something, against a vfvirtd that answers as the case says."""

import json
import re

from .case import Scene, case, expect, golden, golden_pair, installed

PF, OTHER = "0000:3b:00.0", "0000:4b:00.0"


def end(code="none", text="", done=0, failed=0, undone=False):
    """How a PF ended."""
    return {"code": code, "errno": 0, "text": text, "done": done, "failed": failed,
            "undone": undone}


def vf_steps(*kinds):
    """Steps of the VFs 0 and 1."""
    return [{"step": kind, "address": f"0000:3b:00.{number + 1}", "vf_index": number,
             "text": f"0000:3b:00.{number + 1}: {kind}"} for number in (0, 1) for kind in kinds]


def number_step(number):
    """The step that makes or removes VFs."""
    return {"step": "num-vfs", "address": PF, "number": number,
            "text": f"{PF}: set the number of VFs to {number}"}


def report(*steps, pf=PF, failed=(), ended=None, notice=None, pending=False, **result):
    """A report about one PF. result: what stands, where that is not just what was planned."""
    plan = {"steps": list(steps), "pending_reboot": pending, "notice": notice}
    kinds = [step["step"] for step in steps]
    stands = {"driver": ([None] + [step["driver"] for step in steps if "driver" in step])[-1],
              "vfs": ([0] + [step["number"] for step in steps if "number" in step])[-1],
              "bound": kinds.count("probe"), "unbound": kinds.count("unbind"),
              "published": kinds.count("publish"), **result}
    return {"pfs": [{"pf": pf, "plan": plan, "result": stands, "failed": list(failed),
                     "end": ended or end(done=len(steps))}]}


CREATED = report(number_step(2), *vf_steps("override", "probe", "verify", "publish"))
ONE_FAILED = {"vf_index": 1, "code": "bind-failed",
              "text": "0000:3b:00.2: vfvirt_vfio_pci did not take it: see the kernel log"}


@case("cli: create asks for what was typed and tells what was done")
def _(folder):
    with Scene(folder) as scene:
        scene.start_daemon(Create=CREATED)
        golden_pair("create", scene, "create", "dpu0", "--num-vfs", "2")
        scene.run("create", "ens0", "-n16", "--runtime", "--name=dpu7", "--dry-run")
        expect(scene.calls() == ["Create 'dpu0' '' 2 false false"] * 2
               + ["Create 'ens0' 'dpu7' 16 true true"], f"{scene.calls()}")


@case("cli: create tells when nothing had to be done, and nothing when quiet")
def _(folder):
    with Scene(folder) as scene:
        scene.start_daemon(Create=report())
        golden_pair("create-nothing", scene, "create", "dpu0", "--num-vfs", "2")
        scene.answer("Create", CREATED)
        done = scene.run("create", "dpu0", "--num-vfs", "2", "--quiet")
        expect((done.code, done.out, done.err) == (0, "", ""), str(done))


@case("cli: create and destroy tell which intent files come and go")
def _(folder):
    def told(made, **files):
        made["pfs"][0]["plan"].update(files)
        return made

    with Scene(folder) as scene:
        written, removed = "/etc/vfvirt/pf.d/a.json", "/run/vfvirt/pf.d/a.json"
        scene.start_daemon(Create=told(report(), intent_written=written, intent_removed=removed),
                           Destroy=told(report(number_step(0)), intent_removed=removed))
        for words, out in (
                (("create", "dpu0", "-n2"), f"{written}: written\n{removed}: removed\n"),
                (("create", "dpu0", "-n2", "--dry-run"),
                 f"{written}: write what is wanted\n{removed}: remove it\n"),
                (("destroy", "dpu0"), f"{PF}: VFs removed, done\n{removed}: removed\n"),
                (("destroy", "dpu0", "--dry-run"),
                 f"{PF}: set the number of VFs to 0\n{removed}: remove it\n"),
                (("destroy", "dpu0", "--quiet"), "")):
            done = scene.run(*words)
            expect((done.code, done.out) == (0, out), str(done))


@case("cli: create that failed says that its steps were taken back")
def _(folder):
    with Scene(folder) as scene:
        scene.start_daemon(Create=report(
            number_step(2), *vf_steps("probe", "verify", "publish"), failed=[ONE_FAILED],
            ended=end("bind-failed", ONE_FAILED["text"], 4, 1, True)))
        golden_pair("create-undone", scene, "create", "dpu0", "--num-vfs", "2")


@case("cli: numbers are what stands, and a create that failed does not")
def _(folder):
    with Scene(folder) as scene:
        gone = {"vf_index": 0, "code": "gone", "text": f"{PF}: the PF is gone"}
        steps = (number_step(2), *vf_steps("probe", "verify", "publish"))
        told = {"failed": [gone], "ended": end("gone", gone["text"], 1)}
        scene.start_daemon(Create=report(*steps, **told, bound=1, published=0),
                           Apply=report(*steps, **told, bound=2, published=1))
        done = scene.run("create", "dpu0", "--num-vfs", "2")
        expect((done.code, done.out) ==
               (1, f"{PF}: failed, some steps could not be taken back\n"), str(done))
        expect(scene.run("create", "dpu0", "--num-vfs", "2", "--json").code == 1, "status of JSON")
        done = scene.run("apply")
        expect((done.code, done.out) ==
               (3, f"{PF}: 2 VFs created, 2 bound, 1 published, 1 failed\n"), str(done))
        lost = report(*steps, **told)
        del lost["pfs"][0]["result"]
        for verb in (("create", "dpu0", "--num-vfs", "2"), ("apply",)):
            scene.answer(verb[0].capitalize(), lost)
            done = scene.run(*verb)
            expect((done.code, done.out) == (1, f"{PF}: failed\n"), str(done))


@case("cli: --dry-run prints the steps")
def _(folder):
    with Scene(folder) as scene:
        scene.start_daemon(Create=CREATED, Destroy=report(), Bind=CREATED, Unbind=CREATED)
        golden_pair("create-dry-run", scene, "create", "dpu0", "--num-vfs", "2", "--dry-run")
        golden_pair("destroy-dry-run", scene, "destroy", "dpu0", "--dry-run")
        for verb in ("bind", "unbind"):
            done = scene.run(verb, "dpu0", "--dry-run")
            expect("0000:3b:00.2: publish" in done.out, str(done))
        expect(all(call.endswith(" true") for call in scene.calls()), f"{scene.calls()}")


@case("cli: destroy tells what was done, or who is in the way")
def _(folder):
    with Scene(folder) as scene:
        scene.start_daemon(Destroy=report(*vf_steps("seal", "unpublish"), number_step(0)))
        golden_pair("destroy", scene, "destroy", "dpu0")
        scene.answer("Destroy", "error org.vfvirt1.Error.InUse 0000:3b:00.2: cannot be removed: is "
                     "in use by qemu-system-x86 (process 4711): detach it from its user first")
        golden_pair("destroy-in-use", scene, "destroy", "dpu0")
        expect(scene.calls()[0] == "Destroy 'dpu0' false", f"{scene.calls()}")


@case("cli: bind and unbind take several names and tell what failed")
def _(folder):
    with Scene(folder) as scene:
        steps = vf_steps("override", "probe", "verify", "publish")
        scene.start_daemon(Bind=report(*steps), Unbind=report(*vf_steps("seal", "unbind")))
        golden_pair("bind", scene, "bind", "dpu0/0", "3b:00.2")
        golden_pair("unbind", scene, "unbind", "dpu0/*")
        scene.run("bind", "dpu0", "--driver", "vfio-pci", "--force")
        expect(scene.calls()[0] == "Bind [dpu0/0] [3b:00.2] '' false false"
               and scene.calls()[2] == "Unbind [dpu0/*] false false"
               and scene.calls()[4] == "Bind [dpu0] 'vfio-pci' true false", f"{scene.calls()}")
        scene.answer("Bind", report(*steps, failed=[ONE_FAILED],
                                    ended=end("bind-failed", ONE_FAILED["text"], 7, 1), bound=1,
                                    published=1))
        golden_pair("bind-partly", scene, "bind", "dpu0")


@case("cli: apply tells of each PF, and of what is left alone")
def _(folder):
    with Scene(folder, pfs=2) as scene:
        rows = report(number_step(2), *vf_steps("probe", "publish"))["pfs"]
        rows += report(pf=OTHER, ended=end("pending-reboot", f"{OTHER}: done at the next boot"),
                       pending=True, notice=f"{OTHER}: keeps its 7 VFs: 0000:4b:00.2 is in use"
                       )["pfs"]
        scene.start_daemon(Apply={"pfs": rows})
        golden_pair("apply", scene, "apply")
        expect(scene.calls()[0] == "Apply '' false", f"{scene.calls()}")
        scene.answer("Apply", {"pfs": []})
        golden_pair("apply-nothing", scene, "apply", "dpu0")


@case("cli: a transport that changes is told")
def _(folder):
    with Scene(folder) as scene:
        step = {"step": "transport", "address": PF, "driver": "vfvirt_pf",
                "text": f"{PF}: bind the PF to vfvirt_pf"}
        scene.start_daemon(Apply=report(step))
        done = scene.run("apply")
        expect(done.out == f"{PF}: PF bound to vfvirt_pf, done\n", str(done))


@case("cli: without vfvirtd the changing verbs say how to start it")
def _(folder):
    with Scene(folder) as scene:
        golden_pair("no-bus", scene, "destroy", "dpu0")
        scene.start_bus()
        golden_pair("no-daemon", scene, "destroy", "dpu0")
        for words in (("create", "dpu0", "--num-vfs", "2"), ("bind", "dpu0"), ("unbind", "dpu0"),
                      ("apply",), ("create", "dpu0", "--num-vfs", "2", "--dry-run")):
            done = scene.run(*words)
            expect(done.code == 1 and "systemctl start vfvirtd" in done.err, str(done))
        expect(not (folder / "started").exists(), "vfvirtd was started")


@case("cli: vfvirtd that goes away or talks nonsense is an error")
def _(folder):
    with Scene(folder) as scene:
        scene.start_daemon()
        for answer, complaint in (("[]", "[internal]"), ("{", "[internal]"), ("{}", "[internal]"),
                                  ('{"pfs": 7}', "[internal]"), ("end\n", "[no-daemon]")):
            scene.answer("Destroy", answer)
            done = scene.run("destroy", "dpu0")
            expect(done.code == 1 and complaint in done.err and not done.out, str(done))
        done = scene.run("destroy", "dpu0")
        expect(done.code == 1 and "not running" in done.err, str(done))


@case("cli: a report with holes in it does no harm")
def _(folder):
    with Scene(folder) as scene:
        scene.start_daemon()
        for row in ({}, [], 7, None, {"pf": 7, "plan": [], "failed": 7, "end": []},
                    {"pf": PF, "plan": {"steps": [7, None, {}]}, "failed": [None, {}],
                     "end": {"code": "who-knows"}}):
            scene.answer("Apply", {"pfs": [row]})
            for words in (("apply",), ("apply", "--json"), ("destroy", "x")):
                scene.answer("Destroy", {"pfs": [row]})
                done = scene.run(*words)
                expect(done.code == 1, str(done))


def error_codes():
    """The named errors of the manual page."""
    page = installed("usr/share/man/man1/vfvirtctl.1").read_text()
    page = page.split(".SH ERRORS")[1].split(".SH ENVIRONMENT")[0]
    return [code.replace("\\", "") for code in re.findall(r"^\.TP\n\.B (\S+)$", page, re.M)]


@case("cli: every named error of vfvirtd has its name, exit status and remedy")
def _(folder):
    codes = error_codes()
    expect(len(codes) > 20 and "in-use" in codes, f"{codes}")
    with Scene(folder) as scene:
        scene.start_daemon()
        for code in codes:
            name = "".join(part.capitalize() for part in code.split("-"))
            scene.answer("Destroy", f"error org.vfvirt1.Error.{name} {PF}: what failed: why")
            done, status = scene.run("destroy", "dpu0"), 2 if code == "usage" else 1
            lines = done.err.splitlines()
            expect(done.code == status and f"{PF}: what failed: why [{code}]" in lines[0],
                   str(done))
            expect(code == "usage" or lines[1].startswith("vfvirtctl: what to do: "), str(done))
            error = json.loads(scene.run("destroy", "dpu0", "--json").err)["error"]
            expect(error["code"] == code and error["remedy"], f"{error}")


@case("cli: a refusal by the bus is the error access")
def _(folder):
    with Scene(folder) as scene:
        scene.start_daemon(Destroy="error org.freedesktop.DBus.Error.AccessDenied only root may")
        golden("destroy-access.text", scene.run("destroy", "dpu0"))
