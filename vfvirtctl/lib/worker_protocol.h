/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What vfvirtd and its worker processes say to each other. One worker serves one PF for one request
 * and is a process, not a thread, because a write to sysfs can block so that nothing but its return
 * ends it; a stuck worker must neither delay the daemon nor its restart.
 *
 * vfvirtd starts "vfvirtd --worker" with a request on standard input and reads reports from its
 * standard output. Both are JSON, one object a line, at most VFV_WORKER_LINE_BYTES_MAX.
 *
 * A worker that has a PF holds flock() on RUN/worker/ADDRESS, in which its process number stands.
 * Another one for the same PF, of a restarted daemon, says "waiting" and touches nothing before.
 * A worker whose daemon is gone finishes its work.
 *
 * Request:
 *   {"op": "list" | "facts" | "apply" | "create" | "destroy" | "bind" | "unbind" | "transport",
 *    "pf": "0000:3b:00.0" or null, "dry_run": bool, "force": bool, "explicit": bool, "retry": bool,
 *    "failed_facts": number, "mac": bool, "vfs": number, "runtime": bool,
 *    "name": text or null, "driver": text or null, "vf_indexes": [number...] or null}
 * "pf" is null for "list" only: addresses of all PFs and the errors of intent files, read without
 * anything that can block. "explicit": a person asked for it: holds (mark.h) end. "retry": what
 * failed is tried again though nothing has changed since "failed_facts". "mac": read the MACs too.
 * "transport" does the step of the PF's own driver only.
 *
 * Reports, in this order:
 *   {"waiting": {"pid": n}}                  for a worker that has the PF
 *   {"list": {"pfs": [address...], "intent_errors": [text...]}}         "list" only
 *   {"kernel": {"events_group": n}}          of netlink; 0: the modules are not there; not "list"
 *   {"plan": {...}}                          vfv_plan_to_json(), not for "list" and "facts"; with
 *                                            "intent_written", "intent_removed": path, if any
 *   {"progress": {"done": n, "total": n, "step": "text for people"}}    as steps go on
 *   {"failed": {"vf_index": n, "code": "bind-failed", "text": "..."}}   a step that failed
 *   {"model": {...}}                         facts afterwards, vfv_model_to_json()
 *   {"end": {"code": "none" | JSON code, "errno": n, "text": "...", "done": n, "failed": n,
 *            "undone": bool, "failed_facts": number}}    always last; without it, it crashed
 */
#ifndef VFV_LIB_WORKER_PROTOCOL_H
#define VFV_LIB_WORKER_PROTOCOL_H

#define VFV_WORKER_LINE_BYTES_MAX (4 << 20)

/* Of "op", by enum vfv_op of the daemon's request.h. */
#define VFV_WORKER_OPS                                                                           \
	{                                                                                        \
		"list", "facts", "apply", "create", "destroy", "bind", "unbind", "transport"     \
	}

#endif
