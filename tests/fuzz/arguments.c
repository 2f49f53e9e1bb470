/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a command line: words with a NUL byte behind each. */
#include "arguments.h"

#include <string.h>

#include "fuzz.h"

#define WORDS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *words[WORDS_MAX + 2] = { "vfvirtctl" }, *copy = malloc(size + 1), *at = copy;
	struct vfv_arguments arguments = { 0 };
	struct vfv_error error = VFV_NO_ERROR;
	int count = 1;

	must(copy);
	if (size)
		memcpy(copy, data, size);
	copy[size] = '\0';
	for (; at < copy + size && count <= WORDS_MAX; at += strlen(at) + 1)
		words[count++] = at;
	if (vfv_arguments_parse(count, words, &arguments, &error) < 0)
		must(error.code == VFV_ERROR_USAGE);
	else if (arguments.verb != VFV_VERB_COUNT &&
		 !arguments.given[VFV_OPTION_help] && !arguments.given[VFV_OPTION_version])
		must(arguments.operand_count >= vfv_verbs[arguments.verb].least &&
		     arguments.operand_count <= vfv_verbs[arguments.verb].most);
	vfv_arguments_clear(&arguments);
	free(copy);
	return 0;
}
