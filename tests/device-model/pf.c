/* SPDX-License-Identifier: GPL-2.0-only */
/* The physical function: its life as a PCI device, SR-IOV, owner doorbells, the uplink. */
#include "qemu/osdep.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_sriov.h"
#include "qapi/error.h"
#include "qemu/module.h"
#include "function.h"

#define VF_OFFSET 8 /* leaves the device's other seven functions alone */
#define VF_STRIDE 1
#define OWNER_BELLS_BYTES_MIN 4096

uint16_t vfvirt_pf_num_vfs(VfvirtPf *pf)
{
    uint16_t num_vfs = pcie_sriov_num_vfs(PCI_DEVICE(pf));

    return pf->vfs_made && !pf->fn.gone ? MIN(num_vfs, pf->total_vfs) : 0;
}

VfvirtFunction *vfvirt_pf_port(VfvirtPf *pf, uint16_t port)
{
    if (!port) {
        return DEVICE(pf)->realized ? &pf->fn : NULL;
    }
    if (!pf->vfs_made || port > pf->total_vfs) {
        return NULL;
    }
    return &VFVIRT_VF(PCI_DEVICE(pf)->exp.sriov_pf.vf[port - 1])->fn;
}

VfvirtFunction *vfvirt_pf_member(VfvirtPf *pf, uint64_t member_id)
{
    return member_id && member_id <= vfvirt_pf_num_vfs(pf) ? vfvirt_pf_port(pf, member_id) : NULL;
}

void vfvirt_pf_member_mac(VfvirtPf *pf, uint16_t member_id, uint8_t *ret_mac)
{
    uint64_t mac = 0;

    for (unsigned i = 0; i < ETH_ALEN; i++) {
        mac = mac << 8 | pf->nic_conf.macaddr.a[i];
    }
    mac += member_id;
    for (unsigned i = 0; i < ETH_ALEN; i++) {
        ret_mac[i] = mac >> (8 * (ETH_ALEN - 1 - i));
    }
}

/* ---- Owner doorbells ------------------------------------------------------------------------ */

static void bell_write(void *opaque, hwaddr addr, uint64_t value, unsigned size)
{
    VfvirtPf *pf = opaque;
    VfvirtFunction *fn = vfvirt_pf_member(pf, addr / VFVIRT_OWNER_DOORBELL_STRIDE_BYTES + 1);

    if (fn && !(addr % VFVIRT_OWNER_DOORBELL_STRIDE_BYTES)) {
        vfvirt_count_bell(pf->counters, fn->net.member_id, VFVIRT_BELL_OWNER);
        vfvirt_net_notify(&fn->net, value);
    }
}

static uint64_t bell_read(void *opaque, hwaddr addr, unsigned size)
{
    return 0;
}

static const MemoryRegionOps bell_ops = {
    .read = bell_read,
    .write = bell_write,
    .valid = { .min_access_size = 2, .max_access_size = 2 },
    .impl = { .min_access_size = 2, .max_access_size = 2 },
    .endianness = DEVICE_LITTLE_ENDIAN,
};

static void owner_bells_init(VfvirtPf *pf)
{
    uint64_t size = pow2ceil(pf->total_vfs * VFVIRT_OWNER_DOORBELL_STRIDE_BYTES);

    memory_region_init_io(&pf->owner_bells_mr, OBJECT(pf), &bell_ops, pf,
                          "vfvirt-owner-doorbells", MAX(size, OWNER_BELLS_BYTES_MIN));
    pci_register_bar(PCI_DEVICE(pf), VFVIRT_OWNER_DOORBELL_BAR, PCI_BASE_ADDRESS_SPACE_MEMORY,
                     &pf->owner_bells_mr);
}

/* ---- Uplink ------------------------------------------------------------------------------------- */

static ssize_t uplink_receive(NetClientState *nc, const uint8_t *frame, size_t length_bytes)
{
    VfvirtPf *pf = qemu_get_nic_opaque(nc);

    if (!pf->fn.gone && length_bytes >= VFVIRT_FRAME_BYTES_MIN &&
        length_bytes <= VFVIRT_FRAME_BYTES_MAX) {
        vfvirt_switch_forward(pf->fabric, VFVIRT_PORT_UPLINK, frame, length_bytes);
    }
    return length_bytes; /* what nobody takes is dropped, as on a wire */
}

