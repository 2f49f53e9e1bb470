# SPDX-License-Identifier: GPL-2.0-or-later
"""Builder trees: small Debian systems in the cache, in which things are compiled by chroot.

A tree is never changed after it was made: programs in it run with the tree mounted read-only,
in namespaces of their own, and see only the folders that are given to them, at /src, /build and
/out. So no mount outlives its program, and two runs may use one tree at once.
"""

import shlex
import shutil

from . import apt, cache, packages, shell

ROOM_MB = 1600
LIMIT_S = 900
POINTS = ("/src", "/build", "/out")
LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*")

# Mounts the tree ($1) read-only and what follows in threes (folder, place, ro or rw), up to "--".
ENTER = """
set -e
tree=$1; shift
mount --bind "$tree" "$tree"
mount -o remount,bind,ro "$tree"
mount -t proc proc "$tree/proc"
mount --rbind /dev "$tree/dev"
mount -t tmpfs tmpfs "$tree/tmp"
while [ "$1" != -- ]; do
    mount --bind "$1" "$tree$2"
    [ "$3" = rw ] || mount -o remount,bind,ro "$tree$2"
    shift 3
done
shift
exec chroot "$tree" "$@"
"""

ISOLATED = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
VARIABLES = ["HOME=/tmp", "LC_ALL=C.UTF-8", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]


def get(name, archive, names, debs=None, deb_names=(), left_out=(), preferences=""):
    """The path of a builder tree, made on first use.

    name: what it is for; archive: from apt.ARCHIVES; names: packages to install;
    debs(folder): downloads more packages, which are unpacked without what they depend on;
    deb_names: their names with versions, as part of the key; left_out: patterns of more files
    that packages have and nobody here needs; preferences: of apt, as in apt_preferences(5).
    """
    def build(place):
        packages.ensure("mmdebstrap", "debian-archive-keyring", "util-linux")
        scratch = place / "debs"
        scratch.mkdir()
        hooks = ["mkdir -p " + " ".join(f'"$1{point}"' for point in POINTS)]
        if debs:
            debs(scratch)
            hooks += [f'cp {shlex.quote(str(scratch))}/*.deb "$1/tmp"',
                      'chroot "$1" sh -c "dpkg --force-depends --unpack /tmp/*.deb"',
                      'rm "$1"/tmp/*.deb']
        _bootstrap(place / "tree", archive, names, hooks, cache.build_log(f"tree-{name}"),
                   LEFT_OUT + left_out, preferences)
        shutil.rmtree(scratch)

    key = cache.key(archive, *names, *deb_names, *POINTS, *LEFT_OUT, *left_out,
                    *filter(None, [preferences]))
    return cache.item(f"tree-{name}", key, build, needs_mb=ROOM_MB) / "tree"


def _bootstrap(target, archive, names, hooks, log, left_out, preferences):
    """Runs mmdebstrap, with its mounts and processes kept to itself."""
    options = ["--mode=root", "--variant=minbase", "--format=directory",
               "--include=" + ",".join(names)]
    options += ["--dpkgopt=force-unsafe-io"]    # a tree that a power cut spoils is built again
    options += [f"--dpkgopt=path-exclude={pattern}" for pattern in left_out]
    options += [f"--aptopt={line}" for line in apt.inherited_options()]
    options += [f"--customize-hook={hook}" for hook in hooks]
    if preferences:
        options.append('--setup-hook=mkdir -p "$1/etc/apt/preferences.d"; '
                       f'echo {shlex.quote(preferences)} > "$1/etc/apt/preferences.d/tree"')
    suite = apt.ARCHIVES[archive][0][1]
    shell.run([*ISOLATED, "--mount-proc", "mmdebstrap", *options, suite, target, "-"],
              f"cannot make a builder tree of {archive}", log=log, limit_s=LIMIT_S,
              text_in="\n".join(apt.sources(archive)) + "\n")


def command(tree, argv, binds=(), cwd="/"):
    """The command line that runs a program inside a tree.

    tree: from get(); binds: (folder, place in the tree, such as one of POINTS, "ro" or "rw").
    """
    mounts = [str(word) for bind in binds for word in bind]
    return [*ISOLATED, "sh", "-c", ENTER, "sh", str(tree), *mounts, "--",
            "/usr/bin/env", "-i", *VARIABLES, "sh", "-c", 'cd "$0" && exec "$@"', cwd, *argv]


def run(tree, argv, what, binds=(), log=None, limit_s=LIMIT_S, cwd="/"):
    """Runs a program inside a tree and returns its standard output (empty with a log).

    tree, argv, binds, cwd: as command(); what: for the error. Raises Problem like shell.run().
    """
    return shell.run(command(tree, argv, binds, cwd), what, log=log, limit_s=limit_s)
