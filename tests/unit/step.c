/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of running plans, on the made-up card: every write may fail, and nothing else is undone. */
#include "step.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "fake.h"
#include "intent.h"
#include "netlink.h"
#include "publish.h"
#include "unit.h"
#include "vfvirt.h"

#define PF	"0000:3b:00.0"
#define VF0	"0000:3b:00.1"
#define VF1	"0000:3b:00.2"
#define VF2	"0000:3b:00.3"
#define VARIANT "vfvirt_vfio_pci"
#define UUID	"c7a5fdbd-edaf-9455-926a-d65c16db1809"

static const struct vfv_host *host;

static void start(void)
{
	host = fake_start(1, 8);
}

static struct vfv_goal goal_of(enum vfv_goal_kind kind, unsigned int vfs)
{
	static struct vfv_intent intent;

	intent = (struct vfv_intent){
		.vfs = vfs, .transport = VFV_TRANSPORT_VFVIRT, .driver = (char *)VARIANT};
	return (struct vfv_goal){.kind = kind, .intent = &intent};
}

/* What came of the last run. */
static struct vfv_run_result result;
static struct vfv_error why;

static void plan_for(const struct vfv_goal *goal, struct vfv_plan **ret_plan)
{
	why = VFV_NO_ERROR;
	if (vfv_plan_make(fake_pf(PF), goal, ret_plan, &why))
		fail_msg("refused: %s", why.text);
}

/* Run a plan that was made from the facts of the last fake_pf(). */
static int run_plan(const struct vfv_goal *goal, const struct vfv_plan *plan,
		    const struct vfv_pf *pf)
{
	struct vfv_netlink *netlink = NULL;
	int error;

	vfv_netlink_open(host, &netlink, NULL);
	why = VFV_NO_ERROR;
	error = vfv_plan_run(host, netlink, pf, plan, goal, NULL, &result, &why);
	vfv_netlink_close(netlink);
	return error;
}

static int run_goal(struct vfv_goal goal)
{
	struct vfv_plan *plan = NULL;
	struct vfv_pf *pf;
	int error;

	why = VFV_NO_ERROR;
	pf = fake_pf(PF);
	error = vfv_plan_make(pf, &goal, &plan, &why);
	if (error)
		return error;
	error = run_plan(&goal, plan, pf);
	vfv_plan_free(plan);
	return error;
}

static int create(unsigned int vfs)
{
	return run_goal(goal_of(VFV_GOAL_CREATE, vfs));
}

/* Make VFs, or the test has failed. */
static void create_well(unsigned int vfs)
{
	if (create(vfs))
		fail_msg("create: %s", why.text);
}

static bool is_published(const char *vf)
{
	struct vfv_address address = fake_address(vf);

	return vfv_is_published(host, &address);
}

/* The PF is as if nobody had ever touched it. */
static void is_untouched(void)
{
	assert_string_equal(fake_read(PF, "sriov_numvfs"), "0");
	assert_string_equal(fake_read(PF, "sriov_drivers_autoprobe"), "1");
	assert_string_equal(fake_read(PF, "driver_override"), "(null)");
	assert_string_equal(fake_driver(PF), "virtio-pci");
	assert_false(is_published(VF0));
	assert_false(is_published(VF1));
}

static void is_in_place(const char *vf)
{
	assert_string_equal(fake_driver(vf), VARIANT);
	assert_true(is_published(vf));
}

static int seal_of(const char *vf)
{
	struct vfv_address address = fake_address(vf);

	return vfv_model_find_vf(fake_facts(), &address, NULL)->sealed;
}

