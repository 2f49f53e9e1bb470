/* SPDX-License-Identifier: GPL-2.0-only */
/* The properties of the PF: their defaults, and the refusal of what cannot work, by name. */
#include "qemu/osdep.h"
#include "hw/pci/pci_bus.h"
#include "hw/qdev-properties.h"
#include "net/eth.h"
#include "qapi/error.h"
#include "qapi/util.h"
#include "function.h"

#define VECTORS_MAX 2048
#define QUEUE_SIZE_MIN 16
#define ADMIN_QUEUE_SIZE_MIN 2
/* The default of a number whose being given at all can be wrong, until set_defaults(). */
#define NOT_GIVEN DEV_NVECTORS_UNSPECIFIED
/* The last index stays free; it stands for every queue that does not exist. */
#define QUEUE_INDEX_END (VIRTIO_QUEUE_MAX - 1)

/* ---- Checks --------------------------------------------------------------------------------- */

static bool in_range(const char *name, uint32_t value, uint32_t min, uint32_t max, Error **errp)
{
    if (value < min || value > max) {
        error_setg(errp, "vfvirt-net-pf: %s=%u: must be %u..%u", name, value, min, max);
        return false;
    }
    return true;
}

static bool power_of_2_in_range(const char *name, uint32_t value, uint32_t min, uint32_t max,
                                Error **errp)
{
    if (!is_power_of_2(value)) {
        error_setg(errp, "vfvirt-net-pf: %s=%u: must be a power of two", name, value);
        return false;
    }
    return in_range(name, value, min, max, errp);
}

static bool check_sizes(VfvirtPf *pf, Error **errp)
{
    return in_range("total-vfs", pf->total_vfs, 0, VFVIRT_VFS_MAX, errp) &&
           in_range("queue-pairs", pf->queue_pairs, 1, VFVIRT_QUEUE_PAIRS_MAX, errp) &&
           in_range("vf-queue-pairs", pf->vf_queue_pairs, 1, VFVIRT_QUEUE_PAIRS_MAX, errp) &&
           in_range("admin-queues", pf->admin_queues, 0, VFVIRT_ADMIN_QUEUES_MAX, errp) &&
           power_of_2_in_range("queue-size", pf->queue_size, QUEUE_SIZE_MIN, VIRTQUEUE_MAX_SIZE,
                               errp) &&
           power_of_2_in_range("admin-queue-size", pf->admin_queue_size, ADMIN_QUEUE_SIZE_MIN,
                               VIRTQUEUE_MAX_SIZE, errp);
}

static bool check_admin_index(VfvirtPf *pf, Error **errp)
{
    uint32_t num_queues = 2 * pf->queue_pairs + 1;

    /* S-05, within the queues that QEMU has. */
    return in_range("admin-queue-index", pf->admin_queue_index, num_queues,
                    QUEUE_INDEX_END - pf->admin_queues, errp);
}

static bool check_vectors(VfvirtPf *pf, Error **errp)
{
    return in_range("vectors", pf->vectors, 1, VECTORS_MAX, errp) &&
           in_range("vf-vectors", pf->vf_vectors, 1, VECTORS_MAX, errp);
}

/* What was given must have an effect; before set_defaults(). */
static bool check_combinations(VfvirtPf *pf, Error **errp)
{
    bool notify_info = pf->notify_info != VFVIRT_NOTIFY_NOT_GIVEN &&
                       pf->notify_info != VFVIRT_NOTIFY_NONE;
    const struct {
        const char *name;
        bool given;
        bool without_effect;
        const char *with;
    } rules[] = {
        { "vectors", pf->vectors != NOT_GIVEN, pf->intx_only, "intx-only=on" },
        { "admin-queues", pf->admin_queues != NOT_GIVEN, !pf->admin_vq, "admin-vq=off" },
        { "admin-queue-size", pf->admin_queue_size != NOT_GIVEN, !pf->admin_vq, "admin-vq=off" },
        { "admin-queue-index", pf->admin_queue_index != NOT_GIVEN, !pf->admin_vq, "admin-vq=off" },
        { "admin-queue-size", pf->admin_queue_size != NOT_GIVEN, !pf->admin_queues,
          "admin-queues=0" },
        { "admin-queue-index", pf->admin_queue_index != NOT_GIVEN, !pf->admin_queues,
          "admin-queues=0" },
        { "vf-vectors", pf->vf_vectors != NOT_GIVEN, !pf->total_vfs, "total-vfs=0" },
        { "vf-queue-pairs", pf->vf_queue_pairs != NOT_GIVEN, !pf->total_vfs, "total-vfs=0" },
        { "notify-info", notify_info, !pf->vf_legacy, "vf-legacy=off" },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(rules); i++) {
        if (rules[i].given && rules[i].without_effect) {
            error_setg(errp, "vfvirt-net-pf: %s: has no effect with %s, leave one of them out",
                       rules[i].name, rules[i].with);
            return false;
        }
    }
    return true;
}

