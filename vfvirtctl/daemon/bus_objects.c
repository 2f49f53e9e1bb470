/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PFs and VFs on D-Bus: their properties, and which of them changed. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "bus_contract.h"
#include "bus_parts.h"
#include "cleanup.h"
#include "text.h"

#define PF_PREFIX  VFV_BUS_ROOT "/pf"
#define VF_PREFIX  VFV_BUS_ROOT "/vf"
#define PATH_BYTES (sizeof(VF_PREFIX) + VFV_ADDRESS_BYTES + 1)
#define TEXT_BYTES 256

/* A property's value: text for types s and o, else number. */
struct value {
	const char *text; /* NULL counts as "" */
	int64_t number;
	char buffer[TEXT_BYTES];
};

enum source {
	FROM_TEXT, /* a char * in the struct */
	FROM_INT,
	FROM_UNSIGNED,
	FROM_BOOL,
	FROM_FUNCTION,
};

/* A row for each property: where its value is. */
struct property {
	const char *name;
	char type;
	enum source source;
	size_t offset; /* in struct vfv_pf or struct vfv_vf */
	void (*get)(const struct vfv_object *object, struct value *value);
};

static const char *object_path(const char *prefix, const struct vfv_address *address,
			       char ret_path[PATH_BYTES])
{
	char text[VFV_ADDRESS_BYTES];

	vfv_address_format(address, text);
	for (char *c = text; *c; c++)
		if (*c == ':' || *c == '.')
			*c = '_';
	snprintf(ret_path, PATH_BYTES, "%s/%s", prefix, text);
	return ret_path;
}

/* The address in a path that object_path() made; false: it is none. */
static bool path_address(const char *path, const char *prefix, struct vfv_address *ret_address)
{
	char text[VFV_ADDRESS_BYTES + 1];
	size_t length;

	if (strncmp(path, prefix, strlen(prefix)) || path[strlen(prefix)] != '/')
		return false;
	path += strlen(prefix) + 1;
	length = strlen(path);
	/* "0000_3b_00_2": the last separator is the dot. */
	if (length < 12 || length >= sizeof(text))
		return false;
	memcpy(text, path, length + 1);
	for (size_t i = 0; i < length; i++)
		if (text[i] == '_')
			text[i] = i == length - 2 ? '.' : ':';
	return vfv_address_parse(text, ret_address);
}

static void get_address(const struct vfv_object *object, struct value *value)
{
	value->text = vfv_address_format(object->vf ? &object->vf->address : &object->pf->address,
					 value->buffer);
}

static void get_transport(const struct vfv_object *object, struct value *value)
{
	value->text = vfv_transport_name(object->pf->transport);
}

static void get_pf_path(const struct vfv_object *object, struct value *value)
{
	value->text = object_path(PF_PREFIX, &object->pf->address, value->buffer);
}

static void get_state(const struct vfv_object *object, struct value *value)
{
	value->text = vfv_vf_state_name(object->vf->state);
}

static void get_mac(const struct vfv_object *object, struct value *value)
{
	if (object->vf->has_mac)
		value->text = vfv_text_from_mac(object->vf->mac, value->buffer);
}

static void get_published(const struct vfv_object *object, struct value *value)
{
	char address[VFV_ADDRESS_BYTES];

	if (!object->vf->published)
		return;
	snprintf(value->buffer, sizeof(value->buffer), "%s/hostdev/%s.xml",
		 object->daemon->host->run, vfv_address_format(&object->vf->address, address));
	value->text = value->buffer;
}

#define OF_PF(member) offsetof(struct vfv_pf, member), NULL
#define OF_VF(member) offsetof(struct vfv_vf, member), NULL
#define BY(function)  0, function

