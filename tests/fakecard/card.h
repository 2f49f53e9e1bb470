/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The made-up card: PFs, VFs and drivers that behave as the kernel's do, as far as programs can see
 * in sysfs. All of it is called with fake_lock held; functions that may wait say so.
 */
#ifndef FAKE_CARD_H
#define FAKE_CARD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "tree.h"

#define FAKE_PFS_MAX	8
#define FAKE_VFS_MAX	240
#define FAKE_NAME_BYTES 64

/* Protects all of the made-up host. fake_changed is signalled whenever something was changed. */
extern pthread_mutex_t fake_lock;
extern pthread_cond_t fake_changed;

struct fake_pf;

struct fake_driver {
	char name[FAKE_NAME_BYTES];
	bool vfio;     /* makes vfio-dev/ */
	bool sealable; /* a driver of vfvirt: counts opens, can be sealed */
	bool is_for_pfs, is_for_vfs;
	bool needs_override;	  /* has no ids of its own */
	struct fake_node *folder; /* NULL: not loaded */
};

/* A PCI function, PF or VF. */
struct fake_function {
	char address[16];
	struct fake_node *node;
	struct fake_pf *pf; /* whose VF it is; NULL: it is a PF, or neither */
	unsigned int vf_index;
	struct fake_driver *driver;
	char override[FAKE_NAME_BYTES];
	int group, vfio, virtio; /* numbers; -1: none */
	char netdev[16];
	unsigned int open_count;
	int user; /* process that has it open */
	bool sealed;
	int legacy_reason; /* an enum vfvirt_owner_reason why not; 0: legacy registers are there */
	int mac_error;
	bool counters_reset; /* nothing was counted since */
};

struct fake_pf {
	struct fake_function function;
	struct fake_function *vfs[FAKE_VFS_MAX];
	unsigned int vfs_max, vfs_now;
	bool autoprobe, gone, is_virtio_late; /* late: no driver of the virtio device yet */
	unsigned int busy;	       /* writers of sriov_numvfs, for which its readers wait */
	int owner_state, owner_reason; /* forced when state is >= 0 */
	uint64_t opcodes;
};

extern struct fake_pf fake_pfs[FAKE_PFS_MAX];
extern unsigned int fake_pf_count;

/* card.c */
void fake_card_make(unsigned int pfs, unsigned int vfs_max);
struct fake_function *fake_function_find(const char *address);
void fake_pf_add(struct fake_pf *pf);	 /* the card is plugged in */
void fake_pf_vanish(struct fake_pf *pf); /* the card is gone, without a word */
void fake_vfs_remove(struct fake_pf *pf);
bool fake_vf_is_open(const struct fake_pf *pf);
void fake_function_uevent(const struct fake_function *function, const char *action);
int fake_function_open(struct fake_function *function, int pid, const char *command);
int fake_function_close(struct fake_function *function);

/*
 * What goes wrong with functions, VFs yet to be made among them, whose address matches a glob:
 * drivers refuse it, a VFIO driver makes no vfio-dev/, it is in the group of a device of the host.
 */
enum fake_flaw { FAKE_FLAW_REFUSED, FAKE_FLAW_NO_VFIO, FAKE_FLAW_SHARED, FAKE_FLAW_COUNT };
void fake_flaw_set(enum fake_flaw flaw, const char *glob); /* "": none */
bool fake_has_flaw(enum fake_flaw flaw, const char *address);

/* driver.c */
int fake_override_write(struct fake_node *node, const char *text);
void fake_drivers_make(void);
struct fake_driver *fake_driver_find(const char *name);
void fake_driver_load(struct fake_driver *driver);
int fake_driver_unload(struct fake_driver *driver);
void fake_probe(struct fake_function *function); /* as the kernel does for a new function */
void fake_bind(struct fake_function *function, struct fake_driver *driver);
void fake_unbind(struct fake_function *function);

/* netlink.c: events, an enum vfvirt_event of whom. */
void fake_netlink_start(const char *path);
void fake_netlink_event(int event, const char *address);
int fake_netlink_command(char **words, int count);

/* uevent.c: queued, sent by a thread of its own to a datagram socket, if anybody listens. */
void fake_uevents_start(const char *path);
void fake_uevent(const char *action, const char *devpath, const char *subsystem,
		 const char *more_format, ...) __attribute__((format(printf, 4, 5)));
void fake_uevents_wait(void); /* waits until all were sent */

/* fault.c: what a test wants to go wrong, and the log of writes. */
int fake_fault_before_write(const char *path, const char *text); /* may wait */
int fake_fault_before_read(const char *path);			 /* may wait */
void fake_fault_written(const char *path, const char *text, int result);
int fake_fault_command(char **words, int count, char **ret_long_answer);

/* control.c */
void fake_control_start(const char *path);

#endif
