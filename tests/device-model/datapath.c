/* SPDX-License-Identifier: GPL-2.0-only */
/* Frames between the rings of a network device and the switch. */
#include "qemu/osdep.h"
#include "qemu/iov.h"
#include "function.h"

/* One run of the bottom half: long enough to be efficient, short enough to leave QEMU its turn. */
#define FRAMES_A_RUN_MAX 64

/* ---- From the driver -------------------------------------------------------------------------- */

/* False when the buffer has no header, which leaves the device in need of a reset. */
static bool transmit_one(VfvirtNet *net, VirtQueue *vq, VirtQueueElement *elem)
{
    static uint8_t frame[VFVIRT_FRAME_BYTES_MAX]; /* under the big lock, and never nested */
    size_t header_bytes = vfvirt_net_header_bytes(net);
    size_t total_bytes = iov_size(elem->out_sg, elem->out_num);
    size_t length_bytes = total_bytes - header_bytes;
    struct virtio_net_hdr header;
    bool bad;

    if (total_bytes < header_bytes) {
        vfvirt_net_fail(net, vq, elem, "a transmit buffer is shorter than its header");
        return false;
    }
    iov_to_buf(elem->out_sg, elem->out_num, 0, &header, sizeof(header));
    /* Offloads were not offered, so a frame that asks for one cannot be sent as it is meant. */
    bad = length_bytes < VFVIRT_FRAME_BYTES_MIN || length_bytes > VFVIRT_FRAME_BYTES_MAX ||
          header.gso_type != VIRTIO_NET_HDR_GSO_NONE ||
          (header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM);
    vfvirt_count_frame(net->pf->counters, net->member_id, false, bad);
    if (!bad) {
        iov_to_buf(elem->out_sg, elem->out_num, header_bytes, frame, length_bytes);
        vfvirt_switch_forward(net->pf->fabric, net->member_id, frame, length_bytes);
    }
    return true;
}

/* The element of a ring that died while it was in our hands is let go, not returned. */
static void transmit_done(VfvirtNet *net, VirtQueue *vq, VirtQueueElement *elem)
{
    if (vfvirt_net_running(net)) {
        virtqueue_push(vq, elem, 0);
        vfvirt_net_interrupt(net, vq);
    } else {
        virtqueue_detach_element(vq, elem, 0);
    }
    g_free(elem);
}

bool vfvirt_net_transmit(VfvirtNet *net, unsigned pair)
{
    VirtQueue *vq = net->tx[pair];

    if (!vq || !vfvirt_net_running(net)) {
        return false;
    }
    virtio_queue_set_notification(vq, 0);
    for (unsigned i = 0; i < FRAMES_A_RUN_MAX; i++) {
        VirtQueueElement *elem = virtqueue_pop(vq, sizeof(*elem));

        if (!elem) {
            virtio_queue_set_notification(vq, 1);
            /* A frame that came in before the driver saw that it must kick again. */
            return vfvirt_net_running(net) && !virtio_queue_empty(vq);
        }
        if (!transmit_one(net, vq, elem)) {
            return false;
        }
        transmit_done(net, vq, elem);
        if (!vfvirt_net_running(net)) {
            return false;
        }
    }
    return true;
}

/* ---- To the driver ------------------------------------------------------------------------------ */

/* One frame on its way into the buffers of a ring. */
typedef struct Delivery {
    VirtQueue *vq;
    VirtQueueElement *elems[VIRTQUEUE_MAX_SIZE];
    unsigned lengths_bytes[VIRTQUEUE_MAX_SIZE];
    unsigned count;
} Delivery;

/* Gives the buffers back to the ring unused, the last one first. */
static void delivery_undo(Delivery *delivery)
{
    while (delivery->count) {
        VirtQueueElement *elem = delivery->elems[--delivery->count];

        virtqueue_unpop(delivery->vq, elem, 0);
        g_free(elem);
    }
}

