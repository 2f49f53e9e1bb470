/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of the facts, on the made-up card: what is found, and what sysfs may not do to us. */
#include "facts.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake.h"
#include "unit.h"

#define PF	 "0000:3b:00.0"
#define VF0	 "0000:3b:00.1"
#define VF1	 "0000:3b:00.2"
#define PF_PATH	 "sys/devices/pci0000:3a/0000:3a:00.0/" PF
#define VF0_PATH "sys/devices/pci0000:3a/0000:3a:00.0/" VF0

/* VFs without drivers. */
static void make_vfs(const char *count)
{
	fake_write(PF, "sriov_drivers_autoprobe", "0");
	fake_write(PF, "sriov_numvfs", count);
}

static void bind_vf(const char *vf, const char *driver)
{
	fake_write(vf, "driver_override", driver);
	fake_write("..", "drivers_probe", vf);
}

TEST(facts_pf_is_described)
{
	struct vfv_pf *pf;

	fake_start(2, 16);
	fake_do("set %s/virtio0/net/ens0/address 52:54:00:aa:bb:cc\\n", PF_PATH);
	pf = fake_pf(PF);
	assert_int_equal(fake_facts()->pf_count, 2);
	pf = fake_pf(PF);
	assert_string_equal(pf->driver, "virtio-pci");
	assert_null(pf->driver_override);
	assert_string_equal(pf->class_driver, "virtio_net");
	assert_string_equal(pf->netdev, "ens0");
	assert_false(pf->netdev_in_use);
	assert_true(pf->has_mac);
	assert_memory_equal(pf->mac, "\x52\x54\x00\xaa\xbb\xcc", 6);
	assert_string_equal(pf->path, "pci0000:3a/0000:3a:00.0/" PF);
	assert_string_equal(pf->serial, "4455667711223300");
	assert_int_equal(pf->numa_node, 0);
	assert_int_equal(pf->vfs_max, 16);
	assert_int_equal(pf->vfs_now, 0);
	assert_int_equal(pf->autoprobe, 1);
	assert_int_equal(pf->transport, VFV_TRANSPORT_INTREE);
	assert_string_equal(pf->owner_state, "ready");
	assert_int_equal(pf->legacy, 1);
	assert_null(pf->name);
	assert_int_equal(pf->vf_count, 0);
}

TEST(facts_other_functions_are_no_pf)
{
	fake_start(1, 16);
	fake_write(PF, "sriov_numvfs", "4");
	/* The VFs have the PF's ids, the other one has SR-IOV only. */
	fake_do("set sys/devices/pci0000:00/0000:00:1c.0/0000:02:00.0/sriov_totalvfs 8\\n");
	assert_int_equal(fake_facts()->pf_count, 1);
	fake_do("set %s/sriov_totalvfs 0\\n", PF_PATH);
	assert_int_equal(fake_facts()->pf_count, 0);
	fake_do("set %s/sriov_totalvfs 16\\n", PF_PATH);
	assert_int_equal(fake_facts()->pf_count, 1);
	fake_do("set %s/device 0x1042\\n", PF_PATH);
	assert_int_equal(fake_facts()->pf_count, 0);
}

TEST(facts_of_one_pf_only)
{
	struct vfv_address pf = fake_address("0000:4b:00.0"), none = fake_address("0000:02:00.0");
	const struct vfv_host *host = fake_start(3, 4);
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_model *model;

	assert_int_equal(vfv_facts_read(host, NULL, &pf, 0, &model, &error), 0);
	assert_int_equal(model->pf_count, 1);
	assert_int_equal(vfv_address_compare(&model->pfs[0].address, &pf), 0);
	vfv_model_free(model);
	assert_int_equal(vfv_facts_read(host, NULL, &none, 0, &model, &error), -ENOENT);
	assert_int_equal(error.code, VFV_ERROR_NOT_FOUND);
	assert_has(error.text, "0000:02:00.0");
}

