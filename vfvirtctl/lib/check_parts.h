/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the doctor, for check*.c only. */
#ifndef VFV_LIB_CHECK_PARTS_H
#define VFV_LIB_CHECK_PARTS_H

#include "check.h"

/* Which finding and about what; the text follows as printf format. */
struct vfv_about {
	enum vfv_finding_level level;
	const char *topic;  /* static */
	const char *object; /* borrowed; NULL: the host */
	const char *remedy; /* borrowed; NULL: nothing to do */
};

/* Add a finding; lack of memory is remembered in findings. */
void vfv_finding_add(struct vfv_findings *findings, const struct vfv_about *about,
		     const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Each looks at one thing and adds its findings, at least one. */
void vfv_check_iommu(const struct vfv_check_scene *scene, struct vfv_findings *findings);
void vfv_check_kernel(const struct vfv_check_scene *scene, struct vfv_findings *findings);
void vfv_check_modules(const struct vfv_check_scene *scene, struct vfv_findings *findings);
void vfv_check_aliases(const struct vfv_check_scene *scene, struct vfv_findings *findings);
void vfv_check_secure_boot(const struct vfv_check_scene *scene, struct vfv_findings *findings);
void vfv_check_daemon(const struct vfv_check_scene *scene, struct vfv_findings *findings);
void vfv_check_libvirt(const struct vfv_check_scene *scene, struct vfv_findings *findings);
void vfv_check_apparmor(const struct vfv_check_scene *scene, struct vfv_findings *findings);
void vfv_check_provisioners(const struct vfv_check_scene *scene, struct vfv_findings *findings);
void vfv_check_domains(const struct vfv_check_scene *scene, struct vfv_findings *findings);
void vfv_check_intents(const struct vfv_check_scene *scene, struct vfv_findings *findings);
void vfv_check_pfs(const struct vfv_check_scene *scene, struct vfv_findings *findings);
void vfv_check_vfs(const struct vfv_check_scene *scene, struct vfv_findings *findings);

/*
 * Names modules of which another build is loaded than the next start will load. Part of
 * vfv_check_modules(): adds nothing where all is well, or where it cannot be told.
 */
void vfv_check_loaded(const struct vfv_check_scene *scene, struct vfv_findings *findings,
		      const char *release);

/* Path of a module's file of the kernel release, owned by the caller; NULL: there is none. */
char *vfv_check_module_path(const struct vfv_check_scene *scene, const char *release,
			    const char *name);

/* Our modules, in the order in which they are loaded. */
#define VFV_OUR_MODULE_COUNT 3
extern const char *const vfv_our_modules[VFV_OUR_MODULE_COUNT];

/* Release of the running kernel, owned by the caller; NULL: cannot be read. */
char *vfv_check_running_release(const struct vfv_check_scene *scene);

/* Read a small file of sysfs or procfs, without the newline at its end; NULL: cannot be read. */
char *vfv_check_read_line(const char *path);

#endif
