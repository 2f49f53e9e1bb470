/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Carries out single steps. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "facts_vf.h"
#include "host.h"
#include "judge.h"
#include "publish.h"
#include "step_parts.h"
#include "sysfs.h"
#include "text.h"

/*
 * A PF that was bound just now refuses VFs until the driver of its virtio device, which may have to
 * be loaded, is ready; no event says when. So long we try, and so often.
 */
#define READY_LIMIT_MS 3000
#define READY_PAUSE_MS 50

bool vfv_run_has_pf(const struct vfv_run *run)
{
	return !faccessat(run->folder, "vendor", F_OK, 0);
}

/* What a failed move means to a person. */
static int move_failed(const struct vfv_run *run, const struct vfv_object *object, int error,
		       const char *what, struct vfv_error *ret_error)
{
	if (!vfv_run_has_pf(run) || error == -ENODEV)
		return vfv_error_set(ret_error, VFV_ERROR_GONE, ENODEV,
				     "%s: cannot %s: the device is gone", object->name, what);
	if (error == -ENOMEM)
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, error, "no memory");
	if (error == -EACCES)
		return vfv_error_set(ret_error, VFV_ERROR_ACCESS, error,
				     "%s: cannot %s: not allowed: run as root", object->name, what);
	return vfv_error_set(ret_error, VFV_ERROR_KERNEL_IO, error,
			     "%s: cannot %s: %s: see the kernel log", object->name, what,
			     strerror(-error));
}

/* Remember a change; text is taken over. */
static int remember(struct vfv_run *run, const struct vfv_step *step,
		    const struct vfv_object *object, unsigned int number, char *text)
{
	struct vfv_done *grown = reallocarray(run->done, run->done_count + 1, sizeof(*grown));

	if (!grown) {
		free(text);
		return -ENOMEM;
	}
	run->done = grown;
	grown[run->done_count++] = (struct vfv_done){.kind = step->kind,
						     .vf_index = step->vf_index,
						     .address = object->address,
						     .number = number,
						     .text = text};
	return 0;
}

int vfv_object_find(const struct vfv_run *run, const struct vfv_step *step,
		    struct vfv_object *ret_object, struct vfv_error *ret_error)
{
	static const struct vfv_address none;
	char link[32];
	int error = 0;

	ret_object->address = run->pf->address;
	if (step->vf_index != VFV_STEP_PF) {
		snprintf(link, sizeof(link), "virtfn%d", step->vf_index);
		error = vfv_sysfs_link_address(run->folder, link, &ret_object->address);
	}
	vfv_address_format(error ? &step->address : &ret_object->address, ret_object->name);
	if (!error && step->vf_index != VFV_STEP_PF && vfv_address_compare(&step->address, &none) &&
	    vfv_address_compare(&step->address, &ret_object->address))
		error = -ENODEV;
	ret_object->folder = error ? error : vfv_sysfs_device(run->host, &ret_object->address);
	if (ret_object->folder >= 0)
		return 0;
	if (error && !vfv_address_compare(&step->address, &none))
		snprintf(ret_object->name, sizeof(ret_object->name), "VF %d", step->vf_index);
	return vfv_error_set(ret_error, VFV_ERROR_GONE, ENODEV, "%s: is gone", ret_object->name);
}

int vfv_move_override(int object, const char *driver)
{
	/* An empty text is no write at all; a newline alone clears. */
	return vfv_sysfs_write(object, "driver_override", *driver ? driver : "\n");
}

int vfv_move_unbind(int object, const char *address)
{
	return vfv_sysfs_write(object, "driver/unbind", address);
}

int vfv_move_probe(const struct vfv_run *run, const char *address)
{
	return vfv_sysfs_write(run->bus, "drivers_probe", address);
}

