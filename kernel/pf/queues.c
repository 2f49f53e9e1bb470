// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtqueues: making, programming, enabling, resetting and deleting them, for the class driver
 * and for administration.
 *
 * The table of queues never changes while an interrupt is requested, so that the handlers walk
 * it without a lock: rings are made first, then interrupts requested, then queues enabled; and
 * all that is undone in the opposite order.
 */
#include <linux/iopoll.h>

#include "pf.h"

/* A ring on a dead device carries nothing; the smallest will do. */
#define DEAD_RING_ENTRIES 16

static bool ring_doorbell(struct virtqueue *vq)
{
	struct vfvirt_queue *queue = vq->priv;

	if (unlikely(!queue->doorbell))
		return false;
	iowrite16(vq->index, queue->doorbell);
	return true;
}

static u16 usable_size(struct vfvirt_pf *pf, u16 index, u16 limit)
{
	u16 size;

	if (pf->dead)
		return DEAD_RING_ENTRIES;
	size = vp_modern_get_queue_size(&pf->mdev, index);
	if (size > limit)
		size = limit;
	/* A split ring has a power of two entries (virtio 1.3, 2.7); the driver may take fewer. */
	if (size && !__virtio_test_bit(&pf->vdev, VIRTIO_F_RING_PACKED))
		size = rounddown_pow_of_two(size);
	return size;
}

/**
 * vfvirt_queue_create() - make the ring of a queue
 * @pf: the PF
 * @queue: @queue->index is set; filled in
 * @size_limit: no more entries than this
 * @context: the class driver keeps a context with each buffer; also keeps the ring library from
 *	allocating indirect tables
 * @callback: called when buffers were used, may be NULL
 * @name: kept by reference, must outlive the ring
 *
 * Context: process context, pf->registers held.
 * Return: 0; -ENOENT when the device has no such queue or has it enabled; -ENOMEM.
 */
int vfvirt_queue_create(struct vfvirt_pf *pf, struct vfvirt_queue *queue, u16 size_limit,
			bool context, vq_callback_t *callback, const char *name)
{
	u16 size = usable_size(pf, queue->index, size_limit);
	resource_size_t physical;
	struct virtqueue *vq;

	lockdep_assert_held(&pf->registers);
	queue->msix_entry = VIRTIO_MSI_NO_VECTOR;
	if (!size || (!pf->dead && vp_modern_get_queue_enable(&pf->mdev, queue->index)))
		return -ENOENT;

	vq = vring_create_virtqueue(queue->index, size, SMP_CACHE_BYTES, &pf->vdev, true, true,
				    context, ring_doorbell, callback, name);
	if (!vq)
		return -ENOMEM;
	vq->num_max = size;
	vq->priv = queue;
	queue->vq = vq;
	if (pf->dead) {
		__virtqueue_break(vq);
		return 0;
	}
	queue->doorbell = vp_modern_map_vq_notify(&pf->mdev, queue->index, &physical);
	if (!queue->doorbell) {
		vfvirt_queue_destroy(pf, queue);
		return -ENOMEM;
	}
	return 0;
}

/**
 * vfvirt_queue_program() - tell the device where the ring of a queue is, without enabling it
 * @pf: the PF
 * @queue: a queue with a ring
 *
 * Context: pf->registers held.
 */
void vfvirt_queue_program(struct vfvirt_pf *pf, struct vfvirt_queue *queue)
{
	struct virtqueue *vq = queue->vq;

	lockdep_assert_held(&pf->registers);
	vp_modern_set_queue_size(&pf->mdev, queue->index, virtqueue_get_vring_size(vq));
	vp_modern_queue_address(&pf->mdev, queue->index, virtqueue_get_desc_addr(vq),
				virtqueue_get_avail_addr(vq), virtqueue_get_used_addr(vq));
}

/**
 * vfvirt_queue_set_vector() - give a queue its MSI-X table entry
 * @pf: the PF
 * @queue: the queue
 * @msix_entry: table entry, or VIRTIO_MSI_NO_VECTOR
 *
 * Context: pf->registers held.
 * Return: 0, or -EBUSY when the device has no resources for it (virtio 1.3, 4.1.5.1.2.2).
 */
int vfvirt_queue_set_vector(struct vfvirt_pf *pf, struct vfvirt_queue *queue, u16 msix_entry)
{
	lockdep_assert_held(&pf->registers);
	queue->msix_entry = msix_entry;
	if (vp_modern_queue_vector(&pf->mdev, queue->index, msix_entry) != msix_entry)
		return -EBUSY;
	return 0;
}

