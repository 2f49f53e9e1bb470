/* SPDX-License-Identifier: GPL-2.0-only */
/* The administration queues: takes commands, has them executed, answers them now or later. */
#include "qemu/osdep.h"
#include "qemu/guest-random.h"
#include "qemu/iov.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "system/dma.h"
#include "command.h"
#include "function.h"
#include "trace.h"

#define STATUS_NONE 0xffff /* in the trace only: dropped without an answer */

typedef struct AdminQueue AdminQueue;

/*
 * A command that was taken from its queue and not yet answered. Its buffers are unmapped as soon
 * as the readable part is copied, so that only addresses are held, for however long; the answer
 * goes through the IOMMU as it is then.
 */
typedef struct Entry {
    VirtQueueElement elem; /* must stay first; in_num and out_num are 0 once unmapped */
    AdminQueue *queue;
    unsigned writable_parts; /* valid entries of elem.in_addr and elem.in_sg */
    size_t writable_bytes;
    int64_t start_ns;
    bool executed;
    bool held; /* by the fault held_by; not to be answered yet */
    bool holds_queue;
    VfvirtFaultKind held_by;
    QEMUTimer *timer; /* ends a delay; NULL unless delayed */
    VfvirtCommand command;
    QTAILQ_ENTRY(Entry) next;
} Entry;

struct AdminQueue {
    VfvirtAdmin *admin;
    VirtQueue *vq;       /* NULL until the first kick */
    uint32_t generation; /* changes with every reset: entries of an older one are not pushed */
    QTAILQ_HEAD(, Entry) entries; /* in the order they were taken */
};

struct VfvirtAdmin {
    VfvirtPf *pf; /* not owned */
    AdminQueue queue[VFVIRT_ADMIN_QUEUES_MAX];
    VfvirtOpcodeLists lists;
    /*
     * Set while commands are processed. A guest may lay its rings over registers whose writing
     * leads back here, even to the end of the card: a second run is put off to the bottom half,
     * and every run holds a reference to the card.
     */
    bool busy;
    bool group_lost; /* VF Enable was just cleared: what waits in the rings is not delayed */
    QEMUBH *later;
};

static void queue_run(AdminQueue *queue);

static VirtIODevice *admin_vdev(VfvirtAdmin *admin)
{
    return VIRTIO_DEVICE(&admin->pf->fn.net);
}

/* ---- Taking a command ---------------------------------------------------------------------- */

/* Ends the mapping of the buffers that virtqueue_pop() made; writes nothing. */
static void entry_unmap(Entry *entry, VirtIODevice *vdev)
{
    VirtQueueElement *elem = &entry->elem;

    for (unsigned i = 0; i < elem->in_num; i++) {
        dma_memory_unmap(vdev->dma_as, elem->in_sg[i].iov_base, elem->in_sg[i].iov_len,
                         DMA_DIRECTION_FROM_DEVICE, 0);
    }
    for (unsigned i = 0; i < elem->out_num; i++) {
        dma_memory_unmap(vdev->dma_as, elem->out_sg[i].iov_base, elem->out_sg[i].iov_len,
                         DMA_DIRECTION_TO_DEVICE, 0);
    }
    entry->writable_parts = elem->in_num;
    elem->in_num = elem->out_num = 0;
}

/* The next command of the queue, decoded, in no list yet; NULL when there is none. */
static Entry *entry_take(AdminQueue *queue)
{
    VfvirtPf *pf = queue->admin->pf;
    Entry *entry = virtqueue_pop(queue->vq, sizeof(Entry));
    VfvirtCommand *command;
    size_t readable_bytes;

    if (!entry) {
        return NULL;
    }
    /* What follows the element comes uninitialised. */
    memset((uint8_t *)entry + sizeof(VirtQueueElement), 0,
           sizeof(Entry) - sizeof(VirtQueueElement));
    entry->queue = queue;
    entry->start_ns = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    entry->writable_bytes = iov_size(entry->elem.in_sg, entry->elem.in_num);

    /* S-28: what the driver left out reads as zeros. */
    command = &entry->command;
    readable_bytes = iov_size(entry->elem.out_sg, entry->elem.out_num);
    command->in_bytes = MIN(readable_bytes, IN_BYTES_MAX);
    command->in = g_malloc0(MAX(command->in_bytes, IN_BYTES_MIN));
    iov_to_buf(entry->elem.out_sg, entry->elem.out_num, 0, command->in, command->in_bytes);
    entry_unmap(entry, admin_vdev(queue->admin));

    vfvirt_command_decode(pf, command, readable_bytes, entry->writable_bytes);
    vfvirt_count_submitted(pf->counters, command->port, command->opcode);
    return entry;
}