TEST(facts_vf_goes_through_its_states)
{
	struct vfv_vf *vf;

	fake_start(1, 16);
	make_vfs("2");
	vf = &fake_pf(PF)->vfs[0];
	assert_int_equal(vf->state, VFV_VF_CREATED);
	assert_null(vf->driver);
	bind_vf(VF0, "vfvirt_vfio_pci");
	vf = &fake_pf(PF)->vfs[0];
	assert_int_equal(vf->state, VFV_VF_BOUND);
	assert_string_equal(vf->driver, "vfvirt_vfio_pci");
	assert_string_equal(vf->driver_override, "vfvirt_vfio_pci");
	assert_non_null(vf->vfio_name);
	assert_int_equal(vf->open_count, 0);
	assert_int_equal(vf->sealed, 0);
	assert_int_equal(vf->legacy, 1);
	assert_true(vf->iommu_group > 0);
	assert_null(vf->group_obstacle);
	fake_do("open %s 77 qemu", VF0);
	vf = &fake_pf(PF)->vfs[0];
	assert_int_equal(vf->state, VFV_VF_IN_USE);
	assert_int_equal(vf->open_count, 1);
	assert_int_equal(vf->user_count, 1);
	assert_int_equal(vf->users[0].pid, 77);
	assert_string_equal(vf->users[0].command, "qemu");
	assert_string_equal(vf->notify_path, "member-bar");
	assert_int_equal(fake_pf(PF)->vfs[1].user_count, 0);
}

TEST(facts_claim_makes_a_vf_used)
{
	const struct vfv_host *host = fake_start(1, 4);
	char path[4096];
	struct vfv_vf *vf;

	make_vfs("1");
	mkdir(host->run, 0755);
	snprintf(path, sizeof(path), "%s/claims", host->run);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/claims/" VF0, host->run);
	unit_write(path, "c7a5fdbd-edaf-9455-926a-d65c16db1809 web 1\n");
	vf = &fake_pf(PF)->vfs[0];
	assert_int_equal(vf->state, VFV_VF_IN_USE);
	assert_string_equal(vf->claim_uuid, "c7a5fdbd-edaf-9455-926a-d65c16db1809");
	assert_string_equal(vf->domain, "web 1");
	unit_write(path, "garbage");
	vf = &fake_pf(PF)->vfs[0];
	assert_int_equal(vf->state, VFV_VF_IN_USE);
	assert_null(vf->domain);
}

TEST(facts_vf_that_no_driver_took_has_failed)
{
	struct vfv_vf *vf;

	fake_start(1, 16);
	make_vfs("2");
	fake_do("flaw refused %s", VF0);
	bind_vf(VF0, "vfvirt_vfio_pci");
	vf = &fake_pf(PF)->vfs[0];
	assert_int_equal(vf->state, VFV_VF_FAILED);
	assert_has(vf->reason, "vfvirt_vfio_pci did not take it");
	fake_do("flaw no-vfio %s", VF1);
	bind_vf(VF1, "vfvirt_vfio_pci");
	vf = &fake_pf(PF)->vfs[1];
	assert_int_equal(vf->state, VFV_VF_FAILED);
	assert_has(vf->reason, "no VFIO device");
}

TEST(facts_shared_group_names_its_other_member)
{
	struct vfv_vf *vf;

	fake_start(1, 4);
	fake_do("flaw shared %s", VF0);
	make_vfs("1");
	bind_vf(VF0, "vfvirt_vfio_pci");
	vf = &fake_pf(PF)->vfs[0];
	assert_string_equal(vf->group_obstacle, "0000:02:00.0 (e1000e)");
	assert_int_equal(vf->state, VFV_VF_FAILED);
	assert_has(vf->reason, "0000:02:00.0 (e1000e)");
}

TEST(facts_vf_of_somebody_else_is_foreign)
{
	struct vfv_vf *vf;

	fake_start(1, 4);
	fake_write(PF, "sriov_numvfs", "2");
	/* virtio-pci took it since nobody said otherwise: that was nobody's choice. */
	vf = &fake_pf(PF)->vfs[0];
	assert_int_equal(vf->state, VFV_VF_CREATED);
	assert_string_equal(vf->driver, "virtio-pci");
	assert_non_null(vf->netdev);
	fake_write(VF1, "driver/unbind", VF1);
	bind_vf(VF1, "vfio-pci");
	vf = &fake_pf(PF)->vfs[1];
	assert_int_equal(vf->state, VFV_VF_FOREIGN);
	assert_has(vf->reason, "vfio-pci");
}

