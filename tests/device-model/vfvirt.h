/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The types that the files of the device model share, and who provides what.
 *
 * One card = one VfvirtPf. It owns the embedded switch, the administration queues, the faults
 * and the counters. Every function of the card (PF and VFs) is a virtio-pci proxy with a
 * VfvirtNet behind it. All of it runs under the big QEMU lock; there are no other locks.
 *
 * Member ids: 0 is the PF itself (as a switch port, a counter row, a fault target), 1..240 the
 * VFs, as the specification numbers the members of the SR-IOV group.
 */
#ifndef VFVIRT_H
#define VFVIRT_H

#include "hw/pci/pci_device.h"
#include "hw/virtio/virtio-pci.h"
#include "hw/virtio/virtio.h"
#include "net/net.h"
#include "standard-headers/linux/virtio_net.h"

#define VFVIRT_VFS_MAX 240
#define VFVIRT_PORTS_MAX (VFVIRT_VFS_MAX + 1)
#define VFVIRT_ADMIN_QUEUES_MAX 8
#define VFVIRT_QUEUE_PAIRS_MAX 16

/* Bits that not every QEMU header names. */
#define VFVIRT_F_SR_IOV 37
#define VFVIRT_F_RING_RESET 40
#define VFVIRT_F_ADMIN_VQ 41

#define TYPE_VFVIRT_NET "vfvirt-net-device"
OBJECT_DECLARE_SIMPLE_TYPE(VfvirtNet, VFVIRT_NET)
#define TYPE_VFVIRT_PF "vfvirt-net-pf"
OBJECT_DECLARE_SIMPLE_TYPE(VfvirtPf, VFVIRT_PF)
#define TYPE_VFVIRT_VF "vfvirt-net-vf"
OBJECT_DECLARE_SIMPLE_TYPE(VfvirtVf, VFVIRT_VF)

typedef struct VfvirtAdmin VfvirtAdmin;       /* admin.c: queues and commands in flight */
typedef struct VfvirtFaults VfvirtFaults;     /* fault.c: the armed faults */
typedef struct VfvirtCounters VfvirtCounters; /* counters.c */
typedef struct VfvirtSwitch VfvirtSwitch;     /* switch.c: ports and learned addresses */

/* Where the doorbells for legacy drivers lie, in the order NOTIFY_INFO names them. */
typedef enum VfvirtNotifyInfo {
    VFVIRT_NOTIFY_NONE,         /* opcode 6 is not offered */
    VFVIRT_NOTIFY_MEMBER,       /* one entry, in the member's BAR */
    VFVIRT_NOTIFY_OWNER,        /* one entry, in the owner's BAR */
    VFVIRT_NOTIFY_MEMBER_OWNER, /* both, the member's first */
    VFVIRT_NOTIFY_NOT_GIVEN,    /* only before the card is realized */
} VfvirtNotifyInfo;

/* How strictly the SR-IOV group is checked. */
typedef enum VfvirtGroupRules {
    VFVIRT_GROUP_LENIENT,       /* LIST_QUERY and LIST_USE work before any VF exists */
    VFVIRT_GROUP_STRICT,        /* S-53, SX-8: the group exists only while VF Enable is set */
    VFVIRT_GROUP_STRICT_MEMBER, /* also SX-1: LIST_* must carry a member id of 1..NumVFs */
} VfvirtGroupRules;

/* The doorbells: a 16-bit little-endian write of the queue index notifies that queue (S-65). */
#define VFVIRT_MEMBER_DOORBELL_BAR 4
#define VFVIRT_MEMBER_DOORBELL_OFFSET 0x2800
#define VFVIRT_OWNER_DOORBELL_BAR 2
#define VFVIRT_OWNER_DOORBELL_STRIDE_BYTES 16 /* offset = (member_id - 1) * stride */

#define VFVIRT_FILTER_ADDRESSES_MAX 64

/* A list of MAC addresses that the driver wants; `all` when it wanted more than fit. */
typedef struct VfvirtAddresses {
    uint8_t mac[VFVIRT_FILTER_ADDRESSES_MAX][6];
    uint8_t count;
    bool all;
} VfvirtAddresses;

/* Which frames the driver wants to see. control.c */
typedef struct VfvirtFilter {
    bool promiscuous, all_multicast;
    VfvirtAddresses unicast, multicast;
} VfvirtFilter;

#define VFVIRT_PENDING_CTRL (1u << 31)

/* The virtio network device behind one function. net.c */
struct VfvirtNet {
    VirtIODevice parent_obj;

