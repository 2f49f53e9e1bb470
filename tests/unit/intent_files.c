/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of the intent files of a host: which count, what is wrong with others, writing them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "file.h"
#include "host.h"
#include "intent.h"
#include "text.h"
#include "unit.h"

/* A host whose folders do not exist yet; vfv_host_free() it. */
static struct vfv_host *new_host(void)
{
	const char *folder = unit_folder();
	struct vfv_host *host = calloc(1, sizeof(*host));

	host->run = vfv_text("%s/run", folder);
	host->intent = vfv_text("%s/etc", folder);
	host->intent_vendor = vfv_text("%s/usr", folder);
	return host;
}

/* Write FOLDER/NAME, making the folder. */
static char *put(const char *folder, const char *name, const char *text)
{
	static char path[4096];

	assert_int_equal(vfv_folder_make(folder), 0);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	unit_write(path, text);
	return path;
}

/* Write an intent for a netdev with some number of VFs. */
static void put_intent(const char *folder, const char *name, const char *netdev, int vfs)
{
	char text[200];

	snprintf(text, sizeof(text), "{\"match\":{\"netdev\":\"%s\"},\"vfs\":%d}", netdev, vfs);
	put(folder, name, text);
}

static struct vfv_intents *read_all(const struct vfv_host *host)
{
	struct vfv_intents *intents = NULL;

	assert_int_equal(vfv_intents_read(host, &intents), 0);
	assert_non_null(intents);
	return intents;
}

/* All that can be read of a host is one error with these words, or no error when words is NULL. */
static void reads_with_error(const struct vfv_host *host, size_t count, const char *words)
{
	struct vfv_intents *intents = read_all(host);

	assert_int_equal(intents->count, count);
	assert_int_equal(intents->error_count, words ? 1 : 0);
	if (words)
		assert_has(intents->errors[0].text, words);
	vfv_intents_free(intents);
}

TEST(intent_files_of_no_folder_are_none)
{
	struct vfv_host *host = new_host();

	reads_with_error(host, 0, NULL);
	vfv_host_free(host);
	vfv_intents_free(NULL);
}

TEST(intent_files_are_read_by_name)
{
	struct vfv_host *host = new_host();
	struct vfv_intents *intents;

	put_intent(host->intent, "b.json", "eb", 2);
	put_intent(host->intent_vendor, "a.json", "ea", 1);
	put_intent(host->intent, "c.json", "ec", 3);
	intents = read_all(host);
	assert_int_equal(intents->count, 3);
	assert_string_equal(intents->all[0].name, "a");
	assert_string_equal(intents->all[1].name, "b");
	assert_string_equal(intents->all[2].name, "c");
	assert_int_equal(intents->all[2].vfs, 3);
	assert_false(intents->all[2].runtime);
	assert_has(intents->all[1].file, "/etc/b.json");
	vfv_intents_free(intents);
	vfv_host_free(host);
}

TEST(intent_files_of_run_hide_those_of_etc_and_of_the_vendor)
{
	struct vfv_host *host = new_host();
	char *runtime VFV_FREE = vfv_text("%s/pf.d", host->run);
	struct vfv_intents *intents;

	put_intent(host->intent_vendor, "a.json", "e", 1);
	put_intent(host->intent_vendor, "b.json", "f", 1);
	put_intent(host->intent, "a.json", "e", 2);
	put_intent(host->intent, "b.json", "f", 2);
	put_intent(runtime, "a.json", "e", 3);
	intents = read_all(host);
	assert_int_equal(intents->count, 2);
	assert_int_equal(intents->all[0].vfs, 3);
	assert_true(intents->all[0].runtime);
	assert_int_equal(intents->all[1].vfs, 2);
	assert_false(intents->all[1].runtime);
	vfv_intents_free(intents);
	vfv_host_free(host);
}

TEST(intent_file_that_is_bad_still_hides_others)
{
	struct vfv_host *host = new_host();

	put_intent(host->intent_vendor, "a.json", "e", 1);
	put(host->intent, "a.json", "{");
	reads_with_error(host, 0, "/etc/a.json:1: ");
	vfv_host_free(host);
}

