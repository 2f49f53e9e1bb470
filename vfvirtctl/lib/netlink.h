/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client of the generic netlink family "vfvirt" (kernel/include/uapi/vfvirt.h). */
#ifndef VFV_LIB_NETLINK_H
#define VFV_LIB_NETLINK_H

#include <stdint.h>

#include "error.h"
#include "model.h"

struct vfv_host;
struct vfv_netlink;

/* Where the stand-in for the kernel (struct vfv_host, netlink) sends events: its path and this. */
#define VFV_NETLINK_SEAM_EVENTS ".events"

#define VFV_NETLINK_LIMIT_MS 15000 /* of one request: a dump that reads 240 MACs of a slow card */

/*
 * Connect. VFV_ERROR_KERNEL_MODULE: the family is not there (module not loaded) or its contract
 * version is not ours; VFV_ERROR_ACCESS: no CAP_NET_ADMIN. vfv_netlink_close() accepts NULL.
 */
int vfv_netlink_open(const struct vfv_host *host, struct vfv_netlink **ret_netlink,
		     struct vfv_error *ret_error);
void vfv_netlink_close(struct vfv_netlink *netlink);

/*
 * For events alone, without a question and so without a wait: who asked before knows the number of
 * the multicast group. VFV_ERROR_NO_MEMORY.
 */
int vfv_netlink_open_for_events(const struct vfv_host *host, unsigned int group,
				struct vfv_netlink **ret_netlink, struct vfv_error *ret_error);

/* The number of the multicast group "events", until the modules are loaded anew. */
unsigned int vfv_netlink_events_group(const struct vfv_netlink *netlink);

/*
 * Complete the PFs and VFs that are in the model already with what the kernel says; others are
 * skipped. An interrupted dump is repeated (at most 5 times). read_mac: over the queue.
 */
int vfv_netlink_complete(struct vfv_netlink *netlink, struct vfv_model *model, bool read_mac,
			 struct vfv_error *ret_error);

/* Seal and unseal a VF. -EBUSY with VFV_ERROR_IN_USE; -ENODEV: no driver of vfvirt has it. */
int vfv_netlink_seal(struct vfv_netlink *netlink, const struct vfv_address *vf,
		     struct vfv_error *ret_error);
int vfv_netlink_unseal(struct vfv_netlink *netlink, const struct vfv_address *vf,
		       struct vfv_error *ret_error);

#define VFV_LATENCY_BUCKETS 32

/* Counters of one opcode of one owner or member. */
struct vfv_stats_row {
	struct vfv_address address;
	unsigned int member_id; /* 0: of the owner */
	unsigned int opcode;
	uint64_t commands, ok, refused, errors, timeouts, retries, late, aborted;
	uint64_t latency[VFV_LATENCY_BUCKETS]; /* [n]: answers that took 2^n .. 2^(n+1)-1 ns */
};

/* Rows of one owner or member, or of all (only NULL). *ret_rows: owned array, free() it. */
int vfv_netlink_stats(struct vfv_netlink *netlink, const struct vfv_address *only,
		      struct vfv_stats_row **ret_rows, size_t *ret_count,
		      struct vfv_error *ret_error);
int vfv_netlink_stats_reset(struct vfv_netlink *netlink, const struct vfv_address *only,
			    struct vfv_error *ret_error);

/* What the multicast group "events" tells. kind is an enum vfvirt_event of the uapi header. */
struct vfv_kernel_event {
	unsigned int kind;
	struct vfv_address address;
};

/*
 * Subscribe, and read what has come without blocking. fd: to poll for reading. events_read() calls
 * visit for each event; -ENOBUFS: some were lost, ask for all facts anew.
 */
int vfv_netlink_events_start(struct vfv_netlink *netlink, int *ret_fd, struct vfv_error *ret_error);
int vfv_netlink_events_read(struct vfv_netlink *netlink,
			    void (*visit)(void *context, const struct vfv_kernel_event *event),
			    void *context);

#endif
