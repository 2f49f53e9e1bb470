// SPDX-License-Identifier: GPL-2.0-only
/* v6.12 "move asm/unaligned.h to linux/unaligned.h". */
#include <linux/unaligned.h>

u64 vfvirt_probe(const void *bytes);
u64 vfvirt_probe(const void *bytes)
{
	return get_unaligned_le64(bytes);
}
