/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of PCI addresses. */
#include "address.h"

#include "unit.h"

static void reads_as(const char *text, const char *full)
{
	struct vfv_address address;
	char again[VFV_ADDRESS_BYTES];

	if (!vfv_address_parse(text, &address))
		fail_msg("%s is an address", text);
	assert_string_equal(vfv_address_format(&address, again), full);
}

TEST(address_short_and_full_forms_are_read)
{
	reads_as("3b:00.2", "0000:3b:00.2");
	reads_as("0000:3b:00.2", "0000:3b:00.2");
	reads_as("00:1f.7", "0000:00:1f.7");
	reads_as("FFFF:FF:1F.7", "ffff:ff:1f.7");
}

TEST(address_of_a_long_domain_is_kept)
{
	reads_as("10000:e1:00.0", "10000:e1:00.0");
	reads_as("ffffffff:ff:1f.7", "ffffffff:ff:1f.7");
}

TEST(address_of_another_form_is_none)
{
	static const char *const wrong[] = {
		"",	    ":",	 "3b",		 "3b:00",	"3b:00.",	"3b:00.8",
		"3b:20.0",  "b:00.0",	 "3b:0.0",	 "3b:00.00",	"3b:00.0 ",	" 3b:00.0",
		"3b:00-0",  "3b.00.0",	 "0x3b:00.0",	 "000:3b:00.0", "0000:3b:00",	"0000:3b:00.9",
		"0000:3b",  "0000::00.0", "+3b:00.0",	 "g0:00.0",	"0000:3b:00.0x", "dpu0",
		"123456789:3b:00.0", "0000:0000:3b:00.0",
	};
	struct vfv_address address = { .domain = 77 };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (vfv_address_parse(wrong[i], &address))
			fail_msg("\"%s\" was taken for an address", wrong[i]);
	assert_int_equal(address.domain, 77);
}

TEST(address_order_goes_from_domain_to_function)
{
	static const char *const ordered[] = {
		"0000:00:00.0", "0000:00:00.1", "0000:00:01.0", "0000:01:00.0",
		"0000:01:00.7", "0001:00:00.0", "10000:00:00.0",
	};
	struct vfv_address a, b;

	for (size_t i = 0; i < sizeof(ordered) / sizeof(ordered[0]); i++) {
		for (size_t j = 0; j < sizeof(ordered) / sizeof(ordered[0]); j++) {
			int order;

			assert_true(vfv_address_parse(ordered[i], &a));
			assert_true(vfv_address_parse(ordered[j], &b));
			order = vfv_address_compare(&a, &b);
			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
	}
}