    VfvirtPf *pf;       /* the card; set before realize; not owned */
    uint16_t member_id; /* 0: the PF's own device */
    uint16_t queue_pairs;
    uint16_t queue_size;
    struct virtio_net_config config; /* little-endian, as the driver sees it */
    uint8_t permanent_mac[6];
    /* By the negotiated features: without MQ there is one pair and ctrl follows it. */
    VirtQueue *rx[VFVIRT_QUEUE_PAIRS_MAX];
    VirtQueue *tx[VFVIRT_QUEUE_PAIRS_MAX];
    VirtQueue *ctrl;
    QEMUBH *bh;       /* transmits and runs control commands, outside of the guest's kick */
    uint32_t pending; /* what bh has to look at: bit n: tx[n]; VFVIRT_PENDING_CTRL */
    uint16_t queue_pairs_in_use; /* set by the control queue's MQ command */
    VfvirtFilter filter;
    /*
     * The driver reached this device through legacy commands since its last reset. Cleared by
     * every reset; set by the first legacy register write. Legacy layout of rings and headers
     * itself follows from VERSION_1 not being negotiated.
     */
    bool legacy;
};

/* What PF and VF have in common as PCI functions. function.c */
typedef struct VfvirtFunction {
    VirtIOPCIProxy proxy; /* must stay first */
    VfvirtNet net;
    /* virtio-pci's handlers, which ours call for what they do not handle themselves. */
    const MemoryRegionOps *common_ops;
    const MemoryRegionOps *device_ops;
    PCIConfigReadFunc *config_read;
    PCIConfigWriteFunc *config_write;
    MemoryListener listener;      /* keeps the mapped rings true when the memory map changes */
    MemoryRegion dead_mr[PCI_NUM_REGIONS]; /* laid over each BAR while the card is gone */
    bool gone;                    /* config space and BARs read all ones, writes are lost */
    bool reset_stuck;             /* a reset was asked for and will never be acknowledged */
} VfvirtFunction;

struct VfvirtVf {
    VfvirtFunction fn;
};

struct VfvirtPf {
    VfvirtFunction fn;
    NICConf nic_conf; /* properties mac, netdev: the card's base MAC and its uplink */
    NICState *nic;    /* the uplink's end in the card */

    /* properties */
    uint16_t total_vfs;
    uint16_t queue_pairs;
    uint16_t queue_size;
    uint32_t vf_queue_pairs;
    uint32_t vectors, vf_vectors;
    uint32_t admin_queues, admin_queue_size;
    uint32_t admin_queue_index;
    bool intx_only;
    bool admin_vq;              /* offer bit 41 */
    bool vf_legacy;             /* offer the legacy opcodes at all */
    uint16_t vf_device_id;      /* that the SR-IOV capability gives to VFs */
    VfvirtNotifyInfo notify_info;
    VfvirtGroupRules group_rules;

    MemoryRegion owner_bells_mr;
    VfvirtAdmin *admin;
    VfvirtFaults *faults;
    VfvirtCounters *counters;
    VfvirtSwitch *fabric;
    uint64_t ring_features; /* the virtio feature bits that properties chose, PF and VFs alike */
    bool vfs_made;          /* the VFs exist as QEMU objects */
};

/* What can be armed; README.md tells what each does. */
typedef enum VfvirtFaultKind {
    VFVIRT_FAULT_DELAY,
    VFVIRT_FAULT_STALL,
    VFVIRT_FAULT_STATUS,
    VFVIRT_FAULT_USED_LENGTH,
    VFVIRT_FAULT_RANDOM_RESULT,
    VFVIRT_FAULT_DUPLICATE,
    VFVIRT_FAULT_LIST_QUERY,
    VFVIRT_FAULT_NOTIFY_INFO,
    VFVIRT_FAULT_ADMIN_QUEUE_NUM,
    VFVIRT_FAULT_ADMIN_QUEUE_INDEX,
    VFVIRT_FAULT_COMMON_CFG_LENGTH,
    VFVIRT_FAULT_RESET_STUCK,
    VFVIRT_FAULT_NEEDS_RESET,
    VFVIRT_FAULT_MAX
} VfvirtFaultKind;

typedef enum VfvirtUsedLength {
    VFVIRT_USED_SHORT,
    VFVIRT_USED_ZERO,
    VFVIRT_USED_LONG,
} VfvirtUsedLength;

typedef enum VfvirtBadEntry {
    VFVIRT_BAD_FLAG,
    VFVIRT_BAD_BAR,
    VFVIRT_BAD_ALIGNMENT,
    VFVIRT_BAD_OFFSET,
    VFVIRT_BAD_ABSENT, /* no entries at all: the opcode is neither listed nor accepted */
} VfvirtBadEntry;