static const struct property pf_properties[] = {
	{"Address", 's', FROM_FUNCTION, BY(get_address)},
	{"Name", 's', FROM_TEXT, OF_PF(name)},
	{"Netdev", 's', FROM_TEXT, OF_PF(netdev)},
	{"Driver", 's', FROM_TEXT, OF_PF(driver)},
	{"Transport", 's', FROM_FUNCTION, BY(get_transport)},
	{"OwnerState", 's', FROM_TEXT, OF_PF(owner_state)},
	{"Legacy", 'i', FROM_INT, OF_PF(legacy)},
	{"LegacyReason", 's', FROM_TEXT, OF_PF(legacy_reason)},
	{"VfsNow", 'u', FROM_UNSIGNED, OF_PF(vfs_now)},
	{"VfsMax", 'u', FROM_UNSIGNED, OF_PF(vfs_max)},
	{"VfsIntended", 'u', FROM_UNSIGNED, OF_PF(vfs_intended)},
	{"PendingReboot", 'b', FROM_BOOL, OF_PF(pending_reboot)},
	{"Failure", 's', FROM_TEXT, OF_PF(failure)},
	{"NumaNode", 'i', FROM_INT, OF_PF(numa_node)},
	{0},
};

static const struct property vf_properties[] = {
	{"Address", 's', FROM_FUNCTION, BY(get_address)},
	{"Pf", 'o', FROM_FUNCTION, BY(get_pf_path)},
	{"Index", 'u', FROM_UNSIGNED, OF_VF(vf_index)},
	{"Driver", 's', FROM_TEXT, OF_VF(driver)},
	{"State", 's', FROM_FUNCTION, BY(get_state)},
	{"Reason", 's', FROM_TEXT, OF_VF(reason)},
	{"Legacy", 'i', FROM_INT, OF_VF(legacy)},
	{"LegacyReason", 's', FROM_TEXT, OF_VF(legacy_reason)},
	{"Mac", 's', FROM_FUNCTION, BY(get_mac)},
	{"IommuGroup", 'i', FROM_INT, OF_VF(iommu_group)},
	{"NumaNode", 'i', FROM_INT, OF_VF(numa_node)},
	{"Domain", 's', FROM_TEXT, OF_VF(domain)},
	{"ClaimUuid", 's', FROM_TEXT, OF_VF(claim_uuid)},
	{"Published", 's', FROM_FUNCTION, BY(get_published)},
	{0},
};

#define PROPERTIES_MAX 32

static void get_value(const struct property *property, const struct vfv_object *object,
		      struct value *value)
{
	const char *place = (object->vf ? (const char *)object->vf : (const char *)object->pf) +
			    property->offset;

	value->text = NULL;
	value->number = 0;
	switch (property->source) {
	case FROM_TEXT:
		value->text = *(char *const *)place;
		break;
	case FROM_INT:
		value->number = *(const int *)place;
		break;
	case FROM_UNSIGNED:
		value->number = *(const unsigned int *)place;
		break;
	case FROM_BOOL:
		value->number = *(const bool *)place;
		break;
	case FROM_FUNCTION:
		property->get(object, value);
	}
	if (!value->text)
		value->text = "";
}

static int append_value(sd_bus_message *message, char type, const struct value *value)
{
	uint32_t number = (uint32_t)value->number;

	if (type == 's' || type == 'o')
		return sd_bus_message_append_basic(message, type, value->text);
	return sd_bus_message_append_basic(message, type, &number); /* i, u and b are 32 bits */
}

static int on_get(sd_bus *connection, const char *path, const char *interface, const char *name,
		  sd_bus_message *reply, void *context, sd_bus_error *ret_error)
{
	const struct vfv_object *object = context;
	const struct property *property = object->vf ? vf_properties : pf_properties;
	struct value value;

	while (property->name && strcmp(property->name, name))
		property++;
	if (!property->name)
		return -ENOENT;
	get_value(property, object, &value);
	return append_value(reply, property->type, &value);
}

#define ROW(name, type) \
	SD_BUS_PROPERTY(name, type, on_get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)
#define FIXED_ROW(name, type) SD_BUS_PROPERTY(name, type, on_get, 0, SD_BUS_VTABLE_PROPERTY_CONST)