static NetClientInfo uplink_info = {
    .type = NET_CLIENT_DRIVER_NIC,
    .size = sizeof(NICState),
    .receive = uplink_receive,
};

static void uplink_init(VfvirtPf *pf)
{
    DeviceState *dev = DEVICE(pf);

    pf->nic = qemu_new_nic(&uplink_info, &pf->nic_conf, object_get_typename(OBJECT(pf)), dev->id,
                           &dev->mem_reentrancy_guard, pf);
    qemu_format_nic_info_str(qemu_get_queue(pf->nic), pf->nic_conf.macaddr.a);
}

/* ---- SR-IOV ----------------------------------------------------------------------------------------- */

/* The VFs' BARs of the capability are those that a VF registered. */
static void sriov_init_bars(PCIDevice *dev)
{
    PCIDevice *vf = dev->exp.sriov_pf.vf[0];

    for (int i = 0; i < PCI_ROM_SLOT; i++) {
        if (vf->io_regions[i].size) {
            pcie_sriov_pf_init_vf_bar(dev, i, vf->io_regions[i].type, vf->io_regions[i].size);
        }
    }
}

static bool sriov_init(VfvirtPf *pf, Error **errp)
{
    PCIDevice *dev = PCI_DEVICE(pf);
    uint32_t flags = pf->fn.proxy.flags;
    uint16_t offset = PCI_CONFIG_SPACE_SIZE;

    /* virtio-pci puts these two first, when its properties ask for them. */
    offset += flags & VIRTIO_PCI_FLAG_AER ? PCI_ERR_SIZEOF : 0;
    offset += flags & VIRTIO_PCI_FLAG_ATS ? PCI_EXT_CAP_ATS_SIZEOF : 0;
    pcie_ari_init(dev, offset);
    if (!pf->total_vfs) {
        return true;
    }
    if (!pcie_sriov_pf_init(dev, offset + PCI_ARI_SIZEOF, TYPE_VFVIRT_VF,
                            pf->vf_device_id, pf->total_vfs, pf->total_vfs, VF_OFFSET, VF_STRIDE, errp)) {
        return false;
    }
    sriov_init_bars(dev);
    pf->vfs_made = true;
    return true;
}

/* VF MSE is one switch for the memory of all VFs. */
static void sriov_update_memory(VfvirtPf *pf)
{
    PCIDevice *dev = PCI_DEVICE(pf);
    uint16_t control = pci_get_word(dev->config + dev->exp.sriov_cap + PCI_SRIOV_CTRL);

    for (uint16_t i = 1; i <= vfvirt_pf_num_vfs(pf); i++) {
        vfvirt_vf_set_memory_enabled(PCI_DEVICE(vfvirt_pf_port(pf, i)),
                                     control & PCI_SRIOV_CTRL_MSE);
    }
}

static void pf_config_write(PCIDevice *dev, uint32_t address, uint32_t value, int length_bytes)
{
    VfvirtPf *pf = VFVIRT_PF(dev);
    uint16_t vfs_before = vfvirt_pf_num_vfs(pf);

    /* One new memory map for all VFs, not one after each of them. */
    memory_region_transaction_begin();
    vfvirt_function_config_write(dev, address, value, length_bytes);
    if (pf->vfs_made && ranges_overlap(address, length_bytes, dev->exp.sriov_cap + PCI_SRIOV_CTRL,
                                       2)) {
        sriov_update_memory(pf);
    }
    memory_region_transaction_commit();
    if (vfs_before && !vfvirt_pf_num_vfs(pf)) {
        vfvirt_admin_vfs_disabled(pf->admin);
    }
}

/* ---- Life --------------------------------------------------------------------------------------------- */