/* One armed fault. Only the options that its kind has carry a meaning. */
typedef struct VfvirtFault {
    VfvirtFaultKind kind;
    int32_t member;     /* -1: all */
    int32_t opcode;     /* -1: all */
    int64_t times_left; /* -1: until cleared */
    uint64_t struck;
    uint32_t ms;
    bool hold_queue;
    uint16_t status, qualifier;
    VfvirtUsedLength mode;
    VfvirtBadEntry bad;
    uint32_t bytes;
    uint64_t bits;
    uint16_t value;
    QTAILQ_ENTRY(VfvirtFault) next;
} VfvirtFault;

/* ---- pf.c, function.c, vf.c: the PCI functions ---------------------------------------- */

/* NumVFs while VF Enable is set, else 0. */
uint16_t vfvirt_pf_num_vfs(VfvirtPf *pf);
/* The member's function, or NULL when member_id is not in 1..NumVFs of an enabled group. */
VfvirtFunction *vfvirt_pf_member(VfvirtPf *pf, uint64_t member_id);
/* Function by port: 0 the PF, 1..total_vfs the VFs whether enabled or not; NULL beyond. */
VfvirtFunction *vfvirt_pf_port(VfvirtPf *pf, uint16_t port);
/* Like a function-level reset of one function without the PCI part: virtio, rings, vectors. */
void vfvirt_function_reset(VfvirtFunction *fn);
/*
 * device_status as the driver reads and writes it, over the modern or the legacy registers.
 * Writing 0 resets the function, unless the fault reset-stuck strikes.
 */
uint8_t vfvirt_function_status(VfvirtFunction *fn);
void vfvirt_function_set_status(VfvirtFunction *fn, uint8_t status);
/* Configuration space, BARs, interrupts and DMA of one function stop to exist, or come back. */
void vfvirt_function_set_gone(VfvirtFunction *fn, bool gone);
/* Rewrites the length field of the common-configuration capability (normally 0x40). */
void vfvirt_function_set_common_cfg_length(VfvirtFunction *fn, uint32_t length_bytes);
/* MSI-X enabled in the function's PCI configuration space. */
bool vfvirt_function_msix_on(VfvirtFunction *fn);

/* ---- net.c: queues, features, configuration ------------------------------------------ */

/* The feature bits this device offers to a modern driver (without the transport's own). */
uint64_t vfvirt_net_features(VfvirtNet *net);
/* Frame from the switch to the driver; drops when there is no buffer. True when delivered. */
bool vfvirt_net_receive(VfvirtNet *net, const uint8_t *frame, size_t length_bytes);
/* Guest kicked queue `index` (any queue of the function, also by a legacy doorbell). */
void vfvirt_net_notify(VfvirtNet *net, uint16_t index);
/* Signals used buffers of `vq` as virtio_notify() does, and counts the interrupt if one goes out. */
void vfvirt_net_interrupt(VfvirtNet *net, VirtQueue *vq);
/* Sets DEVICE_NEEDS_RESET, with a configuration interrupt (S-17), counted as queue 0xffff. */
void vfvirt_net_needs_reset(VfvirtNet *net);
/* The function that a network device stands behind. */
static inline VfvirtFunction *vfvirt_net_function(VfvirtNet *net)
{
    return container_of(net, VfvirtFunction, net);
}

/* ---- switch.c ------------------------------------------------------------------------- */

VfvirtSwitch *vfvirt_switch_new(VfvirtPf *pf);
void vfvirt_switch_free(VfvirtSwitch *fabric);
/* A frame enters at `port` (0 PF, 1.. VFs, VFVIRT_PORT_UPLINK) and leaves where it must. */
#define VFVIRT_PORT_UPLINK 0xffff
void vfvirt_switch_forward(VfvirtSwitch *fabric, uint16_t port, const uint8_t *frame,
                           size_t length_bytes);
/* Forget what was learned at `port`. */
void vfvirt_switch_flush_port(VfvirtSwitch *fabric, uint16_t port);

/* ---- admin.c: administration queues ---------------------------------------------------- */

VfvirtAdmin *vfvirt_admin_new(VfvirtPf *pf);
void vfvirt_admin_free(VfvirtAdmin *admin); /* cancels everything in flight */
/* virtio output handler of every administration queue. */
void vfvirt_admin_handle_output(VirtIODevice *vdev, VirtQueue *vq);
/* Queue `index` was reset: what it held is forgotten, no buffer of it is touched again. */
void vfvirt_admin_queue_reset(VfvirtAdmin *admin, uint16_t index);
/* The PF was reset (status 0, FLR, unplug): as above for all queues, and LIST_USE is undone. */
void vfvirt_admin_device_reset(VfvirtAdmin *admin);
/* VF Enable was cleared: pending group commands are answered now (EINVAL, INVALID_GROUP). */
void vfvirt_admin_vfs_disabled(VfvirtAdmin *admin);
/* Commands that the driver waits for: held by a fault, or finished behind a held one. */
uint32_t vfvirt_admin_in_flight(VfvirtAdmin *admin);
/* The faults of this kind (delay, stall) were cleared: what they hold is answered now. */
void vfvirt_admin_release(VfvirtAdmin *admin, VfvirtFaultKind kind);