static int act_autoprobe(struct vfv_run *run, const struct vfv_step *step,
			 const struct vfv_object *object, struct vfv_error *ret_error)
{
	uint64_t before;
	int error = vfv_sysfs_number(object->folder, "sriov_drivers_autoprobe", 10, 1, &before);

	if (!error && before == step->number)
		return 0;
	if (!error)
		error = vfv_sysfs_write(object->folder, "sriov_drivers_autoprobe",
					step->number ? "1" : "0");
	if (!error)
		error = remember(run, step, object, (unsigned int)before, NULL);
	return error ? move_failed(run, object, error, "set sriov_drivers_autoprobe", ret_error)
		     : 0;
}

/* Write sriov_numvfs; while a PF without VFs says it is busy, its driver is not ready yet. */
static int write_num_vfs(const struct vfv_object *object, unsigned int number)
{
	int64_t deadline = vfv_now_ms() + READY_LIMIT_MS;
	char text[16];
	int error;

	snprintf(text, sizeof(text), "%u", number);
	for (;;) {
		error = vfv_sysfs_write(object->folder, "sriov_numvfs", text);
		if (error != -EBUSY || !number || vfv_now_ms() >= deadline)
			return error;
		poll(NULL, 0, READY_PAUSE_MS);
	}
}

static int num_vfs_failed(const struct vfv_run *run, const struct vfv_step *step,
			  const struct vfv_object *object, int error, struct vfv_error *ret_error)
{
	char what[48];

	snprintf(what, sizeof(what), step->number ? "make %u VFs" : "remove the VFs", step->number);
	if (!vfv_run_has_pf(run))
		return move_failed(run, object, error, what, ret_error);
	switch (error) {
	case -EBUSY:
		return vfv_error_set(ret_error, VFV_ERROR_BUSY, error,
				     "%s: cannot %s: the PF is busy: see whether virtio_net is "
				     "loaded, then try again",
				     object->name, what);
	case -ENOENT:
		return vfv_error_set(ret_error, VFV_ERROR_NO_DRIVER, error,
				     "%s: cannot %s: the PF has no driver that can: bind it to "
				     "vfvirt_pf or virtio-pci",
				     object->name, what);
	case -ERANGE:
		return vfv_error_set(ret_error, VFV_ERROR_TOO_MANY_VFS, error,
				     "%s: cannot %s: the device allows fewer", object->name, what);
	default:
		return move_failed(run, object, error, what, ret_error);
	}
}

static int act_num_vfs(struct vfv_run *run, const struct vfv_step *step,
		       const struct vfv_object *object, struct vfv_error *ret_error)
{
	uint64_t before, after;
	int error = vfv_sysfs_number(object->folder, "sriov_numvfs", 10, UINT16_MAX, &before);

	/* Writing what is there already is harmless, but is never done. */
	if (!error && before == step->number)
		return 0;
	/* VFs that the plan knows nothing of may have come meanwhile. */
	if (!error && !step->number && vfv_run_seal_all(run, ret_error))
		return -ret_error->errno_value;
	if (!error && before && step->number)
		return vfv_error_set(
			ret_error, VFV_ERROR_BUSY, EBUSY,
			"%s: cannot make %u VFs: somebody made %u meanwhile: try again",
			object->name, step->number, (unsigned int)before);
	if (!error)
		error = write_num_vfs(object, step->number);
	if (error)
		return num_vfs_failed(run, step, object, error, ret_error);
	if (!step->number) {
		run->seal_count = 0;
		run->has_sealed_all = false;
	}
	error = remember(run, step, object, (unsigned int)before, NULL);
	if (!error)
		error = vfv_sysfs_number(object->folder, "sriov_numvfs", 10, UINT16_MAX, &after);
	if (!error && after != step->number)
		error = -EIO;
	return error ? move_failed(run, object, error, "change the number of VFs", ret_error) : 0;
}

static int act_unpublish(struct vfv_run *run, const struct vfv_step *step,
			 const struct vfv_object *object, struct vfv_error *ret_error)
{
	int error;

	if (!vfv_is_published(run->host, &object->address))
		return 0;
	error = vfv_unpublish(run->host, &object->address, ret_error);
	return error ? error : remember(run, step, object, 0, NULL);
}