static u16 read_common16(struct vfvirt_pf *pf, unsigned int offset)
{
	return ioread16((void __iomem *)pf->mdev.common + offset);
}

static bool queue_reset_ended(struct vfvirt_pf *pf, u16 value)
{
	return !value || (value == 0xffff && !pci_device_is_present(pf->pdev));
}

/**
 * vfvirt_queue_reset() - have the device let go of one queue's buffers
 * @pf: the PF; VIRTIO_F_RING_RESET is negotiated
 * @queue: the queue
 *
 * The library's own call waits without a limit and for a card that is gone.
 *
 * Context: process context, may sleep for twice VFVIRT_QUEUE_RESET_LIMIT_MS; pf->registers held.
 * Return: 0, -ETIMEDOUT, -ENODEV when the card is gone.
 */
int vfvirt_queue_reset(struct vfvirt_pf *pf, struct vfvirt_queue *queue)
{
	void __iomem *common = (void __iomem *)pf->mdev.common;
	u16 value;
	int error;

	lockdep_assert_held(&pf->registers);
	iowrite16(queue->index, common + VIRTIO_PCI_COMMON_Q_SELECT);
	iowrite16(1, common + VFVIRT_COMMON_QUEUE_RESET);
	error = read_poll_timeout(read_common16, value, queue_reset_ended(pf, value),
				  USEC_PER_MSEC, VFVIRT_QUEUE_RESET_LIMIT_MS * USEC_PER_MSEC,
				  false, pf, VFVIRT_COMMON_QUEUE_RESET);
	if (!error && !value)
		error = read_poll_timeout(read_common16, value, queue_reset_ended(pf, value),
					  USEC_PER_MSEC,
					  VFVIRT_QUEUE_RESET_LIMIT_MS * USEC_PER_MSEC,
					  false, pf, VIRTIO_PCI_COMMON_Q_ENABLE);
	if (!error && value)
		error = -ENODEV;
	return error;
}

/**
 * vfvirt_queue_destroy() - delete the ring of a queue
 * @pf: the PF; the device has been reset, or was never told about the ring
 * @queue: the queue; may be without a ring
 *
 * Context: process context, no interrupt may use the ring.
 */
void vfvirt_queue_destroy(struct vfvirt_pf *pf, struct vfvirt_queue *queue)
{
	if (!queue->vq)
		return;
	if (queue->doorbell && !pf->mdev.notify_base)
		pci_iounmap(pf->pdev, queue->doorbell);
	queue->doorbell = NULL;
	if (pf->may_dma) {
		/* Leaked on purpose: the device still writes where it likes (S-15). */
		spin_lock(&pf->vdev.vqs_list_lock);
		list_del(&queue->vq->list);
		spin_unlock(&pf->vdev.vqs_list_lock);
	} else {
		vring_del_virtqueue(queue->vq);
	}
	queue->vq = NULL;
}

static int create_all(struct vfvirt_pf *pf, unsigned int nvqs, struct virtqueue *vqs[],
		      struct virtqueue_info infos[])
{
	struct vfvirt_queue *queue;
	unsigned int i;
	int error;

	lockdep_assert_held(&pf->registers);
	for (i = 0; i < nvqs; i++) {
		vqs[i] = NULL;
		/* An entry without a name is a queue that the class driver leaves out. */
		if (!infos[i].name)
			continue;
		queue = &pf->queues[pf->queue_count];
		queue->index = pf->queue_count;
		if (!pf->dead && queue->index >= vp_modern_get_num_queues(&pf->mdev))
			return -ENOENT;
		error = vfvirt_queue_create(pf, queue, U16_MAX, infos[i].ctx, infos[i].callback,
					    infos[i].name);
		if (error)
			return error;
		pf->queue_count++;
		vqs[i] = queue->vq;
		if (!pf->dead)
			vfvirt_queue_program(pf, queue);
	}
	return 0;
}

/* The last step: there is no way back from an enabled queue but a reset. */
static void enable_all(struct vfvirt_pf *pf)
{
	unsigned int i;

	lockdep_assert_held(&pf->registers);
	for (i = 0; i < pf->queue_count; i++)
		vp_modern_set_queue_enable(&pf->mdev, pf->queues[i].index, true);
	for (i = 0; i < pf->admin.count; i++)
		vp_modern_set_queue_enable(&pf->mdev, pf->admin.queues[i].queue.index, true);
}

/**
 * vfvirt_queues_find() - make the class driver's queues, and the administration queues with them
 * @vdev: the virtio device, features negotiated, before DRIVER_OK
 * @nvqs: entries of @vqs and @vqs_info
 * @vqs: filled in; an entry without a name gets NULL
 * @vqs_info: what the class driver wants
 * @affinity: how its interrupts are to be spread, or NULL
 *
 * The PF works as a NIC also without administration queues.
 *
 * Context: process context. The operation find_vqs of the transport.
 * Return: 0 or a negative errno; then nothing is left behind.
 */
