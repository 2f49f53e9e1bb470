/* SPDX-License-Identifier: GPL-2.0-only */
/* The virtual function: a virtio-net PCI function without BAR0 and without an interrupt pin. */
#include "qemu/osdep.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_sriov.h"
#include "qemu/module.h"
#include "function.h"

/*
 * Bits that SR-IOV wants to read 0 in a VF but that QEMU must have in the VF's configuration
 * space: memory decoding follows VF MSE of the PF, INTx is switched off for good (a VF has no
 * line to raise), and QEMU's INTx code cannot do without a pin number.
 */
#define HIDDEN_COMMAND_BITS (PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE)

static uint32_t hide_bits(uint32_t value, uint32_t address, int length_bytes, uint32_t where,
                          uint32_t bits)
{
    for (int i = 0; i < length_bytes; i++) {
        uint32_t byte = address + i - where;

        if (address + i >= where && byte < 4) {
            value &= ~(((bits >> (8 * byte)) & 0xff) << (8 * i));
        }
    }
    return value;
}

static uint32_t vf_config_read(PCIDevice *dev, uint32_t address, int length_bytes)
{
    VfvirtVf *vf = VFVIRT_VF(dev);
    uint32_t value = vfvirt_function_config_read(dev, address, length_bytes);

    if (vf->fn.gone) {
        return value;
    }
    value = hide_bits(value, address, length_bytes, PCI_COMMAND,
                      HIDDEN_COMMAND_BITS | PCI_STATUS_INTERRUPT << 16);
    return hide_bits(value, address, length_bytes, PCI_INTERRUPT_LINE, 0xffff);
}

void vfvirt_vf_set_memory_enabled(PCIDevice *dev, bool enabled)
{
    uint16_t command = pci_get_word(dev->config + PCI_COMMAND) & ~PCI_COMMAND_MEMORY;

    command |= enabled ? PCI_COMMAND_MEMORY : 0;
    pci_set_word(dev->config + PCI_COMMAND, command);
    /* Maps or unmaps the BARs; the bit itself is read-only here. */
    pci_default_write_config(dev, PCI_COMMAND, command, 2);
}

static void vf_config_init(PCIDevice *dev)
{
    pci_set_word(dev->wmask + PCI_COMMAND,
                 pci_get_word(dev->wmask + PCI_COMMAND) & ~HIDDEN_COMMAND_BITS);
    pci_set_word(dev->config + PCI_COMMAND, PCI_COMMAND_INTX_DISABLE);
    dev->wmask[PCI_INTERRUPT_LINE] = 0;
    dev->config_read = vf_config_read;
    pcie_ari_init(dev, PCI_CONFIG_SPACE_SIZE);
}

static void vf_realize(VirtIOPCIProxy *proxy, Error **errp)
{
    PCIDevice *dev = &proxy->pci_dev;
    VfvirtVf *vf = VFVIRT_VF(proxy);
    VfvirtNet *net = &vf->fn.net;
    VfvirtPf *pf = VFVIRT_PF(pcie_sriov_get_pf(dev));

    net->pf = pf;
    net->member_id = pcie_sriov_vf_number(dev) + 1;
    net->queue_pairs = pf->vf_queue_pairs;
    net->queue_size = pf->queue_size;
    vfvirt_pf_member_mac(pf, net->member_id, net->permanent_mac);
    proxy->nvectors = pf->vf_vectors;
    VIRTIO_DEVICE(net)->host_features = pf->ring_features;
    if (vfvirt_function_realize(&vf->fn, errp)) {
        vf_config_init(dev);
    }
}

static PCIUnregisterFunc *vf_parent_exit;
static ResettablePhases vf_parent_phases;

static void vf_exit(PCIDevice *dev)
{
    VfvirtVf *vf = VFVIRT_VF(dev);

    vfvirt_function_unrealize(&vf->fn);
    vf_parent_exit(dev);
}

static void vf_reset_hold(Object *obj, ResetType type)
{
    VfvirtVf *vf = VFVIRT_VF(obj);
    PCIDevice *dev = PCI_DEVICE(obj);

    vf_parent_phases.hold(obj, type);
    vfvirt_function_reset_done(&vf->fn);
    if (!dev->enabled) {
        /* The next VF Enable may come without VF MSE. */
        pci_word_test_and_clear_mask(dev->config + PCI_COMMAND, PCI_COMMAND_MEMORY);
    }
}

static void vf_instance_init(Object *obj)
{
    object_initialize_child(obj, "virtio-backend", &VFVIRT_VF(obj)->fn.net, TYPE_VFVIRT_NET);
}

static void vf_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *pci = PCI_DEVICE_CLASS(klass);

    vfvirt_function_class_init(klass);
    dc->desc = "virtual function of a vfvirt-net-pf, which makes it";
    dc->user_creatable = false;
    VIRTIO_PCI_CLASS(klass)->realize = vf_realize;
    vf_parent_exit = pci->exit;
    pci->exit = vf_exit;
    resettable_class_set_parent_phases(RESETTABLE_CLASS(klass), NULL, vf_reset_hold, NULL,
                                       &vf_parent_phases);
}

static const TypeInfo vf_info = {
    .name = TYPE_VFVIRT_VF,
    .parent = TYPE_VIRTIO_PCI,
    .instance_size = sizeof(VfvirtVf),
    .instance_init = vf_instance_init,
    .class_init = vf_class_init,
    .interfaces = (InterfaceInfo[]){ { INTERFACE_PCIE_DEVICE }, {} },
};

static void vf_register_types(void)
{
    type_register_static(&vf_info);
}

type_init(vf_register_types)
