/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of the model: order, search, names, and JSON there and back. */
#include "model.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "json.h"
#include "unit.h"

static struct vfv_address at(const char *text)
{
	struct vfv_address address;

	assert_true(vfv_address_parse(text, &address));
	return address;
}

static struct vfv_pf *add_pf(struct vfv_model *model, const char *address)
{
	struct vfv_address parsed = at(address);

	return vfv_model_add_pf(model, &parsed);
}

static struct vfv_vf *add_vf(struct vfv_pf *pf, unsigned int vf_index, const char *address)
{
	struct vfv_address parsed = at(address);

	return vfv_pf_add_vf(pf, vf_index, &parsed);
}

/* A PF with a VF, every field with a value of its own. */
static struct vfv_model *full(void)
{
	struct vfv_model *model = vfv_model_new();
	struct vfv_pf *pf = add_pf(model, "3b:00.0");
	struct vfv_vf *vf;

	model->kernel_problem = strdup("modules are of version 9");
	pf->name = strdup("dpu0");
	pf->intent_path = strdup("/etc/vfvirt/pf.d/dpu0.json");
	pf->path = strdup("pci0000:3a/0000:3b:00.0");
	pf->serial = strdup("00112233445566ff");
	pf->driver = strdup("vfvirt_pf");
	pf->driver_override = strdup("vfvirt_pf ");
	pf->class_driver = strdup("virtio_net");
	pf->netdev = strdup("ens1f0");
	pf->netdev_in_use = true;
	pf->has_mac = true;
	memcpy(pf->mac, "\x52\x54\x00\xf0\x00\x01", VFV_MAC_BYTES);
	pf->numa_node = 1;
	pf->vfs_max = 240;
	pf->vfs_now = 1;
	pf->vfs_intended = UINT_MAX;
	pf->autoprobe = 0;
	pf->transport = VFV_TRANSPORT_INTREE;
	pf->transport_intended = VFV_TRANSPORT_VFVIRT;
	pf->pending_reboot = true;
	pf->legacy = 1;
	pf->legacy_reason = strdup("none");
	pf->owner_state = strdup("ready");
	pf->admin_queue_index = 3;
	pf->admin_queue_num = 1;
	pf->admin_queue_depth = 64;
	pf->in_flight = INT_MAX;
	pf->opcodes = UINT64_MAX;
	pf->failure = strdup("out of luck");
	vf = add_vf(pf, 7, "3b:01.1");
	vf->driver = strdup("vfvirt_vfio_pci");
	vf->driver_override = strdup("x");
	vf->iommu_group = 0;
	vf->group_obstacle = strdup("0000:3b:00.1 (e1000e)");
	vf->numa_node = 0;
	vf->vfio_name = strdup("vfio3");
	vf->netdev = strdup("eth0");
	vf->legacy = 0;
	vf->legacy_reason = strdup("no bit 41");
	vf->has_mac = true;
	memcpy(vf->mac, "\x52\x54\x00\xf0\x00\x02", VFV_MAC_BYTES);
	vf->open_count = 2;
	vf->sealed = 1;
	vf->msix_on = 0;
	vf->notify_path = "owner-bar";
	vf->failure_count = 9;
	vf->published = true;
	vf->claim_uuid = strdup("12345678-1234-1234-1234-123456789012");
	vf->domain = strdup("guest \"1\"\n");
	vf->users = calloc(2, sizeof(vf->users[0]));
	vf->user_count = 2;
	vf->users[0] = (struct vfv_user){ 4711, strdup("qemu") };
	vf->users[1] = (struct vfv_user){ 1, NULL };
	vf->state = VFV_VF_FAILED;
	vf->reason = strdup("see the kernel log");
	return model;
}

/* The JSON of a model as a text in JSON's own memory; *ret_object is to be put. */
static const char *to_text(const struct vfv_model *model, struct json_object **ret_object)
{
	*ret_object = vfv_model_to_json(model);
	assert_non_null(*ret_object);
	return json_object_to_json_string_ext(*ret_object, JSON_C_TO_STRING_PLAIN);
}

