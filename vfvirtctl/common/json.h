/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strict JSON on json-c: one object, no duplicate keys, errors by line and by key path. */
#ifndef VFV_COMMON_JSON_H
#define VFV_COMMON_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define VFV_JSON_DEPTH_MAX 16

/*
 * Parse a text that must be one JSON object, UTF-8, without NUL bytes, comments, duplicate keys or
 * anything behind it. what: for messages, a path. *ret_error with code and "WHAT:LINE: why".
 */
int vfv_json_parse(const char *what, const char *text, size_t length, enum vfv_error_code code,
		   struct json_object **ret_object, struct vfv_error *ret_error);

static inline void vfv_cleanup_json(struct json_object **object)
{
	json_object_put(*object);
}
/* clang wants to be told that a variable may be there for its cleanup alone. */
#define VFV_JSON __attribute__((cleanup(vfv_cleanup_json), unused))

/* Add a member; NULL texts become null. false: no memory (remembered by the caller). */
bool vfv_json_add_text(struct json_object *object, const char *key, const char *text);
bool vfv_json_add_number(struct json_object *object, const char *key, int64_t number);
bool vfv_json_add_bool(struct json_object *object, const char *key, bool value);
/* 1, 0 as true, false; anything else as null. */
bool vfv_json_add_maybe(struct json_object *object, const char *key, int value);
/* Takes the reference of child, which may be NULL (no memory: false). */
bool vfv_json_add(struct json_object *object, const char *key, struct json_object *child);

/* Read a member of a message from one of our own processes; -EINVAL: wrong type, -ENOENT: absent. */
int vfv_json_get_text(struct json_object *object, const char *key, const char **ret_text);
int vfv_json_get_number(struct json_object *object, const char *key, int64_t min, int64_t max,
			int64_t *ret_number);
int vfv_json_get_bool(struct json_object *object, const char *key, bool *ret_value);

#endif
