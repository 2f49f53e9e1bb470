/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The child's side of worker_protocol.h: does, in a process of its own, all that can block. */
#ifndef VFV_DAEMON_WORKER_H
#define VFV_DAEMON_WORKER_H

/* Serve the request on standard input. The exit status of "vfvirtd --worker". */
int vfv_worker_main(void);

#endif
