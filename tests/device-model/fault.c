/* SPDX-License-Identifier: GPL-2.0-only */
/* The faults that a test arms while the guest runs: parsing, matching, listing. */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "qobject/qlist.h"
#include "vfvirt.h"

#define COMMON_CFG_BYTES 0x40

struct VfvirtFaults {
    VfvirtPf *pf; /* not owned */
    QTAILQ_HEAD(, VfvirtFault) armed;
};

/* Options, as bits of the two masks of a kind. */
enum {
    OPTION_MEMBER = 1 << 0,
    OPTION_OPCODE = 1 << 1,
    OPTION_TIMES = 1 << 2,
    OPTION_MS = 1 << 3,
    OPTION_HOLD = 1 << 4,
    OPTION_STATUS = 1 << 5,
    OPTION_QUALIFIER = 1 << 6,
    OPTION_MODE = 1 << 7,
    OPTION_BYTES = 1 << 8,
    OPTION_BITS = 1 << 9,
    OPTION_BAD = 1 << 10,
    OPTION_VALUE = 1 << 11,
    /* A fault of a command strikes by both, one of a function by its member only. */
    OPTIONS_OF_COMMAND = OPTION_MEMBER | OPTION_OPCODE,
    OPTIONS_OF_ALL = OPTION_TIMES,
};

static const struct {
    const char *name;
    unsigned allowed; /* besides OPTIONS_OF_ALL */
    unsigned needed;
} kinds[VFVIRT_FAULT_MAX] = {
    [VFVIRT_FAULT_DELAY] = { "delay", OPTIONS_OF_COMMAND | OPTION_MS | OPTION_HOLD, OPTION_MS },
    [VFVIRT_FAULT_STALL] = { "stall", OPTIONS_OF_COMMAND | OPTION_HOLD, 0 },
    [VFVIRT_FAULT_STATUS] = { "status", OPTIONS_OF_COMMAND | OPTION_STATUS | OPTION_QUALIFIER,
                              OPTION_STATUS },
    [VFVIRT_FAULT_USED_LENGTH] = { "used-length", OPTIONS_OF_COMMAND | OPTION_MODE | OPTION_BYTES,
                                   OPTION_MODE },
    [VFVIRT_FAULT_RANDOM_RESULT] = { "random-result", OPTIONS_OF_COMMAND, 0 },
    [VFVIRT_FAULT_DUPLICATE] = { "duplicate", OPTIONS_OF_COMMAND, 0 },
    [VFVIRT_FAULT_LIST_QUERY] = { "list-query", OPTION_BITS, OPTION_BITS },
    [VFVIRT_FAULT_NOTIFY_INFO] = { "notify-info", OPTION_MEMBER | OPTION_BAD, OPTION_BAD },
    [VFVIRT_FAULT_ADMIN_QUEUE_NUM] = { "admin-queue-num", OPTION_VALUE, 0 },
    [VFVIRT_FAULT_ADMIN_QUEUE_INDEX] = { "admin-queue-index", OPTION_VALUE, 0 },
    [VFVIRT_FAULT_COMMON_CFG_LENGTH] = { "common-cfg-length", OPTION_MEMBER | OPTION_BYTES,
                                         OPTION_BYTES },
    [VFVIRT_FAULT_RESET_STUCK] = { "reset-stuck", OPTION_MEMBER, 0 },
    [VFVIRT_FAULT_NEEDS_RESET] = { "needs-reset", OPTION_MEMBER, 0 },
};

static const char *const option_names[] = {
    "member", "opcode", "times", "ms",   "hold", "status", "qualifier",
    "mode",   "bytes",  "bits",  "bad",  "value",
};

VfvirtFaults *vfvirt_faults_new(VfvirtPf *pf)
{
    VfvirtFaults *faults = g_new0(VfvirtFaults, 1);

    faults->pf = pf;
    QTAILQ_INIT(&faults->armed);
    return faults;
}

