/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PFs and VFs for people: the table of list, the block of show. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cli.h"
#include "table.h"
#include "text.h"

/* The color of a state says whether somebody has to look. */
static enum vfv_color state_color(enum vfv_vf_state state)
{
	static const enum vfv_color colors[VFV_VF_STATE_COUNT] = {
		[VFV_VF_CREATED] = VFV_COLOR_YELLOW,  [VFV_VF_BOUND] = VFV_COLOR_YELLOW,
		[VFV_VF_PUBLISHED] = VFV_COLOR_GREEN, [VFV_VF_IN_USE] = VFV_COLOR_GREEN,
		[VFV_VF_FAILED] = VFV_COLOR_RED,      [VFV_VF_FOREIGN] = VFV_COLOR_YELLOW,
	};

	return colors[state];
}

static enum vfv_color owner_color(const char *state)
{
	if (!state)
		return VFV_COLOR_NONE;
	return strcmp(state, "ready") == 0 ? VFV_COLOR_GREEN : VFV_COLOR_RED;
}

/* yes, no, or NULL where it is not known. */
static const char *yes_no(int value)
{
	return value == VFV_UNKNOWN ? NULL : value ? "yes" : "no";
}

/* The name of a transport; NULL for none. */
static const char *transport_text(enum vfv_transport transport)
{
	return transport == VFV_TRANSPORT_NONE ? NULL : vfv_transport_name(transport);
}

/* A number as text, NULL where it is not known. */
static const char *number_text(int number, char ret_text[24])
{
	if (number == VFV_UNKNOWN)
		return NULL;
	snprintf(ret_text, 24, "%d", number);
	return ret_text;
}

static const char *mac_text(bool has_mac, const uint8_t mac[VFV_MAC_BYTES], char ret_text[18])
{
	return has_mac ? vfv_text_from_mac(mac, ret_text) : NULL;
}

/* A process that has a VF open; owned; NULL: no memory. */
static char *user_text(const struct vfv_user *user)
{
	return vfv_text("%s (process %d)", user->command ? user->command : "unknown", user->pid);
}

/* The first of up to three texts that is there. */
static const char *first_text(const char *one, const char *two, const char *three)
{
	return one ? one : two ? two : three;
}

/* ---- the table of list ---- */

static const struct vfv_column list_columns[] = {
	VFV_LEFT("NAME"),   VFV_LEFT("ADDRESS"),  VFV_LEFT("NETDEV"), VFV_RIGHT("VFS"),
	VFV_LEFT("DRIVER"), VFV_LEFT("PROVIDER"), VFV_LEFT("LEGACY"), VFV_LEFT("STATE"),
	VFV_LEFT("DOMAIN"), VFV_RIGHT("GROUP"),	  VFV_RIGHT("NUMA"),  VFV_LEFT("MAC"),
	VFV_LEFT("NOTE"),
};
#define LIST_COLUMN_COUNT (sizeof(list_columns) / sizeof(list_columns[0]))

/* Put a remark behind those that are there already. */
static void __attribute__((format(printf, 2, 3))) remark(FILE *out, const char *format, ...)
{
	va_list arguments;

	if (ftell(out) > 0)
		fputs("; ", out);
	va_start(arguments, format);
	vfprintf(out, format, arguments);
	va_end(arguments);
}

/* Why a PF is not as it should be; owned; "": it is; NULL: no memory. */
static char *pf_note(const struct vfv_pf *pf)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return NULL;
	if (pf->failure)
		remark(out, "%s", pf->failure);
	if (pf->pending_reboot)
		remark(out, "transport %s is pending reboot",
		       vfv_transport_name(pf->transport_intended));
	if (pf->intent_path && pf->vfs_now != pf->vfs_intended)
		remark(out, "%u VFs are intended", pf->vfs_intended);
	if (pf->legacy_reason)
		remark(out, "%s", pf->legacy_reason);
	fclose(out);
	return text;
}

