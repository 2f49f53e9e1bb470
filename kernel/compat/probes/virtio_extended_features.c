// SPDX-License-Identifier: GPL-2.0-only
/* v6.17 "virtio: introduce extended features", with the calls of the PCI library for them. */
#include <linux/virtio_config.h>
#include <linux/virtio_pci_modern.h>

void vfvirt_probe(struct virtio_device *vdev, struct virtio_pci_modern_device *mdev);
void vfvirt_probe(struct virtio_device *vdev, struct virtio_pci_modern_device *mdev)
{
	vp_modern_get_extended_features(mdev, vdev->features_array);
	vp_modern_set_extended_features(mdev, vdev->features_array);
	vdev->config->get_extended_features(vdev, vdev->features_array);
}
