/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What lies in the run folder for a VF: hostdev/ADDRESS.xml, ready for virsh attach-device, and
 * claims/ADDRESS, made by the libvirt hook: the UUID of a domain, a space, its name, a newline. And
 * for the --config-dir of nova-compute, nova/ADDRESS.conf of each PF and nova/alias.conf.
 */
#ifndef VFV_LIB_PUBLISH_H
#define VFV_LIB_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>

#include "address.h"
#include "error.h"

struct vfv_host;

/* The hostdev element for a VF, newline at the end; owned by the caller; NULL: no memory. */
char *vfv_hostdev_xml(const struct vfv_address *vf);

/* Write, atomically, and remove the hostdev file; removing what is not there is no error. */
int vfv_publish(const struct vfv_host *host, const struct vfv_address *vf,
		struct vfv_error *ret_error);
int vfv_unpublish(const struct vfv_host *host, const struct vfv_address *vf,
		  struct vfv_error *ret_error);

/*
 * Whether the hostdev file is there: by that a VF is known as ours, also one that lost its driver.
 * And whether there stands in it what is to.
 */
bool vfv_is_published(const struct vfv_host *host, const struct vfv_address *vf);
bool vfv_is_published_well(const struct vfv_host *host, const struct vfv_address *vf);

/* Remove the hostdev files and entries for Nova of functions that are not there any more. */
void vfv_unpublish_absent(const struct vfv_host *host);

/* Make the folder of the files for Nova, which others can list. */
int vfv_publish_nova_folder(const struct vfv_host *host, struct vfv_error *ret_error);

/*
 * Make a file for Nova say this, atomically; one that says so already is not touched. pf: whose;
 * NULL: that of the aliases. text NULL: remove it, which is no error when it is not there.
 *
 * Return: 1 when that changed something, 0 when not, or a negative errno.
 */
int vfv_publish_nova(const struct vfv_host *host, const struct vfv_address *pf, const char *text,
		     struct vfv_error *ret_error);

#define VFV_UUID_BYTES 37

/*
 * Read a claim: 1 and *ret_uuid, *ret_domain (owned by the caller; NULL: no name in it), 0 when
 * there is none, a negative errno for a file that is no claim.
 */
int vfv_claim_read(const struct vfv_host *host, const struct vfv_address *vf,
		   char ret_uuid[VFV_UUID_BYTES], char **ret_domain, struct vfv_error *ret_error);

/*
 * Take a claim for a domain (O_EXCL): 0; -EEXIST with VFV_ERROR_IN_USE naming the other domain.
 * Taking one's own again is no error. Drop only one's own: -ENOENT when it is not.
 */
int vfv_claim_take(const struct vfv_host *host, const struct vfv_address *vf, const char *uuid,
		   const char *domain, struct vfv_error *ret_error);
int vfv_claim_drop(const struct vfv_host *host, const struct vfv_address *vf, const char *uuid);

/* A number that tells this claim on a VF from any that is taken later; 0: there is none. */
uint64_t vfv_claim_stamp(const struct vfv_host *host, const struct vfv_address *vf);

#endif
