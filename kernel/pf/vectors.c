// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts of the PF: MSI-X with a vector for each queue, else with few vectors, else INTx.
 *
 * Entry 0 of the MSI-X table is for configuration changes. An administration queue has an entry
 * of its own when there are enough, else it shares entry 0.
 */
#include <linux/interrupt.h>

#include "pf.h"

static void class_queues_interrupt(struct vfvirt_pf *pf, int irq)
{
	struct virtqueue *vq;
	unsigned int i;

	for (i = 0; i < pf->queue_count; i++) {
		vq = pf->queues[i].vq;
		if (vq->callback && !READ_ONCE(vq->reset))
			vring_interrupt(irq, vq);
	}
}

static void configuration_interrupt(struct vfvirt_pf *pf)
{
	virtio_config_changed(&pf->vdev);
	/* DEVICE_NEEDS_RESET is told in the same way; reading the status can wait for a worker. */
	WRITE_ONCE(pf->recovery.needs_reset, true);
	vfvirt_recovery_kick(pf);
}

static void sharing_adminqs_interrupt(struct vfvirt_pf *pf)
{
	unsigned int i;

	for (i = 0; i < pf->admin.count; i++)
		if (pf->admin.queues[i].queue.msix_entry == 0)
			vfvirt_ring_interrupt(&pf->admin.queues[i]);
}

/*
 * An MSI-X vector is nobody else's, so its handlers always claim it: a queue that was emptied by
 * polling would else look like a stuck line.
 */
static irqreturn_t handle_config(int irq, void *cookie)
{
	struct vfvirt_pf *pf = cookie;

	sharing_adminqs_interrupt(pf);
	configuration_interrupt(pf);
	return IRQ_HANDLED;
}

static irqreturn_t handle_class_queues(int irq, void *cookie)
{
	class_queues_interrupt(cookie, irq);
	return IRQ_HANDLED;
}

static irqreturn_t handle_adminq(int irq, void *cookie)
{
	vfvirt_ring_interrupt(cookie);
	return IRQ_HANDLED;
}

/*
 * Reading the ISR clears it and lowers the line, so any bit means that the interrupt was ours,
 * also when no queue has news any more (B-F09). All ones is a card that is gone.
 */
static irqreturn_t handle_intx(int irq, void *cookie)
{
	struct vfvirt_pf *pf = cookie;
	u8 isr = ioread8(pf->mdev.isr);
	unsigned int i;

	if (!isr || isr == 0xff)
		return IRQ_NONE;
	if (isr & VIRTIO_PCI_ISR_CONFIG)
		configuration_interrupt(pf);
	class_queues_interrupt(pf, irq);
	for (i = 0; i < pf->admin.count; i++)
		vfvirt_ring_interrupt(&pf->admin.queues[i]);
	return IRQ_HANDLED;
}

static int vector_to_irq(struct vfvirt_pf *pf, unsigned int row)
{
	return pf->vectors.msix ? pci_irq_vector(pf->pdev, row) : pf->pdev->irq;
}

static int request_row(struct vfvirt_pf *pf, unsigned int row, irq_handler_t handler,
		       const char *suffix, void *cookie)
{
	struct vfvirt_vector *vector = &pf->vectors.table[row];
	int error;

	snprintf(vector->name, sizeof(vector->name), "%s-%s", dev_name(&pf->vdev.dev), suffix);
	error = request_irq(vector_to_irq(pf, row), handler, pf->vectors.msix ? 0 : IRQF_SHARED,
			    vector->name, cookie);
	if (!error)
		vector->cookie = cookie;
	return error;
}

/**
 * vfvirt_vectors_free() - give all interrupts back
 * @pf: the PF
 *
 * Afterwards no handler runs any more.
 *
 * Context: process context, pf->registers held.
 */
void vfvirt_vectors_free(struct vfvirt_pf *pf)
{
	struct vfvirt_vectors *vectors = &pf->vectors;
	unsigned int row;

	lockdep_assert_held(&pf->registers);
	for (row = 0; vectors->table && row < vectors->count; row++) {
		if (!vectors->table[row].cookie)
			continue;
		if (vectors->table[row].hinted)
			irq_update_affinity_hint(vector_to_irq(pf, row), NULL);
		free_irq(vector_to_irq(pf, row), vectors->table[row].cookie);
	}
	if (vectors->msix) {
		if (!pf->gone)
			vp_modern_config_vector(&pf->mdev, VIRTIO_MSI_NO_VECTOR);
		pci_free_irq_vectors(pf->pdev);
	}
	kfree(vectors->table);
	memset(vectors, 0, sizeof(*vectors));
}

static int make_table(struct vfvirt_pf *pf, unsigned int count)
{
	pf->vectors.table = kcalloc(count, sizeof(*pf->vectors.table), GFP_KERNEL);
	if (!pf->vectors.table)
		return -ENOMEM;
	pf->vectors.count = count;
	return 0;
}

/* Entries 1.. for the queues of the class driver, one each or one for all. */
static int assign_class_queues(struct vfvirt_pf *pf, bool per_queue, unsigned int *next)
{
	struct vfvirt_queue *queue;
	unsigned int i, entry;
	int error;

	for (i = 0; i < pf->queue_count; i++) {
		queue = &pf->queues[i];
		if (!queue->vq->callback)
			continue;
		entry = per_queue ? (*next)++ : 1;
		error = vfvirt_queue_set_vector(pf, queue, entry);
		if (!error && per_queue)
			error = request_row(pf, entry, vring_interrupt, queue->vq->name,
					    queue->vq);
		if (error)
			return error;
	}
	if (per_queue)
		return 0;
	*next = 2;
	return request_row(pf, 1, handle_class_queues, "virtqueues", pf);
}

