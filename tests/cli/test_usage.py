# SPDX-License-Identifier: GPL-2.0-or-later
"""Wrong command lines, and input and output that nobody meant well."""

import os
import subprocess

from .case import LIMIT_S, Scene, case, expect, golden, installed

WRONG = (
    (), ("nova-scotia",), ("lst",), ("--jsn",), ("list", "--jsn"), ("list", "--js"), ("-x",),
    ("list", "-jx"), ("list", "--json=yes"), ("list", "--reset"), ("check", "dpu0"), ("show",),
    ("xml",), ("apply", "dpu0", "dpu1"), ("create", "dpu0"), ("create", "--num-vfs", "4"),
    ("create", "dpu0", "dpu1", "--num-vfs", "4"), ("create", "dpu0", "--num-vfs"),
    ("create", "dpu0", "--num-vfs="), ("create", "dpu0", "--num-vfs", "0"),
    ("create", "dpu0", "--num-vfs", "-4"), ("create", "dpu0", "--num-vfs", "+4"),
    ("create", "dpu0", "--num-vfs", " 4"), ("create", "dpu0", "--num-vfs", "4x"),
    ("create", "dpu0", "--num-vfs", "0x4"), ("create", "dpu0", "--num-vfs", "65536"),
    ("create", "dpu0", "--num-vfs", "9" * 40), ("create", "dpu0", "--num-vfs", "1", "-n", "2"),
    ("destroy",), ("destroy", "dpu0", "--force"), ("destroy", "a", "b"), ("bind",),
    ("unbind", "dpu0", "--driver", "x"), ("bind", "dpu0", "--driver"),
    ("nova", "--release", "31"), ("nova", "--release"), ("nova", "--alias", "a b"),
    ("nova", "--format", "yaml"), ("nova", "--format", "ini", "--json"), ("list", "--pf", "dpu0"),
    ("nova", "--format", "json", "--check", "nova.conf"), ("list", "--", "--json"),
)


@case("cli: each wrong command line is refused in a line, with status 2")
def _(folder):
    with Scene(folder) as scene:
        runs = [scene.run(*words) for words in WRONG]
        golden("usage.text", *runs)
        for run in runs[:-1]:
            expect(run.code == 2 and not run.out and len(run.err.splitlines()) == 1, str(run))


@case("cli: a wrong command line with --json is told as JSON")
def _(folder):
    with Scene(folder) as scene:
        golden("usage.json", scene.run("--json", "lst"), scene.run("list", "--json", "--reset"))


@case("cli: --json is heeded behind the wrong word too")
def _(folder):
    with Scene(folder) as scene:
        for words in (("frob", "--json"), ("list", "--frob", "--json"), ("-x", "-qj"),
                      ("list", "--json=yes", "-j"), ("create", "--json", "dpu0", "-n", "0")):
            done = scene.run(*words)
            expect(done.code == 2 and done.err.startswith('{"schema":1,"error":{"code":"usage"')
                   and len(done.err.splitlines()) == 1, str(done))
        for words in (("frob", "--", "--json"), ("frob", "-nj"), ("frob", "json")):
            done = scene.run(*words)
            expect(done.code == 2 and done.err.startswith("vfvirtctl: "), str(done))


@case("cli: options may stand anywhere and behind -- there are none")
def _(folder):
    with Scene(folder) as scene:
        expected = scene.run("show", "ens0", "--json")
        for words in (("--json", "show", "ens0"), ("show", "-j", "ens0"), ("-j", "show", "ens0"),
                      ("show", "-jq", "--", "ens0")):
            done = scene.run(*words)
            expect((done.code, done.out) == (0, expected.out), str(done))


@case("cli: names that are none are not found, and shown without harm")
def _(folder):
    with Scene(folder) as scene:
        scene.start_daemon(Destroy="error org.vfvirt1.Error.NotFound nothing")
        for name in ("", "dpu0/", "/", "..", "\x1b[2J", "a\nb", "\x07", "*", "[", "[]", "0000:3b:00.9",
                     "0000:3b:00.0\n", "x" * 100000, "%s%n", "ä", "\u202e", b"\xff\xfe", b"\xc3"):
            for verb in ("show", "xml", "destroy", "stats", "list"):
                done = scene.run(verb, name)
                bad = [letter for letter in done.out + done.err
                       if ord(letter) < 32 and letter != "\n" or letter in "\x7f\u202e"]
                expect(not bad and len(done.err) < 1200, str(done))
                expect(name == "*" or done.code in (1, 2), str(done))


@case("cli: destroy, create and apply take no pattern")
def _(folder):
    with Scene(folder) as scene:
        scene.start_daemon(Destroy="error org.vfvirt1.Error.Usage dpu*: a pattern is not allowed")
        done = scene.run("destroy", "dpu*")
        expect(done.code == 2 and "pattern" in done.err, str(done))
        done = scene.run("apply", "--dry-run", "ens*")
        expect(done.code in (1, 2) and done.err, str(done))


def run_with(scene, words, **streams):
    """Runs vfvirtctl with given standard streams; its exit status and standard error."""
    streams.setdefault("stdout", subprocess.PIPE)
    done = subprocess.run([installed("usr/bin/vfvirtctl"), *words], check=False, timeout=LIMIT_S,
                          env=scene.environment(), stderr=subprocess.PIPE, **streams)
    return done.returncode, done.stderr.decode()


@case("cli: output that cannot be written is an error")
def _(folder):
    with Scene(folder) as scene:
        with open("/dev/full", "wb") as full:
            for words in (("list",), ("list", "--json"), ("--help",), ("--version",), ("check",),
                          ("xml", "--help")):
                code, err = run_with(scene, words, stdout=full)
                expect(code == 1 and "No space left on device" in err and "storage" in err,
                       f"{words}: {code}: {err}")


@case("cli: standard streams that are closed do no harm")
def _(folder):
    with Scene(folder) as scene:
        scene.start_daemon(GetModel="error org.vfvirt1.Error.Internal no", Destroy="{}")
        for closed in ((0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)):
            for words in (("list",), ("destroy", "dpu0"), ("check",)):
                script = "".join(f" {number}>&-" for number in closed)
                done = subprocess.run(["sh", "-c", f'exec "$0" "$@"{script}',
                                       installed("usr/bin/vfvirtctl"), *words], check=False,
                                      env=scene.environment(), capture_output=True,
                                      timeout=LIMIT_S)
                expect(done.returncode in (0, 1), f"{closed} {words}: {done}")
                if 1 in closed:
                    expect(done.returncode == 1, f"lost output is no error: {closed} {words}")
                if 1 in closed and 2 not in closed and words == ("list",):
                    expect(b"cannot be written" in done.stderr, f"{done}")
        expect(all(call == "GetModel" or call.startswith("Destroy 'dpu0'")
                   for call in scene.calls()), f"{scene.calls()}")


@case("cli: a reader that goes away ends it quietly")
def _(folder):
    with Scene(folder) as scene:
        reading, writing = os.pipe()
        os.close(reading)
        code, err = run_with(scene, ("list",), stdout=writing)
        os.close(writing)
        expect(code < 0 or code == 1, f"{code}: {err}")


@case("cli: without standard variables and with a relative bus it still works")
def _(folder):
    with Scene(folder) as scene:
        for address in ("", "nonsense", "unix:path=relative", "unix:path=/dev/null", "tcp:host=x"):
            done = scene.run("list", DBUS_SYSTEM_BUS_ADDRESS=address)
            expect(done.code == 0 and "ens0" in done.out, str(done))
