/* SPDX-License-Identifier: GPL-2.0-only */
/* Names the header that QEMU generates from trace-events. */
#include "trace/trace-hw_net_vfvirt.h"
