/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is remembered in the run folder until the next boot. */
#include "mark.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cleanup.h"
#include "file.h"
#include "host.h"
#include "json.h"
#include "text.h"

#define HOLD_BYTES_MAX	 128
#define RESULT_BYTES_MAX (1 << 20)

static const char *const hold_words[VFV_HOLD_KIND_COUNT][2] = {
	[VFV_HOLD_DESTROY] = {"destroying", "destroyed"},
	[VFV_HOLD_UNBIND] = {"unbinding", "unbound"},
	[VFV_HOLD_BIND] = {"binding", "bound"},
};

/* RUN/FOLDER/ADDRESS with an ending; owned by the caller; NULL: no memory. */
static char *mark_path(const struct vfv_host *host, const char *folder,
		       const struct vfv_address *address, const char *ending)
{
	char name[VFV_ADDRESS_BYTES];

	return vfv_text("%s/%s/%s%s", host->run, folder, vfv_address_format(address, name), ending);
}

static int mark_write(const struct vfv_host *host, const char *folder,
		      const struct vfv_address *address, const char *ending, const char *text,
		      struct vfv_error *ret_error)
{
	char *place VFV_FREE = vfv_text("%s/%s", host->run, folder);
	char *path VFV_FREE = mark_path(host, folder, address, ending);
	int error;

	if (!place || !path)
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
	error = vfv_folder_make(place);
	if (!error)
		error = vfv_file_write(path, text, strlen(text), 0644);
	if (error)
		return vfv_error_set(ret_error, VFV_ERROR_STORAGE, error,
				     "%s: cannot be written: %s: make room in %s", path,
				     strerror(-error), host->run);
	return 0;
}

int vfv_hold_set(const struct vfv_host *host, const struct vfv_address *address,
		 const struct vfv_hold *hold, struct vfv_error *ret_error)
{
	char text[HOLD_BYTES_MAX];

	snprintf(text, sizeof(text), "%s%s%s\n", hold_words[hold->kind][hold->done],
		 hold->kind == VFV_HOLD_BIND ? " " : "", hold->driver);
	return mark_write(host, "held", address, "", text, ret_error);
}

void vfv_hold_get(const struct vfv_host *host, const struct vfv_address *address,
		  struct vfv_hold *ret_hold)
{
	char *path VFV_FREE = mark_path(host, "held", address, "");
	char *text VFV_FREE = NULL;
	char *driver;

	*ret_hold = (struct vfv_hold){0};
	if (!path || vfv_file_read(path, HOLD_BYTES_MAX, &text, NULL) < 0)
		return;
	text[strcspn(text, "\n")] = '\0';
	driver = text + strcspn(text, " ");
	if (*driver)
		*driver++ = '\0';
	for (int kind = VFV_HOLD_NONE + 1; kind < VFV_HOLD_KIND_COUNT; kind++)
		for (int done = 0; done < 2; done++)
			if (!strcmp(text, hold_words[kind][done]))
				*ret_hold = (struct vfv_hold){.kind = kind, .done = done};
	if (ret_hold->kind != VFV_HOLD_BIND)
		return;
	if (vfv_is_driver_name(driver))
		memcpy(ret_hold->driver, driver, strlen(driver) + 1);
	else
		*ret_hold = (struct vfv_hold){0};
}

void vfv_hold_clear(const struct vfv_host *host, const struct vfv_address *address)
{
	char *path VFV_FREE = mark_path(host, "held", address, "");

	if (path)
		unlink(path);
}

/* FNV-1a over a text with its end, so that "a", "b" differs from "ab". */
static uint64_t hash_text(uint64_t hash, const char *text)
{
	for (const char *at = text ? text : ""; *at; at++)
		hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
	return (hash ^ 0xff) * UINT64_C(1099511628211);
}

static uint64_t hash_number(uint64_t hash, int64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, number);
	return hash_text(hash, text);
}

uint64_t vfv_facts_fingerprint(const struct vfv_pf *pf)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	hash = hash_text(hash, pf->driver);
	hash = hash_text(hash, pf->driver_override);
	hash = hash_text(hash, pf->class_driver);
	hash = hash_text(hash, pf->intent_path);
	hash = hash_number(hash, pf->vfs_now);
	hash = hash_number(hash, pf->vfs_max);
	hash = hash_number(hash, pf->vfs_intended);
	hash = hash_number(hash, pf->transport_intended);
	for (size_t i = 0; i < pf->vf_count; i++) {
		const struct vfv_vf *vf = &pf->vfs[i];

		hash = hash_number(hash, vf->vf_index);
		hash = hash_text(hash, vf->driver);
		hash = hash_text(hash, vf->driver_override);
		hash = hash_text(hash, vf->group_obstacle);
		hash = hash_text(hash, vf->claim_uuid);
		hash = hash_number(hash, vf->open_count > 0 || vf->user_count > 0);
		hash = hash_number(hash, vf->published);
	}
	return (hash & INT64_MAX) | 1; /* JSON numbers are signed; 0 stands for none */
}

