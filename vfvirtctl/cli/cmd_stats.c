/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vfvirtctl stats */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cli.h"
#include "facts.h"
#include "json.h"
#include "netlink.h"
#include "table.h"

VFV_DEFINE_CLEANUP(close_netlink, struct vfv_netlink *, vfv_netlink_close)

static const struct vfv_column columns[] = {
	VFV_LEFT("NAME"),     VFV_LEFT("COMMAND"),  VFV_RIGHT("SENT"),	   VFV_RIGHT("OK"),
	VFV_RIGHT("REFUSED"), VFV_RIGHT("ERRORS"),  VFV_RIGHT("TIMEOUTS"), VFV_RIGHT("RETRIES"),
	VFV_RIGHT("LATE"),    VFV_RIGHT("ABORTED"), VFV_RIGHT("P50"),	   VFV_RIGHT("P90"),
	VFV_RIGHT("P99"),
};
#define COLUMN_COUNT (sizeof(columns) / sizeof(columns[0]))

static const unsigned int percents[] = {50, 90, 99};
#define PERCENT_COUNT (sizeof(percents) / sizeof(percents[0]))

/* The name of an opcode of the administration queue; numbers beyond are the device's own. */
static const char *opcode_name(unsigned int opcode, char ret_text[24])
{
	static const char *const names[] = {
		"list-query",	       "list-use",
		"legacy-common-write", "legacy-common-read",
		"legacy-device-write", "legacy-device-read",
		"legacy-notify-info",
	};

	if (opcode < sizeof(names) / sizeof(names[0]))
		return names[opcode];
	snprintf(ret_text, 24, "opcode-%u", opcode);
	return ret_text;
}

/*
 * How long a share of the answers took at most, in nanoseconds: the upper end of the bucket in which
 * it is reached. 0: nothing was answered; UINT64_MAX: it is in the last bucket, which has no end.
 */
static uint64_t percentile_ns(const uint64_t latency[VFV_LATENCY_BUCKETS], unsigned int percent)
{
	uint64_t total = 0, seen = 0, wanted;

	for (int i = 0; i < VFV_LATENCY_BUCKETS; i++)
		total += latency[i];
	if (total == 0)
		return 0;
	wanted = total / 100 * percent + (total % 100 * percent + 99) / 100;
	for (int i = 0; i < VFV_LATENCY_BUCKETS - 1; i++) {
		seen += latency[i];
		if (seen >= wanted)
			return UINT64_C(2) << i;
	}
	return UINT64_MAX;
}

static void add_duration(struct vfv_table *table, uint64_t duration_ns)
{
	char text[32];

	if (duration_ns == 0)
		*text = '\0';
	else if (duration_ns == UINT64_MAX)
		snprintf(text, sizeof(text), ">%.1fs",
			 (double)(UINT64_C(1) << (VFV_LATENCY_BUCKETS - 1)) / 1e9);
	else if (duration_ns < 1000)
		snprintf(text, sizeof(text), "%" PRIu64 "ns", duration_ns);
	else if (duration_ns < 1000000)
		snprintf(text, sizeof(text), "%.1fus", (double)duration_ns / 1e3);
	else if (duration_ns < 1000000000)
		snprintf(text, sizeof(text), "%.1fms", (double)duration_ns / 1e6);
	else
		snprintf(text, sizeof(text), "%.1fs", (double)duration_ns / 1e9);
	vfv_table_cell(table, VFV_COLOR_NONE, *text ? text : "-");
}

/* How an address is called; ret_text is of VFV_LABEL_BYTES. */
static void label(struct vfv_model *model, const struct vfv_address *address, char *ret_text)
{
	struct vfv_chosen chosen = {.pf = vfv_model_find_pf(model, address)};

	if (!chosen.pf)
		chosen.vf = vfv_model_find_vf(model, address, &chosen.pf);
	if (chosen.pf)
		vfv_chosen_label(&chosen, ret_text, VFV_LABEL_BYTES);
	else
		vfv_address_format(address, ret_text);
}

