/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of where things are. */
#include "host.h"

#include <stdlib.h>

#include "unit.h"

static void clear(void)
{
	static const char *const names[] = {
		"VFVIRT_SYSFS", "VFVIRT_PROCFS", "VFVIRT_RUN", "RUNTIME_DIRECTORY",
		"VFVIRT_INTENT", "VFVIRT_INTENT_VENDOR", "VFVIRT_NETLINK", "VFVIRT_UEVENTS",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
}

TEST(host_without_variables_is_the_real_one)
{
	struct vfv_host *host;

	clear();
	host = vfv_host_new();
	assert_string_equal(host->sysfs, "/sys");
	assert_string_equal(host->procfs, "/proc");
	assert_string_equal(host->run, "/run/vfvirt");
	assert_string_equal(host->intent, "/etc/vfvirt/pf.d");
	assert_string_equal(host->intent_vendor, "/usr/lib/vfvirt/pf.d");
	assert_null(host->netlink);
	assert_null(host->uevents);
	vfv_host_free(host);
	vfv_host_free(NULL);
}

TEST(host_is_where_variables_say)
{
	struct vfv_host *host;

	clear();
	setenv("VFVIRT_SYSFS", "/a", 1);
	setenv("VFVIRT_NETLINK", "/b", 1);
	setenv("VFVIRT_UEVENTS", "/c", 1);
	setenv("VFVIRT_PROCFS", "", 1);
	host = vfv_host_new();
	assert_string_equal(host->sysfs, "/a");
	assert_string_equal(host->netlink, "/b");
	assert_string_equal(host->uevents, "/c");
	assert_string_equal(host->procfs, "/proc");
	vfv_host_free(host);
	clear();
}

TEST(host_run_folder_is_ours_then_that_of_systemd)
{
	struct vfv_host *host;

	clear();
	setenv("RUNTIME_DIRECTORY", "/run/one:/run/two", 1);
	host = vfv_host_new();
	assert_string_equal(host->run, "/run/one");
	vfv_host_free(host);
	setenv("VFVIRT_RUN", "/run/three", 1);
	host = vfv_host_new();
	assert_string_equal(host->run, "/run/three");
	vfv_host_free(host);
	clear();
}
