/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs a fuzz target on the files that are named, without libFuzzer; prints how many. */
#include <err.h>

#include "fuzz.h"

#define INPUT_BYTES_MAX (1 << 20)

int main(int argc, char **argv)
{
	static uint8_t input[INPUT_BYTES_MAX];

	for (int i = 1; i < argc; i++) {
		FILE *file = fopen(argv[i], "r");
		uint8_t *exact;
		size_t size;

		if (!file)
			err(1, "%s", argv[i]);
		size = fread(input, 1, sizeof(input), file);
		fclose(file);
		/* A copy of just its size, so that a sanitizer sees a read behind it. */
		exact = malloc(size ? size : 1);
		if (!exact)
			err(1, "memory");
		for (size_t j = 0; j < size; j++)
			exact[j] = input[j];
		LLVMFuzzerTestOneInput(exact, size);
		free(exact);
	}
	printf("%d\n", argc - 1);
	return 0;
}
