/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of what happens without memory: each allocation of an operation fails once, in turn. The
 * operation must then say so or do without, and leave nothing behind. Allocations of json-c do not
 * fail: it ends the program itself at some of them.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "host.h"
#include "intent.h"
#include "json.h"
#include "model.h"
#include "nova_check.h"
#include "select.h"
#include "text.h"
#include "unit.h"

#define ALLOCATIONS_MAX 20000 /* of one operation: bounds the sweep */

/* What glibc's own functions are called when a program brings others of their names. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void __libc_free(void *memory);

static long until_failure = -1; /* allocations that still succeed; negative: all of them */
static bool failed;		/* one has failed since the last arm() */
static long alive;		/* pieces of memory that nobody has freed */

/* Whether an allocation fails, which happens once. caller: the address that it returns to. */
static bool fails(void *caller)
{
	Dl_info place;

	if (until_failure < 0 || !dladdr(caller, &place) || strstr(place.dli_fname, "libjson-c"))
		return false;
	if (until_failure-- > 0)
		return false;
	failed = true;
	errno = ENOMEM;
	return true;
}

#define FAILS() fails(__builtin_return_address(0))

static void *count(void *memory)
{
	alive += memory != NULL;
	return memory;
}

void *malloc(size_t size)
{
	return FAILS() ? NULL : count(__libc_malloc(size));
}

void *calloc(size_t number, size_t size)
{
	return FAILS() ? NULL : count(__libc_calloc(number, size));
}

void *realloc(void *old, size_t size)
{
	if (FAILS())
		return NULL;
	return old ? __libc_realloc(old, size) : count(__libc_realloc(NULL, size));
}

void free(void *memory)
{
	alive -= memory != NULL;
	__libc_free(memory);
}

/* Here so that its caller is known, not only that libc allocates. */
char *strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = FAILS() ? NULL : count(__libc_malloc(size));

	return copy ? memcpy(copy, text, size) : NULL;
}

/*
 * Run an operation, which returns 0 or a negative errno and frees what it made, with every one of
 * its allocations failing once. Returns how many it has.
 */
static long sweep(int (*operation)(void))
{
	long before, number = 0;
	int result;

	assert_int_equal(operation(), 0); /* what libraries allocate once stays */
	do {
		before = alive;
		failed = false;
		until_failure = number;
		result = operation();
		until_failure = -1;
		if (result != 0 && result != -ENOMEM)
			fail_msg("allocation %ld: result %d", number, result);
		if (!failed && result != 0)
			fail_msg("result %d although nothing failed", result);
		if (alive != before)
			fail_msg("allocation %ld: %ld pieces left", number, alive - before);
	} while (failed && ++number < ALLOCATIONS_MAX);
	assert_true(number < ALLOCATIONS_MAX);
	return number;
}

/* A failure that was told must be told as one of memory. */
static int told(int result, const struct vfv_error *error)
{
	if (result == 0)
		assert_int_equal(error->code, VFV_ERROR_NONE);
	else
		assert_int_equal(error->code, VFV_ERROR_NO_MEMORY);
	return result;
}

static struct vfv_host host;

static void new_host(void)
{
	const char *folder = unit_folder();

	free(host.run);
	free(host.intent);
	free(host.intent_vendor);
	host.run = vfv_text("%s/run", folder);
	host.intent = vfv_text("%s/etc", folder);
	host.intent_vendor = vfv_text("%s/usr", folder);
}

static int make_host(void)
{
	struct vfv_host *made = vfv_host_new();

	vfv_host_free(made);
	return made ? 0 : -ENOMEM;
}

static int parse_intent(void)
{
	static const char text[] =
		"{\"match\":{\"netdev\":\"e\",\"path\":\"pci0000:3a/0000:3b:00.0\"},\"vfs\":1,"
		"\"nova\":{\"resource_class\":\"A\"}}";
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_intent intent;
	int result = vfv_intent_parse("a", "f", text, strlen(text), &intent, &error);

	if (result == 0)
		vfv_intent_clear(&intent);
	return told(result, &error);
}

static int read_intents(void)
{
	struct vfv_intents *intents;
	int result = vfv_intents_read(&host, &intents);

	if (result < 0)
		return result;
	assert_int_equal(intents->count, 2);
	assert_int_equal(intents->error_count, 1);
	vfv_intents_free(intents);
	return 0;
}

static int write_intent(void)
{
	struct vfv_intent intent = {
		.name = "w",
		.match = { .has_address = true, .has_mac = true, .path = "p/0000:00:00.0",
			   .serial = "0011223344556677", .netdev = "e" },
		.driver = "d",
	};
	struct vfv_error error = VFV_NO_ERROR;
	int result = vfv_intent_write(&host, &intent, NULL, &error);

	free(intent.file);
	/* Without memory even a file can be unwritable. */
	if (result == -ENOMEM && error.code == VFV_ERROR_STORAGE)
		return result;
	return told(result, &error);
}

static struct vfv_model *model;

