#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Stops the build with one sentence when the kernel is outside the range of the SUPPORTED table.
# Usage: supported.sh TABLE KDIR RELEASE
set -eu
table=$1 kdir=$2 release=$3

if [ -z "$release" ]; then
	echo "vfvirt: no kernel build folder at $kdir: install the headers of that kernel," \
	     "or name another folder with KDIR=" >&2
	exit 1
fi

# 6.12.107+deb13-amd64 -> 6012
series() {
	echo "$1" | awk -F'[.+-]' '{ print $1 * 1000 + $2 }'
}

min=$(awk '$1 == "min" { print $2 }' "$table")
max=$(awk '$1 == "max" { print $2 }' "$table")
if [ "$(series "$release")" -lt "$(series "$min")" ] ||
   [ "$(series "$release")" -gt "$(series "$max")" ]; then
	echo "vfvirt: kernel $release is not supported: this version is for kernels" \
	     "$min to $max ($table)" >&2
	exit 1
fi