static bool check_mac(VfvirtPf *pf, Error **errp)
{
    const uint8_t *mac = pf->nic_conf.macaddr.a;
    const uint8_t *last = (const uint8_t[ETH_ALEN]){ mac[0], 0xff, 0xff, 0xff, 0xff, 0 };

    if (is_multicast_ether_addr(mac)) {
        error_setg(errp, "vfvirt-net-pf: mac: must not be a multicast address");
        return false;
    }
    if (!memcmp(mac, last, ETH_ALEN - 1) && mac[5] + pf->total_vfs > 0xff) {
        error_setg(errp, "vfvirt-net-pf: mac: leaves no room for the addresses of %u VFs",
                   pf->total_vfs);
        return false;
    }
    return true;
}

static bool check_slot(VfvirtPf *pf, Error **errp)
{
    PCIDevice *dev = PCI_DEVICE(pf);
    PCIBus *bus = pci_get_bus(dev);

    if (!pci_bus_is_express(bus) || pci_bus_is_root(bus)) {
        error_setg(errp, "vfvirt-net-pf: bus: must be that of a PCI Express root or downstream "
                         "port (add -device pcie-root-port,id=rp0 and bus=rp0)");
        return false;
    }
    if (dev->devfn > 0) {
        error_setg(errp, "vfvirt-net-pf: addr: must be 0, the VFs take the functions behind it");
        return false;
    }
    return true;
}

static bool check_transport(VfvirtPf *pf, Error **errp)
{
    uint32_t flags = pf->fn.proxy.flags;

    if (flags & VIRTIO_PCI_FLAG_MODERN_PIO_NOTIFY) {
        error_setg(errp, "vfvirt-net-pf: modern-pio-notify: BAR 2 holds the owner doorbells");
        return false;
    }
    if (flags & VIRTIO_PCI_FLAG_DISABLE_PCIE) {
        error_setg(errp, "vfvirt-net-pf: x-disable-pcie: SR-IOV needs PCI Express");
        return false;
    }
    if (!(flags & VIRTIO_PCI_FLAG_INIT_FLR)) {
        error_setg(errp, "vfvirt-net-pf: x-pcie-flr-init: cannot be off, the card has FLR");
        return false;
    }
    if (!virtio_has_feature(VIRTIO_DEVICE(&pf->fn.net)->host_features, VIRTIO_F_ANY_LAYOUT)) {
        error_setg(errp, "vfvirt-net-pf: any_layout: cannot be off, a legacy driver of a VF must "
                         "find it"); /* S-81 */
        return false;
    }
    return true;
}

static void default_to(uint32_t *property, uint32_t value)
{
    if (*property == NOT_GIVEN) {
        *property = value;
    }
}

static void set_defaults(VfvirtPf *pf)
{
    default_to(&pf->vf_queue_pairs, 1);
    default_to(&pf->admin_queues, pf->admin_vq ? 1 : 0);
    default_to(&pf->admin_queue_size, 64);
    default_to(&pf->admin_queue_index, 64);
    default_to(&pf->vectors, 2 * pf->queue_pairs + pf->admin_queues + 2);
    default_to(&pf->vf_vectors, 2 * pf->vf_queue_pairs + 2);
    if (pf->notify_info == VFVIRT_NOTIFY_NOT_GIVEN) {
        pf->notify_info = VFVIRT_NOTIFY_MEMBER_OWNER;
    }
    pf->fn.proxy.nvectors = pf->intx_only ? 0 : pf->vectors;
}

static DeviceRealize parent_realize;

