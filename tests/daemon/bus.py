# SPDX-License-Identifier: GPL-2.0-or-later
"""A private message bus that stands for the system's, and clients of it."""

import json
import os
import subprocess
from pathlib import Path

from lib import packages

packages.ensure("python3-jeepney")     # before it is imported, on a machine that lacks it
# pylint: disable=wrong-import-position
import jeepney
from jeepney.io.blocking import open_dbus_connection

LIMIT_S = 60
NAME, ROOT, MANAGER = "org.vfvirt1", "/org/vfvirt1", "org.vfvirt1.Manager"
PF, VF = "org.vfvirt1.Pf", "org.vfvirt1.Vf"
PROPERTIES = "org.freedesktop.DBus.Properties"
OBJECTS = "org.freedesktop.DBus.ObjectManager"
POLICY = Path(__file__).resolve().parents[2] / "packaging/dbus/org.vfvirt1.conf"

# As the system's bus: nothing may be called unless a policy allows it.
CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
  </policy>
  {policy}
</busconfig>
"""
OPEN_POLICY = """<policy context="default">
    <allow own="*"/><allow send_type="method_call"/>
  </policy>"""


class BusError(Exception):
    """An error that a method answered with: name, and text."""

    def __init__(self, name, text):
        super().__init__(f"{name}: {text}")
        self.name, self.text = name, text


class Daemon:
    """A running dbus-daemon. is_open: everybody may call everything, against our policy."""

    def __init__(self, folder, is_open):
        self.address = f"unix:path={folder}/bus"
        policy = OPEN_POLICY if is_open else f"<include>{POLICY}</include>"
        file = folder / "bus.conf"
        file.write_text(CONFIGURATION.format(socket=f"{folder}/bus", policy=policy))
        self.process = subprocess.Popen(
            ["dbus-daemon", f"--config-file={file}", "--nofork", "--nopidfile",
             "--print-address=1"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if not self.process.stdout.readline():
            raise RuntimeError("dbus-daemon did not start")

    def stop(self):
        """Ends it."""
        self.process.terminate()
        self.process.wait(LIMIT_S)
        self.process.stdout.close()


def _body(reply):
    """What a method answered, without the tuple around a single value."""
    if reply.header.message_type == jeepney.MessageType.error:
        name = reply.header.fields[jeepney.HeaderFields.error_name]
        raise BusError(name, reply.body[0] if reply.body else "")
    return reply.body[0] if len(reply.body) == 1 else reply.body


def _message(member, signature, arguments, interface, path):
    address = jeepney.DBusAddress(path, bus_name=NAME, interface=interface)
    return jeepney.new_method_call(address, member, signature or None, arguments)


class Pending:
    """A call under way, on a connection of its own."""

    def __init__(self, address, member, signature, arguments):
        self.connection = open_dbus_connection(address, auth_timeout=LIMIT_S)
        self.serial = next(self.connection.outgoing_serial)
        message = _message(member, signature, arguments, MANAGER, ROOT)
        self.connection.send(message, serial=self.serial)

    def result(self, limit_s=LIMIT_S):
        """Waits for the answer; raises BusError. Once only."""
        try:
            while True:
                message = self.connection.receive(timeout=limit_s)
                fields = message.header.fields
                if fields.get(jeepney.HeaderFields.reply_serial) == self.serial:
                    return _body(message)
        finally:
            self.connection.close()


class Client:
    """A client of org.vfvirt1."""

    def __init__(self, address):
        self.address = address
        self.connection = open_dbus_connection(address, auth_timeout=LIMIT_S)

    def close(self):
        """Leaves the bus."""
        self.connection.close()

    def call(self, member, signature="", *arguments, interface=MANAGER, path=ROOT):
        """Calls a method, waits for the answer."""
        message = _message(member, signature, arguments, interface, path)
        return _body(self.connection.send_and_get_reply(message, timeout=LIMIT_S))

    def begin(self, member, signature="", *arguments):
        """Calls a method of the manager without waiting."""
        return Pending(self.address, member, signature, arguments)

    def get(self, name, path=ROOT, interface=MANAGER):
        """The value of a property."""
        return self.call("Get", "ss", interface, name, interface=PROPERTIES, path=path)[1]

    def objects(self):
        """Path -> interface -> property -> value."""
        found = self.call("GetManagedObjects", interface=OBJECTS)
        return {path: {interface: {name: value[1] for name, value in values.items()}
                       for interface, values in interfaces.items()}
                for path, interfaces in found.items()}

    def model(self):
        """The object of --json."""
        return json.loads(self.call("GetModel"))

    def create(self, pf, count, runtime=False, dry_run=False, name=""):
        """Create(); the report's row of that PF."""
        return json.loads(self.call("Create", "ssubb", pf, name, count, runtime, dry_run))["pfs"][0]

    def destroy(self, pf, dry_run=False):
        """Destroy(), as create()."""
        return json.loads(self.call("Destroy", "sb", pf, dry_run))["pfs"][0]

    def apply(self, pf="", dry_run=False):
        """Apply(); the rows of the report."""
        return json.loads(self.call("Apply", "sb", pf, dry_run))["pfs"]

    def bind(self, *names, driver="", force=False, dry_run=False):
        """Bind(), as apply()."""
        return json.loads(self.call("Bind", "assbb", list(names), driver, force, dry_run))["pfs"]

    def unbind(self, *names, force=False, dry_run=False):
        """Unbind(), as apply()."""
        return json.loads(self.call("Unbind", "asbb", list(names), force, dry_run))["pfs"]

    def listen(self):
        """Has all signals of org.vfvirt1 collected from now on."""
        rule = jeepney.MatchRule(type="signal", sender=NAME)
        _body(self.connection.send_and_get_reply(jeepney.message_bus.AddMatch(rule),
                                                 timeout=LIMIT_S))
        return Signals(self)


class Signals:
    """Signals as they come: (path, member, body)."""

    def __init__(self, client):
        self.client = client
        self.filter = client.connection.filter(
            jeepney.MatchRule(type="signal", path_namespace=ROOT), bufsize=100000)
        self.queue = self.filter.__enter__()

    def so_far(self):
        """Those that came before a call that is made and answered now."""
        self.client.get("Version")
        return [self._plain(self.queue.popleft()) for _ in range(len(self.queue))]

    @staticmethod
    def _plain(message):
        fields = message.header.fields
        return (fields[jeepney.HeaderFields.path], fields[jeepney.HeaderFields.member],
                message.body)


def call_as(user, address, member, *arguments):
    """Calls a method as another user; (None, answer) or (name of the error, its text).

    user: numbers of user, group, further groups.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _call_as(user, address, member, arguments, writing)
    os.close(writing)
    with os.fdopen(reading) as stream:
        answer = stream.read()
    os.waitpid(child, 0)
    return tuple(json.loads(answer))


def _call_as(user, address, member, arguments, writing):
    """The child of call_as(): becomes the user, calls, answers through the pipe, ends."""
    try:
        os.setgroups(user[2])
        os.setgid(user[1])
        os.setuid(user[0])
        try:
            answer = [None, Client(address).call(member, *arguments)]
        except BusError as error:
            answer = [error.name, error.text]
        os.write(writing, json.dumps(answer).encode())
    finally:
        os._exit(0)
