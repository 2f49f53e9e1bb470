/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon on D-Bus: the connection, and the name. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus_contract.h"
#include "bus_parts.h"
#include "journal.h"
#include "reconcile.h"

#define NAME_IS_OURS 1 /* the answer of the bus, DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER */

int vfv_bus_open(struct vfv_daemon *daemon, struct vfv_bus **ret_bus)
{
	struct vfv_bus *bus = calloc(1, sizeof(*bus));
	int error;

	if (!bus)
		return -ENOMEM;
	bus->daemon = daemon;
	error = sd_bus_open_system(&bus->connection);
	if (error >= 0)
		error = sd_bus_set_exit_on_disconnect(bus->connection, true);
	if (error >= 0)
		error = vfv_bus_add_manager(bus);
	if (error >= 0)
		error = vfv_bus_add_objects(bus);
	if (error >= 0)
		error = sd_bus_attach_event(bus->connection, daemon->event,
					    SD_EVENT_PRIORITY_NORMAL);
	if (error < 0) {
		vfv_bus_close(bus);
		return error;
	}
	*ret_bus = bus;
	return 0;
}

void vfv_bus_close(struct vfv_bus *bus)
{
	if (!bus)
		return;
	sd_bus_flush_close_unref(bus->connection);
	free(bus);
}

static int on_name(sd_bus_message *reply, void *context, sd_bus_error *ret_error)
{
	struct vfv_bus *bus = context;
	uint32_t answer = 0;

	if (!sd_bus_message_is_method_error(reply, NULL))
		sd_bus_message_read(reply, "u", &answer);
	if (answer == NAME_IS_OURS)
		return 0;
	vfv_journal(VFV_MESSAGE_FAILED, NULL,
		    "cannot get the name " VFV_BUS_NAME
		    " on D-Bus: another vfvirtd runs, or the bus "
		    "policy is missing");
	return sd_event_exit(bus->daemon->event, EXIT_FAILURE);
}

int vfv_bus_take_name(struct vfv_bus *bus)
{
	int error = bus ? sd_bus_request_name_async(bus->connection, NULL, VFV_BUS_NAME, 0, on_name,
						    bus)
			: 0;

	return error < 0 ? error : 0;
}

void vfv_bus_manager_changed(struct vfv_bus *bus, const char *property)
{
	unsigned int running;

	if (!bus)
		return;
	if (!strcmp(property, "ReconcilesRunning")) {
		running = vfv_reconciler_running(bus->daemon->reconciler);
		if (running == bus->running_told)
			return;
		bus->running_told = running;
	}
	sd_bus_emit_properties_changed(bus->connection, VFV_BUS_ROOT, VFV_BUS_MANAGER, property,
				       NULL);
}
