/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of plans: pure, from facts made here. */
#include "plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "intent.h"
#include "json.h"
#include "judge.h"
#include "unit.h"

#define VARIANT "vfvirt_vfio_pci"

static struct vfv_model *model;

/* A PF on a transport, without VFs; the one before is freed. */
static struct vfv_pf *new_pf(const char *driver)
{
	struct vfv_address address = {.bus = 0x3b};
	struct vfv_pf *pf;

	vfv_model_free(model);
	model = vfv_model_new();
	pf = vfv_model_add_pf(model, &address);
	pf->driver = driver ? strdup(driver) : NULL;
	pf->transport = vfv_transport_of_driver(driver);
	pf->vfs_max = 16;
	pf->autoprobe = 1;
	return pf;
}

/* Add a VF on a driver, judged for the usual intent. */
static struct vfv_vf *add_vf(struct vfv_pf *pf, const char *driver, bool published)
{
	struct vfv_address address = {.bus = 0x3b, .function = (uint8_t)(pf->vfs_now + 1)};
	struct vfv_vf *vf = vfv_pf_add_vf(pf, pf->vfs_now++, &address);

	vf->driver = driver ? strdup(driver) : NULL;
	vf->driver_override = driver && strcmp(driver, "virtio-pci") ? strdup(driver) : NULL;
	vf->vfio_name = driver && strcmp(driver, "virtio-pci") ? strdup("vfio0") : NULL;
	vf->published = published;
	pf->autoprobe = 0;
	vfv_judge_vf(vf, VARIANT);
	return vf;
}

static void claim(struct vfv_vf *vf)
{
	vf->claim_uuid = strdup("c7a5fdbd-edaf-9455-926a-d65c16db1809");
	vf->domain = strdup("web1");
	vfv_judge_vf(vf, VARIANT);
}

/* The plan as one text, "num-vfs 4, override[0] vfvirt_vfio_pci"; good until the next call. */
static const char *text_of(const struct vfv_plan *plan)
{
	static char text[65536];
	size_t length = 0;

	text[0] = '\0';
	for (size_t i = 0; i < plan->count; i++) {
		const struct vfv_step *step = &plan->steps[i];
		char index[16] = "", number[16] = "";

		if (step->vf_index != VFV_STEP_PF)
			snprintf(index, sizeof(index), "[%d]", step->vf_index);
		if (step->kind == VFV_STEP_NUM_VFS || step->kind == VFV_STEP_AUTOPROBE)
			snprintf(number, sizeof(number), " %u", step->number);
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s%s%s%s%s",
					   i ? ", " : "", vfv_step_name(step->kind), index, number,
					   step->text ? " " : "", step->text ? step->text : "");
	}
	return text;
}

static struct vfv_goal intent_goal(enum vfv_goal_kind kind, unsigned int vfs)
{
	static struct vfv_intent intent;

	intent = (struct vfv_intent){
		.vfs = vfs, .transport = VFV_TRANSPORT_AUTO, .driver = (char *)VARIANT};
	return (struct vfv_goal){.kind = kind, .intent = &intent};
}

/* The goal gives this plan. */
static void gives(const struct vfv_pf *pf, struct vfv_goal goal, const char *text)
{
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_plan *plan = NULL;

	if (vfv_plan_make(pf, &goal, &plan, &error))
		fail_msg("refused: %s", error.text);
	assert_string_equal(text_of(plan), text);
	vfv_plan_free(plan);
}

/* The goal gives this plan and leaves things alone, for a reason with these words. */
static void leaves(const struct vfv_pf *pf, struct vfv_goal goal, const char *text,
		   const char *words)
{
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_plan *plan = NULL;

	if (vfv_plan_make(pf, &goal, &plan, &error))
		fail_msg("refused: %s", error.text);
	assert_string_equal(text_of(plan), text);
	assert_has(plan->notice, words);
	vfv_plan_free(plan);
}

static void is_refused(const struct vfv_pf *pf, struct vfv_goal goal, enum vfv_error_code code,
		       const char *words)
{
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_plan *plan = NULL;

	assert_true(vfv_plan_make(pf, &goal, &plan, &error) < 0);
	assert_null(plan);
	assert_int_equal(error.code, code);
	assert_has(error.text, words);
}

#define TAKE(N)                                                                                    \
	"override[" N "] " VARIANT ", probe[" N "], verify[" N "] " VARIANT ", publish[" N "]"

