/* SPDX-License-Identifier: GPL-2.0-only */
/* The orders that user space writes to the test modules: their text, and hex digits in it. */
#ifndef TEST_TEXT_H
#define TEST_TEXT_H

#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/types.h>
#include <linux/uaccess.h>

/* Copies what was written, with an end; 0, -EINVAL when there is no room for it, or -EFAULT. */
static inline int test_text_copy(char *ret_text, size_t size, const char __user *user,
				 size_t count)
{
	if (count >= size)
		return -EINVAL;
	if (copy_from_user(ret_text, user, count))
		return -EFAULT;
	ret_text[count] = '\0';
	return 0;
}

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