static void goes_there_and_back(struct vfv_model *model)
{
	struct json_object *there VFV_JSON = NULL, *back VFV_JSON = NULL;
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_model *again;
	const char *text = to_text(model, &there);

	if (vfv_model_from_json(there, &again, &error) != 0)
		fail_msg("%s", error.text);
	assert_string_equal(to_text(again, &back), text);
	vfv_model_free(again);
	vfv_model_free(model);
}

TEST(model_of_nothing_goes_to_json_and_back)
{
	struct json_object *object VFV_JSON = NULL;
	struct vfv_model *model = vfv_model_new();

	assert_string_equal(to_text(model, &object),
			    "{\"schema\":1,\"kernel_contract_ok\":false,\"kernel_problem\":null,"
			    "\"pfs\":[]}");
	goes_there_and_back(model);
	vfv_model_free(NULL);
}

TEST(model_with_every_field_goes_to_json_and_back)
{
	struct vfv_model *model = full();
	struct json_object *object VFV_JSON = NULL;
	const char *text = to_text(model, &object);

	assert_has(text, "\"address\":\"0000:3b:00.0\"");
	assert_has(text, "\"opcodes\":\"0xffffffffffffffff\"");
	assert_has(text, "\"mac\":\"52:54:00:f0:00:02\"");
	assert_has(text, "\"state\":\"failed\"");
	assert_has(text, "\"transport\":\"intree\"");
	assert_has(text, "\"users\":[{\"pid\":4711,\"command\":\"qemu\"},");
	goes_there_and_back(model);
}

TEST(model_with_nothing_known_goes_to_json_and_back)
{
	struct vfv_model *model = vfv_model_new();
	struct json_object *object VFV_JSON = NULL;
	const char *text;

	add_vf(add_pf(model, "3b:00.0"), 0, "3b:00.1");
	text = to_text(model, &object);
	assert_has(text, "\"numa_node\":null");
	assert_null(strstr(text, "-1"));
	goes_there_and_back(model);
}

TEST(model_states_and_transports_all_go_to_json_and_back)
{
	struct vfv_model *model = vfv_model_new();
	struct vfv_pf *pf;

	model->kernel_contract_ok = true;
	for (int i = 0; i < VFV_TRANSPORT_COUNT; i++) {
		struct vfv_address address = { .bus = i };

		pf = vfv_model_add_pf(model, &address);
		pf->transport = i;
		for (int j = 0; j < VFV_VF_STATE_COUNT; j++)
			vfv_pf_add_vf(pf, j, &address)->state = j;
	}
	goes_there_and_back(model);
}

TEST(model_with_bytes_that_are_not_utf8_goes_to_json)
{
	struct vfv_model *model = vfv_model_new();
	struct vfv_vf *vf = add_vf(add_pf(model, "3b:00.0"), 0, "3b:00.1");
	struct json_object *object VFV_JSON = NULL;

	vf->users = calloc(1, sizeof(vf->users[0]));
	vf->user_count = 1;
	vf->users[0].command = strdup("q\xff");
	assert_has(to_text(model, &object), "\"command\":\"q?\"");
	vfv_model_free(model);
}

/* A full model in JSON, in which path ("pfs/0/mac") has been given another value, is refused. */
static void refused(const char *path, const char *value, const char *words)
{
	struct vfv_model *model = full(), *again = NULL;
	struct json_object *whole VFV_JSON = vfv_model_to_json(model);
	struct json_object *inner = whole;
	struct vfv_error error = VFV_NO_ERROR;
	char copy[100], *rest = copy, *part;

	snprintf(copy, sizeof(copy), "%s", path);
	while ((part = strsep(&rest, "/")) && rest)
		inner = json_object_is_type(inner, json_type_array) ?
				json_object_array_get_idx(inner, *part - '0') :
				json_object_object_get(inner, part);
	assert_non_null(inner);
	if (json_object_is_type(inner, json_type_array))
		json_object_array_put_idx(inner, *part - '0', json_tokener_parse(value));
	else if (value)
		json_object_object_add(inner, part, json_tokener_parse(value));
	else
		json_object_object_del(inner, part);
	if (vfv_model_from_json(whole, &again, &error) == 0)
		fail_msg("%s: accepted %s", path, value ? value : "nothing");
	assert_int_equal(error.code, VFV_ERROR_INTERNAL);
	assert_has(error.text, words);
	assert_null(again);
	vfv_model_free(model);
}

