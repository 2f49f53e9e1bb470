/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client of the generic netlink family "vfvirt". */
#include "netlink.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <netlink/genl/genl.h>
#include <string.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "host.h"
#include "netlink_channel.h"
#include "netlink_decode.h"
#include "text.h"
#include "vfvirt.h"

/* How often a dump that was interrupted by a change is repeated. */
#define DUMP_TRIES 5

/* Owners and members, with 16 opcodes each: more rows than any host can have. */
#define STATS_ROWS_MAX (1u << 20)

struct vfv_netlink {
	struct vfv_channel channel;
	struct vfv_channel events; /* closed until events_start() */
	struct vfv_family family;
	char *seam; /* owned; as struct vfv_host has it */
};

static void cleanup_message(struct nl_msg **message)
{
	nlmsg_free(*message);
}
#define FREE_MESSAGE __attribute__((cleanup(cleanup_message)))

/* A question about an object, or about all (address NULL); NULL: no memory. */
static struct nl_msg *new_question(const struct vfv_netlink *netlink, uint8_t command, int flags,
				   const struct vfv_address *address)
{
	FREE_MESSAGE struct nl_msg *message = nlmsg_alloc();
	char text[VFV_ADDRESS_BYTES];

	if (!message ||
	    !genlmsg_put(message, 0, 0, netlink->family.id, 0, flags, command, VFVIRT_GENL_VERSION))
		return NULL;
	if (address &&
	    nla_put_string(message, VFVIRT_A_ADDRESS, vfv_address_format(address, text)) < 0)
		return NULL;
	return vfv_take(message);
}

/* Ask until no change interrupts the answer. */
static int ask(struct vfv_netlink *netlink, struct nl_msg *question, vfv_channel_visit visit,
	       void *context)
{
	int error = -EINTR;

	for (int i = 0; i < DUMP_TRIES && error == -EINTR; i++)
		error = vfv_channel_ask(&netlink->channel, question, VFV_NETLINK_LIMIT_MS, visit,
					context);
	return error;
}

/* Say what a failed question means to a person. */
static int ask_failed(int error, const char *what, struct vfv_error *ret_error)
{
	switch (error) {
	case -EPERM:
	case -EACCES:
		return vfv_error_set(ret_error, VFV_ERROR_ACCESS, error,
				     "vfvirt_core: cannot %s: not allowed: run as root", what);
	case -ENOMEM:
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, error, "no memory");
	case -EBADMSG:
		return vfv_error_set(ret_error, VFV_ERROR_KERNEL_MODULE, error,
				     "vfvirt_core: cannot %s: the answer is not of our contract",
				     what);
	default:
		return vfv_error_set(ret_error, VFV_ERROR_KERNEL_IO, error,
				     "vfvirt_core: cannot %s: %s", what, strerror(-error));
	}
}

static int visit_family(void *context, struct nlmsghdr *message)
{
	return vfv_decode_family(message, context);
}

static int visit_version(void *context, struct nlmsghdr *message)
{
	return vfv_decode_version(message, context);
}

/* Learn the number of the family and of its group. */
static int resolve(struct vfv_netlink *netlink, struct vfv_error *ret_error)
{
	FREE_MESSAGE struct nl_msg *question = nlmsg_alloc();
	int error;

	if (!question || !genlmsg_put(question, 0, 0, GENL_ID_CTRL, 0, 0, CTRL_CMD_GETFAMILY, 1) ||
	    nla_put_string(question, CTRL_ATTR_FAMILY_NAME, VFVIRT_GENL_NAME) < 0)
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
	error = ask(netlink, question, visit_family, &netlink->family);
	if (error == -ENOENT || (!error && !netlink->family.id))
		return vfv_error_set(ret_error, VFV_ERROR_KERNEL_MODULE, ENOENT,
				     "vfvirt_core: is not loaded: modprobe vfvirt_core");
	return error ? ask_failed(error, "find the family", ret_error) : 0;
}

/* Refuse to talk to modules of another contract. */
static int check_version(struct vfv_netlink *netlink, struct vfv_error *ret_error)
{
	FREE_MESSAGE struct nl_msg *question =
		new_question(netlink, VFVIRT_CMD_GET_VERSION, 0, NULL);
	uint32_t version = 0;
	int error;

	if (!question)
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
	error = ask(netlink, question, visit_version, &version);
	if (error)
		return ask_failed(error, "ask for the version", ret_error);
	if (version != VFVIRT_CONTRACT_VERSION)
		return vfv_error_set(ret_error, VFV_ERROR_KERNEL_MODULE, EPROTO,
				     "vfvirt_core: speaks version %u of the contract, not %u: "
				     "install modules and programs of one release",
				     version, VFVIRT_CONTRACT_VERSION);
	return 0;
}