TEST(step_create_makes_binds_and_publishes)
{
	start();
	create_well(3);
	assert_string_equal(fake_driver(PF), "vfvirt_pf");
	assert_string_equal(fake_read(PF, "sriov_drivers_autoprobe"), "0");
	is_in_place(VF0);
	is_in_place(VF1);
	is_in_place(VF2);
	assert_int_equal(fake_pf(PF)->vfs[2].state, VFV_VF_PUBLISHED);
	assert_int_equal(result.failed_count, 0);
	/* One write for each thing, and none when it is done again. */
	assert_int_equal(fake_count("*sriov_numvfs=*"), 1);
	assert_int_equal(fake_count("*drivers_probe=*"), 4);
	fake_do("clear-log");
	create_well(3);
	assert_int_equal(fake_count("*"), 0);
}

TEST(step_destroy_leaves_nothing_behind)
{
	start();
	create_well(3);
	assert_int_equal(run_goal((struct vfv_goal){.kind = VFV_GOAL_DESTROY}), 0);
	assert_string_equal(fake_read(PF, "sriov_numvfs"), "0");
	assert_string_equal(fake_read(PF, "sriov_drivers_autoprobe"), "1");
	assert_false(is_published(VF0));
	assert_false(is_published(VF2));
}

/* Every write of a create fails once, each errno in turn: all of it is taken back. */
TEST(step_create_takes_back_exactly_its_own_steps)
{
	static const char *const writes[] = {
		"*/" PF "/driver_override", "*/driver*/unbind=" PF,
		"*drivers_probe=" PF,	    "*/sriov_drivers_autoprobe",
		"*/sriov_numvfs",	    "*/" VF0 "/driver_override",
		"*drivers_probe=" VF0,	    "*/" VF1 "/driver_override",
		"*drivers_probe=" VF1,
	};
	static const char *const errors[] = {"EBUSY", "ENOENT", "EIO", "ERANGE"};

	start();
	for (size_t i = 0; i < sizeof(writes) / sizeof(*writes); i++) {
		for (size_t j = 0; j < sizeof(errors) / sizeof(*errors); j++) {
			/* Being busy passes; that is another test. */
			if (!strcmp(writes[i], "*/sriov_numvfs") && j == 0)
				continue;
			fake_do("fail %s %s", writes[i], errors[j]);
			if (!create(2))
				fail_msg("%s %s was not noticed", writes[i], errors[j]);
			assert_true(result.undone);
			assert_has(why.text, "0000:3b:00.");
			is_untouched();
			fake_do("clear-faults");
		}
	}
}

TEST(step_errors_have_names)
{
	start();
	fake_do("fail */sriov_numvfs ENOENT");
	assert_int_equal(create(2), -ENOENT);
	assert_int_equal(why.code, VFV_ERROR_NO_DRIVER);
	fake_do("fail */sriov_numvfs ERANGE");
	create(2);
	assert_int_equal(why.code, VFV_ERROR_TOO_MANY_VFS);
	fake_do("fail */sriov_numvfs EIO");
	create(2);
	assert_int_equal(why.code, VFV_ERROR_KERNEL_IO);
	assert_has(why.text, PF ": cannot make 2 VFs: Input/output error");
	fake_do("fail */sriov_numvfs EACCES");
	create(2);
	assert_int_equal(why.code, VFV_ERROR_ACCESS);
	fake_do("fail */sriov_numvfs EBUSY 1 0");
	create(2);
	assert_int_equal(why.code, VFV_ERROR_BUSY);
	fake_do("clear-faults");
	fake_do("unload " VARIANT);
	create(2);
	assert_int_equal(why.code, VFV_ERROR_NO_DRIVER);
	assert_has(why.text, "modprobe " VARIANT);
	fake_do("load " VARIANT);
	fake_do("flaw refused " VF1);
	create(2);
	assert_int_equal(why.code, VFV_ERROR_BIND_FAILED);
	assert_has(why.text, VF1);
	fake_do("flaw refused none");
	fake_do("flaw no-vfio " VF0);
	create(2);
	assert_int_equal(why.code, VFV_ERROR_BIND_FAILED);
	fake_do("flaw no-vfio none");
	fake_do("flaw shared " VF0);
	create(2);
	assert_int_equal(why.code, VFV_ERROR_NOT_VIABLE);
	assert_has(why.text, "0000:02:00.0 (e1000e)");
	fake_do("flaw shared none");
	is_untouched();
	create_well(2);
}

