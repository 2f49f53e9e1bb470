// SPDX-License-Identifier: GPL-2.0-or-later
/* Opening, sealing, closing, binding, unloading. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"
#include "genl.h"
#include "handout.h"
#include "log.h"
#include "module.h"
#include "net.h"
#include "nic.h"
#include "sealer.h"
#include "test.h"

#define RACES 1000
#define CONFIG_VECTOR 1
#define QUEUE_VECTOR 2
#define IGATE_HELD "/sys/module/vfvirt_igate/parameters/held"

/* A device has one user: the group's file opens once. */
TEST(vfio_opens_once, .modules = HANDOUT_MODULES)
{
	struct handout handout;
	struct vfio vfio, second;

	handout_open(&handout, PF_OURS, 1);
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	CHECK_EQUAL(vfio_open(&second, handout.vfs[0]), -EBUSY, "the second open");
	vfio_close(&vfio);
	CHECK_OK(vfio_open(&second, handout.vfs[0]));
	vfio_close(&second);
	handout_close(&handout);
}

TEST(vfio_open_needs_permission, .modules = HANDOUT_MODULES)
{
	struct handout handout;
	struct vfio vfio;
	int status;
	pid_t pid;

	handout_open(&handout, PF_OURS, 1);
	pid = fork();
	if (!pid)
		_exit(setgid(65534) || setuid(65534) ? 99 : -vfio_open(&vfio, handout.vfs[0]));
	waitpid(pid, &status, 0);
	CHECK(WIFEXITED(status), "the child died");
	CHECK(WEXITSTATUS(status) == EACCES || WEXITSTATUS(status) == EPERM,
	      "an open without permission: %s", strerror(WEXITSTATUS(status)));
	handout_close(&handout);
}

/* With another function of its group in the hands of a host's driver, a VF must not be handed out. */
TEST(vfio_group_must_be_viable, .modules = HANDOUT_MODULES, .configs = "shared-group")
{
	char path[PCI_PATH_SIZE], of_pf[32], of_vf[32];
	struct handout handout;
	struct vfio vfio;

	handout_open(&handout, PF_OURS, 2);
	CHECK_OK(file_link_name(pci_path(path, handout.pf, "iommu_group"), of_pf, sizeof(of_pf)));
	CHECK_OK(file_link_name(pci_path(path, handout.vfs[0], "iommu_group"), of_vf,
				sizeof(of_vf)));
	CHECK(!strcmp(of_pf, of_vf), "this machine has PF and VF in groups of their own");
	CHECK_EQUAL(vfio_open(&vfio, handout.vfs[0]), -EPERM, "an open beside a PF with a driver");
	handout_close(&handout);
}

/* What a choice by the best alias goes by: one exact field more than the drivers of the kernel. */
TEST(vfio_alias_names_the_class, .modules = HANDOUT_MODULES)
{
	static const char wanted[] = "alias=vfio_pci:v00001AF4d00001041sv*sd*bc02sc00i*";
	static char bytes[4 << 20];
	FILE *file = fopen("/modules/vfvirt_vfio_pci.ko", "re");
	size_t length;

	CHECK(file, "cannot open the module: %s", strerror(errno));
	length = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	CHECK(length && length < sizeof(bytes), "the module has %zu bytes", length);
	CHECK(memmem(bytes, length, wanted, sizeof(wanted)), "no %s in the module", wanted);
	CHECK(!memmem(bytes, length, "alias=pci:", 10), "the module loads for any virtio card");
}

TEST(vfio_seal_excludes_open, .modules = HANDOUT_MODULES)
{
	struct handout handout;
	struct vfio vfio;
	int log;

	handout_open(&handout, PF_OURS, 1);
	CHECK_OK(genl_seal(handout.vfs[0], true));
	log = log_follow();
	CHECK_EQUAL(vfio_open(&vfio, handout.vfs[0]), -EBUSY, "open of a sealed VF");
	CHECK(log_says(log, "cannot be opened: it is sealed"), "the log does not say why");
	close(log);
	CHECK_OK(genl_seal(handout.vfs[0], false));
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	CHECK_EQUAL(genl_seal(handout.vfs[0], true), -EBUSY, "seal of an open VF");
	vfio_close(&vfio);
	CHECK_OK(genl_seal(handout.vfs[0], true));
	handout_close(&handout);
}

/* Container, group, device and regions, all anew: only a whole open asks whether it is sealed. */
static int reopen(struct vfio *vfio, const char *bdf)
{
	vfio_close(vfio);
	return vfio_open(vfio, bdf);
}

TEST(vfio_seal_races_with_open, .modules = HANDOUT_MODULES, .limit_s = 240)
{
	unsigned int races = test_number("races", RACES), opened = 0, refused = 0;
	struct vfio vfio = { .container_fd = -1, .group_fd = -1, .device_fd = -1 };
	struct handout handout;
	struct sealer sealer;

	handout_open(&handout, PF_OURS, 1);
	sealer_start(&sealer, handout.vfs[0]);
	for (unsigned int race = 0; race < races; race++) {
		int error = reopen(&vfio, handout.vfs[0]);

		CHECK(!error || error == -EBUSY, "open: %s", strerror(-error));
		if (error) {
			refused++;
			pause_ms(1);
		} else {
			opened++;
		}
	}
	vfio_close(&vfio);
	test_log("opened %u times, refused %u times", opened, refused);
	CHECK_EQUAL(sealer_stop(&sealer), 0, "times it was open and sealed");
	CHECK(opened >= races / 20 && refused >= races / 20,
	      "the two hardly met: opened %u, refused %u", opened, refused);
	handout_close(&handout);
}

