/* SPDX-License-Identifier: GPL-2.0-only */
/* What PF and VFs share as PCI functions: common registers, configuration space, reset, gone. */
#include "qemu/osdep.h"
#include "exec/memop.h"
#include "hw/pci/msix.h"
#include "qapi/error.h"
#include "qemu/log.h"
#include "standard-headers/linux/virtio_ids.h"
#include "standard-headers/linux/virtio_pci.h"
#include "vfvirt.h"
#include "function.h"

#define COMMON_CFG_BYTES 0x40
#define DEVICE_CFG_BYTES 0x800
/* The doorbell takes the second half of the page of the device configuration. */
#define DOORBELL_OFFSET (VFVIRT_MEMBER_DOORBELL_OFFSET - 0x2000)
#define DEAD_PRIORITY 100      /* above everything else in a BAR */

static VfvirtFunction *proxy_function(VirtIOPCIProxy *proxy)
{
    return container_of(proxy, VfvirtFunction, proxy);
}

static VirtIODevice *function_vdev(VfvirtFunction *fn)
{
    return VIRTIO_DEVICE(&fn->net);
}

bool vfvirt_function_msix_on(VfvirtFunction *fn)
{
    return msix_enabled(&fn->proxy.pci_dev);
}

/* ---- Reset and device_status ------------------------------------------------------------ */

void vfvirt_function_reset_done(VfvirtFunction *fn)
{
    VirtIOPCIProxy *proxy = &fn->proxy;

    proxy->dfselect = 0;
    proxy->gfselect = 0;
    memset(proxy->guest_features, 0, sizeof(proxy->guest_features));
    fn->reset_stuck = false;
    fn->net.legacy = false;
    vfvirt_net_restore_queue_sizes(&fn->net);
    vfvirt_switch_flush_port(fn->net.pf->fabric, fn->net.member_id);
}

void vfvirt_function_reset(VfvirtFunction *fn)
{
    VirtIOPCIProxy *proxy = &fn->proxy;

    virtio_bus_reset(&proxy->bus);
    msix_unuse_all_vectors(&proxy->pci_dev);
    memset(proxy->vqs, 0, sizeof(proxy->vqs));
    vfvirt_function_reset_done(fn);
}

uint8_t vfvirt_function_status(VfvirtFunction *fn)
{
    uint8_t status = function_vdev(fn)->status;

    /* A function that no driver used yet has nothing but this to show that it still resets. */
    return fn->reset_stuck && !status ? VIRTIO_CONFIG_S_ACKNOWLEDGE : status;
}

void vfvirt_function_set_status(VfvirtFunction *fn, uint8_t status)
{
    VirtIODevice *vdev = function_vdev(fn);

    if (!status) {
        /* A stuck function goes on as before: it still owns the rings it was given. */
        fn->reset_stuck = vfvirt_fault_reset_stuck(fn->net.pf->faults, fn->net.member_id);
        if (!fn->reset_stuck) {
            vfvirt_function_reset(fn);
        }
        return;
    }
    if (!fn->net.legacy && (status & VIRTIO_CONFIG_S_FEATURES_OK) &&
        !virtio_vdev_has_feature(vdev, VIRTIO_F_VERSION_1)) {
        qemu_log_mask(LOG_GUEST_ERROR, "%s: FEATURES_OK refused: VERSION_1 was not accepted\n",
                      vdev->name);
        return;
    }
    /* Only a reset takes these bits away again, the second not from a legacy driver. */
    status |= vdev->status & VIRTIO_CONFIG_S_NEEDS_RESET;
    status |= fn->net.legacy ? 0 : vdev->status & VIRTIO_CONFIG_S_FEATURES_OK;
    fn->common_ops->write(&fn->proxy, VIRTIO_PCI_COMMON_STATUS, status, 1);
}

/* ---- Common registers --------------------------------------------------------------------- */

/* S-04: valid only once bit 41 is negotiated; before, and on a VF, they read 0. */
static uint64_t admin_register_read(VfvirtFunction *fn, hwaddr addr)
{
    VfvirtPf *pf = fn->net.pf;

    if (!virtio_vdev_has_feature(function_vdev(fn), VFVIRT_F_ADMIN_VQ)) {
        return 0;
    }
    if (addr == VIRTIO_PCI_COMMON_ADM_Q_IDX) {
        return vfvirt_fault_admin_queue_index(pf->faults, pf->admin_queue_index);
    }
    return vfvirt_fault_admin_queue_num(pf->faults, pf->admin_queues);
}

