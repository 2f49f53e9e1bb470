/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of the named errors. */
#include "error.h"

#include <errno.h>
#include <string.h>

#include "text.h"
#include "unit.h"

TEST(error_table_has_a_whole_row_for_each_code)
{
	for (int code = 0; code < VFV_ERROR_COUNT; code++) {
		const struct vfv_error_name *name = vfv_error_name(code);

		assert_non_null(name->json_code);
		assert_has(name->dbus_name, "org.vfvirt1.Error.");
		assert_true(strlen(name->meaning) > 0 && strlen(name->remedy) > 0);
		assert_int_equal(name->exit_code, code == VFV_ERROR_NONE  ? 0 :
						  code == VFV_ERROR_USAGE ? 2 :
									    1);
		assert_true(code == VFV_ERROR_NONE || name->errno_default > 0);
	}
}

TEST(error_codes_are_found_by_both_names)
{
	for (int code = 0; code < VFV_ERROR_COUNT; code++) {
		assert_int_equal(vfv_error_from_dbus(vfv_error_name(code)->dbus_name), code);
		assert_int_equal(vfv_error_from_json(vfv_error_name(code)->json_code), code);
	}
}

TEST(error_of_an_unknown_name_is_internal)
{
	assert_int_equal(vfv_error_from_dbus("org.freedesktop.DBus.Error.Failed"),
			 VFV_ERROR_INTERNAL);
	assert_int_equal(vfv_error_from_dbus(NULL), VFV_ERROR_INTERNAL);
	assert_int_equal(vfv_error_from_json("in_use"), VFV_ERROR_INTERNAL);
	assert_int_equal(vfv_error_from_json(NULL), VFV_ERROR_INTERNAL);
	assert_ptr_equal(vfv_error_name(VFV_ERROR_COUNT), vfv_error_name(VFV_ERROR_INTERNAL));
	assert_ptr_equal(vfv_error_name(-1), vfv_error_name(VFV_ERROR_INTERNAL));
}

TEST(error_carries_code_errno_and_text)
{
	struct vfv_error error = VFV_NO_ERROR;

	assert_int_equal(vfv_error_set(&error, VFV_ERROR_KERNEL_IO, ENOSPC, "%s: full", "x"),
			 -ENOSPC);
	assert_int_equal(error.code, VFV_ERROR_KERNEL_IO);
	assert_int_equal(error.errno_value, ENOSPC);
	assert_string_equal(error.text, "x: full");
}

TEST(error_takes_an_errno_of_either_sign_or_its_default)
{
	assert_int_equal(vfv_error_set(NULL, VFV_ERROR_KERNEL_IO, -ENOSPC, "x"), -ENOSPC);
	assert_int_equal(vfv_error_set(NULL, VFV_ERROR_IN_USE, 0, "x"), -EBUSY);
}

TEST(error_that_came_first_stays)
{
	struct vfv_error error = VFV_NO_ERROR;

	vfv_error_set(&error, VFV_ERROR_GONE, 0, "first");
	assert_int_equal(vfv_error_set(&error, VFV_ERROR_STUCK, 0, "second"), -ETIMEDOUT);
	assert_int_equal(error.code, VFV_ERROR_GONE);
	assert_string_equal(error.text, "first");
}

TEST(error_text_that_is_too_long_ends_on_a_whole_character)
{
	struct vfv_error error = VFV_NO_ERROR;
	char text[VFV_ERROR_TEXT_BYTES + 10];

	/* A three-byte character over the edge. */
	memset(text, 'x', sizeof(text));
	memcpy(text + VFV_ERROR_TEXT_BYTES - 3, "\xe2\x82\xac", 4);
	vfv_error_set(&error, VFV_ERROR_GONE, 0, "%s", text);
	assert_int_equal(strlen(error.text), VFV_ERROR_TEXT_BYTES - 3);
	assert_int_equal(error.text[strlen(error.text) - 1], 'x');
}

TEST(error_words_can_be_put_before_the_text)
{
	struct vfv_error error = VFV_NO_ERROR;

	vfv_error_set(&error, VFV_ERROR_GONE, 0, "gone");
	vfv_error_prefix(&error, "pfs[%d].", 3);
	assert_string_equal(error.text, "pfs[3].gone");
	vfv_error_prefix(NULL, "nobody hears this");
}

TEST(error_prefix_fits_however_long)
{
	struct vfv_error error = VFV_NO_ERROR;
	char text[2 * VFV_ERROR_TEXT_BYTES];

	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	vfv_error_set(&error, VFV_ERROR_GONE, 0, "%s", text);
	vfv_error_prefix(&error, "%s", "before: ");
	assert_int_equal(strlen(error.text), VFV_ERROR_TEXT_BYTES - 1);
	assert_has(error.text, "before: yyy");
	vfv_error_prefix(&error, "%s", text);
	assert_int_equal(strlen(error.text), VFV_ERROR_TEXT_BYTES - 1);
}