static void add_pf_row(struct vfv_table *table, const struct vfv_pf *pf)
{
	char address[VFV_ADDRESS_BYTES], mac[18], vfs[32], number[24];
	VFV_FREE char *note = pf_note(pf);

	vfv_address_format(&pf->address, address);
	snprintf(vfs, sizeof(vfs), "%u/%u", pf->vfs_now, pf->vfs_max);
	vfv_table_cell(table, VFV_COLOR_BOLD, pf->name ? pf->name : address);
	vfv_table_cell(table, VFV_COLOR_NONE, address);
	vfv_table_cell(table, VFV_COLOR_NONE, pf->netdev);
	vfv_table_cell(table, VFV_COLOR_NONE, vfs);
	vfv_table_cell(table, VFV_COLOR_NONE, pf->driver);
	vfv_table_cell(table, VFV_COLOR_NONE, transport_text(pf->transport));
	vfv_table_cell(table, VFV_COLOR_NONE, yes_no(pf->legacy));
	vfv_table_cell(table, owner_color(pf->owner_state), pf->owner_state);
	vfv_table_cell(table, VFV_COLOR_NONE, NULL);
	vfv_table_cell(table, VFV_COLOR_NONE, NULL);
	vfv_table_cell(table, VFV_COLOR_NONE, number_text(pf->numa_node, number));
	vfv_table_cell(table, VFV_COLOR_NONE, mac_text(pf->has_mac, pf->mac, mac));
	vfv_table_cell(table, pf->failure ? VFV_COLOR_RED : VFV_COLOR_YELLOW, note);
}

static void add_vf_row(struct vfv_table *table, const struct vfv_pf *pf, const struct vfv_vf *vf)
{
	char address[VFV_ADDRESS_BYTES], label[VFV_LABEL_BYTES], mac[18], group[24], numa[24];
	VFV_FREE char *process = vf->user_count ? user_text(&vf->users[0]) : NULL;

	vfv_vf_label(pf, vf, label, sizeof(label));
	vfv_table_cell(table, VFV_COLOR_NONE, label);
	vfv_table_cell(table, VFV_COLOR_NONE, vfv_address_format(&vf->address, address));
	vfv_table_cell(table, VFV_COLOR_NONE, vf->netdev);
	vfv_table_cell(table, VFV_COLOR_NONE, NULL);
	vfv_table_cell(table, VFV_COLOR_NONE, vf->driver);
	vfv_table_cell(table, VFV_COLOR_NONE, NULL);
	vfv_table_cell(table, VFV_COLOR_NONE, yes_no(vf->legacy));
	vfv_table_cell(table, state_color(vf->state), vfv_vf_state_name(vf->state));
	vfv_table_cell(table, VFV_COLOR_NONE, first_text(vf->domain, vf->claim_uuid, process));
	vfv_table_cell(table, VFV_COLOR_NONE, number_text(vf->iommu_group, group));
	vfv_table_cell(table, VFV_COLOR_NONE, number_text(vf->numa_node, numa));
	vfv_table_cell(table, VFV_COLOR_NONE, mac_text(vf->has_mac, vf->mac, mac));
	vfv_table_cell(table, vf->reason ? state_color(vf->state) : VFV_COLOR_YELLOW,
		       first_text(vf->reason, vf->group_obstacle, vf->legacy_reason));
}

bool vfv_render_list(const struct vfv_chosen *rows, size_t count, bool colors, FILE *out)
{
	struct vfv_table *table = vfv_table_new(list_columns, LIST_COLUMN_COUNT);
	bool good;

	if (!table)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (rows[i].vf)
			add_vf_row(table, rows[i].pf, rows[i].vf);
		else
			add_pf_row(table, rows[i].pf);
	}
	good = vfv_table_print(table, colors, out);
	vfv_table_free(table);
	return good;
}

/* ---- the block of show ---- */

/* Where the lines of a block go. */
struct block {
	FILE *out;
	bool colors;
	bool no_memory;
};

/* A line "key:  value"; nothing where there is no value. */
static void line(struct block *block, const char *key, const char *value, enum vfv_color color)
{
	VFV_FREE char *shown = value ? vfv_display_text(value) : NULL;

	if (value && !shown)
		block->no_memory = true;
	if (!shown)
		return;
	fprintf(block->out, "  %-18s ", key);
	vfv_print_colored(block->out, block->colors, color, shown);
	fputc('\n', block->out);
}

static void plain(struct block *block, const char *key, const char *value)
{
	line(block, key, value, VFV_COLOR_NONE);
}

static void number(struct block *block, const char *key, int value)
{
	char text[24];

	plain(block, key, number_text(value, text));
}

static void title(struct block *block, const char *kind, const char *name)
{
	VFV_FREE char *text = vfv_text("%s %s", kind, name);
	VFV_FREE char *shown = text ? vfv_display_text(text) : NULL;

	if (!shown) {
		block->no_memory = true;
		return;
	}
	vfv_print_colored(block->out, block->colors, VFV_COLOR_BOLD, shown);
	fputc('\n', block->out);
}

