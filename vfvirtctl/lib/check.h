/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The doctor: looks whether this host can hand VFs to guests, and says what to do where it cannot. */
#ifndef VFV_LIB_CHECK_H
#define VFV_LIB_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"
#include "model.h"

struct vfv_host;
struct vfv_intents;
struct json_object;

enum vfv_finding_level {
	VFV_FINDING_OK,
	VFV_FINDING_WARN, /* works, or may work; somebody should look */
	VFV_FINDING_FAIL, /* VFs will not reach guests */
	VFV_FINDING_LEVEL_COUNT,
};

struct vfv_finding {
	enum vfv_finding_level level;
	const char *topic; /* static, a stable word: "iommu", "modules"; in order of the report */
	char *object;	   /* owned; PF, VF, file or kernel that it is about; NULL: the host */
	char *text;	   /* owned; what was found */
	char *remedy;	   /* owned; what to do; NULL where nothing is to be done */
};

struct vfv_findings {
	struct vfv_finding *all; /* owned array of count */
	size_t count;
	bool no_memory; /* one was lost for lack of memory */
};

/* What a check looks at; all borrowed. */
struct vfv_check_scene {
	const struct vfv_host *host;
	const char *root; /* put before /lib/modules, /etc, /dev, /usr; "" for this host's own */
	const struct vfv_model *model;
	const struct vfv_intents *intents;
	bool is_root;	 /* what only root may see was seen */
	int daemon_runs; /* 1, 0; VFV_UNKNOWN: no bus to ask on */
};

/**
 * vfv_check_run - look at everything
 * @scene: see there
 * @ret_findings: new, in the order of the report; vfv_findings_free() it
 * @ret_error: VFV_ERROR_NO_MEMORY
 *
 * Reads only. What cannot be read is a finding, never an error. Neither libvirt nor vfvirtd is
 * called or started.
 *
 * Return: 0 or -ENOMEM.
 */
int vfv_check_run(const struct vfv_check_scene *scene, struct vfv_findings **ret_findings,
		  struct vfv_error *ret_error);
void vfv_findings_free(struct vfv_findings *findings);

/* "ok", "warn", "fail". */
const char *vfv_finding_level_name(enum vfv_finding_level level);
size_t vfv_findings_count(const struct vfv_findings *findings, enum vfv_finding_level level);

/* {"schema": 1, "findings": [...], "ok": n, "warn": n, "fail": n}; NULL: no memory. */
struct json_object *vfv_findings_to_json(const struct vfv_findings *findings);

#endif
