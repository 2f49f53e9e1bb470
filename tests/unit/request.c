/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of what vfvirtd and its workers say to each other, and of nonsense in its place. */
#include "request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json.h"
#include "unit.h"
#include "worker_protocol.h"

static struct vfv_request *parse(const char *text)
{
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_request *request = NULL;

	if (vfv_request_parse(text, strlen(text), &request, &error) != 0)
		fail_msg("%s: %s", text, error.text);
	return request;
}

/* A line that is no request. */
static void no_request(const char *text)
{
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_request *request = NULL;

	if (vfv_request_parse(text, strlen(text), &request, &error) == 0)
		fail_msg("accepted: %s", text);
	assert_int_equal(error.code, VFV_ERROR_USAGE);
	assert_null(request);
}

TEST(request_of_each_kind_goes_there_and_back)
{
	struct vfv_address pf = { .domain = 0x10000, .bus = 0x3b };

	for (int op = 0; op < VFV_OP_COUNT; op++) {
		struct vfv_request *request = vfv_request_new(op, &pf), *again;
		char *text VFV_FREE = NULL, *second VFV_FREE = NULL;

		text = vfv_request_to_text(request);
		again = parse(text);
		second = vfv_request_to_text(again);
		assert_string_equal(text, second);
		assert_int_equal(again->op, op);
		vfv_request_free(request);
		vfv_request_free(again);
	}
}

TEST(request_with_every_field_goes_there_and_back)
{
	struct vfv_address pf = { .bus = 0x3b };
	struct vfv_request *request = vfv_request_new(VFV_OP_BIND, &pf), *again;
	char *text VFV_FREE = NULL;

	request->dry_run = request->force = request->explicit = request->retry = true;
	request->mac = request->runtime = true;
	request->failed_facts = INT64_MAX;
	request->vfs = 65535;
	request->name = strdup("dpu0");
	request->driver = strdup("vfio-pci");
	request->vf_indexes = calloc(2, sizeof(request->vf_indexes[0]));
	request->vf_indexes[1] = 239;
	request->vf_index_count = 2;
	text = vfv_request_to_text(request);
	again = parse(text);
	assert_true(again->dry_run && again->force && again->explicit && again->retry);
	assert_true(again->mac && again->runtime);
	assert_true(again->failed_facts == INT64_MAX);
	assert_int_equal(again->vfs, 65535);
	assert_string_equal(again->name, "dpu0");
	assert_string_equal(again->driver, "vfio-pci");
	assert_int_equal(again->vf_index_count, 2);
	assert_int_equal(again->vf_indexes[1], 239);
	vfv_request_free(request);
	vfv_request_free(again);
}

/* A request for a PF with one member changed; value NULL: left out. */
static void no_request_with(const char *key, const char *value)
{
	struct vfv_address pf = { .bus = 0x3b };
	struct vfv_request *request = vfv_request_new(VFV_OP_APPLY, &pf);
	char *text VFV_FREE = vfv_request_to_text(request);
	struct json_object *object VFV_JSON = json_tokener_parse(text);

	if (value)
		json_object_object_add(object, key, json_tokener_parse(value));
	else
		json_object_object_del(object, key);
	no_request(json_object_to_json_string(object));
	vfv_request_free(request);
}

