/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads single messages of the family "vfvirt". */
#include "netlink_decode.h"

#include <errno.h>
#include <limits.h>
#include <linux/genetlink.h>
#include <netlink/genl/genl.h>
#include <string.h>

#include "cleanup.h"
#include "text.h"
#include "vfvirt.h"

#define NAME_BYTES_MAX 63

/* Opcodes that legacy access cannot do without: write and read of both configurations. */
#define LEGACY_OPCODES (1u << 2 | 1u << 3 | 1u << 4 | 1u << 5)

static struct nla_policy policy[VFVIRT_A_COUNT] = {
	[VFVIRT_A_CONTRACT_VERSION] = {.type = NLA_U32},
	[VFVIRT_A_ADDRESS] = {.type = NLA_STRING, .maxlen = VFVIRT_ADDRESS_BYTES},
	[VFVIRT_A_OWNER_ADDRESS] = {.type = NLA_STRING, .maxlen = VFVIRT_ADDRESS_BYTES},
	[VFVIRT_A_PROVIDER] = {.type = NLA_STRING, .maxlen = NAME_BYTES_MAX + 1},
	[VFVIRT_A_CLASS_DRIVER] = {.type = NLA_STRING, .maxlen = NAME_BYTES_MAX + 1},
	[VFVIRT_A_STATE] = {.type = NLA_U32},
	[VFVIRT_A_REASON] = {.type = NLA_U32},
	[VFVIRT_A_DEVICE_FEATURES] = {.type = NLA_U64},
	[VFVIRT_A_DRIVER_FEATURES] = {.type = NLA_U64},
	[VFVIRT_A_ADMIN_QUEUE_INDEX] = {.type = NLA_U16},
	[VFVIRT_A_ADMIN_QUEUE_NUM] = {.type = NLA_U16},
	[VFVIRT_A_ADMIN_QUEUE_DEPTH] = {.type = NLA_U16},
	[VFVIRT_A_IN_FLIGHT] = {.type = NLA_U32},
	[VFVIRT_A_OPCODES] = {.type = NLA_U64},
	[VFVIRT_A_LAST_OPCODE] = {.type = NLA_U16},
	[VFVIRT_A_LAST_STATUS] = {.type = NLA_U16},
	[VFVIRT_A_LAST_QUALIFIER] = {.type = NLA_U16},
	[VFVIRT_A_MEMBER_ID] = {.type = NLA_U16},
	[VFVIRT_A_DRIVER] = {.type = NLA_STRING, .maxlen = NAME_BYTES_MAX + 1},
	[VFVIRT_A_LEGACY] = {.type = NLA_U8},
	[VFVIRT_A_MAC] = {.minlen = VFV_MAC_BYTES, .maxlen = VFV_MAC_BYTES},
	[VFVIRT_A_MAC_ERROR] = {.type = NLA_U32},
	[VFVIRT_A_OPEN_COUNT] = {.type = NLA_U32},
	[VFVIRT_A_FAILURE_COUNT] = {.type = NLA_U32},
	[VFVIRT_A_SEALED] = {.type = NLA_U8},
	[VFVIRT_A_MSIX_ON] = {.type = NLA_U8},
	[VFVIRT_A_NOTIFY_PATH] = {.type = NLA_U8},
	[VFVIRT_A_OPCODE] = {.type = NLA_U16},
	[VFVIRT_A_COMMANDS] = {.type = NLA_U64},
	[VFVIRT_A_OK] = {.type = NLA_U64},
	[VFVIRT_A_REFUSED] = {.type = NLA_U64},
	[VFVIRT_A_ERRORS] = {.type = NLA_U64},
	[VFVIRT_A_TIMEOUTS] = {.type = NLA_U64},
	[VFVIRT_A_RETRIES] = {.type = NLA_U64},
	[VFVIRT_A_LATE] = {.type = NLA_U64},
	[VFVIRT_A_ABORTED] = {.type = NLA_U64},
	[VFVIRT_A_LATENCY] = {.minlen = VFV_LATENCY_BUCKETS * sizeof(uint64_t),
			      .maxlen = VFV_LATENCY_BUCKETS * sizeof(uint64_t)},
	[VFVIRT_A_EVENT] = {.type = NLA_U32},
	[VFVIRT_A_WHAT] = {.type = NLA_STRING},
	[VFVIRT_A_ERROR] = {.type = NLA_U32},
};

