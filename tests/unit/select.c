/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of what a name means. */
#include "select.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#define BOTH (VFV_SELECT_PF | VFV_SELECT_VF)
#define ALL (BOTH | VFV_SELECT_GLOB)

static struct vfv_pf *add_pf(struct vfv_model *model, const char *address, const char *name,
			     const char *netdev)
{
	struct vfv_address parsed;
	struct vfv_pf *pf;

	assert_true(vfv_address_parse(address, &parsed));
	pf = vfv_model_add_pf(model, &parsed);
	assert_non_null(pf);
	pf->name = name ? strdup(name) : NULL;
	pf->netdev = netdev ? strdup(netdev) : NULL;
	return pf;
}

static struct vfv_vf *add_vf(struct vfv_pf *pf, unsigned int vf_index, const char *address)
{
	struct vfv_address parsed;

	assert_true(vfv_address_parse(address, &parsed));
	return vfv_pf_add_vf(pf, vf_index, &parsed);
}

/* dpu0 with two VFs, dpu1 with none, one without a name with one, one in another domain. */
static struct vfv_model *example(void)
{
	struct vfv_model *model = vfv_model_new();
	struct vfv_pf *pf = add_pf(model, "3b:00.0", "dpu0", "ens1f0");

	add_vf(pf, 0, "3b:00.2");
	add_vf(pf, 1, "3b:00.3")->netdev = strdup("ens1f0v1");
	add_pf(model, "3b:00.1", "dpu1", "ens1f1");
	pf = add_pf(model, "5e:00.0", NULL, NULL);
	add_vf(pf, 0, "5e:00.1");
	add_pf(model, "10000:3b:00.0", "far", NULL);
	return model;
}

/* A name means one object: this PF address, and VF index or -1. */
static void means(const char *name, unsigned int flags, const char *pf, int vf_index)
{
	struct vfv_model *model = example();
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_chosen *chosen = NULL;
	char address[VFV_ADDRESS_BYTES];
	size_t count = 0;

	if (vfv_select(model, name, flags, &chosen, &count, &error) != 0)
		fail_msg("%s: %s", name, error.text);
	assert_int_equal(count, 1);
	assert_string_equal(vfv_address_format(&chosen->pf->address, address), pf);
	assert_int_equal(chosen->vf ? (int)chosen->vf->vf_index : -1, vf_index);
	free(chosen);
	vfv_model_free(model);
}

/* A glob means so many objects, the first and last at these addresses. */
static void means_many(const char *name, unsigned int flags, size_t expected, const char *first,
		       const char *last)
{
	struct vfv_model *model = example();
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_chosen *chosen = NULL;
	char address[VFV_ADDRESS_BYTES];
	size_t count = 0;

	if (vfv_select(model, name, flags, &chosen, &count, &error) != 0)
		fail_msg("%s: %s", name, error.text);
	assert_int_equal(count, expected);
	assert_string_equal(vfv_address_format(chosen[0].vf ? &chosen[0].vf->address :
							      &chosen[0].pf->address, address),
			    first);
	assert_string_equal(vfv_address_format(chosen[count - 1].vf ?
						       &chosen[count - 1].vf->address :
						       &chosen[count - 1].pf->address, address),
			    last);
	free(chosen);
	vfv_model_free(model);
}

static void fails_in(struct vfv_model *model, const char *name, unsigned int flags,
		     enum vfv_error_code code, const char *words)
{
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_chosen *chosen = NULL;
	size_t count = 77;

	assert_true(vfv_select(model, name, flags, &chosen, &count, &error) < 0);
	assert_int_equal(error.code, code);
	assert_has(error.text, words);
	assert_null(chosen);
	assert_int_equal(count, 77);
	vfv_model_free(model);
}

static void fails(const char *name, unsigned int flags, enum vfv_error_code code,
		  const char *words)
{
	fails_in(example(), name, flags, code, words);
}

TEST(select_finds_pfs_by_address_name_and_interface)
{
	means("0000:3b:00.0", BOTH, "0000:3b:00.0", -1);
	means("3b:00.0", BOTH, "0000:3b:00.0", -1);
	means("10000:3b:00.0", BOTH, "10000:3b:00.0", -1);
	means("dpu1", BOTH, "0000:3b:00.1", -1);
	means("ens1f0", BOTH, "0000:3b:00.0", -1);
	means("5E:00.0", VFV_SELECT_PF, "0000:5e:00.0", -1);
}

TEST(select_finds_vfs_by_address_label_and_interface)
{
	means("0000:3b:00.2", BOTH, "0000:3b:00.0", 0);
	means("3b:00.3", VFV_SELECT_VF, "0000:3b:00.0", 1);
	means("dpu0/1", BOTH, "0000:3b:00.0", 1);
	means("ens1f0v1", BOTH, "0000:3b:00.0", 1);
	means("5e:00.1", BOTH, "0000:5e:00.0", 0);
}