TEST(step_busy_pf_is_waited_for)
{
	start();
	fake_do("fail */sriov_numvfs EBUSY 1 3");
	create_well(2);
	assert_int_equal(fake_count("*sriov_numvfs=2?EBUSY"), 3);
}

TEST(step_full_disk_is_told)
{
	start();
	/* A file stands where the folder has to be. */
	mkdir(host->run, 0755);
	VFV_FREE char *path = NULL;

	assert_true(asprintf(&path, "%s/hostdev", host->run) > 0);
	unit_write(path, "");
	create(2);
	assert_int_equal(why.code, VFV_ERROR_STORAGE);
	assert_true(result.undone);
	is_untouched();
}

TEST(step_other_goals_go_on_past_a_failed_vf)
{
	start();
	fake_do("flaw refused " VF1);
	assert_int_equal(run_goal(goal_of(VFV_GOAL_INTENT, 3)), -EIO);
	assert_int_equal(why.code, VFV_ERROR_BIND_FAILED);
	assert_int_equal(result.failed_count, 1);
	assert_false(result.undone);
	is_in_place(VF0);
	is_in_place(VF2);
	assert_false(is_published(VF1));
	assert_int_equal(fake_pf(PF)->vfs[1].state, VFV_VF_FAILED);
	/* And the next run mends it. */
	fake_do("flaw refused none");
	assert_int_equal(run_goal(goal_of(VFV_GOAL_INTENT, 3)), 0);
	is_in_place(VF1);
}

TEST(step_transport_that_fails_is_given_back_and_gone_past)
{
	start();
	fake_do("flaw refused " PF);
	/* Its own driver cannot take it back either, until the flaw is over. */
	assert_true(run_goal(goal_of(VFV_GOAL_INTENT, 2)) < 0);
	fake_do("flaw refused none");
	assert_string_equal(fake_read(PF, "driver_override"), "(null)");
	assert_int_equal(run_goal(goal_of(VFV_GOAL_INTENT, 2)), 0);
	start();
	fake_do("fail *drivers_probe=" PF " EIO");
	assert_true(run_goal(goal_of(VFV_GOAL_INTENT, 2)) < 0);
	assert_string_equal(fake_driver(PF), "virtio-pci");
	is_in_place(VF0);
	is_in_place(VF1);
}

TEST(step_interface_that_came_into_use_keeps_the_transport)
{
	struct vfv_goal goal = goal_of(VFV_GOAL_CREATE, 1);
	struct vfv_plan *plan = NULL;

	start();
	plan_for(&goal, &plan);
	fake_do("set sys/devices/pci0000:3a/0000:3a:00.0/" PF "/virtio0/net/ens0/flags 0x1003\\n");
	fake_do("set proc/net/route ens0 0\\n");
	assert_true(run_plan(&goal, plan, fake_pf(PF)) < 0);
	assert_int_equal(why.code, VFV_ERROR_PENDING_REBOOT);
	assert_string_equal(fake_driver(PF), "virtio-pci");
	vfv_plan_free(plan);
}

TEST(step_open_vf_refuses_and_nothing_has_changed)
{
	start();
	create_well(3);
	fake_do("open " VF1 " 77 qemu");
	assert_true(run_goal((struct vfv_goal){.kind = VFV_GOAL_DESTROY}) < 0);
	assert_int_equal(why.code, VFV_ERROR_IN_USE);
	assert_has(why.text, VF1);
	assert_has(why.text, "qemu (process 77)");
	is_in_place(VF0);
}