TEST(vfio_module_stays_while_open, .modules = HANDOUT_MODULES)
{
	struct handout handout;
	struct vfio vfio;
	int error;

	handout_open(&handout, PF_OURS, 1);
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	error = module_unload("vfvirt_vfio_pci");
	CHECK(error == -EWOULDBLOCK || error == -EBUSY, "unload while open: %s", strerror(-error));
	error = module_unload("vfvirt_pf");
	CHECK(error == -EWOULDBLOCK || error == -EBUSY, "unload of the owner's module: %s",
	      strerror(-error));
	vfio_close(&vfio);
	CHECK_OK(module_unload("vfvirt_vfio_pci"));
	CHECK_OK(module_load("vfvirt_vfio_pci", ""));
	handout_close(&handout);
}

/* Opens the VF, which must be a modern one without BAR0 that works. */
static void check_plain(const struct handout *handout)
{
	struct net_end pf_end;
	struct vfio vfio;
	struct nic nic;

	net_end_open(&pf_end, handout->pf, "10.9.0.1");
	CHECK_OK(vfio_open(&vfio, handout->vfs[0]));
	CHECK_EQUAL(vfio_get(&vfio, VFIO_CONFIG, 2, 2), 0x1041, "the device id");
	CHECK_EQUAL(vfio.areas[VFIO_BAR0].size_bytes, 0, "the size of BAR0");
	nic_start_modern(&nic, &vfio, true, false);
	nic_check_ping(&nic, 100, 1, NULL, 3);
	nic_stop(&nic);
	vfio_close(&vfio);
	net_end_close(&pf_end);
}

/* A card that has no legacy registers makes its VFs ordinary ones. */
TEST(vfio_legacy_is_decided_at_open, .modules = HANDOUT_MODULES, .configs = "no-admin")
{
	struct handout handout;

	handout_open(&handout, PF_OURS, 1);
	check_plain(&handout);
	handout_close(&handout);
}

static void look_for_owner(const struct genl_message *message, void *context)
{
	CHECK_EQUAL(genl_number(message, VFVIRT_A_LEGACY), 0, "legacy registers");
	CHECK_EQUAL(genl_number(message, VFVIRT_A_REASON), VFVIRT_REASON_NO_OWNER, "the reason");
	CHECK_EQUAL(genl_number(message, VFVIRT_A_OPEN_COUNT), 0, "who has it open");
	CHECK(!strcmp(genl_text(message, VFVIRT_A_DRIVER), VF_OURS), "the driver is %s",
	      genl_text(message, VFVIRT_A_DRIVER));
	++*(unsigned int *)context;
}

/* Where the PF's driver reaches no registers the VF is an ordinary one, and netlink says why. */
TEST(vfio_without_an_owner_is_plain_and_says_so, .modules = HANDOUT_MODULES, .kernels = "6.1")
{
	struct genl_request request;
	struct handout handout;
	unsigned int seen = 0;
	struct vfio vfio;

	handout_open(&handout, PF_INTREE, 1);
	check_plain(&handout);
	genl_request(&request, VFVIRT_CMD_GET_MEMBERS);
	genl_add(&request, VFVIRT_A_ADDRESS, handout.pf, strlen(handout.pf) + 1);
	genl_add(&request, VFVIRT_A_READ_MAC, NULL, 0);
	CHECK_EQUAL(genl_dump(&request, look_for_owner, &seen), 1, "members listed");
	CHECK_EQUAL(seen, 1, "members seen");
	handout_close(&handout);
	handout_open(&handout, PF_OURS, 1);
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	CHECK_EQUAL(vfio_get(&vfio, VFIO_CONFIG, 2, 2), 0x1000, "the device id with an owner");
	vfio_close(&vfio);
	handout_close(&handout);
}

/* driver_override gives any device to any driver; what this one shows is a network card's. */
TEST(vfio_refuses_other_devices, .modules = HANDOUT_MODULES, .configs = "other-vfs")
{
	char pf[BDF_SIZE], vf[BDF_SIZE], path[PCI_PATH_SIZE];

	pci_pf(0, pf);
	CHECK_OK(file_write(pci_path(path, pf, "sriov_drivers_autoprobe"), "0"));
	CHECK_OK(pci_set_vfs(pf, 1));
	pci_vf(pf, 0, vf);
	CHECK_EQUAL(pci_bind(vf, VF_OURS), -ENODEV, "binding a block device");
	CHECK_OK(pci_set_vfs(pf, 0));
	CHECK_OK(file_write(pci_path(path, pf, "sriov_drivers_autoprobe"), "1"));
}

