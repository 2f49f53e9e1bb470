/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon tells the journal: a fixed MESSAGE_ID for each kind, and fields to search by. */
#ifndef VFV_DAEMON_JOURNAL_H
#define VFV_DAEMON_JOURNAL_H

#include "address.h"

/* Kinds; their identifiers and priorities are one table in journal.c, named in vfvirtd(8). */
enum vfv_message {
	VFV_MESSAGE_READY,	    /* the first reconcile is over */
	VFV_MESSAGE_RECONCILED,	    /* a reconcile changed something */
	VFV_MESSAGE_FAILED,	    /* a reconcile or request failed */
	VFV_MESSAGE_VF_FAILED,	    /* one VF of it */
	VFV_MESSAGE_STUCK,	    /* a worker does not come back */
	VFV_MESSAGE_FREED,	    /* it did after all */
	VFV_MESSAGE_INTENT,	    /* an intent file is ignored */
	VFV_MESSAGE_REFUSED,	    /* a caller without rights */
	VFV_MESSAGE_REQUEST,	    /* a person had something done */
	VFV_MESSAGE_APPEARED,	    /* a PF */
	VFV_MESSAGE_VANISHED,	    /* a PF */
	VFV_MESSAGE_PENDING_REBOOT, /* a PF gets its transport at the next boot */
	VFV_MESSAGE_LIBVIRT,	    /* libvirt did not answer */
	VFV_MESSAGE_EVENTS,	    /* a source of events is not there */
	VFV_MESSAGE_CLAIM,	    /* a claim that was left over is dropped */
	VFV_MESSAGE_COUNT,
};

/* What a message is about; what is zero is left out. */
struct vfv_subject {
	const struct vfv_address *pf; /* VFVIRT_PF= */
	int vf_number;		      /* VFVIRT_VF=, the index plus 1 */
	const char *op;		      /* VFVIRT_OP= */
	int errno_value;	      /* ERRNO=, positive */
};

/*
 * Send a message; to standard error where no journal runs. Never waits: a journal that does not
 * read loses messages, and the next one that it gets has their number in VFVIRT_LOST=. subject may
 * be NULL.
 */
void vfv_journal(enum vfv_message kind, const struct vfv_subject *subject, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
