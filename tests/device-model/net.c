/* SPDX-License-Identifier: GPL-2.0-only */
/* The virtio network device behind a function: queues, features, configuration, life. */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/module.h"
#include "standard-headers/linux/virtio_ids.h"
#include "function.h"

#define MTU_BYTES 1500
#define SPEED_MBIT_PER_S 25000
/* The configuration ends with the last field that an offered feature has: no RSS, so duplex. */
#define CONFIG_BYTES offsetof(struct virtio_net_config, rss_max_key_size)

/* ---- Queues ----------------------------------------------------------------------------------- */

uint16_t vfvirt_net_queue_count(VfvirtNet *net)
{
    return 2 * net->queue_pairs + 1;
}

static bool is_admin_queue(VfvirtNet *net, unsigned index)
{
    VfvirtPf *pf = net->pf;

    return !net->member_id && index >= pf->admin_queue_index &&
           index < pf->admin_queue_index + pf->admin_queues;
}

static unsigned pairs_negotiated(VfvirtNet *net, uint64_t features)
{
    return virtio_has_feature(features, VIRTIO_NET_F_MQ) ? net->queue_pairs : 1;
}

uint16_t vfvirt_net_queue_size_max(VfvirtNet *net, unsigned index)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(net);

    if (is_admin_queue(net, index)) {
        return virtio_vdev_has_feature(vdev, VFVIRT_F_ADMIN_VQ) ? net->pf->admin_queue_size : 0;
    }
    return index <= 2 * pairs_negotiated(net, vdev->guest_features) ? net->queue_size : 0;
}

void vfvirt_net_restore_queue_size(VfvirtNet *net, unsigned index)
{
    if (index < vfvirt_net_queue_count(net)) {
        virtio_queue_set_num(VIRTIO_DEVICE(net), index, net->queue_size);
    } else if (is_admin_queue(net, index)) {
        virtio_queue_set_num(VIRTIO_DEVICE(net), index, net->pf->admin_queue_size);
    }
}

/* Calls `visit` for every queue that exists. */
static void for_each_queue(VfvirtNet *net, void (*visit)(VfvirtNet *net, unsigned index))
{
    for (unsigned i = 0; i < vfvirt_net_queue_count(net); i++) {
        visit(net, i);
    }
    for (unsigned i = 0; !net->member_id && i < net->pf->admin_queues; i++) {
        visit(net, net->pf->admin_queue_index + i);
    }
}

void vfvirt_net_restore_queue_sizes(VfvirtNet *net)
{
    for_each_queue(net, vfvirt_net_restore_queue_size);
}

static void refresh_ring(VfvirtNet *net, unsigned index)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(net);

    if (virtio_queue_get_desc_addr(vdev, index)) {
        virtio_init_region_cache(vdev, index);
    }
}

void vfvirt_net_refresh_rings(VfvirtNet *net)
{
    for_each_queue(net, refresh_ring);
}

bool vfvirt_net_running(VfvirtNet *net)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(net);

    return DEVICE(net)->realized && !vfvirt_net_function(net)->gone &&
           !virtio_device_disabled(vdev) &&
           ((vdev->status & VIRTIO_CONFIG_S_DRIVER_OK) || net->legacy);
}

void vfvirt_net_fail(VfvirtNet *net, VirtQueue *vq, VirtQueueElement *elem, const char *why)
{
    virtio_error(VIRTIO_DEVICE(net), "vfvirt-net: member %u queue %u: %s", net->member_id,
                 virtio_get_queue_index(vq), why);
    virtqueue_detach_element(vq, elem, 0);
    g_free(elem);
}

static void assign_queues(VfvirtNet *net, uint64_t features)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(net);
    unsigned pairs = pairs_negotiated(net, features);

    for (unsigned i = 0; i < VFVIRT_QUEUE_PAIRS_MAX; i++) {
        net->rx[i] = i < pairs ? virtio_get_queue(vdev, 2 * i) : NULL;
        net->tx[i] = i < pairs ? virtio_get_queue(vdev, 2 * i + 1) : NULL;
    }
    net->ctrl = virtio_get_queue(vdev, 2 * pairs);
}

static void work_later(VfvirtNet *net, uint32_t work)
{
    net->pending |= work;
    qemu_bh_schedule(net->bh);
}