TEST(intent_files_of_other_names_are_not_read)
{
	struct vfv_host *host = new_host();

	put(host->intent, "README", "x");
	put(host->intent, "a.json.bak", "x");
	put(host->intent, "json", "x");
	put(host->intent, ".json", "x");
	put(host->intent, ".a.json", "x");
	put(host->intent, "a.JSON", "x");
	reads_with_error(host, 0, NULL);
	vfv_host_free(host);
}

TEST(intent_file_of_a_wrong_name_is_an_error)
{
	struct vfv_host *host = new_host();

	put_intent(host->intent, "3b:00.0.json", "e", 1);
	reads_with_error(host, 0, "/etc/3b:00.0.json: the name must be");
	vfv_host_free(host);
}

TEST(intent_files_that_are_good_are_read_beside_bad_ones)
{
	struct vfv_host *host = new_host();

	put_intent(host->intent, "a.json", "e", 1);
	put(host->intent, "b.json", "{\n\n!");
	reads_with_error(host, 1, "/etc/b.json:3: ");
	vfv_host_free(host);
}

TEST(intent_file_that_is_a_link_is_refused)
{
	struct vfv_host *host = new_host();
	char *path = put(host->intent, "a.json", "");

	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/dev/null", path), 0);
	reads_with_error(host, 0, "/etc/a.json: is a symbolic link");
	vfv_host_free(host);
}

TEST(intent_file_that_is_a_fifo_is_refused_without_waiting)
{
	struct vfv_host *host = new_host();
	char *path = put(host->intent, "a.json", "");

	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0644), 0);
	reads_with_error(host, 0, "/etc/a.json: is a FIFO, device or socket");
	vfv_host_free(host);
}

TEST(intent_file_that_is_a_folder_is_refused)
{
	struct vfv_host *host = new_host();
	char *path = put(host->intent, "a.json", "");

	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0755), 0);
	reads_with_error(host, 0, "/etc/a.json: is a folder");
	vfv_host_free(host);
}

TEST(intent_file_that_is_huge_is_refused)
{
	struct vfv_host *host = new_host();
	char *text VFV_FREE = malloc(VFV_INTENT_FILE_BYTES_MAX + 2);

	memset(text, ' ', VFV_INTENT_FILE_BYTES_MAX + 1);
	text[VFV_INTENT_FILE_BYTES_MAX + 1] = '\0';
	put(host->intent, "a.json", text);
	reads_with_error(host, 0, "/etc/a.json: is longer than 65536 bytes");
	vfv_host_free(host);
}

TEST(intent_file_that_cannot_be_read_is_an_error)
{
	/* Below the current folder, as those above it are perhaps root's alone. */
	struct vfv_host host = { .run = "run", .intent = "etc", .intent_vendor = "usr" };
	struct vfv_intents *intents = NULL;
	char before[4096];

	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(unit_folder()), 0);
	assert_int_equal(chmod(put("etc", "a.json", "{}"), 0), 0);
	if (seteuid(65534) < 0)
		fail_msg("tests run as root: %m");
	vfv_intents_read(&host, &intents);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chdir(before), 0);
	assert_non_null(intents);
	assert_int_equal(intents->error_count, 1);
	assert_string_equal(intents->errors[0].text, "etc/a.json: cannot be read: Permission denied");
	assert_int_equal(intents->errors[0].code, VFV_ERROR_STORAGE);
	vfv_intents_free(intents);
}

TEST(intent_folder_that_is_a_file_is_an_error)
{
	struct vfv_host *host = new_host();

	unit_write(host->intent, "x");
	reads_with_error(host, 0, "/etc: cannot be read: Not a directory");
	vfv_host_free(host);
}

TEST(intent_files_beyond_the_limit_are_ignored_and_said_so)
{
	struct vfv_host *host = new_host();

	for (int i = 0; i <= VFV_INTENT_FILES_MAX; i++) {
		char name[32];

		snprintf(name, sizeof(name), "p%d.json", i);
		put_intent(host->intent, name, "e", 1);
	}
	reads_with_error(host, VFV_INTENT_FILES_MAX, "more than 1024 files");
	vfv_host_free(host);
}

