// SPDX-License-Identifier: GPL-2.0-or-later
/* What a user finds whose card gave a bad answer when it was asked for its commands. */
#include "file.h"
#include "handout.h"
#include "host.h"
#include "nic.h"
#include "test.h"

/* A card that refuses the list of its commands once has no legacy registers until the next open. */
TEST(vfio_refused_discovery_lasts_until_the_next_open, .modules = HANDOUT_MODULES, .limit_s = 60)
{
	static const char *const faults[] = {
		"status,status=22,qualifier=4,opcode=0,times=1",
		"status,status=12,opcode=1,times=1",
		"used-length,mode=zero,opcode=0,times=1",
		"used-length,mode=short,bytes=8,opcode=0,times=1",
	};
	struct handout handout;
	struct vfio vfio;

	for (size_t n = 0; n < sizeof(faults) / sizeof(faults[0]); n++) {
		handout_open(&handout, PF_OURS, 1);
		host_do("fault pf0 %s", faults[n]);
		CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
		CHECK_EQUAL(vfio.areas[VFIO_BAR0].size_bytes, 0, faults[n]);
		vfio_close(&vfio);
		CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
		CHECK(vfio.areas[VFIO_BAR0].size_bytes, "no BAR0 at the second open: %s", faults[n]);
		vfio_command(&vfio, 7);
		CHECK_EQUAL(vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1), 0, "the status");
		vfio_close(&vfio);
		handout_close(&handout);
	}
}

/* The same under a running guest, after a reset of the PF: its next access asks again. */
TEST(vfio_refused_discovery_ends_with_the_next_access, .modules = HANDOUT_MODULES, .limit_s = 60)
{
	char path[PCI_PATH_SIZE];
	struct handout handout;
	struct vfio vfio;

	handout_open(&handout, PF_OURS, 1);
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	vfio_command(&vfio, 7);
	CHECK_EQUAL(vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1), 0, "the status");
	CHECK_OK(file_write(pci_path(path, handout.pf, "reset"), "1"));
	host_do("fault pf0 status,status=22,qualifier=4,opcode=0,times=1");
	CHECK_EQUAL(vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1), 0xff, "a read that is refused");
	CHECK_EQUAL(vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1), 0, "the next one");
	vfio_close(&vfio);
	handout_close(&handout);
}
