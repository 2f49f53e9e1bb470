// SPDX-License-Identifier: GPL-2.0-only
/* The module: brings up the parts of vfvirt_core in order, and takes them down again. */
#include <linux/module.h>
#include "vfvirt_compat.h"
#include "vfvirt_core.h"
MODULE_LICENSE("GPL");