int vfv_result_write(const struct vfv_host *host, const struct vfv_pf *pf, const char *failure,
		     struct json_object *failed, struct vfv_error *ret_error)
{
	struct json_object *result VFV_JSON = NULL;
	char *path VFV_FREE = NULL;

	if (!failure) {
		path = mark_path(host, "results", &pf->address, ".json");
		if (path)
			unlink(path);
		return 0;
	}
	result = json_object_new_object();
	if (!result || !vfv_json_add_text(result, "failure", failure) ||
	    !vfv_json_add(result, "failed",
			  failed ? json_object_get(failed) : json_object_new_array()))
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
	return mark_write(host, "results", &pf->address, ".json",
			  json_object_to_json_string_ext(result, JSON_C_TO_STRING_PLAIN),
			  ret_error);
}

/* The last failure of a PF; NULL: none. New reference. */
static struct json_object *result_read(const struct vfv_host *host, const struct vfv_pf *pf)
{
	char *path VFV_FREE = mark_path(host, "results", &pf->address, ".json");
	struct json_object *result = NULL;
	char *text VFV_FREE = NULL;
	size_t length;

	if (!path || vfv_file_read(path, RESULT_BYTES_MAX, &text, &length) < 0)
		return NULL;
	vfv_json_parse(path, text, length, VFV_ERROR_STORAGE, &result, NULL);
	return result;
}

static int replace(char **text, const char *with)
{
	char *copy = strdup(with);

	if (!copy)
		return -ENOMEM;
	free(*text);
	*text = copy;
	return 0;
}

/* Set the state of the VF that a row of "failed" is about, if it is still as it was left. */
static int apply_failed(struct vfv_pf *pf, struct json_object *row)
{
	const char *text;
	int64_t index;

	if (vfv_json_get_number(row, "vf_index", 0, UINT16_MAX, &index) ||
	    vfv_json_get_text(row, "text", &text))
		return 0;
	for (size_t i = 0; i < pf->vf_count; i++) {
		struct vfv_vf *vf = &pf->vfs[i];

		if (vf->vf_index != index || vf->state != VFV_VF_CREATED)
			continue;
		vf->state = VFV_VF_FAILED;
		return replace(&vf->reason, text);
	}
	return 0;
}

static int apply_hold(const struct vfv_host *host, struct vfv_vf *vf)
{
	struct vfv_hold hold;

	if (vf->state == VFV_VF_IN_USE)
		return 0;
	vfv_hold_get(host, &vf->address, &hold);
	if (hold.kind == VFV_HOLD_NONE || !hold.done)
		return 0;
	vf->state = VFV_VF_FOREIGN;
	return replace(&vf->reason, hold.kind == VFV_HOLD_UNBIND
					    ? "unbound by hand: \"vfvirtctl apply\" binds it again"
					    : "bound by hand: \"vfvirtctl apply\" binds it as the "
					      "intent says");
}

int vfv_holds_apply(const struct vfv_host *host, struct vfv_pf *pf)
{
	for (size_t i = 0; i < pf->vf_count; i++)
		if (apply_hold(host, &pf->vfs[i]))
			return -ENOMEM;
	return 0;
}

int vfv_marks_apply(const struct vfv_host *host, struct vfv_pf *pf)
{
	struct json_object *result VFV_JSON = result_read(host, pf);
	struct json_object *failed = NULL;
	struct vfv_hold hold;
	const char *failure;

	if (result && !vfv_json_get_text(result, "failure", &failure) &&
	    replace(&pf->failure, failure))
		return -ENOMEM;
	if (result && json_object_object_get_ex(result, "failed", &failed) &&
	    json_object_is_type(failed, json_type_array))
		for (size_t i = 0; i < json_object_array_length(failed); i++)
			if (apply_failed(pf, json_object_array_get_idx(failed, i)))
				return -ENOMEM;
	if (vfv_holds_apply(host, pf))
		return -ENOMEM;
	vfv_hold_get(host, &pf->address, &hold);
	if (hold.kind == VFV_HOLD_DESTROY && hold.done && !pf->vfs_now)
		return replace(&pf->failure, "its VFs were destroyed by hand: \"vfvirtctl apply\" "
					     "makes those of the intent again");
	return 0;
}
