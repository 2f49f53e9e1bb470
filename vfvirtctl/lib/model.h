/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What there is on the host: PFs and their VFs, as facts. The one object that list, show, D-Bus and
 * JSON are made from. Filled by facts.h from sysfs, netlink, claims and open files.
 */
#ifndef VFV_LIB_MODEL_H
#define VFV_LIB_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "address.h"

#define VFV_MAC_BYTES 6
#define VFV_UNKNOWN (-1) /* of iommu_group, numa_node and the three-valued fields below */

/* The life of a VF. */
enum vfv_vf_state {
	VFV_VF_CREATED,	  /* exists, no driver */
	VFV_VF_BOUND,	  /* on the intended driver, not published */
	VFV_VF_PUBLISHED, /* bound, and its hostdev file is written */
	VFV_VF_IN_USE,	  /* open by a process, or claimed by a domain */
	VFV_VF_FAILED,	  /* reason says what a person can do */
	VFV_VF_FOREIGN,	  /* bound by somebody else; left alone */
	VFV_VF_STATE_COUNT,
};

/* A process that has a VF open. */
struct vfv_user {
	pid_t pid;
	char *command; /* owned; its comm */
};

struct vfv_vf {
	unsigned int vf_index; /* from 0 */
	struct vfv_address address;
	char *driver;	       /* owned; NULL: none */
	char *driver_override; /* owned; NULL: none */
	bool bound_by_hold;    /* "vfvirtctl bind" put it on driver: it is ours; not in JSON */
	int iommu_group;       /* VFV_UNKNOWN: none */
	char *group_obstacle;  /* owned; a group member on a host driver, "0000:3b:00.1 (e1000e)" */
	int numa_node;
	char *vfio_name;      /* owned; "vfio3", from vfio-dev/; NULL: none */
	char *netdev;	      /* owned; NULL: none */
	int legacy;	      /* 1, 0 or VFV_UNKNOWN */
	char *legacy_reason;  /* owned; why not, in words; NULL unless legacy is 0 */
	bool has_mac;	      /* mac is the device's own */
	uint8_t mac[VFV_MAC_BYTES];
	int open_count;	      /* by netlink; VFV_UNKNOWN: no driver of vfvirt has it */
	int sealed;	      /* 1, 0 or VFV_UNKNOWN */
	int msix_on;	      /* 1, 0 or VFV_UNKNOWN */
	const char *notify_path; /* static; "member-bar", "owner-bar", "command"; NULL: unknown */
	unsigned int failure_count;
	bool published;	      /* its hostdev file exists */
	char *claim_uuid;     /* owned; the domain that claims it; NULL: none */
	char *domain;	      /* owned; name of the domain that has it; NULL: none or unknown */
	struct vfv_user *users; /* owned array of user_count */
	size_t user_count;
	enum vfv_vf_state state;
	char *reason;	      /* owned; for VFV_VF_FAILED and VFV_VF_FOREIGN; else NULL */
};

/* A provider of legacy access, and the transport an intent asks for. */
enum vfv_transport {
	VFV_TRANSPORT_AUTO, /* only in an intent */
	VFV_TRANSPORT_VFVIRT,
	VFV_TRANSPORT_INTREE,
	VFV_TRANSPORT_NONE, /* only as a fact: neither driver has the PF */
	VFV_TRANSPORT_COUNT,
};

struct vfv_pf {
	struct vfv_address address;
	char *name;	    /* owned; stable name of its intent file; NULL: none */
	char *intent_path;  /* owned; NULL: none */
	char *path;	    /* owned; place on the bus, as "pci0000:3a/0000:3a:00.0/0000:3b:00.0" */
	char *serial;	    /* owned; device serial number, 16 hexadecimal digits; NULL: none */
	char *driver;	    /* owned; of the PCI function */
	char *driver_override;
	char *class_driver; /* owned; of its virtio device */
	char *netdev;	    /* owned */
	bool netdev_in_use; /* up with an address, a master or a route: pending reboot */
	bool has_mac;
	uint8_t mac[VFV_MAC_BYTES];
	int numa_node;
	unsigned int vfs_max;	  /* sriov_totalvfs; 0: no SR-IOV */
	unsigned int vfs_now;	  /* sriov_numvfs */
	unsigned int vfs_intended; /* of the intent; meaningful when intent_path is there */
	int autoprobe;		  /* sriov_drivers_autoprobe: 1, 0 or VFV_UNKNOWN */
	enum vfv_transport transport;	  /* what serves it now */
	enum vfv_transport transport_intended;
	bool pending_reboot;
	int legacy;	     /* the owner can reach legacy registers: 1, 0 or VFV_UNKNOWN */
	char *legacy_reason; /* owned; why not, in words */
	const char *legacy_remedy; /* static; what to do about that; NULL: nothing; not in JSON */
	char *owner_state;   /* owned; "ready", "degraded", "absent"; NULL: no kernel module */
	int admin_queue_index, admin_queue_num, admin_queue_depth, in_flight; /* or VFV_UNKNOWN */
	uint64_t opcodes;    /* in use; 0: unknown */
	char *failure;	     /* owned; why the last reconcile failed; NULL: it did not */
	struct vfv_vf *vfs;  /* owned array of vf_count, by vf_index */
	size_t vf_count;
};

/* All PFs, by address. */
struct vfv_model {
	struct vfv_pf *pfs; /* owned array of pf_count */
	size_t pf_count;
	bool kernel_contract_ok; /* the family "vfvirt" answers with the version we know */
	char *kernel_problem;	 /* owned; why it does not; NULL when it does */
};

struct json_object;

/* An empty model; all of it goes with vfv_model_free(), which accepts NULL. */
struct vfv_model *vfv_model_new(void);
void vfv_model_free(struct vfv_model *model);

/* Add a PF, or a VF to a PF, zeroed but for VFV_UNKNOWN fields; NULL: no memory. The returned
 * pointer is good until the next one is added. */
struct vfv_pf *vfv_model_add_pf(struct vfv_model *model, const struct vfv_address *address);
struct vfv_vf *vfv_pf_add_vf(struct vfv_pf *pf, unsigned int vf_index,
			     const struct vfv_address *address);

/* Take a PF out again, with all of its VFs; pointers to PFs behind it are good no more. */
void vfv_model_drop_pf(struct vfv_model *model, struct vfv_pf *pf);

/* Find by address; NULL: not there. */
struct vfv_pf *vfv_model_find_pf(struct vfv_model *model, const struct vfv_address *address);
struct vfv_vf *vfv_model_find_vf(struct vfv_model *model, const struct vfv_address *address,
				 struct vfv_pf **ret_pf);

/* Words of an enum value, as printed and in JSON; never NULL. */
const char *vfv_vf_state_name(enum vfv_vf_state state);
const char *vfv_transport_name(enum vfv_transport transport);

/* "dpu0/3" where the PF has a stable name, else the address; into ret_text of size bytes. */
void vfv_vf_label(const struct vfv_pf *pf, const struct vfv_vf *vf, char *ret_text, size_t size);

#define VFV_JSON_SCHEMA_VERSION 1

/*
 * The object of --json and of the worker's reports, {"schema": 1, "pfs": [...]}, documented in
 * man/vfvirt-json.schema.json. New reference, or NULL without memory. And back: a negative errno
 * and *ret_error for an object that is not of that form.
 */
struct vfv_error;
struct json_object *vfv_model_to_json(const struct vfv_model *model);
int vfv_model_from_json(struct json_object *object, struct vfv_model **ret_model,
			struct vfv_error *ret_error);

#endif