static void entry_free(Entry *entry)
{
    timer_free(entry->timer);
    g_free(entry->command.in);
    g_free(entry);
}

static void entry_trace(const Entry *entry, uint16_t status)
{
    const VfvirtCommand *command = &entry->command;

    trace_vfvirt_admin_command(command->opcode, command->group_type, command->member_id,
                               command->offset, command->length_bytes, status, command->qualifier,
                               qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) - entry->start_ns);
}

/* The end of an entry, in no list, that gets no answer; no buffer of it is touched. */
static void entry_forget(Entry *entry)
{
    VfvirtPf *pf = entry->queue->admin->pf;

    vfvirt_count_unanswered(pf->counters, entry->command.port, entry->command.opcode);
    entry_trace(entry, STATUS_NONE);
    entry_free(entry);
}

/* ---- Holding ------------------------------------------------------------------------------- */

static void entry_release(Entry *entry)
{
    entry->held = false;
    entry->holds_queue = false;
    if (entry->timer) {
        timer_del(entry->timer);
    }
}

static void entry_timeout(void *opaque)
{
    Entry *entry = opaque;

    entry_release(entry);
    queue_run(entry->queue);
}

/*
 * Lets an armed stall or delay seize the command. One that holds up its queue is not executed
 * before its time; one that holds only itself is executed in its turn (S-27) and answered late.
 */
static void entry_hold(Entry *entry)
{
    VfvirtAdmin *admin = entry->queue->admin;
    VfvirtPf *pf = admin->pf;
    const VfvirtCommand *command = &entry->command;
    const VfvirtFault *fault = vfvirt_fault_strike(pf->faults, VFVIRT_FAULT_STALL, command->port,
                                                   command->opcode);

    if (!fault && !(admin->group_lost && !vfvirt_command_group_exists(pf, command))) {
        fault = vfvirt_fault_strike(pf->faults, VFVIRT_FAULT_DELAY, command->port,
                                    command->opcode);
    }
    if (!fault) {
        return;
    }
    entry->held = true;
    entry->held_by = fault->kind;
    entry->holds_queue = fault->hold_queue;
    if (fault->kind == VFVIRT_FAULT_DELAY) {
        entry->timer = timer_new_ms(QEMU_CLOCK_VIRTUAL, entry_timeout, entry);
        timer_mod(entry->timer, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) + fault->ms);
    }
}

/* ---- Answering ----------------------------------------------------------------------------- */

/*
 * Scatters the answer over the writable parts, into memory only. What the driver has unmapped
 * meanwhile loses its bytes, as with any device behind an IOMMU.
 */
static void entry_write(Entry *entry, VirtIODevice *vdev, const uint8_t *data,
                        size_t length_bytes)
{
    const MemTxAttrs memory_only = { .memory = 1 };

    for (unsigned i = 0; i < entry->writable_parts && length_bytes; i++) {
        size_t part_bytes = MIN(entry->elem.in_sg[i].iov_len, length_bytes);

        dma_memory_write(vdev->dma_as, entry->elem.in_addr[i], data, part_bytes, memory_only);
        data += part_bytes;
        length_bytes -= part_bytes;
    }
}

static unsigned used_length(VfvirtPf *pf, const VfvirtCommand *command, size_t written_bytes)
{
    const VfvirtFault *fault = vfvirt_fault_strike(pf->faults, VFVIRT_FAULT_USED_LENGTH,
                                                   command->port, command->opcode);

    if (!fault) {
        return written_bytes;
    }
    switch (fault->mode) {
    case VFVIRT_USED_SHORT:
        return written_bytes - MIN(written_bytes, fault->bytes);
    case VFVIRT_USED_LONG:
        return written_bytes + fault->bytes;
    default:
        return 0;
    }
}

/*
 * True when the element is to be returned twice. The bookkeeping of an in-order queue knows each
 * element once, so there the fault does not strike.
 */
static bool is_duplicated(VfvirtPf *pf, const VfvirtCommand *command)
{
    return !virtio_vdev_has_feature(VIRTIO_DEVICE(&pf->fn.net), VIRTIO_F_IN_ORDER) &&
           vfvirt_fault_strike(pf->faults, VFVIRT_FAULT_DUPLICATE, command->port,
                               command->opcode);
}

/*
 * Returns the element to the driver a second time. The queue counts the elements in use, and
 * would count one too few: the detaching of -1 descriptors is the one public way to add to it.
 */
static void queue_push_again(VirtQueue *vq, unsigned index, unsigned length_bytes)
{
    VirtQueueElement again = { .index = index, .ndescs = -1 };

    virtqueue_detach_element(vq, &again, 0);
    again.ndescs = 1;
    virtqueue_push(vq, &again, length_bytes);
}

