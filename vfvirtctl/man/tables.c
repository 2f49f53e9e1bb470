/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prints the tables that the manual pages and the completion are made from, as JSON: verbs, options,
 * named errors, keys of intent files. Runs while building only.
 */
#include <stdio.h>

#include "arguments.h"
#include "cleanup.h"
#include "intent.h"
#include "json.h"

/* A new object at the end of an array; NULL: no memory. */
static struct json_object *append(struct json_object *array)
{
	struct json_object *object = json_object_new_object();

	if (object && json_object_array_add(array, object) == 0)
		return object;
	json_object_put(object);
	return NULL;
}

static bool add_verbs(struct json_object *array)
{
	for (int i = 0; i < VFV_VERB_COUNT; i++) {
		struct json_object *object = append(array);

		if (!object || !vfv_json_add_text(object, "name", vfv_verbs[i].name) ||
		    !vfv_json_add_text(object, "operands", vfv_verbs[i].operands) ||
		    !vfv_json_add_text(object, "summary", vfv_verbs[i].summary) ||
		    !vfv_json_add_text(object, "text", vfv_verbs[i].text))
			return false;
	}
	return true;
}

static bool add_options(struct json_object *array)
{
	for (int i = 0; i < VFV_OPTION_COUNT; i++) {
		const struct vfv_option_row *row = &vfv_options[i];
		char letter[2] = {row->letter, '\0'};
		struct json_object *object = append(array), *verbs = json_object_new_array();

		if (!object || !vfv_json_add(object, "verbs", verbs) ||
		    !vfv_json_add_text(object, "name", row->name) ||
		    !vfv_json_add_text(object, "letter", row->letter ? letter : NULL) ||
		    !vfv_json_add_text(object, "value", row->value) ||
		    !vfv_json_add_text(object, "text", row->text) ||
		    !vfv_json_add_bool(object, "every", row->verbs & (1u << VFV_VERB_COUNT)))
			return false;
		for (int verb = 0; verb < VFV_VERB_COUNT; verb++)
			if (row->verbs & (1u << verb))
				json_object_array_add(verbs,
						      json_object_new_string(vfv_verbs[verb].name));
	}
	return true;
}

static bool add_errors(struct json_object *array)
{
	for (int code = VFV_ERROR_NONE + 1; code < VFV_ERROR_COUNT; code++) {
		const struct vfv_error_name *row = vfv_error_name(code);
		struct json_object *object = append(array);

		if (!object || !vfv_json_add_text(object, "code", row->json_code) ||
		    !vfv_json_add_text(object, "dbus", row->dbus_name) ||
		    !vfv_json_add_number(object, "exit", row->exit_code) ||
		    !vfv_json_add_text(object, "meaning", row->meaning) ||
		    !vfv_json_add_text(object, "remedy", row->remedy))
			return false;
	}
	return true;
}

static bool add_keys(struct json_object *array)
{
	const struct vfv_intent_key *key;

	for (size_t i = 0; (key = vfv_intent_key(i)); i++) {
		struct json_object *object = append(array);

		if (!object || !vfv_json_add_text(object, "path", key->path) ||
		    !vfv_json_add_text(object, "form", key->form) ||
		    !vfv_json_add_text(object, "fallback", key->fallback) ||
		    !vfv_json_add_text(object, "meaning", key->meaning))
			return false;
	}
	return true;
}

int main(void)
{
	static bool (*const adders[])(struct json_object * array) = {add_verbs, add_options,
								     add_errors, add_keys};
	static const char *const names[] = {"verbs", "options", "errors", "keys"};
	VFV_JSON struct json_object *tables = json_object_new_object();

	for (size_t i = 0; i < sizeof(adders) / sizeof(adders[0]); i++) {
		struct json_object *array = json_object_new_array();

		if (!tables || !vfv_json_add(tables, names[i], array) || !adders[i](array))
			return 1;
	}
	puts(json_object_to_json_string_ext(tables, JSON_C_TO_STRING_NOSLASHESCAPE));
	return fflush(stdout) ? 1 : 0;
}