/* A PF that all intents below are for. */
static struct vfv_pf example_pf(void)
{
	return (struct vfv_pf){
		.address = { .bus = 0x3b },
		.path = "pci0000:3a/0000:3b:00.0",
		.serial = "00112233445566ff",
		.netdev = "ens1f0",
		.has_mac = true,
		.mac = { 0x52, 0x54, 0, 0xf0, 0, 1 },
	};
}

TEST(intent_is_found_by_each_way_of_naming_a_pf)
{
	static const char *const rows[][2] = {
		{ "\"address\":\"3b:00.0\"", "\"address\":\"3b:00.1\"" },
		{ "\"path\":\"pci0000:3a/0000:3b:00.0\"", "\"path\":\"pci0000:3a/0000:3b:00.1\"" },
		{ "\"serial\":\"00112233445566FF\"", "\"serial\":\"00112233445566fe\"" },
		{ "\"mac\":\"52:54:00:f0:00:01\"", "\"mac\":\"52:54:00:f0:00:02\"" },
		{ "\"netdev\":\"ens1f0\"", "\"netdev\":\"ens1f1\"" },
	};
	struct vfv_pf pf = example_pf(), bare = { .address = { .bus = 0x77 } };

	for (size_t i = 0; i < 5; i++) {
		for (int wrong = 0; wrong < 2; wrong++) {
			struct vfv_host *host = new_host();
			struct vfv_error error = VFV_NO_ERROR;
			const struct vfv_intent *found = NULL;
			struct vfv_intents *intents;
			char text[300];

			snprintf(text, sizeof(text), "{\"match\":{%s},\"vfs\":1}", rows[i][wrong]);
			put(host->intent, "a.json", text);
			intents = read_all(host);
			assert_int_equal(vfv_intents_for(intents, &pf, &found, &error), 0);
			assert_true((found != NULL) == !wrong);
			assert_int_equal(vfv_intents_for(intents, &bare, &found, &error), 0);
			assert_null(found);
			vfv_intents_free(intents);
			vfv_host_free(host);
		}
	}
}

TEST(intent_whose_names_disagree_is_for_nobody)
{
	struct vfv_host *host = new_host();
	struct vfv_error error = VFV_NO_ERROR;
	const struct vfv_intent *found = NULL;
	struct vfv_pf pf = example_pf();
	struct vfv_intents *intents;

	put(host->intent, "a.json",
	    "{\"match\":{\"address\":\"3b:00.0\",\"netdev\":\"ens9\"},\"vfs\":1}");
	intents = read_all(host);
	assert_int_equal(vfv_intents_for(intents, &pf, &found, &error), 0);
	assert_null(found);
	vfv_intents_free(intents);
	vfv_host_free(host);
}

TEST(intents_for_one_pf_are_a_conflict_that_names_both)
{
	struct vfv_host *host = new_host();
	struct vfv_error error = VFV_NO_ERROR;
	const struct vfv_intent *found = NULL;
	struct vfv_pf pf = example_pf();
	struct vfv_intents *intents;

	put_intent(host->intent, "a.json", "ens1f0", 1);
	put(host->intent_vendor, "b.json", "{\"match\":{\"address\":\"3b:00.0\"},\"vfs\":1}");
	intents = read_all(host);
	assert_int_equal(vfv_intents_for(intents, &pf, &found, &error), -EEXIST);
	assert_null(found);
	assert_int_equal(error.code, VFV_ERROR_INTENT_CONFLICT);
	assert_has(error.text, "0000:3b:00.0: two intents are for it: ");
	assert_has(error.text, "/etc/a.json and ");
	assert_has(error.text, "/usr/b.json");
	vfv_intents_free(intents);
	vfv_host_free(host);
}

/* What create would write. Not to be cleared: its texts are constants, but for the file. */
static struct vfv_intent example_intent(bool runtime)
{
	return (struct vfv_intent){
		.name = "dpu0",
		.runtime = runtime,
		.match = { .has_address = true, .address = { .bus = 0x3b } },
		.vfs = 64,
		.transport = VFV_TRANSPORT_VFVIRT,
		.driver = "vfvirt_vfio_pci",
	};
}

