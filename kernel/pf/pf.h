/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of vfvirt_pf share: the PF, its virtqueues, its administration queues.
 *
 * Locks, outermost first; a function that needs one says so:
 *
 *   device lock of the PCI function   probe, remove, reset, sriov_numvfs (taken by the PCI core)
 *   device lock of the virtio device  the class driver comes, goes, is frozen or thawed
 *   RTNL                              taken by virtio_net around some of the operations below
 *   pf->admin.life                    administration queues are made, reset, taken down
 *   pf->registers                     queue_select and what it selects; feature selects
 *   pf->admin.lock                    spinlock, taken in interrupts: slots, waiters, rings, states
 *
 * pf->publish.mutex stands apart: only vfvirt_publish() takes it, with none of the above but the
 * device locks held, around the calls into vfvirt_core.
 */
#ifndef VFVIRT_PF_H
#define VFVIRT_PF_H

#include <linux/completion.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/spinlock.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci_modern.h>
#include <linux/virtio_ring.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "vfvirt_core.h"
#include "virtio_compat.h"

/* Feature bits that not every supported kernel names. */
#define VFVIRT_F_IN_ORDER		35
#define VFVIRT_F_SR_IOV			37
#define VFVIRT_F_NOTIFICATION_DATA	38
#define VFVIRT_F_NOTIF_CONFIG_DATA	39
#define VFVIRT_F_RING_RESET		40
#define VFVIRT_F_ADMIN_VQ		41

/* The common configuration (virtio 1.3, 4.1.4.3): where its later fields lie and end. */
#define VFVIRT_COMMON_QUEUE_RESET	0x3a
#define VFVIRT_COMMON_RESET_END		0x3c
#define VFVIRT_COMMON_ADMIN_INDEX	0x3c
#define VFVIRT_COMMON_ADMIN_NUM		0x3e
#define VFVIRT_COMMON_ADMIN_END		0x40

/* More queues than this would only cost memory: commands are rare. */
#define VFVIRT_ADMINQ_MAX		8
/* Commands that one queue holds at most, whatever the ring's size. */
#define VFVIRT_SLOTS_MAX		128
/* Commands that one VF may have in a queue: a VF that hammers leaves room for the others. */
#define VFVIRT_MEMBER_SLOTS_MAX		4

/* A wait for the device is cut into slices; between them the card's presence is checked. */
#define VFVIRT_SLICE_MS			100
/* How long orderly work lets running commands end by themselves before it aborts them. */
#define VFVIRT_DRAIN_LIMIT_MS		1000
/* How long a queue may take to acknowledge its reset. */
#define VFVIRT_QUEUE_RESET_LIMIT_MS	1000
/* A device that did not acknowledge its last reset is not given the full time again. */
#define VFVIRT_STUCK_RESET_LIMIT_MS	500

struct vfvirt_pf;

/**
 * struct vfvirt_queue - one virtqueue, of the class driver or for administration
 * @vq: the ring; NULL when there is none
 * @doorbell: where to write the queue's index
 * @index: the device's number of the queue
 * @msix_entry: its MSI-X table entry or VIRTIO_MSI_NO_VECTOR
 */
struct vfvirt_queue {
	struct virtqueue *vq;
	void __iomem *doorbell;
	u16 index;
	u16 msix_entry;
};

/**
 * struct vfvirt_vector - one requested interrupt
 * @name: as /proc/interrupts shows it
 * @cookie: what request_irq() was given; NULL: not requested
 * @hinted: an affinity hint points into the class driver and must go before the interrupt
 */
struct vfvirt_vector {
	char name[48];
	void *cookie;
	bool hinted;
};

/**
 * struct vfvirt_vectors - how the PF interrupts
 * @table: one row for each MSI-X vector, or one for INTx; NULL: no interrupts requested
 * @count: rows
 * @msix: MSI-X, else INTx
 * @per_queue: each queue of the class driver has a vector of its own
 */
struct vfvirt_vectors {
	struct vfvirt_vector *table;
	unsigned int count;
	bool msix;
	bool per_queue;
};

enum vfvirt_adminq_state {
	VFVIRT_ADMINQ_ABSENT,	/* no ring, or the device has not been told to use it */
	VFVIRT_ADMINQ_READY,	/* takes commands */
	VFVIRT_ADMINQ_DRAINING,	/* takes none; what is in it ends or is aborted */
};