TEST(select_globs_find_many_by_address)
{
	means_many("*", ALL, 7, "0000:3b:00.0", "10000:3b:00.0");
	means_many("dpu*", ALL, 2, "0000:3b:00.0", "0000:3b:00.1");
	means_many("dpu[0]", ALL, 1, "0000:3b:00.0", "0000:3b:00.0");
	means_many("dpu?/*", ALL, 2, "0000:3b:00.2", "0000:3b:00.3");
	means_many("3b:00.*", ALL, 4, "0000:3b:00.0", "0000:3b:00.3");
	means_many("3b:00.*", VFV_SELECT_VF | VFV_SELECT_GLOB, 2, "0000:3b:00.2", "0000:3b:00.3");
	means_many("3b:00.*", VFV_SELECT_PF | VFV_SELECT_GLOB, 2, "0000:3b:00.0", "0000:3b:00.1");
	means_many("*:3b:00.0", ALL, 2, "0000:3b:00.0", "10000:3b:00.0");
	means_many("ens*", ALL, 3, "0000:3b:00.0", "0000:3b:00.3");
}

TEST(select_glob_where_none_is_allowed_is_a_usage_error)
{
	fails("dpu*", BOTH, VFV_ERROR_USAGE, "dpu*: a glob is not allowed here");
	fails("dpu[0]", BOTH, VFV_ERROR_USAGE, "a glob is not allowed here");
	fails("dpu?", BOTH, VFV_ERROR_USAGE, "a glob is not allowed here");
}

TEST(select_of_the_wrong_kind_is_a_usage_error)
{
	fails("3b:00.3", VFV_SELECT_PF, VFV_ERROR_USAGE,
	      "3b:00.3: is VF 1 of dpu0 (0000:3b:00.0): name the PF");
	fails("5e:00.1", VFV_SELECT_PF, VFV_ERROR_USAGE, "is VF 0 of 0000:5e:00.0: name the PF");
	fails("dpu0", VFV_SELECT_VF, VFV_ERROR_USAGE,
	      "dpu0: is a PF: name one of its 2 VFs");
}

TEST(select_says_what_there_is)
{
	fails("dpu9", BOTH, VFV_ERROR_NOT_FOUND,
	      "dpu9: not found: there are dpu0 (0000:3b:00.0), dpu1 (0000:3b:00.1), 0000:5e:00.0, "
	      "far (10000:3b:00.0)");
	fails("0000:77:00.0", BOTH, VFV_ERROR_NOT_FOUND, "0000:77:00.0: not found: there are");
	fails("dpu0/2", BOTH, VFV_ERROR_NOT_FOUND,
	      "dpu0/2: not found: dpu0 (0000:3b:00.0) has VFs 0 to 1");
	fails("dpu1/0", BOTH, VFV_ERROR_NOT_FOUND, "dpu1 (0000:3b:00.1) has no VFs");
	fails("dpu/0", BOTH, VFV_ERROR_NOT_FOUND, "dpu/0: not found: there are");
	fails("x*", ALL, VFV_ERROR_NOT_FOUND, "x*: not found");
	fails("a\x1b\n", BOTH, VFV_ERROR_NOT_FOUND, "a\\x1b\\x0a: not found");
	fails("", BOTH, VFV_ERROR_USAGE, "an empty name");
}

TEST(select_on_a_host_without_pfs_says_so)
{
	struct vfv_model *one = vfv_model_new();

	fails_in(vfv_model_new(), "dpu0", BOTH, VFV_ERROR_NOT_FOUND, "no capable PF");
	add_pf(one, "3b:00.0", NULL, NULL);
	fails_in(one, "dpu0", BOTH, VFV_ERROR_NOT_FOUND, "not found: there is 0000:3b:00.0");
}

TEST(select_lists_only_some_of_many_pfs)
{
	struct vfv_model *model = vfv_model_new();

	for (int bus = 1; bus < 100; bus++) {
		struct vfv_address address = { .bus = bus };

		assert_non_null(vfv_model_add_pf(model, &address));
	}
	fails_in(model, "x", BOTH, VFV_ERROR_NOT_FOUND, "0000:08:00.0 and more");
}

TEST(select_name_that_means_two_things_is_ambiguous)
{
	struct vfv_model *model = example();

	add_pf(model, "77:00.0", "ens1f1", NULL);
	fails_in(model, "ens1f1", BOTH, VFV_ERROR_AMBIGUOUS,
		 "ens1f1: means both dpu1 (0000:3b:00.1) and ens1f1 (0000:77:00.0)");
	model = example();
	add_pf(model, "77:00.0", "ens1f0v1", NULL);
	fails_in(model, "ens1f0v1", BOTH, VFV_ERROR_AMBIGUOUS,
		 "means both dpu0/1 (0000:3b:00.3) and ens1f0v1 (0000:77:00.0)");
}

TEST(select_hostile_glob_ends)
{
	fails("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", ALL,
	      VFV_ERROR_NOT_FOUND, "not found");
	fails("[", ALL, VFV_ERROR_NOT_FOUND, "not found");
}
