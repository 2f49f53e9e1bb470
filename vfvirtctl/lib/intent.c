/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One intent out of a text: a table with a row for each key. */
#include "intent.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "json.h"
#include "nova.h"
#include "text.h"

#define PATH_BYTES_MAX	 512
#define NETDEV_BYTES_MAX 15
#define CLASS_BYTES_MAX	 255
#define SERIAL_DIGITS	 16
#define KEY_PATH_BYTES	 160

/* How the value of a key is read, and into what. */
enum kind {
	KIND_ADDRESS,	 /* the match's address */
	KIND_MAC,	 /* the match's mac */
	KIND_TEXT,	 /* char *, owned, that the row's check accepts */
	KIND_VFS,	 /* unsigned int, 0..VFV_INTENT_VFS_MAX */
	KIND_TRANSPORT,	 /* enum vfv_transport but "none" */
	KIND_CREATED_BY, /* bool, from VFV_INTENT_CREATED_BY */
};

static bool check_path(const char *text);
static bool check_serial(const char *text);
static bool check_netdev(const char *text);
static bool check_class(const char *text);
static bool check_release(const char *text);

/* clang-format off */
static const struct row {
	struct vfv_intent_key key;
	enum kind kind;
	size_t offset; /* in struct vfv_intent; not for addresses, which are two fields */
	bool (*check)(const char *text); /* of KIND_TEXT */
} rows[] = {
	{ { "match.address", "a PCI address such as \"0000:3b:00.0\"", NULL,
	    "the PF's address" },
	  KIND_ADDRESS, 0, NULL },
	{ { "match.path", "a place on the bus such as \"pci0000:3a/0000:3a:00.0/0000:3b:00.0\"", NULL,
	    "the PF's place on the bus, as below /sys/devices" },
	  KIND_TEXT, offsetof(struct vfv_intent, match.path), check_path },
	{ { "match.serial", "16 hexadecimal digits", NULL,
	    "the device serial number of the PF" },
	  KIND_TEXT, offsetof(struct vfv_intent, match.serial), check_serial },
	{ { "match.mac", "a MAC address such as \"52:54:00:f0:00:01\"", NULL,
	    "the MAC address of the PF's network interface" },
	  KIND_MAC, 0, NULL },
	{ { "match.netdev", "the name of a network interface", NULL,
	    "the name of the PF's network interface" },
	  KIND_TEXT, offsetof(struct vfv_intent, match.netdev), check_netdev },
	{ { "vfs", "a whole number from 0 to 65535", NULL,
	    "how many VFs there shall be; this key must be there" },
	  KIND_VFS, offsetof(struct vfv_intent, vfs), NULL },
	{ { "transport", "\"auto\", \"vfvirt\" or \"intree\"", "auto",
	    "who reaches the legacy registers: vfvirt_pf, or the kernel's own driver" },
	  KIND_TRANSPORT, offsetof(struct vfv_intent, transport), NULL },
	{ { "driver", "the name of a driver", VFV_INTENT_DRIVER,
	    "the driver that VFs are bound to" },
	  KIND_TEXT, offsetof(struct vfv_intent, driver), vfv_is_driver_name },
	{ { "nova.alias", "a name of letters, digits, '-', '_' and '.'", VFV_INTENT_ALIAS,
	    "the alias by which flavors of Nova ask for a VF" },
	  KIND_TEXT, offsetof(struct vfv_intent, nova_alias), vfv_intent_is_name },
	{ { "nova.resource_class", "a name of capital letters, digits and '_'",
	    VFV_INTENT_RESOURCE_CLASS,
	    "the resource class under which Nova's placement counts the VFs" },
	  KIND_TEXT, offsetof(struct vfv_intent, nova_resource_class), check_class },
	{ { "nova.release", "\"zed\" or \"2025.1\"", VFV_INTENT_RELEASE,
	    "the release of Nova that the entries in /run/vfvirt/nova are written for" },
	  KIND_TEXT, offsetof(struct vfv_intent, nova_release), check_release },
	{ { "created-by", "\"" VFV_INTENT_CREATED_BY "\"", NULL,
	    "marks a file that vfvirtctl destroy may remove" },
	  KIND_CREATED_BY, offsetof(struct vfv_intent, owned_by_create), NULL },
};
/* clang-format on */

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

const struct vfv_intent_key *vfv_intent_key(size_t index)
{
	return index < ROW_COUNT ? &rows[index].key : NULL;
}

static bool is_letter_or_digit(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= '0' && byte <= '9');
}

/* Whether a text is 1..max_bytes letters, digits and marks. */
static bool is_word(const char *text, const char *marks, size_t max_bytes)
{
	size_t length = 0;

	for (; text[length]; length++)
		if (length == max_bytes ||
		    (!is_letter_or_digit(text[length]) && !strchr(marks, text[length])))
			return false;
	return length > 0;
}

bool vfv_intent_is_name(const char *name)
{
	return is_letter_or_digit(*name) && is_word(name, "-_.", VFV_INTENT_NAME_BYTES_MAX);
}

