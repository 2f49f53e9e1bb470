/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Texts: formatted, compared, checked; numbers out of texts. */
#include "text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

char *vfv_text(const char *format, ...)
{
	va_list arguments;
	char *text;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	return length < 0 ? NULL : text;
}

bool vfv_text_equal(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_printable(char byte)
{
	return byte >= ' ' && byte <= '~';
}

bool vfv_text_is_name(const char *text, size_t max_bytes)
{
	size_t length = 0;

	for (; text[length]; length++)
		if (length == max_bytes || !is_printable(text[length]) || text[length] == '/')
			return false;
	return length > 0;
}

size_t vfv_text_utf8(const char *text, size_t length)
{
	/* The least value that needs that many bytes; a smaller one is an overlong form. */
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *bytes = (const unsigned char *)text;
	uint32_t value;
	size_t needed;

	if (length == 0)
		return 0;
	if (bytes[0] < 0x80)
		return 1;
	needed = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;
	if (bytes[0] < 0xc0 || bytes[0] > 0xf7 || needed > length)
		return 0;
	value = bytes[0] & (0x7f >> needed);
	for (size_t i = 1; i < needed; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (bytes[i] & 0x3f);
	}
	if (value < least[needed] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	return needed;
}

void vfv_text_mend_end(char *text)
{
	size_t length = strlen(text), first = length;

	while (first > 0 && length - first < 4 && (text[first - 1] & 0xc0) == 0x80)
		first--;
	if (first == 0 || (text[first - 1] & 0x80) == 0)
		return;
	first--;
	if (vfv_text_utf8(text + first, length - first) == 0)
		text[first] = '\0';
}

const char *vfv_text_show(const char *bytes, size_t length, char ret_shown[VFV_SHOWN_BYTES])
{
	static const char cut[] = "...";
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		size_t needed = is_printable(bytes[i]) ? 1 : 4;

		if (used + needed + sizeof(cut) > VFV_SHOWN_BYTES) {
			memcpy(ret_shown + used, cut, sizeof(cut));
			return ret_shown;
		}
		if (needed == 1)
			ret_shown[used] = bytes[i];
		else
			snprintf(ret_shown + used, 5, "\\x%02x", (unsigned char)bytes[i]);
		used += needed;
	}
	ret_shown[used] = '\0';
	return ret_shown;
}

/* The value of a digit in a base up to 16; the base itself when it is none. */
static unsigned int digit_value(char digit, unsigned int base)
{
	unsigned int value = base;

	if (digit >= '0' && digit <= '9')
		value = digit - '0';
	else if (digit >= 'a' && digit <= 'f')
		value = digit - 'a' + 10;
	else if (digit >= 'A' && digit <= 'F')
		value = digit - 'A' + 10;
	return value < base ? value : base;
}

int vfv_text_number(const char *text, unsigned int base, uint64_t max, uint64_t *ret_number)
{
	uint64_t number = 0;
	bool too_large = false;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		unsigned int value = digit_value(*text, base);

		if (value == base)
			return -EINVAL;
		if (number > max / base || number * base > max - value || value > max)
			too_large = true;
		else
			number = number * base + value;
	}
	if (too_large)
		return -ERANGE;
	*ret_number = number;
	return 0;
}

bool vfv_text_mac(const char *text, uint8_t ret_mac[6])
{
	uint8_t mac[6];

	for (size_t i = 0; i < 6; i++, text += 3) {
		unsigned int high = digit_value(text[0], 16);
		unsigned int low = high < 16 ? digit_value(text[1], 16) : 16;

		if (low == 16 || text[2] != (i < 5 ? ':' : '\0'))
			return false;
		mac[i] = high << 4 | low;
	}
	memcpy(ret_mac, mac, sizeof(mac));
	return true;
}

const char *vfv_text_from_mac(const uint8_t mac[6], char ret_text[18])
{
	snprintf(ret_text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		 mac[4], mac[5]);
	return ret_text;
}
