/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The difference between intent and facts as a list of steps. */
#include "plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "intent.h"
#include "judge.h"
#include "sysfs.h"
#include "text.h"
#include "users.h"

#define USER_BYTES 300

/* A plan in the making. Once memory is out, nothing is added any more. */
struct builder {
	const struct vfv_pf *pf;
	const struct vfv_goal *goal;
	struct vfv_plan *plan;
	size_t room;
	bool no_memory;
	struct vfv_error *ret_error;
};

static void add(struct builder *b, enum vfv_step_kind kind, const struct vfv_vf *vf, int vf_index,
		unsigned int number, const char *text)
{
	struct vfv_plan *plan = b->plan;
	struct vfv_step step = {.kind = kind, .vf_index = vf_index, .number = number};

	if (vf)
		step.address = vf->address;
	else if (vf_index == VFV_STEP_PF)
		step.address = b->pf->address;
	if (plan->count == b->room) {
		size_t room = b->room ? 2 * b->room : 64;
		struct vfv_step *grown = reallocarray(plan->steps, room, sizeof(*grown));

		if (!grown) {
			b->no_memory = true;
			return;
		}
		plan->steps = grown;
		b->room = room;
	}
	step.text = text ? strdup(text) : NULL;
	b->no_memory |= text && !step.text;
	plan->steps[plan->count++] = step;
}

static void add_pf(struct builder *b, enum vfv_step_kind kind, unsigned int number,
		   const char *text)
{
	add(b, kind, NULL, VFV_STEP_PF, number, text);
}

static void add_vf(struct builder *b, enum vfv_step_kind kind, const struct vfv_vf *vf,
		   unsigned int number, const char *text)
{
	add(b, kind, vf, (int)vf->vf_index, number, text);
}

/* Tell what is left alone, and why; texts gather. */
static void __attribute__((format(printf, 2, 3))) leave(struct builder *b, const char *format, ...)
{
	VFV_FREE char *text = NULL;
	char *before = b->plan->notice;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		text = NULL;
	b->plan->notice = text ? before ? vfv_text("%s; %s", before, text) : strdup(text) : NULL;
	b->no_memory |= !b->plan->notice;
	free(before);
}

/* Whether a VF cannot be opened by anybody: then there is nothing to seal. */
static bool cannot_be_open(const struct vfv_vf *vf)
{
	return !vf->driver || !vfv_is_vfio_driver(vf->driver);
}

/* What is in the way of touching a VF: VFV_ERROR_NONE, IN_USE or FOREIGN, and words for it. */
static enum vfv_error_code obstacle(const struct builder *b, const struct vfv_vf *vf,
				    char ret_text[USER_BYTES])
{
	char user[USER_BYTES - 16];

	if (vfv_vf_is_used(vf)) {
		snprintf(ret_text, USER_BYTES, "is in use by %s",
			 vfv_users_describe(vf, user, sizeof(user)));
		return VFV_ERROR_IN_USE;
	}
	if (vf->state == VFV_VF_FOREIGN && !b->goal->force) {
		snprintf(ret_text, USER_BYTES, "%.280s",
			 vf->reason ? vf->reason : "somebody else bound it");
		return VFV_ERROR_FOREIGN;
	}
	return VFV_ERROR_NONE;
}

/* What to do about an obstacle. vf: of VFV_ERROR_IN_USE. */
static const char *remedy(enum vfv_error_code code, const struct vfv_vf *vf)
{
	return code == VFV_ERROR_IN_USE ? vfv_users_remedy(vf)
					: "let go of it there, or use --force";
}

/* Fail when a VF is in the way; 0: it is not. */
static int check_free(struct builder *b, const struct vfv_vf *vf, const char *what)
{
	char text[USER_BYTES], address[VFV_ADDRESS_BYTES];
	enum vfv_error_code code = obstacle(b, vf, text);

	if (code == VFV_ERROR_NONE)
		return 0;
	return vfv_error_set(b->ret_error, code, code == VFV_ERROR_IN_USE ? EBUSY : EPERM,
			     "%s: cannot %s: %s: %s", vfv_address_format(&vf->address, address),
			     what, text, remedy(code, vf));
}