static void written_and_removed(bool runtime, const char *place)
{
	struct vfv_host *host = new_host();
	struct vfv_intent intent = example_intent(runtime);
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_intents *intents;
	struct stat found;

	assert_int_equal(vfv_intent_write(host, &intent, NULL, &error), 0);
	assert_has(intent.file, place);
	intents = read_all(host);
	assert_int_equal(intents->error_count, 0);
	assert_int_equal(intents->count, 1);
	assert_true(intents->all[0].owned_by_create);
	assert_int_equal(intents->all[0].runtime, runtime);
	assert_int_equal(intents->all[0].vfs, 64);
	assert_int_equal(intents->all[0].match.address.bus, 0x3b);
	assert_int_equal(intents->all[0].transport, VFV_TRANSPORT_VFVIRT);
	vfv_intents_free(intents);
	intent.vfs = 32;
	assert_int_equal(vfv_intent_write(host, &intent, NULL, &error), 0);
	intents = read_all(host);
	assert_int_equal(intents->all[0].vfs, 32);
	assert_int_equal(vfv_intent_remove(&intents->all[0], &error), 0);
	assert_int_equal(stat(intent.file, &found), -1);
	assert_int_equal(vfv_intent_remove(&intents->all[0], &error), 0);
	vfv_intents_free(intents);
	free(intent.file);
	vfv_host_free(host);
}

TEST(intent_file_of_create_is_written_replaced_and_removed)
{
	written_and_removed(false, "/etc/dpu0.json");
}

TEST(intent_file_of_this_boot_is_written_replaced_and_removed)
{
	written_and_removed(true, "/run/pf.d/dpu0.json");
}

TEST(intent_file_holds_every_way_of_naming_a_pf)
{
	struct vfv_host *host = new_host();
	struct vfv_intent intent = example_intent(false);
	struct vfv_error error = VFV_NO_ERROR;
	const struct vfv_intent *again = NULL;
	struct vfv_pf pf = example_pf();
	struct vfv_intents *intents;

	intent.match.path = pf.path;
	intent.match.serial = pf.serial;
	intent.match.netdev = pf.netdev;
	intent.match.has_mac = true;
	memcpy(intent.match.mac, pf.mac, sizeof(pf.mac));
	assert_int_equal(vfv_intent_write(host, &intent, NULL, &error), 0);
	intents = read_all(host);
	assert_int_equal(vfv_intents_for(intents, &pf, &again, &error), 0);
	assert_non_null(again);
	assert_string_equal(again->match.path, pf.path);
	assert_string_equal(again->match.serial, pf.serial);
	assert_string_equal(again->match.netdev, pf.netdev);
	assert_true(again->match.has_mac);
	vfv_intents_free(intents);
	free(intent.file);
	vfv_host_free(host);
}

TEST(intent_file_of_a_person_is_neither_replaced_nor_removed)
{
	struct vfv_host *host = new_host();
	struct vfv_intent intent = example_intent(false);
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_intents *intents;

	put_intent(host->intent, "dpu0.json", "e", 7);
	assert_int_equal(vfv_intent_write(host, &intent, NULL, &error), -EEXIST);
	assert_int_equal(error.code, VFV_ERROR_INTENT);
	assert_has(error.text, "/etc/dpu0.json: was not made by vfvirtctl create");
	intents = read_all(host);
	assert_int_equal(intents->all[0].vfs, 7);
	error = VFV_NO_ERROR;
	assert_int_equal(vfv_intent_remove(&intents->all[0], &error), -EEXIST);
	assert_int_equal(error.code, VFV_ERROR_INTENT);
	vfv_intents_free(intents);
	reads_with_error(host, 1, NULL);
	vfv_host_free(host);
}

TEST(intent_file_of_another_pf_is_not_replaced)
{
	struct vfv_host *host = new_host();
	struct vfv_intent intent = example_intent(false), other = example_intent(false);
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_intents *intents;

	other.match.address.bus = 0x4b;
	assert_int_equal(vfv_intent_write(host, &intent, NULL, &error), 0);
	assert_int_equal(vfv_intent_write(host, &other, NULL, &error), -EEXIST);
	assert_int_equal(error.code, VFV_ERROR_INTENT);
	assert_has(error.text, "/etc/dpu0.json: is for another PF");
	intents = read_all(host);
	assert_int_equal(intents->all[0].match.address.bus, 0x3b);
	vfv_intents_free(intents);
	free(intent.file);
	vfv_host_free(host);
}

