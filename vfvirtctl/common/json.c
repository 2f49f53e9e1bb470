/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strict JSON on json-c: one object, no duplicate keys, errors by line and by key path. */
#include "json.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "cleanup.h"
#include "json_scan.h"
#include "text.h"

int vfv_json_parse(const char *what, const char *text, size_t length, enum vfv_error_code code,
		   struct json_object **ret_object, struct vfv_error *ret_error)
{
	struct json_object *object VFV_JSON = NULL;
	struct json_tokener *tokener;
	struct vfv_json_fault fault;

	if (length > INT_MAX)
		return vfv_error_set(ret_error, code, EFBIG, "%s: too long", what);
	if (vfv_json_scan(text, length, &fault) < 0)
		return vfv_error_set(ret_error, code, EINVAL, "%s:%u: %s", what, fault.line,
				     fault.why);
	tokener = json_tokener_new_ex(VFV_JSON_DEPTH_MAX + 1);
	if (!tokener)
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, 0, "%s: no memory", what);
	object = json_tokener_parse_ex(tokener, text, length);
	/* The text is known to be right, so only memory can be missing. */
	if (!object)
		vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, 0, "%s: cannot make objects: %s",
			      what, json_tokener_error_desc(json_tokener_get_error(tokener)));
	json_tokener_free(tokener);
	if (!object)
		return -ENOMEM;
	*ret_object = vfv_take(object);
	return 0;
}

bool vfv_json_add(struct json_object *object, const char *key, struct json_object *child)
{
	if (!child)
		return false;
	if (json_object_object_add(object, key, child) == 0)
		return true;
	json_object_put(child);
	return false;
}

/* A JSON null is a NULL pointer in json-c, which vfv_json_add() takes for "no memory". */
static bool add_null(struct json_object *object, const char *key)
{
	return json_object_object_add(object, key, NULL) == 0;
}

/* A text with '?' for each byte that is not UTF-8; such bytes are in names of processes. */
static struct json_object *text_new(const char *text)
{
	size_t length = strlen(text), step;
	char *clean VFV_FREE = malloc(length + 1);

	if (!clean)
		return NULL;
	memcpy(clean, text, length + 1);
	for (char *at = clean; *at; at += step) {
		step = vfv_text_utf8(at, clean + length - at);
		if (step == 0) {
			*at = '?';
			step = 1;
		}
	}
	return json_object_new_string_len(clean, length);
}

bool vfv_json_add_text(struct json_object *object, const char *key, const char *text)
{
	return text ? vfv_json_add(object, key, text_new(text)) : add_null(object, key);
}

bool vfv_json_add_number(struct json_object *object, const char *key, int64_t number)
{
	return vfv_json_add(object, key, json_object_new_int64(number));
}

bool vfv_json_add_bool(struct json_object *object, const char *key, bool value)
{
	return vfv_json_add(object, key, json_object_new_boolean(value));
}

bool vfv_json_add_maybe(struct json_object *object, const char *key, int value)
{
	if (value != 0 && value != 1)
		return add_null(object, key);
	return vfv_json_add_bool(object, key, value);
}

int vfv_json_get_text(struct json_object *object, const char *key, const char **ret_text)
{
	struct json_object *child;

	if (!json_object_object_get_ex(object, key, &child))
		return -ENOENT;
	if (!json_object_is_type(child, json_type_string))
		return -EINVAL;
	*ret_text = json_object_get_string(child);
	return 0;
}

int vfv_json_get_number(struct json_object *object, const char *key, int64_t min, int64_t max,
			int64_t *ret_number)
{
	struct json_object *child;
	int64_t number;

	if (!json_object_object_get_ex(object, key, &child))
		return -ENOENT;
	if (!json_object_is_type(child, json_type_int))
		return -EINVAL;
	number = json_object_get_int64(child);
	if (number < min || number > max)
		return -EINVAL;
	*ret_number = number;
	return 0;
}

int vfv_json_get_bool(struct json_object *object, const char *key, bool *ret_value)
{
	struct json_object *child;

	if (!json_object_object_get_ex(object, key, &child))
		return -ENOENT;
	if (!json_object_is_type(child, json_type_boolean))
		return -EINVAL;
	*ret_value = json_object_get_boolean(child);
	return 0;
}