void vfvirt_faults_free(VfvirtFaults *faults)
{
    VfvirtFault *fault, *next;

    if (!faults) {
        return;
    }
    QTAILQ_FOREACH_SAFE(fault, &faults->armed, next, next) {
        QTAILQ_REMOVE(&faults->armed, fault, next);
        g_free(fault);
    }
    g_free(faults);
}

/* ---- Matching ---------------------------------------------------------------------------- */

static VfvirtFault *fault_find(VfvirtFaults *faults, VfvirtFaultKind kind, uint16_t member_id,
                               int32_t opcode)
{
    VfvirtFault *fault, *best = NULL;
    int best_score = -1;

    QTAILQ_FOREACH(fault, &faults->armed, next) {
        int score = (fault->member >= 0 ? 2 : 0) + (fault->opcode >= 0 ? 1 : 0);

        if (fault->kind == kind && fault->times_left &&
            (fault->member < 0 || fault->member == member_id) &&
            (fault->opcode < 0 || fault->opcode == opcode) && score > best_score) {
            best = fault;
            best_score = score;
        }
    }
    return best;
}

static void fault_count(VfvirtFault *fault)
{
    fault->struck++;
    if (fault->times_left > 0) {
        fault->times_left--;
    }
}

const VfvirtFault *vfvirt_fault_peek(VfvirtFaults *faults, VfvirtFaultKind kind,
                                     uint16_t member_id, int32_t opcode)
{
    return fault_find(faults, kind, member_id, opcode);
}

const VfvirtFault *vfvirt_fault_strike(VfvirtFaults *faults, VfvirtFaultKind kind,
                                       uint16_t member_id, int32_t opcode)
{
    VfvirtFault *fault = fault_find(faults, kind, member_id, opcode);

    if (fault) {
        fault_count(fault);
    }
    return fault;
}

uint16_t vfvirt_fault_admin_queue_num(VfvirtFaults *faults, uint16_t real)
{
    const VfvirtFault *fault = vfvirt_fault_strike(faults, VFVIRT_FAULT_ADMIN_QUEUE_NUM, 0, -1);

    return fault ? fault->value : real;
}

uint16_t vfvirt_fault_admin_queue_index(VfvirtFaults *faults, uint16_t real)
{
    const VfvirtFault *fault = vfvirt_fault_strike(faults, VFVIRT_FAULT_ADMIN_QUEUE_INDEX, 0, -1);

    return fault ? fault->value : real;
}

bool vfvirt_fault_reset_stuck(VfvirtFaults *faults, uint16_t port)
{
    return vfvirt_fault_strike(faults, VFVIRT_FAULT_RESET_STUCK, port, -1) != NULL;
}

/* ---- Faults that act on whole functions --------------------------------------------------- */

/* DEVICE_NEEDS_RESET (S-17): the driver is told, then the device works no more. */
static bool function_needs_reset(VfvirtFunction *fn)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(&fn->net);

    if (!vdev->status) {
        return false;
    }
    vfvirt_net_needs_reset(&fn->net);
    vdev->broken = true; /* a reset clears it */
    return true;
}

/* Applies what strikes at once, to each function that the fault names. */
static void fault_apply(VfvirtFaults *faults, VfvirtFault *fault)
{
    for (uint16_t port = 0; port <= faults->pf->total_vfs; port++) {
        VfvirtFunction *fn = vfvirt_pf_port(faults->pf, port);

        if ((fault->member >= 0 && fault->member != port) || !fault->times_left) {
            continue;
        }
        if (fault->kind == VFVIRT_FAULT_COMMON_CFG_LENGTH) {
            vfvirt_function_set_common_cfg_length(fn, fault->bytes);
            fault_count(fault);
        } else if (fault->kind == VFVIRT_FAULT_NEEDS_RESET && function_needs_reset(fn)) {
            fault_count(fault);
        }
    }
}