static uint64_t common_read(void *opaque, hwaddr addr, unsigned size)
{
    VfvirtFunction *fn = proxy_function(opaque);

    switch (addr) {
    case VIRTIO_PCI_COMMON_NUMQ:
        return vfvirt_net_queue_count(&fn->net); /* S-04: administration queues do not count */
    case VIRTIO_PCI_COMMON_STATUS:
        return vfvirt_function_status(fn);
    case VIRTIO_PCI_COMMON_Q_SIZE:
        if (!vfvirt_net_queue_size_max(&fn->net, function_vdev(fn)->queue_sel)) {
            return 0;
        }
        break;
    case VIRTIO_PCI_COMMON_ADM_Q_IDX:
    case VIRTIO_PCI_COMMON_ADM_Q_NUM:
        return admin_register_read(fn, addr);
    default:
        break;
    }
    return fn->common_ops->read(opaque, addr, size);
}

/* S-08: sizes are bounded by what was offered, and powers of two unless the ring is packed. */
static bool queue_size_valid(VfvirtFunction *fn, uint64_t size)
{
    VirtIODevice *vdev = function_vdev(fn);

    return size && size <= vfvirt_net_queue_size_max(&fn->net, vdev->queue_sel) &&
           (is_power_of_2(size) || virtio_vdev_has_feature(vdev, VIRTIO_F_RING_PACKED));
}

/*
 * Is this write one that the selected queue can take? A ring that is in use keeps its size and
 * place until a reset: QEMU's core trusts its indexes to fit them.
 */
static bool queue_write_valid(VfvirtFunction *fn, hwaddr addr, uint64_t value)
{
    VirtIODevice *vdev = function_vdev(fn);
    uint16_t queue = vdev->queue_sel;
    bool in_use = fn->proxy.vqs[queue].enabled || virtio_queue_get_desc_addr(vdev, queue);

    if (!vfvirt_net_queue_size_max(&fn->net, queue)) {
        return false;
    }
    switch (addr) {
    case VIRTIO_PCI_COMMON_Q_MSIX:
        return true;
    case VIRTIO_PCI_COMMON_Q_SIZE:
        return !in_use && queue_size_valid(fn, value);
    case VIRTIO_PCI_COMMON_Q_RESET:
        return value == 1 && virtio_vdev_has_feature(vdev, VFVIRT_F_RING_RESET);
    default:
        return !in_use;
    }
}

static void common_write(void *opaque, hwaddr addr, uint64_t value, unsigned size)
{
    VfvirtFunction *fn = proxy_function(opaque);
    VirtIODevice *vdev = function_vdev(fn);

    switch (addr) {
    case VIRTIO_PCI_COMMON_STATUS:
        vfvirt_function_set_status(fn, value);
        return;
    case VIRTIO_PCI_COMMON_Q_SELECT:
        /* The last index is never in use, so it stands for all that are beyond the device. */
        value = MIN(value, VIRTIO_QUEUE_MAX - 1);
        break;
    case VIRTIO_PCI_COMMON_Q_SIZE ... VIRTIO_PCI_COMMON_Q_RESET:
        if (!queue_write_valid(fn, addr, value)) {
            qemu_log_mask(LOG_GUEST_ERROR, "%s: queue %u: 0x%" PRIx64 " ignored at 0x%x\n",
                          vdev->name, vdev->queue_sel, value, (unsigned)addr);
            return;
        }
        break;
    default:
        break;
    }
    fn->common_ops->write(opaque, addr, value, size);
    if (addr == VIRTIO_PCI_COMMON_Q_RESET) {
        vfvirt_net_restore_queue_size(&fn->net, vdev->queue_sel);
    }
}

static const MemoryRegionOps common_ops = {
    .read = common_read,
    .write = common_write,
    .impl = { .min_access_size = 1, .max_access_size = 4 },
    .endianness = DEVICE_LITTLE_ENDIAN,
};

