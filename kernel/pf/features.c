// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which features the PF negotiates, and how much of the common configuration its device has.
 *
 * The kernel's library maps as much of the common configuration as the kernel's own struct is
 * long, which on older kernels ends before the administration fields, and it does not tell the
 * length on all of them. So the capability is parsed here, and the four bytes of the
 * administration fields get a mapping of their own inside the BAR that the library requested.
 */
#include "pf.h"

/* The first usable common-configuration capability, as the library chooses it. */
static int find_common(struct pci_dev *pdev, u8 *ret_bar, u32 *ret_offset, u32 *ret_length)
{
	u8 type, bar;
	int pos;

	for (pos = pci_find_capability(pdev, PCI_CAP_ID_VNDR); pos;
	     pos = pci_find_next_capability(pdev, pos, PCI_CAP_ID_VNDR)) {
		pci_read_config_byte(pdev, pos + offsetof(struct virtio_pci_cap, cfg_type), &type);
		pci_read_config_byte(pdev, pos + offsetof(struct virtio_pci_cap, bar), &bar);
		if (type != VIRTIO_PCI_CAP_COMMON_CFG || bar >= PCI_STD_NUM_BARS ||
		    !pci_resource_len(pdev, bar) ||
		    !(pci_resource_flags(pdev, bar) & (IORESOURCE_MEM | IORESOURCE_IO)))
			continue;
		pci_read_config_dword(pdev, pos + offsetof(struct virtio_pci_cap, offset),
				      ret_offset);
		pci_read_config_dword(pdev, pos + offsetof(struct virtio_pci_cap, length),
				      ret_length);
		*ret_bar = bar;
		return 0;
	}
	return -ENODEV;
}

/**
 * vfvirt_features_init() - learn how long the common configuration is; map what the library did not
 * @pf: the PF, after vp_modern_probe()
 *
 * Without room for the administration fields the PF is a NIC and nothing else: that is no error.
 *
 * Return: 0, or -ENODEV without a usable capability.
 */
int vfvirt_features_init(struct vfvirt_pf *pf)
{
	u32 offset_bytes;
	int error;
	u8 bar;

	error = find_common(pf->pdev, &bar, &offset_bytes, &pf->common_length_bytes);
	if (error)
		return error;
	if (pf->common_length_bytes >= VFVIRT_COMMON_ADMIN_END)
		pf->admin_registers = pci_iomap_range(pf->pdev, bar,
						      offset_bytes + VFVIRT_COMMON_ADMIN_INDEX,
						      VFVIRT_COMMON_ADMIN_END -
						      VFVIRT_COMMON_ADMIN_INDEX);
	return 0;
}

/**
 * vfvirt_features_exit() - undo vfvirt_features_init()
 * @pf: the PF
 */
void vfvirt_features_exit(struct vfvirt_pf *pf)
{
	if (pf->admin_registers)
		pci_iounmap(pf->pdev, pf->admin_registers);
	pf->admin_registers = NULL;
}

/**
 * vfvirt_features_offered() - what the device offers
 * @vdev: the virtio device
 * @ret_words: VFVIRT_FEATURE_WORDS words of 64 bits
 *
 * Context: process context. The operation get_features of the transport.
 */
void vfvirt_features_offered(struct virtio_device *vdev, u64 *ret_words)
{
	struct vfvirt_pf *pf = vdev_to_pf(vdev);

	if (!pf->dead) {
		mutex_lock(&pf->registers);
		vfvirt_offered_features(&pf->mdev, pf->offered);
		mutex_unlock(&pf->registers);
		pf->device_features = pf->offered[0];
	}
	memcpy(ret_words, pf->offered, sizeof(pf->offered));
}

/* A transport feature is accepted when the device offers it and we can use it. */
static void decide(struct vfvirt_pf *pf, unsigned int bit, bool usable)
{
	if (usable && (pf->device_features & BIT_ULL(bit)))
		__virtio_set_bit(&pf->vdev, bit);
	else
		__virtio_clear_bit(&pf->vdev, bit);
}

/**
 * vfvirt_features_finalize() - decide on the transport's features and write all to the device
 * @vdev: the virtio device; its features hold what the class driver wants
 *
 * The ring library drops every transport bit that it does not know, and some kernels' core never
 * carried bit 41 that far, so the bits are taken from the device afresh on each call (also on
 * thaw). Never accepted: IN_ORDER, since one slow command would hold up all others;
 * NOTIFICATION_DATA and NOTIF_CONFIG_DATA, which change what the doorbell takes.
 *
 * Context: process context. The operation finalize_features of the transport.
 * Return: 0, -EINVAL for a device without VERSION_1, -EIO when it did not acknowledge its reset.
 */
int vfvirt_features_finalize(struct virtio_device *vdev)
{
	struct vfvirt_pf *pf = vdev_to_pf(vdev);
	u64 words[VFVIRT_FEATURE_WORDS];

	if (pf->dead)
		return 0;
	if (pf->gone || pf->stuck)
		return -EIO;

	vfvirt_features_offered(vdev, words);
	vring_transport_features(vdev);
	decide(pf, VFVIRT_F_IN_ORDER, false);
	decide(pf, VFVIRT_F_NOTIFICATION_DATA, false);
	decide(pf, VFVIRT_F_NOTIF_CONFIG_DATA, false);
	decide(pf, VFVIRT_F_SR_IOV,
	       pci_find_ext_capability(pf->pdev, PCI_EXT_CAP_ID_SRIOV));
	decide(pf, VFVIRT_F_RING_RESET, pf->common_length_bytes >= VFVIRT_COMMON_RESET_END);
	decide(pf, VFVIRT_F_ADMIN_VQ, pf->admin_registers);

	if (!__virtio_test_bit(vdev, VIRTIO_F_VERSION_1)) {
		pci_err(pf->pdev, "device offers no VIRTIO_F_VERSION_1: not a modern device\n");
		return -EINVAL;
	}
	mutex_lock(&pf->registers);
	vfvirt_accept_features(&pf->mdev, vdev);
	mutex_unlock(&pf->registers);
	pf->driver_features = vdev->features;
	return 0;
}

/**
 * vfvirt_has_queue_reset() - single queues can be reset
 * @pf: the PF
 *
 * Return: true when VIRTIO_F_RING_RESET is negotiated.
 */
bool vfvirt_has_queue_reset(struct vfvirt_pf *pf)
{
	return pf->driver_features & BIT_ULL(VFVIRT_F_RING_RESET);
}
