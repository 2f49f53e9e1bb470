/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of hostdev files and claims. */
#include "publish.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "host.h"
#include "unit.h"

#define UUID  "c7a5fdbd-edaf-9455-926a-d65c16db1809"
#define OTHER "00000000-edaf-9455-926a-d65c16db1809"

static const struct vfv_address vf = {.bus = 0x3b, .device = 0x1e, .function = 7};
static struct vfv_host host;

/* A run folder that does not exist yet. */
static void start(void)
{
	static char run[PATH_MAX];

	snprintf(run, sizeof(run), "%s/run", unit_folder());
	host = (struct vfv_host){.run = run};
}

static const char *in_run(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.3000s/%.300s", host.run, name);
	return path;
}

/* A claim file with this content. */
static void write_claim(const char *text)
{
	assert_int_equal(vfv_folder_make(in_run("claims")), 0);
	unit_write(in_run("claims/0000:3b:1e.7"), text);
}

TEST(publish_hostdev_is_what_libvirt_reads)
{
	VFV_FREE char *xml = vfv_hostdev_xml(&vf);

	assert_string_equal(xml,
			    "<hostdev mode='subsystem' type='pci' managed='no'>\n"
			    "  <source>\n"
			    "    <address domain='0x0000' bus='0x3b' slot='0x1e' function='0x7'/>\n"
			    "  </source>\n"
			    "  <alias name='ua-vfvirt-0000-3b-1e-7'/>\n"
			    "</hostdev>\n");
}

TEST(publish_a_file_of_other_content_is_told_apart)
{
	VFV_FREE char *xml = vfv_hostdev_xml(&vf);

	start();
	assert_int_equal(vfv_publish(&host, &vf, NULL), 0);
	assert_true(vfv_is_published_well(&host, &vf));
	unit_write(in_run("hostdev/0000:3b:1e.7.xml"), "<hostdev/>\n");
	assert_false(vfv_is_published_well(&host, &vf));
	xml[strlen(xml) - 1] = ' ';
	unit_write(in_run("hostdev/0000:3b:1e.7.xml"), xml);
	assert_false(vfv_is_published_well(&host, &vf));
}

TEST(publish_and_unpublish)
{
	struct vfv_error error = VFV_NO_ERROR;
	VFV_FREE char *text = NULL, *xml = vfv_hostdev_xml(&vf);

	start();
	assert_false(vfv_is_published(&host, &vf));
	assert_int_equal(vfv_unpublish(&host, &vf, &error), 0);
	assert_int_equal(vfv_publish(&host, &vf, &error), 0);
	assert_true(vfv_is_published(&host, &vf));
	assert_int_equal(vfv_file_read(in_run("hostdev/0000:3b:1e.7.xml"), 4096, &text, NULL), 0);
	assert_string_equal(text, xml);
	assert_int_equal(vfv_publish(&host, &vf, &error), 0);
	assert_int_equal(vfv_unpublish(&host, &vf, &error), 0);
	assert_false(vfv_is_published(&host, &vf));
}

TEST(publish_for_nova_writes_what_is_new_and_removes)
{
	struct vfv_error error = VFV_NO_ERROR;
	VFV_FREE char *text = NULL;
	struct stat first, second;

	start();
	assert_int_equal(vfv_publish_nova(&host, &vf, NULL, &error), 0);
	assert_int_equal(access(host.run, F_OK), -1);
	assert_int_equal(vfv_publish_nova(&host, &vf, "one\n", &error), 1);
	assert_int_equal(stat(in_run("nova/0000:3b:1e.7.conf"), &first), 0);
	assert_int_equal(vfv_publish_nova(&host, &vf, "one\n", &error), 0);
	assert_int_equal(stat(in_run("nova/0000:3b:1e.7.conf"), &second), 0);
	assert_int_equal(first.st_ino, second.st_ino);
	assert_int_equal(vfv_publish_nova(&host, &vf, "one", &error), 1);
	assert_int_equal(vfv_file_read(in_run("nova/0000:3b:1e.7.conf"), 9, &text, NULL), 0);
	assert_string_equal(text, "one");
	assert_int_equal(vfv_publish_nova(&host, &vf, NULL, &error), 1);
	assert_int_equal(access(in_run("nova/0000:3b:1e.7.conf"), F_OK), -1);
}

