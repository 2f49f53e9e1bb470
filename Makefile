# SPDX-License-Identifier: GPL-2.0-or-later
# The commands of HACKING.md. The work is done by tests/run, which says more with --help.

.DEFAULT_GOAL := all
.PHONY: all bench check clean clean-cache python

all: python
	@tests/run build qemu kernels modules

check: python
	@tests/run all

check-%: python
	@tests/run $*

# Measurements; each prints lines `bench NAME VALUE UNIT`. One VM at a time.
bench: python
	@VFVIRT_JOBS=1 tests/run kernel bench intree_vfs

# Build output in the checkout; nothing of the cache.
clean:
	rm -rf build kernel/build
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

clean-cache: python
	@tests/run clean

# All else that is missing, tests/run installs itself.
python:
	@test -x /usr/bin/python3 || { \
		echo "installing the package python3: tests/run is written in it" >&2; \
		test "$$(id -u)" = 0 || { echo "make: must run as root: use sudo" >&2; exit 1; }; \
		apt-get -qq update && apt-get -qq install -y --no-install-recommends python3; }