/* ---- Device configuration and the member doorbell ------------------------------------------- */

static uint64_t device_read(void *opaque, hwaddr addr, unsigned size)
{
    VfvirtFunction *fn = proxy_function(opaque);

    return addr < DEVICE_CFG_BYTES ? fn->device_ops->read(opaque, addr, size) : 0;
}

static void device_write(void *opaque, hwaddr addr, uint64_t value, unsigned size)
{
    VfvirtFunction *fn = proxy_function(opaque);

    if (addr < DEVICE_CFG_BYTES) {
        fn->device_ops->write(opaque, addr, value, size);
    } else if (fn->net.member_id && addr == DOORBELL_OFFSET && size == 2) {
        vfvirt_count_bell(fn->net.pf->counters, fn->net.member_id, VFVIRT_BELL_MEMBER);
        vfvirt_net_notify(&fn->net, value);
    }
}

static const MemoryRegionOps device_ops = {
    .read = device_read,
    .write = device_write,
    .impl = { .min_access_size = 1, .max_access_size = 4 },
    .endianness = DEVICE_LITTLE_ENDIAN,
};

static void set_capability_length(VfvirtFunction *fn, uint8_t type, uint32_t length_bytes)
{
    uint8_t *config = fn->proxy.pci_dev.config;
    uint8_t offset = config[PCI_CAPABILITY_LIST];

    while (offset) {
        if (config[offset] == PCI_CAP_ID_VNDR &&
            config[offset + VIRTIO_PCI_CAP_CFG_TYPE] == type) {
            pci_set_long(config + offset + VIRTIO_PCI_CAP_LENGTH, length_bytes);
            return;
        }
        offset = config[offset + PCI_CAP_LIST_NEXT];
    }
}

void vfvirt_function_set_common_cfg_length(VfvirtFunction *fn, uint32_t length_bytes)
{
    set_capability_length(fn, VIRTIO_PCI_CAP_COMMON_CFG, length_bytes);
}

/* ---- Configuration space and gone ---------------------------------------------------------- */

uint32_t vfvirt_function_config_read(PCIDevice *dev, uint32_t address, int length_bytes)
{
    VfvirtFunction *fn = proxy_function(VIRTIO_PCI(dev));

    return fn->gone ? UINT32_MAX >> (32 - 8 * length_bytes)
                    : fn->config_read(dev, address, length_bytes);
}

void vfvirt_function_config_write(PCIDevice *dev, uint32_t address, uint32_t value,
                                  int length_bytes)
{
    VfvirtFunction *fn = proxy_function(VIRTIO_PCI(dev));

    if (!fn->gone) {
        fn->config_write(dev, address, value, length_bytes);
    }
}

static uint64_t dead_read(void *opaque, hwaddr addr, unsigned size)
{
    return UINT64_MAX;
}

static void dead_write(void *opaque, hwaddr addr, uint64_t value, unsigned size)
{
}

static const MemoryRegionOps dead_ops = {
    .read = dead_read,
    .write = dead_write,
    .valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    .impl = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    .endianness = DEVICE_LITTLE_ENDIAN,
};

static void cover_bars(VfvirtFunction *fn)
{
    for (int i = 0; i < PCI_NUM_REGIONS; i++) {
        PCIIORegion *bar = &fn->proxy.pci_dev.io_regions[i];

        if (bar->size) {
            memory_region_init_io(&fn->dead_mr[i], OBJECT(fn), &dead_ops, fn, "vfvirt-dead",
                                  bar->size);
            memory_region_add_subregion_overlap(bar->memory, 0, &fn->dead_mr[i], DEAD_PRIORITY);
        }
    }
}

static void uncover_bars(VfvirtFunction *fn)
{
    for (int i = 0; i < PCI_NUM_REGIONS; i++) {
        PCIIORegion *bar = &fn->proxy.pci_dev.io_regions[i];

        if (bar->size) {
            memory_region_del_subregion(bar->memory, &fn->dead_mr[i]);
            object_unparent(OBJECT(&fn->dead_mr[i]));
        }
    }
}

