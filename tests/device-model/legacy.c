/* SPDX-License-Identifier: GPL-2.0-only */
/* The registers of a legacy virtio-net device, for a VF that is reached through commands. */
#include "qemu/osdep.h"
#include "hw/pci/msix.h"
#include "function.h"

#define PAGE_SHIFT 12 /* the queue address register counts 4096-byte pages */
#define VECTOR_NONE 0xffff

/* One field of the common header. */
typedef struct Register {
    uint8_t offset;
    uint8_t width_bytes;
    bool msix_only; /* there while MSI-X is enabled in the VF */
    uint32_t (*read)(VfvirtFunction *fn);              /* NULL: reads all ones */
    void (*write)(VfvirtFunction *fn, uint32_t value); /* NULL: writes are ignored */
} Register;

static VirtIODevice *vdev_of(VfvirtFunction *fn)
{
    return VIRTIO_DEVICE(&fn->net);
}

static uint32_t device_features_read(VfvirtFunction *fn)
{
    return vdev_of(fn)->host_features;
}

static uint32_t driver_features_read(VfvirtFunction *fn)
{
    return vdev_of(fn)->guest_features;
}

/*
 * S-81: bits 32 and up count as not acknowledged. Bit 30 marks a driver that acknowledges what it
 * does not know; of our features such a driver knows the MAC address.
 */
static void driver_features_write(VfvirtFunction *fn, uint32_t value)
{
    if (value & (1u << VIRTIO_F_BAD_FEATURE)) {
        value = 1u << VIRTIO_NET_F_MAC;
    }
    virtio_set_features(vdev_of(fn), value);
}

static uint32_t queue_address_read(VfvirtFunction *fn)
{
    VirtIODevice *vdev = vdev_of(fn);

    return virtio_queue_get_addr(vdev, vdev->queue_sel) >> PAGE_SHIFT;
}

static void queue_address_write(VfvirtFunction *fn, uint32_t value)
{
    VirtIODevice *vdev = vdev_of(fn);

    if (value) {
        virtio_queue_set_addr(vdev, vdev->queue_sel, (hwaddr)value << PAGE_SHIFT);
    } else {
        vfvirt_function_reset(fn);
    }
}

static uint32_t queue_size_read(VfvirtFunction *fn)
{
    VirtIODevice *vdev = vdev_of(fn);

    return vfvirt_net_queue_size_max(&fn->net, vdev->queue_sel);
}

static uint32_t queue_select_read(VfvirtFunction *fn)
{
    return vdev_of(fn)->queue_sel;
}

static void queue_select_write(VfvirtFunction *fn, uint32_t value)
{
    if (value < VIRTIO_QUEUE_MAX) {
        vdev_of(fn)->queue_sel = value;
    }
}

static void queue_notify_write(VfvirtFunction *fn, uint32_t value)
{
    vfvirt_count_bell(fn->net.pf->counters, fn->net.member_id, VFVIRT_BELL_COMMAND);
    if (value < VIRTIO_QUEUE_MAX) {
        vfvirt_net_notify(&fn->net, value);
    }
}

static uint32_t status_read(VfvirtFunction *fn)
{
    return vfvirt_function_status(fn);
}

static void status_write(VfvirtFunction *fn, uint32_t value)
{
    vfvirt_function_set_status(fn, value);
}

static uint32_t isr_read(VfvirtFunction *fn)
{
    VirtIODevice *vdev = vdev_of(fn);
    uint32_t isr = qatomic_xchg(&vdev->isr, 0);

    virtio_update_irq(vdev);
    return isr;
}

/* Takes a vector of the VF's table into use; one beyond the table reads back as none. */
static uint16_t vector_exchange(VfvirtFunction *fn, uint16_t old, uint16_t wanted)
{
    PCIDevice *pci = PCI_DEVICE(fn);

    if (old != VECTOR_NONE) {
        msix_vector_unuse(pci, old);
    }
    if (wanted >= fn->proxy.nvectors) {
        return VECTOR_NONE;
    }
    msix_vector_use(pci, wanted);
    return wanted;
}

static uint32_t config_vector_read(VfvirtFunction *fn)
{
    return vdev_of(fn)->config_vector;
}

static void config_vector_write(VfvirtFunction *fn, uint32_t value)
{
    VirtIODevice *vdev = vdev_of(fn);

    vdev->config_vector = vector_exchange(fn, vdev->config_vector, value);
}

static uint32_t queue_vector_read(VfvirtFunction *fn)
{
    VirtIODevice *vdev = vdev_of(fn);

    return virtio_queue_vector(vdev, vdev->queue_sel);
}

