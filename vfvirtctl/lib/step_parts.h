/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One run of a plan, as the files step*.c share it. */
#ifndef VFV_LIB_STEP_PARTS_H
#define VFV_LIB_STEP_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"
#include "step.h"
#include "sysfs.h"

/* A step that changed something, with what was there before. */
struct vfv_done {
	enum vfv_step_kind kind;
	int vf_index;
	struct vfv_address address;
	unsigned int number; /* as it was */
	char *text;	     /* owned; as it was; NULL: none */
	char *override_text; /* owned; of TRANSPORT also this; NULL: none */
};

struct vfv_run {
	const struct vfv_host *host;
	struct vfv_netlink *netlink; /* NULL: the modules are not there */
	bool force;		     /* interfaces that the host uses are taken too */
	const struct vfv_pf *pf;     /* the facts that the plan was made from */
	const char *claimant;	     /* of the goal */
	int bus;		     /* the folder bus/pci */
	int folder;		     /* of the PF */
	struct vfv_done *done;	     /* owned array of done_count, in order */
	size_t done_count;
	struct vfv_address *seals; /* owned array of seal_count: set by this run, still there */
	size_t seal_count;
	bool has_sealed_all; /* of the VFs that there were */
};

/* The function that a step is about. */
struct vfv_object {
	int folder; /* owned */
	struct vfv_address address;
	char name[VFV_ADDRESS_BYTES]; /* the address as text */
};

static inline void vfv_object_close(struct vfv_object *object)
{
	vfv_close(object->folder);
}
#define VFV_CLOSE_OBJECT __attribute__((cleanup(vfv_object_close)))

/* The PF, or the VF that has the step's index now; one of another address is gone. */
int vfv_object_find(const struct vfv_run *run, const struct vfv_step *step,
		    struct vfv_object *ret_object, struct vfv_error *ret_error);

/* Whether the host uses the interface of a function on virtio-pci; its name. */
bool vfv_object_is_used_interface(const struct vfv_run *run, const struct vfv_object *object,
				  char ret_name[VFV_SYSFS_TEXT_BYTES]);

/* A VF that is an interface of the host is not taken from it, unless by force: FOREIGN. */
int vfv_object_check_interface(const struct vfv_run *run, const struct vfv_object *object,
			       struct vfv_error *ret_error);

/**
 * vfv_step_act - carry out one step, and remember it in run->done if it changed something
 * @ret_error: names the object and what to do
 *
 * Looks before it acts: what is so already is no error and nothing is done. Return: 0 or a negative
 * errno; VFV_ERROR_GONE when PF or VF are not there any more.
 */
int vfv_step_act(struct vfv_run *run, const struct vfv_step *step, struct vfv_error *ret_error);

/* Whether the PF still is there. */
bool vfv_run_has_pf(const struct vfv_run *run);

/* The steps SEAL and UNSEAL, as vfv_step_act() calls them. */
int vfv_act_seal(struct vfv_run *run, const struct vfv_step *step, const struct vfv_object *object,
		 struct vfv_error *ret_error);
int vfv_act_unseal(struct vfv_run *run, const struct vfv_step *step,
		   const struct vfv_object *object, struct vfv_error *ret_error);

/* A VF was unbound, and with that its seal is gone. */
void vfv_run_forget_seal(struct vfv_run *run, const struct vfv_address *address);

/* Take back all seals that this run set; VFs that have gone meanwhile are fine. */
void vfv_run_unseal(struct vfv_run *run);

/*
 * Seal all VFs that there are now, so that they can be removed. Those whose driver knows no seals are
 * looked for in the open files of all processes, once for all of them.
 */
int vfv_run_seal_all(struct vfv_run *run, struct vfv_error *ret_error);

/* Take back what was done, last first. Whether all of it could be. */
bool vfv_run_undo(struct vfv_run *run);

/*
 * Moves within a step; each is about one PCI function and returns 0 or a negative errno. object: its
 * folder, open; address: as text.
 */
int vfv_move_override(int object, const char *driver); /* "" clears it */
int vfv_move_unbind(int object, const char *address);
int vfv_move_probe(const struct vfv_run *run, const char *address);

#endif