static bool check_path(const char *text)
{
	const char *last = strrchr(text, '/');
	struct vfv_address address;

	return last && is_word(text, ":./-_", PATH_BYTES_MAX) &&
	       vfv_address_parse(last + 1, &address);
}

static bool check_serial(const char *text)
{
	uint64_t serial;

	return strlen(text) == SERIAL_DIGITS && vfv_text_number(text, 16, UINT64_MAX, &serial) == 0;
}

/* The kernel's rule for names of interfaces. */
static bool check_netdev(const char *text)
{
	return vfv_text_is_name(text, NETDEV_BYTES_MAX) && !strpbrk(text, ": ") &&
	       strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

bool vfv_is_driver_name(const char *text)
{
	return is_word(text, "-_", VFV_DRIVER_NAME_BYTES_MAX);
}

static bool check_class(const char *text)
{
	for (const char *at = text; *at; at++)
		if (*at >= 'a' && *at <= 'z')
			return false;
	return is_word(text, "_", CLASS_BYTES_MAX);
}

static bool check_release(const char *text)
{
	return vfv_nova_rules(text);
}

static int read_vfs(struct json_object *value, unsigned int *ret_vfs)
{
	int64_t vfs;

	if (!json_object_is_type(value, json_type_int))
		return -EINVAL;
	vfs = json_object_get_int64(value);
	if (vfs < 0 || vfs > VFV_INTENT_VFS_MAX)
		return -EINVAL;
	*ret_vfs = vfs;
	return 0;
}

static int read_transport(const char *text, enum vfv_transport *ret_transport)
{
	for (int i = 0; i < VFV_TRANSPORT_COUNT; i++) {
		if (i != VFV_TRANSPORT_NONE && strcmp(text, vfv_transport_name(i)) == 0) {
			*ret_transport = i;
			return 0;
		}
	}
	return -EINVAL;
}

/* Read the value of a key. -EINVAL: it is not of the key's form; -ENOMEM. */
static int read_value(const struct row *row, struct json_object *value, struct vfv_intent *intent)
{
	void *place = (char *)intent + row->offset;
	const char *text;

	if (row->kind == KIND_VFS)
		return read_vfs(value, place);
	if (!json_object_is_type(value, json_type_string))
		return -EINVAL;
	text = json_object_get_string(value);
	switch (row->kind) {
	case KIND_ADDRESS:
		intent->match.has_address = vfv_address_parse(text, &intent->match.address);
		return intent->match.has_address ? 0 : -EINVAL;
	case KIND_MAC:
		intent->match.has_mac = vfv_text_mac(text, intent->match.mac);
		return intent->match.has_mac ? 0 : -EINVAL;
	case KIND_TRANSPORT:
		return read_transport(text, place);
	case KIND_CREATED_BY:
		*(bool *)place = strcmp(text, VFV_INTENT_CREATED_BY) == 0;
		return *(bool *)place ? 0 : -EINVAL;
	default:
		if (!row->check(text))
			return -EINVAL;
		*(char **)place = strdup(text);
		return *(char **)place ? 0 : -ENOMEM;
	}
}

/* Whether keys begin with path and a dot, so that its value must be an object. */
static bool is_outer(const char *path)
{
	size_t length = strlen(path);

	for (size_t i = 0; i < ROW_COUNT; i++)
		if (strncmp(rows[i].key.path, path, length) == 0 && rows[i].key.path[length] == '.')
			return true;
	return false;
}

/* A value as it was written, cut, for a message. */
static const char *show_value(struct json_object *value, char ret_shown[VFV_SHOWN_BYTES])
{
	const char *text = json_object_to_json_string_ext(value, JSON_C_TO_STRING_NOSLASHESCAPE);

	/* What json-c keeps of a longer number is the farthest that it can count to. */
	if (json_object_is_type(value, json_type_int) &&
	    (json_object_get_uint64(value) == UINT64_MAX ||
	     json_object_get_int64(value) == INT64_MIN))
		return "a number of 64 bits or more";
	return text ? vfv_text_show(text, strlen(text), ret_shown) : "?";
}

/* Write "match.address, match.path, ..." for the keys whose paths begin with below. */
static void list_known(const char *below, char *ret_list, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < ROW_COUNT && used < size; i++)
		if (strncmp(rows[i].key.path, below, strlen(below)) == 0)
			used += snprintf(ret_list + used, size - used, "%s%s", used ? ", " : "",
					 rows[i].key.path);
}

static int fault_unknown(const char *file, const char *path, const char *below,
			 struct vfv_error *ret_error)
{
	char known[256];

	list_known(below, known, sizeof(known));
	return vfv_error_set(ret_error, VFV_ERROR_INTENT, EINVAL,
			     "%s: %s: unknown key: there are %s", file, path, known);
}

static int fault_form(const char *file, const char *path, const char *form,
		      struct json_object *value, struct vfv_error *ret_error)
{
	char shown[VFV_SHOWN_BYTES];