/* A VF that is opened between the plan and the run. */
static void opened_meanwhile(struct vfv_goal goal)
{
	struct vfv_plan *plan = NULL;

	plan_for(&goal, &plan);
	fake_do("open " VF1 " 77 qemu");
	fake_do("clear-log");
	assert_true(run_plan(&goal, plan, fake_pf(PF)) < 0);
	assert_int_equal(why.code, VFV_ERROR_IN_USE);
	assert_has(why.text, "qemu (process 77)");
	assert_int_equal(fake_count("*sriov_numvfs=*"), 0);
	is_in_place(VF0);
	is_in_place(VF1);
	assert_int_equal(seal_of(VF0), 0);
	fake_do("close " VF1);
	vfv_plan_free(plan);
}

TEST(step_vf_opened_meanwhile_refuses)
{
	start();
	create_well(3);
	opened_meanwhile((struct vfv_goal){.kind = VFV_GOAL_DESTROY});
	opened_meanwhile(goal_of(VFV_GOAL_CREATE, 5));
	opened_meanwhile(goal_of(VFV_GOAL_INTENT, 5));
}

TEST(step_claim_that_came_meanwhile_refuses)
{
	struct vfv_goal goal = {.kind = VFV_GOAL_DESTROY};
	struct vfv_address vf = fake_address(VF1);
	struct vfv_plan *plan = NULL;

	start();
	create_well(2);
	plan_for(&goal, &plan);
	assert_int_equal(vfv_claim_take(host, &vf, UUID, "web1", &why), 0);
	assert_true(run_plan(&goal, plan, fake_pf(PF)) < 0);
	assert_int_equal(why.code, VFV_ERROR_IN_USE);
	assert_has(why.text, "web1");
	assert_int_equal(seal_of(VF0), 0);
	assert_int_equal(seal_of(VF1), 0);
	is_in_place(VF0);
	vfv_plan_free(plan);
}

TEST(step_vf_that_the_plan_does_not_know_refuses)
{
	struct vfv_goal goal = {.kind = VFV_GOAL_DESTROY};
	struct vfv_plan *plan = NULL;

	start();
	fake_write(PF, "sriov_numvfs", "1");
	plan_for(&goal, &plan);
	fake_write(PF, "sriov_numvfs", "0");
	fake_write(PF, "sriov_drivers_autoprobe", "0");
	fake_write(PF, "sriov_numvfs", "2");
	fake_write(VF1, "driver_override", "vfio-pci");
	fake_write("..", "drivers_probe", VF1);
	fake_do("open " VF1 " 77 qemu");
	assert_true(run_plan(&goal, plan, fake_pf(PF)) < 0);
	assert_int_equal(why.code, VFV_ERROR_IN_USE);
	assert_string_equal(fake_read(PF, "sriov_numvfs"), "2");
	vfv_plan_free(plan);
}

TEST(step_plain_vfio_user_is_found_by_open_files)
{
	struct vfv_goal goal = {.kind = VFV_GOAL_BIND, .driver = "vfio-pci"};
	struct vfv_goal back = {.kind = VFV_GOAL_BIND, .driver = VARIANT};
	struct vfv_plan *plan = NULL;

	start();
	create_well(2);
	assert_int_equal(run_goal(goal), 0);
	assert_string_equal(fake_driver(VF1), "vfio-pci");
	assert_true(is_published(VF1));
	plan_for(&back, &plan);
	fake_do("open " VF1 " 78 qemu");
	assert_true(run_plan(&back, plan, fake_pf(PF)) < 0);
	assert_int_equal(why.code, VFV_ERROR_IN_USE);
	assert_has(why.text, "process 78");
	assert_string_equal(fake_driver(VF1), "vfio-pci");
	/* The other one was free. */
	is_in_place(VF0);
	assert_int_equal(result.failed_count, 1);
	vfv_plan_free(plan);
}

TEST(step_without_modules_open_files_decide)
{
	start();
	create_well(2);
	fake_do("netlink unloaded 1");
	fake_do("open " VF0 " 79 qemu");
	assert_true(run_goal((struct vfv_goal){.kind = VFV_GOAL_DESTROY}) < 0);
	assert_int_equal(why.code, VFV_ERROR_IN_USE);
	fake_do("close " VF0);
	assert_int_equal(run_goal((struct vfv_goal){.kind = VFV_GOAL_DESTROY}), 0);
}

