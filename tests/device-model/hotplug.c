/* SPDX-License-Identifier: GPL-2.0-only */
/* Surprise removal and return of the whole card, and what the slot above tells its driver. */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/pci/msi.h"
#include "hw/pci/msix.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pcie_port.h"
#include "qemu/timer.h"
#include "vfvirt.h"

#define RETURN_POLL_MS 10

/*
 * Stands in for the slot's hot-plug handler while its card is gone. Nobody has to be asked for
 * the removal of a card that is not there, so device_del takes effect at once.
 */
#define TYPE_VFVIRT_EMPTY_SLOT "vfvirt-empty-slot"
OBJECT_DECLARE_SIMPLE_TYPE(VfvirtEmptySlot, VFVIRT_EMPTY_SLOT)

struct VfvirtEmptySlot {
    Object parent_obj;

    BusState *bus;   /* the slot's bus, whose child this object is */
    Object *handler; /* the bus's own handler, to be put back; not owned: the bus sits on it */
    VfvirtPf *pf;    /* the card that is gone; this object ends before it */
    QEMUTimer *return_timer; /* runs while the card is to come back but cannot yet */
};

static void empty_slot_poll_return(void *opaque);

static void slot_empty(VfvirtPf *pf)
{
    VfvirtEmptySlot *slot = VFVIRT_EMPTY_SLOT(object_new(TYPE_VFVIRT_EMPTY_SLOT));
    BusState *bus = qdev_get_parent_bus(DEVICE(pf));

    slot->bus = bus;
    slot->handler = OBJECT(bus->hotplug_handler);
    slot->pf = pf;
    slot->return_timer = timer_new_ms(QEMU_CLOCK_VIRTUAL, empty_slot_poll_return, slot);
    object_property_add_child(OBJECT(bus), "empty-slot", OBJECT(slot));
    object_unref(OBJECT(slot));
    qbus_set_hotplug_handler(bus, OBJECT(slot));
}

/* The card came back, or is deleted. */
static void slot_fill(VfvirtEmptySlot *slot)
{
    qbus_set_hotplug_handler(slot->bus, slot->handler);
    object_unparent(OBJECT(slot));
}

static void empty_slot_pre_plug(HotplugHandler *handler, DeviceState *dev, Error **errp)
{
    error_setg(errp, "the slot is taken by a card that is gone; set gone=false or delete it first");
}

static void empty_slot_unplug(HotplugHandler *handler, DeviceState *dev, Error **errp)
{
    slot_fill(VFVIRT_EMPTY_SLOT(handler));
    qdev_unrealize(dev);
}

static void empty_slot_finalize(Object *obj)
{
    timer_free(VFVIRT_EMPTY_SLOT(obj)->return_timer);
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
    .instance_finalize = empty_slot_finalize,
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

/*
 * A native hot-plug driver has the slot in hand and has not yet finished switching it off: power
 * first, the power indicator a second later. Would the card come back before both are off, QEMU
 * took the second step for an ejection and deleted it.
 */
static bool port_in_use(PCIDevice *port)
{
    uint8_t *cap = port->config + port->exp.exp_cap;
    uint16_t control = pci_get_word(cap + PCI_EXP_SLTCTL);
    bool off = (control & PCI_EXP_SLTCTL_PCC) &&
               (control & PCI_EXP_SLTCTL_PIC) == PCI_EXP_SLTCTL_PWR_IND_OFF;

    return (pci_get_long(cap + PCI_EXP_SLTCAP) & PCI_EXP_SLTCAP_PCP) &&
           (control & PCI_EXP_SLTCTL_HPIE) && !off;
}

/* ---- The card ------------------------------------------------------------------------------ */

/* Both ways each function is reset: commands are dropped unanswered, VFs are disabled. */
static void functions_set_gone(VfvirtPf *pf, bool gone)
{
    memory_region_transaction_begin();
    for (uint16_t i = 0; i <= pf->total_vfs; i++) {
        vfvirt_function_set_gone(vfvirt_pf_port(pf, i), gone);
    }
    memory_region_transaction_commit();
}

static void card_pull(VfvirtPf *pf)
{
    PCIDevice *port = slot_port(pf);

    functions_set_gone(pf, true);
    if (port) {
        slot_empty(pf);
        port_set_occupied(port, false);
    }
}

static void card_return(VfvirtPf *pf)
{
    PCIDevice *port = slot_port(pf);

    functions_set_gone(pf, false);
    if (port) {
        slot_fill(VFVIRT_EMPTY_SLOT(qdev_get_parent_bus(DEVICE(pf))->hotplug_handler));
        port_set_occupied(port, true);
    }
}

static void empty_slot_poll_return(void *opaque)
{
    VfvirtEmptySlot *slot = opaque;

    if (port_in_use(slot_port(slot->pf))) {
        timer_mod(slot->return_timer, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) + RETURN_POLL_MS);
    } else {
        card_return(slot->pf);
    }
}

void vfvirt_card_set_gone(VfvirtPf *pf, bool gone)
{
    PCIDevice *port = slot_port(pf);

    if (!pf->fn.gone) {
        if (gone) {
            card_pull(pf);
        }
    } else if (!port) {
        if (!gone) {
            card_return(pf);
        }
    } else {
        VfvirtEmptySlot *slot =
            VFVIRT_EMPTY_SLOT(qdev_get_parent_bus(DEVICE(pf))->hotplug_handler);

        timer_del(slot->return_timer);
        if (!gone) {
            empty_slot_poll_return(slot);
        }
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
