/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The intent files of a host: reading all of them, and writing those that create owns. */
#include "intent.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "file.h"
#include "host.h"
#include "json.h"
#include "text.h"

#define SUFFIX	  ".json"
#define FILE_MODE 0644

/* The folder of this boot's files; owned by the caller. NULL: no memory. */
static char *runtime_folder(const struct vfv_host *host)
{
	return vfv_text("%s/pf.d", host->run);
}

/* ---- reading ---- */

/* What is being gathered. seen: stems of all files, also of bad ones: they hide others too. */
struct gathering {
	struct vfv_intents *intents;
	char **seen;
	size_t seen_count;
};

static int add_error(struct vfv_intents *intents, const struct vfv_error *error)
{
	struct vfv_error *grown =
		reallocarray(intents->errors, intents->error_count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	intents->errors = grown;
	grown[intents->error_count++] = *error;
	return 0;
}

static int add_intent(struct vfv_intents *intents, const struct vfv_intent *intent)
{
	struct vfv_intent *grown = reallocarray(intents->all, intents->count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	intents->all = grown;
	grown[intents->count++] = *intent;
	return 0;
}

static int read_fault(const char *file, int error, struct vfv_error *ret_error)
{
	switch (error) {
	case -ELOOP:
		return vfv_error_set(ret_error, VFV_ERROR_INTENT, error,
				     "%s: is a symbolic link: put a regular file there", file);
	case -EISDIR:
		return vfv_error_set(ret_error, VFV_ERROR_INTENT, error,
				     "%s: is a folder: put a regular file there", file);
	case -EINVAL:
		return vfv_error_set(ret_error, VFV_ERROR_INTENT, error,
				     "%s: is a FIFO, device or socket: put a regular file there",
				     file);
	case -EFBIG:
		return vfv_error_set(ret_error, VFV_ERROR_INTENT, error,
				     "%s: is longer than %d bytes", file,
				     VFV_INTENT_FILE_BYTES_MAX);
	case -ENOMEM:
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, error, "%s: no memory", file);
	default:
		return vfv_error_set(ret_error, VFV_ERROR_STORAGE, error, "%s: cannot be read: %s",
				     file, strerror(-error));
	}
}

/* Read one file. -ENOENT without an error: it is gone. */
static int read_file(const char *name, const char *file, struct vfv_intent *ret_intent,
		     struct vfv_error *ret_error)
{
	char *text VFV_FREE = NULL;
	size_t length;
	int result = vfv_file_read(file, VFV_INTENT_FILE_BYTES_MAX, &text, &length);

	if (result == -ENOENT)
		return result;
	if (result < 0)
		return read_fault(file, result, ret_error);
	return vfv_intent_parse(name, file, text, length, ret_intent, ret_error);
}

/* Whether a stem was seen in a folder that comes first; else it is from now on. Negative errno. */
static int see(struct gathering *gathering, const char *stem)
{
	char **grown;

	for (size_t i = 0; i < gathering->seen_count; i++)
		if (strcmp(gathering->seen[i], stem) == 0)
			return 1;
	grown = reallocarray(gathering->seen, gathering->seen_count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	gathering->seen = grown;
	grown[gathering->seen_count] = strdup(stem);
	if (!grown[gathering->seen_count])
		return -ENOMEM;
	gathering->seen_count++;
	return 0;
}

/* Take in the file FOLDER/STEM.json, unless one of that name came first. */
static int gather_file(struct gathering *gathering, const char *folder, const char *stem,
		       bool runtime)
{
	char *file VFV_FREE = vfv_text("%s/%s" SUFFIX, folder, stem);
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_intent intent;
	int result = file ? see(gathering, stem) : -ENOMEM;

	if (result != 0)
		return result < 0 ? result : 0;
	result = read_file(stem, file, &intent, &error);
	if (result == -ENOENT && error.code == VFV_ERROR_NONE)
		return 0;
	if (error.code == VFV_ERROR_NO_MEMORY)
		return -ENOMEM;
	if (result < 0)
		return add_error(gathering->intents, &error);
	intent.runtime = runtime;
	result = add_intent(gathering->intents, &intent);
	if (result < 0)
		vfv_intent_clear(&intent);
	return result;
}

/* Whether a folder's entry is one to read. */
static int is_intent(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > strlen(SUFFIX) &&
	       strcmp(entry->d_name + length - strlen(SUFFIX), SUFFIX) == 0;
}

static int gather_folder(struct gathering *gathering, const char *folder, bool runtime)
{
	struct vfv_error error = VFV_NO_ERROR;
	struct dirent **entries;
	int count = scandir(folder, &entries, is_intent, alphasort);
	int result = 0;

	if (count < 0 && errno == ENOENT)
		return 0;
	if (count < 0) {
		if (errno == ENOMEM)
			return -ENOMEM;
		vfv_error_set(&error, VFV_ERROR_STORAGE, errno, "%s: cannot be read: %m", folder);
		return add_error(gathering->intents, &error);
	}
	for (int i = 0; i < count; i++) {
		char *name = entries[i]->d_name;

		if (i == VFV_INTENT_FILES_MAX) {
			vfv_error_set(&error, VFV_ERROR_INTENT, EFBIG,
				      "%s: more than %d files: ignoring the others", folder,
				      VFV_INTENT_FILES_MAX);
			result = add_error(gathering->intents, &error);
		}
		if (result == 0 && i < VFV_INTENT_FILES_MAX) {
			name[strlen(name) - strlen(SUFFIX)] = '\0';
			result = gather_file(gathering, folder, name, runtime);
		}
		free(entries[i]);
	}
	free(entries);
	return result;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct vfv_intent *)a)->name, ((const struct vfv_intent *)b)->name);
}