static void show_intent(struct block *block, const struct vfv_pf *pf)
{
	char text[24];

	if (!pf->intent_path)
		return;
	plain(block, "intent file", pf->intent_path);
	snprintf(text, sizeof(text), "%u", pf->vfs_intended);
	plain(block, "VFs intended", text);
	plain(block, "transport intended", vfv_transport_name(pf->transport_intended));
	plain(block, "pending reboot", yes_no(pf->pending_reboot));
}

static void show_queue(struct block *block, const struct vfv_pf *pf)
{
	char text[24];

	line(block, "owner state", pf->owner_state, owner_color(pf->owner_state));
	number(block, "admin queue index", pf->admin_queue_index);
	number(block, "admin queues", pf->admin_queue_num);
	number(block, "admin queue depth", pf->admin_queue_depth);
	number(block, "commands in flight", pf->in_flight);
	if (pf->opcodes == 0)
		return;
	snprintf(text, sizeof(text), "0x%" PRIx64, pf->opcodes);
	plain(block, "opcodes in use", text);
}

static void show_pf(struct block *block, const struct vfv_pf *pf)
{
	char address[VFV_ADDRESS_BYTES], mac[18], vfs[64];

	vfv_address_format(&pf->address, address);
	title(block, "PF", pf->name ? pf->name : address);
	plain(block, "address", address);
	plain(block, "path", pf->path);
	plain(block, "serial", pf->serial);
	plain(block, "network interface", pf->netdev);
	plain(block, "interface in use", pf->netdev ? yes_no(pf->netdev_in_use) : NULL);
	plain(block, "MAC", mac_text(pf->has_mac, pf->mac, mac));
	number(block, "NUMA node", pf->numa_node);
	snprintf(vfs, sizeof(vfs), "%u of at most %u", pf->vfs_now, pf->vfs_max);
	plain(block, "VFs", vfs);
	plain(block, "driver", pf->driver);
	plain(block, "driver override", pf->driver_override);
	plain(block, "class driver", pf->class_driver);
	plain(block, "provider", transport_text(pf->transport));
	plain(block, "drivers autoprobe", yes_no(pf->autoprobe));
	show_intent(block, pf);
	plain(block, "legacy registers", yes_no(pf->legacy));
	plain(block, "why not", pf->legacy_reason);
	show_queue(block, pf);
	line(block, "failure", pf->failure, VFV_COLOR_RED);
}

static void show_users(struct block *block, const struct vfv_vf *vf)
{
	plain(block, "domain", vf->domain);
	plain(block, "domain UUID", vf->claim_uuid);
	for (size_t i = 0; i < vf->user_count; i++) {
		VFV_FREE char *text = user_text(&vf->users[i]);

		if (!text)
			block->no_memory = true;
		plain(block, "open by", text);
	}
}

static void show_vf(struct block *block, const struct vfv_pf *pf, const struct vfv_vf *vf)
{
	char address[VFV_ADDRESS_BYTES], label[VFV_LABEL_BYTES], mac[18];

	vfv_vf_label(pf, vf, label, sizeof(label));
	title(block, "VF", label);
	plain(block, "address", vfv_address_format(&vf->address, address));
	plain(block, "PF", vfv_address_format(&pf->address, address));
	number(block, "index", (int)vf->vf_index);
	line(block, "state", vfv_vf_state_name(vf->state), state_color(vf->state));
	line(block, "reason", vf->reason, state_color(vf->state));
	show_users(block, vf);
	plain(block, "published", yes_no(vf->published));
	plain(block, "driver", vf->driver);
	plain(block, "driver override", vf->driver_override);
	plain(block, "VFIO device", vf->vfio_name);
	plain(block, "network interface", vf->netdev);
	plain(block, "MAC", mac_text(vf->has_mac, vf->mac, mac));
	number(block, "IOMMU group", vf->iommu_group);
	line(block, "group shared with", vf->group_obstacle, VFV_COLOR_RED);
	number(block, "NUMA node", vf->numa_node);
	plain(block, "legacy registers", yes_no(vf->legacy));
	plain(block, "why not", vf->legacy_reason);
	number(block, "open count", vf->open_count);
	plain(block, "sealed", yes_no(vf->sealed));
	plain(block, "MSI-X on", yes_no(vf->msix_on));
	plain(block, "doorbell path", vf->notify_path);
	number(block, "failures", vf->failure_count ? (int)vf->failure_count : VFV_UNKNOWN);
}

bool vfv_render_show(const struct vfv_chosen *chosen, bool colors, FILE *out)
{
	struct block block = {.out = out, .colors = colors};

	if (chosen->vf)
		show_vf(&block, chosen->pf, chosen->vf);
	else
		show_pf(&block, chosen->pf);
	return !block.no_memory;
}