_Static_assert(VFV_LATENCY_BUCKETS == VFVIRT_LATENCY_BUCKETS, "one histogram, one size");

static const char *const owner_states[] = {
	[VFVIRT_OWNER_ABSENT] = "absent",
	[VFVIRT_OWNER_READY] = "ready",
	[VFVIRT_OWNER_DEGRADED] = "degraded",
};

#define UPDATE_OR_ENABLE "update the card's firmware, or enable legacy VF emulation on it"
#define UPDATE		 "update the card's firmware, which is at fault"
#define WAIT		 "wait: it passes"

/* Why legacy registers cannot be reached, and what to do about it; vfvirt(7) says more. */
static const struct reason {
	const char *text;
	const char *remedy;
} reasons[VFVIRT_REASON_COUNT] = {
	[VFVIRT_REASON_NONE] = {"the reason is not known",
				"install kernel modules and programs of one release"},
	[VFVIRT_REASON_NO_FEATURE] = {"the card does not offer an administration queue",
				      UPDATE_OR_ENABLE},
	[VFVIRT_REASON_SHORT_COMMON_CFG] = {"the card's configuration has no room for the queue",
					    UPDATE},
	[VFVIRT_REASON_NO_QUEUE] = {"the card has no administration queue", UPDATE_OR_ENABLE},
	[VFVIRT_REASON_BAD_INDEX] = {"the card places its administration queue out of range",
				     UPDATE},
	[VFVIRT_REASON_NO_DRIVER] = {"no driver is bound to the PF's virtio device",
				     "load the driver: modprobe virtio_net"},
	[VFVIRT_REASON_NO_MEMORY] = {"the kernel was out of memory",
				     "free some memory, then unbind virtio_net from the PF's "
				     "virtio device and bind it again"},
	[VFVIRT_REASON_NO_LEGACY] = {"the card does not know the commands for legacy registers",
				     "enable legacy VF emulation on the card"},
	[VFVIRT_REASON_TIMEOUT] = {"the card did not answer a command in time",
				   "wait for its recovery; if that goes on, see the kernel log, "
				   "and reset or replace the card"},
	[VFVIRT_REASON_BROKEN_ANSWER] = {"the card broke the protocol", UPDATE},
	[VFVIRT_REASON_RESET] = {"the PF is being reset or asleep", WAIT},
	[VFVIRT_REASON_GONE] = {"the card does not answer on the bus",
				"see whether it was pulled, has lost its power, or has failed"},
	[VFVIRT_REASON_REMOVED] = {"the PF is being removed", WAIT},
	[VFVIRT_REASON_NO_OWNER] = {"no driver that reaches legacy registers has the PF",
				    "bind the PF to vfvirt_pf: vfvirtctl create, or apply where "
				    "it has an intent file"},
};

