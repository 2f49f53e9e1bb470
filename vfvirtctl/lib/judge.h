/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the facts of a PF or VF amount to: its state, and why. Pure. */
#ifndef VFV_LIB_JUDGE_H
#define VFV_LIB_JUDGE_H

#include <stdbool.h>

#include "model.h"

/**
 * vfv_judge_vf - set the state of a VF, and its reason
 * @vf: all other facts; state and reason are replaced, but for a state of VFV_VF_FOREIGN that
 *	comes with a reason: the host uses the VF's interface
 * @driver: the intended one
 *
 * A VF is foreign when somebody chose its driver: any other than @driver or vfvirt's own, unless it
 * bears our mark (is published or held on that driver), or is virtio-pci without an override, which nobody chose.
 *
 * Return: 0, or -ENOMEM.
 */
int vfv_judge_vf(struct vfv_vf *vf, const char *driver);

/* The transport that is wanted of a PF: the intended one, with "auto" made a decision. */
enum vfv_transport vfv_transport_wanted(enum vfv_transport intended);

/* The driver of the PCI function that a transport needs: "vfvirt_pf" or "virtio-pci". */
const char *vfv_transport_driver(enum vfv_transport transport);

/* The transport that a driver of the PCI function gives; driver may be NULL. */
enum vfv_transport vfv_transport_of_driver(const char *driver);

/* Whether a driver makes a VFIO device: all that VFs are bound to do, but virtio-pci. */
bool vfv_is_vfio_driver(const char *driver);

#endif
