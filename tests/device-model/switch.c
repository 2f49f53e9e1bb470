/* SPDX-License-Identifier: GPL-2.0-only */
/* The embedded switch: PF, VFs and one uplink, by learned MAC address. */
#include "qemu/osdep.h"
#include "net/eth.h"
#include "function.h"

#define TABLE_SLOTS 4096
#define PORT_NONE 0xfffe

/*
 * One slot an address, chosen by its hash; a newer address takes the slot of an older one, whose
 * frames are then flooded. So the table cannot grow, whatever addresses a guest makes up.
 */
typedef struct LearnedAddress {
    uint8_t mac[ETH_ALEN];
    uint16_t port;
} LearnedAddress;

struct VfvirtSwitch {
    VfvirtPf *pf; /* not owned */
    LearnedAddress learned[TABLE_SLOTS];
};

VfvirtSwitch *vfvirt_switch_new(VfvirtPf *pf)
{
    VfvirtSwitch *fabric = g_new0(VfvirtSwitch, 1);

    fabric->pf = pf;
    for (unsigned i = 0; i < TABLE_SLOTS; i++) {
        fabric->learned[i].port = PORT_NONE;
    }
    return fabric;
}

void vfvirt_switch_free(VfvirtSwitch *fabric)
{
    g_free(fabric);
}

static LearnedAddress *slot_of(VfvirtSwitch *fabric, const uint8_t *mac)
{
    uint32_t hash = 0;

    for (unsigned i = 0; i < ETH_ALEN; i++) {
        hash = hash * 31 + mac[i];
    }
    return &fabric->learned[hash % TABLE_SLOTS];
}

static void learn(VfvirtSwitch *fabric, const uint8_t *mac, uint16_t port)
{
    LearnedAddress *slot = slot_of(fabric, mac);

    if (!is_multicast_ether_addr(mac)) {
        memcpy(slot->mac, mac, ETH_ALEN);
        slot->port = port;
    }
}

static uint16_t port_of(VfvirtSwitch *fabric, const uint8_t *mac)
{
    LearnedAddress *slot = slot_of(fabric, mac);

    return memcmp(slot->mac, mac, ETH_ALEN) ? PORT_NONE : slot->port;
}

void vfvirt_switch_flush_port(VfvirtSwitch *fabric, uint16_t port)
{
    for (unsigned i = 0; i < TABLE_SLOTS; i++) {
        if (fabric->learned[i].port == port) {
            fabric->learned[i].port = PORT_NONE;
        }
    }
}

static void deliver(VfvirtSwitch *fabric, uint16_t port, const uint8_t *frame,
                    size_t length_bytes)
{
    VfvirtPf *pf = fabric->pf;

    if (port == VFVIRT_PORT_UPLINK) {
        if (pf->nic && !pf->fn.gone) {
            qemu_send_packet(qemu_get_queue(pf->nic), frame, length_bytes);
        }
    } else {
        VfvirtFunction *fn = vfvirt_pf_port(pf, port);

        if (fn) {
            vfvirt_net_receive(&fn->net, frame, length_bytes);
        }
    }
}

void vfvirt_switch_forward(VfvirtSwitch *fabric, uint16_t port, const uint8_t *frame,
                           size_t length_bytes)
{
    const uint8_t *destination = frame;
    const uint8_t *source = frame + ETH_ALEN;
    uint16_t to = PORT_NONE;

    learn(fabric, source, port);
    if (!is_multicast_ether_addr(destination)) {
        to = port_of(fabric, destination);
    }
    if (to == port) {
        return; /* the receiver is behind the port that the frame came from */
    }
    if (to != PORT_NONE) {
        deliver(fabric, to, frame, length_bytes);
        return;
    }
    for (uint16_t i = 0; i <= fabric->pf->total_vfs; i++) {
        if (i != port) {
            deliver(fabric, i, frame, length_bytes);
        }
    }
    if (port != VFVIRT_PORT_UPLINK) {
        deliver(fabric, VFVIRT_PORT_UPLINK, frame, length_bytes);
    }
}
