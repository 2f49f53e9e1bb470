/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Takes back what a run did, and only that. Errors are counted, not told: the first one was. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "publish.h"
#include "step_parts.h"
#include "sysfs.h"
#include "text.h"

/* The opposite of one step is a step too, which looks before it acts. */
static bool opposite(struct vfv_run *run, const struct vfv_done *done, enum vfv_step_kind kind,
		     unsigned int number, const char *text)
{
	struct vfv_step step = {.kind = kind,
				.vf_index = done->vf_index,
				.address = done->address,
				.number = number,
				.text = (char *)text};
	struct vfv_error ignored = VFV_NO_ERROR;

	return !vfv_step_act(run, &step, &ignored);
}

/* Unbind a VF from any driver but one, unless somebody has opened it already. */
static bool unbind_from_others(struct vfv_run *run, const struct vfv_done *done, const char *driver)
{
	VFV_CLOSE int folder = vfv_sysfs_device(run->host, &done->address);
	char now[VFV_SYSFS_TEXT_BYTES];

	if (folder < 0 || vfv_sysfs_link(folder, "driver", now) || vfv_text_equal(now, driver))
		return true;
	return opposite(run, done, VFV_STEP_SEAL, 0, NULL) &&
	       opposite(run, done, VFV_STEP_UNBIND, 0, now);
}

/*
 * Give a VF back to a driver, then its override. The override comes first too, since it works
 * whatever the PF says of automatic probing, which may have bound the VF to another driver.
 */
static bool rebind(struct vfv_run *run, const struct vfv_done *done, const char *driver,
		   const char *override)
{
	return opposite(run, done, VFV_STEP_OVERRIDE, 0, driver) &&
	       unbind_from_others(run, done, driver) &&
	       opposite(run, done, VFV_STEP_PROBE, 0, NULL) &&
	       opposite(run, done, VFV_STEP_OVERRIDE, 0, override ? override : "");
}

/* Make the VFs again that were removed for another number, as they were. */
static bool restore_vfs(struct vfv_run *run, const struct vfv_done *done)
{
	bool ok = opposite(run, done, VFV_STEP_NUM_VFS, done->number, NULL);

	for (size_t i = 0; ok && i < run->pf->vf_count; i++) {
		const struct vfv_vf *vf = &run->pf->vfs[i];
		struct vfv_done again = {.vf_index = (int)vf->vf_index, .address = vf->address};

		if (vf->driver)
			ok = rebind(run, &again, vf->driver, vf->driver_override);
		else if (vf->driver_override)
			ok = opposite(run, &again, VFV_STEP_OVERRIDE, 0, vf->driver_override);
	}
	return ok;
}

static bool undo_num_vfs(struct vfv_run *run, const struct vfv_done *done)
{
	if (done->number)
		return restore_vfs(run, done);
	return opposite(run, done, VFV_STEP_NUM_VFS, 0, NULL);
}

static bool undo_transport(struct vfv_run *run, const struct vfv_done *done)
{
	bool ok = done->text ? opposite(run, done, VFV_STEP_TRANSPORT, 0, done->text) : true;

	/* What was there before may have been overridden by somebody. */
	return opposite(run, done, VFV_STEP_OVERRIDE, 0,
			done->override_text ? done->override_text : "") &&
	       ok;
}

static bool undo_one(struct vfv_run *run, const struct vfv_done *done)
{
	switch (done->kind) {
	case VFV_STEP_TRANSPORT:
		return undo_transport(run, done);
	case VFV_STEP_AUTOPROBE:
		return opposite(run, done, VFV_STEP_AUTOPROBE, done->number, NULL);
	case VFV_STEP_NUM_VFS:
		return undo_num_vfs(run, done);
	case VFV_STEP_UNPUBLISH:
		return opposite(run, done, VFV_STEP_PUBLISH, 0, NULL);
	case VFV_STEP_PUBLISH:
		return !vfv_unpublish(run->host, &done->address, NULL);
	case VFV_STEP_UNBIND:
		return rebind(run, done, done->text, done->text);
	case VFV_STEP_OVERRIDE:
		return opposite(run, done, VFV_STEP_OVERRIDE, 0, done->text ? done->text : "");
	case VFV_STEP_PROBE:
		return unbind_from_others(run, done, NULL);
	default:
		return true;
	}
}

bool vfv_run_undo(struct vfv_run *run)
{
	size_t count = run->done_count;
	bool ok = true;

	for (size_t i = count; i-- > 0;) {
		/* The list grows while its own entries are undone: those are no steps to undo. */
		struct vfv_done done = run->done[i];

		ok &= undo_one(run, &done);
	}
	return ok;
}
