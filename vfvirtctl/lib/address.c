/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI addresses: "0000:3b:00.2". */
#include "address.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

#define DOMAIN_DIGITS_MIN 4
#define DOMAIN_DIGITS_MAX 8

/* Read count hexadecimal digits at *text and the byte behind them; moves *text behind it. */
static bool take_hex(const char **text, size_t count, char behind, uint64_t max,
		     uint64_t *ret_number)
{
	char digits[DOMAIN_DIGITS_MAX + 1];

	if (strnlen(*text, count) < count || (*text)[count] != behind)
		return false;
	memcpy(digits, *text, count);
	digits[count] = '\0';
	if (vfv_text_number(digits, 16, max, ret_number) < 0)
		return false;
	*text += count + (behind != '\0');
	return true;
}

bool vfv_address_parse(const char *text, struct vfv_address *ret_address)
{
	uint64_t domain = 0, bus, device, function;
	const char *colon = strchr(text, ':');
	size_t digits = colon ? colon - text : 0;

	if (digits >= DOMAIN_DIGITS_MIN && digits <= DOMAIN_DIGITS_MAX &&
	    !take_hex(&text, digits, ':', UINT32_MAX, &domain))
		return false;
	if (!take_hex(&text, 2, ':', 0xff, &bus) || !take_hex(&text, 2, '.', 0x1f, &device) ||
	    !take_hex(&text, 1, '\0', 7, &function))
		return false;
	*ret_address = (struct vfv_address){domain, bus, device, function};
	return true;
}

const char *vfv_address_format(const struct vfv_address *address, char ret_text[VFV_ADDRESS_BYTES])
{
	snprintf(ret_text, VFV_ADDRESS_BYTES, "%04x:%02x:%02x.%x", address->domain, address->bus,
		 address->device & 0x1f, address->function & 7);
	return ret_text;
}

int vfv_address_compare(const struct vfv_address *a, const struct vfv_address *b)
{
	if (a->domain != b->domain)
		return a->domain < b->domain ? -1 : 1;
	if (a->bus != b->bus)
		return a->bus - b->bus;
	if (a->device != b->device)
		return a->device - b->device;
	return a->function - b->function;
}
