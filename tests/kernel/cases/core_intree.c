// SPDX-License-Identifier: GPL-2.0-or-later
/* The provider "intree" comes and goes with virtio-pci and its class driver. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "file.h"
#include "genl.h"
#include "member.h"
#include "module.h"
#include "test.h"

#define MODULES "virtio_pci virtio_net vfvirt_core vfvirt_test"
#define KERNELS "6.12 7.3"

static void check_state(const char *pf, int state, int reason)
{
	struct genl_message owner = {};
	struct genl_request request;

	genl_request(&request, VFVIRT_CMD_GET_OWNERS);
	CHECK_EQUAL(genl_dump(&request, genl_keep, &owner), 1, "owners");
	CHECK(!strcmp(genl_text(&owner, VFVIRT_A_ADDRESS), pf), "the owner is not %s", pf);
	CHECK(!strcmp(genl_text(&owner, VFVIRT_A_PROVIDER), "intree"), "the provider");
	CHECK_EQUAL(genl_number(&owner, VFVIRT_A_STATE), state, "the state");
	CHECK_EQUAL(genl_number(&owner, VFVIRT_A_REASON), reason, "the reason");
	CHECK(!owner.data[VFVIRT_A_ADMIN_QUEUE_DEPTH], "a queue depth that nobody knows");
}

/* B-P02: no call reaches virtio-pci between the unbind of virtio_net and its return. */
TEST(core_bp02_intree_stops_with_the_class_driver, .modules = MODULES, .kernels = KERNELS)
{
	char pf[BDF_SIZE], data[64];

	pci_pf(0, pf);
	genl_open();
	check_state(pf, VFVIRT_OWNER_READY, -1);
	member_bind(pf, 2);
	CHECK_OK(member_ask(pf, 0, NULL, 0, "common_read 0 4 0"));
	pci_class_driver(pf, "unbind");
	check_state(pf, VFVIRT_OWNER_ABSENT, VFVIRT_REASON_NO_DRIVER);
	CHECK_EQUAL(member_ask(pf, 0, NULL, 0, "common_read 0 4 0"), -ENODEV, "a read");
	CHECK_EQUAL(member_ask(pf, 1, data, sizeof(data), "has_legacy"), 0, "legacy access");
	CHECK_EQUAL(atoi(data), VFVIRT_REASON_NO_DRIVER, "the reason");
	pci_class_driver(pf, "bind");
	check_state(pf, VFVIRT_OWNER_READY, -1);
	CHECK_OK(member_ask(pf, 0, NULL, 0, "common_read 0 4 0"));
	CHECK_EQUAL(member_ask(pf, 0, data, sizeof(data), "events"), 1, "down");
	CHECK(!strcmp(data, "0 1 0"), "degraded, up and reset are %s", data);
	CHECK_OK(pci_set_vfs(pf, 0));
}

/* What the readers of core_intree_survives_unbind_under_load saw, all together. */
struct reads {
	unsigned int good;
	unsigned int refused;
	unsigned int odd;
	int odd_error;
};

static void keep_reading(const char *pf, unsigned int vf_index, uint64_t end_ms, struct reads *seen)
{
	while (now_ms() < end_ms) {
		long error = member_ask(pf, vf_index, NULL, 0, "common_read 18 1 0");

		if (!error) {
			__atomic_add_fetch(&seen->good, 1, __ATOMIC_RELAXED);
		} else if (error == -ENODEV || error == -EBUSY || error == -EIO) {
			__atomic_add_fetch(&seen->refused, 1, __ATOMIC_RELAXED);
		} else {
			seen->odd_error = error;
			__atomic_add_fetch(&seen->odd, 1, __ATOMIC_RELAXED);
		}
	}
}

/* The class driver goes and comes while processes read: each read succeeds or is refused. */
TEST(core_intree_survives_unbind_under_load, .modules = MODULES, .kernels = KERNELS, .limit_s = 60)
{
	char pf[BDF_SIZE];
	unsigned int rounds = 0;
	struct reads *seen;
	uint64_t end_ms;
	pid_t readers[4];

	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(seen != MAP_FAILED, "cannot share memory: %s", strerror(errno));
	pci_pf(0, pf);
	member_bind(pf, 4);
	end_ms = now_ms() + test_limit(8000);
	for (int n = 0; n < 4; n++) {
		readers[n] = fork();
		if (readers[n])
			continue;
		keep_reading(pf, n, end_ms, seen);
		_exit(0);
	}
	while (now_ms() + 500 < end_ms) {
		pci_class_driver(pf, "unbind");
		pause_ms(50);
		pci_class_driver(pf, "bind");
		rounds++;
	}
	for (int n = 0; n < 4; n++)
		CHECK_OK(member_end(readers[n]));
	test_log("%u rounds, %u reads went well, %u were refused", rounds, seen->good, seen->refused);
	CHECK(!seen->odd, "%u reads ended oddly, the last with %d", seen->odd, seen->odd_error);
	CHECK(seen->good && seen->refused, "%u reads went well, %u were refused", seen->good,
	      seen->refused);
	CHECK(rounds >= 3, "only %u rounds", rounds);
	CHECK_OK(pci_set_vfs(pf, 0));
}

TEST(core_intree_comes_and_goes_with_the_pf, .modules = MODULES, .kernels = KERNELS)
{
	struct genl_request request;
	char pf[BDF_SIZE];

	pci_pf(0, pf);
	genl_open();
	check_state(pf, VFVIRT_OWNER_READY, -1);
	CHECK_OK(pci_unbind(pf));
	genl_request(&request, VFVIRT_CMD_GET_OWNERS);
	CHECK_EQUAL(genl_dump(&request, NULL, NULL), 0, "owners without a driver");
	CHECK_OK(pci_bind(pf, "virtio-pci"));
	check_state(pf, VFVIRT_OWNER_READY, -1);
	member_unload_core();
	CHECK_OK(module_load("vfvirt_core", ""));
	genl_open();
	check_state(pf, VFVIRT_OWNER_READY, -1);
}

TEST(core_intree_says_why_there_is_no_queue, .modules = MODULES, .kernels = KERNELS,
     .configs = "no-admin")
{
	char pf[BDF_SIZE];

	pci_pf(0, pf);
	genl_open();
	check_state(pf, VFVIRT_OWNER_ABSENT, VFVIRT_REASON_NO_FEATURE);
}

TEST(core_kernel_6_1_has_no_intree, .modules = MODULES, .kernels = "6.1")
{
	struct genl_request request;

	genl_open();
	genl_request(&request, VFVIRT_CMD_GET_OWNERS);
	CHECK_EQUAL(genl_dump(&request, NULL, NULL), 0, "owners");
}