TEST(model_of_another_schema_is_refused)
{
	refused("schema", "2", "schema: missing or not 1");
	refused("schema", "\"1\"", "schema: missing");
	refused("schema", NULL, "schema: missing");
}

TEST(model_with_a_wrong_value_is_refused_by_its_path)
{
	static const char *const rows[][3] = {
		{ "kernel_contract_ok", "1", "kernel_contract_ok: missing or not of its type" },
		{ "kernel_problem", "1", "kernel_problem: " },
		{ "pfs", "{}", "pfs: missing, or no array" },
		{ "pfs", NULL, "pfs: missing" },
		{ "pfs/0", "7", "pfs[0]: no object" },
		{ "pfs/0/address", "\"x\"", "pfs[0].address: " },
		{ "pfs/0/address", "7", "pfs[0].address: " },
		{ "pfs/0/name", "7", "pfs[0].name: " },
		{ "pfs/0/netdev_in_use", "null", "pfs[0].netdev_in_use: " },
		{ "pfs/0/mac", "\"52:54\"", "pfs[0].mac: " },
		{ "pfs/0/numa_node", "-1", "pfs[0].numa_node: " },
		{ "pfs/0/numa_node", "2147483648", "pfs[0].numa_node: " },
		{ "pfs/0/numa_node", "1.5", "pfs[0].numa_node: " },
		{ "pfs/0/vfs_max", "-1", "pfs[0].vfs_max: " },
		{ "pfs/0/vfs_max", "4294967296", "pfs[0].vfs_max: " },
		{ "pfs/0/vfs_max", NULL, "pfs[0].vfs_max: " },
		{ "pfs/0/autoprobe", "2", "pfs[0].autoprobe: " },
		{ "pfs/0/transport", "\"x\"", "pfs[0].transport: " },
		{ "pfs/0/opcodes", "\"12\"", "pfs[0].opcodes: " },
		{ "pfs/0/opcodes", "\"0x1ffffffffffffffff\"", "pfs[0].opcodes: " },
		{ "pfs/0/vfs", "null", "pfs[0].vfs: missing, or no array" },
		{ "pfs/0/vfs/0", "null", "pfs[0].vfs[0]: no object" },
		{ "pfs/0/vfs/0/index", "65535", "pfs[0].vfs[0].index: " },
		{ "pfs/0/vfs/0/index", NULL, "pfs[0].vfs[0].index: " },
		{ "pfs/0/vfs/0/state", "\"unknown\"", "pfs[0].vfs[0].state: " },
		{ "pfs/0/vfs/0/state", "null", "pfs[0].vfs[0].state: " },
		{ "pfs/0/vfs/0/notify_path", "\"x\"", "pfs[0].vfs[0].notify_path: " },
		{ "pfs/0/vfs/0/published", "\"true\"", "pfs[0].vfs[0].published: " },
		{ "pfs/0/vfs/0/users", "7", "pfs[0].vfs[0].users: missing, or no array" },
		{ "pfs/0/vfs/0/users/1", "7", "pfs[0].vfs[0].users[1]: no object" },
		{ "pfs/0/vfs/0/users/1/pid", "\"1\"", "pfs[0].vfs[0].users[1].pid: " },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		refused(rows[i][0], rows[i][1], rows[i][2]);
}

TEST(model_with_a_text_that_is_too_long_is_refused)
{
	char value[5003];

	memset(value, 'x', sizeof(value));
	value[0] = value[sizeof(value) - 2] = '"';
	value[sizeof(value) - 1] = '\0';
	refused("pfs/0/failure", value, "pfs[0].failure: ");
}

TEST(model_of_a_newer_program_with_more_keys_is_read)
{
	struct vfv_model *model = full(), *again;
	struct json_object *whole VFV_JSON = vfv_model_to_json(model);
	struct vfv_error error = VFV_NO_ERROR;

	json_object_object_add(json_object_array_get_idx(json_object_object_get(whole, "pfs"), 0),
			       "later", json_object_new_int(1));
	assert_int_equal(vfv_model_from_json(whole, &again, &error), 0);
	vfv_model_free(again);
	vfv_model_free(model);
}

TEST(model_of_an_older_program_without_some_keys_is_read)
{
	struct vfv_model *model = full(), *again;
	struct json_object *whole VFV_JSON = vfv_model_to_json(model);
	struct vfv_error error = VFV_NO_ERROR;
	struct json_object *pf =
		json_object_array_get_idx(json_object_object_get(whole, "pfs"), 0);

	json_object_object_del(pf, "failure");
	json_object_object_del(pf, "numa_node");
	json_object_object_del(pf, "mac");
	assert_int_equal(vfv_model_from_json(whole, &again, &error), 0);
	assert_null(again->pfs[0].failure);
	assert_int_equal(again->pfs[0].numa_node, VFV_UNKNOWN);
	assert_false(again->pfs[0].has_mac);
	vfv_model_free(again);
	vfv_model_free(model);
}

TEST(model_keeps_pfs_and_vfs_in_order)
{
	static const char *const added[] = { "3b:00.1", "10000:00:00.0", "00:01.0", "3b:00.0" };
	static const unsigned int indexes[] = { 3, 0, 2, 1 };
	struct vfv_model *model = vfv_model_new();
	struct vfv_pf *pf;

	for (int i = 0; i < 4; i++)
		add_pf(model, added[i]);
	assert_int_equal(model->pf_count, 4);
	for (int i = 1; i < 4; i++)
		assert_true(vfv_address_compare(&model->pfs[i - 1].address,
						&model->pfs[i].address) < 0);
	pf = &model->pfs[0];
	for (int i = 0; i < 4; i++)
		add_vf(pf, indexes[i], "3b:00.2");
	for (int i = 0; i < 4; i++)
		assert_int_equal(pf->vfs[i].vf_index, i);
	vfv_model_free(model);
}

TEST(model_finds_by_address)
{
	struct vfv_model *model = vfv_model_new();
	struct vfv_address pf_address = at("3b:00.1"), vf_address = at("3b:00.3");
	struct vfv_pf *pf = NULL;

	add_pf(model, "3b:00.0");
	add_vf(add_pf(model, "3b:00.1"), 1, "3b:00.3");
	assert_ptr_equal(vfv_model_find_pf(model, &pf_address), &model->pfs[1]);
	assert_null(vfv_model_find_pf(model, &vf_address));
	assert_ptr_equal(vfv_model_find_vf(model, &vf_address, &pf), &model->pfs[1].vfs[0]);
	assert_ptr_equal(pf, &model->pfs[1]);
	assert_ptr_equal(vfv_model_find_vf(model, &vf_address, NULL), &model->pfs[1].vfs[0]);
	assert_null(vfv_model_find_vf(model, &pf_address, NULL));
	vfv_model_free(model);
}

TEST(model_labels_a_vf_by_the_name_of_its_pf)
{
	struct vfv_model *model = vfv_model_new();
	struct vfv_pf *pf = add_pf(model, "3b:00.0");
	struct vfv_vf *vf = add_vf(pf, 3, "3b:00.5");
	char text[32];

	vfv_vf_label(pf, vf, text, sizeof(text));
	assert_string_equal(text, "0000:3b:00.5");
	pf->name = strdup("dpu0");
	vfv_vf_label(pf, vf, text, sizeof(text));
	assert_string_equal(text, "dpu0/3");
	vfv_model_free(model);
}

TEST(model_names_of_values_out_of_range_are_unknown)
{
	assert_string_equal(vfv_vf_state_name(VFV_VF_STATE_COUNT), "unknown");
	assert_string_equal(vfv_vf_state_name(-1), "unknown");
	assert_string_equal(vfv_transport_name(VFV_TRANSPORT_COUNT), "unknown");
}
