/* SPDX-License-Identifier: GPL-2.0-only */
/* What pf.c, vf.c, function.c and the network device use of one another, and nobody else. */
#ifndef VFVIRT_FUNCTION_H
#define VFVIRT_FUNCTION_H

#include "vfvirt.h"

#define VFVIRT_FRAME_BYTES_MIN 14
#define VFVIRT_FRAME_BYTES_MAX 65550

/* ---- function.c ---------------------------------------------------------------------------- */

/*
 * Realizes the network device behind the function and puts our handlers before virtio-pci's.
 * fn->net.pf, member_id and the sizes, and the number of vectors, must be set. False with errp.
 */
bool vfvirt_function_realize(VfvirtFunction *fn, Error **errp);
/* Takes out of the BARs what was added; call before virtio-pci's exit. */
void vfvirt_function_unrealize(VfvirtFunction *fn);
/* The network device goes away: its rings must not be touched by memory map changes. */
void vfvirt_function_stop_listening(VfvirtFunction *fn);
/* What virtio-pci's own reset leaves behind: feature selectors, queue sizes, learned addresses. */
void vfvirt_function_reset_done(VfvirtFunction *fn);
/* What the classes of PF and VF have in common: identity and category. */
void vfvirt_function_class_init(ObjectClass *klass);
/* Configuration space as the guest sees it, all ones while the card is gone. */
uint32_t vfvirt_function_config_read(PCIDevice *dev, uint32_t address, int length_bytes);
void vfvirt_function_config_write(PCIDevice *dev, uint32_t address, uint32_t value,
                                  int length_bytes);

/* ---- pf.c, vf.c, properties.c --------------------------------------------------------------- */

/* The base MAC plus the member id, as one 48-bit number; 6 bytes. */
void vfvirt_pf_member_mac(VfvirtPf *pf, uint16_t member_id, uint8_t *ret_mac);
/* Memory decoding of a VF, which follows VF MSE of the PF. */
void vfvirt_vf_set_memory_enabled(PCIDevice *dev, bool enabled);
/* Defaults, and the properties with their checks. */
void vfvirt_pf_properties_init(VfvirtPf *pf);
void vfvirt_pf_properties_class_init(ObjectClass *klass);

/* ---- net.c ---------------------------------------------------------------------------------- */

/* What num_queues reads: the network and control queues, not the administration queues. */
uint16_t vfvirt_net_queue_count(VfvirtNet *net);
/* Entries of queue `index` after a reset; 0 when there is none with the negotiated features. */
uint16_t vfvirt_net_queue_size_max(VfvirtNet *net, unsigned index);
/* QEMU's core gives every queue its own maximum at each reset; these put ours back. */
void vfvirt_net_restore_queue_size(VfvirtNet *net, unsigned index);
void vfvirt_net_restore_queue_sizes(VfvirtNet *net);
/* The memory map changed: map the rings again. */
void vfvirt_net_refresh_rings(VfvirtNet *net);
/*
 * May the device touch the rings? S-10: not before DRIVER_OK, except for a legacy driver (S-82).
 * Not when broken, without bus master, or gone.
 */
bool vfvirt_net_running(VfvirtNet *net);
/* Bytes of the header before each frame: 10 only for a legacy driver without MRG_RXBUF. */
size_t vfvirt_net_header_bytes(VfvirtNet *net);
/* A used element that will not be answered with data: detach it, the device needs a reset. */
void vfvirt_net_fail(VfvirtNet *net, VirtQueue *vq, VirtQueueElement *elem, const char *why);

/* ---- datapath.c ------------------------------------------------------------------------------ */

/* Takes frames from tx[pair]; true when the bound of one run stopped it with more to do. */
bool vfvirt_net_transmit(VfvirtNet *net, unsigned pair);

/* ---- control.c ------------------------------------------------------------------------------- */

/* Runs control commands; true when the bound of one run stopped it with more to do. */
bool vfvirt_net_control(VfvirtNet *net);
/* Does the driver want to see a frame for this destination? */
bool vfvirt_filter_accepts(VfvirtNet *net, const uint8_t *destination);
/* As after a reset: everything, as drivers without a control queue expect. */
void vfvirt_filter_reset(VfvirtFilter *filter);

#endif
