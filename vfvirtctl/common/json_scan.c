/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a text is JSON to the letter: one function for each rule of its grammar. */
#include "json_scan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "text.h"

/* The objects and arrays that the scanner is inside of, from the inner one outwards. */
struct level {
	const struct level *outer;
	const char *key; /* the member that is being read; NULL in an array */
	size_t key_length;
	size_t item; /* the element that is being read, in an array */
};

struct scanner {
	const char *at;
	const char *end;
	unsigned int line;
	unsigned int depth;
	struct vfv_json_fault *fault;
};

static int scan_value(struct scanner *scanner, const struct level *outer);

static int fault(struct scanner *scanner, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int fault(struct scanner *scanner, const char *format, ...)
{
	va_list arguments;

	scanner->fault->line = scanner->line;
	va_start(arguments, format);
	vsnprintf(scanner->fault->why, sizeof(scanner->fault->why), format, arguments);
	va_end(arguments);
	return -EINVAL;
}

/* What stands at the scanner, in words. */
static const char *here(const struct scanner *scanner, char ret_words[VFV_SHOWN_BYTES])
{
	char shown[VFV_SHOWN_BYTES];

	if (scanner->at == scanner->end)
		return "the end of the text";
	snprintf(ret_words, VFV_SHOWN_BYTES, "'%.8s'", vfv_text_show(scanner->at, 1, shown));
	return ret_words;
}

static int fault_expected(struct scanner *scanner, const char *expected)
{
	char words[VFV_SHOWN_BYTES];

	return fault(scanner, "expected %s, found %s", expected, here(scanner, words));
}

static void skip_blanks(struct scanner *scanner)
{
	for (; scanner->at < scanner->end; scanner->at++) {
		if (*scanner->at == '\n')
			scanner->line++;
		else if (*scanner->at != ' ' && *scanner->at != '\t' && *scanner->at != '\r')
			return;
	}
}

/* Go past one byte if it is the wanted one. */
static bool take(struct scanner *scanner, char wanted)
{
	if (scanner->at == scanner->end || *scanner->at != wanted)
		return false;
	scanner->at++;
	return true;
}

/* Four hexadecimal digits behind "\u"; -EINVAL when there are none. */
static int scan_unit(struct scanner *scanner, unsigned int *ret_unit)
{
	char digits[5] = "";
	uint64_t unit;

	if (scanner->end - scanner->at < 4)
		return -EINVAL;
	memcpy(digits, scanner->at, 4);
	/* A NUL among them would end the number early. */
	if (strlen(digits) < 4 || vfv_text_number(digits, 16, 0xffff, &unit) < 0)
		return -EINVAL;
	scanner->at += 4;
	*ret_unit = unit;
	return 0;
}

/* A "\u" escape, or two of them for a character above U+FFFF. */
static int scan_unicode(struct scanner *scanner)
{
	unsigned int unit, low;

	if (scan_unit(scanner, &unit) < 0)
		return fault(scanner, "\\u needs four hexadecimal digits");
	if (unit == 0)
		return fault(scanner, "a text cannot hold a NUL (\\u0000)");
	if (unit < 0xd800 || unit > 0xdfff)
		return 0;
	if (unit > 0xdbff || !take(scanner, '\\') || !take(scanner, 'u') ||
	    scan_unit(scanner, &low) < 0 || low < 0xdc00 || low > 0xdfff)
		return fault(scanner, "\\u%04x is half a character: the other half is missing",
			     unit);
	return 0;
}

static int scan_escape(struct scanner *scanner)
{
	char words[VFV_SHOWN_BYTES];

	if (take(scanner, 'u'))
		return scan_unicode(scanner);
	if (scanner->at == scanner->end || !*scanner->at || !strchr("\"\\/bfnrt", *scanner->at))
		return fault(scanner, "there is no escape of a backslash and %s",
			     here(scanner, words));
	scanner->at++;
	return 0;
}

/* A text, from behind its opening quote to behind the closing one. */
static int scan_text(struct scanner *scanner)
{
	while (scanner->at < scanner->end) {
		unsigned char byte = *scanner->at;
		size_t needed = vfv_text_utf8(scanner->at, scanner->end - scanner->at);

		if (needed == 0)
			return fault(scanner, "byte 0x%02x is not UTF-8", byte);
		if (byte == '\n')
			return fault(scanner, "a text does not end on its line");
		if (byte < 0x20)
			return fault(scanner, "control byte 0x%02x in a text", byte);
		scanner->at += needed;
		if (byte == '"')
			return 0;
		if (byte == '\\') {
			int result = scan_escape(scanner);

			if (result < 0)
				return result;
		}
	}
	return fault(scanner, "a text is not closed: '\"' is missing");
}

static size_t skip_digits(struct scanner *scanner)
{
	const char *begin = scanner->at;

	while (scanner->at < scanner->end && *scanner->at >= '0' && *scanner->at <= '9')
		scanner->at++;
	return scanner->at - begin;
}

static int scan_number(struct scanner *scanner)
{
	bool zero;

	take(scanner, '-');
	zero = scanner->at < scanner->end && *scanner->at == '0';
	switch (skip_digits(scanner)) {
	case 0:
		return fault_expected(scanner, "a digit");
	case 1:
		break;
	default:
		if (zero)
			return fault(scanner, "a number begins with 0");
	}
	if (take(scanner, '.') && skip_digits(scanner) == 0)
		return fault_expected(scanner, "a digit behind '.'");
	if (take(scanner, 'e') || take(scanner, 'E')) {
		if (!take(scanner, '+'))
			take(scanner, '-');
		if (skip_digits(scanner) == 0)
			return fault_expected(scanner, "a digit of the exponent");
	}
	return 0;
}

/* Write "match.address" for a key and what it is inside of. */
static void describe_path(const struct level *level, char *text, size_t size)
{
	char shown[VFV_SHOWN_BYTES];
	size_t used;

	text[0] = '\0';
	if (level->outer)
		describe_path(level->outer, text, size);
	used = strlen(text);
	if (level->key)
		snprintf(text + used, size - used, "%s%s", used ? "." : "",
			 vfv_text_show(level->key, level->key_length, shown));
	else
		snprintf(text + used, size - used, "[%zu]", level->item);
}

/* A key with its quotes. Other keys of the object, begin[0..count), must be different. */
static int scan_key(struct scanner *scanner, struct level *level, const char **begins,
		    size_t *lengths, size_t count)
{
	char path[VFV_JSON_FAULT_BYTES / 2];
	int result;

	if (!take(scanner, '"'))
		return fault_expected(scanner,
				      count ? "'\"' of a key behind ','" : "'\"' of a key or '}'");
	level->key = scanner->at;
	result = scan_text(scanner);
	if (result < 0)
		return result;
	level->key_length = scanner->at - 1 - level->key;
	if (level->key_length > VFV_JSON_KEY_BYTES_MAX)
		return fault(scanner, "a key is longer than %d bytes", VFV_JSON_KEY_BYTES_MAX);
	if (memchr(level->key, '\\', level->key_length))
		return fault(scanner, "a key has an escape: write the character itself");
	if (count == VFV_JSON_KEYS_MAX)
		return fault(scanner, "an object has more than %d keys", VFV_JSON_KEYS_MAX);
	for (size_t i = 0; i < count; i++) {
		if (lengths[i] == level->key_length &&
		    memcmp(begins[i], level->key, lengths[i]) == 0) {
			describe_path(level, path, sizeof(path));
			return fault(scanner, "the key \"%s\" is there twice", path);
		}
	}
	begins[count] = level->key;
	lengths[count] = level->key_length;
	return 0;
}

/* An object, from behind its '{' to behind its '}'. */
static int scan_object(struct scanner *scanner, const struct level *outer)
{
	struct level level = {.outer = outer};
	const char *begins[VFV_JSON_KEYS_MAX];
	size_t lengths[VFV_JSON_KEYS_MAX];
	int result;

	skip_blanks(scanner);
	if (take(scanner, '}'))
		return 0;
	for (size_t count = 0;; count++) {
		skip_blanks(scanner);
		result = scan_key(scanner, &level, begins, lengths, count);
		if (result < 0)
			return result;
		skip_blanks(scanner);
		if (!take(scanner, ':'))
			return fault_expected(scanner, "':' behind a key");
		result = scan_value(scanner, &level);
		if (result < 0)
			return result;
		skip_blanks(scanner);
		if (take(scanner, '}'))
			return 0;
		if (!take(scanner, ','))
			return fault_expected(scanner, "',' or '}'");
	}
}

/* An array, from behind its '[' to behind its ']'. */
static int scan_array(struct scanner *scanner, const struct level *outer)
{
	struct level level = {.outer = outer};

	skip_blanks(scanner);
	if (take(scanner, ']'))
		return 0;
	for (;; level.item++) {
		int result = scan_value(scanner, &level);

		if (result < 0)
			return result;
		skip_blanks(scanner);
		if (take(scanner, ']'))
			return 0;
		if (!take(scanner, ','))
			return fault_expected(scanner, "',' or ']'");
	}
}

static int scan_word(struct scanner *scanner)
{
	static const char *const words[] = {"true", "false", "null"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t length = strlen(words[i]);

		if ((size_t)(scanner->end - scanner->at) >= length &&
		    memcmp(scanner->at, words[i], length) == 0) {
			scanner->at += length;
			return 0;
		}
	}
	return fault_expected(scanner, "a value");
}

static int scan_value(struct scanner *scanner, const struct level *outer)
{
	int result;

	skip_blanks(scanner);
	if (scanner->at == scanner->end)
		return fault_expected(scanner, "a value");
	if (*scanner->at == '-' || (*scanner->at >= '0' && *scanner->at <= '9'))
		return scan_number(scanner);
	if (take(scanner, '"'))
		return scan_text(scanner);
	if (*scanner->at != '{' && *scanner->at != '[')
		return scan_word(scanner);
	if (++scanner->depth > VFV_JSON_DEPTH_MAX)
		return fault(scanner, "more than %d levels of objects and arrays",
			     VFV_JSON_DEPTH_MAX);
	result = take(scanner, '{') ? scan_object(scanner, outer)
				    : (scanner->at++, scan_array(scanner, outer));
	scanner->depth--;
	return result;
}

int vfv_json_scan(const char *text, size_t length, struct vfv_json_fault *ret_fault)
{
	struct scanner scanner = {.at = text, .end = text + length, .line = 1, .fault = ret_fault};
	int result;

	skip_blanks(&scanner);
	if (scanner.at == scanner.end)
		return fault(&scanner, "there is nothing in it: expected one object in { }");
	if (*scanner.at != '{')
		return fault_expected(&scanner, "'{'");
	result = scan_value(&scanner, NULL);
	if (result < 0)
		return result;
	skip_blanks(&scanner);
	if (scanner.at != scanner.end)
		return fault_expected(&scanner, "nothing behind the object");
	return 0;
}
