/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the test's own virtio-net driver offer each other. */
#ifndef VFVIRT_TESTS_NIC_PARTS_H
#define VFVIRT_TESTS_NIC_PARTS_H

#include "nic.h"

#define STATUS_ACKNOWLEDGE 1
#define STATUS_DRIVER 2
#define STATUS_DRIVER_OK 4
#define STATUS_FEATURES_OK 8

#define FEATURE_MAC (1ull << 5)
#define FEATURE_STATUS (1ull << 16)
#define FEATURE_VERSION_1 (1ull << 32)
#define FEATURE_ACCESS_PLATFORM (1ull << 33)

#define RECEIVE_OFFSET 0 /* of the rings in DMA memory */
#define SEND_OFFSET FRAME_RING_AREA_BYTES

/**
 * nic_open_events() - make the eventfds and switch MSI-X on; ends the test on failure.
 * @nic: with its function open.
 */
void nic_open_events(struct nic *nic);

/**
 * nic_close_events() - undo nic_open_events(); nothing without MSI-X.
 * @nic: with its function open.
 */
void nic_close_events(struct nic *nic);

/**
 * nic_reset_modern() - write 0 to the modern device status and wait until it is read back.
 * @nic: whose modern structures are known.
 */
void nic_reset_modern(struct nic *nic);

#endif