TEST(step_another_number_goes_over_none)
{
	start();
	create_well(2);
	fake_do("clear-log");
	create_well(4);
	assert_int_equal(fake_count("*sriov_numvfs=0?ok"), 1);
	assert_int_equal(fake_count("*sriov_numvfs=4?ok"), 1);
	assert_int_equal(fake_count("*sriov_numvfs=*"), 2);
	is_in_place("0000:3b:00.4");
	assert_int_equal(run_goal(goal_of(VFV_GOAL_INTENT, 1)), 0);
	is_in_place(VF0);
	assert_false(is_published(VF1));
}

TEST(step_create_that_fails_brings_back_what_was)
{
	start();
	create_well(2);
	fake_do("fail *drivers_probe=" VF2 " EIO");
	assert_true(create(4) < 0);
	assert_true(result.undone);
	assert_string_equal(fake_read(PF, "sriov_numvfs"), "2");
	is_in_place(VF0);
	is_in_place(VF1);
	assert_false(is_published(VF2));
	/* The kernel's own default had to be in force in between. */
	fake_write(PF, "sriov_drivers_autoprobe", "1");
	fake_do("fail *drivers_probe=" VF2 " EIO");
	assert_true(create(4) < 0);
	assert_string_equal(fake_read(PF, "sriov_drivers_autoprobe"), "1");
	is_in_place(VF0);
	is_in_place(VF1);
}

TEST(step_undo_that_cannot_be_done_is_told)
{
	start();
	fake_do("fail *drivers_probe=" VF1 " EIO");
	fake_do("fail */sriov_numvfs=0 EIO 1 0");
	assert_true(create(2) < 0);
	assert_false(result.undone);
	/* The first error is what is told. */
	assert_has(why.text, VF1);
	assert_string_equal(fake_read(PF, "sriov_numvfs"), "2");
	assert_string_equal(fake_driver(VF0), "");
	assert_false(is_published(VF0));
}

/* Somebody opens a VF of a create that fails later. */
TEST(step_undo_spares_a_vf_that_was_opened)
{
	pid_t creator;
	int status;

	start();
	fake_do("block *drivers_probe=" VF1);
	fake_do("fail *drivers_probe=" VF1 " EIO");
	creator = fork();
	if (!creator)
		_exit(create(2) && !result.undone ? 0 : 1);
	fake_do("wait-blocked 1");
	fake_do("open " VF0 " 77 qemu");
	fake_do("release");
	assert_int_equal(waitpid(creator, &status, 0), creator);
	assert_int_equal(status, 0);
	assert_string_equal(fake_read(PF, "sriov_numvfs"), "2");
	assert_string_equal(fake_driver(VF0), VARIANT);
	assert_string_equal(fake_driver(PF), "vfvirt_pf");
	assert_int_equal(fake_pf(PF)->vfs[0].state, VFV_VF_IN_USE);
}

TEST(step_create_that_fails_brings_back_overrides)
{
	start();
	create_well(2);
	fake_write(VF1, "driver/unbind", VF1);
	fake_do("fail *drivers_probe=" VF2 " EIO");
	assert_true(create(4) < 0);
	assert_true(result.undone);
	is_in_place(VF0);
	assert_string_equal(fake_driver(VF1), "");
	assert_string_equal(fake_read(VF1, "driver_override"), VARIANT);
}