int vfv_intents_read(const struct vfv_host *host, struct vfv_intents **ret_intents)
{
	char *runtime VFV_FREE = runtime_folder(host);
	struct gathering gathering = {.intents = calloc(1, sizeof(struct vfv_intents))};
	int result = runtime && gathering.intents ? 0 : -ENOMEM;

	if (result == 0)
		result = gather_folder(&gathering, runtime, true);
	if (result == 0)
		result = gather_folder(&gathering, host->intent, false);
	if (result == 0)
		result = gather_folder(&gathering, host->intent_vendor, false);
	for (size_t i = 0; i < gathering.seen_count; i++)
		free(gathering.seen[i]);
	free(gathering.seen);
	if (result < 0) {
		vfv_intents_free(gathering.intents);
		return result;
	}
	if (gathering.intents->count)
		qsort(gathering.intents->all, gathering.intents->count, sizeof(struct vfv_intent),
		      compare_names);
	*ret_intents = gathering.intents;
	return 0;
}

void vfv_intents_free(struct vfv_intents *intents)
{
	if (!intents)
		return;
	for (size_t i = 0; i < intents->count; i++)
		vfv_intent_clear(&intents->all[i]);
	free(intents->all);
	free(intents->errors);
	free(intents);
}

/* ---- which one is for a PF ---- */

/* Whether two texts are the same serial number, however it is written. */
static bool same_serial(const char *a, const char *b)
{
	return b && strcasecmp(a, b) == 0;
}

static bool match_agrees(const struct vfv_match *match, const struct vfv_pf *pf)
{
	if (match->has_address && vfv_address_compare(&match->address, &pf->address) != 0)
		return false;
	if (match->path && !vfv_text_equal(match->path, pf->path))
		return false;
	if (match->serial && !same_serial(match->serial, pf->serial))
		return false;
	if (match->netdev && !vfv_text_equal(match->netdev, pf->netdev))
		return false;
	return !match->has_mac || (pf->has_mac && memcmp(match->mac, pf->mac, VFV_MAC_BYTES) == 0);
}

int vfv_intents_for(const struct vfv_intents *intents, const struct vfv_pf *pf,
		    const struct vfv_intent **ret_intent, struct vfv_error *ret_error)
{
	const struct vfv_intent *found = NULL;
	char address[VFV_ADDRESS_BYTES];

	for (size_t i = 0; i < intents->count; i++) {
		const struct vfv_intent *intent = &intents->all[i];

		if (!match_agrees(&intent->match, pf))
			continue;
		if (found)
			return vfv_error_set(ret_error, VFV_ERROR_INTENT_CONFLICT, EEXIST,
					     "%s: two intents are for it: %s and %s: remove one",
					     vfv_address_format(&pf->address, address), found->file,
					     intent->file);
		found = intent;
	}
	*ret_intent = found;
	return 0;
}

/* ---- writing ---- */

static struct json_object *match_to_json(const struct vfv_match *match)
{
	struct json_object *object VFV_JSON = json_object_new_object();
	char address[VFV_ADDRESS_BYTES], mac[18];

	if (!object)
		return NULL;
	if (match->has_address &&
	    !vfv_json_add_text(object, "address", vfv_address_format(&match->address, address)))
		return NULL;
	if (match->path && !vfv_json_add_text(object, "path", match->path))
		return NULL;
	if (match->serial && !vfv_json_add_text(object, "serial", match->serial))
		return NULL;
	if (match->has_mac && !vfv_json_add_text(object, "mac", vfv_text_from_mac(match->mac, mac)))
		return NULL;
	if (match->netdev && !vfv_json_add_text(object, "netdev", match->netdev))
		return NULL;
	return vfv_take(object);
}

/* The text of a file; owned by the caller. NULL: no memory. */
static char *intent_to_text(const struct vfv_intent *intent)
{
	struct json_object *object VFV_JSON = json_object_new_object();
	const char *text;

	if (!object || !vfv_json_add_text(object, "created-by", VFV_INTENT_CREATED_BY) ||
	    !vfv_json_add(object, "match", match_to_json(&intent->match)) ||
	    !vfv_json_add_number(object, "vfs", intent->vfs) ||
	    !vfv_json_add_text(object, "transport", vfv_transport_name(intent->transport)) ||
	    !vfv_json_add_text(object, "driver", intent->driver))
		return NULL;
	text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
							      JSON_C_TO_STRING_SPACED |
							      JSON_C_TO_STRING_NOSLASHESCAPE);
	return text ? vfv_text("%s\n", text) : NULL;
}

