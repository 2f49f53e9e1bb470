/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of strict JSON: each kind of broken text, and the helpers on objects. */
#include "json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json_scan.h"
#include "unit.h"

/* The text with its length is refused, and the message has these words. */
static void refused_bytes(const char *text, size_t length, const char *words)
{
	struct json_object *object = NULL;
	struct vfv_error error = VFV_NO_ERROR;

	if (vfv_json_parse("w", text, length, VFV_ERROR_INTENT, &object, &error) != -EINVAL)
		fail_msg("accepted: %s", text);
	assert_null(object);
	assert_int_equal(error.code, VFV_ERROR_INTENT);
	assert_has(error.text, words);
}

static void refused(const char *text, const char *words)
{
	refused_bytes(text, strlen(text), words);
}

static void accepted(const char *text)
{
	struct json_object *object VFV_JSON = NULL;
	struct vfv_error error = VFV_NO_ERROR;

	if (vfv_json_parse("w", text, strlen(text), VFV_ERROR_INTENT, &object, &error) != 0)
		fail_msg("refused: %s", error.text);
	assert_true(json_object_is_type(object, json_type_object));
}

TEST(json_objects_of_all_kinds_of_values_are_read)
{
	accepted("{}");
	accepted(" \t\r\n{ } \n");
	accepted("{\"a\":1,\"b\":-0,\"c\":1.5,\"d\":-1e9,\"e\":1E+2,\"f\":2e-3,\"g\":0.0}");
	accepted("{\"a\":true,\"b\":false,\"c\":null,\"d\":[],\"e\":[1,[2]],\"f\":{\"a\":{}}}");
	accepted("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\ud83d\\ude00\"}");
	accepted("{\"\":\"\xe2\x82\xac\",\"\xc3\xa9\":0}");
	accepted("{\"a\":1e999,\"b\":99999999999999999999999999}");
}

TEST(json_that_is_not_one_object_is_refused)
{
	refused("", "w:1: there is nothing in it");
	refused(" \n\n ", "w:3: there is nothing in it");
	refused("[]", "w:1: expected '{', found '['");
	refused("1", "w:1: expected '{', found '1'");
	refused("{} x", "w:1: expected nothing behind the object, found 'x'");
	refused("{}\n{}", "w:2: expected nothing behind the object, found '{'");
	refused("\xef\xbb\xbf{}", "expected '{', found '\\xef'");
}

TEST(json_that_ends_early_is_refused)
{
	static const char whole[] = "{\"a\": [1, \"x\", {\"b\": -1.5e3, \"c\": null}], \"d\": \"\\u0041\"}";
	char part[sizeof(whole)];

	accepted(whole);
	for (size_t length = 0; length < sizeof(whole) - 1; length++) {
		memcpy(part, whole, length);
		part[length] = '\0';
		refused(part, "w:1: ");
	}
}

TEST(json_punctuation_in_the_wrong_place_is_refused)
{
	refused("{\"a\" 1}", "expected ':' behind a key, found '1'");
	refused("{\"a\":}", "expected a value, found '}'");
	refused("{\"a\":1 \"b\":2}", "expected ',' or '}', found '\"'");
	refused("{\"a\":1,}", "expected '\"' of a key behind ',', found '}'");
	refused("{,}", "expected '\"' of a key or '}', found ','");
	refused("{a:1}", "expected '\"' of a key or '}', found 'a'");
	refused("{'a':1}", "expected '\"' of a key or '}'");
	refused("{1:1}", "expected '\"' of a key or '}'");
	refused("{\"a\":[1 2]}", "expected ',' or ']', found '2'");
	refused("{\"a\":[1,]}", "expected a value, found ']'");
	refused("{\"a\":[}", "expected a value, found '}'");
	refused("{\"a\":1]", "expected ',' or '}', found ']'");
}

TEST(json_comments_and_words_of_other_languages_are_refused)
{
	refused("{/* */}", "found '/'");
	refused("{} // x", "found '/'");
	refused("# x\n{}", "found '#'");
	refused("{\"a\":True}", "expected a value, found 'T'");
	refused("{\"a\":nul}", "expected a value, found 'n'");
	refused("{\"a\":NaN}", "expected a value, found 'N'");
	refused("{\"a\":Infinity}", "expected a value, found 'I'");
	refused("{\"a\":undefined}", "expected a value, found 'u'");
	refused("{\"a\":truex}", "expected ',' or '}', found 'x'");
}

