/* SPDX-License-Identifier: GPL-2.0-only */
/* The control queue of a network device, and the receive filter that it sets. */
#include "qemu/osdep.h"
#include "qemu/iov.h"
#include "function.h"

#define COMMANDS_A_RUN_MAX 64

/* A command being read, piece after piece; the driver may split it over buffers as it likes. */
typedef struct Command {
    const VirtQueueElement *elem;
    size_t done_bytes;
} Command;

static bool command_read(Command *command, void *data, size_t length_bytes)
{
    size_t got_bytes = iov_to_buf(command->elem->out_sg, command->elem->out_num,
                                  command->done_bytes, data, length_bytes);

    command->done_bytes += got_bytes;
    return got_bytes == length_bytes;
}

/* ---- Receive filter ------------------------------------------------------------------------- */

void vfvirt_filter_reset(VfvirtFilter *filter)
{
    memset(filter, 0, sizeof(*filter));
    filter->promiscuous = true;
}

static bool addresses_contain(const VfvirtAddresses *addresses, const uint8_t *mac)
{
    for (unsigned i = 0; i < addresses->count; i++) {
        if (!memcmp(addresses->mac[i], mac, ETH_ALEN)) {
            return true;
        }
    }
    return addresses->all;
}

bool vfvirt_filter_accepts(VfvirtNet *net, const uint8_t *destination)
{
    static const uint8_t broadcast[ETH_ALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    const VfvirtFilter *filter = &net->filter;

    if (filter->promiscuous) {
        return true;
    }
    if (destination[0] & 1) {
        return filter->all_multicast || !memcmp(destination, broadcast, ETH_ALEN) ||
               addresses_contain(&filter->multicast, destination);
    }
    return !memcmp(destination, net->config.mac, ETH_ALEN) ||
           addresses_contain(&filter->unicast, destination);
}

/* One list of a MAC_TABLE_SET command: a count, then that many addresses. */
static bool addresses_read(Command *command, VfvirtAddresses *addresses)
{
    size_t left_bytes = iov_size(command->elem->out_sg, command->elem->out_num) -
                        command->done_bytes;
    uint32_t wanted;

    if (!command_read(command, &wanted, sizeof(wanted))) {
        return false;
    }
    wanted = le32_to_cpu(wanted);
    left_bytes -= sizeof(wanted);
    if (wanted > left_bytes / ETH_ALEN) {
        return false;
    }
    memset(addresses, 0, sizeof(*addresses));
    addresses->all = wanted > VFVIRT_FILTER_ADDRESSES_MAX;
    addresses->count = MIN(wanted, VFVIRT_FILTER_ADDRESSES_MAX);
    if (!command_read(command, addresses->mac, addresses->count * ETH_ALEN)) {
        return false;
    }
    command->done_bytes += (size_t)(wanted - addresses->count) * ETH_ALEN;
    return true;
}

/* ---- Commands --------------------------------------------------------------------------------- */

static bool set_receive_mode(VfvirtNet *net, uint8_t which, Command *command)
{
    uint8_t on;

    if (!virtio_vdev_has_feature(VIRTIO_DEVICE(net), VIRTIO_NET_F_CTRL_RX) ||
        !command_read(command, &on, sizeof(on))) {
        return false;
    }
    switch (which) {
    case VIRTIO_NET_CTRL_RX_PROMISC:
        net->filter.promiscuous = on;
        return true;
    case VIRTIO_NET_CTRL_RX_ALLMULTI:
        net->filter.all_multicast = on;
        return true;
    default:
        return false;
    }
}

static bool set_mac_table(VfvirtNet *net, Command *command)
{
    VfvirtAddresses unicast, multicast;

    if (!virtio_vdev_has_feature(VIRTIO_DEVICE(net), VIRTIO_NET_F_CTRL_RX) ||
        !addresses_read(command, &unicast) || !addresses_read(command, &multicast)) {
        return false;
    }
    net->filter.unicast = unicast;
    net->filter.multicast = multicast;
    return true;
}

static bool set_mac_address(VfvirtNet *net, Command *command)
{
    uint8_t mac[ETH_ALEN];

    if (!virtio_vdev_has_feature(VIRTIO_DEVICE(net), VIRTIO_NET_F_CTRL_MAC_ADDR) ||
        !command_read(command, mac, sizeof(mac)) || (mac[0] & 1)) {
        return false;
    }
    memcpy(net->config.mac, mac, ETH_ALEN);
    return true;
}

static bool set_queue_pairs(VfvirtNet *net, Command *command)
{
    uint16_t pairs;

    if (!virtio_vdev_has_feature(VIRTIO_DEVICE(net), VIRTIO_NET_F_MQ) ||
        !command_read(command, &pairs, sizeof(pairs))) {
        return false;
    }
    pairs = le16_to_cpu(pairs);
    if (!pairs || pairs > net->queue_pairs) {
        return false;
    }
    net->queue_pairs_in_use = pairs;
    return true;
}

static bool command_run(VfvirtNet *net, Command *command)
{
    struct virtio_net_ctrl_hdr header;

    if (!command_read(command, &header, sizeof(header))) {
        return false;
    }
    if (header.class == VIRTIO_NET_CTRL_RX) {
        return set_receive_mode(net, header.cmd, command);
    }
    if (header.class == VIRTIO_NET_CTRL_MAC && header.cmd == VIRTIO_NET_CTRL_MAC_TABLE_SET) {
        return set_mac_table(net, command);
    }
    if (header.class == VIRTIO_NET_CTRL_MAC && header.cmd == VIRTIO_NET_CTRL_MAC_ADDR_SET) {
        return set_mac_address(net, command);
    }
    if (header.class == VIRTIO_NET_CTRL_MQ && header.cmd == VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET) {
        return set_queue_pairs(net, command);
    }
    return false;
}

bool vfvirt_net_control(VfvirtNet *net)
{
    for (unsigned i = 0; i < COMMANDS_A_RUN_MAX; i++) {
        VirtQueueElement *elem;
        Command command = { 0 };
        uint8_t ack;

        if (!vfvirt_net_running(net)) {
            return false;
        }
        elem = virtqueue_pop(net->ctrl, sizeof(*elem));
        if (!elem) {
            return false;
        }
        if (!iov_size(elem->in_sg, elem->in_num)) {
            vfvirt_net_fail(net, net->ctrl, elem, "a control command has no room for its answer");
            return false;
        }
        command.elem = elem;
        ack = command_run(net, &command) ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
        iov_from_buf(elem->in_sg, elem->in_num, 0, &ack, sizeof(ack));
        virtqueue_push(net->ctrl, elem, sizeof(ack));
        vfvirt_net_interrupt(net, net->ctrl);
        g_free(elem);
    }
    return true;
}