/* Fail over the first VF that is in the way; 0: none is. */
static int check_all_free(struct builder *b, const char *what)
{
	int error = 0;

	for (size_t i = 0; i < b->pf->vf_count && !error; i++)
		error = check_free(b, &b->pf->vfs[i], what);
	return error;
}

/* Take away all VFs, which are free. Everything is sealed before anything is changed. */
static void remove_all(struct builder *b)
{
	const struct vfv_pf *pf = b->pf;

	for (size_t i = 0; i < pf->vf_count; i++)
		if (!cannot_be_open(&pf->vfs[i]))
			add_vf(b, VFV_STEP_SEAL, &pf->vfs[i], 1, NULL);
	for (size_t i = 0; i < pf->vf_count; i++)
		if (pf->vfs[i].published)
			add_vf(b, VFV_STEP_UNPUBLISH, &pf->vfs[i], 0, NULL);
	add_pf(b, VFV_STEP_NUM_VFS, 0, NULL);
}

/* From a VF without driver to a published one; vf NULL: it does not exist yet. */
static void take_vf(struct builder *b, const struct vfv_vf *vf, unsigned int vf_index,
		    const char *driver)
{
	if (!vf || !vfv_text_equal(vf->driver_override, driver))
		add(b, VFV_STEP_OVERRIDE, vf, (int)vf_index, 0, driver);
	if (vf && vf->driver)
		add(b, VFV_STEP_UNBIND, vf, (int)vf_index, 0, vf->driver);
	add(b, VFV_STEP_PROBE, vf, (int)vf_index, 0, NULL);
	add(b, VFV_STEP_VERIFY, vf, (int)vf_index, 0, driver);
	if (vfv_is_vfio_driver(driver))
		add(b, VFV_STEP_PUBLISH, vf, (int)vf_index, 0, NULL);
}

/* A VF that is on its driver already. */
static void complete_vf(struct builder *b, const struct vfv_vf *vf, const char *driver)
{
	if (vf->sealed == 1 && !vfv_vf_is_used(vf))
		add_vf(b, VFV_STEP_UNSEAL, vf, 0, NULL);
	if (vf->state == VFV_VF_FAILED && !vfv_vf_is_used(vf))
		add_vf(b, VFV_STEP_VERIFY, vf, 0, driver);
	if (vfv_is_vfio_driver(driver) && !vf->published)
		add_vf(b, VFV_STEP_PUBLISH, vf, 0, NULL);
}

/* Bring a VF that exists to a driver. *ret_error is only set when the goal does not go on. */
static int bind_vf(struct builder *b, const struct vfv_vf *vf, const char *driver)
{
	char text[USER_BYTES], address[VFV_ADDRESS_BYTES];
	int error;

	if (vfv_text_equal(vf->driver, driver)) {
		complete_vf(b, vf, driver);
		return 0;
	}
	if (b->goal->kind == VFV_GOAL_INTENT && obstacle(b, vf, text) != VFV_ERROR_NONE) {
		leave(b, "%s: %s", vfv_address_format(&vf->address, address), text);
		return 0;
	}
	error = check_free(b, vf, "bind it to another driver");
	if (error)
		return error;
	if (!cannot_be_open(vf))
		add_vf(b, VFV_STEP_SEAL, vf, 0, NULL);
	if (vf->published)
		add_vf(b, VFV_STEP_UNPUBLISH, vf, 0, NULL);
	take_vf(b, vf, vf->vf_index, driver);
	return 0;
}

static const struct vfv_vf *find_vf(const struct vfv_pf *pf, unsigned int vf_index)
{
	for (size_t i = 0; i < pf->vf_count; i++)
		if (pf->vfs[i].vf_index == vf_index)
			return &pf->vfs[i];
	return NULL;
}

/* Make VFs where there are none. */
static void make_all(struct builder *b, unsigned int count, const char *driver)
{
	if (b->pf->autoprobe == 1)
		add_pf(b, VFV_STEP_AUTOPROBE, 0, NULL);
	add_pf(b, VFV_STEP_NUM_VFS, count, NULL);
	for (unsigned int i = 0; i < count; i++)
		take_vf(b, NULL, i, driver);
}