TEST(facts_interface_in_use_is_seen)
{
	fake_start(1, 4);
	fake_do("set proc/net/route Iface\\nens0 0000000A 0\\n");
	assert_false(fake_pf(PF)->netdev_in_use);
	fake_do("set %s/virtio0/net/ens0/flags 0x1003\\n", PF_PATH);
	assert_true(fake_pf(PF)->netdev_in_use);
	fake_do("set proc/net/route Iface\\n");
	assert_false(fake_pf(PF)->netdev_in_use);
	fake_do("set proc/net/if_inet6 fe800000000000000000000000000001 02 40 20 80 ens0\\n");
	assert_false(fake_pf(PF)->netdev_in_use);
	fake_do("set proc/net/if_inet6 20010000000000000000000000000001 02 40 00 80 ens0\\n");
	assert_true(fake_pf(PF)->netdev_in_use);
	fake_do("set proc/net/if_inet6 x");
	fake_do("link %s/virtio0/net/ens0/master ../../../../../br0", PF_PATH);
	assert_true(fake_pf(PF)->netdev_in_use);
	fake_do("rm %s/virtio0/net/ens0/master", PF_PATH);
	assert_false(fake_pf(PF)->netdev_in_use);
	fake_do("link %s/virtio0/net/ens0/upper_ens0.7 ../../x", PF_PATH);
	assert_true(fake_pf(PF)->netdev_in_use);
}

TEST(facts_host_uses_the_interface_of_a_vf)
{
	struct vfv_vf *vf;

	fake_start(1, 4);
	fake_write(PF, "sriov_numvfs", "1");
	fake_do("set %s/virtio1/net/ens1/flags 0x1003\\n", VF0_PATH);
	fake_do("set proc/net/route Iface\\nens1 0000000A 0\\n");
	vf = &fake_pf(PF)->vfs[0];
	assert_int_equal(vf->state, VFV_VF_FOREIGN);
	assert_has(vf->reason, "the host uses its interface ens1");
}

TEST(facts_without_modules_say_so)
{
	fake_start(1, 4);
	fake_do("netlink unloaded 1");
	make_vfs("1");
	assert_int_equal(fake_pf(PF)->vfs[0].legacy, VFV_UNKNOWN);
	assert_null(fake_pf(PF)->owner_state);
	assert_false(fake_facts()->kernel_contract_ok);
	assert_has(fake_facts()->kernel_problem, "not loaded");
	fake_do("netlink unloaded 0");
	assert_true(fake_facts()->kernel_contract_ok);
	assert_null(fake_facts()->kernel_problem);
}

/* Nonsense in an attribute of the PF or VF. */
static void nonsense(const char *path, const char *name, const char *text)
{
	fake_do("set %s/%s %s", path, name, text);
}

TEST(facts_hostile_numbers_are_unknown)
{
	static const char *const bad[] = {"99999999999999999999999",
					  "-5",
					  "0x10",
					  "1e3",
					  "",
					  "\\x01",
					  "\\xff\\xff",
					  "1 2",
					  "4294967296"};

	fake_start(1, 16);
	make_vfs("2");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct vfv_pf *pf;

		nonsense(PF_PATH, "sriov_drivers_autoprobe", bad[i]);
		nonsense(PF_PATH, "numa_node", bad[i]);
		nonsense(VF0_PATH, "numa_node", bad[i]);
		pf = fake_pf(PF);
		assert_int_equal(pf->autoprobe, VFV_UNKNOWN);
		assert_int_equal(pf->numa_node, VFV_UNKNOWN);
		assert_int_equal(pf->vfs[0].numa_node, VFV_UNKNOWN);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		nonsense(PF_PATH, "sriov_numvfs", bad[i]);
		assert_int_equal(fake_pf(PF)->vfs_now, 0);
	}
	nonsense(PF_PATH, "sriov_numvfs", "17");
	assert_int_equal(fake_pf(PF)->vfs_now, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		nonsense(PF_PATH, "sriov_totalvfs", bad[i]);
		assert_int_equal(fake_facts()->pf_count, 0);
	}
}