TEST(json_numbers_of_other_forms_are_refused)
{
	refused("{\"a\":01}", "a number begins with 0");
	refused("{\"a\":-01}", "a number begins with 0");
	refused("{\"a\":+1}", "expected a value, found '+'");
	refused("{\"a\":.5}", "expected a value, found '.'");
	refused("{\"a\":5.}", "expected a digit behind '.', found '}'");
	refused("{\"a\":-}", "expected a digit, found '}'");
	refused("{\"a\":1e}", "expected a digit of the exponent, found '}'");
	refused("{\"a\":1e+}", "expected a digit of the exponent, found '}'");
	refused("{\"a\":0x10}", "expected ',' or '}', found 'x'");
	refused("{\"a\":1_000}", "expected ',' or '}', found '_'");
	refused("{\"a\":-Infinity}", "expected a digit, found 'I'");
}

TEST(json_nul_and_control_bytes_are_refused)
{
	refused_bytes("{\"a\":\"x\0y\"}", 11, "w:1: control byte 0x00 in a text");
	refused_bytes("{}\0", 3, "w:1: expected nothing behind the object, found '\\x00'");
	refused_bytes("\0{}", 3, "w:1: expected '{', found '\\x00'");
	refused("{\"a\":\"x\x01y\"}", "control byte 0x01 in a text");
	refused("{\"a\":\"x\ty\"}", "control byte 0x09 in a text");
	refused("{\"a\x1f\":1}", "control byte 0x1f in a text");
	refused("{\"a\":\"x\ny\"}", "w:1: a text does not end on its line");
	refused("{\"a\":\v1}", "expected a value, found '\\x0b'");
	refused("{\"a\":\"\\u0000\"}", "a text cannot hold a NUL");
}

TEST(json_bytes_that_are_not_utf8_are_refused)
{
	refused("{\"a\":\"\xff\"}", "byte 0xff is not UTF-8");
	refused("{\"a\":\"\xc3\"}", "byte 0xc3 is not UTF-8");
	refused("{\"a\":\"\xc0\x80\"}", "byte 0xc0 is not UTF-8");
	refused("{\"a\":\"\xed\xa0\x80\"}", "byte 0xed is not UTF-8");
	refused("{\"\xff\":1}", "byte 0xff is not UTF-8");
	refused("{\"a\":\xc3\xa9}", "expected a value, found '\\xc3'");
}

TEST(json_escapes_that_do_not_exist_are_refused)
{
	refused("{\"a\":\"\\x41\"}", "there is no escape of a backslash and 'x'");
	refused("{\"a\":\"\\\n\"}", "there is no escape of a backslash and '\\x0a'");
	refused("{\"a\":\"\\u12g4\"}", "\\u needs four hexadecimal digits");
	refused("{\"a\":\"\\u12\"}", "\\u needs four hexadecimal digits");
	refused_bytes("{\"a\":\"\\u12\0\0\"}", 14, "\\u needs four hexadecimal digits");
	refused("{\"a\":\"\\ud83d\"}", "\\ud83d is half a character");
	refused("{\"a\":\"\\ud83dx\"}", "\\ud83d is half a character");
	refused("{\"a\":\"\\ud83d\\n\"}", "\\ud83d is half a character");
	refused("{\"a\":\"\\ud83d\\u0041\"}", "\\ud83d is half a character");
	refused("{\"a\":\"\\ude00\"}", "\\ude00 is half a character");
}

TEST(json_equal_keys_are_refused_by_their_path)
{
	refused("{\"a\":1,\n\"a\":1}", "w:2: the key \"a\" is there twice");
	refused("{\"m\":{\"x\":1,\"y\":2,\n\n\"x\":3}}", "w:3: the key \"m.x\" is there twice");
	refused("{\"l\":[0,{\"x\":1,\"x\":1}]}", "w:1: the key \"l[1].x\" is there twice");
	refused("{\"\":1,\"\":1}", "is there twice");
	accepted("{\"a\":{\"a\":1},\"b\":{\"a\":1}}");
}

TEST(json_keys_are_short_plain_and_few)
{
	char *text VFV_FREE = malloc(200000);
	size_t used;

	refused("{\"\\u0061\":1}", "a key has an escape");
	refused("{\"a\\n\":1}", "a key has an escape");
	snprintf(text, 200, "{\"%065d\":1}", 0);
	refused(text, "a key is longer than 64 bytes");
	snprintf(text, 200, "{\"%064d\":1}", 0);
	accepted(text);
	used = sprintf(text, "{\"k\":0");
	for (int i = 1; i < VFV_JSON_KEYS_MAX; i++)
		used += sprintf(text + used, ",\"k%d\":0", i);
	strcpy(text + used, "}");
	accepted(text);
	strcpy(text + used, ",\"one more\":0}");
	refused(text, "an object has more than 256 keys");
}

