/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model as JSON, and back: one row a key, walked in both directions. What is unknown or not
 * there is null, and a key that is missing counts as null, so that programs of neighbouring
 * versions understand each other.
 */
#include "model.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "cleanup.h"
#include "error.h"
#include "json.h"
#include "text.h"

#define VFS_MAX 65535	  /* of one PF: sriov_numvfs has 16 bits */
#define TEXT_BYTES_MAX 4096
#define LIST_MAX 65536	  /* of PFs, or of users of a VF */

/* What a key holds: in the structure, and in JSON. */
enum kind {
	KIND_ADDRESS,	/* struct vfv_address; text */
	KIND_TEXT,	/* char *, owned; text or null */
	KIND_NUMBER,	/* int; from 0, VFV_UNKNOWN is null */
	KIND_MAYBE,	/* int; true, false, VFV_UNKNOWN is null */
	KIND_COUNT,	/* unsigned int */
	KIND_BOOL,	/* bool */
	KIND_BITS,	/* uint64_t; text "0x1f", since numbers of JSON lose bits; 0 is null */
	KIND_MAC,	/* bool has_mac with uint8_t mac[] behind; text or null */
	KIND_STATE,	/* enum vfv_vf_state; its name */
	KIND_TRANSPORT, /* enum vfv_transport; its name */
	KIND_PATH,	/* static text, one of notify_paths; text or null */
};

struct row {
	const char *key;
	enum kind kind;
	size_t offset;
};

struct table {
	const struct row *rows;
	size_t count;
};

/* has_mac and mac are told apart by one offset only. */
_Static_assert(offsetof(struct vfv_pf, mac) == offsetof(struct vfv_pf, has_mac) + 1, "pf mac");
_Static_assert(offsetof(struct vfv_vf, mac) == offsetof(struct vfv_vf, has_mac) + 1, "vf mac");

#define PF(NAME, KIND) { #NAME, KIND, offsetof(struct vfv_pf, NAME) }
#define VF(NAME, KIND) { #NAME, KIND, offsetof(struct vfv_vf, NAME) }

static const struct row pf_rows[] = {
	PF(address, KIND_ADDRESS),
	PF(name, KIND_TEXT),
	PF(intent_path, KIND_TEXT),
	PF(path, KIND_TEXT),
	PF(serial, KIND_TEXT),
	PF(driver, KIND_TEXT),
	PF(driver_override, KIND_TEXT),
	PF(class_driver, KIND_TEXT),
	PF(netdev, KIND_TEXT),
	PF(netdev_in_use, KIND_BOOL),
	{ "mac", KIND_MAC, offsetof(struct vfv_pf, has_mac) },
	PF(numa_node, KIND_NUMBER),
	PF(vfs_max, KIND_COUNT),
	PF(vfs_now, KIND_COUNT),
	PF(vfs_intended, KIND_COUNT),
	PF(autoprobe, KIND_MAYBE),
	PF(transport, KIND_TRANSPORT),
	PF(transport_intended, KIND_TRANSPORT),
	PF(pending_reboot, KIND_BOOL),
	PF(legacy, KIND_MAYBE),
	PF(legacy_reason, KIND_TEXT),
	PF(owner_state, KIND_TEXT),
	PF(admin_queue_index, KIND_NUMBER),
	PF(admin_queue_num, KIND_NUMBER),
	PF(admin_queue_depth, KIND_NUMBER),
	PF(in_flight, KIND_NUMBER),
	PF(opcodes, KIND_BITS),
	PF(failure, KIND_TEXT),
};

static const struct row vf_rows[] = {
	{ "index", KIND_COUNT, offsetof(struct vfv_vf, vf_index) },
	VF(address, KIND_ADDRESS),
	VF(driver, KIND_TEXT),
	VF(driver_override, KIND_TEXT),
	VF(iommu_group, KIND_NUMBER),
	VF(group_obstacle, KIND_TEXT),
	VF(numa_node, KIND_NUMBER),
	VF(vfio_name, KIND_TEXT),
	VF(netdev, KIND_TEXT),
	VF(legacy, KIND_MAYBE),
	VF(legacy_reason, KIND_TEXT),
	{ "mac", KIND_MAC, offsetof(struct vfv_vf, has_mac) },
	VF(open_count, KIND_NUMBER),
	VF(sealed, KIND_MAYBE),
	VF(msix_on, KIND_MAYBE),
	VF(notify_path, KIND_PATH),
	VF(failure_count, KIND_COUNT),
	VF(published, KIND_BOOL),
	VF(claim_uuid, KIND_TEXT),
	VF(domain, KIND_TEXT),
	VF(state, KIND_STATE),
	VF(reason, KIND_TEXT),
};

