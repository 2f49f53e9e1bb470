/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vfvirtctl: parses, runs the verb, says how it ended. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "cli.h"

#define VERB(NAME, ...) [VFV_VERB_##NAME] = vfv_cmd_##NAME,
static int (*const handlers[VFV_VERB_COUNT])(struct vfv_cli *cli, struct vfv_error *ret_error) = {
#include "options.def"
};

/*
 * A standard stream that was closed by the caller would be taken by the next file or socket that is
 * opened, and messages would go there. What stands in for it refuses to be written to, so that
 * output which is lost is an error.
 */
static void hold_standard_streams(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
			_exit(VFV_EXIT_FAILED);
}

static bool want_colors(const struct vfv_cli *cli)
{
	const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_color && *no_color) &&
	       !(terminal && strcmp(terminal, "dumb") == 0) && !vfv_given(cli, VFV_OPTION_no_color);
}

/* Write all output at once; false, with errno, when it could not be. */
static bool write_output(const char *text, size_t length)
{
	while (length > 0) {
		ssize_t written = write(STDOUT_FILENO, text, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return false;
		text += written;
		length -= (size_t)written;
	}
	return true;
}

/* Parse and do; an enum vfv_exit or a negative errno. */
static int run(struct vfv_cli *cli, int argc, char **argv, struct vfv_error *ret_error)
{
	int ret = vfv_arguments_parse(argc, argv, &cli->arguments, ret_error);

	if (ret < 0)
		return ret;
	if (vfv_given(cli, VFV_OPTION_help)) {
		vfv_help_print(cli->arguments.verb, cli->out);
		return VFV_EXIT_DONE;
	}
	if (vfv_given(cli, VFV_OPTION_version)) {
		fprintf(cli->out, "vfvirtctl %s\n", VFV_VERSION);
		return VFV_EXIT_DONE;
	}
	cli->host = vfv_host_new();
	if (!cli->host)
		return vfv_no_memory(ret_error);
	cli->colors = want_colors(cli);
	return handlers[cli->arguments.verb](cli, ret_error);
}

int main(int argc, char **argv)
{
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_cli cli = {0};
	VFV_FREE char *text = NULL;
	size_t length = 0;
	int ret;

	hold_standard_streams();
	setlocale(LC_CTYPE, ""); /* which bytes are characters, and how wide they are */
	cli.out = open_memstream(&text, &length);
	ret = cli.out ? run(&cli, argc, argv, &error) : vfv_no_memory(&error);
	if (cli.out && fclose(cli.out) != 0 && ret >= 0)
		ret = vfv_no_memory(&error);
	if (ret >= 0 && !write_output(text, length))
		ret = vfv_error_set(&error, VFV_ERROR_STORAGE, errno,
				    "standard output cannot be written: %s", strerror(errno));
	if (ret < 0) {
		vfv_tell_error(&cli, &error);
		ret = vfv_error_name(error.code)->exit_code;
	}
	vfv_arguments_clear(&cli.arguments);
	vfv_host_free(cli.host);
	json_object_put(cli.intent_errors);
	return ret;
}
