// SPDX-License-Identifier: GPL-2.0-or-later
/* A PF on vfvirt_pf, its VFs on vfvirt_test, and what the family "vfvirt" says of the owner. */
#include "file.h"
#include "host.h"
#include "owner.h"
#include "test.h"

#define READ_STATUS "common_read 18 1 0"

void owner_open(char *ret_pf, unsigned int vfs)
{
	pci_pf(0, ret_pf);
	CHECK_OK(pci_unbind(ret_pf));
	host_do("reset");
	CHECK_OK(pci_bind(ret_pf, "vfvirt_pf"));
	genl_open();
	if (vfs)
		member_bind(ret_pf, vfs);
}

void owner_close(const char *pf)
{
	char path[PCI_PATH_SIZE];

	host_do("fault-clear pf0 all");
	CHECK_OK(pci_set_vfs(pf, 0));
	CHECK_OK(file_write(pci_path(path, pf, "sriov_drivers_autoprobe"), "1"));
	CHECK_OK(pci_bind(pf, "virtio-pci"));
}

struct wanted {
	const char *pf;
	struct owner owner;
	bool found;
};

static void look(const struct genl_message *message, void *context)
{
	struct wanted *wanted = context;

	if (strcmp(genl_text(message, VFVIRT_A_ADDRESS), wanted->pf))
		return;
	wanted->found = true;
	wanted->owner = (struct owner) {
		.state = genl_number(message, VFVIRT_A_STATE),
		.reason = genl_number(message, VFVIRT_A_REASON),
		.opcodes = genl_number(message, VFVIRT_A_OPCODES),
		.depth = genl_number(message, VFVIRT_A_ADMIN_QUEUE_DEPTH),
		.queues = genl_number(message, VFVIRT_A_ADMIN_QUEUE_NUM),
		.in_flight = genl_number(message, VFVIRT_A_IN_FLIGHT),
		.driver_features = genl_number(message, VFVIRT_A_DRIVER_FEATURES),
	};
}

struct owner owner_look(const char *pf)
{
	struct wanted wanted = { .pf = pf };
	struct genl_request request;

	genl_request(&request, VFVIRT_CMD_GET_OWNERS);
	CHECK_OK(genl_dump(&request, look, &wanted));
	CHECK(wanted.found, "%s is not among the owners", pf);
	return wanted.owner;
}

unsigned int owner_wait_state(const char *pf, int state, unsigned int limit_ms)
{
	uint64_t start_ms = now_ms();

	while (owner_look(pf).state != state) {
		CHECK(now_ms() - start_ms < limit_ms,
		      "%s: state %lld reason %lld after %u ms, not state %d", pf,
		      owner_look(pf).state, owner_look(pf).reason, limit_ms, state);
		pause_ms(5);
	}
	return now_ms() - start_ms;
}

void owner_check_works(const char *pf, unsigned int vf_index)
{
	char data[64];

	CHECK_EQUAL(member_ask(pf, vf_index, data, sizeof(data), READ_STATUS), 0,
		    "a read of the device status");
	CHECK(strlen(data) == 2, "the device status is \"%s\"", data);
}

int owner_timed_read(const char *pf, unsigned int vf_index, unsigned int *ret_ms)
{
	uint64_t start_ms = now_ms();
	int error = member_ask(pf, vf_index, NULL, 0, READ_STATUS);

	*ret_ms = now_ms() - start_ms;
	return error;
}