/**
 * struct vfvirt_slot - room for one command, made once, reused
 * @next_free: the next slot that nobody has
 * @queue: the queue it belongs to
 * @done: completed when @answered or @error is set, for a user that is @asleep
 * @block: VFVIRT_SLOT_BYTES, the readable part first, the writable part at half; the device may
 *	write to it while @device is set
 * @readable: the readable part; made with the slot, its length changes
 * @writable: the writable part, likewise
 * @command: what counters and tracepoints want to know of the command it was used for, no more;
 *	whose share of the slots it counts for is known from when it was given
 * @user: an execute() waits for it; with @device the two references of the slot
 * @device: the device has it, or may still write to it
 * @asleep: its user must be woken
 * @answered: the device gave it back in time
 * @error: why it will not be answered; 0: it may be
 * @used_bytes: what the device says it wrote, valid with @answered
 * @answered_ns: when the answer was found, likewise
 * @submitted_ns: when it was given to the device, or just before
 * @deadline: jiffies after which its user stops waiting
 */
struct vfvirt_slot {
	struct vfvirt_slot *next_free;
	struct vfvirt_adminq *queue;
	struct completion done;
	u8 *block;
	struct scatterlist readable;
	struct scatterlist writable;
	struct vfvirt_command command;
	bool user;
	bool device;
	bool asleep;
	bool answered;
	int error;
	u32 used_bytes;
	u64 answered_ns;
	u64 submitted_ns;
	unsigned long deadline;
};

#define VFVIRT_SLOT_BYTES		1024

/* The wait for this slot is over. */
static inline bool vfvirt_slot_ended(const struct vfvirt_slot *slot)
{
	/* Pairs with the release in ring.c: the answer is read after this. */
	return smp_load_acquire(&slot->answered) || READ_ONCE(slot->error);
}

/* The part of a slot that the device writes. */
static inline void *vfvirt_slot_answer(struct vfvirt_slot *slot)
{
	return slot->block + VFVIRT_SLOT_BYTES / 2;
}

/**
 * struct vfvirt_adminq - one administration queue; all under admin.lock unless said otherwise
 * @pf: the PF
 * @queue: its ring; changed under admin.life and admin.lock
 * @name: name of the ring
 * @state: see enum vfvirt_adminq_state
 * @hold: while draining, new commands wait instead of being refused
 * @broken: the device broke the ring's protocol; only a reset helps
 * @slots: @depth of them, made and freed under admin.life with the ring
 * @depth: commands that fit
 * @member_limit: of one VF
 * @free: the first slot that nobody has, or NULL
 * @users: slots that an execute() has
 * @pollers: who polls, and thereby takes the answers of the sleepers off as well: no interrupts
 * @in_flight: slots that the device has
 * @sleepers: who waits for the interrupt instead of polling
 * @abandoned: slots that only the device has
 * @newest_submission_ns: the latest submission
 * @newest_answer_ns: the latest submission that was answered: what came before it was passed over
 * @average_ns: moving average of the time to an answer
 * @commands: number of commands, to try polling again now and then
 */
struct vfvirt_adminq {
	struct vfvirt_pf *pf;
	struct vfvirt_queue queue;
	char name[16];
	enum vfvirt_adminq_state state;
	bool hold;
	bool broken;
	struct vfvirt_slot *slots;
	u16 depth;
	u16 member_limit;
	struct vfvirt_slot *free;
	u16 users;
	u16 in_flight;
	u16 pollers;
	u16 sleepers;
	u16 abandoned;
	u64 newest_submission_ns;
	u64 newest_answer_ns;
	u32 average_ns;
	u32 commands;
};

/**
 * struct vfvirt_load - what one VF has in the queues
 * @slots: slots it holds, also those only the device has
 * @turn: admin.turn when it was last given one
 */
struct vfvirt_load {
	u16 slots;
	u32 turn;
};

/**
 * struct vfvirt_admin - all administration queues of a PF
 * @life: held while queues are made, reset or taken down
 * @lock: all below and the queues' contents
 * @queues: the first @count are in use
 * @count: changed under @life and @lock
 * @first_index: the device's index of the first one
 * @waiting: commands that wait for a slot, in order of arrival
 * @members: load by member id, member_count rows; made once at probe
 * @member_count: TotalVFs + 1
 * @turn: counts the slots given out
 * @busy: slots of all queues that are not free
 * @exclusive: a command that tolerates no other (LIST_USE, S-42) is under way
 * @stopping: going down: no recovery may declare a queue ready any more
 * @idle: woken when a slot loses its user
 * @absent_reason: why there is no queue, valid while @count is 0
 */
struct vfvirt_admin {
	struct mutex life;		/* see above */
	spinlock_t lock;		/* see above */
	struct vfvirt_adminq queues[VFVIRT_ADMINQ_MAX];
	unsigned int count;
	u16 first_index;
	struct list_head waiting;
	struct vfvirt_load *members;
	u32 member_count;
	u32 turn;
	u32 busy;
	bool exclusive;
	bool stopping;
	wait_queue_head_t idle;
	enum vfvirt_owner_reason absent_reason;
};

