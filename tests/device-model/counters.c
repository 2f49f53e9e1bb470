/* SPDX-License-Identifier: GPL-2.0-only */
/* The counters of the card, by port, and the JSON in which they are read. */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "qobject/qlist.h"
#include "vfvirt.h"

/* Opcodes 0 to 0x11 are defined; all others share the last row, so that memory stays bounded. */
#define OPCODE_ROWS 0x13
#define OPCODE_OTHER (OPCODE_ROWS - 1)

typedef struct CommandRow {
    uint64_t submitted, ok, failed, unanswered;
    uint16_t last_status, last_qualifier;
} CommandRow;

/* Events by queue; grows with the highest queue index seen, which VIRTIO_QUEUE_MAX bounds. */
typedef struct QueueRow {
    uint64_t *count;
    uint16_t size;
} QueueRow;

typedef struct PortRow {
    QueueRow kicks, interrupts;
    uint64_t config_interrupts;
    uint64_t frames_in, frames_out, frames_dropped;
    uint64_t bells[VFVIRT_BELL_COMMAND + 1];
    CommandRow commands[OPCODE_ROWS];
    bool seen;
} PortRow;

struct VfvirtCounters {
    PortRow port[VFVIRT_PORTS_MAX];
};

static const char *const bell_names[] = {
    [VFVIRT_BELL_MEMBER] = "member",
    [VFVIRT_BELL_OWNER] = "owner",
    [VFVIRT_BELL_COMMAND] = "command",
};

VfvirtCounters *vfvirt_counters_new(void)
{
    return g_new0(VfvirtCounters, 1);
}

static void counters_clear(VfvirtCounters *counters)
{
    for (int i = 0; i < VFVIRT_PORTS_MAX; i++) {
        g_free(counters->port[i].kicks.count);
        g_free(counters->port[i].interrupts.count);
    }
    memset(counters, 0, sizeof(*counters));
}

void vfvirt_counters_free(VfvirtCounters *counters)
{
    if (counters) {
        counters_clear(counters);
        g_free(counters);
    }
}

/* The row of a port, marked as one to report. */
static PortRow *port_row(VfvirtCounters *counters, uint16_t port)
{
    PortRow *row;

    assert(port < VFVIRT_PORTS_MAX);
    row = &counters->port[port];
    row->seen = true;
    return row;
}

static void queue_row_count(QueueRow *row, uint16_t queue)
{
    if (queue >= VIRTIO_QUEUE_MAX) {
        return;
    }
    if (queue >= row->size) {
        row->count = g_renew(uint64_t, row->count, queue + 1);
        memset(row->count + row->size, 0, (queue + 1 - row->size) * sizeof(uint64_t));
        row->size = queue + 1;
    }
    row->count[queue]++;
}

void vfvirt_count_kick(VfvirtCounters *counters, uint16_t port, uint16_t queue)
{
    queue_row_count(&port_row(counters, port)->kicks, queue);
}

void vfvirt_count_interrupt(VfvirtCounters *counters, uint16_t port, uint16_t queue)
{
    if (queue == VFVIRT_QUEUE_CONFIG) {
        port_row(counters, port)->config_interrupts++;
    } else {
        queue_row_count(&port_row(counters, port)->interrupts, queue);
    }
}

void vfvirt_count_bell(VfvirtCounters *counters, uint16_t member_id, VfvirtBell bell)
{
    port_row(counters, member_id)->bells[bell]++;
}

void vfvirt_count_frame(VfvirtCounters *counters, uint16_t port, bool to_driver, bool dropped)
{
    PortRow *row = port_row(counters, port);

    if (dropped) {
        row->frames_dropped++;
    } else if (to_driver) {
        row->frames_in++;
    } else {
        row->frames_out++;
    }
}

static CommandRow *command_row(VfvirtCounters *counters, uint16_t port, uint16_t opcode)
{
    return &port_row(counters, port)->commands[MIN(opcode, OPCODE_OTHER)];
}

void vfvirt_count_submitted(VfvirtCounters *counters, uint16_t port, uint16_t opcode)
{
    command_row(counters, port, opcode)->submitted++;
}