TEST(facts_more_vfs_than_links_are_not_invented)
{
	fake_start(1, 4);
	make_vfs("2");
	nonsense(PF_PATH, "sriov_totalvfs", "65535");
	nonsense(PF_PATH, "sriov_numvfs", "65535");
	assert_int_equal(fake_pf(PF)->vf_count, 2);
}

TEST(facts_hostile_texts_are_not_shown)
{
	struct vfv_pf *pf;

	fake_start(1, 4);
	make_vfs("1");
	nonsense(VF0_PATH, "driver_override", "a\\x1b[2J");
	fake_do("link %s/driver ../../../../bus/pci/drivers/a\x01z", VF0_PATH);
	fake_do("link %s/iommu_group ../../x", VF0_PATH);
	fake_do("link %s/subsystem /", VF0_PATH);
	pf = fake_pf(PF);
	assert_null(pf->vfs[0].driver_override);
	assert_null(pf->vfs[0].driver);
	assert_int_equal(pf->vfs[0].iommu_group, VFV_UNKNOWN);
}

TEST(facts_links_to_nowhere_are_no_vfs)
{
	fake_start(1, 8);
	make_vfs("4");
	fake_do("link %s/virtfn0 ../0000:3b:1f.7", PF_PATH);
	fake_do("link %s/virtfn1 /etc/passwd", PF_PATH);
	fake_do("rm %s/virtfn2", PF_PATH);
	assert_int_equal(fake_pf(PF)->vf_count, 1);
	/* A VF that belongs to somebody else is not one of ours either. */
	fake_do("link sys/devices/pci0000:3a/0000:3a:00.0/0000:3b:00.4/physfn ../0000:99:00.0");
	assert_int_equal(fake_pf(PF)->vf_count, 0);
}

TEST(facts_missing_files_leave_the_rest)
{
	static const char *const names[] = {
		"driver_override",	   "numa_node",	  "config", "driver",
		"sriov_drivers_autoprobe", "iommu_group", "virtio0"};
	struct vfv_pf *pf;

	fake_start(1, 8);
	make_vfs("1");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		fake_do("rm %s/%s", PF_PATH, names[i]);
	fake_do("rm %s/driver_override", VF0_PATH);
	fake_do("rm %s/numa_node", VF0_PATH);
	fake_do("rm %s/iommu_group", VF0_PATH);
	pf = fake_pf(PF);
	assert_null(pf->driver);
	assert_null(pf->serial);
	assert_null(pf->netdev);
	assert_int_equal(pf->transport, VFV_TRANSPORT_NONE);
	assert_int_equal(pf->vf_count, 1);
	assert_int_equal(pf->vfs[0].iommu_group, VFV_UNKNOWN);
}

TEST(facts_serial_number_is_searched_within_bounds)
{
	char config[0x110 * 4 + 1] = "";

	fake_start(1, 4);
	for (unsigned int i = 0; i < 0x100; i++)
		strcat(config, "\\x00");
	/* A capability that is followed by itself; then a serial number that is cut off. */
	fake_do("set %s/config %s\\x01\\x00\\x01\\x10%s", PF_PATH, config,
		"\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00");
	assert_null(fake_pf(PF)->serial);
	fake_do("set %s/config %s\\x03\\x00\\x01\\x00\\x01", PF_PATH, config);
	assert_null(fake_pf(PF)->serial);
	fake_do("set %s/config %s\\x03\\x00\\x01\\x00%s", PF_PATH, config,
		"\\x01\\x02\\x03\\x04\\x05\\x06\\x07\\x08");
	assert_string_equal(fake_pf(PF)->serial, "0807060504030201");
}

TEST(facts_pf_that_goes_while_read_is_left_out)
{
	fake_start(2, 8);
	make_vfs("4");
	fake_do("vanish-at-read */driver_override %s 3", PF);
	assert_int_equal(fake_facts()->pf_count, 1);
	fake_do("appear %s", PF);
	assert_int_equal(fake_facts()->pf_count, 2);
}

