/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as an intent file. */
#include <string.h>

#include "fuzz.h"
#include "intent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_intent intent;

	if (vfv_intent_parse("dpu0", "f", (const char *)data, size, &intent, &error) < 0) {
		must(error.code == VFV_ERROR_INTENT);
		must(strncmp(error.text, "f:", 2) == 0);
		return 0;
	}
	must(error.code == VFV_ERROR_NONE);
	must(intent.vfs <= VFV_INTENT_VFS_MAX && intent.driver && *intent.driver);
	must(intent.match.has_address || intent.match.has_mac || intent.match.path ||
	     intent.match.serial || intent.match.netdev);
	must(!intent.has_nova || intent.nova_alias);
	vfv_intent_clear(&intent);
	return 0;
}