/* ---- legacy.c: the legacy registers of a VF -------------------------------------------- */

/*
 * Both access one register field of a member as a native legacy device would (S-62, S-64).
 * common: the common header, else the device configuration. 0, or -EINVAL when the access is
 * not inside one field; then nothing happened.
 */
int vfvirt_legacy_read(VfvirtFunction *fn, bool common, uint8_t offset, uint8_t *data,
                       size_t length_bytes);
int vfvirt_legacy_write(VfvirtFunction *fn, bool common, uint8_t offset, const uint8_t *data,
                        size_t length_bytes);

/* ---- fault.c ---------------------------------------------------------------------------- */

VfvirtFaults *vfvirt_faults_new(VfvirtPf *pf);
void vfvirt_faults_free(VfvirtFaults *faults);
/* Adds the QOM properties fault, fault-clear and faults (README.md) to the PF. */
void vfvirt_faults_add_properties(Object *pf);
/*
 * The armed fault of that kind which names this member and opcode most closely, or NULL:
 * member and opcode, then member, then opcode, then neither; none whose times are used up.
 * strike counts it and uses up one of its times; peek only looks. opcode -1: no command.
 * The answer is valid until the next change of the faults.
 */
const VfvirtFault *vfvirt_fault_strike(VfvirtFaults *faults, VfvirtFaultKind kind,
                                       uint16_t member_id, int32_t opcode);
const VfvirtFault *vfvirt_fault_peek(VfvirtFaults *faults, VfvirtFaultKind kind,
                                     uint16_t member_id, int32_t opcode);
/* What the register overlays of the PF show: `real`, or what an armed fault wants. */
uint16_t vfvirt_fault_admin_queue_num(VfvirtFaults *faults, uint16_t real);
uint16_t vfvirt_fault_admin_queue_index(VfvirtFaults *faults, uint16_t real);
/* True while the reset of this port (0 PF) must never be acknowledged; counts the strike. */
bool vfvirt_fault_reset_stuck(VfvirtFaults *faults, uint16_t port);

/* ---- counters.c -------------------------------------------------------------------------- */

VfvirtCounters *vfvirt_counters_new(void);
void vfvirt_counters_free(VfvirtCounters *counters);
/* Adds the QOM properties counters and counters-reset (README.md) to the PF. */
void vfvirt_counters_add_properties(Object *pf);
/* Called by the functions for each event named. */
#define VFVIRT_QUEUE_CONFIG 0xffff /* as `queue` of an interrupt: the configuration interrupt */
void vfvirt_count_kick(VfvirtCounters *counters, uint16_t port, uint16_t queue);
void vfvirt_count_interrupt(VfvirtCounters *counters, uint16_t port, uint16_t queue);
typedef enum VfvirtBell { VFVIRT_BELL_MEMBER, VFVIRT_BELL_OWNER, VFVIRT_BELL_COMMAND } VfvirtBell;
void vfvirt_count_bell(VfvirtCounters *counters, uint16_t member_id, VfvirtBell bell);
void vfvirt_count_frame(VfvirtCounters *counters, uint16_t port, bool to_driver, bool dropped);
/* A command was taken from its queue; was answered; was dropped without an answer. */
void vfvirt_count_submitted(VfvirtCounters *counters, uint16_t port, uint16_t opcode);
void vfvirt_count_answered(VfvirtCounters *counters, uint16_t port, uint16_t opcode,
                           uint16_t status, uint16_t qualifier);
void vfvirt_count_unanswered(VfvirtCounters *counters, uint16_t port, uint16_t opcode);

/* ---- hotplug.c ----------------------------------------------------------------------------- */

/* Adds the QOM property gone to the PF. */
void vfvirt_hotplug_add_properties(Object *pf);
/* Called when the PF is realized: lets the driver of the slot above enable link-state events. */
void vfvirt_hotplug_prepare_slot(VfvirtPf *pf);
/*
 * The whole card vanishes as if pulled out of its slot (or is pushed in again, freshly reset):
 * all functions dead, then link down and presence change at the slot above. Pushed in while a
 * hot-plug driver still removes it, it comes back once that driver has switched the slot off.
 */
void vfvirt_card_set_gone(VfvirtPf *pf, bool gone);

#endif
