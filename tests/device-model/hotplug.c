/* SPDX-License-Identifier: GPL-2.0-only */
/* Surprise removal and return of the whole card, and what the slot above tells its driver. */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/pci/msi.h"
#include "hw/pci/msix.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pcie_port.h"
#include "vfvirt.h"

/*
 * The slot's hot-plug handler while its card is gone: nobody has to be asked for the removal of
 * a card that is not there, so device_del takes effect at once.
 */
#define TYPE_VFVIRT_EMPTY_SLOT "vfvirt-empty-slot"
OBJECT_DECLARE_SIMPLE_TYPE(VfvirtEmptySlot, VFVIRT_EMPTY_SLOT)

struct VfvirtEmptySlot {
    Object parent_obj;

    BusState *bus;   /* the slot's bus, whose child this object is */
    Object *handler; /* the bus's own handler, to be put back; not owned: the bus sits on it */
};

static void empty_slot_pre_plug(HotplugHandler *handler, DeviceState *dev, Error **errp)
{
    error_setg(errp, "the slot is taken by a card that is gone; set gone=false or delete it first");
}

static void slot_set_handler(BusState *bus, bool gone)
{
    VfvirtEmptySlot *empty;

    if (gone) {
        empty = VFVIRT_EMPTY_SLOT(object_new(TYPE_VFVIRT_EMPTY_SLOT));
        empty->bus = bus;
        empty->handler = OBJECT(bus->hotplug_handler);
        object_property_add_child(OBJECT(bus), "empty-slot", OBJECT(empty));
        object_unref(OBJECT(empty));
        qbus_set_hotplug_handler(bus, OBJECT(empty));
    } else {
        empty = VFVIRT_EMPTY_SLOT(bus->hotplug_handler);
        qbus_set_hotplug_handler(bus, empty->handler);
        object_unparent(OBJECT(empty));
    }
}

static void empty_slot_unplug(HotplugHandler *handler, DeviceState *dev, Error **errp)
{
    slot_set_handler(VFVIRT_EMPTY_SLOT(handler)->bus, false);
    qdev_unrealize(dev);
}

static void empty_slot_class_init(ObjectClass *class, void *data)
{
    HotplugHandlerClass *handler = HOTPLUG_HANDLER_CLASS(class);

    handler->pre_plug = empty_slot_pre_plug;
    handler->unplug = empty_slot_unplug;
}

static const TypeInfo empty_slot_info = {
    .name = TYPE_VFVIRT_EMPTY_SLOT,
    .parent = TYPE_OBJECT,
    .instance_size = sizeof(VfvirtEmptySlot),
    .class_init = empty_slot_class_init,
    .interfaces = (InterfaceInfo[]) {
        { TYPE_HOTPLUG_HANDLER },
        { }
    },
};

static void hotplug_register_types(void)
{
    type_register_static(&empty_slot_info);
}

type_init(hotplug_register_types)

/* ---- The port above ------------------------------------------------------------------------ */

/* The port whose slot the card sits in, or NULL when it sits in none. */
static PCIDevice *slot_port(VfvirtPf *pf)
{
    PCIDevice *port = pci_get_bus(PCI_DEVICE(pf))->parent_dev;

    return port && object_dynamic_cast(OBJECT(port), TYPE_PCIE_SLOT) ? port : NULL;
}

void vfvirt_hotplug_prepare_slot(VfvirtPf *pf)
{
    PCIDevice *port = slot_port(pf);
    uint32_t cap;

    if (port) {
        cap = port->exp.exp_cap;
        pci_word_test_and_set_mask(port->wmask + cap + PCI_EXP_SLTCTL, PCI_EXP_SLTCTL_DLLSCE);
        pci_word_test_and_set_mask(port->w1cmask + cap + PCI_EXP_SLTSTA, PCI_EXP_SLTSTA_DLLSC);
    }
}

static void port_interrupt(PCIDevice *port)
{
    if (msix_enabled(port)) {
        msix_notify(port, pcie_cap_flags_get_vector(port));
    } else if (msi_enabled(port)) {
        msi_notify(port, pcie_cap_flags_get_vector(port));
    } else {
        pci_irq_assert(port);
    }
}

/* Presence and link state of the slot change together; its driver hears of both (PCIe 6.7.3). */
static void port_set_occupied(PCIDevice *port, bool occupied)
{
    uint8_t *cap = port->config + port->exp.exp_cap;
    uint16_t events = PCI_EXP_SLTSTA_PDC;
    uint16_t control = pci_get_word(cap + PCI_EXP_SLTCTL);
    uint16_t link = 0;

    if (pci_get_long(cap + PCI_EXP_LNKCAP) & PCI_EXP_LNKCAP_DLLLARC) {
        events |= PCI_EXP_SLTSTA_DLLSC;
        link = PCI_EXP_LNKSTA_DLLLA;
    }
    if (occupied) {
        pci_word_test_and_set_mask(cap + PCI_EXP_SLTSTA, PCI_EXP_SLTSTA_PDS);
        pci_word_test_and_set_mask(cap + PCI_EXP_LNKSTA, link);
    } else {
        pci_word_test_and_clear_mask(cap + PCI_EXP_SLTSTA, PCI_EXP_SLTSTA_PDS);
        pci_word_test_and_clear_mask(cap + PCI_EXP_LNKSTA, link);
    }
    pci_word_test_and_set_mask(cap + PCI_EXP_SLTSTA, events);

    /* Event bits and their enables have the same positions in the two registers. */
    if ((control & PCI_EXP_SLTCTL_HPIE) && (control & events)) {
        port_interrupt(port);
    }
}

/* ---- The card ------------------------------------------------------------------------------ */

void vfvirt_card_set_gone(VfvirtPf *pf, bool gone)
{
    PCIDevice *port = slot_port(pf);

    if (pf->fn.gone == gone) {
        return;
    }
    /* Both ways each function is reset: commands are dropped unanswered, VFs are disabled. */
    memory_region_transaction_begin();
    for (uint16_t i = 0; i <= pf->total_vfs; i++) {
        vfvirt_function_set_gone(vfvirt_pf_port(pf, i), gone);
    }
    memory_region_transaction_commit();
    if (port) {
        slot_set_handler(qdev_get_parent_bus(DEVICE(pf)), gone);
        port_set_occupied(port, !gone);
    }
}

static bool gone_get(Object *obj, Error **errp)
{
    return VFVIRT_PF(obj)->fn.gone;
}

static void gone_set(Object *obj, bool value, Error **errp)
{
    if (!qdev_is_realized(DEVICE(obj))) {
        error_setg(errp, "gone: only a card that was made can be pulled");
        return;
    }
    vfvirt_card_set_gone(VFVIRT_PF(obj), value);
}

void vfvirt_hotplug_add_properties(Object *pf)
{
    object_property_add_bool(pf, "gone", gone_get, gone_set);
}
