/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as the description of a domain. */
#include "domain.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_domain domain = { 0 };

	if (vfv_domain_parse("f", (const char *)data, size, &domain, &error) < 0) {
		must(error.code != VFV_ERROR_NONE);
		return 0;
	}
	must(domain.device_count <= VFV_DOMAIN_DEVICES_MAX);
	for (size_t i = 0; i < domain.device_count; i++)
		must(domain.devices[i].device < 32 && domain.devices[i].function < 8);
	vfv_domain_clear(&domain);
	return 0;
}