void vfvirt_function_set_gone(VfvirtFunction *fn, bool gone)
{
    PCIDevice *dev = &fn->proxy.pci_dev;

    if (fn->gone == gone) {
        return;
    }
    memory_region_transaction_begin();
    if (gone) {
        /* The rings are forgotten without an answer: no DMA and no interrupt after this. */
        vfvirt_function_reset(fn);
        pci_device_deassert_intx(dev);
        memory_region_set_enabled(&dev->bus_master_enable_region, false);
        cover_bars(fn);
        fn->gone = true;
    } else {
        uncover_bars(fn);
        fn->gone = false;
        pci_device_reset(dev);
    }
    memory_region_transaction_commit();
}

/* ---- Life ----------------------------------------------------------------------------------- */

/*
 * virtio's own listener compares the whole memory map of the function's address space at every
 * change of any map, which makes the work for many VFs quadratic, and it stops at the first gap
 * between queues. Being told of a change is enough; for that any small address space will do.
 */
static void listener_commit(MemoryListener *listener)
{
    VfvirtFunction *fn = container_of(listener, VfvirtFunction, listener);

    vfvirt_net_refresh_rings(&fn->net);
}

static void function_listen(VfvirtFunction *fn)
{
    memory_listener_unregister(&function_vdev(fn)->listener);
    fn->listener = (MemoryListener){ .commit = listener_commit, .name = "vfvirt" };
    memory_listener_register(&fn->listener, &fn->proxy.modern_cfg_mem_as);
}

void vfvirt_function_stop_listening(VfvirtFunction *fn)
{
    memory_listener_unregister(&fn->listener);
}

bool vfvirt_function_realize(VfvirtFunction *fn, Error **errp)
{
    VirtIOPCIProxy *proxy = &fn->proxy;
    PCIDevice *dev = &proxy->pci_dev;

    proxy->class_code = PCI_CLASS_NETWORK_ETHERNET;
    virtio_pci_force_virtio_1(proxy);
    if (!qdev_realize(DEVICE(&fn->net), BUS(&proxy->bus), errp)) {
        return false;
    }
    vfvirt_net_restore_queue_sizes(&fn->net);
    function_listen(fn);
    /* QEMU would make it when the machine is ready, in many steps of one memory map each. */
    pci_device_iommu_address_space(dev);

    /*
     * Our handlers stand before virtio-pci's. Regions of their own over parts of its pages would
     * do as well, but QEMU pays for each of them, in each VF, at every change of a memory map.
     */
    fn->common_ops = proxy->common.mr.ops;
    proxy->common.mr.ops = &common_ops;
    fn->device_ops = proxy->device.mr.ops;
    proxy->device.mr.ops = &device_ops;
    set_capability_length(fn, VIRTIO_PCI_CAP_COMMON_CFG, COMMON_CFG_BYTES);
    set_capability_length(fn, VIRTIO_PCI_CAP_DEVICE_CFG, DEVICE_CFG_BYTES);
    fn->config_read = dev->config_read;
    fn->config_write = dev->config_write;
    dev->config_read = vfvirt_function_config_read;
    dev->config_write = vfvirt_function_config_write;
    return true;
}

void vfvirt_function_unrealize(VfvirtFunction *fn)
{
    if (fn->gone) {
        uncover_bars(fn);
        fn->gone = false;
    }
    /*
     * No buffer is mapped any more. When QEMU undoes the mapping of a chain with a bad end, it
     * takes the bounce buffers off the account of system memory instead of ours, and the end of
     * an address space with an open account is an assertion: a guest could set a trap for unplug.
     */
    qatomic_set(&fn->proxy.pci_dev.bus_master_as.bounce_buffer_size, 0);
}

void vfvirt_function_class_init(ObjectClass *klass)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *pci = PCI_DEVICE_CLASS(klass);

    pci->vendor_id = PCI_VENDOR_ID_REDHAT_QUMRANET;
    pci->device_id = PCI_DEVICE_ID_VIRTIO_10_BASE + VIRTIO_ID_NET;
    pci->subsystem_vendor_id = pci->vendor_id;
    pci->subsystem_id = pci->device_id; /* S-70 */
    pci->revision = 1;
    pci->class_id = PCI_CLASS_NETWORK_ETHERNET;
    set_bit(DEVICE_CATEGORY_NETWORK, dc->categories);
}