/* Puts right what a fault of this kind has changed, after the last of it was cleared. */
static void fault_undo(VfvirtFaults *faults, VfvirtFaultKind kind)
{
    if (kind == VFVIRT_FAULT_DELAY || kind == VFVIRT_FAULT_STALL) {
        vfvirt_admin_release(faults->pf->admin, kind);
    } else if (kind == VFVIRT_FAULT_COMMON_CFG_LENGTH) {
        for (uint16_t port = 0; port <= faults->pf->total_vfs; port++) {
            vfvirt_function_set_common_cfg_length(vfvirt_pf_port(faults->pf, port),
                                                  COMMON_CFG_BYTES);
        }
    }
}

static void fault_arm(VfvirtFaults *faults, VfvirtFault *fault)
{
    VfvirtFault *old, *next;

    QTAILQ_FOREACH_SAFE(old, &faults->armed, next, next) {
        if (old->kind == fault->kind && old->member == fault->member &&
            old->opcode == fault->opcode) {
            QTAILQ_REMOVE(&faults->armed, old, next);
            g_free(old);
        }
    }
    QTAILQ_INSERT_TAIL(&faults->armed, fault, next);
    fault_apply(faults, fault);
}

static void fault_clear(VfvirtFaults *faults, VfvirtFaultKind kind)
{
    VfvirtFault *fault, *next;
    bool found = false;

    QTAILQ_FOREACH_SAFE(fault, &faults->armed, next, next) {
        if (fault->kind == kind) {
            QTAILQ_REMOVE(&faults->armed, fault, next);
            g_free(fault);
            found = true;
        }
    }
    if (found) {
        fault_undo(faults, kind);
    }
}

/* ---- Parsing ------------------------------------------------------------------------------ */

static VfvirtFaultKind kind_by_name(const char *name)
{
    VfvirtFaultKind kind;

    for (kind = 0; kind < VFVIRT_FAULT_MAX; kind++) {
        if (g_str_equal(kinds[kind].name, name)) {
            break;
        }
    }
    return kind;
}

static bool parse_number(const char *name, const char *text, uint64_t min, uint64_t max,
                         uint64_t *ret_value, Error **errp)
{
    uint64_t value;

    /* parse_uint_full() takes a leading minus sign for a wrapped value. */
    if (!g_ascii_isdigit(text[0]) || parse_uint_full(text, 0, &value) < 0 || value < min ||
        value > max) {
        error_setg(errp, "fault: %s=%s is not a number from %" PRIu64 " to %" PRIu64, name, text,
                   min, max);
        return false;
    }
    *ret_value = value;
    return true;
}

static bool parse_word(const char *name, const char *text, const char *const *words,
                       uint64_t *ret_index, Error **errp)
{
    g_autofree char *all = g_strjoinv(", ", (char **)words);

    for (unsigned i = 0; words[i]; i++) {
        if (g_str_equal(words[i], text)) {
            *ret_index = i;
            return true;
        }
    }
    error_setg(errp, "fault: %s=%s is not one of: %s", name, text, all);
    return false;
}

static void option_store(VfvirtFault *fault, unsigned option, uint64_t value)
{
    switch (option) {
    case OPTION_MEMBER:
        fault->member = value;
        break;
    case OPTION_OPCODE:
        fault->opcode = value;
        break;
    case OPTION_TIMES:
        fault->times_left = value;
        break;
    case OPTION_MS:
        fault->ms = value;
        break;
    case OPTION_HOLD:
        fault->hold_queue = value == 0;
        break;
    case OPTION_STATUS:
        fault->status = value;
        break;
    case OPTION_QUALIFIER:
        fault->qualifier = value;
        break;
    case OPTION_MODE:
        fault->mode = value;
        break;
    case OPTION_BYTES:
        fault->bytes = value;
        break;
    case OPTION_BITS:
        fault->bits = value;
        break;
    case OPTION_BAD:
        fault->bad = value;
        break;
    case OPTION_VALUE:
        fault->value = value;
        break;
    }
}