/* One that is not connected; NULL: no memory. */
static struct vfv_netlink *new_netlink(const struct vfv_host *host, struct vfv_error *ret_error)
{
	struct vfv_netlink *netlink = calloc(1, sizeof(*netlink));

	if (netlink) {
		netlink->channel = VFV_CHANNEL_CLOSED;
		netlink->events = VFV_CHANNEL_CLOSED;
		netlink->seam = host->netlink ? strdup(host->netlink) : NULL;
		if (netlink->seam || !host->netlink)
			return netlink;
		free(netlink);
	}
	vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
	return NULL;
}

int vfv_netlink_open(const struct vfv_host *host, struct vfv_netlink **ret_netlink,
		     struct vfv_error *ret_error)
{
	struct vfv_netlink *netlink = new_netlink(host, ret_error);
	int error;

	if (!netlink)
		return -ENOMEM;
	error = vfv_channel_open(netlink->seam, &netlink->channel);
	if (error)
		error = ask_failed(error, "connect", ret_error);
	else
		error = resolve(netlink, ret_error);
	if (!error)
		error = check_version(netlink, ret_error);
	if (error) {
		vfv_netlink_close(netlink);
		return error;
	}
	*ret_netlink = netlink;
	return 0;
}

int vfv_netlink_open_for_events(const struct vfv_host *host, unsigned int group,
				struct vfv_netlink **ret_netlink, struct vfv_error *ret_error)
{
	struct vfv_netlink *netlink = new_netlink(host, ret_error);

	if (!netlink)
		return -ENOMEM;
	netlink->family.group = group;
	*ret_netlink = netlink;
	return 0;
}

unsigned int vfv_netlink_events_group(const struct vfv_netlink *netlink)
{
	return netlink->family.group;
}

void vfv_netlink_close(struct vfv_netlink *netlink)
{
	if (!netlink)
		return;
	vfv_channel_close(&netlink->channel);
	vfv_channel_close(&netlink->events);
	free(netlink->seam);
	free(netlink);
}

static int visit_owner(void *context, struct nlmsghdr *message)
{
	return vfv_decode_owner(message, context);
}

static int visit_member(void *context, struct nlmsghdr *message)
{
	return vfv_decode_member(message, context);
}

/* The members of one owner, or of all (NULL). */
static int ask_members(struct vfv_netlink *netlink, struct vfv_model *model,
		       const struct vfv_address *owner, bool read_mac)
{
	FREE_MESSAGE struct nl_msg *question =
		new_question(netlink, VFVIRT_CMD_GET_MEMBERS, NLM_F_DUMP, owner);

	if (!question || (read_mac && nla_put_flag(question, VFVIRT_A_READ_MAC) < 0))
		return -ENOMEM;
	return ask(netlink, question, visit_member, model);
}

int vfv_netlink_complete(struct vfv_netlink *netlink, struct vfv_model *model, bool read_mac,
			 struct vfv_error *ret_error)
{
	FREE_MESSAGE struct nl_msg *question =
		new_question(netlink, VFVIRT_CMD_GET_OWNERS, NLM_F_DUMP, NULL);
	const struct vfv_address *only = NULL;
	int error;

	if (!model->pf_count)
		return 0;
	error = question ? ask(netlink, question, visit_owner, model) : -ENOMEM;
	if (error)
		return ask_failed(error, "ask for PFs", ret_error);
	/* Who wants to know one PF must not wait for the MACs behind another one's slow queue. */
	if (model->pf_count == 1)
		only = &model->pfs[0].address;
	error = ask_members(netlink, model, only, read_mac);
	return error ? ask_failed(error, "ask for VFs", ret_error) : 0;
}

/* A command about one VF that is answered by success or an error. */
static int command_vf(struct vfv_netlink *netlink, uint8_t command, const char *what,
		      const struct vfv_address *vf, struct vfv_error *ret_error)
{
	FREE_MESSAGE struct nl_msg *question = new_question(netlink, command, 0, vf);
	char text[VFV_ADDRESS_BYTES];
	int error = question ? ask(netlink, question, NULL, NULL) : -ENOMEM;

	vfv_address_format(vf, text);
	if (error == -EBUSY)
		return vfv_error_set(ret_error, VFV_ERROR_IN_USE, error,
				     "%s: cannot %s: a process has it open: stop its user", text,
				     what);
	if (error == -ENODEV)
		return vfv_error_set(ret_error, VFV_ERROR_NO_DRIVER, error,
				     "%s: cannot %s: no driver of vfvirt has it", text, what);
	return error ? ask_failed(error, what, ret_error) : 0;
}

