/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI addresses: "0000:3b:00.2". */
#ifndef VFV_LIB_ADDRESS_H
#define VFV_LIB_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Room for the longest, "ffffffff:3b:00.2", with its terminator; VMD has five-digit domains. */
#define VFV_ADDRESS_BYTES 17

/* Value type; all zero is the valid address 0000:00:00.0. */
struct vfv_address {
	uint32_t domain;
	uint8_t bus;
	uint8_t device;	  /* 0..31 */
	uint8_t function; /* 0..7 */
};

/* Parse "3b:00.2" or "0000:3b:00.2", hexadecimal, any case; false: it is no address. */
bool vfv_address_parse(const char *text, struct vfv_address *ret_address);

/* Write the full form, lower case, into ret_text. Returns ret_text. */
const char *vfv_address_format(const struct vfv_address *address, char ret_text[VFV_ADDRESS_BYTES]);

/* Order by domain, bus, device, function: below, equal to, above 0, as strcmp(). */
int vfv_address_compare(const struct vfv_address *a, const struct vfv_address *b);

#endif
