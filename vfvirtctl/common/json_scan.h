/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a text is JSON to the letter, and if not, where and why. json-c, which then makes the
 * tree, is more forgiving (and differently so from version to version), keeps the last of two equal
 * keys, and knows no line.
 */
#ifndef VFV_COMMON_JSON_SCAN_H
#define VFV_COMMON_JSON_SCAN_H

#include <stddef.h>

#define VFV_JSON_KEYS_MAX 256	 /* of one object: bounds the search for equal keys */
#define VFV_JSON_KEY_BYTES_MAX 64

#define VFV_JSON_FAULT_BYTES 256

/* The first fault of a text. */
struct vfv_json_fault {
	unsigned int line; /* from 1 */
	char why[VFV_JSON_FAULT_BYTES];
};

/*
 * Check a text: one object (RFC 8259), UTF-8, at most VFV_JSON_DEPTH_MAX deep, blanks only behind
 * it. Stricter than the RFC: no NUL in a text, no escapes in keys, no key twice in one object.
 * 0, or -EINVAL with *ret_fault.
 */
int vfv_json_scan(const char *text, size_t length, struct vfv_json_fault *ret_fault);

#endif
