/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What vfvirtd and its worker processes say to each other. One worker serves one PF for one request
 * and is a process, not a thread, because a write to sysfs can block so that nothing but its return
 * ends it; a stuck worker must neither delay the daemon nor its restart.
 *
 * vfvirtd starts "vfvirtd --worker" with a request on standard input and reads reports from its
 * standard output. Both are JSON, one object a line, at most VFV_WORKER_LINE_BYTES_MAX.
 *
 * Request:
 *   {"op": "facts" | "apply" | "create" | "destroy" | "bind" | "unbind", "pf": "0000:3b:00.0",
 *    "dry_run": bool, "force": bool, "vfs": number, "runtime": bool, "name": text or null,
 *    "driver": text or null, "vf_indexes": [number...] or null}
 * "pf" may be null for "facts": all PFs.
 *
 * Reports, in this order:
 *   {"plan": {...}}                          vfv_plan_to_json(), once, not for "facts"
 *   {"progress": {"done": n, "total": n, "step": "text for people"}}    as steps go on
 *   {"failed": {"vf_index": n, "code": "bind-failed", "text": "..."}}   a step that failed
 *   {"model": {...}}                         facts afterwards, vfv_model_to_json()
 *   {"end": {"code": "none" | JSON code, "errno": n, "text": "...", "done": n, "failed": n,
 *            "undone": bool}}                always last; a worker that ends without it has crashed
 */
#ifndef VFV_LIB_WORKER_PROTOCOL_H
#define VFV_LIB_WORKER_PROTOCOL_H

#define VFV_WORKER_LINE_BYTES_MAX (4 << 20)

#endif
