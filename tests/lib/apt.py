# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads packages of several Debian releases, whatever release the host has.

Each archive below gets package lists of its own in the cache. They are fetched once and then
kept, so that the same checkout builds the same things and works without a network; they are
fetched again by `tests/run build lists`, and when the mirror no longer has what they name.
The mirror, the proxy and the like come from the host's own apt configuration.
"""

import os
import re
from functools import lru_cache

from . import cache, packages, shell
from .errors import Problem, Stale

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

# Archive -> suites: (repository label, suite, has sources).
ARCHIVES = {
    "bookworm": (("Debian", "bookworm"), ("Debian", "bookworm-updates"),
                 ("Debian-Security", "bookworm-security")),
    "trixie": (("Debian", "trixie"), ("Debian", "trixie-updates"),
               ("Debian-Security", "trixie-security")),
    "bookworm-backports": (("Debian", "bookworm"), ("Debian", "bookworm-updates"),
                           ("Debian-Security", "bookworm-security"),
                           ("Debian", "bookworm-backports")),
    "trixie-backports": (("Debian", "trixie-backports"),),
}

# The host's hooks act on the host's own packages; nothing of that is ours to do.
CLEARED = "".join(f"#clear {name};\n" for name in (
    "APT::Update::Pre-Invoke", "APT::Update::Post-Invoke", "APT::Update::Post-Invoke-Success"))

INHERITED = re.compile(r"^Acquire::(\w+::Proxy|Check-Valid-Until|Check-Date|Retries"
                       r"|\w+::Timeout)\S* ")


@lru_cache(maxsize=None)
def mirrors():
    """Addresses of Debian's repositories by label, as the host's apt is configured."""
    listing = ["apt-get", "indextargets", "--format", "$(LABEL)|$(REPO_URI)"]
    lines = shell.run(listing, "cannot read apt's configuration").splitlines()
    if not lines:
        packages.need_root()
        packages.update_lists()    # they tell which repository is Debian's
        lines = shell.run(listing, "cannot read apt's configuration").splitlines()
    found = {}
    for line in lines:
        label, address = line.split("|", 1)
        found.setdefault(label, address)
    if "Debian" not in found:
        raise Problem("apt's configuration names no Debian mirror (no repository with the label "
                      "Debian): add one to /etc/apt/sources.list.d")
    return found


def sources(archive, kinds=("deb",)):
    """The lines of a sources.list for an archive; kinds: "deb" and "deb-src"."""
    known = mirrors()
    return [f"{kind} [signed-by={KEYRING}] {known[label]} {suite} main"
            for label, suite in ARCHIVES[archive] if label in known for kind in kinds]


@lru_cache(maxsize=None)
def inherited_options():
    """The host's apt options for proxies, limits and date checks, as "Name \"value\";" lines."""
    dump = shell.run(["apt-config", "dump"], "cannot read apt's configuration")
    return [line for line in dump.splitlines() if INHERITED.match(line)]


def _options(archive):
    """Command line options that point apt at an archive's own lists in the cache."""
    base = cache.folder(f"apt/{archive}")
    settings = {
        "Dir::State": base, "Dir::State::lists": base / "lists",
        "Dir::State::status": base / "status", "Dir::Cache": base / "cache",
        "Dir::Cache::pkgcache": "pkgcache.bin", "Dir::Cache::srcpkgcache": "srcpkgcache.bin",
        "Dir::Etc::sourcelist": base / "sources.list", "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null", "Dir::Etc::preferencesparts": "/dev/null",
        "APT::Sandbox::User": "root", "APT::Architecture": "amd64",
        "APT::Update::Error-Mode": "any", "Acquire::Languages": "none",
    }
    text = CLEARED + "".join(f'{name} "{value}";\n' for name, value in settings.items())
    config = base / "apt.conf"
    if not config.exists() or config.read_text(encoding="utf-8") != text:
        temporary = base / f"apt.conf.{os.getpid()}"
        temporary.write_text(text, encoding="utf-8")
        temporary.rename(config)
    return ["-c", str(config)]


def fetch_lists(archive, again=False):
    """Fetches an archive's package lists when there are none yet, or again when asked to."""
    base = cache.folder(f"apt/{archive}")
    fetched = base / "fetched"
    with cache.lock(f"lists-{archive}"):
        if fetched.exists() and not again:
            return
        packages.need_root()
        packages.ensure("debian-archive-keyring")
        fetched.unlink(missing_ok=True)
        for sub in ("lists/partial", "cache/archives/partial"):
            (base / sub).mkdir(parents=True, exist_ok=True)
        (base / "status").touch()
        lines = sources(archive, ("deb", "deb-src"))
        (base / "sources.list").write_text("\n".join(lines) + "\n", encoding="utf-8")
        shell.run(["apt-get", *_options(archive), "update"],
                  f"cannot fetch the package lists of {archive}", limit_s=300)
        fetched.touch()


def fresh(archive, action):
    """Runs action(); when the mirror lacks what the lists name, once more with newer lists."""
    fetch_lists(archive)
    try:
        return action()
    except Stale as problem:
        shell.say(f"{problem}: fetching newer lists of {archive} and trying again")
        fetch_lists(archive, again=True)
        return action()


def show(archive, package, kind="show"):
    """The fields of a package's newest version; kind "showsrc" for a source package.

    Raises Stale when the archive has no such package.
    """
    text = shell.run(["apt-cache", *_options(archive), kind, package],
                     f"{archive} has no package {package}")
    newest = {}
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines()
                      if ": " in line and not line.startswith(" "))
        if not newest or _newer(fields.get("Version", ""), newest.get("Version", "")):
            newest = fields
    if not newest:
        raise Stale(f"{archive} has no package {package}")
    return newest


def _newer(left, right):
    """Whether Debian version left is greater than right."""
    try:
        shell.run(["dpkg", "--compare-versions", left, "gt", right], "compare versions")
    except Problem:
        return False
    return True


def depends(archive, package):
    """Names of the packages that a package depends on, first alternatives, without versions."""
    field = show(archive, package).get("Depends", "")
    return [entry.split("|")[0].split("(")[0].strip().split(":")[0]
            for entry in field.split(",") if entry.strip()]


def download(archive, names, place):
    """Downloads binary packages, checked by their signed hashes; returns the files' paths."""
    shell.run(["apt-get", *_options(archive), "download", *names],
              f"cannot download {' '.join(names)} of {archive}", limit_s=900, cwd=place)
    return sorted(place.glob("*.deb"))


def download_source(archive, name, version, place):
    """Downloads a source package into place; returns the path of its .dsc file."""
    shell.run(["apt-get", *_options(archive), "source", "--download-only", f"{name}={version}"],
              f"cannot download the source of {name} {version} of {archive}", limit_s=900,
              cwd=place)
    return next(place.glob("*.dsc"))