/* Whether the driver of the PF has to change, and may: *ret_change. */
static int check_transport(struct builder *b, bool *ret_change)
{
	const struct vfv_pf *pf = b->pf;
	enum vfv_transport wanted = vfv_transport_wanted(b->goal->intent->transport);
	const char *driver = vfv_transport_driver(wanted);
	struct vfv_error busy = VFV_NO_ERROR;
	struct builder look = *b;
	char address[VFV_ADDRESS_BYTES];

	*ret_change = false;
	if (wanted == pf->transport)
		return 0;
	vfv_address_format(&pf->address, address);
	if (pf->driver && pf->transport == VFV_TRANSPORT_NONE && !b->goal->force)
		return vfv_error_set(b->ret_error, VFV_ERROR_FOREIGN, EPERM,
				     "%s: cannot bind it to %s: somebody else bound it to %s: %s",
				     address, driver, pf->driver, remedy(VFV_ERROR_FOREIGN, NULL));
	look.ret_error = &busy;
	if (pf->netdev_in_use || (pf->vfs_now && check_all_free(&look, "rebind its PF"))) {
		b->plan->pending_reboot = true;
		leave(b, "%s: goes to %s at the next boot: %s%s", address, driver,
		      pf->netdev_in_use ? "the host uses its interface " : busy.text,
		      pf->netdev_in_use && pf->netdev ? pf->netdev : "");
		return 0;
	}
	*ret_change = true;
	return 0;
}

/* The number of VFs has to change: may it? *ret_change. */
static int check_count(struct builder *b, bool *ret_change)
{
	const struct vfv_pf *pf = b->pf;
	unsigned int wanted = b->goal->intent->vfs;
	struct vfv_error busy = VFV_NO_ERROR;
	struct builder look = *b;
	char address[VFV_ADDRESS_BYTES];
	int error;

	*ret_change = false;
	vfv_address_format(&pf->address, address);
	if (wanted > pf->vfs_max)
		return vfv_error_set(b->ret_error, VFV_ERROR_TOO_MANY_VFS, ERANGE,
				     "%s: cannot enable %u VFs: the device allows %u "
				     "(sriov_totalvfs)",
				     address, wanted, pf->vfs_max);
	if (wanted == pf->vfs_now)
		return 0;
	if (b->goal->kind == VFV_GOAL_CREATE)
		look.ret_error = b->ret_error;
	else
		look.ret_error = &busy;
	error = pf->vfs_now ? check_all_free(&look, "change the number of VFs") : 0;
	if (error && b->goal->kind == VFV_GOAL_CREATE)
		return error;
	if (error)
		leave(b, "%s: keeps its %u VFs: %s", address, pf->vfs_now, busy.text);
	*ret_change = !error;
	return 0;
}

/* Whether the plan does something to that VF already. */
static bool has_steps(const struct vfv_plan *plan, const struct vfv_vf *vf)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->steps[i].vf_index == (int)vf->vf_index)
			return true;
	return false;
}

/* A seal that a killed worker left would keep every guest from opening the VF. */
static void unseal_left(struct builder *b)
{
	for (size_t i = 0; i < b->pf->vf_count; i++) {
		const struct vfv_vf *vf = &b->pf->vfs[i];

		if (vf->sealed == 1 && !vfv_vf_is_used(vf) && !has_steps(b->plan, vf))
			add_vf(b, VFV_STEP_UNSEAL, vf, 0, NULL);
	}
}

