/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of texts, and of numbers in texts. */
#include "text.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "unit.h"

static int number(const char *text, unsigned int base, uint64_t max, uint64_t *ret_number)
{
	*ret_number = 77;
	return vfv_text_number(text, base, max, ret_number);
}

TEST(text_numbers_are_read_up_to_their_limit)
{
	uint64_t value;

	assert_int_equal(number("0", 10, 0, &value), 0);
	assert_int_equal(value, 0);
	assert_int_equal(number("65535", 10, 65535, &value), 0);
	assert_int_equal(value, 65535);
	assert_int_equal(number("00042", 10, 65535, &value), 0);
	assert_int_equal(value, 42);
	assert_int_equal(number("fFfFfFfFfFfFfFfF", 16, UINT64_MAX, &value), 0);
	assert_true(value == UINT64_MAX);
	assert_int_equal(number("18446744073709551615", 10, UINT64_MAX, &value), 0);
	assert_true(value == UINT64_MAX);
}

TEST(text_numbers_beyond_the_limit_are_refused)
{
	uint64_t value;

	assert_int_equal(number("65536", 10, 65535, &value), -ERANGE);
	assert_int_equal(number("1", 10, 0, &value), -ERANGE);
	assert_int_equal(number("18446744073709551616", 10, UINT64_MAX, &value), -ERANGE);
	assert_int_equal(number("99999999999999999999999999", 10, UINT64_MAX, &value), -ERANGE);
	assert_int_equal(number("10000000000000000", 16, UINT64_MAX, &value), -ERANGE);
	assert_int_equal(number("9", 10, 5, &value), -ERANGE);
	assert_int_equal(value, 77);
}

TEST(text_that_is_no_number_is_refused)
{
	static const char *const wrong[] = { "", " ", "-1", "+1", "1 ", " 1", "0x1", "1.0", "a", "1e3",
					     "\xd9\xa1", "99999999999999999999999999x" };
	uint64_t value;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(number(wrong[i], 10, UINT64_MAX, &value), -EINVAL);
		assert_int_equal(value, 77);
	}
	assert_int_equal(number("g", 16, UINT64_MAX, &value), -EINVAL);
}

TEST(text_mac_addresses_go_there_and_back)
{
	uint8_t mac[6];
	char text[18];

	assert_true(vfv_text_mac("52:54:00:F0:0a:01", mac));
	assert_string_equal(vfv_text_from_mac(mac, text), "52:54:00:f0:0a:01");
}

TEST(text_that_is_no_mac_is_refused)
{
	static const char *const wrong[] = {
		"", "5", "52", "52:", "52:54:00:f0:00", "52:54:00:f0:00:0", "52:54:00:f0:00:01:",
		"52:54:00:f0:00:01:02", "52-54-00-f0-00-01", "52:54:00:f0:00:0g", "5254.00f0.0001",
		" 52:54:00:f0:00:01", "52:54:00:f0:00:01\n",
	};
	uint8_t mac[6] = { 9, 9, 9, 9, 9, 9 };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(vfv_text_mac(wrong[i], mac));
	assert_int_equal(mac[0], 9);
}

TEST(text_names_are_short_printable_and_without_slash)
{
	assert_true(vfv_text_is_name("a", 1));
	assert_true(vfv_text_is_name("ens1f0 ~", 8));
	assert_false(vfv_text_is_name("", 8));
	assert_false(vfv_text_is_name("ab", 1));
	assert_false(vfv_text_is_name("a/b", 8));
	assert_false(vfv_text_is_name("a\nb", 8));
	assert_false(vfv_text_is_name("a\x7f", 8));
	assert_false(vfv_text_is_name("\xc3\xa9", 8));
}

TEST(text_equal_knows_null)
{
	assert_true(vfv_text_equal(NULL, NULL));
	assert_true(vfv_text_equal("a", "a"));
	assert_false(vfv_text_equal("a", NULL));
	assert_false(vfv_text_equal(NULL, "a"));
	assert_false(vfv_text_equal("a", "b"));
}

TEST(text_utf8_characters_are_told_from_other_bytes)
{
	static const struct {
		const char *bytes;
		size_t length, expected;
	} rows[] = {
		{ "", 0, 0 },
		{ "a", 1, 1 },
		{ "\0", 1, 1 },
		{ "\xc2\x80", 2, 2 },
		{ "\xc3\xa9", 1, 0 },		  /* cut off */
		{ "\xc3(", 2, 0 },		  /* no second byte */
		{ "\xc1\xbf", 2, 0 },		  /* overlong */
		{ "\xe0\x9f\xbf", 3, 0 },	  /* overlong */
		{ "\xe2\x82\xac", 3, 3 },
		{ "\xed\xa0\x80", 3, 0 },	  /* surrogate */
		{ "\xed\xbf\xbf", 3, 0 },	  /* surrogate */
		{ "\xee\x80\x80", 3, 3 },
		{ "\xf0\x8f\xbf\xbf", 4, 0 },	  /* overlong */
		{ "\xf0\x9f\x98\x80", 4, 4 },
		{ "\xf4\x8f\xbf\xbf", 4, 4 },
		{ "\xf4\x90\x80\x80", 4, 0 },	  /* above U+10FFFF */
		{ "\xf8\x88\x80\x80\x80", 5, 0 },
		{ "\x80", 1, 0 },
		{ "\xff", 1, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (vfv_text_utf8(rows[i].bytes, rows[i].length) != rows[i].expected)
			fail_msg("row %zu: %zu instead of %zu", i,
				 vfv_text_utf8(rows[i].bytes, rows[i].length), rows[i].expected);
}

TEST(text_end_that_was_cut_is_mended)
{
	static const char *const rows[][2] = {
		{ "", "" },
		{ "abc", "abc" },
		{ "ab\xc3", "ab" },
		{ "ab\xc3\xa9", "ab\xc3\xa9" },
		{ "ab\xe2\x82", "ab" },
		{ "ab\xf0\x9f\x98", "ab" },
		{ "\xe2\x82", "" },
		{ "\x80", "\x80" }, /* was not cut: has no beginning */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[16];

		memcpy(text, rows[i][0], strlen(rows[i][0]) + 1);
		vfv_text_mend_end(text);
		assert_string_equal(text, rows[i][1]);
	}
}

TEST(text_of_others_is_shown_without_control_bytes)
{
	char shown[VFV_SHOWN_BYTES];

	assert_string_equal(vfv_text_show("a b", 3, shown), "a b");
	assert_string_equal(vfv_text_show("a\0\x1b[1m\xff", 7, shown), "a\\x00\\x1b[1m\\xff");
	assert_string_equal(vfv_text_show("", 0, shown), "");
}

TEST(text_of_others_is_shown_cut)
{
	char shown[VFV_SHOWN_BYTES], bytes[100];

	memset(bytes, 'x', sizeof(bytes));
	vfv_text_show(bytes, sizeof(bytes), shown);
	assert_int_equal(strlen(shown), VFV_SHOWN_BYTES - 1);
	assert_string_equal(shown + VFV_SHOWN_BYTES - 4, "...");
	memset(bytes, 0xff, sizeof(bytes));
	vfv_text_show(bytes, sizeof(bytes), shown);
	assert_true(strlen(shown) < VFV_SHOWN_BYTES);
	assert_has(shown, "\\xff...");
}

TEST(text_is_formatted_into_new_memory)
{
	char *text VFV_FREE = vfv_text("%s-%d", "a", 7);

	assert_string_equal(text, "a-7");
}