TEST(step_seal_that_a_killed_run_left_is_taken_back)
{
	struct vfv_address vf = fake_address(VF0);
	struct vfv_netlink *netlink = NULL;

	start();
	create_well(1);
	assert_int_equal(vfv_netlink_open(host, &netlink, NULL), 0);
	assert_int_equal(vfv_netlink_seal(netlink, &vf, NULL), 0);
	fake_do("netlink fail %d EIO", VFVIRT_CMD_UNSEAL);
	assert_int_equal(run_goal(goal_of(VFV_GOAL_INTENT, 1)), -EIO);
	assert_has(why.text, "unseal");
	fake_do("netlink fail 0 0");
	assert_int_equal(run_goal(goal_of(VFV_GOAL_INTENT, 1)), 0);
	assert_int_equal(seal_of(VF0), 0);
	vfv_netlink_close(netlink);
}

TEST(step_foreign_vf_is_left_alone)
{
	start();
	create_well(2);
	fake_write(VF1, "driver_override", "vfio-pci");
	fake_write(VF1, "driver/unbind", VF1);
	fake_write("..", "drivers_probe", VF1);
	struct vfv_address vf = fake_address(VF1);

	assert_int_equal(vfv_unpublish(host, &vf, NULL), 0);
	fake_do("clear-log");
	assert_int_equal(run_goal(goal_of(VFV_GOAL_INTENT, 2)), 0);
	assert_int_equal(fake_count("*"), 0);
	assert_string_equal(fake_driver(VF1), "vfio-pci");
	assert_int_equal(run_goal((struct vfv_goal){.kind = VFV_GOAL_DESTROY}), -EPERM);
	assert_int_equal(why.code, VFV_ERROR_FOREIGN);
}

TEST(step_interface_that_the_host_uses_is_not_taken)
{
	struct vfv_goal goal = {.kind = VFV_GOAL_BIND, .driver = VARIANT};
	struct vfv_goal destroy = {.kind = VFV_GOAL_DESTROY};
	struct vfv_plan *plan = NULL, *removal = NULL;

	start();
	fake_write(PF, "sriov_numvfs", "1");
	plan_for(&goal, &plan);
	plan_for(&destroy, &removal);
	fake_do("set sys/devices/pci0000:3a/0000:3a:00.0/" VF0 "/virtio1/net/ens1/flags 0x1003\\n");
	fake_do("set proc/net/route ens1 0\\n");
	assert_true(run_plan(&goal, plan, fake_pf(PF)) < 0);
	assert_int_equal(why.code, VFV_ERROR_FOREIGN);
	assert_has(why.text, "ens1");
	assert_true(run_plan(&destroy, removal, fake_pf(PF)) < 0);
	assert_int_equal(why.code, VFV_ERROR_FOREIGN);
	assert_string_equal(fake_driver(VF0), "virtio-pci");
	goal.force = true;
	assert_int_equal(run_plan(&goal, plan, fake_pf(PF)), 0);
	is_in_place(VF0);
	vfv_plan_free(plan);
	vfv_plan_free(removal);
}

TEST(step_unbind_and_bind_again)
{
	static const unsigned int chosen[] = {1};
	struct vfv_goal goal = {.kind = VFV_GOAL_UNBIND, .vf_indexes = chosen, .vf_index_count = 1};

	start();
	create_well(2);
	assert_int_equal(run_goal(goal), 0);
	assert_string_equal(fake_driver(VF1), "");
	assert_string_equal(fake_read(VF1, "driver_override"), "(null)");
	assert_false(is_published(VF1));
	is_in_place(VF0);
	goal.kind = VFV_GOAL_BIND;
	goal.driver = VARIANT;
	assert_int_equal(run_goal(goal), 0);
	is_in_place(VF1);
}

/* The card goes at each write of a create in turn. */
TEST(step_pf_that_vanishes_midway_is_told)
{
	start();
	for (unsigned int i = 1; i <= 9; i++) {
		fake_do("clear-log");
		fake_do("vanish-at * " PF " %u", i);
		assert_true(create(2) < 0);
		if (why.code != VFV_ERROR_GONE)
			fail_msg("write %u: %s", i, why.text);
		assert_has(why.text, "0000:3b:00.");
		fake_do("clear-faults");
		fake_do("appear " PF);
		is_untouched();
	}
}