TEST(plan_from_nothing_makes_binds_and_publishes)
{
	gives(new_pf("vfvirt_pf"), intent_goal(VFV_GOAL_CREATE, 2),
	      "autoprobe 0, num-vfs 2, " TAKE("0") ", " TAKE("1"));
}

TEST(plan_transport_comes_first)
{
	gives(new_pf("virtio-pci"), intent_goal(VFV_GOAL_INTENT, 1),
	      "transport vfvirt_pf, autoprobe 0, num-vfs 1, " TAKE("0"));
	gives(new_pf(NULL), intent_goal(VFV_GOAL_INTENT, 0), "transport vfvirt_pf");
}

TEST(plan_transport_intree_goes_back)
{
	struct vfv_goal goal = intent_goal(VFV_GOAL_INTENT, 0);
	struct vfv_intent intent = *goal.intent;

	intent.transport = VFV_TRANSPORT_INTREE;
	goal.intent = &intent;
	gives(new_pf("vfvirt_pf"), goal, "transport virtio-pci");
	gives(new_pf("virtio-pci"), goal, "");
}

TEST(plan_used_interface_waits_for_the_next_boot)
{
	struct vfv_goal goal = intent_goal(VFV_GOAL_INTENT, 1);
	struct vfv_pf *pf = new_pf("virtio-pci");
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_plan *plan = NULL;

	pf->netdev = strdup("ens1");
	pf->netdev_in_use = true;
	assert_int_equal(vfv_plan_make(pf, &goal, &plan, &error), 0);
	assert_true(plan->pending_reboot);
	assert_has(plan->notice, "next boot");
	assert_has(plan->notice, "ens1");
	assert_string_equal(text_of(plan), "autoprobe 0, num-vfs 1, " TAKE("0"));
	vfv_plan_free(plan);
}

TEST(plan_used_vf_keeps_the_transport)
{
	struct vfv_goal goal = intent_goal(VFV_GOAL_INTENT, 1);
	struct vfv_pf *pf = new_pf("virtio-pci");
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_plan *plan = NULL;

	claim(add_vf(pf, VARIANT, true));
	assert_int_equal(vfv_plan_make(pf, &goal, &plan, &error), 0);
	assert_true(plan->pending_reboot);
	assert_has(plan->notice, "web1");
	assert_int_equal(plan->count, 0);
	vfv_plan_free(plan);
}

TEST(plan_pf_of_somebody_else_is_refused)
{
	is_refused(new_pf("vfio-pci"), intent_goal(VFV_GOAL_INTENT, 1), VFV_ERROR_FOREIGN,
		   "vfio-pci");
}

TEST(plan_is_empty_when_all_matches)
{
	struct vfv_pf *pf = new_pf("vfvirt_pf");

	add_vf(pf, VARIANT, true);
	claim(add_vf(pf, VARIANT, true));
	gives(pf, intent_goal(VFV_GOAL_INTENT, 2), "");
	gives(pf, intent_goal(VFV_GOAL_CREATE, 2), "");
	gives(new_pf("vfvirt_pf"), intent_goal(VFV_GOAL_INTENT, 0), "");
}

TEST(plan_adopts_what_is_bound)
{
	struct vfv_pf *pf = new_pf("vfvirt_pf");

	claim(add_vf(pf, VARIANT, false));
	add_vf(pf, NULL, false);
	gives(pf, intent_goal(VFV_GOAL_INTENT, 2), "publish[0], " TAKE("1"));
}

TEST(plan_opens_what_a_killed_run_left_sealed)
{
	struct vfv_pf *pf = new_pf("vfvirt_pf");

	add_vf(pf, VARIANT, true)->sealed = 1;
	gives(pf, intent_goal(VFV_GOAL_INTENT, 1), "unseal[0]");
}

TEST(plan_opens_what_was_left_sealed_without_an_intent)
{
	struct vfv_pf *pf = new_pf("vfvirt_pf");
	struct vfv_vf *used;

	add_vf(pf, VARIANT, false)->sealed = 1;
	add_vf(pf, VARIANT, false)->sealed = 0;
	used = add_vf(pf, VARIANT, false);
	used->sealed = 1;
	claim(used);
	gives(pf, (struct vfv_goal){.kind = VFV_GOAL_UNSEAL}, "unseal[0]");
}