int vfvirt_queues_find(struct virtio_device *vdev, unsigned int nvqs, struct virtqueue *vqs[],
		       struct virtqueue_info vqs_info[], struct irq_affinity *affinity)
{
	struct vfvirt_pf *pf = vdev_to_pf(vdev);
	int error;

	/* A class driver whose thawing failed half-way has not deleted its queues. */
	if (pf->queues)
		vfvirt_queues_delete(vdev);
	pf->queues = kcalloc(nvqs, sizeof(*pf->queues), GFP_KERNEL);
	if (!pf->queues)
		return -ENOMEM;

	mutex_lock(&pf->admin.life);
	mutex_lock(&pf->registers);
	error = create_all(pf, nvqs, vqs, vqs_info);
	if (!error && !pf->dead) {
		vfvirt_adminq_create(pf);
		error = vfvirt_vectors_request(pf, affinity);
		if (!error)
			enable_all(pf);
	}
	mutex_unlock(&pf->registers);
	mutex_unlock(&pf->admin.life);
	if (error)
		vfvirt_queues_delete(vdev);
	return error;
}

/**
 * vfvirt_queues_delete() - free interrupts and all queues
 * @vdev: the virtio device; it was reset, or its queues were never used
 *
 * Context: process context. The operation del_vqs of the transport.
 */
void vfvirt_queues_delete(struct virtio_device *vdev)
{
	struct vfvirt_pf *pf = vdev_to_pf(vdev);
	unsigned int i;

	mutex_lock(&pf->admin.life);
	mutex_lock(&pf->registers);
	vfvirt_vectors_free(pf);
	vfvirt_adminq_destroy(pf);
	mutex_unlock(&pf->registers);
	mutex_unlock(&pf->admin.life);

	for (i = 0; i < pf->queue_count; i++)
		vfvirt_queue_destroy(pf, &pf->queues[i]);
	/* A leaked ring still refers to its row. */
	if (!pf->may_dma)
		kfree(pf->queues);
	pf->queues = NULL;
	pf->queue_count = 0;
}

/**
 * vfvirt_queue_disable_and_reset() - reset one queue of the class driver
 * @vq: the queue; nobody but its interrupt uses it
 *
 * Context: process context, under RTNL when virtio_net calls. An operation of the transport.
 * Return: 0; -ENOENT without VIRTIO_F_RING_RESET; -ETIMEDOUT or -ENODEV.
 */
int vfvirt_queue_disable_and_reset(struct virtqueue *vq)
{
	struct vfvirt_pf *pf = vdev_to_pf(vq->vdev);
	int error;

	if (!vfvirt_has_queue_reset(pf))
		return -ENOENT;
	if (pf->dead)
		return -ENODEV;
	mutex_lock(&pf->registers);
	error = vfvirt_queue_reset(pf, vq->priv);
	mutex_unlock(&pf->registers);
	if (error)
		return error;
	/* The handlers of shared interrupts leave out queues that are reset. */
	WRITE_ONCE(vq->reset, true);
	__virtqueue_break(vq);
	vfvirt_vectors_synchronize(pf);
	return 0;
}

/**
 * vfvirt_queue_enable_after_reset() - put one queue of the class driver to use again
 * @vq: the queue, with a fresh ring
 *
 * Context: process context, under RTNL when virtio_net calls. An operation of the transport.
 * Return: 0; -EBUSY when the queue is not reset or its interrupt is refused.
 */
int vfvirt_queue_enable_after_reset(struct virtqueue *vq)
{
	struct vfvirt_pf *pf = vdev_to_pf(vq->vdev);
	struct vfvirt_queue *queue = vq->priv;
	int error = -EBUSY;

	if (!vq->reset)
		return -EBUSY;
	mutex_lock(&pf->registers);
	if (!vp_modern_get_queue_reset(&pf->mdev, queue->index) &&
	    !vp_modern_get_queue_enable(&pf->mdev, queue->index)) {
		vfvirt_queue_program(pf, queue);
		error = pf->vectors.msix ?
			vfvirt_queue_set_vector(pf, queue, queue->msix_entry) : 0;
	}
	if (!error) {
		WRITE_ONCE(vq->reset, false);
		__virtqueue_unbreak(vq);
		vp_modern_set_queue_enable(&pf->mdev, queue->index, true);
	}
	mutex_unlock(&pf->registers);
	return error;
}