TEST(publish_for_nova_keeps_the_aliases_when_a_pf_goes)
{
	struct vfv_error error = VFV_NO_ERROR;
	VFV_FREE char *text = NULL;
	struct stat found;

	start();
	host.sysfs = strdup(in_run("sys"));
	assert_int_equal(vfv_publish_nova_folder(&host, &error), 0);
	assert_int_equal(vfv_publish_nova_folder(&host, &error), 0);
	assert_int_equal(stat(in_run("nova"), &found), 0);
	assert_int_equal(found.st_mode & 07777, 0755);
	assert_int_equal(vfv_folder_make(in_run("sys/bus/pci/devices")), 0);
	assert_int_equal(vfv_publish_nova(&host, &vf, "a PF\n", &error), 1);
	assert_int_equal(vfv_publish_nova(&host, NULL, "aliases\n", &error), 1);
	assert_int_equal(vfv_publish_nova(&host, NULL, "aliases\n", &error), 0);
	vfv_unpublish_absent(&host);
	assert_int_equal(access(in_run("nova/0000:3b:1e.7.conf"), F_OK), -1);
	assert_int_equal(vfv_file_read(in_run("nova/alias.conf"), 99, &text, NULL), 0);
	assert_string_equal(text, "aliases\n");
	assert_int_equal(vfv_publish_nova(&host, NULL, NULL, &error), 1);
	assert_int_equal(vfv_publish_nova(&host, NULL, NULL, &error), 0);
	assert_int_equal(access(in_run("nova/alias.conf"), F_OK), -1);
	free(host.sysfs);
}

TEST(publish_into_no_folder_is_an_error)
{
	struct vfv_error error = VFV_NO_ERROR;

	start();
	unit_write(host.run, "a file, not a folder");
	assert_true(vfv_publish(&host, &vf, &error) < 0);
	assert_int_equal(error.code, VFV_ERROR_STORAGE);
	error = VFV_NO_ERROR;
	assert_true(vfv_unpublish(&host, &vf, &error) < 0);
	assert_int_equal(error.code, VFV_ERROR_STORAGE);
	error = VFV_NO_ERROR;
	assert_true(vfv_publish_nova(&host, &vf, "text", &error) < 0);
	assert_int_equal(error.code, VFV_ERROR_STORAGE);
	error = VFV_NO_ERROR;
	assert_true(vfv_publish_nova_folder(&host, &error) < 0);
	assert_int_equal(error.code, VFV_ERROR_STORAGE);
	error = VFV_NO_ERROR;
	assert_true(vfv_claim_take(&host, &vf, UUID, NULL, &error) < 0);
	assert_int_equal(error.code, VFV_ERROR_STORAGE);
}

TEST(publish_path_that_is_too_long_is_an_error)
{
	static char run[PATH_MAX + 10];
	struct vfv_error error = VFV_NO_ERROR;

	memset(run, 'x', sizeof(run) - 1);
	host = (struct vfv_host){.run = run};
	assert_int_equal(vfv_publish(&host, &vf, &error), -ENAMETOOLONG);
	assert_int_equal(vfv_unpublish(&host, &vf, NULL), -ENAMETOOLONG);
	assert_int_equal(vfv_publish_nova(&host, NULL, "text", NULL), -ENAMETOOLONG);
	assert_false(vfv_is_published(&host, &vf));
}

TEST(claim_is_taken_once_and_dropped_by_its_domain)
{
	struct vfv_error error = VFV_NO_ERROR;
	VFV_FREE char *domain = NULL;
	char uuid[VFV_UUID_BYTES];

	start();
	assert_int_equal(vfv_claim_read(&host, &vf, uuid, &domain, &error), 0);
	assert_int_equal(vfv_claim_take(&host, &vf, UUID, "web 1", &error), 0);
	assert_int_equal(vfv_claim_take(&host, &vf, UUID, "web 1", &error), 0);
	assert_int_equal(vfv_claim_take(&host, &vf, OTHER, "db", &error), -EEXIST);
	assert_int_equal(error.code, VFV_ERROR_IN_USE);
	assert_has(error.text, "0000:3b:1e.7");
	assert_has(error.text, "web 1");
	assert_int_equal(vfv_claim_read(&host, &vf, uuid, &domain, &error), 1);
	assert_string_equal(uuid, UUID);
	assert_string_equal(domain, "web 1");
	assert_int_equal(vfv_claim_drop(&host, &vf, OTHER), -ENOENT);
	assert_int_equal(vfv_claim_drop(&host, &vf, UUID), 0);
	assert_int_equal(vfv_claim_drop(&host, &vf, UUID), -ENOENT);
}