TEST(request_that_is_none_is_refused)
{
	static const char *const rows[][2] = {
		{ "op", "\"format\"" }, { "op", "7" }, { "op", NULL },
		{ "pf", "\"dpu0\"" }, { "pf", "null" }, { "pf", NULL },
		{ "dry_run", "1" }, { "force", NULL }, { "mac", "\"true\"" },
		{ "vfs", "-1" }, { "vfs", "65536" }, { "vfs", "1.5" }, { "vfs", NULL },
		{ "failed_facts", "-1" }, { "name", "7" }, { "driver", "[]" },
		{ "vf_indexes", "7" }, { "vf_indexes", "[-1]" }, { "vf_indexes", "[65536]" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		no_request_with(rows[i][0], rows[i][1]);
	no_request("");
	no_request("{}");
	no_request("{\"op\":\"apply\"");
}

/* Take a line; the outcome must take it. */
static void takes(struct vfv_outcome *outcome, const char *line)
{
	struct json_object *kept = NULL;
	struct vfv_progress progress;
	enum vfv_report kind;

	if (vfv_outcome_take(outcome, line, strlen(line), &kind, &progress, &kept) != 0)
		fail_msg("not taken: %s", line);
	json_object_put(kept);
}

TEST(report_lines_make_an_outcome)
{
	struct vfv_outcome outcome = { 0 };

	takes(&outcome, "{\"waiting\":{\"pid\":4711}}");
	assert_int_equal(outcome.waiting_for, 4711);
	takes(&outcome, "{\"plan\":{\"steps\":[]}}");
	assert_int_equal(outcome.waiting_for, 0);
	assert_non_null(outcome.plan);
	assert_false(outcome.has_events_group);
	takes(&outcome, "{\"kernel\":{\"events_group\":12}}");
	assert_true(outcome.has_events_group);
	assert_int_equal(outcome.events_group, 12);
	takes(&outcome, "{\"failed\":{\"vf_index\":1}}");
	takes(&outcome, "{\"failed\":{\"vf_index\":2}}");
	assert_int_equal(json_object_array_length(outcome.failed), 2);
	takes(&outcome, "{\"model\":{\"schema\":1,\"kernel_contract_ok\":true,\"pfs\":[]}}");
	takes(&outcome, "{\"model\":{\"schema\":1,\"kernel_contract_ok\":true,\"pfs\":[]}}");
	assert_non_null(outcome.model);
	takes(&outcome, "{\"list\":[]}");
	assert_non_null(outcome.list);
	takes(&outcome, "{\"end\":{\"code\":\"in-use\",\"errno\":16,\"text\":\"why\",\"done\":3,"
			"\"failed\":1,\"failed_facts\":7,\"undone\":true}}");
	assert_int_equal(outcome.error.code, VFV_ERROR_IN_USE);
	assert_int_equal(outcome.error.errno_value, 16);
	assert_string_equal(outcome.error.text, "why");
	assert_int_equal(outcome.done_count, 3);
	assert_int_equal(outcome.failed_count, 1);
	assert_true(outcome.undone);
	vfv_outcome_clear(&outcome);
	assert_null(outcome.end);
}

TEST(report_of_a_good_end_has_no_error)
{
	struct vfv_outcome outcome = { 0 };

	takes(&outcome, "{\"end\":{\"code\":\"none\",\"errno\":0,\"text\":\"\",\"done\":0,"
			"\"failed\":0,\"failed_facts\":0,\"undone\":false}}");
	assert_int_equal(outcome.error.code, VFV_ERROR_NONE);
	vfv_outcome_clear(&outcome);
}

TEST(report_of_progress_is_told_apart)
{
	static const char line[] = "{\"progress\":{\"done\":3,\"total\":64,\"step\":\"x\"}}";
	struct vfv_outcome outcome = { 0 };
	struct json_object *kept VFV_JSON = NULL;
	struct vfv_progress progress;
	enum vfv_report kind;

	assert_int_equal(vfv_outcome_take(&outcome, line, strlen(line), &kind, &progress, &kept), 0);
	assert_int_equal(kind, VFV_REPORT_PROGRESS);
	assert_int_equal(progress.done, 3);
	assert_int_equal(progress.total, 64);
	assert_string_equal(progress.step, "x");
	vfv_outcome_clear(&outcome);
}

TEST(report_that_is_none_changes_nothing)
{
	static const char negative_errno[] =
		"{\"end\":{\"code\":\"none\",\"errno\":-1,\"text\":\"\",\"done\":0,\"failed\":0,"
		"\"failed_facts\":0,\"undone\":false}}";
	static const char *const lines[] = {
		"", "x", "{}", "[]", "{\"other\":1}", "{\"end\":1}", "{\"end\":null}", "{\"end\":{}}",
		negative_errno,
		"{\"model\":1}", "{\"model\":{\"schema\":2}}", "{\"waiting\":{}}",
		"{\"kernel\":{}}",
		"{\"waiting\":{\"pid\":0}}", "{\"progress\":{\"done\":-1,\"total\":1,\"step\":\"\"}}",
		"{\"progress\":[]}",
	};
	struct vfv_outcome outcome = { 0 };

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct json_object *kept = NULL;
		struct vfv_progress progress;
		enum vfv_report kind;

		if (vfv_outcome_take(&outcome, lines[i], strlen(lines[i]), &kind, &progress,
				     &kept) == 0)
			fail_msg("taken: %s", lines[i]);
		json_object_put(kept);
		assert_null(outcome.end);
		assert_null(outcome.model);
		assert_int_equal(outcome.error.code, VFV_ERROR_NONE);
	}
	vfv_outcome_clear(&outcome);
}
