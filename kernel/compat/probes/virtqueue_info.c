// SPDX-License-Identifier: GPL-2.0-only
/* v6.11 "virtio: introduce virtqueue_info struct and find_vqs_info() config op". */
#include <linux/virtio_config.h>

int vfvirt_probe(struct virtio_device *vdev, struct virtqueue *vqs[]);
int vfvirt_probe(struct virtio_device *vdev, struct virtqueue *vqs[])
{
	struct virtqueue_info infos[] = { { .name = "probe", .callback = NULL, .ctx = false } };

	return vdev->config->find_vqs(vdev, 1, vqs, infos, NULL);
}