static void queue_vector_write(VfvirtFunction *fn, uint32_t value)
{
    VirtIODevice *vdev = vdev_of(fn);
    uint16_t old = virtio_queue_vector(vdev, vdev->queue_sel);

    virtio_queue_set_vector(vdev, vdev->queue_sel, vector_exchange(fn, old, value));
}

static const Register registers[] = {
    { 0x00, 4, false, device_features_read, NULL },
    { 0x04, 4, false, driver_features_read, driver_features_write },
    { 0x08, 4, false, queue_address_read, queue_address_write },
    { 0x0c, 2, false, queue_size_read, NULL },
    { 0x0e, 2, false, queue_select_read, queue_select_write },
    { 0x10, 2, false, NULL, queue_notify_write },
    { 0x12, 1, false, status_read, status_write },
    { 0x13, 1, false, isr_read, NULL },
    { 0x14, 2, true, config_vector_read, config_vector_write },
    { 0x16, 2, true, queue_vector_read, queue_vector_write },
};

/* The fields of struct virtio_net_config, of which a device has as many as its features say. */
static const struct {
    uint8_t offset, width_bytes;
} config_fields[] = {
    { 0, 6 },  { 6, 2 },  { 8, 2 },  { 10, 2 }, { 12, 4 },
    { 16, 1 }, { 17, 1 }, { 18, 2 }, { 20, 4 }, { 24, 4 },
};

static bool is_inside(uint8_t offset, size_t length_bytes, uint8_t field_offset,
                      uint8_t field_bytes)
{
    return length_bytes && offset >= field_offset && length_bytes <= field_bytes &&
           offset - field_offset + length_bytes <= field_bytes;
}

/* The register that holds the whole access, or NULL. */
static const Register *register_find(VfvirtFunction *fn, uint8_t offset, size_t length_bytes)
{
    for (unsigned i = 0; i < ARRAY_SIZE(registers); i++) {
        const Register *reg = &registers[i];

        if (is_inside(offset, length_bytes, reg->offset, reg->width_bytes)) {
            return reg->msix_only && !vfvirt_function_msix_on(fn) ? NULL : reg;
        }
    }
    return NULL;
}

static bool is_config_field(VfvirtFunction *fn, uint8_t offset, size_t length_bytes)
{
    for (unsigned i = 0; i < ARRAY_SIZE(config_fields); i++) {
        if (is_inside(offset, length_bytes, config_fields[i].offset,
                      config_fields[i].width_bytes)) {
            return offset + length_bytes <= vdev_of(fn)->config_len;
        }
    }
    return false;
}

int vfvirt_legacy_read(VfvirtFunction *fn, bool common, uint8_t offset, uint8_t *data,
                       size_t length_bytes)
{
    const Register *reg;
    uint8_t value[4];

    if (!common) {
        if (!is_config_field(fn, offset, length_bytes)) {
            return -EINVAL;
        }
        for (size_t i = 0; i < length_bytes; i++) {
            data[i] = virtio_config_readb(vdev_of(fn), offset + i);
        }
        return 0;
    }
    reg = register_find(fn, offset, length_bytes);
    if (!reg) {
        return -EINVAL;
    }
    stl_le_p(value, reg->read ? reg->read(fn) : UINT32_MAX);
    memcpy(data, value + (offset - reg->offset), length_bytes);
    return 0;
}

/* All bytes of the field change at once, however many there are. */
static void config_write(VfvirtFunction *fn, uint8_t offset, const uint8_t *data,
                         size_t length_bytes)
{
    VirtIODevice *vdev = vdev_of(fn);
    VirtioDeviceClass *class = VIRTIO_DEVICE_GET_CLASS(vdev);

    class->get_config(vdev, vdev->config);
    memcpy((uint8_t *)vdev->config + offset, data, length_bytes);
    class->set_config(vdev, vdev->config);
}

/* A part of a register is merged into what the rest of it reads; zeros if it cannot be read. */
static void register_store(VfvirtFunction *fn, const Register *reg, uint8_t offset,
                           const uint8_t *data, size_t length_bytes)
{
    uint8_t value[4] = { 0 };

    if (length_bytes < reg->width_bytes && reg->read) {
        stl_le_p(value, reg->read(fn));
    }
    memcpy(value + (offset - reg->offset), data, length_bytes);
    reg->write(fn, ldl_le_p(value));
}

int vfvirt_legacy_write(VfvirtFunction *fn, bool common, uint8_t offset, const uint8_t *data,
                        size_t length_bytes)
{
    const Register *reg = common ? register_find(fn, offset, length_bytes) : NULL;

    if (common ? !reg : !is_config_field(fn, offset, length_bytes)) {
        return -EINVAL;
    }
    fn->net.legacy = true;
    if (!common) {
        config_write(fn, offset, data, length_bytes);
    } else if (reg->write) {
        register_store(fn, reg, offset, data, length_bytes);
    }
    return 0;
}
