#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Finds out what the target kernel offers: compiles each probe with that kernel's own flags and
# writes generated/compat_probes.h with VFVIRT_HAVE_<PROBE> as 1 (it compiled) or 0.
# Usage: probe.sh KDIR BUILD PROBE.c...
set -eu
kdir=$1 build=$2
shift 2
work=$build/probes
log=$work/log

rm -rf "$work"
mkdir -p "$work" "$build/generated"
names=
for probe in "$@"; do
	name=$(basename "$probe" .c)
	cp "$probe" "$work/$name.c"
	names="$names $name"
done
objects=$(printf '%s.o ' $names)
printf 'ccflags-y := -Werror\nobj-m := %s\n' "$objects" >"$work/Kbuild"

# The caller's flags (-j, C=2, W=1) are not for probes: a warning would read as "not there".
# Most runs of make -k end with an error: the sentinel below must fail.
env -u MAKEFLAGS -u MFLAGS make -k -C "$kdir" M="$work" $objects >"$log" 2>&1 || true

if [ ! -f "$work/sentinel_pass.o" ]; then
	echo "vfvirt: the probe that must compile does not: the compiler or the headers in" \
	     "$kdir do not work; see $log" >&2
	tail -n 20 "$log" >&2
	exit 1
fi
if [ -f "$work/sentinel_fail.o" ]; then
	echo "vfvirt: the probe that must not compile does: no answer about $kdir can be" \
	     "trusted; see $log" >&2
	exit 1
fi
if [ ! -f "$work/genl_mcast_cap_net_admin.o" ]; then
	echo "vfvirt: the kernel of $kdir cannot restrict a netlink group to CAP_NET_ADMIN:" \
	     "take a newer point release of this series, such as 6.1.68" >&2
	exit 1
fi

header=$build/generated/compat_probes.h
{
	echo "/* SPDX-License-Identifier: GPL-2.0-only */"
	echo "/* What the target kernel offers; written by compat/probe.sh. */"
	for name in $names; do
		have=0
		[ -f "$work/$name.o" ] && have=1
		printf '#define VFVIRT_HAVE_%s %d\n' "$(echo "$name" | tr a-z A-Z)" "$have"
	done
} >"$header.new"
# The same for Kbuild files: VFVIRT_HAVE_<PROBE> := y where it compiled.
sed -n 's/^#define \(VFVIRT_HAVE_[A-Z0-9_]*\) 1$/\1 := y/p' "$header.new" >"${header%.h}.mk"
mv "$header.new" "$header"
