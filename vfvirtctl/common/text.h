/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Texts: formatted, compared, checked; numbers out of texts. The only place with strtol's family. */
#ifndef VFV_COMMON_TEXT_H
#define VFV_COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* printf into a new text, owned by the caller; NULL: no memory. */
char *vfv_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Equal, or both NULL. */
bool vfv_text_equal(const char *a, const char *b);

/* Whether a text may be shown and used as a name: 1..max_bytes bytes, printable ASCII, no '/'. */
bool vfv_text_is_name(const char *text, size_t max_bytes);

/*
 * Bytes of the UTF-8 character that begins at text, of which length bytes are there: 1..4, or 0 when
 * none does. Overlong forms, surrogates and what is above U+10FFFF are none.
 */
size_t vfv_text_utf8(const char *text, size_t length);

/* Take away the bytes of a character that was cut off at the end of a text. */
void vfv_text_mend_end(char *text);

#define VFV_SHOWN_BYTES 64

/*
 * Bytes that anybody may have written, made fit for a message: what is not printable ASCII becomes
 * "\xNN", and what is too long ends in "...". Returns ret_shown.
 */
const char *vfv_text_show(const char *bytes, size_t length, char ret_shown[VFV_SHOWN_BYTES]);

/*
 * A whole text as an unsigned number in a base (10 or 16; no prefix, sign or blank), at most max.
 * 0; -EINVAL: no number; -ERANGE: too large. *ret_number is untouched on failure.
 */
int vfv_text_number(const char *text, unsigned int base, uint64_t max, uint64_t *ret_number);

/* "52:54:00:f0:00:01" to six bytes; false: it is none. And back, into 18 bytes. */
bool vfv_text_mac(const char *text, uint8_t ret_mac[6]);
const char *vfv_text_from_mac(const uint8_t mac[6], char ret_text[18]);

#endif
