/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a request to a worker and as lines of its reports. */
#include <string.h>

#include "fuzz.h"
#include "request.h"

static void as_request(const char *text, size_t size)
{
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_request *request, *again;
	char *written;

	if (vfv_request_parse(text, size, &request, &error) < 0) {
		must(error.code == VFV_ERROR_USAGE);
		return;
	}
	written = vfv_request_to_text(request);
	must(vfv_request_parse(written, strlen(written), &again, &error) == 0);
	free(written);
	vfv_request_free(request);
	vfv_request_free(again);
}

static void as_reports(const char *text, size_t size)
{
	struct vfv_outcome outcome = { 0 };
	const char *end = text + size;

	while (text < end) {
		const char *newline = memchr(text, '\n', end - text);
		size_t length = (newline ? newline : end) - text;
		struct json_object *kept = NULL;
		struct vfv_progress progress;
		enum vfv_report kind;

		if (vfv_outcome_take(&outcome, text, length, &kind, &progress, &kept) == 0 &&
		    kind == VFV_REPORT_PROGRESS)
			must(strlen(progress.step) <= size);
		json_object_put(kept);
		text += length + 1;
	}
	vfv_outcome_clear(&outcome);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	as_request((const char *)data, size);
	as_reports((const char *)data, size);
	return 0;
}