static const struct row user_rows[] = {
	{ "pid", KIND_NUMBER, offsetof(struct vfv_user, pid) },
	{ "command", KIND_TEXT, offsetof(struct vfv_user, command) },
};

_Static_assert(sizeof(pid_t) == sizeof(int), "pid is written as a number");

#define TABLE(ROWS) { ROWS, sizeof(ROWS) / sizeof((ROWS)[0]) }
static const struct table pf_table = TABLE(pf_rows);
static const struct table vf_table = TABLE(vf_rows);
static const struct table user_table = TABLE(user_rows);

static const char *const notify_paths[] = { "member-bar", "owner-bar", "command" };

/* ---- to JSON ---- */

static bool add_row(struct json_object *object, const struct row *row, const void *base)
{
	const void *place = (const char *)base + row->offset;
	char text[32];

	switch (row->kind) {
	case KIND_ADDRESS:
		return vfv_json_add_text(object, row->key, vfv_address_format(place, text));
	case KIND_TEXT:
	case KIND_PATH:
		return vfv_json_add_text(object, row->key, *(const char *const *)place);
	case KIND_NUMBER:
		if (*(const int *)place < 0)
			return vfv_json_add_text(object, row->key, NULL);
		return vfv_json_add_number(object, row->key, *(const int *)place);
	case KIND_MAYBE:
		return vfv_json_add_maybe(object, row->key, *(const int *)place);
	case KIND_COUNT:
		return vfv_json_add_number(object, row->key, *(const unsigned int *)place);
	case KIND_BOOL:
		return vfv_json_add_bool(object, row->key, *(const bool *)place);
	case KIND_BITS:
		snprintf(text, sizeof(text), "0x%llx", *(const unsigned long long *)place);
		return vfv_json_add_text(object, row->key,
					 *(const uint64_t *)place ? text : NULL);
	case KIND_MAC:
		if (!*(const bool *)place)
			return vfv_json_add_text(object, row->key, NULL);
		return vfv_json_add_text(object, row->key,
					 vfv_text_from_mac((const uint8_t *)place + 1, text));
	case KIND_STATE:
		return vfv_json_add_text(object, row->key,
					 vfv_vf_state_name(*(const enum vfv_vf_state *)place));
	case KIND_TRANSPORT:
		return vfv_json_add_text(object, row->key,
					 vfv_transport_name(*(const enum vfv_transport *)place));
	}
	return false;
}

/* A new object with the keys of a table; NULL: no memory. */
static struct json_object *object_new(const struct table *table, const void *base)
{
	struct json_object *object VFV_JSON = json_object_new_object();

	for (size_t i = 0; i < table->count; i++)
		if (!object || !add_row(object, &table->rows[i], base))
			return NULL;
	return vfv_take(object);
}

/* Append an object to an array; takes the reference. false: no memory. */
static bool append(struct json_object *array, struct json_object *object)
{
	if (!object)
		return false;
	if (json_object_array_add(array, object) == 0)
		return true;
	json_object_put(object);
	return false;
}

static struct json_object *vf_to_json(const struct vfv_vf *vf)
{
	struct json_object *object VFV_JSON = object_new(&vf_table, vf);
	struct json_object *users VFV_JSON = json_object_new_array();

	if (!object || !users)
		return NULL;
	for (size_t i = 0; i < vf->user_count; i++)
		if (!append(users, object_new(&user_table, &vf->users[i])))
			return NULL;
	if (!vfv_json_add(object, "users", vfv_take(users)))
		return NULL;
	return vfv_take(object);
}

static struct json_object *pf_to_json(const struct vfv_pf *pf)
{
	struct json_object *object VFV_JSON = object_new(&pf_table, pf);
	struct json_object *vfs VFV_JSON = json_object_new_array();

	if (!object || !vfs)
		return NULL;
	for (size_t i = 0; i < pf->vf_count; i++)
		if (!append(vfs, vf_to_json(&pf->vfs[i])))
			return NULL;
	if (!vfv_json_add(object, "vfs", vfv_take(vfs)))
		return NULL;
	return vfv_take(object);
}

struct json_object *vfv_model_to_json(const struct vfv_model *model)
{
	struct json_object *object VFV_JSON = json_object_new_object();
	struct json_object *pfs VFV_JSON = json_object_new_array();

	if (!object || !pfs)
		return NULL;
	for (size_t i = 0; i < model->pf_count; i++)
		if (!append(pfs, pf_to_json(&model->pfs[i])))
			return NULL;
	if (!vfv_json_add_number(object, "schema", VFV_JSON_SCHEMA_VERSION) ||
	    !vfv_json_add_bool(object, "kernel_contract_ok", model->kernel_contract_ok) ||
	    !vfv_json_add_text(object, "kernel_problem", model->kernel_problem) ||
	    !vfv_json_add(object, "pfs", vfv_take(pfs)))
		return NULL;
	return vfv_take(object);
}

