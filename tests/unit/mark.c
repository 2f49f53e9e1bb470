/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of what is remembered in the run folder. */
#include "mark.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "file.h"
#include "host.h"
#include "unit.h"

static const struct vfv_address vf = {.bus = 0x3b, .function = 1};
static struct vfv_host host;

/* A run folder that does not exist yet. */
static void start(void)
{
	static char run[PATH_MAX];

	snprintf(run, sizeof(run), "%s/run", unit_folder());
	host = (struct vfv_host){.run = run};
}

/* A hold is read as it was written. */
static void is_kept(enum vfv_hold_kind kind, bool done, const char *driver)
{
	struct vfv_hold hold = {.kind = kind, .done = done}, found;

	strcpy(hold.driver, driver);
	assert_int_equal(vfv_hold_set(&host, &vf, &hold, NULL), 0);
	vfv_hold_get(&host, &vf, &found);
	assert_int_equal(found.kind, kind);
	assert_int_equal(found.done, done);
	assert_string_equal(found.driver, driver);
}

TEST(mark_of_a_hold_is_read_as_written)
{
	char longest[VFV_DRIVER_NAME_BYTES_MAX + 1];

	start();
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	is_kept(VFV_HOLD_DESTROY, false, "");
	is_kept(VFV_HOLD_DESTROY, true, "");
	is_kept(VFV_HOLD_UNBIND, true, "");
	is_kept(VFV_HOLD_BIND, false, "vfio-pci");
	is_kept(VFV_HOLD_BIND, true, longest);
}

/* A file of that text is no hold. */
static void is_none(const char *text)
{
	char path[PATH_MAX];
	struct vfv_hold found;

	snprintf(path, sizeof(path), "%.3000s/held", host.run);
	assert_int_equal(vfv_folder_make(path), 0);
	snprintf(path, sizeof(path), "%.3000s/held/0000:3b:00.1", host.run);
	unit_write(path, text);
	vfv_hold_get(&host, &vf, &found);
	assert_int_equal(found.kind, VFV_HOLD_NONE);
}

TEST(mark_that_is_no_hold_holds_nothing)
{
	start();
	is_none("");
	is_none("\n");
	is_none("held");
	is_none("bound\n");
	is_none("bound ../drivers/vfio-pci\n");
	is_none("bound "
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n");
}