/**
 * struct vfvirt_publish - what core is to be told about the owner
 * @mutex: serialises the calls into core
 * @work: tells core from a context without RTNL
 * @state: as last decided, under admin.lock like the two below
 * @reason: why
 * @wanted: counts decisions
 * @told: the last decision that core heard, under @mutex
 */
struct vfvirt_publish {
	struct mutex mutex;		/* see above */
	struct work_struct work;
	enum vfvirt_owner_state state;
	enum vfvirt_owner_reason reason;
	u32 wanted;
	u32 told;
};

/**
 * struct vfvirt_recovery - getting an owner back that does not answer; see recovery.c
 * @work: looks at the queues and does what is due
 * @paused: no work may start: somebody else resets or removes the PF; under admin.lock
 * @proving: the PF is being reset by recovery: ready only after a proof
 * @needs_reset: a configuration interrupt came: look for DEVICE_NEEDS_RESET
 * @attempts: recoveries since the last minute without trouble
 * @last: when the last one ended, in jiffies
 * @next: when the worker looks again, in jiffies
 * @has_next: it does
 */
struct vfvirt_recovery {
	struct delayed_work work;
	bool paused;
	bool proving;
	bool needs_reset;
	unsigned int attempts;
	unsigned long last;
	unsigned long next;
	bool has_next;
};

/**
 * struct vfvirt_pf - one PF
 * @vdev: what the class driver sees; its release frees the PF
 * @mdev: the kernel's library for modern virtio PCI devices
 * @pdev: the PCI function
 * @owner: registered with core; NULL before and after; changed under publish.mutex and
 *	admin.lock
 * @registers: queue_select and the feature selects are windows: one at a time
 * @common_length_bytes: what the capability says
 * @admin_registers: admin_queue_index and admin_queue_num; NULL when the capability is too short
 * @device_features: offered, bits 0..63
 * @offered: offered, all words; what a dead device is said to have
 * @driver_features: accepted, bits 0..63
 * @queues: of the class driver, in the order of its array
 * @queue_count: rows of @queues
 * @vectors: interrupts; constant while any is requested
 * @gone: the card does not answer on the bus
 * @stuck: the last reset was not acknowledged
 * @may_dma: the device may still write to memory after an unacknowledged reset: nothing that it
 *	had may be freed
 * @master_cleared: bus mastering was taken from the device
 * @resetting: the class driver is being frozen for a reset
 * @frozen: the class driver is frozen: it must be thawed, on a dead device if need be
 * @detached: the class driver cannot freeze and was unbound instead
 * @give_up: the class driver could not be thawed with the device: thaw it with a dead one
 * @error_stopped: stopped by an error of the bus, waiting for its recovery
 * @dead: operations act on nothing but @soft_status, so that a frozen class driver comes up
 *	and can be unbound although the device is gone or stuck
 * @soft_status: device_status of a dead device
 * @admin: administration queues
 * @publish: what core is told
 * @recovery: getting a silent owner back
 */
struct vfvirt_pf {
	struct virtio_device vdev;
	struct virtio_pci_modern_device mdev;
	struct pci_dev *pdev;
	struct vfvirt_owner *owner;

	struct mutex registers;		/* see above */
	u32 common_length_bytes;
	void __iomem *admin_registers;
	u64 device_features;
	u64 offered[VFVIRT_FEATURE_WORDS];
	u64 driver_features;

	struct vfvirt_queue *queues;
	unsigned int queue_count;
	struct vfvirt_vectors vectors;

	bool gone;
	bool stuck;
	bool may_dma;
	bool master_cleared;
	bool resetting;
	bool frozen;
	bool detached;
	bool give_up;
	bool error_stopped;
	bool dead;
	u8 soft_status;

	struct vfvirt_admin admin;
	struct vfvirt_publish publish;
	struct vfvirt_recovery recovery;
};

#define vdev_to_pf(v) container_of(v, struct vfvirt_pf, vdev)

extern struct workqueue_struct *vfvirt_pf_workqueue;

/* transport.c */
extern const struct virtio_config_ops vfvirt_config_ops;
bool vfvirt_pf_present(struct vfvirt_pf *pf);
void vfvirt_pf_gone(struct vfvirt_pf *pf);
int vfvirt_device_reset(struct vfvirt_pf *pf);

/* features.c */
int vfvirt_features_init(struct vfvirt_pf *pf);
void vfvirt_features_exit(struct vfvirt_pf *pf);
void vfvirt_features_offered(struct virtio_device *vdev, u64 *ret_words);
int vfvirt_features_finalize(struct virtio_device *vdev);
bool vfvirt_has_queue_reset(struct vfvirt_pf *pf);

/* queues.c */
int vfvirt_queues_find(struct virtio_device *vdev, unsigned int nvqs, struct virtqueue *vqs[],
		       struct virtqueue_info vqs_info[], struct irq_affinity *affinity);