/* Whether two intents name the same PF, in the same way. */
static bool same_match(const struct vfv_match *a, const struct vfv_match *b)
{
	return a->has_address == b->has_address &&
	       (!a->has_address || vfv_address_compare(&a->address, &b->address) == 0) &&
	       a->has_mac == b->has_mac &&
	       (!a->has_mac || memcmp(a->mac, b->mac, VFV_MAC_BYTES) == 0) &&
	       vfv_text_equal(a->path, b->path) && vfv_text_equal(a->serial, b->serial) &&
	       vfv_text_equal(a->netdev, b->netdev);
}

/*
 * Whether create owns a file, and it is for the PF of match (NULL: for any): 0 when so; -ENOENT
 * without an error when it is not there; else a negative errno with an error.
 */
static int check_owned(const char *name, const char *file, const struct vfv_match *match,
		       struct vfv_error *ret_error)
{
	struct vfv_intent intent;
	bool owned, same;
	int result = read_file(name, file, &intent, ret_error);

	if (result < 0)
		return result;
	owned = intent.owned_by_create;
	same = !match || same_match(match, &intent.match);
	vfv_intent_clear(&intent);
	if (owned && same)
		return 0;
	if (owned)
		return vfv_error_set(ret_error, VFV_ERROR_INTENT, EEXIST,
				     "%s: is for another PF: choose another name", file);
	return vfv_error_set(ret_error, VFV_ERROR_INTENT, EEXIST,
			     "%s: was not made by vfvirtctl create and is left alone: change the "
			     "file itself, then run vfvirtctl apply",
			     file);
}

/* Keep what a file of ours holds, then replace it. Negative errno. */
static int replace_file(const char *file, const char *text, char **ret_before)
{
	char *before VFV_FREE = NULL;
	int result = vfv_file_read(file, VFV_INTENT_FILE_BYTES_MAX, &before, NULL);

	if (result >= 0)
		result = vfv_file_write(file, text, strlen(text), FILE_MODE);
	if (result >= 0 && ret_before)
		*ret_before = vfv_take(before);
	return result < 0 ? result : 0;
}

char *vfv_intent_path(const struct vfv_host *host, const struct vfv_intent *intent)
{
	char *runtime VFV_FREE = runtime_folder(host);

	return runtime ? vfv_text("%s/%s" SUFFIX, intent->runtime ? runtime : host->intent,
				  intent->name)
		       : NULL;
}

int vfv_intent_write(const struct vfv_host *host, struct vfv_intent *intent, char **ret_before,
		     struct vfv_error *ret_error)
{
	char *runtime VFV_FREE = runtime_folder(host);
	const char *folder = intent->runtime ? runtime : host->intent;
	char *text VFV_FREE = intent_to_text(intent);
	char *file VFV_FREE = vfv_intent_path(host, intent);
	struct vfv_error error = VFV_NO_ERROR;
	int result;

	if (!text || !folder || !file)
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, 0, "%s: no memory",
				     intent->name);
	if (!vfv_intent_is_name(intent->name))
		return vfv_error_set(ret_error, VFV_ERROR_INTENT, EINVAL,
				     "%s: is no name for an intent", intent->name);
	result = vfv_folder_make(folder);
	if (result == 0) {
		result = check_owned(intent->name, file, &intent->match, &error);
		if (result == 0)
			result = replace_file(file, text, ret_before);
		else if (error.code == VFV_ERROR_NONE)
			result = vfv_file_create(file, text, strlen(text), FILE_MODE);
	}
	if (error.code != VFV_ERROR_NONE)
		return vfv_error_set(ret_error, error.code, result, "%s", error.text);
	if (result < 0)
		return vfv_error_set(ret_error, VFV_ERROR_STORAGE, result,
				     "%s: cannot be written: %s", file, strerror(-result));
	free(intent->file);
	intent->file = vfv_take(file);
	return 0;
}

void vfv_intent_restore(const struct vfv_intent *intent, const char *before)
{
	if (before)
		vfv_file_write(intent->file, before, strlen(before), FILE_MODE);
	else
		vfv_intent_remove(intent, NULL);
}

int vfv_intent_remove(const struct vfv_intent *intent, struct vfv_error *ret_error)
{
	struct vfv_error error = VFV_NO_ERROR;
	int result = check_owned(intent->name, intent->file, NULL, &error);

	if (error.code != VFV_ERROR_NONE)
		return vfv_error_set(ret_error, error.code, result, "%s", error.text);
	if (result == 0)
		result = vfv_file_remove(intent->file);
	if (result < 0 && result != -ENOENT)
		return vfv_error_set(ret_error, VFV_ERROR_STORAGE, result,
				     "%s: cannot be removed: %s", intent->file, strerror(-result));
	return 0;
}