TEST(json_depth_has_a_limit)
{
	char text[200000] = "{\"a\":";
	size_t used = strlen(text);

	memset(text + used, '[', VFV_JSON_DEPTH_MAX - 1);
	memset(text + used + VFV_JSON_DEPTH_MAX - 1, ']', VFV_JSON_DEPTH_MAX - 1);
	strcpy(text + used + 2 * (VFV_JSON_DEPTH_MAX - 1), "}");
	accepted(text);
	memset(text + used, '[', sizeof(text) - used - 1);
	text[sizeof(text) - 1] = '\0';
	refused(text, "more than 16 levels");
}

TEST(json_lines_are_counted)
{
	refused("{\n\"a\": 1,\n\"b\": 2\n\"c\": 3\n}", "w:4: expected ',' or '}'");
	refused("{\r\n\"a\":\r\n\r\nx}", "w:4: expected a value");
}

TEST(json_long_garbage_is_shown_cut)
{
	char text[400];

	snprintf(text, sizeof(text), "{\"m\":{\"%0*d\":1,\"%0*d\":1}}", 64, 1, 64, 1);
	refused(text, "is there twice");
}

TEST(json_members_are_read_by_type_and_range)
{
	struct json_object *object VFV_JSON = NULL;
	struct vfv_error error = VFV_NO_ERROR;
	static const char text[] = "{\"t\":\"x\",\"n\":-5,\"b\":true,\"z\":null,\"d\":1.5,"
				   "\"h\":99999999999999999999}";
	const char *read = "unset";
	int64_t number = 77;
	bool truth = false;

	assert_int_equal(vfv_json_parse("w", text, strlen(text), VFV_ERROR_INTERNAL, &object,
					&error), 0);
	assert_int_equal(vfv_json_get_text(object, "n", &read), -EINVAL);
	assert_int_equal(vfv_json_get_text(object, "z", &read), -EINVAL);
	assert_int_equal(vfv_json_get_text(object, "none", &read), -ENOENT);
	assert_string_equal(read, "unset");
	assert_int_equal(vfv_json_get_text(object, "t", &read), 0);
	assert_string_equal(read, "x");
	assert_int_equal(vfv_json_get_number(object, "n", -4, 10, &number), -EINVAL);
	assert_int_equal(vfv_json_get_number(object, "n", -10, -6, &number), -EINVAL);
	assert_int_equal(vfv_json_get_number(object, "h", 0, 100, &number), -EINVAL);
	assert_int_equal(vfv_json_get_number(object, "d", 0, 100, &number), -EINVAL);
	assert_int_equal(vfv_json_get_number(object, "t", 0, 100, &number), -EINVAL);
	assert_int_equal(vfv_json_get_number(object, "none", 0, 100, &number), -ENOENT);
	assert_int_equal(number, 77);
	assert_int_equal(vfv_json_get_number(object, "n", -5, -5, &number), 0);
	assert_int_equal(number, -5);
	assert_int_equal(vfv_json_get_bool(object, "n", &truth), -EINVAL);
	assert_int_equal(vfv_json_get_bool(object, "none", &truth), -ENOENT);
	assert_int_equal(vfv_json_get_bool(object, "b", &truth), 0);
	assert_true(truth);
}

TEST(json_members_are_written)
{
	struct json_object *object VFV_JSON = json_object_new_object();

	assert_true(vfv_json_add_text(object, "t", "a\"b"));
	assert_true(vfv_json_add_text(object, "none", NULL));
	assert_true(vfv_json_add_number(object, "n", INT64_MIN));
	assert_true(vfv_json_add_bool(object, "b", true));
	assert_true(vfv_json_add_maybe(object, "m1", 1));
	assert_true(vfv_json_add_maybe(object, "m0", 0));
	assert_true(vfv_json_add_maybe(object, "m?", -1));
	assert_false(vfv_json_add(object, "no memory", NULL));
	assert_string_equal(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN),
			    "{\"t\":\"a\\\"b\",\"none\":null,\"n\":-9223372036854775808,\"b\":true,"
			    "\"m1\":true,\"m0\":false,\"m?\":null}");
}

TEST(json_texts_that_are_not_utf8_are_made_so)
{
	struct json_object *object VFV_JSON = json_object_new_object();
	const char *text;

	assert_true(vfv_json_add_text(object, "t", "a\xff\xe2\x82\xac\xc3"));
	assert_int_equal(vfv_json_get_text(object, "t", &text), 0);
	assert_string_equal(text, "a?\xe2\x82\xac?");
	accepted(json_object_to_json_string(object));
}