	return vfv_error_set(ret_error, VFV_ERROR_INTENT, EINVAL, "%s: %s: must be %s, is %s", file,
			     path, form, show_value(value, shown));
}

static int no_memory(const char *file, struct vfv_error *ret_error)
{
	return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, 0, "%s: no memory", file);
}

/* Read the members of an object. below: its path and a dot; "": the outermost. */
static int read_object(const char *file, const char *below, struct json_object *object,
		       struct vfv_intent *intent, struct vfv_error *ret_error);

static int read_member(const char *file, const char *below, const char *key,
		       struct json_object *value, struct vfv_intent *intent,
		       struct vfv_error *ret_error)
{
	char shown[VFV_SHOWN_BYTES], path[KEY_PATH_BYTES];

	snprintf(path, sizeof(path), "%s%s", below, vfv_text_show(key, strlen(key), shown));
	for (size_t i = 0; i < ROW_COUNT; i++) {
		int result;

		/* A key "match.address" at the top is not the address inside of "match". */
		if (strcmp(rows[i].key.path, path) != 0 || strchr(key, '.'))
			continue;
		result = read_value(&rows[i], value, intent);
		if (result == -ENOMEM)
			return no_memory(file, ret_error);
		return result < 0 ? fault_form(file, path, rows[i].key.form, value, ret_error) : 0;
	}
	if (!is_outer(path))
		return fault_unknown(file, path, below, ret_error);
	if (!json_object_is_type(value, json_type_object))
		return fault_form(file, path, "an object in { }", value, ret_error);
	intent->has_nova |= strcmp(path, "nova") == 0;
	strncat(path, ".", sizeof(path) - strlen(path) - 1);
	return read_object(file, path, value, intent, ret_error);
}

static int read_object(const char *file, const char *below, struct json_object *object,
		       struct vfv_intent *intent, struct vfv_error *ret_error)
{
	json_object_object_foreach(object, key, value) {
		int result = read_member(file, below, key, value, intent, ret_error);

		if (result < 0)
			return result;
	}
	return 0;
}

/* Give a missing text its default; false: no memory. */
static bool fall_back(char **text, const char *fallback)
{
	if (!*text)
		*text = strdup(fallback);
	return *text;
}

/* What has to be there, and what a missing key stands for. */
static int complete(const char *file, struct json_object *object, struct vfv_intent *intent,
		    struct vfv_error *ret_error)
{
	const struct vfv_match *match = &intent->match;
	char known[128];

	if (!match->has_address && !match->path && !match->serial && !match->netdev &&
	    !match->has_mac) {
		list_known("match.", known, sizeof(known));
		return vfv_error_set(ret_error, VFV_ERROR_INTENT, EINVAL,
				     "%s: match: must name the PF by at least one of %s", file,
				     known);
	}
	if (!json_object_object_get_ex(object, "vfs", NULL))
		return vfv_error_set(
			ret_error, VFV_ERROR_INTENT, EINVAL,
			"%s: vfs: missing: say how many VFs there shall be, 0 for none", file);
	if (!fall_back(&intent->driver, VFV_INTENT_DRIVER) ||
	    (intent->has_nova &&
	     (!fall_back(&intent->nova_alias, VFV_INTENT_ALIAS) ||
	      !fall_back(&intent->nova_resource_class, VFV_INTENT_RESOURCE_CLASS) ||
	      !fall_back(&intent->nova_release, VFV_INTENT_RELEASE))))
		return no_memory(file, ret_error);
	return 0;
}

int vfv_intent_parse(const char *name, const char *file, const char *text, size_t length,
		     struct vfv_intent *ret_intent, struct vfv_error *ret_error)
{
	struct json_object *object VFV_JSON = NULL;
	struct vfv_intent intent = {.transport = VFV_TRANSPORT_AUTO};
	int result;

	if (!vfv_intent_is_name(name))
		return vfv_error_set(
			ret_error, VFV_ERROR_INTENT, EINVAL,
			"%s: the name must be 1 to %d letters, digits, '-', '_' and '.' "
			"and begin with a letter or digit",
			file, VFV_INTENT_NAME_BYTES_MAX);
	result = vfv_json_parse(file, text, length, VFV_ERROR_INTENT, &object, ret_error);
	if (result == 0)
		result = read_object(file, "", object, &intent, ret_error);
	if (result == 0)
		result = complete(file, object, &intent, ret_error);
	if (result == 0) {
		intent.name = strdup(name);
		intent.file = strdup(file);
		if (!intent.name || !intent.file)
			result = no_memory(file, ret_error);
	}
	if (result < 0) {
		vfv_intent_clear(&intent);
		return result;
	}
	*ret_intent = intent;
	return 0;
}

void vfv_intent_clear(struct vfv_intent *intent)
{
	free(intent->name);
	free(intent->file);
	free(intent->match.path);
	free(intent->match.serial);
	free(intent->match.netdev);
	free(intent->driver);
	free(intent->nova_alias);
	free(intent->nova_resource_class);
	free(intent->nova_release);
	*intent = (struct vfv_intent){0};
}
