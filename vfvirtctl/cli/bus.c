/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Speaks to vfvirtd over sd-bus, and never starts it. */
#include "bus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "bus_contract.h"
#include "cleanup.h"
#include "model.h"

#define ANSWER_LIMIT_US (5 * 1000000ull)   /* of what vfvirtd answers from memory */
#define CHANGE_LIMIT_US (600 * 1000000ull) /* 240 VFs on a slow card, behind another change */

struct vfv_bus {
	sd_bus *bus;
};

static void free_error(sd_bus_error *error)
{
	sd_bus_error_free(error);
}
#define FREE_ERROR __attribute__((cleanup(free_error)))
VFV_DEFINE_CLEANUP(unref_message, sd_bus_message *, sd_bus_message_unref)
#define UNREF __attribute__((cleanup(unref_message)))

/* Which of our errors a D-Bus error is. */
static enum vfv_error_code code_of(const sd_bus_error *error)
{
	static const char *const gone[] = {
		SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER, SD_BUS_ERROR_NO_REPLY,
		SD_BUS_ERROR_DISCONNECTED,    SD_BUS_ERROR_NO_SERVER,	      SD_BUS_ERROR_TIMEOUT,
	};

	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
		if (sd_bus_error_has_name(error, gone[i]))
			return VFV_ERROR_NO_DAEMON;
	if (sd_bus_error_has_name(error, SD_BUS_ERROR_ACCESS_DENIED))
		return VFV_ERROR_ACCESS;
	return vfv_error_from_dbus(error->name);
}

/* Turn an error of D-Bus into ours. number: what sd-bus returned. */
static int fail(int number, const sd_bus_error *error, struct vfv_error *ret_error)
{
	enum vfv_error_code code = code_of(error);

	if (!sd_bus_error_is_set(error))
		return vfv_error_set(ret_error, VFV_ERROR_NO_DAEMON, number,
				     "vfvirtd does not answer: %s", strerror(abs(number)));
	if (code == VFV_ERROR_NO_DAEMON)
		return vfv_error_set(ret_error, code, number, "vfvirtd does not answer: %s",
				     error->message);
	if (code == VFV_ERROR_ACCESS)
		return vfv_error_set(ret_error, code, number, "vfvirtd refuses: %s",
				     error->message);
	return vfv_error_set(ret_error, code, number, "%s", error->message);
}

/* Whether vfvirtd is on a bus: 1, 0, or a negative errno. */
static int has_owner(sd_bus *bus)
{
	FREE_ERROR sd_bus_error error = SD_BUS_ERROR_NULL;
	UNREF sd_bus_message *reply = NULL;
	int ret, owned;

	ret = sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
				 "org.freedesktop.DBus", "NameHasOwner", &error, &reply, "s",
				 VFV_BUS_NAME);
	if (ret >= 0)
		ret = sd_bus_message_read(reply, "b", &owned);
	return ret < 0 ? ret : owned;
}

int vfv_bus_open(struct vfv_bus **ret_bus, struct vfv_error *ret_error)
{
	struct vfv_bus *bus = calloc(1, sizeof(*bus));
	int ret;

	if (!bus)
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
	ret = sd_bus_open_system(&bus->bus);
	if (ret >= 0)
		ret = sd_bus_set_method_call_timeout(bus->bus, ANSWER_LIMIT_US);
	if (ret >= 0)
		ret = has_owner(bus->bus);
	if (ret > 0) {
		*ret_bus = bus;
		return 0;
	}
	vfv_bus_close(bus);
	if (ret == 0)
		return vfv_error_set(
			ret_error, VFV_ERROR_NO_DAEMON, ECONNREFUSED,
			"vfvirtd is not running: start it with systemctl start vfvirtd");
	return vfv_error_set(ret_error, VFV_ERROR_NO_DAEMON, ret,
			     "there is no system bus to find vfvirtd on: %s", strerror(-ret));
}

void vfv_bus_close(struct vfv_bus *bus)
{
	if (!bus)
		return;
	sd_bus_flush_close_unref(bus->bus);
	free(bus);
}

int vfv_bus_daemon_runs(void)
{
	struct vfv_error error = VFV_NO_ERROR;
	struct vfv_bus *bus = NULL;
	int ret = vfv_bus_open(&bus, &error);

	vfv_bus_close(bus);
	if (ret == 0)
		return 1;
	return error.errno_value == ECONNREFUSED ? 0 : VFV_UNKNOWN;
}

/* A call of the manager's that starts nobody. */
static int new_call(struct vfv_bus *bus, const char *method, sd_bus_message **ret_message)
{
	int ret = sd_bus_message_new_method_call(bus->bus, ret_message, VFV_BUS_NAME, VFV_BUS_ROOT,
						 VFV_BUS_MANAGER, method);

	return ret < 0 ? ret : sd_bus_message_set_auto_start(*ret_message, 0);
}