TEST(claim_without_a_name)
{
	struct vfv_error error = VFV_NO_ERROR;
	char uuid[VFV_UUID_BYTES], *domain = NULL;

	start();
	assert_int_equal(vfv_claim_take(&host, &vf, UUID, NULL, &error), 0);
	assert_int_equal(vfv_claim_read(&host, &vf, uuid, &domain, &error), 1);
	assert_null(domain);
	assert_int_equal(vfv_claim_take(&host, &vf, OTHER, NULL, &error), -EEXIST);
	assert_has(error.text, UUID);
}

TEST(claim_of_no_uuid_or_name_is_refused)
{
	static const char *const bad[] = {"",
					  "c7a5fdbd",
					  UUID "0",
					  "../../../../etc/passwd",
					  "g7a5fdbd-edaf-9455-926a-d65c16db1809",
					  "c7a5fdbdxedaf-9455-926a-d65c16db1809"};
	static const char *const names[] = {"", "a\nb", "a\x1b[2J", "\x7f"};
	struct vfv_error error;

	start();
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		error = VFV_NO_ERROR;
		assert_int_equal(vfv_claim_take(&host, &vf, bad[i], "web1", &error), -EINVAL);
		assert_int_equal(error.code, VFV_ERROR_USAGE);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_int_equal(vfv_claim_take(&host, &vf, UUID, names[i], NULL), -EINVAL);
	assert_int_not_equal(access(in_run("claims"), F_OK), 0);
}

TEST(claim_file_that_is_none_is_told)
{
	static const char *const bad[] = {"",
					  "\n",
					  "x",
					  UUID,
					  UUID "\n\n",
					  UUID " \n",
					  UUID "web\n",
					  UUID " a\x01\n",
					  UUID " a\nb\n",
					  "g7a5fdbd-edaf-9455-926a-d65c16db1809 web\n"};
	char uuid[VFV_UUID_BYTES] = "untouched", *domain = NULL;

	start();
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct vfv_error error = VFV_NO_ERROR;

		write_claim(bad[i]);
		assert_int_equal(vfv_claim_read(&host, &vf, uuid, &domain, &error), -EBADMSG);
		assert_has(error.text, "claims/0000:3b:1e.7");
		assert_string_equal(uuid, "untouched");
		assert_null(domain);
		assert_true(vfv_claim_drop(&host, &vf, UUID) < 0);
		/* It is somebody's, even if nobody knows whose. */
		assert_true(vfv_claim_take(&host, &vf, UUID, "web1", NULL) < 0);
	}
}

TEST(claim_file_of_another_kind_is_told)
{
	char uuid[VFV_UUID_BYTES], *domain = NULL, *large = malloc(4096);

	start();
	memset(large, 'a', 4095);
	large[4095] = '\0';
	write_claim(large);
	free(large);
	assert_int_equal(vfv_claim_read(&host, &vf, uuid, &domain, NULL), -EFBIG);
	assert_int_equal(unlink(in_run("claims/0000:3b:1e.7")), 0);
	assert_int_equal(symlink("/etc/hostname", in_run("claims/0000:3b:1e.7")), 0);
	assert_int_equal(vfv_claim_read(&host, &vf, uuid, &domain, NULL), -ELOOP);
	assert_int_equal(unlink(in_run("claims/0000:3b:1e.7")), 0);
	assert_int_equal(mkfifo(in_run("claims/0000:3b:1e.7"), 0644), 0);
	assert_true(vfv_claim_read(&host, &vf, uuid, &domain, NULL) < 0);
}