/*
 * What 0x14 and the bytes behind it read: with MSI-X off the configuration, with it on the vectors
 * that the driver chose, and then the same configuration.
 */
struct toggling {
	struct vfio vfio;
	int fds[NIC_VECTORS];
	uint64_t off, on;
	atomic_bool ended;
};

static void check_layout(struct toggling *toggling, bool msix)
{
	uint64_t wanted = msix ? toggling->on : toggling->off, value;

	CHECK_OK(vfio_msix(&toggling->vfio, toggling->fds, msix ? NIC_VECTORS : 0));
	value = vfio_get(&toggling->vfio, VFIO_BAR0, LEGACY_CONFIG, 8);
	CHECK(value == wanted, "0x14 reads 0x%016llx with MSI-X %s, not 0x%016llx",
	      (unsigned long long)value, msix ? "on" : "off", (unsigned long long)wanted);
}

static void *toggle_msix(void *context)
{
	struct toggling *toggling = context;

	for (unsigned int round = 0; round < 100; round++) {
		check_layout(toggling, true);
		check_layout(toggling, false);
	}
	toggling->ended = true;
	return NULL;
}

static void choose_vectors(struct toggling *toggling)
{
	for (unsigned int i = 0; i < NIC_VECTORS; i++)
		toggling->fds[i] = eventfd(0, EFD_CLOEXEC);
	toggling->off = vfio_get(&toggling->vfio, VFIO_BAR0, LEGACY_CONFIG, 8);
	toggling->on = CONFIG_VECTOR | QUEUE_VECTOR << 16 | toggling->off << 32;
	CHECK_OK(vfio_msix(&toggling->vfio, toggling->fds, NIC_VECTORS));
	vfio_put(&toggling->vfio, VFIO_BAR0, LEGACY_CONFIG_VECTOR, 2, CONFIG_VECTOR);
	vfio_put(&toggling->vfio, VFIO_BAR0, LEGACY_QUEUE_VECTOR, 2, QUEUE_VECTOR);
	check_layout(toggling, true);
	check_layout(toggling, false);
}

/* The card may have switched between the driver's look and its command: then it refuses that. */
static bool is_vector(uint16_t value, uint16_t vector)
{
	return value == vector || value == 0xffff;
}

/* B-P20: interrupts come and go on one thread while another reads where they move the layout. */
TEST(vfio_layout_follows_msix, .modules = HANDOUT_MODULES, .limit_s = 120)
{
	struct toggling toggling = { .ended = false };
	unsigned int off = 0, on = 0, refused = 0;
	struct handout handout;
	pthread_t thread;

	handout_open(&handout, PF_OURS, 1);
	CHECK_OK(vfio_open(&toggling.vfio, handout.vfs[0]));
	vfio_command(&toggling.vfio, 7);
	choose_vectors(&toggling);
	CHECK(!pthread_create(&thread, NULL, toggle_msix, &toggling), "no thread");
	while (!toggling.ended) {
		uint32_t value = vfio_get(&toggling.vfio, VFIO_BAR0, LEGACY_CONFIG, 4);

		if (value == (uint32_t)toggling.off)
			off++;
		else if (value == (uint32_t)toggling.on)
			on++;
		else if (is_vector(value, CONFIG_VECTOR) && is_vector(value >> 16, QUEUE_VECTOR))
			refused++;
		else
			CHECK(false, "0x14 reads 0x%08x meanwhile", value);
	}
	pthread_join(thread, NULL);
	test_log("read %u times with MSI-X off, %u times on, refused %u times", off, on, refused);
	CHECK(off && on, "only one layout was met: %u times off, %u times on", off, on);
	for (unsigned int i = 0; i < NIC_VECTORS; i++)
		close(toggling.fds[i]);
	vfio_close(&toggling.vfio);
	handout_close(&handout);
}

/* B-P20: who changes the interrupt mode is waited for, not overtaken half-way. */
TEST(vfio_layout_waits_for_its_change, .modules = HANDOUT_MODULES, .at_hand = "vfvirt_igate")
{
	uint32_t before, value;
	char parameters[64];
	struct handout handout;
	struct vfio vfio;
	int status;
	pid_t pid;

	handout_open(&handout, PF_OURS, 1);
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	vfio_command(&vfio, 7);
	before = vfio_get(&vfio, VFIO_BAR0, LEGACY_CONFIG, 4);
	snprintf(parameters, sizeof(parameters), "vf=%s hold_ms=2000", handout.vfs[0]);
	pid = fork();
	if (!pid)
		_exit(module_load("vfvirt_igate", parameters) == -ECANCELED ? 0 : 1);
	WAIT_FOR(10000, file_number(IGATE_HELD) == 1, "a change of the interrupt mode");
	value = vfio_get(&vfio, VFIO_BAR0, LEGACY_CONFIG, 4);
	CHECK(value == before, "0x14 reads 0x%08x after the wait, 0x%08x before", value, before);
	CHECK(file_number(IGATE_HELD) != 1, "0x14 was read while the interrupt mode changed");
	CHECK(waitpid(pid, &status, 0) == pid && !status, "the change failed");
	vfio_close(&vfio);
	handout_close(&handout);
}