static const sd_bus_vtable pf_vtable[] = {
	SD_BUS_VTABLE_START(0),	   FIXED_ROW("Address", "s"), ROW("Name", "s"),
	ROW("Netdev", "s"),	   ROW("Driver", "s"),	      ROW("Transport", "s"),
	ROW("OwnerState", "s"),	   ROW("Legacy", "i"),	      ROW("LegacyReason", "s"),
	ROW("VfsNow", "u"),	   ROW("VfsMax", "u"),	      ROW("VfsIntended", "u"),
	ROW("PendingReboot", "b"), ROW("Failure", "s"),	      ROW("NumaNode", "i"),
	SD_BUS_VTABLE_END,
};

static const sd_bus_vtable vf_vtable[] = {
	SD_BUS_VTABLE_START(0),	 FIXED_ROW("Address", "s"), FIXED_ROW("Pf", "o"),
	FIXED_ROW("Index", "u"), ROW("Driver", "s"),	    ROW("State", "s"),
	ROW("Reason", "s"),	 ROW("Legacy", "i"),	    ROW("LegacyReason", "s"),
	ROW("Mac", "s"),	 ROW("IommuGroup", "i"),    ROW("NumaNode", "i"),
	ROW("Domain", "s"),	 ROW("ClaimUuid", "s"),	    ROW("Published", "s"),
	SD_BUS_VTABLE_END,
};

static int find_pf(sd_bus *connection, const char *path, const char *interface, void *context,
		   void **ret_found, sd_bus_error *ret_error)
{
	struct vfv_bus *bus = context;
	struct vfv_address address;

	if (!path_address(path, PF_PREFIX, &address))
		return 0;
	bus->found = (struct vfv_object){.daemon = bus->daemon};
	bus->found.pf = vfv_model_find_pf(bus->daemon->model, &address);
	*ret_found = &bus->found;
	return bus->found.pf ? 1 : 0;
}

static int find_vf(sd_bus *connection, const char *path, const char *interface, void *context,
		   void **ret_found, sd_bus_error *ret_error)
{
	struct vfv_bus *bus = context;
	struct vfv_address address;
	struct vfv_pf *pf = NULL;

	if (!path_address(path, VF_PREFIX, &address))
		return 0;
	bus->found = (struct vfv_object){.daemon = bus->daemon};
	bus->found.vf = vfv_model_find_vf(bus->daemon->model, &address, &pf);
	bus->found.pf = pf;
	*ret_found = &bus->found;
	return bus->found.vf ? 1 : 0;
}

/* The paths of objects, in the making. */
struct paths {
	char **all; /* as sd-bus wants them: ending with NULL, freed by it */
	size_t count;
};

/* One that cannot be copied ends the list early. */
static void add_path(struct paths *paths, const char *prefix, const struct vfv_address *address)
{
	char path[PATH_BYTES];

	if (paths->all)
		paths->all[paths->count++] = strdup(object_path(prefix, address, path));
}

static int list_pfs(sd_bus *connection, const char *prefix, void *context, char ***ret_paths,
		    sd_bus_error *ret_error)
{
	const struct vfv_model *model = ((struct vfv_bus *)context)->daemon->model;
	struct paths paths = {calloc(model->pf_count + 1, sizeof(char *)), 0};

	for (size_t i = 0; i < model->pf_count; i++)
		add_path(&paths, PF_PREFIX, &model->pfs[i].address);
	*ret_paths = paths.all;
	return paths.all ? 1 : -ENOMEM;
}

static int list_vfs(sd_bus *connection, const char *prefix, void *context, char ***ret_paths,
		    sd_bus_error *ret_error)
{
	const struct vfv_model *model = ((struct vfv_bus *)context)->daemon->model;
	struct paths paths = {0};
	size_t room = 1;

	for (size_t i = 0; i < model->pf_count; i++)
		room += model->pfs[i].vf_count;
	paths.all = calloc(room, sizeof(char *));
	for (size_t i = 0; i < model->pf_count; i++)
		for (size_t j = 0; j < model->pfs[i].vf_count; j++)
			add_path(&paths, VF_PREFIX, &model->pfs[i].vfs[j].address);
	*ret_paths = paths.all;
	return paths.all ? 1 : -ENOMEM;
}