/* The one text that all methods answer with; owned by the caller. */
static int read_text(sd_bus_message *reply, char **ret_text)
{
	const char *text;
	int ret = sd_bus_message_read(reply, "s", &text);

	if (ret < 0)
		return ret;
	*ret_text = strdup(text);
	return *ret_text ? 0 : -ENOMEM;
}

int vfv_bus_get_model(struct vfv_bus *bus, char **ret_text, struct vfv_error *ret_error)
{
	FREE_ERROR sd_bus_error error = SD_BUS_ERROR_NULL;
	UNREF sd_bus_message *call = NULL, *reply = NULL;
	int ret = new_call(bus, "GetModel", &call);

	if (ret >= 0)
		ret = sd_bus_call(bus->bus, call, ANSWER_LIMIT_US, &error, &reply);
	if (ret >= 0)
		ret = read_text(reply, ret_text);
	return ret < 0 ? fail(ret, &error, ret_error) : 0;
}

static int on_progress(sd_bus_message *message, void *context, sd_bus_error *ret_error)
{
	const struct vfv_bus_call *call = context;
	const char *pf, *step;
	uint32_t done, total;

	if (sd_bus_message_read(message, "suus", &pf, &done, &total, &step) >= 0)
		call->progress(pf, done, total, step);
	return 0;
}

/* What a call that is under way came to. */
struct outcome {
	bool ended;
	sd_bus_message *reply; /* owned; an answer or an error */
};

static int on_reply(sd_bus_message *reply, void *context, sd_bus_error *ret_error)
{
	struct outcome *outcome = context;

	outcome->ended = true;
	outcome->reply = sd_bus_message_ref(reply);
	return 0;
}

/* Put in what the method takes. */
static int append_arguments(sd_bus_message *message, const struct vfv_bus_call *call)
{
	int ret;

	if (strcmp(call->method, "Create") == 0)
		return sd_bus_message_append(message, "ssubb", call->pf, call->name, call->num_vfs,
					     call->runtime, call->dry_run);
	if (strcmp(call->method, "Destroy") == 0 || strcmp(call->method, "Apply") == 0)
		return sd_bus_message_append(message, "sb", call->pf, call->dry_run);
	ret = sd_bus_message_append_strv(message, (char **)call->objects);
	if (ret >= 0 && strcmp(call->method, "Bind") == 0)
		ret = sd_bus_message_append(message, "s", call->driver);
	return ret < 0 ? ret : sd_bus_message_append(message, "bb", call->force, call->dry_run);
}

/* The errno that vfvirtd puts behind the text of an error; 0: none. */
static int errno_of(sd_bus_message *reply)
{
	uint32_t number;

	if (sd_bus_message_read(reply, "su", NULL, &number) <= 0 || number > INT32_MAX)
		return 0;
	return (int)number;
}

/* Serve the bus until the call has ended; the call's own limit ends it at the latest. */
static int wait_for(sd_bus *bus, const struct outcome *outcome)
{
	int ret = 0;

	while (ret >= 0 && !outcome->ended) {
		ret = sd_bus_process(bus, NULL);
		if (ret == 0)
			ret = sd_bus_wait(bus, CHANGE_LIMIT_US);
	}
	return ret;
}

int vfv_bus_change(struct vfv_bus *bus, const struct vfv_bus_call *call, char **ret_report,
		   struct vfv_error *ret_error)
{
	const sd_bus_error none = SD_BUS_ERROR_NULL;
	struct outcome outcome = {0};
	UNREF sd_bus_message *message = NULL;
	UNREF sd_bus_message *reply = NULL;
	int ret = 0;

	if (call->progress)
		ret = sd_bus_match_signal(bus->bus, NULL, VFV_BUS_NAME, VFV_BUS_ROOT,
					  VFV_BUS_MANAGER, "Progress", on_progress, (void *)call);
	if (ret >= 0)
		ret = new_call(bus, call->method, &message);
	if (ret >= 0)
		ret = append_arguments(message, call);
	if (ret >= 0)
		ret = sd_bus_call_async(bus->bus, NULL, message, on_reply, &outcome,
					CHANGE_LIMIT_US);
	if (ret >= 0)
		ret = wait_for(bus->bus, &outcome);
	reply = outcome.reply;
	if (ret < 0)
		return fail(ret, &none, ret_error);
	if (sd_bus_message_is_method_error(reply, NULL))
		return fail(errno_of(reply), sd_bus_message_get_error(reply), ret_error);
	ret = read_text(reply, ret_report);
	return ret < 0 ? fail(ret, &none, ret_error) : 0;
}