void vfvirt_count_answered(VfvirtCounters *counters, uint16_t port, uint16_t opcode,
                           uint16_t status, uint16_t qualifier)
{
    CommandRow *row = command_row(counters, port, opcode);

    if (status) {
        row->failed++;
    } else {
        row->ok++;
    }
    row->last_status = status;
    row->last_qualifier = qualifier;
}

void vfvirt_count_unanswered(VfvirtCounters *counters, uint16_t port, uint16_t opcode)
{
    command_row(counters, port, opcode)->unanswered++;
}

/* ---- JSON ------------------------------------------------------------------------------- */

static QDict *queue_row_json(const QueueRow *row)
{
    QDict *json = qdict_new();

    for (uint16_t i = 0; i < row->size; i++) {
        if (row->count[i]) {
            g_autofree char *key = g_strdup_printf("%u", i);

            qdict_put_int(json, key, row->count[i]);
        }
    }
    return json;
}

static QDict *commands_json(const CommandRow *rows)
{
    QDict *json = qdict_new();

    for (unsigned i = 0; i < OPCODE_ROWS; i++) {
        const CommandRow *row = &rows[i];
        g_autofree char *key = i == OPCODE_OTHER ? g_strdup("other") : g_strdup_printf("%u", i);
        QDict *command;

        if (!row->submitted) {
            continue;
        }
        command = qdict_new();
        qdict_put_int(command, "submitted", row->submitted);
        qdict_put_int(command, "ok", row->ok);
        qdict_put_int(command, "failed", row->failed);
        qdict_put_int(command, "unanswered", row->unanswered);
        qdict_put_int(command, "last_status", row->last_status);
        qdict_put_int(command, "last_qualifier", row->last_qualifier);
        qdict_put(json, key, command);
    }
    return json;
}

static QDict *port_json(const PortRow *row, uint16_t port)
{
    QDict *json = qdict_new();
    QDict *bells = qdict_new();
    QDict *interrupts = queue_row_json(&row->interrupts);

    for (unsigned i = 0; i < ARRAY_SIZE(bell_names); i++) {
        qdict_put_int(bells, bell_names[i], row->bells[i]);
    }
    if (row->config_interrupts) {
        qdict_put_int(interrupts, "config", row->config_interrupts);
    }
    qdict_put_int(json, "member", port);
    qdict_put(json, "kicks", queue_row_json(&row->kicks));
    qdict_put(json, "interrupts", interrupts);
    qdict_put_int(json, "frames_in", row->frames_in);
    qdict_put_int(json, "frames_out", row->frames_out);
    qdict_put_int(json, "frames_dropped", row->frames_dropped);
    qdict_put(json, "bells", bells);
    qdict_put(json, "commands", commands_json(row->commands));
    return json;
}

static char *counters_get(Object *obj, Error **errp)
{
    VfvirtPf *pf = VFVIRT_PF(obj);
    g_autoptr(QDict) json = qdict_new();
    QList *ports = qlist_new();
    GString *text;

    for (uint16_t i = 0; pf->counters && i < VFVIRT_PORTS_MAX; i++) {
        if (pf->counters->port[i].seen) {
            qlist_append(ports, port_json(&pf->counters->port[i], i));
        }
    }
    qdict_put(json, "ports", ports);
    qdict_put_int(json, "in_flight", pf->admin ? vfvirt_admin_in_flight(pf->admin) : 0);
    qdict_put_bool(json, "admin_feature_negotiated",
                   virtio_vdev_has_feature(VIRTIO_DEVICE(&pf->fn.net), VFVIRT_F_ADMIN_VQ));
    text = qobject_to_json(QOBJECT(json));
    return g_string_free(text, false);
}

static void counters_reset_set(Object *obj, bool value, Error **errp)
{
    VfvirtPf *pf = VFVIRT_PF(obj);

    if (value && pf->counters) {
        counters_clear(pf->counters);
    }
}

void vfvirt_counters_add_properties(Object *pf)
{
    object_property_add_str(pf, "counters", counters_get, NULL);
    object_property_add_bool(pf, "counters-reset", NULL, counters_reset_set);
}
