/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vfvirtd that answers from files: fake_vfvirtd FOLDER, on the bus of DBUS_SYSTEM_BUS_ADDRESS.
 *
 * A call of method M is answered with the text of FOLDER/M; one that begins with "error NAME TEXT" is
 * that D-Bus error, "silence" is no answer at all, "end" is none because the program ends. Before a
 * changing method is answered, each line "PF DONE TOTAL STEP" of FOLDER/progress becomes a signal.
 * FOLDER/calls gets a line for each call: method and arguments. Prints "ready".
 */
#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define NAME	"org.vfvirt1"
#define ROOT	"/org/vfvirt1"
#define MANAGER "org.vfvirt1.Manager"

static const char *folder;

static FILE *open_file(const char *name, const char *mode)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return fopen(path, mode);
}

/* The whole text of a file, NULL when it is not there. */
static char *read_file(const char *name)
{
	FILE *file = open_file(name, "r");
	char *text = NULL;
	size_t size = 0;

	if (!file)
		return NULL;
	if (getdelim(&text, &size, '\0', file) < 0)
		text = strdup("");
	fclose(file);
	return text;
}

static void log_call(sd_bus_message *call)
{
	FILE *calls = open_file("calls", "a");
	const char *content;
	uint32_t number;
	char type;
	int truth;

	fputs(sd_bus_message_get_member(call), calls);
	while (sd_bus_message_peek_type(call, &type, &content) > 0) {
		const char *text;

		if (type == SD_BUS_TYPE_STRING && sd_bus_message_read(call, "s", &text) >= 0) {
			fprintf(calls, " '%s'", text);
		} else if (type == SD_BUS_TYPE_UINT32 &&
			   sd_bus_message_read(call, "u", &number) >= 0) {
			fprintf(calls, " %u", number);
		} else if (type == SD_BUS_TYPE_BOOLEAN &&
			   sd_bus_message_read(call, "b", &truth) >= 0) {
			fputs(truth ? " true" : " false", calls);
		} else if (type == SD_BUS_TYPE_ARRAY) {
			sd_bus_message_enter_container(call, type, content);
			while (sd_bus_message_read(call, "s", &text) > 0)
				fprintf(calls, " [%s]", text);
			sd_bus_message_exit_container(call);
		} else {
			errx(1, "an argument of type %c", type);
		}
	}
	fputc('\n', calls);
	fclose(calls);
}

static void send_progress(sd_bus *bus)
{
	FILE *lines = open_file("progress", "r");
	char pf[64], step[256];
	unsigned int done, total;

	while (lines && fscanf(lines, "%63s %u %u %255[^\n]", pf, &done, &total, step) == 4)
		sd_bus_emit_signal(bus, ROOT, MANAGER, "Progress", "suus", pf, done, total, step);
	if (lines)
		fclose(lines);
}

static int on_call(sd_bus_message *call, void *context, sd_bus_error *ret_error)
{
	const char *method = sd_bus_message_get_member(call);
	char name[128], *text = read_file(method);
	int ret;

	log_call(call);
	if (strcmp(method, "GetModel") != 0)
		send_progress(sd_bus_message_get_bus(call));
	if (!text)
		return -ENOENT;
	if (strcmp(text, "end\n") == 0)
		_exit(0); /* no last words on the bus */
	if (strcmp(text, "silence\n") == 0)
		ret = 1;
	else if (sscanf(text, "error %127s", name) == 1)
		ret = sd_bus_error_set(ret_error, name, strchr(text + strlen("error "), ' ') + 1);
	else
		ret = sd_bus_reply_method_return(call, "s", text);
	free(text);
	return ret;
}

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Create", "ssubb", "s", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Destroy", "sb", "s", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Bind", "assbb", "s", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Unbind", "asbb", "s", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Apply", "sb", "s", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("GetModel", "", "s", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_SIGNAL("Progress", "suus", 0),
	SD_BUS_VTABLE_END,
};

int main(int argc, char **argv)
{
	sd_bus *bus;
	int ret;

	if (argc != 2)
		errx(2, "usage: fake_vfvirtd FOLDER");
	folder = argv[1];
	ret = sd_bus_open_system(&bus);
	if (ret >= 0)
		ret = sd_bus_add_object_vtable(bus, NULL, ROOT, MANAGER, vtable, NULL);
	if (ret >= 0)
		ret = sd_bus_request_name(bus, NAME, 0);
	if (ret < 0)
		errx(1, "cannot be on the bus: %s", strerror(-ret));
	puts("ready");
	fflush(stdout);
	/* Ends with the bus, which the test ends. */
	while (ret >= 0) {
		ret = sd_bus_process(bus, NULL);
		if (ret == 0)
			ret = sd_bus_wait(bus, UINT64_MAX);
	}
	return 0;
}