TEST(plan_another_number_goes_over_none)
{
	struct vfv_pf *pf = new_pf("vfvirt_pf");

	add_vf(pf, VARIANT, true);
	add_vf(pf, VARIANT, false);
	gives(pf, intent_goal(VFV_GOAL_INTENT, 1),
	      "seal[0], seal[1], unpublish[0], num-vfs 0, num-vfs 1, " TAKE("0"));
	gives(pf, intent_goal(VFV_GOAL_INTENT, 0),
	      "seal[0], seal[1], unpublish[0], num-vfs 0, autoprobe 1");
}

TEST(plan_another_number_is_refused_while_one_is_used)
{
	struct vfv_pf *pf = new_pf("vfvirt_pf");

	add_vf(pf, VARIANT, true);
	claim(add_vf(pf, VARIANT, true));
	is_refused(pf, intent_goal(VFV_GOAL_CREATE, 4), VFV_ERROR_IN_USE,
		   "0000:3b:00.2: cannot change the number of VFs: is in use by the domain web1");
	leaves(pf, intent_goal(VFV_GOAL_INTENT, 4), "", "keeps its 2 VFs");
	is_refused(pf, (struct vfv_goal){.kind = VFV_GOAL_DESTROY}, VFV_ERROR_IN_USE, "web1");
	/* Not even by force. */
	is_refused(pf, (struct vfv_goal){.kind = VFV_GOAL_DESTROY, .force = true}, VFV_ERROR_IN_USE,
		   "web1");
}

TEST(plan_too_many_are_refused)
{
	is_refused(new_pf("vfvirt_pf"), intent_goal(VFV_GOAL_CREATE, 17), VFV_ERROR_TOO_MANY_VFS,
		   "0000:3b:00.0: cannot enable 17 VFs: the device allows 16 (sriov_totalvfs)");
	struct vfv_pf *pf = new_pf("vfvirt_pf");

	pf->vfs_max = 0;
	is_refused(pf, intent_goal(VFV_GOAL_CREATE, 1), VFV_ERROR_NOT_CAPABLE, "SR-IOV");
}

TEST(plan_foreign_vf_is_left_alone)
{
	struct vfv_pf *pf = new_pf("vfvirt_pf");
	struct vfv_goal create = intent_goal(VFV_GOAL_CREATE, 2);

	add_vf(pf, "vfio-pci", false);
	add_vf(pf, VARIANT, true);
	leaves(pf, intent_goal(VFV_GOAL_INTENT, 2), "",
	       "0000:3b:00.1: somebody else bound it to vfio-pci");
	is_refused(pf, create, VFV_ERROR_FOREIGN, "vfio-pci");
	is_refused(pf, (struct vfv_goal){.kind = VFV_GOAL_DESTROY}, VFV_ERROR_FOREIGN, "--force");
	create.force = true;
	gives(pf, create,
	      "seal[0], override[0] " VARIANT ", unbind[0] vfio-pci, probe[0], verify[0] " VARIANT
	      ", publish[0]");
}

TEST(plan_vf_that_nobody_chose_is_taken)
{
	struct vfv_pf *pf = new_pf("vfvirt_pf");

	add_vf(pf, "virtio-pci", false);
	gives(pf, intent_goal(VFV_GOAL_INTENT, 1),
	      "override[0] " VARIANT ", unbind[0] virtio-pci, probe[0], verify[0] " VARIANT
	      ", publish[0]");
}

TEST(plan_lost_binding_of_a_published_vf_is_repaired)
{
	struct vfv_pf *pf = new_pf("vfvirt_pf");

	add_vf(pf, "vfio-pci", true);
	gives(pf, intent_goal(VFV_GOAL_INTENT, 1),
	      "seal[0], unpublish[0], override[0] " VARIANT
	      ", unbind[0] vfio-pci, probe[0], verify[0] " VARIANT ", publish[0]");
}

TEST(plan_used_vf_on_another_driver_is_left_alone)
{
	struct vfv_pf *pf = new_pf("vfvirt_pf");

	claim(add_vf(pf, "vfio-pci", true));
	leaves(pf, intent_goal(VFV_GOAL_INTENT, 1), "", "in use by the domain web1");
}

TEST(plan_failed_vf_is_tried_again)
{
	struct vfv_pf *pf = new_pf("vfvirt_pf");
	struct vfv_vf *vf = add_vf(pf, NULL, false);

	vf->driver_override = strdup(VARIANT);
	vfv_judge_vf(vf, VARIANT);
	assert_int_equal(vf->state, VFV_VF_FAILED);
	gives(pf, intent_goal(VFV_GOAL_INTENT, 1), "probe[0], verify[0] " VARIANT ", publish[0]");
	vf = add_vf(pf, VARIANT, true);
	vf->group_obstacle = strdup("0000:02:00.0 (e1000e)");
	vfv_judge_vf(vf, VARIANT);
	gives(pf, intent_goal(VFV_GOAL_INTENT, 2),
	      "probe[0], verify[0] " VARIANT ", publish[0], verify[1] " VARIANT);
}