/* A kick only leaves a note: the guest's processor does not wait for the work. */
static void handle_output(VirtIODevice *vdev, VirtQueue *vq)
{
    VfvirtNet *net = VFVIRT_NET(vdev);
    uint16_t index = virtio_get_queue_index(vq);

    vfvirt_count_kick(net->pf->counters, net->member_id, index);
    if (!vfvirt_net_running(net)) {
        return;
    }
    if (vq == net->ctrl) {
        work_later(net, VFVIRT_PENDING_CTRL);
    } else if (index % 2 && vq == net->tx[index / 2]) {
        work_later(net, 1u << (index / 2));
    }
}

static void handle_admin_output(VirtIODevice *vdev, VirtQueue *vq)
{
    VfvirtNet *net = VFVIRT_NET(vdev);

    vfvirt_count_kick(net->pf->counters, net->member_id, virtio_get_queue_index(vq));
    if (vfvirt_net_running(net)) {
        vfvirt_admin_handle_output(vdev, vq);
    }
}

static void run_pending(void *opaque)
{
    VfvirtNet *net = opaque;
    Object *function = OBJECT(vfvirt_net_function(net));
    Object *card = OBJECT(net->pf);
    uint32_t work = net->pending;

    /* A ring may lie on a register that unplugs the card; its memory must outlive the loop. */
    object_ref(function);
    object_ref(card);
    net->pending = 0;
    if ((work & VFVIRT_PENDING_CTRL) && vfvirt_net_control(net)) {
        net->pending |= VFVIRT_PENDING_CTRL;
    }
    for (unsigned i = 0; i < VFVIRT_QUEUE_PAIRS_MAX; i++) {
        if ((work & (1u << i)) && vfvirt_net_transmit(net, i)) {
            net->pending |= 1u << i;
        }
    }
    if (net->pending && net->bh) {
        qemu_bh_schedule(net->bh);
    }
    object_unref(card);
    object_unref(function);
}

void vfvirt_net_notify(VfvirtNet *net, uint16_t index)
{
    if (index < VIRTIO_QUEUE_MAX) {
        virtio_queue_notify(VIRTIO_DEVICE(net), index);
    }
}

/* ---- Interrupts --------------------------------------------------------------------------------- */

void vfvirt_net_interrupt(VfvirtNet *net, VirtQueue *vq)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(net);
    uint16_t index = virtio_get_queue_index(vq);
    uint8_t isr = qatomic_fetch_and(&vdev->isr, (uint8_t)~1);

    /* virtio_notify() does not say whether the driver wanted the interrupt; the ISR bit does. */
    virtio_notify(vdev, vq);
    if ((qatomic_read(&vdev->isr) & 1) &&
        !(vfvirt_function_msix_on(vfvirt_net_function(net)) &&
          virtio_queue_vector(vdev, index) == VIRTIO_NO_VECTOR)) {
        vfvirt_count_interrupt(net->pf->counters, net->member_id, index);
    }
    qatomic_or(&vdev->isr, (uint8_t)(isr & 1));
}

void vfvirt_net_needs_reset(VfvirtNet *net)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(net);

    vdev->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
    if (vdev->status & VIRTIO_CONFIG_S_DRIVER_OK) {
        virtio_notify_config(vdev);
        vfvirt_count_interrupt(net->pf->counters, net->member_id, VFVIRT_QUEUE_CONFIG);
    }
}

/* ---- Features ------------------------------------------------------------------------------------- */

size_t vfvirt_net_header_bytes(VfvirtNet *net)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(net);

    return virtio_vdev_has_feature(vdev, VIRTIO_F_VERSION_1) ||
                   virtio_vdev_has_feature(vdev, VIRTIO_NET_F_MRG_RXBUF)
               ? sizeof(struct virtio_net_hdr_mrg_rxbuf)
               : sizeof(struct virtio_net_hdr);
}