/* Answers and frees an entry that is in no list. */
static void entry_answer(Entry *entry)
{
    AdminQueue *queue = entry->queue;
    VfvirtPf *pf = queue->admin->pf;
    VfvirtCommand *command = &entry->command;
    uint8_t answer[OUT_HEADER_BYTES + RESULT_BYTES_MAX] = { 0 };
    uint32_t generation = queue->generation;
    size_t written_bytes = MIN(OUT_HEADER_BYTES + command->result_bytes, entry->writable_bytes);
    unsigned length_bytes = used_length(pf, command, written_bytes);
    bool duplicated = is_duplicated(pf, command);

    if (command->result_bytes && vfvirt_fault_strike(pf->faults, VFVIRT_FAULT_RANDOM_RESULT,
                                                     command->port, command->opcode)) {
        qemu_guest_getrandom_nofail(command->result, command->result_bytes);
    }
    stw_le_p(answer, command->status);
    stw_le_p(answer + 2, command->qualifier);
    memcpy(answer + OUT_HEADER_BYTES, command->result, command->result_bytes);
    entry_write(entry, admin_vdev(queue->admin), answer, written_bytes);
    vfvirt_count_answered(pf->counters, command->port, command->opcode, command->status,
                          command->qualifier);
    entry_trace(entry, command->status);

    virtqueue_push(queue->vq, &entry->elem, length_bytes);
    if (duplicated && queue->generation == generation) {
        queue_push_again(queue->vq, entry->elem.index, length_bytes);
    }
    if (queue->generation == generation) {
        vfvirt_net_interrupt(&pf->fn.net, queue->vq);
    }
    entry_free(entry);
}

/* Executes an entry that is in no list. False: the queue was reset by it, and it is no more. */
static bool entry_execute(Entry *entry)
{
    AdminQueue *queue = entry->queue;
    uint32_t generation = queue->generation;

    entry->executed = true;
    vfvirt_command_execute(queue->admin->pf, &queue->admin->lists, &entry->command);
    if (queue->generation != generation) {
        entry_forget(entry);
        return false;
    }
    return true;
}

/* ---- Running a queue ----------------------------------------------------------------------- */

/* The next command that may be answered; with IN_ORDER only the oldest one may. */
static Entry *queue_next_ready(AdminQueue *queue)
{
    bool in_order = virtio_vdev_has_feature(admin_vdev(queue->admin), VIRTIO_F_IN_ORDER);
    Entry *entry;

    QTAILQ_FOREACH(entry, &queue->entries, next) {
        if (!entry->held) {
            return entry;
        }
        if (in_order) {
            return NULL;
        }
    }
    return NULL;
}

static bool queue_held_up(AdminQueue *queue)
{
    Entry *entry;

    QTAILQ_FOREACH(entry, &queue->entries, next) {
        if (entry->holds_queue) {
            return true;
        }
    }
    return false;
}

static bool queue_usable(AdminQueue *queue)
{
    /* S-04: there is no such queue without the feature. */
    return queue->vq && vfvirt_net_running(&queue->admin->pf->fn.net) &&
           virtio_vdev_has_feature(admin_vdev(queue->admin), VFVIRT_F_ADMIN_VQ);
}

static void queue_answer_ready(AdminQueue *queue)
{
    Entry *entry;

    while (queue_usable(queue) && (entry = queue_next_ready(queue))) {
        QTAILQ_REMOVE(&queue->entries, entry, next);
        if (entry->executed || entry_execute(entry)) {
            entry_answer(entry);
        }
    }
}

/* Takes one command and executes it, unless it is held before that. False: there is none. */
static bool queue_take_one(AdminQueue *queue)
{
    Entry *entry = entry_take(queue);

    if (!entry) {
        return false;
    }
    entry_hold(entry);
    if (entry->holds_queue || entry_execute(entry)) {
        QTAILQ_INSERT_TAIL(&queue->entries, entry, next);
    }
    return true;
}

/*
 * Answers what is ready, takes what is new; after one ring's worth leaves the rest for later.
 * The last reference to the card, and `queue` with it, may be gone on return.
 */
static void queue_run(AdminQueue *queue)
{
    VfvirtAdmin *admin = queue->admin;
    VfvirtPf *pf = admin->pf;
    unsigned budget = VIRTQUEUE_MAX_SIZE;

    if (admin->busy) {
        qemu_bh_schedule(admin->later);
        return;
    }
    admin->busy = true;
    object_ref(OBJECT(pf));
    queue_answer_ready(queue);
    while (queue_usable(queue) && !queue_held_up(queue)) {
        if (!budget--) {
            qemu_bh_schedule(admin->later);
            break;
        }
        if (!queue_take_one(queue)) {
            break;
        }
        queue_answer_ready(queue);
    }
    admin->busy = false;
    object_unref(OBJECT(pf));
}