static const char *const notify_paths[] = {
	[VFVIRT_NOTIFY_PATH_NONE] = NULL,
	[VFVIRT_NOTIFY_PATH_MEMBER_BAR] = "member-bar",
	[VFVIRT_NOTIFY_PATH_OWNER_BAR] = "owner-bar",
	[VFVIRT_NOTIFY_PATH_COMMAND] = "command",
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Attributes of a message of the family into ret_attributes, one place each. */
static int take_apart(struct nlmsghdr *message, struct nlattr *ret_attributes[VFVIRT_A_COUNT])
{
	if (!genlmsg_valid_hdr(message, 0) ||
	    genlmsg_parse(message, 0, ret_attributes, VFVIRT_A_MAX, policy) < 0)
		return -EBADMSG;
	return 0;
}

static int take_address(const struct nlattr *attribute, struct vfv_address *ret_address)
{
	if (!attribute || !vfv_address_parse(nla_get_string(attribute), ret_address))
		return -EBADMSG;
	return 0;
}

/* A number that fits an int, or VFV_UNKNOWN. */
static int maybe_u16(const struct nlattr *attribute)
{
	return attribute ? nla_get_u16(attribute) : VFV_UNKNOWN;
}

static int maybe_u32(const struct nlattr *attribute)
{
	uint32_t number;

	if (!attribute)
		return VFV_UNKNOWN;
	number = nla_get_u32(attribute);
	return number > INT_MAX ? INT_MAX : (int)number;
}

static int maybe_bool(const struct nlattr *attribute)
{
	return attribute ? nla_get_u8(attribute) != 0 : VFV_UNKNOWN;
}

static uint64_t u64_or_zero(const struct nlattr *attribute)
{
	return attribute ? nla_get_u64(attribute) : 0;
}

/* Replace an owned text; -ENOMEM. */
static int replace(char **text, const char *by)
{
	free(*text);
	*text = by ? strdup(by) : NULL;
	return by && !*text ? -ENOMEM : 0;
}

/* The row of a reason; one from a newer kernel module has none. */
static const struct reason *find_reason(const struct nlattr *attribute)
{
	uint32_t reason = attribute ? nla_get_u32(attribute) : VFVIRT_REASON_NONE;

	return &reasons[reason < COUNT(reasons) ? reason : VFVIRT_REASON_NONE];
}

int vfv_decode_version(struct nlmsghdr *message, uint32_t *ret_version)
{
	struct nlattr *a[VFVIRT_A_COUNT];

	if (take_apart(message, a) || !a[VFVIRT_A_CONTRACT_VERSION])
		return -EBADMSG;
	*ret_version = nla_get_u32(a[VFVIRT_A_CONTRACT_VERSION]);
	return 0;
}

/* Find the group "events" in the nested list of groups. */
static void take_group(struct nlattr *groups, struct vfv_family *ret_family)
{
	struct nlattr *group;
	int left;

	nla_for_each_nested(group, groups, left)
	{
		struct nlattr *a[CTRL_ATTR_MCAST_GRP_MAX + 1];
		static struct nla_policy forms[CTRL_ATTR_MCAST_GRP_MAX + 1] = {
			[CTRL_ATTR_MCAST_GRP_NAME] = {.type = NLA_STRING},
			[CTRL_ATTR_MCAST_GRP_ID] = {.type = NLA_U32},
		};

		if (nla_parse_nested(a, CTRL_ATTR_MCAST_GRP_MAX, group, forms) < 0 ||
		    !a[CTRL_ATTR_MCAST_GRP_NAME] || !a[CTRL_ATTR_MCAST_GRP_ID])
			continue;
		if (!strcmp(nla_get_string(a[CTRL_ATTR_MCAST_GRP_NAME]), VFVIRT_GENL_GROUP_EVENTS))
			ret_family->group = nla_get_u32(a[CTRL_ATTR_MCAST_GRP_ID]);
	}
}

int vfv_decode_family(struct nlmsghdr *message, struct vfv_family *ret_family)
{
	static struct nla_policy forms[CTRL_ATTR_MAX + 1] = {
		[CTRL_ATTR_FAMILY_ID] = {.type = NLA_U16},
		[CTRL_ATTR_MCAST_GROUPS] = {.type = NLA_NESTED},
	};
	struct nlattr *a[CTRL_ATTR_MAX + 1];

	if (!genlmsg_valid_hdr(message, 0) ||
	    genlmsg_parse(message, 0, a, CTRL_ATTR_MAX, forms) < 0 || !a[CTRL_ATTR_FAMILY_ID])
		return -EBADMSG;
	ret_family->id = nla_get_u16(a[CTRL_ATTR_FAMILY_ID]);
	if (a[CTRL_ATTR_MCAST_GROUPS])
		take_group(a[CTRL_ATTR_MCAST_GROUPS], ret_family);
	return 0;
}

/* Whether the owner can reach legacy registers, and why not. */
static int take_owner_legacy(struct nlattr *a[VFVIRT_A_COUNT], uint32_t state, struct vfv_pf *pf)
{
	const struct reason *why = NULL;

	if (state != VFVIRT_OWNER_READY)
		why = find_reason(a[VFVIRT_A_REASON]);
	else if (a[VFVIRT_A_OPCODES] && (pf->opcodes & LEGACY_OPCODES) != LEGACY_OPCODES)
		why = &reasons[VFVIRT_REASON_NO_LEGACY];
	pf->legacy = why ? 0 : a[VFVIRT_A_OPCODES] ? 1 : VFV_UNKNOWN;
	pf->legacy_remedy = why ? why->remedy : NULL;
	return replace(&pf->legacy_reason, why ? why->text : NULL);
}

int vfv_decode_owner(struct nlmsghdr *message, struct vfv_model *model)
{
	struct nlattr *a[VFVIRT_A_COUNT];
	struct vfv_address address;
	struct vfv_pf *pf;
	uint32_t state;

	if (take_apart(message, a) || take_address(a[VFVIRT_A_ADDRESS], &address) ||
	    !a[VFVIRT_A_STATE])
		return -EBADMSG;
	state = nla_get_u32(a[VFVIRT_A_STATE]);
	if (state >= COUNT(owner_states))
		return -EBADMSG;
	pf = vfv_model_find_pf(model, &address);
	if (!pf)
		return 0;
	pf->opcodes = u64_or_zero(a[VFVIRT_A_OPCODES]);
	pf->admin_queue_index = maybe_u16(a[VFVIRT_A_ADMIN_QUEUE_INDEX]);
	pf->admin_queue_num = maybe_u16(a[VFVIRT_A_ADMIN_QUEUE_NUM]);
	pf->admin_queue_depth = maybe_u16(a[VFVIRT_A_ADMIN_QUEUE_DEPTH]);
	pf->in_flight = maybe_u32(a[VFVIRT_A_IN_FLIGHT]);
	if (replace(&pf->owner_state, owner_states[state]))
		return -ENOMEM;
	return take_owner_legacy(a, state, pf);
}

int vfv_decode_member(struct nlmsghdr *message, struct vfv_model *model)
{
	struct nlattr *a[VFVIRT_A_COUNT];
	struct vfv_address address;
	struct vfv_vf *vf;
	unsigned int path;

	if (take_apart(message, a) || take_address(a[VFVIRT_A_ADDRESS], &address))
		return -EBADMSG;
	vf = vfv_model_find_vf(model, &address, NULL);
	if (!vf)
		return 0;
	vf->legacy = maybe_bool(a[VFVIRT_A_LEGACY]);
	vf->open_count = maybe_u32(a[VFVIRT_A_OPEN_COUNT]);
	vf->failure_count = a[VFVIRT_A_FAILURE_COUNT] ? nla_get_u32(a[VFVIRT_A_FAILURE_COUNT]) : 0;
	vf->sealed = maybe_bool(a[VFVIRT_A_SEALED]);
	vf->msix_on = maybe_bool(a[VFVIRT_A_MSIX_ON]);
	path = a[VFVIRT_A_NOTIFY_PATH] ? nla_get_u8(a[VFVIRT_A_NOTIFY_PATH]) : 0;
	vf->notify_path = path < COUNT(notify_paths) ? notify_paths[path] : NULL;
	vf->has_mac = a[VFVIRT_A_MAC];
	if (vf->has_mac)
		memcpy(vf->mac, nla_data(a[VFVIRT_A_MAC]), VFV_MAC_BYTES);
	return replace(&vf->legacy_reason,
		       vf->legacy == 0 ? find_reason(a[VFVIRT_A_REASON])->text : NULL);
}

int vfv_decode_stats(struct nlmsghdr *message, struct vfv_stats_row *ret_row)
{
	struct nlattr *a[VFVIRT_A_COUNT];
	struct vfv_stats_row row = {0};

	if (take_apart(message, a) || take_address(a[VFVIRT_A_ADDRESS], &row.address) ||
	    !a[VFVIRT_A_OPCODE])
		return -EBADMSG;
	row.member_id = a[VFVIRT_A_MEMBER_ID] ? nla_get_u16(a[VFVIRT_A_MEMBER_ID]) : 0;
	row.opcode = nla_get_u16(a[VFVIRT_A_OPCODE]);
	row.commands = u64_or_zero(a[VFVIRT_A_COMMANDS]);
	row.ok = u64_or_zero(a[VFVIRT_A_OK]);
	row.refused = u64_or_zero(a[VFVIRT_A_REFUSED]);
	row.errors = u64_or_zero(a[VFVIRT_A_ERRORS]);
	row.timeouts = u64_or_zero(a[VFVIRT_A_TIMEOUTS]);
	row.retries = u64_or_zero(a[VFVIRT_A_RETRIES]);
	row.late = u64_or_zero(a[VFVIRT_A_LATE]);
	row.aborted = u64_or_zero(a[VFVIRT_A_ABORTED]);
	if (a[VFVIRT_A_LATENCY])
		memcpy(row.latency, nla_data(a[VFVIRT_A_LATENCY]), sizeof(row.latency));
	*ret_row = row;
	return 0;
}

int vfv_decode_event(struct nlmsghdr *message, struct vfv_kernel_event *ret_event)
{
	struct nlattr *a[VFVIRT_A_COUNT];

	if (take_apart(message, a) || !a[VFVIRT_A_EVENT] ||
	    take_address(a[VFVIRT_A_ADDRESS], &ret_event->address))
		return -EBADMSG;
	ret_event->kind = nla_get_u32(a[VFVIRT_A_EVENT]);
	return 0;
}
