/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One entry of device_spec, as Nova understands it. */
#include "nova_spec.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "nova_conf.h"
#include "text.h"

#define PATTERN_BYTES_MAX 64
/* A byte of a pattern becomes at most five; and what is put around it. */
#define TRANSLATED_BYTES (5 * PATTERN_BYTES_MAX + 8)
#define DIGITS		 "0123456789abcdefABCDEF"

/* The parts of an address, their largest values, and how Nova writes them. */
/* clang-format off */
static const struct {
	const char *name;
	unsigned int max;
	int digits;
} fields[VFV_NOVA_FIELDS] = {
	{ "domain", VFV_NOVA_DOMAIN_MAX, 4 },
	{ "bus", 0xff, 2 },
	{ "slot", 0x1f, 2 },
	{ "function", 7, 1 },
};
/* clang-format on */

/* Say why Nova refuses an entry. */
static int __attribute__((format(printf, 2, 3))) fault(char *ret_fault, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(ret_fault, VFV_NOVA_FAULT_BYTES, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

/* What somebody wrote, as it may be shown. */
#define SHOWN(TEXT) vfv_text_show(TEXT, strlen(TEXT), (char[VFV_SHOWN_BYTES]){0})

/* A number in hexadecimal digits, or "*" or nothing for any. */
static int read_number(const char *name, const char *text, unsigned int max, int *ret_number,
		       char *ret_fault)
{
	uint64_t number;

	*ret_number = VFV_UNKNOWN;
	if (!*text || strcmp(text, "*") == 0)
		return 0;
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		text += 2;
	if (vfv_text_number(text, 16, max, &number) < 0)
		return fault(ret_fault, "%s \"%s\" is no hexadecimal number up to %x", name,
			     SHOWN(text), max);
	*ret_number = (int)number;
	return 0;
}

/* vendor_id or product_id; *ids becomes false when it is of another device. */
static int read_id(struct json_object *entry, const char *key, int ours, bool *ids, char *ret_fault)
{
	struct json_object *value;
	int number, ret;

	if (!json_object_object_get_ex(entry, key, &value))
		return 0;
	if (!json_object_is_type(value, json_type_string) || !json_object_get_string_len(value))
		return fault(ret_fault, "%s is no text, or an empty one", key);
	ret = read_number(key, json_object_get_string(value), 0xffff, &number, ret_fault);
	if (ret == 0 && number != VFV_UNKNOWN && number != ours)
		*ids = false;
	return ret;
}

/* "DOMAIN:BUS:SLOT.FUNCTION", of which what is left out at the left, or is "*", is any. */
static int read_address(struct vfv_nova_spec *spec, const char *text, char *ret_fault)
{
	VFV_FREE char *copy = strdup(text);
	char *function, *part;
	int at = 2;

	if (!copy)
		return -ENOMEM;
	function = strchr(copy, '.');
	if (function) {
		*function++ = '\0';
		if (read_number("function", function, 7, &spec->numbers[3], ret_fault) < 0)
			return -EINVAL;
	}
	do {
		part = strrchr(copy, ':');
		if (at < 0)
			return fault(ret_fault, "the address \"%s\" has too many parts",
				     SHOWN(text));
		if (read_number(fields[at].name, part ? part + 1 : copy, fields[at].max,
				&spec->numbers[at], ret_fault) < 0)
			return -EINVAL;
		at--;
		if (part)
			*part = '\0';
	} while (part);
	return 0;
}

/*
 * A pattern of Python's as one of POSIX that accepts the same texts: both look whether a beginning
 * of the field matches. Returns whether it is one of those that both have.
 */
static bool translate(const char *pattern, char ret_pattern[TRANSLATED_BYTES])
{
	char *out = ret_pattern;

	if (strlen(pattern) >= PATTERN_BYTES_MAX)
		return false;
	out = stpcpy(out, "^(");
	for (const char *at = pattern; *at; at++) {
		/* Within [ ] a class such as \d is no bracket of its own. */
		bool inside =
			memrchr(pattern, '[', at - pattern) > memrchr(pattern, ']', at - pattern);
		bool repeat = strchr("*+?", *at);

		if (inside && *at == '\\')
			return false;
		if (!inside && repeat && (at == pattern || strchr("*+?(|^", at[-1])))
			return false;
		if (at[0] == '\\' && at[1] == 'd') {
			out = stpcpy(out, "[0-9]");
			at++;
		} else if (at[0] == '\\' && at[1] == '.') {
			out = stpcpy(out, "[.]");
			at++;
		} else if (strchr(DIGITS ".*+?()|[]-^$x", *at)) {
			*out++ = *at;
		} else {
			return false;
		}
	}
	stpcpy(out, ")");
	return true;
}

static int read_pattern(struct vfv_nova_spec *spec, int field, struct json_object *value,
			char *ret_fault)
{
	char pattern[TRANSLATED_BYTES];
	int error = REG_BADPAT;

	if (!json_object_is_type(value, json_type_string))
		return fault(ret_fault, "address.%s is no text", fields[field].name);
	if (translate(json_object_get_string(value), pattern))
		error = regcomp(&spec->regexes[field], pattern, REG_EXTENDED | REG_NOSUB);
	spec->has_regex[field] = error == 0;
	spec->unknown |= error != 0;
	return error == REG_ESPACE ? -ENOMEM : 0;
}

/* {"domain": PATTERN, ...}, of which those that are left out are any. */
static int read_patterns(struct vfv_nova_spec *spec, struct json_object *address, char *ret_fault)
{
	int ret = 0;

	spec->patterns = true;
	for (int field = 0; field < VFV_NOVA_FIELDS && ret == 0; field++) {
		struct json_object *value;

		if (json_object_object_get_ex(address, fields[field].name, &value))
			ret = read_pattern(spec, field, value, ret_fault);
	}
	return ret;
}

/* Where the device is: by address, by interface, or anywhere. */
static int read_place(struct vfv_nova_spec *spec, char *ret_fault)
{
	struct json_object *address = NULL, *devname = NULL;

	json_object_object_get_ex(spec->entry, "address", &address);
	json_object_object_get_ex(spec->entry, "devname", &devname);
	if (address && devname)
		return fault(ret_fault, "address and devname exclude each other");
	if (devname && !json_object_is_type(devname, json_type_string))
		return fault(ret_fault, "devname is no text");
	spec->devname = devname ? json_object_get_string(devname) : NULL;
	if (json_object_is_type(address, json_type_object))
		return read_patterns(spec, address, ret_fault);
	if (json_object_is_type(address, json_type_string))
		return read_address(spec, json_object_get_string(address), ret_fault);
	return address ? fault(ret_fault, "address is neither a text nor an object") : 0;
}

/* Tags that Nova reads as booleans, and refuses when they are none. */
static int read_flags(struct vfv_nova_spec *spec, const struct vfv_nova_rules *rules,
		      char *ret_fault)
{
	static const char *const flags[] = {"managed", "live_migratable"};

	for (size_t i = 0; rules->managed && i < sizeof(flags) / sizeof(flags[0]); i++)
		if (vfv_nova_spec_flag(spec, flags[i]) < 0)
			return fault(ret_fault, "%s is neither yes nor no", flags[i]);
	return 0;
}

int vfv_nova_spec_parse(struct json_object *entry, const struct vfv_nova_rules *rules,
			struct vfv_nova_spec *ret_spec, char ret_fault[VFV_NOVA_FAULT_BYTES])
{
	struct vfv_nova_spec spec = {.ids = true};
	int ret;

	if (!json_object_is_type(entry, json_type_object))
		return fault(ret_fault, "an entry is an object in { }");
	memset(spec.numbers, 0xff, sizeof(spec.numbers)); /* VFV_UNKNOWN */
	spec.entry = json_object_get(entry);
	ret = read_id(entry, "vendor_id", 0x1af4, &spec.ids, ret_fault);
	if (ret == 0)
		ret = read_id(entry, "product_id", 0x1041, &spec.ids, ret_fault);
	if (ret == 0)
		ret = read_place(&spec, ret_fault);
	if (ret == 0)
		ret = read_flags(&spec, rules, ret_fault);
	if (ret < 0) {
		vfv_nova_spec_clear(&spec);
		return ret;
	}
	*ret_spec = spec;
	return 0;
}

void vfv_nova_spec_clear(struct vfv_nova_spec *spec)
{
	for (int field = 0; field < VFV_NOVA_FIELDS; field++)
		if (spec->has_regex[field])
			regfree(&spec->regexes[field]);
	json_object_put(spec->entry);
	*spec = (struct vfv_nova_spec){0};
}

/* A field of an address. */
static unsigned int number_of(const struct vfv_address *address, int field)
{
	const unsigned int numbers[VFV_NOVA_FIELDS] = {address->domain, address->bus,
						       address->device, address->function};

	return numbers[field];
}

/* Whether all four numbers are those of an address. */
static bool is_address(const struct vfv_nova_spec *spec, const struct vfv_address *address)
{
	for (int field = 0; field < VFV_NOVA_FIELDS; field++)
		if (spec->numbers[field] != (int)number_of(address, field))
			return false;
	return true;
}

static bool match_field(const struct vfv_nova_spec *spec, const struct vfv_address *address,
			int field)
{
	char text[16];

	if (!spec->patterns)
		return spec->numbers[field] == VFV_UNKNOWN ||
		       spec->numbers[field] == (int)number_of(address, field);
	snprintf(text, sizeof(text), "%0*x", fields[field].digits, number_of(address, field));
	return !spec->has_regex[field] || regexec(&spec->regexes[field], text, 0, NULL, 0) == 0;
}

enum vfv_nova_match vfv_nova_spec_match(const struct vfv_nova_spec *spec, const struct vfv_pf *pf,
					const struct vfv_vf *vf)
{
	const struct vfv_address *address = vf ? &vf->address : &pf->address;

	if (!spec->ids || spec->devname)
		return VFV_NOVA_MATCH_NO;
	/* The address of a PF stands for all of its VFs too. */
	if (!spec->patterns && is_address(spec, &pf->address))
		return VFV_NOVA_MATCH_YES;
	for (int field = 0; field < VFV_NOVA_FIELDS; field++)
		if (!match_field(spec, address, field))
			return VFV_NOVA_MATCH_NO;
	return spec->unknown ? VFV_NOVA_MATCH_UNKNOWN : VFV_NOVA_MATCH_YES;
}

const char *vfv_nova_spec_tag(const struct vfv_nova_spec *spec, const char *tag)
{
	struct json_object *value;

	if (!json_object_object_get_ex(spec->entry, tag, &value) ||
	    !json_object_is_type(value, json_type_string))
		return NULL;
	return json_object_get_string(value);
}

int vfv_nova_spec_flag(const struct vfv_nova_spec *spec, const char *tag)
{
	struct json_object *value;

	if (!json_object_object_get_ex(spec->entry, tag, &value))
		return VFV_NOVA_TAG_ABSENT;
	if (json_object_is_type(value, json_type_boolean))
		return json_object_get_boolean(value);
	return json_object_is_type(value, json_type_string)
		       ? vfv_nova_boolean(json_object_get_string(value))
		       : -EINVAL;
}