static void make_model(void)
{
	struct vfv_address address = { .bus = 0x3b };
	struct vfv_pf *pf;
	struct vfv_vf *vf;

	model = vfv_model_new();
	pf = vfv_model_add_pf(model, &address);
	pf->name = strdup("dpu0");
	address.function = 1;
	vf = vfv_pf_add_vf(pf, 0, &address);
	vf->driver = strdup("d");
	vf->users = calloc(1, sizeof(vf->users[0]));
	vf->user_count = 1;
	vf->users[0].command = strdup("c");
}

static int model_to_json(void)
{
	struct json_object *object = vfv_model_to_json(model);

	json_object_put(object);
	return object ? 0 : -ENOMEM;
}

static struct json_object *written;

static int model_from_json(void)
{
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_model *again;
	int result = vfv_model_from_json(written, &again, &error);

	if (result == 0)
		vfv_model_free(again);
	return told(result, &error);
}

static int select_all(void)
{
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_chosen *chosen;
	size_t found;
	int result = vfv_select(model, "*", VFV_SELECT_PF | VFV_SELECT_VF | VFV_SELECT_GLOB, &chosen,
				&found, &error);

	if (result == 0)
		free(chosen);
	return told(result, &error);
}

static char path[4096];

static int use_files(void)
{
	char *text = NULL;
	int result = vfv_folder_make(host.intent);

	if (result == 0)
		result = vfv_file_write(path, "x", 1, 0644);
	if (result == 0)
		result = vfv_file_read(path, 10, &text, NULL);
	if (result == 0)
		result = vfv_file_remove(path);
	free(text);
	unlink(path);
	return result;
}

static int check_nova(void)
{
	static struct vfv_vf vf = {.address = {.bus = 0x3b, .function = 1},
				   .state = VFV_VF_PUBLISHED};
	static const struct vfv_pf pf = {.address = {.bus = 0x3b}, .vfs = &vf, .vf_count = 1};
	static const struct vfv_nova_pf rows = {.pf = &pf, .wanted = true};
	struct vfv_nova_scene scene = {.host = &host,
				       .file = path,
				       .rules = vfv_nova_release(1),
				       .pfs = &rows,
				       .pf_count = 1};
	struct vfv_findings *findings = NULL;
	struct vfv_error error = VFV_NO_ERROR;
	int result = vfv_nova_check(&scene, &findings, &error);

	if (result == 0)
		assert_int_equal(findings->count, 7);
	vfv_findings_free(findings);
	return told(result, &error);
}

TEST(memory_missing_for_a_check_of_nova_is_told)
{
	new_host();
	host.sysfs = (char *)"/nonexistent";
	assert_int_equal(vfv_folder_make(host.intent), 0);
	snprintf(path, sizeof(path), "%s/nova.conf", host.intent);
	/* No patterns: glibc's regcomp() leaves memory behind when it gets none. */
	unit_write(path, "[pci]\ndevice_spec={\"address\": \"3b:07.0\",\n"
			 " \"vendor_id\": \"1af4\"}\ndevice_spec={\"devname\": \"ens0\"}\n"
			 "device_spec={\"address\": \"3b:00.0\"}\nalias={}\nalias=[]\n"
			 "alias={\"name\":\"a\",\"device_type\":\"type-VF\"}\n"
			 "alias={\"name\":\"a\",\"device_type\":\"type-VF\"}\n");
	assert_true(sweep(check_nova) > 30);
}

TEST(memory_missing_for_a_host_is_told)
{
	assert_true(sweep(make_host) > 4);
}

TEST(memory_missing_for_an_intent_is_told)
{
	assert_true(sweep(parse_intent) > 5);
}

TEST(memory_missing_for_intent_files_is_told)
{
	char file[4200];

	new_host();
	assert_int_equal(vfv_folder_make(host.intent), 0);
	snprintf(file, sizeof(file), "%s/a.json", host.intent);
	unit_write(file, "{\"match\":{\"netdev\":\"e\"},\"vfs\":1}");
	snprintf(file, sizeof(file), "%s/b.json", host.intent);
	unit_write(file, "{\"match\":{\"netdev\":\"f\"},\"vfs\":1}");
	snprintf(file, sizeof(file), "%s/c.json", host.intent);
	unit_write(file, "broken");
	assert_true(sweep(read_intents) > 20);
}

TEST(memory_missing_for_writing_an_intent_is_told)
{
	new_host();
	assert_true(sweep(write_intent) > 20);
}

TEST(memory_missing_for_files_is_told)
{
	new_host();
	snprintf(path, sizeof(path), "%s/f", host.intent);
	assert_true(sweep(use_files) > 4);
}

TEST(memory_missing_for_a_model_is_told)
{
	make_model();
	assert_true(sweep(model_to_json) > 5);
	written = vfv_model_to_json(model);
	assert_true(sweep(model_from_json) > 5);
	json_object_put(written);
	assert_true(sweep(select_all) > 1);
	vfv_model_free(model);
}
