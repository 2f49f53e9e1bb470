# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests of other kinds: with the VF at their start, on q35, modern, two at once."""

from lib.cases import expect

from . import guest
from .case import case


def _cold(scene, name):
    """Starts a guest whose description holds the VF, and looks at how it drives that."""
    vf = guest.GUESTS[name].vf
    before = scene.commands(vf)
    with scene.others_paused():
        scene.start(name)
        expect(scene.vfs()[vf]["state"] == "in-use", f"{scene.vfs()[vf]}")
        scene.ready(name)
        scene.drives(name, before)


@case("host: a modern guest drives the same VF without any legacy command", second=True)
def _(scene):
    modern = scene.guest("new1")
    scene.drives("new1", 0)
    before = scene.commands(modern.vf)
    shown = scene.in_guest("new1", f"ping -c 5 -W 5 {guest.HOST_IP}")
    expect(", 0% packet loss" in shown, shown)
    expect(scene.commands(modern.vf) == before,
           f"{scene.commands(modern.vf) - before} legacy commands while the guest drives it")
    scene.destroy("new1")


@case("host: on pc a guest has its VF from the start, and drives it as legacy")
def _(scene):
    _cold(scene, "old2")


@case("host: two guests on two VFs ping each other")
def _(scene):
    first, second = scene.guest("old1"), scene.guest("old2")
    for name, peer in (("old1", second), ("old2", first)):
        shown = scene.in_guest(name, f"ping -c 2 -W 5 {peer.address}")
        expect(", 0% packet loss" in shown, f"{name} pings {peer.address}: {shown}")
    scene.destroy("old2")


@case("host: on q35 a root port with I/O space takes a legacy VF, at the start and plugged in",
      second=True)
def _(scene):
    _cold(scene, "old3")
    scene.detach("old3")
    before = scene.commands(guest.GUESTS["old3"].vf)
    scene.attach("old3")
    scene.ready("old3")
    scene.drives("old3", before)
    scene.destroy("old3")