static int print_table(struct vfv_cli *cli, struct vfv_model *model,
		       const struct vfv_stats_row *rows, size_t count, struct vfv_error *ret_error)
{
	struct vfv_table *table = vfv_table_new(columns, COLUMN_COUNT);
	bool good;

	for (size_t i = 0; table && i < count; i++) {
		const struct vfv_stats_row *row = &rows[i];
		const uint64_t counters[] = {row->commands, row->ok,	   row->refused,
					     row->errors,   row->timeouts, row->retries,
					     row->late,	    row->aborted};
		char name[VFV_LABEL_BYTES], opcode[24];

		label(model, &row->address, name);
		vfv_table_cell(table, VFV_COLOR_NONE, name);
		vfv_table_cell(table, VFV_COLOR_NONE, opcode_name(row->opcode, opcode));
		for (size_t j = 0; j < sizeof(counters) / sizeof(counters[0]); j++)
			vfv_table_number(table, (long long)counters[j]);
		for (size_t j = 0; j < PERCENT_COUNT; j++)
			add_duration(table, percentile_ns(row->latency, percents[j]));
	}
	good = table && vfv_table_print(table, cli->colors, cli->out);
	vfv_table_free(table);
	return good ? VFV_EXIT_DONE : vfv_no_memory(ret_error);
}

/* What has no end, or was not answered at all, is null. */
static bool add_percentiles(struct json_object *object, const uint64_t *latency)
{
	for (size_t i = 0; i < PERCENT_COUNT; i++) {
		uint64_t duration_ns = percentile_ns(latency, percents[i]);
		bool known = duration_ns != 0 && duration_ns != UINT64_MAX;
		char key[16];

		snprintf(key, sizeof(key), "p%u_ns", percents[i]);
		if (known ? !vfv_json_add_number(object, key, (int64_t)duration_ns)
			  : !vfv_json_add_text(object, key, NULL))
			return false;
	}
	return true;
}

static bool add_latency(struct json_object *object, const uint64_t *latency)
{
	struct json_object *array = json_object_new_array();

	for (int i = 0; array && i < VFV_LATENCY_BUCKETS; i++) {
		struct json_object *number = json_object_new_int64((int64_t)latency[i]);

		if (!number || json_object_array_add(array, number) < 0) {
			json_object_put(number);
			json_object_put(array);
			return false;
		}
	}
	return vfv_json_add(object, "latency", array);
}

/* Append a row to the array; false: no memory. */
static bool add_row(struct json_object *array, struct vfv_model *model,
		    const struct vfv_stats_row *row)
{
	struct json_object *object = json_object_new_object();
	char address[VFV_ADDRESS_BYTES], name[VFV_LABEL_BYTES], opcode[24];

	if (!object || json_object_array_add(array, object) < 0) {
		json_object_put(object);
		return false;
	}
	label(model, &row->address, name);
	return vfv_json_add_text(object, "address", vfv_address_format(&row->address, address)) &&
	       vfv_json_add_text(object, "name", name) &&
	       vfv_json_add_number(object, "member_id", row->member_id) &&
	       vfv_json_add_number(object, "opcode", row->opcode) &&
	       vfv_json_add_text(object, "command", opcode_name(row->opcode, opcode)) &&
	       vfv_json_add_number(object, "commands", (int64_t)row->commands) &&
	       vfv_json_add_number(object, "ok", (int64_t)row->ok) &&
	       vfv_json_add_number(object, "refused", (int64_t)row->refused) &&
	       vfv_json_add_number(object, "errors", (int64_t)row->errors) &&
	       vfv_json_add_number(object, "timeouts", (int64_t)row->timeouts) &&
	       vfv_json_add_number(object, "retries", (int64_t)row->retries) &&
	       vfv_json_add_number(object, "late", (int64_t)row->late) &&
	       vfv_json_add_number(object, "aborted", (int64_t)row->aborted) &&
	       add_percentiles(object, row->latency) && add_latency(object, row->latency);
}

