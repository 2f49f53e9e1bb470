// SPDX-License-Identifier: GPL-2.0-or-later
/* Sleep: of a VF that nobody uses, of one whose user lets it sleep, and by the guest's own will. */
#include "file.h"
#include "handout.h"
#include "nic.h"
#include "test.h"

#define POWER_STATE 4 /* register of the capability */
#define D3HOT 3
#define LIMIT_MS 10000

static bool reads(const char *bdf, const char *attribute, const char *wanted)
{
	char path[PCI_PATH_SIZE], text[32];

	CHECK_OK(file_read(pci_path(path, bdf, attribute), text, sizeof(text)));
	return !strcmp(text, wanted);
}

static void check_sleeps(const char *bdf, const char *when)
{
	WAIT_FOR(LIMIT_MS, reads(bdf, "power/runtime_status", "suspended"), when);
	CHECK(reads(bdf, "power_state", "D3hot"), "%s: suspended, but not in D3hot", when);
}

static void check_awake(const char *bdf, const char *when)
{
	CHECK(reads(bdf, "power/runtime_status", "active"), "%s: not active", when);
	CHECK(reads(bdf, "power_state", "D0"), "%s: active, but not in D0", when);
}

/* Nobody uses it: it sleeps, unless the host says otherwise. */
TEST(vfio_closed_vf_sleeps, .modules = HANDOUT_MODULES)
{
	char path[PCI_PATH_SIZE];
	struct handout handout;
	const char *bdf = handout.vfs[0];
	struct vfio vfio;

	handout_open(&handout, PF_OURS, 1);
	for (unsigned int user = 0; user < 2; user++) {
		check_sleeps(bdf, "a closed VF");
		CHECK_OK(vfio_open(&vfio, bdf));
		check_awake(bdf, "an open VF");
		vfio_command(&vfio, 7);
		CHECK_EQUAL(vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1), 0, "the status");
		vfio_close(&vfio);
	}
	check_sleeps(bdf, "a VF that was closed");
	CHECK_OK(file_write(pci_path(path, bdf, "power/control"), "on"));
	check_awake(bdf, "a closed VF that must not sleep");
	CHECK_OK(file_write(pci_path(path, bdf, "power/control"), "auto"));
	check_sleeps(bdf, "a closed VF that may sleep again");
	handout_close(&handout);
}

/* Its user let it sleep: each access wakes it for as long as it takes. */
TEST(vfio_access_wakes_a_sleeping_vf, .modules = HANDOUT_MODULES)
{
	struct handout handout;
	const char *bdf = handout.vfs[0];
	struct vfio vfio;
	uint8_t status;

	handout_open(&handout, PF_OURS, 1);
	CHECK_OK(vfio_open(&vfio, bdf));
	vfio_command(&vfio, 7);
	CHECK_OK(vfio_sleep(&vfio));
	for (unsigned int access = 0; access < 3; access++) {
		check_sleeps(bdf, "a VF whose user lets it sleep");
		if (access == 0) {
			CHECK_EQUAL(vfio_read(&vfio, VFIO_BAR0, LEGACY_STATUS, &status, 1), 1,
				    "what a read of the status returned");
			CHECK_EQUAL(status, 0, "the status");
		} else if (access == 1) {
			vfio_put(&vfio, VFIO_BAR0, LEGACY_STATUS, 1, 1);
		} else {
			vfio_put(&vfio, VFIO_BAR0, LEGACY_NOTIFY, 2, 0);
		}
	}
	CHECK_OK(vfio_reset(&vfio));
	CHECK_EQUAL(vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1), 0, "the status after a reset");
	vfio_close(&vfio);
	check_sleeps(bdf, "a VF that was closed while asleep");
	handout_close(&handout);
}

/* The guest put it into D3hot: the function does not answer, and it does again in D0. */
TEST(vfio_sleeping_vf_does_not_answer, .modules = HANDOUT_MODULES)
{
	struct handout handout;
	unsigned int power;
	struct vfio vfio;
	uint16_t zero = 0;
	uint8_t status;

	handout_open(&handout, PF_OURS, 1);
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	vfio_command(&vfio, 7);
	power = vfio_capability(&vfio, CAPABILITY_POWER);
	for (unsigned int round = 0; round < 3; round++) {
		vfio_put(&vfio, VFIO_CONFIG, power + POWER_STATE, 2, D3HOT);
		CHECK_EQUAL(vfio_get(&vfio, VFIO_CONFIG, power + POWER_STATE, 2) & 3, D3HOT,
			    "the power state");
		CHECK_EQUAL(vfio_read(&vfio, VFIO_BAR0, LEGACY_STATUS, &status, 1), -EIO,
			    "a read in D3hot");
		CHECK_EQUAL(vfio_write(&vfio, VFIO_BAR0, LEGACY_NOTIFY, &zero, 2), -EIO,
			    "a doorbell in D3hot");
		CHECK_EQUAL(vfio_get(&vfio, VFIO_CONFIG, 2, 2), 0x1000, "the device id in D3hot");
		vfio_put(&vfio, VFIO_CONFIG, power + POWER_STATE, 2, 0);
		CHECK_EQUAL(vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1), 0, "the status in D0");
	}
	/* Left asleep: the next user finds it awake. */
	vfio_put(&vfio, VFIO_CONFIG, power + POWER_STATE, 2, D3HOT);
	vfio_close(&vfio);
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	vfio_command(&vfio, 7);
	CHECK_EQUAL(vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1), 0, "the next user's status");
	vfio_close(&vfio);
	handout_close(&handout);
}
