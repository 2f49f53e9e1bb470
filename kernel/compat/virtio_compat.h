/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shims for a virtio transport: the source is written for the newest kernel's virtio_config_ops;
 * what an older kernel calls differently is given the new shape here.
 */
#ifndef VFVIRT_VIRTIO_COMPAT_H
#define VFVIRT_VIRTIO_COMPAT_H

#include "compat_probes.h"

#include <linux/slab.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci_modern.h>

#if !VFVIRT_HAVE_VIRTQUEUE_INFO
/* What find_vqs() is told about one queue. Before v6.11 these were three parallel arrays. */
struct virtqueue_info {
	const char *name;
	vq_callback_t *callback;
	bool ctx;
};
#endif

/*
 * Defines OP, the find_vqs operation in this kernel's shape, on top of TARGET, which has the
 * newest one: int TARGET(vdev, nvqs, vqs[], vqs_info[], affinity).
 */
#if VFVIRT_HAVE_VIRTQUEUE_INFO
#define VFVIRT_DEFINE_FIND_VQS(op, target)							\
static int op(struct virtio_device *vdev, unsigned int nvqs, struct virtqueue *vqs[],		\
		struct virtqueue_info vqs_info[], struct irq_affinity *affinity)		\
{												\
	return target(vdev, nvqs, vqs, vqs_info, affinity);					\
}
#else
#define VFVIRT_DEFINE_FIND_VQS(op, target)							\
static int op(struct virtio_device *vdev, unsigned int nvqs, struct virtqueue *vqs[],		\
		vq_callback_t *callbacks[], const char * const names[], const bool *ctx,	\
		struct irq_affinity *affinity)							\
{												\
	struct virtqueue_info *vqs_info = kcalloc(nvqs, sizeof(*vqs_info), GFP_KERNEL);		\
	unsigned int i;										\
	int error;										\
												\
	if (!vqs_info)										\
		return -ENOMEM;									\
	for (i = 0; i < nvqs; i++) {								\
		vqs_info[i].name = names[i];							\
		vqs_info[i].callback = callbacks[i];						\
		vqs_info[i].ctx = ctx && ctx[i];						\
	}											\
	error = target(vdev, nvqs, vqs, vqs_info, affinity);					\
	kfree(vqs_info);									\
	return error;										\
}
#endif

#if VFVIRT_HAVE_VIRTIO_EXTENDED_FEATURES
#define VFVIRT_FEATURE_WORDS VIRTIO_FEATURES_U64S

static inline void vfvirt_offered_features(struct virtio_pci_modern_device *mdev, u64 *ret_words)
{
	vp_modern_get_extended_features(mdev, ret_words);
}

static inline void vfvirt_accept_features(struct virtio_pci_modern_device *mdev,
					  struct virtio_device *vdev)
{
	vp_modern_set_extended_features(mdev, vdev->features_array);
}

/* Defines OP, the get_features operation, on TARGET(vdev, u64 *ret_words). */
#define VFVIRT_DEFINE_GET_FEATURES(op, target)							\
static void op(struct virtio_device *vdev, u64 *features)					\
{												\
	target(vdev, features);									\
}

#define VFVIRT_GET_FEATURES_OP get_extended_features
#else
#define VFVIRT_FEATURE_WORDS 1

static inline void vfvirt_offered_features(struct virtio_pci_modern_device *mdev, u64 *ret_words)
{
	ret_words[0] = vp_modern_get_features(mdev);
}

static inline void vfvirt_accept_features(struct virtio_pci_modern_device *mdev,
					  struct virtio_device *vdev)
{
	vp_modern_set_features(mdev, vdev->features);
}

#define VFVIRT_DEFINE_GET_FEATURES(op, target)							\
static u64 op(struct virtio_device *vdev)							\
{												\
	u64 words[VFVIRT_FEATURE_WORDS];							\
												\
	target(vdev, words);									\
	return words[0];									\
}

#define VFVIRT_GET_FEATURES_OP get_features
#endif

/*
 * Freezing and thawing of class drivers exists only in kernels that can sleep; without it a class
 * driver is unbound and bound again instead.
 */
#ifndef CONFIG_PM_SLEEP
static inline int virtio_device_freeze(struct virtio_device *vdev)
{
	return -EOPNOTSUPP;
}

static inline int virtio_device_restore(struct virtio_device *vdev)
{
	return -EOPNOTSUPP;
}
#endif

#endif