/* What a person or a file wants of the whole PF. */
static int plan_intent(struct builder *b)
{
	const struct vfv_pf *pf = b->pf;
	const struct vfv_intent *intent = b->goal->intent;
	bool transport, count;
	int error = check_count(b, &count);

	if (!error)
		error = check_transport(b, &transport);
	if (error)
		return error;
	if (pf->vfs_now && (transport || count))
		remove_all(b);
	if (transport)
		add_pf(b, VFV_STEP_TRANSPORT, 0,
		       vfv_transport_driver(vfv_transport_wanted(intent->transport)));
	if (transport || count) {
		if (intent->vfs)
			make_all(b, intent->vfs, intent->driver);
		else if (pf->vfs_now && pf->autoprobe == 0)
			add_pf(b, VFV_STEP_AUTOPROBE, 1, NULL);
		return 0;
	}
	for (unsigned int i = 0; i < intent->vfs && !error; i++) {
		const struct vfv_vf *vf = find_vf(pf, i);

		error = vf ? bind_vf(b, vf, intent->driver) : 0;
	}
	if (!error)
		unseal_left(b);
	return error;
}

static int plan_destroy(struct builder *b)
{
	int error;

	if (!b->pf->vfs_now)
		return 0;
	error = check_all_free(b, "remove the VFs");
	if (error)
		return error;
	remove_all(b);
	/* As it is on a PF that nobody touched: whoever makes VFs next expects drivers on them. */
	if (b->pf->autoprobe == 0)
		add_pf(b, VFV_STEP_AUTOPROBE, 1, NULL);
	return 0;
}

static int unbind_vf(struct builder *b, const struct vfv_vf *vf)
{
	int error = check_free(b, vf, "unbind it");

	if (error)
		return error;
	if (!cannot_be_open(vf))
		add_vf(b, VFV_STEP_SEAL, vf, 0, NULL);
	if (vf->published)
		add_vf(b, VFV_STEP_UNPUBLISH, vf, 0, NULL);
	if (vf->driver)
		add_vf(b, VFV_STEP_UNBIND, vf, 0, vf->driver);
	if (vf->driver_override)
		add_vf(b, VFV_STEP_OVERRIDE, vf, 0, "");
	return 0;
}

static int bind_or_unbind(struct builder *b, const struct vfv_vf *vf)
{
	return b->goal->kind == VFV_GOAL_BIND ? bind_vf(b, vf, b->goal->driver) : unbind_vf(b, vf);
}

static int plan_chosen(struct builder *b)
{
	const struct vfv_goal *goal = b->goal;
	char address[VFV_ADDRESS_BYTES];
	int error = 0;

	for (size_t i = 0; !goal->vf_indexes && i < b->pf->vf_count && !error; i++)
		error = bind_or_unbind(b, &b->pf->vfs[i]);
	for (size_t i = 0; goal->vf_indexes && i < goal->vf_index_count && !error; i++) {
		const struct vfv_vf *vf = find_vf(b->pf, goal->vf_indexes[i]);

		if (!vf)
			return vfv_error_set(
				b->ret_error, VFV_ERROR_NOT_FOUND, ENOENT, "%s: has no VF %u",
				vfv_address_format(&b->pf->address, address), goal->vf_indexes[i]);
		error = bind_or_unbind(b, vf);
	}
	return error;
}

int vfv_plan_make(const struct vfv_pf *pf, const struct vfv_goal *goal, struct vfv_plan **ret_plan,
		  struct vfv_error *ret_error)
{
	struct builder b = {.pf = pf, .goal = goal, .ret_error = ret_error};
	int error = 0;

	b.plan = calloc(1, sizeof(*b.plan));
	if (!b.plan)
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
	if (!pf->vfs_max)
		error = vfv_error_set(ret_error, VFV_ERROR_NOT_CAPABLE, EOPNOTSUPP,
				      "the device has no SR-IOV");
	else if (goal->kind == VFV_GOAL_INTENT || goal->kind == VFV_GOAL_CREATE)
		error = plan_intent(&b);
	else if (goal->kind == VFV_GOAL_UNSEAL)
		unseal_left(&b);
	else if (goal->kind == VFV_GOAL_DESTROY)
		error = plan_destroy(&b);
	else
		error = plan_chosen(&b);
	if (!error && b.no_memory)
		error = vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
	if (error) {
		vfv_plan_free(b.plan);
		return error;
	}
	*ret_plan = b.plan;
	return 0;
}

void vfv_plan_free(struct vfv_plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->count; i++)
		free(plan->steps[i].text);
	free(plan->steps);
	free(plan->notice);
	free(plan);
}