/* ---- from JSON ---- */

/* The index of a text in a list, or -EINVAL. */
static int index_of(const char *text, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(text, list[i]) == 0)
			return i;
	return -EINVAL;
}

static int read_state(const char *text, void *place)
{
	for (int i = 0; i < VFV_VF_STATE_COUNT; i++) {
		if (strcmp(text, vfv_vf_state_name(i)) == 0) {
			*(enum vfv_vf_state *)place = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int read_transport(const char *text, void *place)
{
	for (int i = 0; i < VFV_TRANSPORT_COUNT; i++) {
		if (strcmp(text, vfv_transport_name(i)) == 0) {
			*(enum vfv_transport *)place = i;
			return 0;
		}
	}
	return -EINVAL;
}

/* Read a value that is a text in JSON. */
static int read_text(enum kind kind, const char *text, void *place)
{
	uint64_t bits;
	int index;

	switch (kind) {
	case KIND_ADDRESS:
		return vfv_address_parse(text, place) ? 0 : -EINVAL;
	case KIND_TEXT:
		if (strlen(text) > TEXT_BYTES_MAX)
			return -EINVAL;
		*(char **)place = strdup(text);
		return *(char **)place ? 0 : -ENOMEM;
	case KIND_BITS:
		if (strncmp(text, "0x", 2) != 0 ||
		    vfv_text_number(text + 2, 16, UINT64_MAX, &bits) < 0)
			return -EINVAL;
		*(uint64_t *)place = bits;
		return 0;
	case KIND_MAC:
		*(bool *)place = vfv_text_mac(text, (uint8_t *)place + 1);
		return *(bool *)place ? 0 : -EINVAL;
	case KIND_STATE:
		return read_state(text, place);
	case KIND_TRANSPORT:
		return read_transport(text, place);
	case KIND_PATH:
		index = index_of(text, notify_paths, sizeof(notify_paths) / sizeof(notify_paths[0]));
		if (index < 0)
			return index;
		*(const char **)place = notify_paths[index];
		return 0;
	default:
		return -EINVAL;
	}
}

/* Whether a kind has a value for null, which a new structure holds already. */
static bool may_be_null(enum kind kind)
{
	return kind == KIND_TEXT || kind == KIND_NUMBER || kind == KIND_MAYBE ||
	       kind == KIND_BITS || kind == KIND_MAC || kind == KIND_PATH;
}

static int read_row(struct json_object *object, const struct row *row, void *base)
{
	void *place = (char *)base + row->offset;
	struct json_object *value = NULL;
	int64_t number;
	bool truth;
	int result;

	json_object_object_get_ex(object, row->key, &value);
	if (!value)
		return may_be_null(row->kind) ? 0 : -EINVAL;
	switch (row->kind) {
	case KIND_NUMBER:
		result = vfv_json_get_number(object, row->key, 0, INT_MAX, &number);
		if (result == 0)
			*(int *)place = number;
		return result;
	case KIND_COUNT:
		result = vfv_json_get_number(object, row->key, 0, UINT_MAX, &number);
		if (result == 0)
			*(unsigned int *)place = number;
		return result;
	case KIND_MAYBE:
	case KIND_BOOL:
		result = vfv_json_get_bool(object, row->key, &truth);
		if (result == 0 && row->kind == KIND_BOOL)
			*(bool *)place = truth;
		else if (result == 0)
			*(int *)place = truth;
		return result;
	default:
		if (!json_object_is_type(value, json_type_string))
			return -EINVAL;
		return read_text(row->kind, json_object_get_string(value), place);
	}
}

/* Fill a structure by its table; *ret_error names the key. */
static int read_object(struct json_object *object, const struct table *table, void *base,
		       struct vfv_error *ret_error)
{
	for (size_t i = 0; i < table->count; i++) {
		int result = read_row(object, &table->rows[i], base);

		if (result == -ENOMEM)
			return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, 0, "no memory");
		if (result < 0)
			return vfv_error_set(ret_error, VFV_ERROR_INTERNAL, EINVAL,
					     "%s: missing or not of its type", table->rows[i].key);
	}
	return 0;
}

/* The array behind a key, with its length; every element is an object. */
static int read_list(struct json_object *object, const char *key, size_t max,
		     struct json_object **ret_array, size_t *ret_count, struct vfv_error *ret_error)
{
	struct json_object *array;

	if (!json_object_object_get_ex(object, key, &array) ||
	    !json_object_is_type(array, json_type_array) || json_object_array_length(array) > max)
		return vfv_error_set(ret_error, VFV_ERROR_INTERNAL, EINVAL,
				     "%s: missing, or no array of up to %zu objects", key, max);
	*ret_array = array;
	*ret_count = json_object_array_length(array);
	for (size_t i = 0; i < *ret_count; i++)
		if (!json_object_is_type(json_object_array_get_idx(array, i), json_type_object))
			return vfv_error_set(ret_error, VFV_ERROR_INTERNAL, EINVAL,
					     "%s[%zu]: no object", key, i);
	return 0;
}

static int users_from_json(struct json_object *object, struct vfv_vf *vf,
			   struct vfv_error *ret_error)
{
	struct json_object *array;
	size_t count;
	int result = read_list(object, "users", LIST_MAX, &array, &count, ret_error);

	if (result < 0 || count == 0)
		return result;
	vf->users = calloc(count, sizeof(vf->users[0]));
	if (!vf->users)
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, 0, "no memory");
	for (; vf->user_count < count && result == 0; vf->user_count++) {
		result = read_object(json_object_array_get_idx(array, vf->user_count), &user_table,
				     &vf->users[vf->user_count], ret_error);
		if (result < 0)
			vfv_error_prefix(ret_error, "users[%zu].", vf->user_count);
	}
	return result;
}

static int vf_from_json(struct json_object *object, struct vfv_pf *pf, struct vfv_error *ret_error)
{
	struct vfv_address none = { 0 };
	int64_t vf_index;
	struct vfv_vf *vf;
	int result;

	if (vfv_json_get_number(object, "index", 0, VFS_MAX - 1, &vf_index) < 0)
		return vfv_error_set(ret_error, VFV_ERROR_INTERNAL, EINVAL,
				     "index: missing or not of its type");
	vf = vfv_pf_add_vf(pf, vf_index, &none);
	if (!vf)
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, 0, "no memory");
	result = read_object(object, &vf_table, vf, ret_error);
	return result < 0 ? result : users_from_json(object, vf, ret_error);
}

