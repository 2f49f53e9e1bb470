# SPDX-License-Identifier: GPL-2.0-or-later
# The commands of HACKING.md. The work is done by tests/run, which says more with --help.

.DEFAULT_GOAL := all
.PHONY: all bench check clean clean-cache deb debian demo demo-shell install install-dkms \
	install-files programs python reference rpm spec

VERSION := $(shell sed -n "s/.*'c', version: '\([^']*\)'.*/\1/p" vfvirtctl/meson.build)
DKMS_FOLDER = $(DESTDIR)/usr/src/vfvirt-$(VERSION)

all: python
	@tests/run build qemu kernels modules programs

check: python
	@tests/run all

check-%: python
	@tests/run $*

# Measurements; each prints lines `bench NAME VALUE UNIT`. One VM at a time.
bench: python
	@VFVIRT_JOBS=1 tests/run kernel bench intree_vfs

# docs/dbus.md and docs/netlink.md, from their sources.
reference: python
	@docs/reference.py

# From power-on to a guest with a legacy driver, told with its commands, without any hardware.
demo: python
	@tests/run demo

# A root prompt in the host of the demo.
demo-shell: python
	@tests/run demo-shell

# The Debian packages, in build/, for Debian 12 and 13 alike.
deb: python
	@mkdir -p build && debs=$$(tests/run build debs) && for deb in $$debs; do cp "$$deb" build/ && echo "build/$${deb##*/}"; done

# The RPM packages, in build/; built on Debian, to see that the spec is whole.
rpm: python
	@mkdir -p build && for rpm in $$(tests/run build rpm); do cp "$$rpm" build/ && echo "build/$${rpm##*/}"; done

spec:
	mkdir -p build
	sed 's/@VERSION@/$(VERSION)/' packaging/rpm/vfvirt.spec > build/vfvirt.spec

# What dpkg-buildpackage wants to find; the version has its place in meson.build.
debian:
	rm -rf debian
	cp -r packaging/deb debian
	sed -i 's/@VERSION@/$(VERSION)/' debian/changelog

# vfvirtd, vfvirtctl and what belongs to them, for this machine; install-able from build/programs.
programs:
	@test -e build/programs/build.ninja || meson setup build/programs vfvirtctl --prefix=/usr
	@nice ninja -C build/programs

# What packages are made of. install: all but the kernel modules, from what `make programs` left.
install: install-files
	meson install -C build/programs --no-rebuild --destdir="$(abspath $(or $(DESTDIR),/))"

install-files:
	install -D -m 644 -t $(DESTDIR)/usr/lib/udev/rules.d udev-rules/60-vfvirt.rules
	install -D -m 644 -t $(DESTDIR)/usr/lib/systemd/system systemd/vfvirtd.service \
		systemd/vfvirt-transport.service
	install -D -m 644 -t $(DESTDIR)/usr/share/dbus-1/system.d packaging/dbus/org.vfvirt1.conf
	install -D -m 644 -t $(DESTDIR)/usr/share/dbus-1/system-services packaging/dbus/org.vfvirt1.service
	install -D -m 755 -t $(DESTDIR)/etc/libvirt/hooks/qemu.d libvirt-hooks/50-vfvirt
	install -D -m 644 -t $(DESTDIR)/usr/share/doc/vfvirt docs/*.md
	install -d $(DESTDIR)/etc/vfvirt/pf.d

# The sources of the kernel modules as DKMS wants them.
install-dkms:
	install -d $(DKMS_FOLDER)
	cp -r kernel/Makefile kernel/Kbuild kernel/compat kernel/core kernel/include kernel/pf \
		kernel/vfio $(DKMS_FOLDER)
	sed 's/@VERSION@/$(VERSION)/g' packaging/dkms/dkms.conf > $(DKMS_FOLDER)/dkms.conf

# Build output in the checkout; nothing of the cache.
clean:
	rm -rf build debian kernel/build
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

clean-cache: python
	@tests/run clean

# All else that is missing, tests/run installs itself.
python:
	@test -x /usr/bin/python3 || { \
		echo "installing the package python3: tests/run is written in it" >&2; \
		test "$$(id -u)" = 0 || { echo "make: must run as root: use sudo" >&2; exit 1; }; \
		apt-get -qq update && apt-get -qq install -y --no-install-recommends python3; }