uint64_t vfvirt_net_features(VfvirtNet *net)
{
    uint64_t features = BIT_ULL(VIRTIO_NET_F_MAC) | BIT_ULL(VIRTIO_NET_F_STATUS) |
                        BIT_ULL(VIRTIO_NET_F_MTU) | BIT_ULL(VIRTIO_NET_F_CTRL_VQ) |
                        BIT_ULL(VIRTIO_NET_F_CTRL_RX) | BIT_ULL(VIRTIO_NET_F_CTRL_MAC_ADDR) |
                        BIT_ULL(VIRTIO_NET_F_MRG_RXBUF) | BIT_ULL(VIRTIO_NET_F_SPEED_DUPLEX);

    if (net->queue_pairs > 1) {
        features |= BIT_ULL(VIRTIO_NET_F_MQ);
    }
    if (!net->member_id && net->pf->total_vfs) {
        features |= BIT_ULL(VFVIRT_F_SR_IOV);
    }
    if (!net->member_id && net->pf->admin_vq) {
        features |= BIT_ULL(VFVIRT_F_ADMIN_VQ);
    }
    return features;
}

static uint64_t net_get_features(VirtIODevice *vdev, uint64_t features, Error **errp)
{
    return features | vfvirt_net_features(VFVIRT_NET(vdev));
}

static void drop_ring(VfvirtNet *net, unsigned index)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(net);

    if (virtio_queue_get_desc_addr(vdev, index)) {
        virtio_queue_reset(vdev, index);
        vfvirt_net_restore_queue_size(net, index);
    }
}

static void net_set_features(VirtIODevice *vdev, uint64_t features)
{
    VfvirtNet *net = VFVIRT_NET(vdev);

    /* QEMU's core would take a ring of one format for one of the other and trip over it. */
    if ((features ^ vdev->guest_features) & BIT_ULL(VIRTIO_F_RING_PACKED)) {
        for_each_queue(net, drop_ring);
    }
    assign_queues(net, features);
}

/* S-02: a bit that was not offered, or one without what it needs, keeps FEATURES_OK clear. */
static int net_validate_features(VirtIODevice *vdev)
{
    VirtIOPCIProxy *proxy = &vfvirt_net_function(VFVIRT_NET(vdev))->proxy;
    uint64_t wanted = proxy->guest_features[0] | (uint64_t)proxy->guest_features[1] << 32;
    uint64_t offered = vdev->host_features & ~VIRTIO_DEVICE_GET_CLASS(vdev)->legacy_features;
    const uint64_t need_control_queue = BIT_ULL(VIRTIO_NET_F_CTRL_RX) |
                                        BIT_ULL(VIRTIO_NET_F_CTRL_MAC_ADDR) |
                                        BIT_ULL(VIRTIO_NET_F_MQ);

    if ((wanted & ~offered) ||
        ((wanted & need_control_queue) && !virtio_has_feature(wanted, VIRTIO_NET_F_CTRL_VQ))) {
        return -EINVAL;
    }
    return 0;
}

/* ---- Configuration ---------------------------------------------------------------------------------- */

static void net_get_config(VirtIODevice *vdev, uint8_t *config)
{
    memcpy(config, &VFVIRT_NET(vdev)->config, CONFIG_BYTES);
}

/*
 * Only a legacy driver may write, and only the MAC address; not even that once it has a command to set
 * it with.
 */
static void net_set_config(VirtIODevice *vdev, const uint8_t *config)
{
    VfvirtNet *net = VFVIRT_NET(vdev);

    if (!virtio_vdev_has_feature(vdev, VIRTIO_F_VERSION_1) &&
        !virtio_vdev_has_feature(vdev, VIRTIO_NET_F_CTRL_MAC_ADDR)) {
        memcpy(net->config.mac, config, ETH_ALEN);
    }
    net_get_config(vdev, vdev->config);
}

static void config_init(VfvirtNet *net)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(net);

    memcpy(net->config.mac, net->permanent_mac, ETH_ALEN);
    stw_le_p(&net->config.status, VIRTIO_NET_S_LINK_UP);
    stw_le_p(&net->config.max_virtqueue_pairs, net->queue_pairs);
    stw_le_p(&net->config.mtu, MTU_BYTES);
    stl_le_p(&net->config.speed, SPEED_MBIT_PER_S);
    net->config.duplex = 1;
    /* The core's copy takes byte-wide writes, so it must be true before the first one. */
    net_get_config(vdev, vdev->config);
}

/* ---- Life --------------------------------------------------------------------------------------------- */

static void forget_admin_commands(VfvirtNet *net)
{
    for (unsigned i = 0; !net->member_id && i < net->pf->admin_queues; i++) {
        vfvirt_admin_queue_reset(net->pf->admin, net->pf->admin_queue_index + i);
    }
}