static int act_publish(struct vfv_run *run, const struct vfv_step *step,
		       const struct vfv_object *object, struct vfv_error *ret_error)
{
	int error;

	if (vfv_is_published(run->host, &object->address))
		return 0;
	error = vfv_publish(run->host, &object->address, ret_error);
	return error ? error : remember(run, step, object, 0, NULL);
}

static int act_override(struct vfv_run *run, const struct vfv_step *step,
			const struct vfv_object *object, struct vfv_error *ret_error)
{
	char *before = NULL;
	int error = vfv_facts_override(object->folder, &before);

	if (!error && vfv_text_equal(before ? before : "", step->text)) {
		free(before);
		return 0;
	}
	if (!error)
		error = vfv_move_override(object->folder, step->text);
	if (error)
		free(before);
	else
		error = remember(run, step, object, 0, before);
	return error ? move_failed(run, object, error, "set driver_override", ret_error) : 0;
}

static int act_unbind(struct vfv_run *run, const struct vfv_step *step,
		      const struct vfv_object *object, struct vfv_error *ret_error)
{
	char driver[VFV_SYSFS_TEXT_BYTES];
	int error = vfv_sysfs_link(object->folder, "driver", driver);

	if (error == -ENOENT)
		return vfv_run_has_pf(run)
			       ? 0
			       : move_failed(run, object, error, "unbind it", ret_error);
	if (!error && strcmp(driver, step->text))
		return vfv_error_set(ret_error, VFV_ERROR_BUSY, EBUSY,
				     "%s: cannot unbind it: somebody bound it to %s meanwhile",
				     object->name, driver);
	if (!error && vfv_object_check_interface(run, object, ret_error))
		return -ret_error->errno_value;
	if (!error)
		error = vfv_move_unbind(object->folder, object->name);
	if (error)
		return move_failed(run, object, error, "unbind it", ret_error);
	vfv_run_forget_seal(run, &object->address);
	error = remember(run, step, object, 0, strdup(driver));
	return error ? move_failed(run, object, error, "unbind it", ret_error) : 0;
}

static int act_probe(struct vfv_run *run, const struct vfv_step *step,
		     const struct vfv_object *object, struct vfv_error *ret_error)
{
	char driver[VFV_SYSFS_TEXT_BYTES];
	int error;

	if (!vfv_sysfs_link(object->folder, "driver", driver))
		return 0;
	error = vfv_move_probe(run, object->name);
	/* That no driver took it is for the next step to say. */
	if (!error && !vfv_sysfs_link(object->folder, "driver", driver))
		error = remember(run, step, object, 0, NULL);
	return error ? move_failed(run, object, error, "let a driver take it", ret_error) : 0;
}

static int act_verify(struct vfv_run *run, const struct vfv_step *step,
		      const struct vfv_object *object, struct vfv_error *ret_error)
{
	char text[VFV_SYSFS_TEXT_BYTES] = "no driver";
	int error = vfv_sysfs_link(object->folder, "driver", text);

	if (!vfv_run_has_pf(run))
		return move_failed(run, object, -ENODEV, "check it", ret_error);
	if (error || strcmp(text, step->text))
		return vfv_error_set(ret_error, VFV_ERROR_BIND_FAILED, EIO,
				     "%s: %s did not take it (%s has it): see the kernel log",
				     object->name, step->text, text);
	if (!vfv_is_vfio_driver(step->text))
		return 0;
	if (vfv_sysfs_vfio_name(object->folder, text))
		return vfv_error_set(ret_error, VFV_ERROR_BIND_FAILED, EIO,
				     "%s: %s made no VFIO device: see the kernel log", object->name,
				     step->text);
	if (vfv_sysfs_group_obstacle(run->host, object->folder, &object->address, text) > 0)
		return vfv_error_set(ret_error, VFV_ERROR_NOT_VIABLE, EBUSY,
				     "%s: its IOMMU group is shared with %s: unbind that device",
				     object->name, text);
	return 0;
}

/* May the PF change its driver: no VFs, and its interface not in use? */
static int check_pf_free(const struct vfv_run *run, const struct vfv_object *object,
			 struct vfv_error *ret_error)
{
	char name[VFV_SYSFS_TEXT_BYTES];
	uint64_t count;

