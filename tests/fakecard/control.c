/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a test asks of the card: a line a command, answered by lines of which the last one is "ok"
 * or "error NAME". The commands are listed in README.md.
 */
#include "card.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "fault.h"
#include "socket.h"

#define WORDS_MAX      8
#define LINE_BYTES_MAX 65536
#define PID_DEFAULT    4242

/* "\n" and "\xNN" to the bytes; the length. */
static size_t unescape(char *text)
{
	char *to = text;

	for (char *from = text; *from;) {
		if (from[0] == '\\' && from[1] == 'n') {
			*to++ = '\n';
			from += 2;
		} else if (from[0] == '\\' && from[1] == 'x' && from[2] && from[3]) {
			char digits[3] = {from[2], from[3], '\0'};

			*to++ = (char)strtoul(digits, NULL, 16);
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	return (size_t)(to - text);
}

/* set PATH TEXT | link PATH TARGET | mkdir PATH | rm PATH: any file of the tree */
static int change_tree(char **words, int count)
{
	struct fake_node *node = count > 1 ? fake_find(words[1]) : NULL;
	char *name = count > 1 ? strrchr(words[1], '/') : NULL, *text;
	struct fake_node *folder;
	size_t length;

	if (!strcmp(words[0], "rm")) {
		fake_remove(node);
		return node ? 0 : -ENOENT;
	}
	if (!strcmp(words[0], "mkdir"))
		return count > 1 && fake_folder("%s", words[1]) ? 0 : -EINVAL;
	if (!name || (count < 3 && strcmp(words[0], "set")))
		return -EINVAL;
	folder = fake_folder("%.*s", (int)(name - words[1]), words[1]);
	if (!strcmp(words[0], "link")) {
		fake_link(folder, name + 1, "%s", words[2]);
		return 0;
	}
	text = count > 2 ? words[2] : name + strlen(name);
	length = unescape(text);
	if (node && node->kind == FAKE_FILE) {
		free(node->text);
		node->text = malloc(length + 1);
		memcpy(node->text, text, length);
		node->length = length;
	} else {
		fake_bytes(folder, name + 1, text, length);
	}
	return 0;
}

/* open ADDRESS [PID [COMMAND]] | close ADDRESS | legacy ADDRESS REASON | mac-error ADDRESS ERRNO */
static int change_function(char **words, int count)
{
	struct fake_function *function = count > 1 ? fake_function_find(words[1]) : NULL;
	const char *verb = words[0];

	if (!function)
		return -ENODEV;
	if (!strcmp(verb, "open"))
		return fake_function_open(function, count > 2 ? atoi(words[2]) : PID_DEFAULT,
					  count > 3 ? words[3] : "qemu-system-x86");
	if (!strcmp(verb, "close"))
		return fake_function_close(function);
	if (count < 3)
		return -EINVAL;
	if (!strcmp(verb, "legacy"))
		function->legacy_reason = atoi(words[2]);
	else
		function->mac_error = fake_errno(words[2]);
	return 0;
}

static struct fake_pf *find_pf(const char *address)
{
	for (unsigned int i = 0; i < fake_pf_count; i++)
		if (!strcmp(fake_pfs[i].function.address, address))
			return &fake_pfs[i];
	return NULL;
}

/* vanish | appear | late 0|1 | owner STATE REASON | opcodes BITS, of a PF */
static int change_pf(char **words, int count)
{
	struct fake_pf *pf = count > 1 ? find_pf(words[1]) : NULL;
	const char *verb = words[0];

	if (!pf)
		return -ENODEV;
	if (!strcmp(verb, "vanish"))
		fake_pf_vanish(pf);
	else if (!strcmp(verb, "appear") && pf->gone)
		fake_pf_add(pf);
	else if (!strcmp(verb, "late") && count > 2)
		pf->is_virtio_late = atoi(words[2]);
	else if (!strcmp(verb, "opcodes") && count > 2)
		pf->opcodes = strtoull(words[2], NULL, 0);
	else if (!strcmp(verb, "owner") && count > 3) {
		pf->owner_state = atoi(words[2]);
		pf->owner_reason = atoi(words[3]);
	} else
		return -EINVAL;
	return 0;
}

/* load DRIVER | unload DRIVER */
static int change_driver(char **words, int count)
{
	struct fake_driver *driver = count > 1 ? fake_driver_find(words[1]) : NULL;

	if (!driver)
		return -ENODEV;
	if (!strcmp(words[0], "unload"))
		return fake_driver_unload(driver);
	fake_driver_load(driver);
	return 0;
}

/* flaw refused|no-vfio|shared GLOB|none */
static int change_flaw(char **words, int count)
{
	static const char *const names[FAKE_FLAW_COUNT] = {"refused", "no-vfio", "shared"};

	for (int i = 0; i < FAKE_FLAW_COUNT; i++) {
		if (count < 3 || strcmp(words[1], names[i]))
			continue;
		fake_flaw_set((enum fake_flaw)i, strcmp(words[2], "none") ? words[2] : "");
		return 0;
	}
	return -EINVAL;
}

/* uevents N [ADDRESS]: as many, "change" of a function | sync: wait until all were sent */
static int change_uevents(char **words, int count)
{
	struct fake_function *function =
		fake_function_find(count > 2 ? words[2] : fake_pfs[0].function.address);
	unsigned long number = count > 1 ? strtoul(words[1], NULL, 10) : 0;

	if (!strcmp(words[0], "sync")) {
		fake_uevents_wait();
		return 0;
	}
	if (!function)
		return -ENODEV;
	while (number--)
		fake_function_uevent(function, "change");
	return 0;
}

static const struct {
	const char *verb;
	int (*run)(char **words, int count);
} commands[] = {
	{"set", change_tree},
	{"link", change_tree},
	{"mkdir", change_tree},
	{"rm", change_tree},
	{"open", change_function},
	{"close", change_function},
	{"legacy", change_function},
	{"mac-error", change_function},
	{"vanish", change_pf},
	{"appear", change_pf},
	{"late", change_pf},
	{"owner", change_pf},
	{"opcodes", change_pf},
	{"load", change_driver},
	{"unload", change_driver},
	{"flaw", change_flaw},
	{"uevents", change_uevents},
	{"sync", change_uevents},
	{"netlink", fake_netlink_command},
};

/* With fake_lock held; may wait. *ret_answer: owned by the caller, may stay NULL. */
static int run(char *line, char **ret_answer)
{
	char *words[WORDS_MAX + 1] = {NULL}, *rest = line;
	int count = 0;

	/* The text of "set" may have blanks in it. */
	while (count < WORDS_MAX && rest && *rest) {
		bool is_text = count == 2 && !strcmp(words[0], "set");

		words[count++] = rest;
		rest = is_text ? NULL : strchr(rest, ' ');
		if (rest)
			*rest++ = '\0';
	}
	if (!count)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(commands[i].verb, words[0]))
			return commands[i].run(words, count);
	return fake_fault_command(words, count, ret_answer);
}

static void *serve(void *context)
{
	FILE *stream = fdopen((int)(intptr_t)context, "r+");
	char *line = malloc(LINE_BYTES_MAX);

	while (fgets(line, LINE_BYTES_MAX, stream)) {
		char *answer = NULL;
		int result;

		line[strcspn(line, "\n")] = '\0';
		pthread_mutex_lock(&fake_lock);
		result = run(line, &answer);
		pthread_cond_broadcast(&fake_changed);
		pthread_mutex_unlock(&fake_lock);
		fputs(answer ? answer : "", stream);
		if (result)
			fprintf(stream, "error %s\n", strerrorname_np(-result));
		else
			fputs("ok\n", stream);
		fflush(stream);
		free(answer);
	}
	fclose(stream);
	free(line);
	return NULL;
}

void fake_control_start(const char *path)
{
	fake_listen(path, SOCK_STREAM, serve);
}
