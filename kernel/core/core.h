/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of vfvirt_core share: owners, members, and who may touch which field.
 *
 * Lock order, outermost first:
 *	vfvirt_registry_mutex	who exists, who belongs to whom, open, sealed; held in upcalls
 *	owner->lock		state, gate and discovered opcodes of an owner; what its commands
 *				hold and count
 * No lock of core is held while a provider executes a command or anything else waits.
 */
#ifndef CORE_H
#define CORE_H

#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "vfvirt_compat.h"
#include "vfvirt_core.h"

/* Opcodes that core understands and therefore puts to use (S-41). */
#define VFVIRT_OPCODES_LEGACY_ACCESS (BIT_ULL(VFVIRT_OP_LEGACY_COMMON_CFG_WRITE) | \
				      BIT_ULL(VFVIRT_OP_LEGACY_COMMON_CFG_READ) | \
				      BIT_ULL(VFVIRT_OP_LEGACY_DEV_CFG_WRITE) | \
				      BIT_ULL(VFVIRT_OP_LEGACY_DEV_CFG_READ))
#define VFVIRT_OPCODES_LISTS (BIT_ULL(VFVIRT_OP_LIST_QUERY) | BIT_ULL(VFVIRT_OP_LIST_USE))

/* The counters of one opcode, in the order of their netlink attributes. */
enum vfvirt_counter {
	VFVIRT_COUNTER_COMMANDS,
	VFVIRT_COUNTER_OK,
	VFVIRT_COUNTER_REFUSED,
	VFVIRT_COUNTER_ERRORS,
	VFVIRT_COUNTER_TIMEOUTS,
	VFVIRT_COUNTER_RETRIES,
	VFVIRT_COUNTER_LATE,
	VFVIRT_COUNTER_ABORTED,
	VFVIRT_COUNTER_COUNT,
};

/* What is counted of one opcode. The first two counters are not: they follow from the others. */
struct vfvirt_stats_row {
	atomic64_t counters[VFVIRT_COUNTER_COUNT];
	atomic64_t latency[VFVIRT_LATENCY_BUCKETS];
};

struct vfvirt_stats {
	struct vfvirt_stats_row rows[VFVIRT_OP_COUNT];
};

/* A row as it is told. */
struct vfvirt_stats_view {
	u64 counters[VFVIRT_COUNTER_COUNT];
	u64 latency[VFVIRT_LATENCY_BUCKETS];
};

enum vfvirt_discovery_state {
	VFVIRT_DISCOVERY_UNKNOWN,	/* not answered since the owner was last made ready */
	VFVIRT_DISCOVERY_DONE,		/* owner->opcodes are in use */
	VFVIRT_DISCOVERY_FAILED,	/* asked in vain; asked again unless time ran out */
};

/**
 * struct vfvirt_owner - a PF and its provider
 * @node: in the list of owners; registry mutex
 * @pdev: the PF, referenced
 * @ops: the provider's calls
 * @priv: the provider's pointer
 * @module: the provider's module, pinned once for each open member
 * @members: members of this PF; written under the registry mutex, read under it or RCU
 * @rcu: delays the end of the memory until the last leaver has let go of @lock
 * @lock: protects all that follows up to @idle, and what commands hold and count of members
 * @state: see enum
 * @reason: why it is not ready
 * @leaving: unregistration has begun: nobody may pin any more
 * @closed_count: how often the gate was closed and not opened again
 * @pin_count: users that rely on this memory
 * @running_count: calls of execute() under way
 * @reset_count: resets of the card that are announced or under way; each also counts as closed
 * @hold_count: VF drivers that keep the card from being reset
 * @discovery: what is known about @opcodes
 * @discovering: somebody asks the device just now; the others wait for him
 * @discovery_reason: why @discovery failed
 * @discovery_epoch: counts changes to ready, so that an answer from before one is dropped
 * @opcodes: opcodes of the SR-IOV group that are in use
 * @last_known: the next three fields hold something
 * @last_opcode: last command that the device answered
 * @last_status: its status
 * @last_qualifier: its qualifier
 * @idle: woken when @running_count, @hold_count or @pin_count falls to 0, when @reset_count falls,
 *	and when @discovering ends
 * @stats: commands of all members, and those without one
 */
struct vfvirt_owner {
	struct list_head node;
	struct pci_dev *pdev;
	const struct vfvirt_owner_ops *ops;
	void *priv;
	struct module *module;
	struct list_head members;
	struct rcu_head rcu;

	spinlock_t lock; /* state, gate and discovered opcodes; innermost */
	enum vfvirt_owner_state state;
	enum vfvirt_owner_reason reason;
	bool leaving;
	unsigned int closed_count;
	unsigned int pin_count;
	unsigned int running_count;
	unsigned int reset_count;
	unsigned int hold_count;
	enum vfvirt_discovery_state discovery;
	bool discovering;
	enum vfvirt_owner_reason discovery_reason;
	unsigned int discovery_epoch;
	u64 opcodes;
	bool last_known;
	u16 last_opcode;
	u16 last_status;
	u16 last_qualifier;
	wait_queue_head_t idle;

	struct vfvirt_stats stats;
};