static void net_set_status(VirtIODevice *vdev, uint8_t status)
{
    VfvirtNet *net = VFVIRT_NET(vdev);
    bool was_ok = vdev->status & VIRTIO_CONFIG_S_DRIVER_OK;
    bool is_ok = status & VIRTIO_CONFIG_S_DRIVER_OK;

    if (was_ok && !is_ok) {
        /* Also when bus mastering is switched off: nothing may be written any more. */
        forget_admin_commands(net);
    } else if (!was_ok && is_ok) {
        work_later(net, VFVIRT_PENDING_CTRL | ((1u << VFVIRT_QUEUE_PAIRS_MAX) - 1));
    }
}

static void net_reset(VirtIODevice *vdev)
{
    VfvirtNet *net = VFVIRT_NET(vdev);

    net->pending = 0;
    net->queue_pairs_in_use = 1;
    vfvirt_filter_reset(&net->filter);
    config_init(net);
    if (!net->member_id) {
        vfvirt_admin_device_reset(net->pf->admin);
    }
}

static void net_queue_reset(VirtIODevice *vdev, uint32_t index)
{
    VfvirtNet *net = VFVIRT_NET(vdev);

    if (is_admin_queue(net, index)) {
        vfvirt_admin_queue_reset(net->pf->admin, index);
    }
}

/* The core fills the lowest free index: the gap before the administration queues is made so. */
static void add_admin_queues(VfvirtNet *net)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(net);
    unsigned gap = vfvirt_net_queue_count(net);

    for (unsigned i = gap; i < net->pf->admin_queue_index; i++) {
        virtio_add_queue(vdev, net->queue_size, NULL);
    }
    for (unsigned i = 0; i < net->pf->admin_queues; i++) {
        virtio_add_queue(vdev, net->pf->admin_queue_size, handle_admin_output);
    }
    for (unsigned i = gap; i < net->pf->admin_queue_index; i++) {
        virtio_del_queue(vdev, i);
    }
}

static void net_realize(DeviceState *dev, Error **errp)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(dev);
    VfvirtNet *net = VFVIRT_NET(dev);

    virtio_init(vdev, VIRTIO_ID_NET, CONFIG_BYTES);
    for (unsigned i = 0; i < vfvirt_net_queue_count(net); i++) {
        virtio_add_queue(vdev, net->queue_size, handle_output);
    }
    if (!net->member_id && net->pf->admin_queues) {
        add_admin_queues(net);
    }
    assign_queues(net, 0);
    net->bh = virtio_bh_new_guarded(dev, run_pending, net);
    net->queue_pairs_in_use = 1;
    vfvirt_filter_reset(&net->filter);
    config_init(net);
}

static void delete_queue(VfvirtNet *net, unsigned index)
{
    virtio_del_queue(VIRTIO_DEVICE(net), index);
}

static void net_unrealize(DeviceState *dev)
{
    VfvirtNet *net = VFVIRT_NET(dev);

    vfvirt_function_stop_listening(vfvirt_net_function(net));
    if (!net->member_id) {
        vfvirt_admin_device_reset(net->pf->admin);
    }
    qemu_bh_delete(net->bh);
    net->bh = NULL;
    net->pending = 0;
    for_each_queue(net, delete_queue);
    virtio_cleanup(VIRTIO_DEVICE(net));
}

static const VMStateDescription net_vmstate = {
    .name = "vfvirt-net",
    .unmigratable = 1,
};

static void net_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    VirtioDeviceClass *vdc = VIRTIO_DEVICE_CLASS(klass);

    dc->user_creatable = false;
    dc->vmsd = &net_vmstate;
    set_bit(DEVICE_CATEGORY_NETWORK, dc->categories);
    vdc->realize = net_realize;
    vdc->unrealize = net_unrealize;
    vdc->get_features = net_get_features;
    vdc->set_features = net_set_features;
    vdc->validate_features = net_validate_features;
    vdc->get_config = net_get_config;
    vdc->set_config = net_set_config;
    vdc->set_status = net_set_status;
    vdc->reset = net_reset;
    vdc->queue_reset = net_queue_reset;
}

static const TypeInfo net_info = {
    .name = TYPE_VFVIRT_NET,
    .parent = TYPE_VIRTIO_DEVICE,
    .instance_size = sizeof(VfvirtNet),
    .class_init = net_class_init,
};

static void net_register_types(void)
{
    type_register_static(&net_info);
}

type_init(net_register_types)
