// SPDX-License-Identifier: GPL-2.0-only
/* The module: brings up the parts of vfvirt_core in order, and takes them down again. */
#include <linux/module.h>

#define CREATE_TRACE_POINTS
#include "trace.h"

#include "core.h"

static int __init core_init(void)
{
	int error = vfvirt_netlink_start();

	if (error)
		return error;
	error = vfvirt_intree_start();
	if (error)
		vfvirt_netlink_stop();
	return error;
}

/*
 * No owner of another module and no member exists any more: their modules use our symbols and went
 * before. The in-tree owners are our own.
 */
static void __exit core_exit(void)
{
	vfvirt_intree_stop();
	vfvirt_netlink_stop();
	/* Memory freed by kfree_rcu() needs no code of ours: no barrier is due. */
}

module_init(core_init);
module_exit(core_exit);
MODULE_DESCRIPTION("Legacy register access to virtio VFs over the administration virtqueue");
MODULE_LICENSE("GPL");
MODULE_VERSION(VFVIRT_VERSION);