static void admin_later(void *opaque)
{
    VfvirtAdmin *admin = opaque;
    VfvirtPf *pf = admin->pf;

    object_ref(OBJECT(pf));
    for (unsigned i = 0; i < VFVIRT_ADMIN_QUEUES_MAX; i++) {
        queue_run(&admin->queue[i]);
    }
    if (!admin->busy) {
        admin->group_lost = false;
    }
    object_unref(OBJECT(pf));
}

/* The administration queue with that virtqueue index, or NULL. */
static AdminQueue *queue_by_index(VfvirtAdmin *admin, unsigned index)
{
    VfvirtPf *pf = admin->pf;

    if (index < pf->admin_queue_index || index - pf->admin_queue_index >= pf->admin_queues) {
        return NULL;
    }
    return &admin->queue[index - pf->admin_queue_index];
}

static void queue_reset(AdminQueue *queue)
{
    Entry *entry;

    queue->generation++;
    while ((entry = QTAILQ_FIRST(&queue->entries))) {
        QTAILQ_REMOVE(&queue->entries, entry, next);
        virtqueue_detach_element(queue->vq, &entry->elem, 0);
        entry_forget(entry);
    }
}

/* ---- The interface of this file ------------------------------------------------------------ */

VfvirtAdmin *vfvirt_admin_new(VfvirtPf *pf)
{
    VfvirtAdmin *admin = g_new0(VfvirtAdmin, 1);

    admin->pf = pf;
    admin->later = qemu_bh_new(admin_later, admin);
    for (unsigned i = 0; i < VFVIRT_ADMIN_QUEUES_MAX; i++) {
        admin->queue[i].admin = admin;
        QTAILQ_INIT(&admin->queue[i].entries);
    }
    vfvirt_opcode_lists_reset(&admin->lists);
    return admin;
}

void vfvirt_admin_free(VfvirtAdmin *admin)
{
    if (admin) {
        vfvirt_admin_device_reset(admin);
        qemu_bh_delete(admin->later);
        g_free(admin);
    }
}

void vfvirt_admin_handle_output(VirtIODevice *vdev, VirtQueue *vq)
{
    VfvirtAdmin *admin = VFVIRT_NET(vdev)->pf->admin;
    AdminQueue *queue = queue_by_index(admin, virtio_get_queue_index(vq));

    if (queue) {
        queue->vq = vq;
        queue_run(queue);
    }
}

void vfvirt_admin_queue_reset(VfvirtAdmin *admin, uint16_t index)
{
    AdminQueue *queue = queue_by_index(admin, index);

    if (queue) {
        queue_reset(queue);
    }
}

void vfvirt_admin_device_reset(VfvirtAdmin *admin)
{
    for (unsigned i = 0; i < VFVIRT_ADMIN_QUEUES_MAX; i++) {
        queue_reset(&admin->queue[i]);
    }
    vfvirt_opcode_lists_reset(&admin->lists);
}

void vfvirt_admin_vfs_disabled(VfvirtAdmin *admin)
{
    admin->group_lost = true;
    for (unsigned i = 0; i < VFVIRT_ADMIN_QUEUES_MAX; i++) {
        Entry *entry;

        QTAILQ_FOREACH(entry, &admin->queue[i].entries, next) {
            bool stalled = entry->held && entry->held_by == VFVIRT_FAULT_STALL;

            if (!stalled && !vfvirt_command_group_exists(admin->pf, &entry->command)) {
                vfvirt_command_refuse_group(&entry->command);
                entry->executed = true;
                entry_release(entry);
            }
        }
    }
    admin_later(admin);
}

uint32_t vfvirt_admin_in_flight(VfvirtAdmin *admin)
{
    uint32_t count = 0;

    for (unsigned i = 0; i < VFVIRT_ADMIN_QUEUES_MAX; i++) {
        Entry *entry;

        QTAILQ_FOREACH(entry, &admin->queue[i].entries, next) {
            count++;
        }
    }
    return count;
}

void vfvirt_admin_release(VfvirtAdmin *admin, VfvirtFaultKind kind)
{
    for (unsigned i = 0; i < VFVIRT_ADMIN_QUEUES_MAX; i++) {
        Entry *entry;

        QTAILQ_FOREACH(entry, &admin->queue[i].entries, next) {
            if (entry->held && entry->held_by == kind) {
                entry_release(entry);
            }
        }
    }
    admin_later(admin);
}
