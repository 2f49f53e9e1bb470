/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line, by the table in options.def. */
#include "arguments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "intent.h"
#include "nova.h"
#include "text.h"

#define MANY	INT_MAX
#define VFS_MAX 65535 /* sriov_numvfs has 16 bits */

#define VERB(NAME, LEAST, MOST, OPERANDS, SUMMARY, TEXT)                                           \
	[VFV_VERB_##NAME] = {#NAME, LEAST, MOST, OPERANDS, SUMMARY, TEXT},
const struct vfv_verb_row vfv_verbs[VFV_VERB_COUNT] = {
#include "options.def"
};

#define IN(NAME) (1u << VFV_VERB_##NAME)
#define EVERY	 (~0u)
#define OPTION(ID, NAME, LETTER, VALUE, VERBS, TEXT)                                               \
	[VFV_OPTION_##ID] = {NAME, LETTER, VALUE, VERBS, TEXT},
const struct vfv_option_row vfv_options[VFV_OPTION_COUNT] = {
#include "options.def"
};
_Static_assert(VFV_VERB_COUNT < 32, "a bit for each verb");

/* What somebody typed, as it may be shown. */
#define SHOWN(TEXT) vfv_text_show(TEXT, strlen(TEXT), (char[VFV_SHOWN_BYTES]){0})

static int usage(struct vfv_error *ret_error, const char *what, const char *word)
{
	return vfv_error_set(ret_error, VFV_ERROR_USAGE, EINVAL, what, SHOWN(word));
}

static enum vfv_verb find_verb(const char *name)
{
	for (int verb = 0; verb < VFV_VERB_COUNT; verb++)
		if (strcmp(vfv_verbs[verb].name, name) == 0)
			return verb;
	return VFV_VERB_COUNT;
}

/* The option "--NAME" or "--NAME=VALUE"; text is behind the dashes. */
static enum vfv_option find_long(const char *text)
{
	size_t length = strcspn(text, "=");

	for (int option = 0; option < VFV_OPTION_COUNT; option++)
		if (strlen(vfv_options[option].name) == length &&
		    strncmp(vfv_options[option].name, text, length) == 0)
			return option;
	return VFV_OPTION_COUNT;
}

static enum vfv_option find_short(char letter)
{
	for (int option = 0; option < VFV_OPTION_COUNT; option++)
		if (letter && vfv_options[option].letter == letter)
			return option;
	return VFV_OPTION_COUNT;
}

/*
 * Note an option. inside: its value, where that stands in the same word; next: the word behind.
 * Returns how many further words it took, or a negative errno.
 */
static int take_option(struct vfv_arguments *arguments, enum vfv_option option, const char *inside,
		       const char *next, struct vfv_error *ret_error)
{
	const struct vfv_option_row *row = &vfv_options[option];

	if (!row->value && inside)
		return usage(ret_error, "--%s takes no value: see vfvirtctl --help", row->name);
	if (row->value && !inside && !next)
		return usage(ret_error, "--%s needs a value: see vfvirtctl --help", row->name);
	if (arguments->given[option] && row->value && option != VFV_OPTION_pf)
		return usage(ret_error, "--%s is given twice", row->name);
	arguments->given[option] = true;
	if (!row->value)
		return 0;
	if (option == VFV_OPTION_pf)
		arguments->operands[arguments->operand_count++] = inside ? inside : next;
	arguments->value[option] = inside ? inside : next;
	return !inside;
}

/* A word of one-letter options, "-jq" or "-n4"; text is behind the dash. */
static int take_letters(struct vfv_arguments *arguments, const char *text, const char *next,
			struct vfv_error *ret_error)
{
	for (; *text; text++) {
		enum vfv_option option = find_short(*text);
		const char *inside = NULL;
		int taken;

		if (option == VFV_OPTION_COUNT)
			return usage(ret_error, "unknown option -%s: see vfvirtctl --help", text);
		if (vfv_options[option].value && text[1])
			inside = text + 1;
		taken = take_option(arguments, option, inside, next, ret_error);
		if (taken != 0 || inside)
			return taken;
	}
	return 0;
}

static int take_word(struct vfv_arguments *arguments, const char *word, const char *next,
		     struct vfv_error *ret_error)
{
	const char *inside = strchr(word, '=');
	enum vfv_option option;

	if (word[1] != '-')
		return take_letters(arguments, word + 1, next, ret_error);
	option = find_long(word + 2);
	if (option == VFV_OPTION_COUNT)
		return usage(ret_error, "unknown option %s: see vfvirtctl --help", word);
	return take_option(arguments, option, inside ? inside + 1 : NULL, next, ret_error);
}

/* The first word that is no option is the verb, the others are its operands. */
static int take_operand(struct vfv_arguments *arguments, const char *word,
			struct vfv_error *ret_error)
{
	if (arguments->verb != VFV_VERB_COUNT) {
		arguments->operands[arguments->operand_count++] = word;
		return 0;
	}
	arguments->verb = find_verb(word);
	if (arguments->verb == VFV_VERB_COUNT)
		return usage(ret_error, "unknown verb %s: see vfvirtctl --help", word);
	return 0;
}

/* What create takes. */
static int judge_create(struct vfv_arguments *arguments, struct vfv_error *ret_error)
{
	uint64_t number;

	if (!arguments->given[VFV_OPTION_num_vfs])
		return usage(ret_error, "%s needs --num-vfs N", "create");
	if (vfv_text_number(arguments->value[VFV_OPTION_num_vfs], 10, VFS_MAX, &number) < 0 ||
	    number == 0)
		return usage(ret_error, "--num-vfs \"%s\" is no number from 1 to 65535",
			     arguments->value[VFV_OPTION_num_vfs]);
	arguments->num_vfs = number;
	return 0;
}

/* What nova takes. --format json is another name of --json, and --format ini its opposite. */
static int judge_nova(struct vfv_arguments *arguments, struct vfv_error *ret_error)
{
	const char *format = arguments->value[VFV_OPTION_format];
	const char *release = arguments->value[VFV_OPTION_release];
	const char *alias = arguments->value[VFV_OPTION_alias];

	if (release && !vfv_nova_rules(release))
		return usage(ret_error, "--release \"%s\" is neither zed nor 2025.1", release);
	if (alias && !vfv_intent_is_name(alias))
		return usage(ret_error,
			     "--alias \"%s\" is no name of letters, digits, '-', '_' and '.'", alias);
	if (!format)
		return 0;
	if (strcmp(format, "ini") != 0 && strcmp(format, "json") != 0)
		return usage(ret_error, "--format \"%s\" is neither ini nor json", format);
	if (arguments->given[VFV_OPTION_check] ||
	    (strcmp(format, "ini") == 0 && arguments->given[VFV_OPTION_json]))
		return usage(ret_error, "--format %s does not go with --check, nor ini with --json",
			     format);
	arguments->given[VFV_OPTION_json] = strcmp(format, "json") == 0;
	return 0;
}

/* Whether what was given goes together. */
static int judge(struct vfv_arguments *arguments, struct vfv_error *ret_error)
{
	const struct vfv_verb_row *verb = &vfv_verbs[arguments->verb];

	for (int option = 0; option < VFV_OPTION_COUNT; option++)
		if (arguments->given[option] &&
		    !(vfv_options[option].verbs & (1u << arguments->verb)))
			return vfv_error_set(ret_error, VFV_ERROR_USAGE, EINVAL,
					     "%s takes no option --%s: see vfvirtctl %s --help",
					     verb->name, vfv_options[option].name, verb->name);
	if (arguments->operand_count < verb->least)
		return vfv_error_set(ret_error, VFV_ERROR_USAGE, EINVAL,
				     "%s needs %s: see vfvirtctl %s --help", verb->name,
				     verb->operands, verb->name);
	if (arguments->operand_count > verb->most)
		return vfv_error_set(ret_error, VFV_ERROR_USAGE, EINVAL,
				     "%s takes %s, not also \"%s\": see vfvirtctl %s --help",
				     verb->name, *verb->operands ? verb->operands : "no names",
				     SHOWN(arguments->operands[verb->most]), verb->name);
	if (arguments->verb == VFV_VERB_create)
		return judge_create(arguments, ret_error);
	return arguments->verb == VFV_VERB_nova ? judge_nova(arguments, ret_error) : 0;
}

static int parse_words(int argc, char *const *argv, struct vfv_arguments *arguments,
		       struct vfv_error *ret_error)
{
	bool options = true;
	int ret;

	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];

		if (options && strcmp(word, "--") == 0) {
			options = false;
			continue;
		}
		if (options && word[0] == '-' && word[1])
			ret = take_word(arguments, word, i + 1 < argc ? argv[i + 1] : NULL,
					ret_error);
		else
			ret = take_operand(arguments, word, ret_error);
		if (ret < 0)
			return ret;
		i += ret;
	}
	return 0;
}