/**
 * struct vfvirt_member - a VF that a VF driver holds
 * @node: in the list of members; registry mutex
 * @sibling: in owner->members
 * @refs: the VF driver, and a dump that reads the MAC
 * @rcu: for readers of owner->members
 * @vf: the VF, referenced
 * @pf: its PF, referenced; only compared, an owner has its own reference
 * @member_id: VF number, from 1
 * @ops: the VF driver's upcalls
 * @priv: the VF driver's pointer
 * @driver: the VF driver's name
 * @open_count: users; registry mutex
 * @failure_count: calls of vfvirt_member_failed(); registry mutex
 * @sealed: no new users; registry mutex
 * @pinned_module: the provider's module, held while open; registry mutex
 * @owner: NULL while no provider serves the PF; written under the registry mutex, read under it or
 *	RCU. One at a time: the next one comes when the last command has let go of the one before
 * @in_flight: commands of this VF that have a turn; owner->lock
 * @turn: woken when @in_flight falls
 * @stats: commands of this VF
 */
struct vfvirt_member {
	struct list_head node;
	struct list_head sibling;
	struct kref refs;
	struct rcu_head rcu;
	struct pci_dev *vf;
	struct pci_dev *pf;
	u16 member_id;
	const struct vfvirt_member_ops *ops;
	void *priv;
	char driver[32];
	unsigned int open_count;
	unsigned int failure_count;
	bool sealed;
	struct module *pinned_module;

	struct vfvirt_owner __rcu *owner;

	unsigned int in_flight;
	wait_queue_head_t turn;
	struct vfvirt_stats stats;
};

/* registry.c */
extern struct mutex vfvirt_registry_mutex;
extern struct list_head vfvirt_owners;
extern struct list_head vfvirt_members;
unsigned int vfvirt_registry_generation(void);
struct vfvirt_owner *vfvirt_owner_find(const struct pci_dev *pf);
struct vfvirt_member *vfvirt_member_find(const struct pci_dev *vf);
struct vfvirt_member *vfvirt_member_find_address(const char *address);
void vfvirt_member_put(struct vfvirt_member *member);

/* gate.c and gate.h: what a command holds of its owner and member. */
#define VFVIRT_HOLDS_PIN	BIT(0)	/* the owner's memory stays */
#define VFVIRT_HOLDS_TURN	BIT(1)	/* one of the few commands of its VF */
#define VFVIRT_HOLDS_GATE	BIT(2)	/* inside the gate, for one try */
void vfvirt_gate_init(struct vfvirt_owner *owner);
int vfvirt_owner_pin(struct vfvirt_owner *owner);
void vfvirt_owner_unpin(struct vfvirt_owner *owner);
struct vfvirt_owner *vfvirt_member_pin_owner(struct vfvirt_member *member);
int vfvirt_gate_enter(struct vfvirt_owner *owner);
bool vfvirt_gate_take_turn(struct vfvirt_owner *owner, struct vfvirt_member *member);
void vfvirt_gate_give(struct vfvirt_owner *owner, struct vfvirt_member *member,
		      unsigned int holds);
enum vfvirt_owner_state vfvirt_gate_shut(struct vfvirt_owner *owner);
void vfvirt_gate_drain(struct vfvirt_owner *owner);

/* member.c */
int vfvirt_member_seal(struct vfvirt_member *member, bool sealed);
void vfvirt_member_attach(struct vfvirt_member *member, struct vfvirt_owner *owner);
void vfvirt_member_detach(struct vfvirt_member *member);
void vfvirt_members_tell(struct vfvirt_owner *owner, enum vfvirt_member_event event);

/* The owner of a member, or NULL. Context: registry mutex. */
static inline struct vfvirt_owner *vfvirt_member_owner(struct vfvirt_member *member)
{
	return rcu_dereference_protected(member->owner,
					 lockdep_is_held(&vfvirt_registry_mutex));
}

/* What is left until a deadline in jiffies, for waits: never negative. */
static inline long vfvirt_jiffies_left(unsigned long deadline)
{
	long left = deadline - jiffies;

	return max(left, 0L);
}

/* command.c */
int vfvirt_command_run(struct vfvirt_owner *owner, struct vfvirt_member *member,
		       struct vfvirt_command *command);
int vfvirt_legacy_command(struct vfvirt_member *member, struct vfvirt_command *command,
			  unsigned int limit_ms);
int vfvirt_mac_read(struct vfvirt_owner *owner, struct vfvirt_member *member,
		    struct pci_dev *vf, u16 member_id, u8 ret_mac[6]);

/* discovery.c */
int vfvirt_discover(struct vfvirt_owner *owner, struct pci_dev *vf, unsigned long deadline,
		    u64 *ret_opcodes, enum vfvirt_owner_reason *ret_reason);
void vfvirt_discovery_retry(struct vfvirt_owner *owner);

/* stats.c; see also stats.h */
void vfvirt_stats_count(struct vfvirt_owner *owner, struct vfvirt_member *member, u16 opcode,
			enum vfvirt_counter counter);
void vfvirt_stats_look(struct vfvirt_owner *owner, const struct vfvirt_stats_row *row,
		       struct vfvirt_stats_view *ret_view);
void vfvirt_stats_reset(struct vfvirt_owner *owner, struct vfvirt_stats *stats);

/* netlink.c, events.c */
int vfvirt_netlink_start(void);
void vfvirt_netlink_stop(void);
extern struct genl_family vfvirt_genl_family;
void vfvirt_event_owner(struct vfvirt_owner *owner, enum vfvirt_event event);
void vfvirt_event_member(struct vfvirt_member *member, enum vfvirt_event event, const char *what,
			 int error);

/* intree.c */
#if VFVIRT_HAVE_VIRTIO_PCI_ADMIN_LEGACY
int vfvirt_intree_start(void);
void vfvirt_intree_stop(void);
#else
static inline int vfvirt_intree_start(void) { return 0; }
static inline void vfvirt_intree_stop(void) { }
#endif

#endif
