/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names on D-Bus, shared by daemon and command line.
 *
 * Objects: /org/vfvirt1 (Manager, ObjectManager), /org/vfvirt1/pf/0000_3b_00_0 and
 * /org/vfvirt1/vf/0000_3b_00_2.
 *
 * org.vfvirt1.Manager
 *   Create(s pf, s name, u num_vfs, b runtime, b dry_run) -> s report
 *   Destroy(s pf, b dry_run) -> s report
 *   Bind(as objects, s driver, b force, b dry_run) -> s report     driver "": the intent's
 *   Unbind(as objects, b force, b dry_run) -> s report
 *   Apply(s pf, b dry_run) -> s report                             pf "": all
 *   Reload()
 *   GetModel() -> s model                                          the object of --json
 *   signal Progress(s pf, u done, u total, s step)
 *   property Version (s), ReconcilesRunning (u), IntentErrors (as)
 * A report is {"pfs": [{"pf": address, "plan": {...}, "result": {...}, "failed": [...],
 * "end": {...}}]}, with the parts of worker_protocol.h, by address. "result" is what stands of the
 * plan afterwards: {"driver": of the PF or null, "vfs": n, "bound": n, "unbound": n,
 * "published": n}; without it nothing was done, or nothing is known of the PF. A method fails with
 * a named error (error.h), its text and then an errno (u), when nothing was done, or all of it was
 * taken back; what was partly done is in the report. Reload answers when all PFs were looked at,
 * with VFV_ERROR_BUSY after 30 s. What changes something is for root.
 *
 * org.vfvirt1.Pf: Address s, Name s, Netdev s, Driver s, Transport s, OwnerState s, Legacy i,
 *   LegacyReason s, VfsNow u, VfsMax u, VfsIntended u, PendingReboot b, Failure s, Foreign s,
 *   NumaNode i
 * org.vfvirt1.Vf: Address s, Pf o, Index u, Driver s, State s, Reason s, Legacy i, LegacyReason s,
 *   Mac s, IommuGroup i, NumaNode i, Domain s, ClaimUuid s, Published s (path of the file or "")
 */
#ifndef VFV_LIB_BUS_CONTRACT_H
#define VFV_LIB_BUS_CONTRACT_H

#define VFV_BUS_NAME "org.vfvirt1"
#define VFV_BUS_ROOT "/org/vfvirt1"
#define VFV_BUS_MANAGER "org.vfvirt1.Manager"
#define VFV_BUS_PF "org.vfvirt1.Pf"
#define VFV_BUS_VF "org.vfvirt1.Vf"

#endif
