/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where things are on this host. Everything that lib and daemon read or write goes through one of
 * these paths, so tests put a made-up host there by environment variables.
 */
#ifndef VFV_LIB_HOST_H
#define VFV_LIB_HOST_H

/* All owned; made by vfv_host_new(). */
struct vfv_host {
	char *sysfs;	   /* VFVIRT_SYSFS, else /sys */
	char *procfs;	   /* VFVIRT_PROCFS, else /proc */
	char *run;	   /* VFVIRT_RUN, else RUNTIME_DIRECTORY, else /run/vfvirt */
	char *intent;	   /* VFVIRT_INTENT, else /etc/vfvirt/pf.d */
	char *intent_vendor; /* VFVIRT_INTENT_VENDOR, else /usr/lib/vfvirt/pf.d */
	char *netlink;	   /* VFVIRT_NETLINK: a unix seqpacket socket that speaks generic netlink
			    * in place of the kernel; NULL: the kernel */
	char *uevents;	   /* VFVIRT_UEVENTS: a unix datagram socket to listen on for "KEY=VALUE\0..."
			    * in place of udev's monitor; NULL: udev */
};

/* The paths for this process. NULL: no memory. vfv_host_free() accepts NULL. */
struct vfv_host *vfv_host_new(void);
void vfv_host_free(struct vfv_host *host);

#endif
