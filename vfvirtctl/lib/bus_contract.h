/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names on D-Bus, shared by daemon and command line.
 *
 * vfvirtd is org.vfvirt1 on the system bus, and is started when somebody calls it. Root may change
 * things; root and the group libvirt may read. The object /org/vfvirt1 is the Manager and an
 * ObjectManager; below it each PF is an object such as /org/vfvirt1/pf/0000_3b_00_0, each VF one
 * such as /org/vfvirt1/vf/0000_3b_00_2. They come and go with the devices, and what changes about
 * them is told by PropertiesChanged. A text that is empty is unknown or does not apply; so is the
 * number -1.
 *
 * A method that changes something answers when the work has ended. It fails with a named error, its
 * text and then an errno (u), when nothing was done, or all of it was taken back; what was partly
 * done is in the report. A name is whatever vfvirtctl takes as PF or VF.
 *
 * A report is {"pfs": [{"pf": address, "plan": {...}, "result": {...}, "failed": [...],
 * "end": {...}}]}, with the parts of worker_protocol.h, by address. "result" is what stands of the
 * plan afterwards: {"driver": of the PF or null, "vfs": n, "bound": n, "unbound": n,
 * "published": n}; without it nothing was done, or nothing is known of the PF.
 *
 * org.vfvirt1.Manager
 * ===================
 * Create(s pf, s name, u num_vfs, b runtime, b dry_run) -> s report
 *   make the VFs of a PF, bind and publish them, and write its intent file: below /run if runtime;
 *   name is the stable name, "" leaves the choice
 * Destroy(s pf, b dry_run) -> s report
 *   remove the VFs of a PF, and the intent file if Create wrote it
 * Bind(as objects, s driver, b force, b dry_run) -> s report
 *   bind VFs, or all VFs of a PF; driver "" is the intent's
 * Unbind(as objects, b force, b dry_run) -> s report
 *   take VFs from their driver, until Apply or the next boot
 * Apply(s pf, b dry_run) -> s report
 *   make the facts as the intent files say; pf "" is all
 * Reload()
 *   read the intent files again; answers when all PFs were looked at, with the error Busy after 30 s
 * GetModel() -> s model
 *   the object that vfvirtctl list --json prints
 * signal Progress(s pf, u done, u total, s step)
 *   a step of a change was done, at most every 50 ms
 * property Version s
 *   of vfvirtd
 * property ReconcilesRunning u
 *   how many PFs are being looked at or worked on
 * property IntentErrors as
 *   what is wrong with intent files, a text each
 *
 * org.vfvirt1.Pf
 * ==============
 * property Address s
 *   PCI address, as "0000:3b:00.0"
 * property Name s
 *   stable name: that of its intent file
 * property Netdev s
 *   network interface
 * property Driver s
 *   driver of the PCI function
 * property Transport s
 *   provider of legacy registers: "vfvirt", "intree" or "none"
 * property OwnerState s
 *   of the administration queue: "ready", "degraded" or "absent"; "" without the kernel modules
 * property Legacy i
 *   1 when the legacy registers of VFs can be reached, 0 when not
 * property LegacyReason s
 *   why not
 * property VfsNow u
 *   VFs that there are
 * property VfsMax u
 *   VFs that the device allows
 * property VfsIntended u
 *   VFs that the intent file asks for
 * property PendingReboot b
 *   the transport changes at the next boot, since the interface is in use
 * property Failure s
 *   why the last reconcile failed
 * property NumaNode i
 *   NUMA node
 *
 * org.vfvirt1.Vf
 * ==============
 * property Address s
 *   PCI address
 * property Pf o
 *   object of its PF
 * property Index u
 *   number among the VFs of its PF, from 0
 * property Driver s
 *   driver it is bound to
 * property State s
 *   "created", "bound", "published", "in-use", "failed" or "foreign"
 * property Reason s
 *   why it is failed or foreign
 * property Legacy i
 *   as of a PF
 * property LegacyReason s
 *   why not
 * property Mac s
 *   the device's own MAC address
 * property IommuGroup i
 *   number of its IOMMU group
 * property NumaNode i
 *   NUMA node
 * property Domain s
 *   the domain that has it
 * property ClaimUuid s
 *   the domain that it is reserved for
 * property Published s
 *   path of its hostdev file
 */
#ifndef VFV_LIB_BUS_CONTRACT_H
#define VFV_LIB_BUS_CONTRACT_H

#define VFV_BUS_NAME "org.vfvirt1"
#define VFV_BUS_ROOT "/org/vfvirt1"
#define VFV_BUS_MANAGER "org.vfvirt1.Manager"
#define VFV_BUS_PF "org.vfvirt1.Pf"
#define VFV_BUS_VF "org.vfvirt1.Vf"

#endif
