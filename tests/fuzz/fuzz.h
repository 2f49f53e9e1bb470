/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a fuzz target is: one function that takes any bytes and must come back without a fault. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* libFuzzer's name for it. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* End the program when something that must hold does not; the input is then a finding. */
#define must(CONDITION)                                                                     \
	do {                                                                                \
		if (!(CONDITION)) {                                                         \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #CONDITION); \
			abort();                                                            \
		}                                                                           \
	} while (0)

#endif