int vfv_netlink_seal(struct vfv_netlink *netlink, const struct vfv_address *vf,
		     struct vfv_error *ret_error)
{
	return command_vf(netlink, VFVIRT_CMD_SEAL, "seal the VF", vf, ret_error);
}

int vfv_netlink_unseal(struct vfv_netlink *netlink, const struct vfv_address *vf,
		       struct vfv_error *ret_error)
{
	return command_vf(netlink, VFVIRT_CMD_UNSEAL, "unseal the VF", vf, ret_error);
}

/* Rows that are being collected. */
struct rows {
	struct vfv_stats_row *all;
	size_t count, room;
};

static int visit_stats(void *context, struct nlmsghdr *message)
{
	struct rows *rows = context;
	int error;

	if (rows->count == rows->room) {
		size_t room = rows->room ? 2 * rows->room : 64;
		struct vfv_stats_row *grown = reallocarray(rows->all, room, sizeof(*grown));

		if (room > STATS_ROWS_MAX || !grown) {
			rows->all = grown ? grown : rows->all;
			return grown ? -E2BIG : -ENOMEM;
		}
		rows->all = grown;
		rows->room = room;
	}
	error = vfv_decode_stats(message, &rows->all[rows->count]);
	rows->count += !error;
	return error;
}

int vfv_netlink_stats(struct vfv_netlink *netlink, const struct vfv_address *only,
		      struct vfv_stats_row **ret_rows, size_t *ret_count,
		      struct vfv_error *ret_error)
{
	FREE_MESSAGE struct nl_msg *question =
		new_question(netlink, VFVIRT_CMD_GET_STATS, NLM_F_DUMP, only);
	struct rows rows = {0};
	int error = question ? -EINTR : -ENOMEM;

	for (int i = 0; i < DUMP_TRIES && error == -EINTR; i++) {
		rows.count = 0;
		error = vfv_channel_ask(&netlink->channel, question, VFV_NETLINK_LIMIT_MS,
					visit_stats, &rows);
	}
	if (error) {
		free(rows.all);
		return ask_failed(error, "ask for statistics", ret_error);
	}
	*ret_rows = rows.all;
	*ret_count = rows.count;
	return 0;
}

int vfv_netlink_stats_reset(struct vfv_netlink *netlink, const struct vfv_address *only,
			    struct vfv_error *ret_error)
{
	FREE_MESSAGE struct nl_msg *question =
		new_question(netlink, VFVIRT_CMD_RESET_STATS, 0, only);
	int error = question ? ask(netlink, question, NULL, NULL) : -ENOMEM;

	return error ? ask_failed(error, "reset statistics", ret_error) : 0;
}

/* Connect for events: a group of the kernel, or what stands in for it. */
static int open_events(struct vfv_netlink *netlink)
{
	VFV_FREE char *seam = NULL;
	int group = (int)netlink->family.group, error;

	if (netlink->seam) {
		seam = vfv_text("%s" VFV_NETLINK_SEAM_EVENTS, netlink->seam);
		return seam ? vfv_channel_open(seam, &netlink->events) : -ENOMEM;
	}
	if (!group)
		return -EBADMSG;
	error = vfv_channel_open(NULL, &netlink->events);
	if (!error && setsockopt(netlink->events.fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group,
				 sizeof(group)))
		error = -errno;
	return error;
}

int vfv_netlink_events_start(struct vfv_netlink *netlink, int *ret_fd, struct vfv_error *ret_error)
{
	int error = netlink->events.fd < 0 ? open_events(netlink) : 0;

	if (error) {
		vfv_channel_close(&netlink->events);
		return ask_failed(error, "listen for events", ret_error);
	}
	*ret_fd = netlink->events.fd;
	return 0;
}

/* Who wants the events. */
struct listener {
	void (*visit)(void *context, const struct vfv_kernel_event *event);
	void *context;
};

static int visit_event(void *context, struct nlmsghdr *message)
{
	const struct listener *listener = context;
	struct vfv_kernel_event event;

	/* One that cannot be read is skipped: what follows is no worse for it. */
	if (!vfv_decode_event(message, &event))
		listener->visit(listener->context, &event);
	return 0;
}

int vfv_netlink_events_read(struct vfv_netlink *netlink,
			    void (*visit)(void *context, const struct vfv_kernel_event *event),
			    void *context)
{
	struct listener listener = {.visit = visit, .context = context};

	return vfv_channel_read_events(&netlink->events, visit_event, &listener);
}
