/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a test wants to go wrong with reads and writes, and the log of writes. */
#include "card.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fault.h"

#define RULES_MAX    64
#define WAIT_LIMIT_S 30

enum rule_kind { RULE_NONE, RULE_FAIL, RULE_BLOCK, RULE_VANISH };

/* Strikes at the write or read that follows skip others of the same pattern. */
static struct rule {
	enum rule_kind kind;
	bool of_reads;
	char pattern[256]; /* of a path, or of PATH=TEXT where there is a '=' in it */
	unsigned int skip;
	unsigned int times; /* 0: from then on always */
	int error;
	struct fake_pf *pf;
} rules[RULES_MAX];

static unsigned int blocked;  /* those who wait in a RULE_BLOCK */
static unsigned int releases; /* counts "release", which lets all go on */

static char **lines; /* the log */
static size_t line_count;

static const struct {
	const char *name;
	int number;
} errors[] = {
	{"EBUSY", EBUSY},   {"ENOENT", ENOENT}, {"EIO", EIO},	    {"ERANGE", ERANGE},
	{"ENODEV", ENODEV}, {"EINVAL", EINVAL}, {"ENOSPC", ENOSPC}, {"EACCES", EACCES},
	{"EPERM", EPERM},   {"ENOMEM", ENOMEM}, {"EPROTO", EPROTO}, {"EROFS", EROFS},
};

int fake_errno(const char *name)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		if (!strcmp(errors[i].name, name))
			return errors[i].number;
	return (int)strtol(name, NULL, 10);
}

static bool is_match(const char *pattern, const char *path, const char *text)
{
	char both[1024];

	snprintf(both, sizeof(both), "%s=%s", path, text);
	return !fnmatch(pattern, strchr(pattern, '=') ? both : path, 0);
}

/* Whether a rule strikes now. */
static bool strikes(struct rule *rule, bool reads, const char *path, const char *text)
{
	if (rule->kind == RULE_NONE || rule->of_reads != reads ||
	    !is_match(rule->pattern, path, text))
		return false;
	if (rule->skip) {
		rule->skip--;
		return false;
	}
	return true;
}

/* Count one strike; the rule ends with its last one. */
static void use_up(struct rule *rule)
{
	if (rule->times && !--rule->times)
		rule->kind = RULE_NONE;
}

static int before(bool reads, const char *path, const char *text)
{
	for (struct rule *rule = rules; rule < rules + RULES_MAX; rule++) {
		unsigned int seen = releases;

		if (!strikes(rule, reads, path, text))
			continue;
		switch (rule->kind) {
		case RULE_FAIL:
			use_up(rule);
			return -rule->error;
		case RULE_BLOCK:
			blocked++;
			pthread_cond_broadcast(&fake_changed);
			while (releases == seen)
				pthread_cond_wait(&fake_changed, &fake_lock);
			blocked--;
			pthread_cond_broadcast(&fake_changed);
			break;
		default:
			use_up(rule);
			fake_pf_vanish(rule->pf);
		}
	}
	return 0;
}

int fake_fault_before_write(const char *path, const char *text)
{
	return before(false, path, text);
}

int fake_fault_before_read(const char *path)
{
	return before(true, path, "");
}

void fake_fault_written(const char *path, const char *text, int result)
{
	lines = realloc(lines, (line_count + 1) * sizeof(*lines));
	if (asprintf(&lines[line_count], "%s=%s %s", path, text,
		     result ? strerrorname_np(-result) : "ok") < 0)
		abort();
	line_count++;
	pthread_cond_broadcast(&fake_changed);
}

static void clear_log(void)
{
	while (line_count)
		free(lines[--line_count]);
}

/* The log as one text, owned by the caller. */
static char *whole_log(void)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	for (size_t i = 0; i < line_count; i++)
		fprintf(stream, "%s\n", lines[i]);
	fclose(stream);
	return text;
}

static char *count_log(const char *pattern)
{
	unsigned int count = 0;
	char *text;

	for (size_t i = 0; i < line_count; i++)
		count += !fnmatch(pattern, lines[i], 0);
	return asprintf(&text, "%u\n", count) < 0 ? NULL : text;
}

static int add_rule(enum rule_kind kind, bool reads, const char *pattern, const char *number,
		    const char *times)
{
	for (struct rule *rule = rules; rule < rules + RULES_MAX; rule++) {
		if (rule->kind != RULE_NONE)
			continue;
		*rule = (struct rule){.kind = kind, .of_reads = reads, .error = EIO};
		snprintf(rule->pattern, sizeof(rule->pattern), "%s", pattern);
		rule->skip = number ? (unsigned int)strtoul(number, NULL, 10) - 1 : 0;
		rule->times = times ? (unsigned int)strtoul(times, NULL, 10) : 1;
		return (int)(rule - rules);
	}
	return -ENOSPC;
}

static int release_all(void)
{
	for (struct rule *rule = rules; rule < rules + RULES_MAX; rule++)
		if (rule->kind == RULE_BLOCK)
			rule->kind = RULE_NONE;
	releases++;
	pthread_cond_broadcast(&fake_changed);
	return 0;
}

static int wait_blocked(unsigned int count)
{
	struct timespec limit;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += WAIT_LIMIT_S;
	while (blocked < count)
		if (pthread_cond_timedwait(&fake_changed, &fake_lock, &limit))
			return -ETIMEDOUT;
	return 0;
}

/* vanish-at PATTERN ADDRESS [K] | vanish-at-read PATTERN ADDRESS [K] */
static int add_vanish(bool reads, char **words)
{
	struct fake_function *function = fake_function_find(words[2]);
	int rule;

	if (!function || function->pf)
		return -ENODEV;
	rule = add_rule(RULE_VANISH, reads, words[1], words[3], NULL);
	if (rule >= 0)
		rules[rule].pf = (struct fake_pf *)function;
	return rule < 0 ? rule : 0;
}

/* fail PATTERN ERRNO [K [TIMES]] */
static int add_failure(bool reads, char **words)
{
	int rule = add_rule(RULE_FAIL, reads, words[1], words[3], words[3] ? words[4] : NULL);

	if (rule < 0)
		return rule;
	rules[rule].error = fake_errno(words[2]);
	return 0;
}

int fake_fault_command(char **words, int count, char **ret_long_answer)
{
	const char *verb = words[0];
	int rule;

	if (!strcmp(verb, "fail") || !strcmp(verb, "fail-read"))
		return count < 3 ? -EINVAL : add_failure(verb[4] == '-', words);
	if (!strcmp(verb, "block") || !strcmp(verb, "block-read")) {
		rule = count < 2 ? -EINVAL
				 : add_rule(RULE_BLOCK, verb[5] == '-', words[1], words[2], "0");
		return rule < 0 ? rule : 0;
	}
	if (!strcmp(verb, "vanish-at") || !strcmp(verb, "vanish-at-read"))
		return count < 3 ? -EINVAL : add_vanish(verb[9] == '-', words);
	if (!strcmp(verb, "release"))
		return release_all();
	if (!strcmp(verb, "wait-blocked"))
		return wait_blocked(count < 2 ? 1 : (unsigned int)strtoul(words[1], NULL, 10));
	if (!strcmp(verb, "clear-faults")) {
		memset(rules, 0, sizeof(rules));
		return 0;
	}
	if (!strcmp(verb, "log"))
		*ret_long_answer = whole_log();
	else if (!strcmp(verb, "count") && count == 2)
		*ret_long_answer = count_log(words[1]);
	else if (!strcmp(verb, "clear-log"))
		clear_log();
	else
		return -ENOSYS;
	return 0;
}