static int print_json(struct vfv_cli *cli, struct vfv_model *model,
		      const struct vfv_stats_row *rows, size_t count, struct vfv_error *ret_error)
{
	VFV_JSON struct json_object *object = json_object_new_object();
	struct json_object *array = json_object_new_array();

	if (!object || !vfv_json_add_number(object, "schema", VFV_JSON_SCHEMA_VERSION) ||
	    !vfv_json_add(object, "stats", array))
		return vfv_no_memory(ret_error);
	for (size_t i = 0; i < count; i++)
		if (!add_row(array, model, &rows[i]))
			return vfv_no_memory(ret_error);
	return vfv_print_json(cli, vfv_take(object), ret_error);
}

static int compare(const void *a, const void *b)
{
	const struct vfv_stats_row *one = a, *other = b;
	int ret = vfv_address_compare(&one->address, &other->address);

	return ret ? ret : (one->opcode > other->opcode) - (one->opcode < other->opcode);
}

/* Whether a row is about a chosen object; a chosen PF brings its VFs. */
static bool is_wanted(struct vfv_model *model, const struct vfv_stats_row *row,
		      const struct vfv_chosen *chosen, size_t count)
{
	struct vfv_pf *pf = NULL;

	vfv_model_find_vf(model, &row->address, &pf);
	for (size_t i = 0; i < count; i++)
		if (vfv_address_compare(vfv_chosen_address(&chosen[i]), &row->address) == 0 ||
		    (!chosen[i].vf && chosen[i].pf == pf))
			return true;
	return false;
}

/* Set the counters of the chosen objects to zero, or, with none chosen, all. */
static int reset(struct vfv_netlink *netlink, const struct vfv_chosen *chosen, size_t count,
		 struct vfv_error *ret_error)
{
	int ret = 0;

	if (count == 0)
		return vfv_netlink_stats_reset(netlink, NULL, ret_error);
	for (size_t i = 0; i < count && ret >= 0; i++)
		ret = vfv_netlink_stats_reset(netlink, vfv_chosen_address(&chosen[i]), ret_error);
	return ret;
}

int vfv_cmd_stats(struct vfv_cli *cli, struct vfv_error *ret_error)
{
	__attribute__((cleanup(close_netlink))) struct vfv_netlink *netlink = NULL;
	__attribute__((cleanup(vfv_view_clear))) struct vfv_view view = {0};
	VFV_FREE struct vfv_chosen *chosen = NULL;
	VFV_FREE struct vfv_stats_row *rows = NULL;
	size_t chosen_count = 0, count = 0, kept = 0;
	int ret = vfv_view_read(cli, 0, &view, ret_error);

	if (ret >= 0 && cli->arguments.operand_count > 0)
		ret = vfv_select_operands(cli, view.model,
					  VFV_SELECT_PF | VFV_SELECT_VF | VFV_SELECT_GLOB, &chosen,
					  &chosen_count, ret_error);
	if (ret >= 0)
		ret = vfv_netlink_open(cli->host, &netlink, ret_error);
	if (ret >= 0)
		ret = vfv_netlink_stats(netlink, NULL, &rows, &count, ret_error);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < count; i++)
		if (chosen_count == 0 || is_wanted(view.model, &rows[i], chosen, chosen_count))
			rows[kept++] = rows[i];
	if (kept > 0)
		qsort(rows, kept, sizeof(*rows), compare);
	if (vfv_given(cli, VFV_OPTION_reset))
		ret = reset(netlink, chosen, chosen_count, ret_error);
	if (ret < 0)
		return ret;
	if (vfv_given(cli, VFV_OPTION_json))
		return print_json(cli, view.model, rows, kept, ret_error);
	return print_table(cli, view.model, rows, kept, ret_error);
}