TEST(step_pf_that_vanishes_while_vfs_go_is_told)
{
	start();
	create_well(2);
	fake_do("vanish-at */sriov_numvfs " PF);
	assert_true(run_goal((struct vfv_goal){.kind = VFV_GOAL_DESTROY}) < 0);
	assert_int_equal(why.code, VFV_ERROR_GONE);
	fake_do("appear " PF);
	create_well(1);
}

TEST(step_vf_of_another_address_is_not_touched)
{
	struct vfv_goal goal = {.kind = VFV_GOAL_UNBIND};
	struct vfv_plan *plan = NULL;

	start();
	create_well(1);
	plan_for(&goal, &plan);
	for (size_t i = 0; i < plan->count; i++)
		plan->steps[i].address.device = 9;
	fake_do("clear-log");
	assert_true(run_plan(&goal, plan, fake_pf(PF)) < 0);
	assert_int_equal(why.code, VFV_ERROR_GONE);
	assert_int_equal(fake_count("*"), 0);
	vfv_plan_free(plan);
}

TEST(step_someone_who_makes_vfs_meanwhile_wins)
{
	struct vfv_plan *plan = NULL;
	struct vfv_goal goal;

	start();
	create_well(0);
	goal = goal_of(VFV_GOAL_CREATE, 2);
	plan_for(&goal, &plan);
	fake_write(PF, "sriov_numvfs", "5");
	assert_true(run_plan(&goal, plan, fake_pf(PF)) < 0);
	assert_int_equal(why.code, VFV_ERROR_BUSY);
	assert_string_equal(fake_read(PF, "sriov_numvfs"), "5");
	vfv_plan_free(plan);
}

/* Steps that were told, and failures. */
static unsigned int told, told_failed;

static void tell(void *context, size_t step_index, const struct vfv_error *error)
{
	if (error)
		told_failed++;
	else
		told++;
}

TEST(step_watcher_sees_steps_and_failures)
{
	struct vfv_run_watcher watcher = {.step = tell};
	struct vfv_goal goal = goal_of(VFV_GOAL_INTENT, 2);
	struct vfv_plan *plan = NULL;
	struct vfv_pf *pf;

	start();
	fake_do("flaw refused " VF0);
	pf = fake_pf(PF);
	assert_int_equal(vfv_plan_make(pf, &goal, &plan, &why), 0);
	assert_true(vfv_plan_run(host, NULL, pf, plan, &goal, &watcher, &result, &why) < 0);
	assert_int_equal(told_failed, 1);
	/* All but the one that would have published the failed VF. */
	assert_int_equal(told, plan->count - 1);
	assert_int_equal(result.done_count, plan->count - 2);
	vfv_plan_free(plan);
}

/* As a worker of another PF does, with a driver's file that all PFs share. */
TEST(step_pf_that_hangs_holds_up_no_other)
{
	pid_t other;

	host = fake_start(2, 8);
	fake_do("block */virtio-pci/unbind=0000:4b:00.0");
	other = fork();
	if (!other) {
		fake_write("..", "drivers/virtio-pci/unbind", "0000:4b:00.0");
		_exit(0);
	}
	fake_do("wait-blocked 1");
	create_well(2);
	is_in_place(VF1);
	fake_do("release");
	assert_int_equal(waitpid(other, NULL, 0), other);
	assert_string_equal(fake_driver("0000:4b:00.0"), "");
}

TEST(step_64_vfs_are_made_and_removed)
{
	struct vfv_pf *pf;

	host = fake_start(1, 64);
	create_well(64);
	pf = fake_pf(PF);
	assert_int_equal(pf->vf_count, 64);
	for (size_t i = 0; i < 64; i++)
		assert_int_equal(pf->vfs[i].state, VFV_VF_PUBLISHED);
	assert_int_equal(run_goal((struct vfv_goal){.kind = VFV_GOAL_DESTROY}), 0);
}