/* Takes the next buffer, whose first `reserved_bytes` the header needs. NULL: no buffer. */
static VirtQueueElement *delivery_next(VfvirtNet *net, Delivery *delivery, size_t reserved_bytes,
                                       size_t *ret_room_bytes)
{
    VirtQueueElement *elem;
    size_t room_bytes;

    if (delivery->count == VIRTQUEUE_MAX_SIZE) {
        return NULL;
    }
    elem = virtqueue_pop(delivery->vq, sizeof(*elem));
    if (!elem) {
        return NULL;
    }
    room_bytes = iov_size(elem->in_sg, elem->in_num);
    if (!room_bytes || room_bytes < reserved_bytes) {
        vfvirt_net_fail(net, delivery->vq, elem, "a receive buffer has no room for the header");
        return NULL;
    }
    delivery->elems[delivery->count++] = elem;
    *ret_room_bytes = room_bytes - reserved_bytes;
    return elem;
}

/* Fills as many buffers as the frame needs; one only, unless MRG_RXBUF is negotiated. */
static bool delivery_fill(VfvirtNet *net, Delivery *delivery, const uint8_t *frame,
                          size_t length_bytes)
{
    bool mergeable = virtio_vdev_has_feature(VIRTIO_DEVICE(net), VIRTIO_NET_F_MRG_RXBUF);
    size_t header_bytes = vfvirt_net_header_bytes(net);
    size_t done_bytes = 0;

    do {
        size_t reserved_bytes = delivery->count ? 0 : header_bytes;
        size_t room_bytes, chunk_bytes;
        VirtQueueElement *elem;

        if (delivery->count && !mergeable) {
            return false;
        }
        elem = delivery_next(net, delivery, reserved_bytes, &room_bytes);
        if (!elem) {
            return false;
        }
        chunk_bytes = MIN(room_bytes, length_bytes - done_bytes);
        iov_from_buf(elem->in_sg, elem->in_num, reserved_bytes, frame + done_bytes, chunk_bytes);
        delivery->lengths_bytes[delivery->count - 1] = reserved_bytes + chunk_bytes;
        done_bytes += chunk_bytes;
    } while (done_bytes < length_bytes);
    return true;
}

static void delivery_finish(VfvirtNet *net, Delivery *delivery)
{
    struct virtio_net_hdr_mrg_rxbuf header = {};

    stw_le_p(&header.num_buffers, delivery->count);
    iov_from_buf(delivery->elems[0]->in_sg, delivery->elems[0]->in_num, 0, &header,
                 vfvirt_net_header_bytes(net));
    for (unsigned i = 0; i < delivery->count; i++) {
        virtqueue_fill(delivery->vq, delivery->elems[i], delivery->lengths_bytes[i], i);
        g_free(delivery->elems[i]);
    }
    virtqueue_flush(delivery->vq, delivery->count);
    vfvirt_net_interrupt(net, delivery->vq);
}

/* One flow stays on one queue: frames between the same two addresses keep their order. */
static VirtQueue *receive_queue(VfvirtNet *net, const uint8_t *frame)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < 2 * ETH_ALEN; i++) {
        sum += frame[i];
    }
    return net->rx[sum % net->queue_pairs_in_use];
}

bool vfvirt_net_receive(VfvirtNet *net, const uint8_t *frame, size_t length_bytes)
{
    Delivery delivery = { .count = 0 };
    bool delivered = false;

    if (!vfvirt_net_running(net) || !vfvirt_filter_accepts(net, frame)) {
        return false;
    }
    delivery.vq = receive_queue(net, frame);
    if (delivery.vq && virtio_queue_ready(delivery.vq)) {
        delivered = delivery_fill(net, &delivery, frame, length_bytes);
    }
    vfvirt_count_frame(net->pf->counters, net->member_id, true, !delivered);
    if (delivered) {
        delivery_finish(net, &delivery);
    } else {
        delivery_undo(&delivery);
    }
    return delivered;
}
