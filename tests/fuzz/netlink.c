/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a piece of an answer from the kernel, every message of it to every decoder. */
#include <string.h>

#include "fuzz.h"
#include "netlink_channel.h"
#include "netlink_decode.h"

#define SEQUENCE 1

static int visit(void *context, struct nlmsghdr *message)
{
	struct vfv_kernel_event event;
	struct vfv_stats_row row;
	struct vfv_family family = { 0 };
	uint32_t version;

	vfv_decode_family(message, &family);
	vfv_decode_version(message, &version);
	vfv_decode_owner(message, context);
	vfv_decode_member(message, context);
	vfv_decode_stats(message, &row);
	vfv_decode_event(message, &event);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vfv_address pf_address = { .bus = 0x3b }, vf_address = { .bus = 0x3b, .function = 1 };
	struct vfv_model *model = vfv_model_new();
	struct vfv_pf *pf = vfv_model_add_pf(model, &pf_address);
	void *piece = malloc(size ? size : 1);
	int interrupted = 0;

	must(pf && vfv_pf_add_vf(pf, 0, &vf_address) && piece);
	if (size)
		memcpy(piece, data, size);
	vfv_channel_walk(piece, size, SEQUENCE, &interrupted, visit, model);
	must(model->pf_count == 1 && pf->vf_count == 1);
	free(piece);
	vfv_model_free(model);
	return 0;
}