static int pf_from_json(struct json_object *object, struct vfv_model *model,
			struct vfv_error *ret_error)
{
	struct vfv_address address;
	struct json_object *array;
	const char *text = "";
	struct vfv_pf *pf;
	size_t count;
	int result;

	if (vfv_json_get_text(object, "address", &text) < 0 || !vfv_address_parse(text, &address))
		return vfv_error_set(ret_error, VFV_ERROR_INTERNAL, EINVAL,
				     "address: missing or not of its type");
	pf = vfv_model_add_pf(model, &address);
	if (!pf)
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, 0, "no memory");
	result = read_object(object, &pf_table, pf, ret_error);
	if (result == 0)
		result = read_list(object, "vfs", VFS_MAX, &array, &count, ret_error);
	for (size_t i = 0; result == 0 && i < count; i++) {
		result = vf_from_json(json_object_array_get_idx(array, i), pf, ret_error);
		if (result < 0)
			vfv_error_prefix(ret_error, "vfs[%zu].", i);
	}
	return result;
}

/* What stands beside the list of PFs. */
static int head_from_json(struct json_object *object, struct vfv_model *model,
			  struct vfv_error *ret_error)
{
	static const struct row rows[] = {
		{ "kernel_contract_ok", KIND_BOOL, offsetof(struct vfv_model, kernel_contract_ok) },
		{ "kernel_problem", KIND_TEXT, offsetof(struct vfv_model, kernel_problem) },
	};
	static const struct table table = TABLE(rows);
	int64_t schema;

	if (vfv_json_get_number(object, "schema", VFV_JSON_SCHEMA_VERSION, VFV_JSON_SCHEMA_VERSION,
				&schema) < 0)
		return vfv_error_set(ret_error, VFV_ERROR_INTERNAL, EINVAL,
				     "schema: missing or not %d: the programs are of different "
				     "versions", VFV_JSON_SCHEMA_VERSION);
	return read_object(object, &table, model, ret_error);
}

int vfv_model_from_json(struct json_object *object, struct vfv_model **ret_model,
			struct vfv_error *ret_error)
{
	struct vfv_model *model = vfv_model_new();
	struct json_object *array;
	size_t count = 0;
	int result;

	if (!model)
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, 0, "no memory");
	result = head_from_json(object, model, ret_error);
	if (result == 0)
		result = read_list(object, "pfs", LIST_MAX, &array, &count, ret_error);
	for (size_t i = 0; result == 0 && i < count; i++) {
		result = pf_from_json(json_object_array_get_idx(array, i), model, ret_error);
		if (result < 0)
			vfv_error_prefix(ret_error, "pfs[%zu].", i);
	}
	if (result < 0) {
		vfv_model_free(model);
		return result;
	}
	*ret_model = model;
	return 0;
}