/* Whether a word asks for JSON, alone or among other letters. */
static bool is_json(const char *word)
{
	if (word[0] != '-' || word[1] == '-')
		return strcmp(word, "--json") == 0;
	for (const char *letter = word + 1; *letter; letter++) {
		enum vfv_option option = find_short(*letter);

		if (option == VFV_OPTION_json)
			return true;
		if (option == VFV_OPTION_COUNT || vfv_options[option].value)
			return false;
	}
	return false;
}

/* Who reads JSON wants the error as JSON, wherever the command line went wrong. */
static void look_for_json(int argc, char *const *argv, struct vfv_arguments *arguments)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (is_json(argv[i]))
			arguments->given[VFV_OPTION_json] = true;
}

int vfv_arguments_parse(int argc, char *const *argv, struct vfv_arguments *ret_arguments,
			struct vfv_error *ret_error)
{
	int ret;

	*ret_arguments = (struct vfv_arguments){.verb = VFV_VERB_COUNT};
	ret_arguments->operands = calloc((size_t)argc + 1, sizeof(char *));
	if (!ret_arguments->operands)
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
	ret = parse_words(argc, argv, ret_arguments, ret_error);
	if (ret < 0) {
		look_for_json(argc, argv, ret_arguments);
		return ret;
	}
	if (ret_arguments->given[VFV_OPTION_help] || ret_arguments->given[VFV_OPTION_version])
		return 0;
	if (ret_arguments->verb == VFV_VERB_COUNT)
		return vfv_error_set(ret_error, VFV_ERROR_USAGE, EINVAL,
				     "no verb: see vfvirtctl --help");
	return judge(ret_arguments, ret_error);
}

void vfv_arguments_clear(struct vfv_arguments *arguments)
{
	free(arguments->operands);
	*arguments = (struct vfv_arguments){.verb = VFV_VERB_COUNT};
}
