/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vfvirtctl says: errors to standard error, objects as JSON. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "cleanup.h"
#include "cli.h"
#include "json.h"
#include "table.h"

int vfv_no_memory(struct vfv_error *ret_error)
{
	return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
}

void vfv_tell(const char *format, ...)
{
	VFV_FREE char *text = NULL, *shown = NULL;
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	shown = text ? vfv_display_text(text) : NULL;
	fprintf(stderr, "vfvirtctl: %s\n", shown ? shown : "no memory");
}

/* {"schema": 1, "error": {...}}; NULL: no memory. */
static struct json_object *error_to_json(const struct vfv_error *error)
{
	const struct vfv_error_name *name = vfv_error_name(error->code);
	VFV_JSON struct json_object *object = json_object_new_object();
	struct json_object *inner = json_object_new_object();

	if (!object || !vfv_json_add_number(object, "schema", VFV_JSON_SCHEMA_VERSION) ||
	    !vfv_json_add(object, "error", inner) ||
	    !vfv_json_add_text(inner, "code", name->json_code) ||
	    !vfv_json_add_number(inner, "errno", error->errno_value) ||
	    !vfv_json_add_text(inner, "text", error->text) ||
	    !vfv_json_add_text(inner, "remedy", name->remedy))
		return NULL;
	return vfv_take(object);
}

void vfv_tell_error(const struct vfv_cli *cli, const struct vfv_error *error)
{
	const struct vfv_error_name *name = vfv_error_name(error->code);

	if (vfv_given(cli, VFV_OPTION_json)) {
		VFV_JSON struct json_object *object = error_to_json(error);

		if (object) {
			fprintf(stderr, "%s\n",
				json_object_to_json_string_ext(object,
							       JSON_C_TO_STRING_NOSLASHESCAPE));
			return;
		}
	}
	vfv_tell("%s [%s]", error->text, name->json_code);
	/* A wrong command line has said already where to look. */
	if (error->code != VFV_ERROR_USAGE)
		vfv_tell("what to do: %s", name->remedy);
}

int vfv_print_json(struct vfv_cli *cli, struct json_object *object, struct vfv_error *ret_error)
{
	VFV_JSON struct json_object *printed = object;
	const char *text = NULL;

	if (printed)
		text = json_object_to_json_string_ext(
			printed, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
					 JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!text)
		return vfv_no_memory(ret_error);
	fprintf(cli->out, "%s\n", text);
	return VFV_EXIT_DONE;
}
