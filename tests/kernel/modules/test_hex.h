/* SPDX-License-Identifier: GPL-2.0-only */
/* Bytes from hex digits, for the orders that user space writes to the test modules. */
#ifndef TEST_HEX_H
#define TEST_HEX_H

#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/types.h>

/* Parses length_bytes pairs of digits; 0 or -EINVAL. The kernel's own moved between headers. */
static inline int test_hex_parse(u8 *ret_bytes, const char *digits, size_t length_bytes)
{
	size_t n;

	for (n = 0; n < length_bytes; n++)
		if (sscanf(digits + 2 * n, "%2hhx", &ret_bytes[n]) != 1)
			return -EINVAL;
	return 0;
}

#endif