static bool parse_option(VfvirtFaults *faults, VfvirtFault *fault, unsigned option,
                         const char *text, Error **errp)
{
    static const char *const hold[] = { "queue", "self", NULL };
    static const char *const mode[] = { "short", "zero", "long", NULL };
    static const char *const bad[] = { "flag", "bar", "alignment", "offset", "absent", NULL };
    const char *name = option_names[ctz32(option)];
    uint64_t value;
    bool ok;

    switch (option) {
    case OPTION_HOLD:
        ok = parse_word(name, text, hold, &value, errp);
        break;
    case OPTION_MODE:
        ok = parse_word(name, text, mode, &value, errp);
        break;
    case OPTION_BAD:
        ok = parse_word(name, text, bad, &value, errp);
        break;
    case OPTION_MEMBER:
        ok = parse_number(name, text, 0, faults->pf->total_vfs, &value, errp);
        break;
    case OPTION_TIMES:
    case OPTION_BYTES:
        ok = parse_number(name, text, 1, INT32_MAX, &value, errp);
        break;
    case OPTION_MS:
        ok = parse_number(name, text, 0, INT32_MAX, &value, errp);
        break;
    case OPTION_BITS:
        ok = parse_number(name, text, 0, UINT64_MAX, &value, errp);
        break;
    default:
        ok = parse_number(name, text, 0, UINT16_MAX, &value, errp);
        break;
    }
    if (ok) {
        option_store(fault, option, value);
    }
    return ok;
}

/* One NAME=VALUE; *given collects which options were. */
static bool parse_assignment(VfvirtFaults *faults, VfvirtFault *fault, const char *assignment,
                             unsigned *given, Error **errp)
{
    const char *kind_name = kinds[fault->kind].name;
    g_auto(GStrv) sides = g_strsplit(assignment, "=", 2);
    unsigned option = 0;

    for (unsigned i = 0; sides[0] && i < ARRAY_SIZE(option_names); i++) {
        if (g_str_equal(option_names[i], sides[0])) {
            option = 1u << i;
        }
    }
    if (!(option & (OPTIONS_OF_ALL | kinds[fault->kind].allowed))) {
        error_setg(errp, "fault: %s has no option '%s'", kind_name, sides[0] ? sides[0] : "");
        return false;
    }
    if (!sides[1]) {
        error_setg(errp, "fault: option %s of %s needs a value", sides[0], kind_name);
        return false;
    }
    if (*given & option) {
        error_setg(errp, "fault: option %s of %s is given twice", sides[0], kind_name);
        return false;
    }
    *given |= option;
    return parse_option(faults, fault, option, sides[1], errp);
}

/* What only the whole specification can tell; above all, that it can strike at all. */
static bool fault_check(const VfvirtFault *fault, unsigned given, Error **errp)
{
    const char *name = kinds[fault->kind].name;
    unsigned missing = kinds[fault->kind].needed & ~given;

    if (missing) {
        error_setg(errp, "fault: %s needs the option %s", name, option_names[ctz32(missing)]);
    } else if (fault->kind == VFVIRT_FAULT_COMMON_CFG_LENGTH && fault->bytes != 0x38 &&
               fault->bytes != 0x3c) {
        error_setg(errp, "fault: bytes=0x%x of %s is neither 0x38 nor 0x3c", fault->bytes, name);
    } else if (fault->mode == VFVIRT_USED_ZERO && given & OPTION_BYTES) {
        error_setg(errp, "fault: bytes=%u of %s has no effect with mode=zero", fault->bytes, name);
    } else if (fault->kind == VFVIRT_FAULT_NOTIFY_INFO && fault->bad != VFVIRT_BAD_ABSENT &&
               !fault->member) {
        error_setg(errp, "fault: member=0 of %s has no entries that could be bad", name);
    } else {
        return true;
    }
    return false;
}