TEST(facts_attributes_that_cannot_be_read_are_unknown)
{
	fake_start(1, 8);
	make_vfs("4");
	fake_do("fail-read */driver_override ENODEV 1 0");
	fake_do("fail-read */sriov_drivers_autoprobe EIO 1 0");
	assert_int_equal(fake_pf(PF)->vf_count, 4);
	assert_int_equal(fake_pf(PF)->autoprobe, VFV_UNKNOWN);
}

TEST(facts_240_vfs_are_found_in_order)
{
	struct vfv_pf *pf;

	fake_start(1, 240);
	make_vfs("240");
	pf = fake_pf(PF);
	assert_int_equal(pf->vf_count, 240);
	for (unsigned int i = 0; i < 240; i++)
		assert_int_equal(pf->vfs[i].vf_index, i);
}

/* How many system calls it takes to read all facts, counted by following a child. */
static unsigned int count_calls(const struct vfv_host *host)
{
	struct vfv_model *found = NULL;
	unsigned int stops = 0;
	pid_t child = fork();
	int status;

	if (!child) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(vfv_facts_read(host, NULL, NULL, 0, &found, NULL) ? 1 : 0);
	}
	for (;;) {
		assert_int_equal(waitpid(child, &status, 0), child);
		if (WIFEXITED(status))
			break;
		stops++;
		assert_int_equal(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
	}
	assert_int_equal(WEXITSTATUS(status), 0);
	/* Each call stops twice: as it begins and as it ends. */
	return stops / 2;
}

TEST(facts_cost_at_most_30_system_calls_a_vf)
{
	const struct vfv_host *host = fake_start(1, 64);
	unsigned int without, with;

	without = count_calls(host);
	make_vfs("64");
	for (unsigned int i = 1; i <= 64; i++) {
		char vf[32];

		snprintf(vf, sizeof(vf), "0000:3b:%02x.%u", i / 8, i % 8);
		bind_vf(vf, "vfvirt_vfio_pci");
	}
	with = count_calls(host);
	if (with - without > 64 * 30)
		fail_msg("%u calls for 64 VFs", with - without);
	assert_true(with - without > 64);
}

TEST(facts_macs_come_only_when_asked_for)
{
	const struct vfv_host *host = fake_start(1, 4);
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_model *model;

	make_vfs("2");
	assert_false(fake_pf(PF)->vfs[0].has_mac);
	fake_do("mac-error %s EIO", VF1);
	assert_int_equal(vfv_facts_read(host, NULL, NULL, VFV_FACTS_MAC, &model, &error), 0);
	assert_true(model->pfs[0].vfs[0].has_mac);
	assert_memory_equal(model->pfs[0].vfs[0].mac, "\x52\x54\x00\x00\x00\x00", 6);
	assert_false(model->pfs[0].vfs[1].has_mac);
	vfv_model_free(model);
}

TEST(facts_sysfs_that_is_not_there_is_an_error)
{
	struct vfv_host host = {.sysfs = (char *)"/nowhere",
				.procfs = (char *)"/nowhere",
				.run = (char *)"/nowhere"};
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_model *model = NULL;

	assert_int_equal(vfv_facts_read(&host, NULL, NULL, 0, &model, &error), -ENOENT);
	assert_int_equal(error.code, VFV_ERROR_KERNEL_IO);
	assert_null(model);
}

TEST(facts_100000_functions_are_looked_through)
{
	static struct vfv_host host;
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_model *model = NULL;
	char root[1024], path[4096];

	snprintf(root, sizeof(root), "%s", unit_folder());
	host = (struct vfv_host){.sysfs = root, .procfs = root, .run = root};
	snprintf(path, sizeof(path), "%s/bus", root);
	mkdir(path, 0755);
	strcat(path, "/pci");
	mkdir(path, 0755);
	strcat(path, "/devices");
	mkdir(path, 0755);
	for (unsigned int i = 0; i < 100000; i++) {
		snprintf(path, sizeof(path), "%s/bus/pci/devices/%04x:%02x:%02x.0", root, i >> 13,
			 i >> 5 & 0xff, i & 0x1f);
		assert_int_equal(symlink("/nowhere", path), 0);
	}
	assert_int_equal(vfv_facts_read(&host, NULL, NULL, 0, &model, &error), 0);
	assert_int_equal(model->pf_count, 0);
	vfv_model_free(model);
}