void vfvirt_queues_delete(struct virtio_device *vdev);
int vfvirt_queue_disable_and_reset(struct virtqueue *vq);
int vfvirt_queue_enable_after_reset(struct virtqueue *vq);
int vfvirt_queue_create(struct vfvirt_pf *pf, struct vfvirt_queue *queue, u16 size_limit,
			bool context, vq_callback_t *callback, const char *name);
void vfvirt_queue_program(struct vfvirt_pf *pf, struct vfvirt_queue *queue);
int vfvirt_queue_set_vector(struct vfvirt_pf *pf, struct vfvirt_queue *queue, u16 msix_entry);
int vfvirt_queue_reset(struct vfvirt_pf *pf, struct vfvirt_queue *queue);
void vfvirt_queue_destroy(struct vfvirt_pf *pf, struct vfvirt_queue *queue);

/* vectors.c */
int vfvirt_vectors_request(struct vfvirt_pf *pf, struct irq_affinity *affinity);
void vfvirt_vectors_free(struct vfvirt_pf *pf);
void vfvirt_vectors_synchronize(struct vfvirt_pf *pf);
int vfvirt_vectors_set_affinity(struct virtqueue *vq, const struct cpumask *mask);
const struct cpumask *vfvirt_vectors_affinity(struct virtio_device *vdev, int index);

/* adminq.c */
int vfvirt_admin_init(struct vfvirt_pf *pf);
void vfvirt_admin_exit(struct vfvirt_pf *pf);
void vfvirt_adminq_create(struct vfvirt_pf *pf);
int vfvirt_adminq_make_ring(struct vfvirt_adminq *adminq);
void vfvirt_adminq_start(struct vfvirt_pf *pf);
void vfvirt_adminq_stop(struct vfvirt_pf *pf, enum vfvirt_owner_reason reason);
void vfvirt_adminq_abort(struct vfvirt_pf *pf);
void vfvirt_adminq_await_idle(struct vfvirt_pf *pf);
void vfvirt_adminq_resume(struct vfvirt_pf *pf);
void vfvirt_adminq_reclaim(struct vfvirt_adminq *adminq);
void vfvirt_adminq_reset_all(struct vfvirt_pf *pf);
void vfvirt_adminq_destroy(struct vfvirt_pf *pf);
u32 vfvirt_adminq_in_flight(struct vfvirt_pf *pf);
void vfvirt_owner_decide(struct vfvirt_pf *pf, enum vfvirt_owner_state state,
			 enum vfvirt_owner_reason reason);
void vfvirt_publish(struct vfvirt_pf *pf);

/* ring.c */
int vfvirt_ring_submit(struct vfvirt_slot *slot);
void vfvirt_ring_reap(struct vfvirt_adminq *adminq);
void vfvirt_ring_arm(struct vfvirt_adminq *adminq);
void vfvirt_ring_interrupt(struct vfvirt_adminq *adminq);
bool vfvirt_ring_poll(struct vfvirt_slot *slot);
void vfvirt_ring_sleep(struct vfvirt_slot *slot);
void vfvirt_ring_wake(struct vfvirt_adminq *adminq);
void vfvirt_ring_fail_users(struct vfvirt_adminq *adminq, int error);

/* slot.c */
int vfvirt_slots_make(struct vfvirt_adminq *adminq, u16 depth);
void vfvirt_slots_free(struct vfvirt_adminq *adminq);
struct vfvirt_slot *vfvirt_slot_get(struct vfvirt_adminq *adminq,
				    const struct vfvirt_command *command, bool proof);
void vfvirt_slot_put(struct vfvirt_slot *slot);
void vfvirt_slot_release(struct vfvirt_slot *slot);
void vfvirt_slots_grant(struct vfvirt_admin *admin);
void vfvirt_slots_refuse(struct vfvirt_adminq *adminq);

/* command.c */
int vfvirt_command_execute(void *priv, struct vfvirt_command *command);
int vfvirt_command_run(struct vfvirt_adminq *adminq, struct vfvirt_command *command, bool proof);

/* recovery.c */
void vfvirt_recovery_init(struct vfvirt_pf *pf);
void vfvirt_recovery_pause(struct vfvirt_pf *pf);
void vfvirt_recovery_resume(struct vfvirt_pf *pf);
void vfvirt_recovery_kick(struct vfvirt_pf *pf);
void vfvirt_recovery_timed_out(struct vfvirt_pf *pf);
int vfvirt_recovery_flush(struct vfvirt_pf *pf);

/* sriov.c */
int vfvirt_sriov_configure(struct pci_dev *pdev, int num_vfs);

/* quiesce.c */
extern const struct dev_pm_ops vfvirt_pm_ops;
extern const struct pci_error_handlers vfvirt_error_handlers;
void vfvirt_class_quiesce(struct vfvirt_pf *pf);
void vfvirt_class_thaw(struct vfvirt_pf *pf);

#endif