TEST(intent_file_is_restored_as_it_was)
{
	struct vfv_host *host = new_host();
	struct vfv_intent intent = example_intent(false);
	struct vfv_error error = VFV_NO_ERROR;
	const char *text = "{\"created-by\": \"vfvirtctl create\",\n\"vfs\": 7, "
			   "\"match\": {\"address\": \"0000:3b:00.0\"}}\n";
	char *before = NULL, *now = NULL;

	assert_int_equal(vfv_intent_write(host, &intent, &before, &error), 0);
	assert_null(before);
	vfv_intent_restore(&intent, before);
	reads_with_error(host, 0, NULL);
	put(host->intent, "dpu0.json", text);
	assert_int_equal(vfv_intent_write(host, &intent, &before, &error), 0);
	assert_string_equal(before, text);
	vfv_intent_restore(&intent, before);
	assert_true(vfv_file_read(intent.file, 4096, &now, NULL) >= 0);
	assert_string_equal(now, text);
	free(now);
	free(before);
	free(intent.file);
	vfv_host_free(host);
}

TEST(intent_file_that_a_person_took_over_is_not_removed)
{
	struct vfv_host *host = new_host();
	struct vfv_intent intent = example_intent(false);
	struct vfv_error error = VFV_NO_ERROR;

	assert_int_equal(vfv_intent_write(host, &intent, NULL, &error), 0);
	put_intent(host->intent, "dpu0.json", "e", 7);
	intent.owned_by_create = true;
	assert_int_equal(vfv_intent_remove(&intent, &error), -EEXIST);
	put(host->intent, "dpu0.json", "being edited");
	error = VFV_NO_ERROR;
	assert_int_equal(vfv_intent_remove(&intent, &error), -EINVAL);
	assert_has(error.text, "/etc/dpu0.json:1: ");
	error = VFV_NO_ERROR;
	assert_int_equal(vfv_intent_write(host, &intent, NULL, &error), -EINVAL);
	assert_has(error.text, "/etc/dpu0.json:1: ");
	free(intent.file);
	vfv_host_free(host);
}

TEST(intent_file_of_a_wrong_name_is_not_written)
{
	struct vfv_host *host = new_host();
	struct vfv_intent intent = example_intent(false);
	struct vfv_error error = VFV_NO_ERROR;

	intent.name = "../dpu0";
	assert_int_equal(vfv_intent_write(host, &intent, NULL, &error), -EINVAL);
	assert_int_equal(error.code, VFV_ERROR_INTENT);
	assert_null(intent.file);
	vfv_host_free(host);
}

/* Writing fails with a storage error of these words while a file system lies over the folder. */
static void write_fails(unsigned long flags, const char *options, int result, const char *words)
{
	struct vfv_host *host = new_host();
	struct vfv_intent intent = example_intent(false);
	struct vfv_error error = VFV_NO_ERROR;
	int have;

	assert_int_equal(vfv_folder_make(host->intent), 0);
	if (mount("none", host->intent, "tmpfs", flags, options) < 0)
		fail_msg("tests run as root: %m");
	have = vfv_intent_write(host, &intent, NULL, &error);
	assert_int_equal(umount(host->intent), 0);
	assert_int_equal(have, result);
	assert_int_equal(error.code, VFV_ERROR_STORAGE);
	assert_has(error.text, words);
	vfv_host_free(host);
}

TEST(intent_file_cannot_be_written_to_a_read_only_disk)
{
	write_fails(MS_RDONLY, NULL, -EROFS,
		    "/etc/dpu0.json: cannot be written: Read-only file system");
}

TEST(intent_file_cannot_be_written_to_a_full_disk)
{
	write_fails(0, "nr_inodes=1", -ENOSPC,
		    "/etc/dpu0.json: cannot be written: No space left on device");
}