/* Emit the properties that differ between two states of one object. */
static void emit_changed(struct vfv_bus *bus, const char *path, const char *interface,
			 const struct property *properties, const struct vfv_object *old,
			 const struct vfv_object *new)
{
	const char *names[PROPERTIES_MAX + 1] = {0};
	struct value before, after;
	size_t count = 0;

	for (const struct property *property = properties; property->name; property++) {
		get_value(property, old, &before);
		get_value(property, new, &after);
		if (before.number != after.number || strcmp(before.text, after.text))
			names[count++] = property->name;
	}
	if (count)
		sd_bus_emit_properties_changed_strv(bus->connection, path, interface,
						    (char **)names);
}

static const struct vfv_vf *vf_of(const struct vfv_pf *pf, const struct vfv_address *address)
{
	for (size_t i = 0; pf && i < pf->vf_count; i++)
		if (!vfv_address_compare(&pf->vfs[i].address, address))
			return &pf->vfs[i];
	return NULL;
}

static void vfs_changed(struct vfv_bus *bus, const struct vfv_pf *old, const struct vfv_pf *new)
{
	struct vfv_object before = {bus->daemon, old, NULL}, after = {bus->daemon, new, NULL};
	char path[PATH_BYTES];

	for (size_t i = 0; old && i < old->vf_count; i++)
		if (!vf_of(new, &old->vfs[i].address))
			sd_bus_emit_interfaces_removed(
				bus->connection, object_path(VF_PREFIX, &old->vfs[i].address, path),
				VFV_BUS_VF, NULL);
	for (size_t i = 0; new &&i < new->vf_count; i++) {
		after.vf = &new->vfs[i];
		before.vf = vf_of(old, &after.vf->address);
		object_path(VF_PREFIX, &after.vf->address, path);
		if (before.vf)
			emit_changed(bus, path, VFV_BUS_VF, vf_properties, &before, &after);
		else
			sd_bus_emit_interfaces_added(bus->connection, path, VFV_BUS_VF, NULL);
	}
}

void vfv_bus_pf_changed(struct vfv_bus *bus, const struct vfv_pf *old, const struct vfv_pf *new)
{
	struct vfv_object before, after;
	char path[PATH_BYTES];

	if (!bus)
		return;
	before = (struct vfv_object){bus->daemon, old, NULL};
	after = (struct vfv_object){bus->daemon, new, NULL};
	object_path(PF_PREFIX, old ? &old->address : &new->address, path);
	if (new &&old)
		emit_changed(bus, path, VFV_BUS_PF, pf_properties, &before, &after);
	else if (new)
		sd_bus_emit_interfaces_added(bus->connection, path, VFV_BUS_PF, NULL);
	vfs_changed(bus, old, new);
	if (!new)
		sd_bus_emit_interfaces_removed(bus->connection, path, VFV_BUS_PF, NULL);
}

int vfv_bus_add_objects(struct vfv_bus *bus)
{
	sd_bus *connection = bus->connection;
	int error = sd_bus_add_object_manager(connection, NULL, VFV_BUS_ROOT);

	if (error >= 0)
		error = sd_bus_add_fallback_vtable(connection, NULL, PF_PREFIX, VFV_BUS_PF,
						   pf_vtable, find_pf, bus);
	if (error >= 0)
		error = sd_bus_add_fallback_vtable(connection, NULL, VF_PREFIX, VFV_BUS_VF,
						   vf_vtable, find_vf, bus);
	if (error >= 0)
		error = sd_bus_add_node_enumerator(connection, NULL, PF_PREFIX, list_pfs, bus);
	if (error >= 0)
		error = sd_bus_add_node_enumerator(connection, NULL, VF_PREFIX, list_vfs, bus);
	return error < 0 ? error : 0;
}