TEST(plan_destroy_of_nothing_is_empty)
{
	gives(new_pf("vfvirt_pf"), (struct vfv_goal){.kind = VFV_GOAL_DESTROY}, "");
}

TEST(plan_destroy_needs_no_seal_where_nothing_can_be_open)
{
	struct vfv_pf *pf = new_pf("vfvirt_pf");

	add_vf(pf, NULL, false);
	add_vf(pf, "virtio-pci", false);
	gives(pf, (struct vfv_goal){.kind = VFV_GOAL_DESTROY}, "num-vfs 0, autoprobe 1");
}

TEST(plan_bind_is_for_the_chosen_only)
{
	static const unsigned int chosen[] = {1}, none[] = {7};
	struct vfv_goal goal = {.kind = VFV_GOAL_BIND,
				.driver = "vfio-pci",
				.vf_indexes = chosen,
				.vf_index_count = 1};
	struct vfv_pf *pf = new_pf("vfvirt_pf");

	add_vf(pf, VARIANT, true);
	add_vf(pf, VARIANT, true);
	gives(pf, goal,
	      "seal[1], unpublish[1], override[1] vfio-pci, unbind[1] " VARIANT
	      ", probe[1], verify[1] vfio-pci, publish[1]");
	goal.vf_indexes = none;
	is_refused(pf, goal, VFV_ERROR_NOT_FOUND, "has no VF 7");
}

TEST(plan_bind_to_virtio_publishes_nothing)
{
	struct vfv_goal goal = {.kind = VFV_GOAL_BIND, .driver = "virtio-pci"};
	struct vfv_pf *pf = new_pf("vfvirt_pf");

	add_vf(pf, VARIANT, true);
	gives(pf, goal,
	      "seal[0], unpublish[0], override[0] virtio-pci, unbind[0] " VARIANT
	      ", probe[0], verify[0] virtio-pci");
}

TEST(plan_unbind_clears_the_override)
{
	struct vfv_goal goal = {.kind = VFV_GOAL_UNBIND};
	struct vfv_pf *pf = new_pf("vfvirt_pf");

	add_vf(pf, VARIANT, true);
	add_vf(pf, NULL, false);
	gives(pf, goal, "seal[0], unpublish[0], unbind[0] " VARIANT ", override[0] ");
	claim(&pf->vfs[0]);
	is_refused(pf, goal, VFV_ERROR_IN_USE, "0000:3b:00.1: cannot unbind it");
}

TEST(plan_json_has_words_for_each_step)
{
	struct vfv_goal goal = intent_goal(VFV_GOAL_CREATE, 1);
	struct vfv_pf *pf = new_pf("virtio-pci");
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_plan *plan = NULL;
	struct json_object *object;
	const char *text;

	assert_int_equal(vfv_plan_make(pf, &goal, &plan, &error), 0);
	object = vfv_plan_to_json(pf, plan);
	text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN);
	assert_has(text, "\"step\":\"transport\",\"address\":\"0000:3b:00.0\","
			 "\"driver\":\"vfvirt_pf\",\"text\":\"0000:3b:00.0: bind the PF to "
			 "vfvirt_pf\"");
	assert_has(text, "\"step\":\"num-vfs\",\"address\":\"0000:3b:00.0\",\"number\":1,"
			 "\"text\":\"0000:3b:00.0: set the number of VFs to 1\"");
	assert_has(text, "\"step\":\"override\",\"address\":null,\"vf_index\":0,"
			 "\"driver\":\"" VARIANT "\",\"text\":\"VF 0 of 0000:3b:00.0: set "
			 "driver_override to " VARIANT "\"");
	assert_has(text, "\"pending_reboot\":false,\"notice\":null");
	json_object_put(object);
	vfv_plan_free(plan);
}

TEST(plan_every_step_has_a_name)
{
	for (int i = 0; i < VFV_STEP_KIND_COUNT; i++)
		assert_string_not_equal(vfv_step_name((enum vfv_step_kind)i), "unknown");
	assert_string_equal(vfv_step_name(VFV_STEP_KIND_COUNT), "unknown");
}