	if (!vfv_sysfs_number(object->folder, "sriov_numvfs", 10, UINT16_MAX, &count) && count)
		return vfv_error_set(ret_error, VFV_ERROR_BUSY, EBUSY,
				     "%s: cannot rebind the PF: it has %u VFs: try again",
				     object->name, (unsigned int)count);
	if (!vfv_object_is_used_interface(run, object, name))
		return 0;
	return vfv_error_set(ret_error, VFV_ERROR_PENDING_REBOOT, EAGAIN,
			     "%s: cannot rebind the PF: the host uses its interface %s: it is done "
			     "at the next boot",
			     object->name, name);
}

/* Give a function to a driver, from whatever it is on. virtio-pci needs no override. */
static int rebind(const struct vfv_run *run, const struct vfv_object *object, const char *driver,
		  const char *override)
{
	char now[VFV_SYSFS_TEXT_BYTES];
	int error = vfv_move_override(object->folder, override);

	if (!error && !vfv_sysfs_link(object->folder, "driver", now))
		error = vfv_move_unbind(object->folder, object->name);
	if (!error && *driver)
		error = vfv_move_probe(run, object->name);
	return error;
}

static int act_transport(struct vfv_run *run, const struct vfv_step *step,
			 const struct vfv_object *object, struct vfv_error *ret_error)
{
	char before[VFV_SYSFS_TEXT_BYTES] = "", after[VFV_SYSFS_TEXT_BYTES] = "";
	VFV_FREE char *override = NULL;
	const char *wanted = strcmp(step->text, VFV_DRIVER_VIRTIO) ? step->text : "";
	int error;

	vfv_sysfs_link(object->folder, "driver", before);
	if (!strcmp(before, step->text))
		return 0;
	error = check_pf_free(run, object, ret_error);
	if (error)
		return error;
	error = vfv_facts_override(object->folder, &override);
	if (!error)
		error = rebind(run, object, step->text, wanted);
	vfv_sysfs_link(object->folder, "driver", after);
	if (error || strcmp(after, step->text)) {
		/* A PF without a driver serves nobody: give it back at once. */
		rebind(run, object, before, override ? override : "");
		if (error)
			return move_failed(run, object, error, "rebind the PF", ret_error);
		return vfv_error_set(ret_error, VFV_ERROR_BIND_FAILED, EIO,
				     "%s: %s did not take the PF: see the kernel log", object->name,
				     step->text);
	}
	error = remember(run, step, object, 0, *before ? strdup(before) : NULL);
	if (error)
		return move_failed(run, object, error, "rebind the PF", ret_error);
	run->done[run->done_count - 1].override_text = vfv_take(override);
	return 0;
}

int vfv_step_act(struct vfv_run *run, const struct vfv_step *step, struct vfv_error *ret_error)
{
	static int (*const acts[VFV_STEP_KIND_COUNT])(
		struct vfv_run * run, const struct vfv_step *step, const struct vfv_object *object,
		struct vfv_error *ret_error) = {
		[VFV_STEP_TRANSPORT] = act_transport, [VFV_STEP_AUTOPROBE] = act_autoprobe,
		[VFV_STEP_NUM_VFS] = act_num_vfs,     [VFV_STEP_SEAL] = vfv_act_seal,
		[VFV_STEP_UNSEAL] = vfv_act_unseal,   [VFV_STEP_UNPUBLISH] = act_unpublish,
		[VFV_STEP_UNBIND] = act_unbind,	      [VFV_STEP_OVERRIDE] = act_override,
		[VFV_STEP_PROBE] = act_probe,	      [VFV_STEP_VERIFY] = act_verify,
		[VFV_STEP_PUBLISH] = act_publish,
	};
	VFV_CLOSE_OBJECT struct vfv_object object = {.folder = -1};
	int error = vfv_object_find(run, step, &object, ret_error);

	return error ? error : acts[step->kind](run, step, &object, ret_error);
}