static void pf_set_up_net(VfvirtPf *pf)
{
    VfvirtNet *net = &pf->fn.net;

    net->pf = pf;
    net->member_id = 0;
    net->queue_pairs = pf->queue_pairs;
    net->queue_size = pf->queue_size;
    qemu_macaddr_default_if_unset(&pf->nic_conf.macaddr);
    vfvirt_pf_member_mac(pf, 0, net->permanent_mac);
    pf->ring_features = VIRTIO_DEVICE(net)->host_features;
}

/* Everything that the user can get wrong was refused before (properties.c). */
static void pf_realize(VirtIOPCIProxy *proxy, Error **errp)
{
    VfvirtPf *pf = VFVIRT_PF(proxy);

    pf_set_up_net(pf);
    pf->admin = vfvirt_admin_new(pf);
    memory_region_transaction_begin();
    if (vfvirt_function_realize(&pf->fn, errp)) {
        proxy->pci_dev.config_write = pf_config_write;
        owner_bells_init(pf);
        uplink_init(pf);
        if (sriov_init(pf, errp)) {
            vfvirt_hotplug_prepare_slot(pf);
        }
    }
    memory_region_transaction_commit();
}

static PCIUnregisterFunc *pf_parent_exit;
static ResettablePhases pf_parent_phases;

static void pf_exit(PCIDevice *dev)
{
    VfvirtPf *pf = VFVIRT_PF(dev);

    /* The VFs first: they use the PF's switch, its address and its configuration space. */
    memory_region_transaction_begin();
    pf->vfs_made = false;
    pcie_sriov_pf_exit(dev);
    memory_region_transaction_commit();
    qemu_del_nic(pf->nic);
    pf->nic = NULL;
    vfvirt_function_unrealize(&pf->fn);
    pf_parent_exit(dev);
}

static void pf_reset_hold(Object *obj, ResetType type)
{
    /* The PCI core clears VF Enable after this, for every kind of PCI reset. */
    pf_parent_phases.hold(obj, type);
    vfvirt_function_reset_done(&VFVIRT_PF(obj)->fn);
}

static void pf_instance_init(Object *obj)
{
    VfvirtPf *pf = VFVIRT_PF(obj);

    virtio_instance_init_common(obj, &pf->fn.net, sizeof(pf->fn.net), TYPE_VFVIRT_NET);
    pf->faults = vfvirt_faults_new(pf);
    pf->counters = vfvirt_counters_new();
    pf->fabric = vfvirt_switch_new(pf);
    vfvirt_pf_properties_init(pf);
    vfvirt_faults_add_properties(obj);
    vfvirt_counters_add_properties(obj);
    vfvirt_hotplug_add_properties(obj);
}

/* A bottom half of a VF may hold the card a little longer than its slot does. */
static void pf_instance_finalize(Object *obj)
{
    VfvirtPf *pf = VFVIRT_PF(obj);

    vfvirt_admin_free(pf->admin);
    vfvirt_switch_free(pf->fabric);
    vfvirt_counters_free(pf->counters);
    vfvirt_faults_free(pf->faults);
}

static void pf_class_init(ObjectClass *klass, void *data)
{
    PCIDeviceClass *pci = PCI_DEVICE_CLASS(klass);

    vfvirt_function_class_init(klass);
    vfvirt_pf_properties_class_init(klass);
    DEVICE_CLASS(klass)->desc = "virtio-net card with SR-IOV and administration virtqueues";
    VIRTIO_PCI_CLASS(klass)->realize = pf_realize;
    pf_parent_exit = pci->exit;
    pci->exit = pf_exit;
    resettable_class_set_parent_phases(RESETTABLE_CLASS(klass), NULL, pf_reset_hold, NULL,
                                       &pf_parent_phases);
}

static const TypeInfo pf_info = {
    .name = TYPE_VFVIRT_PF,
    .parent = TYPE_VIRTIO_PCI,
    .instance_size = sizeof(VfvirtPf),
    .instance_init = pf_instance_init,
    .instance_finalize = pf_instance_finalize,
    .class_init = pf_class_init,
    .interfaces = (InterfaceInfo[]){ { INTERFACE_PCIE_DEVICE }, {} },
};

static void pf_register_types(void)
{
    type_register_static(&pf_info);
}

type_init(pf_register_types)