/* What an option that was not given is. */
static void fault_set_defaults(VfvirtFault *fault, unsigned given)
{
    if (!(given & OPTION_HOLD)) {
        fault->hold_queue = fault->kind == VFVIRT_FAULT_DELAY;
    }
    if (!(given & OPTION_BYTES)) {
        fault->bytes = fault->mode == VFVIRT_USED_SHORT ? 1 : 64;
    }
    if (!(given & OPTION_VALUE) && fault->kind == VFVIRT_FAULT_ADMIN_QUEUE_INDEX) {
        fault->value = 0xffff;
    }
}

static VfvirtFault *fault_parse(VfvirtFaults *faults, const char *spec, Error **errp)
{
    g_auto(GStrv) parts = g_strsplit(spec, ",", -1);
    g_autofree VfvirtFault *fault = g_new0(VfvirtFault, 1);
    unsigned given = 0;

    fault->kind = kind_by_name(parts[0] ? parts[0] : "");
    if (fault->kind == VFVIRT_FAULT_MAX) {
        error_setg(errp, "fault: unknown kind '%s'", parts[0] ? parts[0] : "");
        return NULL;
    }
    fault->member = fault->opcode = -1;
    fault->times_left = -1;
    for (unsigned i = 1; parts[i]; i++) {
        if (!parse_assignment(faults, fault, parts[i], &given, errp)) {
            return NULL;
        }
    }
    if (!fault_check(fault, given, errp)) {
        return NULL;
    }
    fault_set_defaults(fault, given);
    return g_steal_pointer(&fault);
}

/* ---- Properties --------------------------------------------------------------------------- */

static VfvirtFaults *faults_of(Object *obj, Error **errp)
{
    if (!qdev_is_realized(DEVICE(obj))) {
        error_setg(errp, "fault: faults are armed while the card runs, not at its creation");
        return NULL;
    }
    return VFVIRT_PF(obj)->faults;
}

static void fault_set(Object *obj, const char *spec, Error **errp)
{
    VfvirtFaults *faults = faults_of(obj, errp);
    VfvirtFault *fault = faults ? fault_parse(faults, spec, errp) : NULL;

    if (fault) {
        fault_arm(faults, fault);
    }
}

static void fault_clear_set(Object *obj, const char *name, Error **errp)
{
    VfvirtFaults *faults = faults_of(obj, errp);
    VfvirtFaultKind kind = kind_by_name(name);

    if (!faults) {
        return;
    }
    if (g_str_equal(name, "all")) {
        for (kind = 0; kind < VFVIRT_FAULT_MAX; kind++) {
            fault_clear(faults, kind);
        }
    } else if (kind < VFVIRT_FAULT_MAX) {
        fault_clear(faults, kind);
    } else {
        error_setg(errp, "fault-clear: unknown kind '%s'", name);
    }
}

static char *faults_get(Object *obj, Error **errp)
{
    VfvirtFaults *faults = VFVIRT_PF(obj)->faults;
    g_autoptr(QList) json = qlist_new();
    VfvirtFault *fault;

    if (faults) {
        QTAILQ_FOREACH(fault, &faults->armed, next) {
            QDict *entry = qdict_new();

            qdict_put_str(entry, "kind", kinds[fault->kind].name);
            qdict_put_int(entry, "member", fault->member);
            qdict_put_int(entry, "opcode", fault->opcode);
            qdict_put_int(entry, "times_left", fault->times_left);
            qdict_put_int(entry, "struck", fault->struck);
            qlist_append(json, entry);
        }
    }
    return g_string_free(qobject_to_json(QOBJECT(json)), false);
}

void vfvirt_faults_add_properties(Object *pf)
{
    object_property_add_str(pf, "fault", NULL, fault_set);
    object_property_add_str(pf, "fault-clear", NULL, fault_clear_set);
    object_property_add_str(pf, "faults", faults_get, NULL);
}