static int assign_adminqs(struct vfvirt_pf *pf, bool own, unsigned int *next)
{
	struct vfvirt_adminq *adminq;
	unsigned int i, entry;
	int error;

	for (i = 0; i < pf->admin.count; i++) {
		adminq = &pf->admin.queues[i];
		entry = own ? (*next)++ : 0;
		error = vfvirt_queue_set_vector(pf, &adminq->queue, entry);
		if (!error && own)
			error = request_row(pf, entry, handle_adminq, adminq->name, adminq);
		if (error)
			return error;
	}
	return 0;
}

static int request_msix(struct vfvirt_pf *pf, struct irq_affinity *affinity, bool per_queue,
			bool own_adminq)
{
	unsigned int class_count = 0, count, next = 1, i;
	struct irq_affinity spread = { };
	int error;

	for (i = 0; per_queue && i < pf->queue_count; i++)
		class_count += !!pf->queues[i].vq->callback;
	if (!per_queue)
		class_count = 1;
	count = 1 + class_count + (own_adminq ? pf->admin.count : 0);

	error = make_table(pf, count);
	if (error)
		return error;
	if (affinity && per_queue) {
		spread = *affinity;
		spread.pre_vectors += 1;
		spread.post_vectors += own_adminq ? pf->admin.count : 0;
	}
	error = pci_alloc_irq_vectors_affinity(pf->pdev, count, count,
					       PCI_IRQ_MSIX |
					       (affinity && per_queue ? PCI_IRQ_AFFINITY : 0),
					       affinity && per_queue ? &spread : NULL);
	if (error < 0)
		goto failed;
	pf->vectors.msix = true;
	pf->vectors.per_queue = per_queue;

	error = -EBUSY;
	if (vp_modern_config_vector(&pf->mdev, 0) != 0)
		goto failed;
	error = request_row(pf, 0, handle_config, "config", pf);
	if (!error)
		error = assign_class_queues(pf, per_queue, &next);
	if (!error)
		error = assign_adminqs(pf, own_adminq, &next);
	if (!error)
		return 0;
failed:
	vfvirt_vectors_free(pf);
	return error;
}

static int request_intx(struct vfvirt_pf *pf)
{
	int error;

	if (!pf->pdev->pin)
		return -ENODEV;
	error = make_table(pf, 1);
	if (!error)
		error = request_row(pf, 0, handle_intx, "intx", pf);
	if (error)
		vfvirt_vectors_free(pf);
	return error;
}

/**
 * vfvirt_vectors_request() - request the interrupts of all queues
 * @pf: the PF; all rings are made and programmed, no queue is enabled
 * @affinity: how the class driver wants its vectors spread, or NULL
 *
 * Tries, in this order: a vector for each queue; the same with the administration queues on the
 * configuration's vector; two vectors; INTx.
 *
 * Context: process context, pf->registers held.
 * Return: 0, or the error of the last way tried.
 */
int vfvirt_vectors_request(struct vfvirt_pf *pf, struct irq_affinity *affinity)
{
	int error;

	lockdep_assert_held(&pf->registers);
	error = request_msix(pf, affinity, true, true);
	if (error && pf->admin.count)
		error = request_msix(pf, affinity, true, false);
	if (error)
		error = request_msix(pf, affinity, false, false);
	if (error)
		error = request_intx(pf);
	if (error)
		pci_err(pf->pdev, "no interrupts: neither MSI-X nor INTx can be had (%d)\n", error);
	return error;
}

/**
 * vfvirt_vectors_synchronize() - wait until no interrupt handler of the PF runs
 * @pf: the PF
 *
 * Context: process context.
 */
void vfvirt_vectors_synchronize(struct vfvirt_pf *pf)
{
	unsigned int row;

	for (row = 0; pf->vectors.table && row < pf->vectors.count; row++)
		if (pf->vectors.table[row].cookie)
			synchronize_irq(vector_to_irq(pf, row));
}

/**
 * vfvirt_vectors_set_affinity() - bind a queue's interrupt to CPUs
 * @vq: a queue of the class driver
 * @mask: the CPUs, kept by reference as a hint; NULL removes it
 *
 * Context: process context. The operation set_vq_affinity of the transport.
 * Return: 0, also when the queue has no vector of its own; -EINVAL without a callback.
 */
int vfvirt_vectors_set_affinity(struct virtqueue *vq, const struct cpumask *mask)
{
	struct vfvirt_pf *pf = vdev_to_pf(vq->vdev);
	struct vfvirt_queue *queue = vq->priv;
	int irq;

	if (!vq->callback)
		return -EINVAL;
	if (!pf->vectors.msix || !pf->vectors.per_queue)
		return 0;
	irq = pci_irq_vector(pf->pdev, queue->msix_entry);
	if (mask)
		irq_set_affinity_and_hint(irq, mask);
	else
		irq_update_affinity_hint(irq, NULL);
	pf->vectors.table[queue->msix_entry].hinted = mask;
	return 0;
}

/**
 * vfvirt_vectors_affinity() - which CPUs a queue's interrupt goes to
 * @vdev: the virtio device
 * @index: number of the queue
 *
 * Context: process context. The operation get_vq_affinity of the transport.
 * Return: the mask, owned by the kernel; NULL when the queue has no vector of its own.
 */
const struct cpumask *vfvirt_vectors_affinity(struct virtio_device *vdev, int index)
{
	struct vfvirt_pf *pf = vdev_to_pf(vdev);

	if (!pf->vectors.msix || !pf->vectors.per_queue || index < 0 ||
	    index >= pf->queue_count ||
	    pf->queues[index].msix_entry == VIRTIO_MSI_NO_VECTOR)
		return NULL;
	return pci_irq_get_affinity(pf->pdev, pf->queues[index].msix_entry);
}