/* Before anything exists that would have to be undone. */
static void check_and_realize(DeviceState *dev, Error **errp)
{
    VfvirtPf *pf = VFVIRT_PF(dev);

    if (!check_combinations(pf, errp)) {
        return;
    }
    set_defaults(pf);
    if (check_sizes(pf, errp) && check_admin_index(pf, errp) && check_vectors(pf, errp) &&
        check_mac(pf, errp) && check_slot(pf, errp) && check_transport(pf, errp)) {
        parent_realize(dev, errp);
    }
}

/* ---- Properties --------------------------------------------------------------------------------- */

static const QEnumLookup notify_info_lookup = {
    .array = (const char *const[]){ "none", "member", "owner", "member-owner" },
    .size = VFVIRT_NOTIFY_MEMBER_OWNER + 1,
};

static const QEnumLookup group_rules_lookup = {
    .array = (const char *const[]){ "lenient", "strict", "strict-member" },
    .size = VFVIRT_GROUP_STRICT_MEMBER + 1,
};

static bool refuse_when_realized(Object *obj, const char *name, Error **errp)
{
    if (DEVICE(obj)->realized) {
        error_setg(errp, "vfvirt-net-pf: %s: cannot be changed while the device exists", name);
        return true;
    }
    return false;
}

static int notify_info_get(Object *obj, Error **errp)
{
    return VFVIRT_PF(obj)->notify_info;
}

static void notify_info_set(Object *obj, int value, Error **errp)
{
    if (!refuse_when_realized(obj, "notify-info", errp)) {
        VFVIRT_PF(obj)->notify_info = value;
    }
}

static int group_rules_get(Object *obj, Error **errp)
{
    return VFVIRT_PF(obj)->group_rules;
}

static void group_rules_set(Object *obj, int value, Error **errp)
{
    if (!refuse_when_realized(obj, "group-rules", errp)) {
        VFVIRT_PF(obj)->group_rules = value;
    }
}

static const Property pf_properties[] = {
    DEFINE_NIC_PROPERTIES(VfvirtPf, nic_conf),
    DEFINE_PROP_UINT16("total-vfs", VfvirtPf, total_vfs, 16),
    DEFINE_PROP_UINT16("queue-pairs", VfvirtPf, queue_pairs, 2),
    DEFINE_PROP_UINT32("vf-queue-pairs", VfvirtPf, vf_queue_pairs, NOT_GIVEN),
    DEFINE_PROP_UINT16("queue-size", VfvirtPf, queue_size, 256),
    DEFINE_PROP_UINT32("vectors", VfvirtPf, vectors, NOT_GIVEN),
    DEFINE_PROP_UINT32("vf-vectors", VfvirtPf, vf_vectors, NOT_GIVEN),
    DEFINE_PROP_BOOL("intx-only", VfvirtPf, intx_only, false),
    DEFINE_PROP_BOOL("admin-vq", VfvirtPf, admin_vq, true),
    DEFINE_PROP_UINT32("admin-queues", VfvirtPf, admin_queues, NOT_GIVEN),
    DEFINE_PROP_UINT32("admin-queue-size", VfvirtPf, admin_queue_size, NOT_GIVEN),
    DEFINE_PROP_UINT32("admin-queue-index", VfvirtPf, admin_queue_index, NOT_GIVEN),
    DEFINE_PROP_BOOL("vf-legacy", VfvirtPf, vf_legacy, true),
    DEFINE_PROP_UINT16("vf-device-id", VfvirtPf, vf_device_id,
                       PCI_DEVICE_ID_VIRTIO_10_BASE + VIRTIO_ID_NET),
};

void vfvirt_pf_properties_init(VfvirtPf *pf)
{
    pf->notify_info = VFVIRT_NOTIFY_NOT_GIVEN;
    object_property_set_bool(OBJECT(pf), "iommu_platform", true, &error_abort);
}

void vfvirt_pf_properties_class_init(ObjectClass *klass)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    device_class_set_props(dc, pf_properties);
    object_class_property_add_enum(klass, "notify-info", "VfvirtNotifyInfo", &notify_info_lookup,
                                   notify_info_get, notify_info_set);
    object_class_property_add_enum(klass, "group-rules", "VfvirtGroupRules", &group_rules_lookup,
                                   group_rules_get, group_rules_set);
    device_class_set_parent_realize(dc, check_and_realize, &parent_realize);
}
