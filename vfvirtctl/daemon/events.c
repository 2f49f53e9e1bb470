/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What wakes the daemon up: events of udev, of vfvirt's kernel modules, of the folder of claims. */
#include "events.h"

#include <errno.h>
#include <libudev.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cleanup.h"
#include "file.h"
#include "journal.h"
#include "netlink.h"
#include "reconcile.h"
#include "text.h"

#define UEVENT_BYTES	 8192
#define RECEIVE_BYTES	 (4 << 20) /* 240 VFs cause some thousand events at once */
#define EVENTS_EACH_TIME 256	   /* before others on the loop get their turn */
#define CLAIM_EVENTS	 (IN_CREATE | IN_CLOSE_WRITE | IN_MOVE | IN_DELETE | IN_ONLYDIR)

struct vfv_events {
	struct vfv_daemon *daemon;
	struct udev_monitor *monitor; /* owned; NULL: the seam of the tests is used */
	sd_event_source *device_source;
	int seam;		     /* socket in place of udev's monitor; -1: none */
	struct vfv_netlink *netlink; /* owned; NULL: not listening to the modules */
	sd_event_source *kernel_source;
	sd_event_source *claims_source;
};

/* The properties of an event that matter. */
struct device_event {
	const char *place; /* DEVPATH: "/devices/pci0000:3a/0000:3a:00.0/0000:3b:00.2" */
	const char *subsystem;
	const char *ids; /* PCI_ID: "1AF4:1041"; NULL for others than PCI functions */
};

/* Whether a path, as DEVPATH, has that whole component. */
static bool has_component(const char *place, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = strstr(place, name); at; at = strstr(at + 1, name))
		if (at > place && at[-1] == '/' && (at[length] == '/' || !at[length]))
			return true;
	return false;
}

/* Whether a function is beneath the same bridge as a PF: its VFs are, if they are on its bus. */
static bool is_sibling(const char *place, const struct vfv_pf *pf)
{
	const char *end = pf->path ? strrchr(pf->path, '/') : NULL;
	size_t length = end ? (size_t)(end - pf->path) : 0;

	return length && !strncmp(place, "/devices/", 9) && !strncmp(place + 9, pf->path, length) &&
	       place[9 + length] == '/';
}

/*
 * Which PFs an event is about is decided by its path alone: a look at sysfs could block. A virtio
 * function that belongs to no PF that is known may be a new one.
 */
static void take_device_event(struct vfv_events *events, const struct device_event *event)
{
	struct vfv_daemon *daemon = events->daemon;
	char address[VFV_ADDRESS_BYTES];
	bool known = false;

	if (!event->place || !event->subsystem)
		return;
	if (event->ids && strcmp(event->ids, "1AF4:1041"))
		return;
	for (size_t i = 0; i < daemon->model->pf_count; i++) {
		const struct vfv_pf *pf = &daemon->model->pfs[i];

		vfv_address_format(&pf->address, address);
		if (!has_component(event->place, address) && !is_sibling(event->place, pf))
			continue;
		vfv_reconciler_mark(daemon->reconciler, &pf->address);
		known = true;
	}
	if (!known && !strcmp(event->subsystem, "pci"))
		vfv_reconciler_mark_all(daemon->reconciler);
}

static int on_udev(sd_event_source *source, int fd, uint32_t ready, void *context)
{
	struct vfv_events *events = context;

	for (int i = 0; i < EVENTS_EACH_TIME; i++) {
		struct udev_device *device = udev_monitor_receive_device(events->monitor);

		if (!device) {
			/* Some were lost: look at everything. */
			if (errno == ENOBUFS)
				vfv_reconciler_mark_all(events->daemon->reconciler);
			return 0;
		}
		struct device_event event = {
			.place = udev_device_get_devpath(device),
			.subsystem = udev_device_get_subsystem(device),
			.ids = udev_device_get_property_value(device, "PCI_ID"),
		};

		take_device_event(events, &event);
		udev_device_unref(device);
	}
	return 0;
}

/* Without udevd the kernel's own events must do, as in an initramfs. */
static int listen_to_udev(struct vfv_events *events)
{
	const char *from = access("/run/udev/control", F_OK) ? "kernel" : "udev";
	struct udev *udev = udev_new();

	if (!udev)
		return -ENOMEM;
	events->monitor = udev_monitor_new_from_netlink(udev, from);
	udev_unref(udev);
	if (!events->monitor)
		return -errno;
	udev_monitor_filter_add_match_subsystem_devtype(events->monitor, "pci", NULL);
	udev_monitor_filter_add_match_subsystem_devtype(events->monitor, "virtio", NULL);
	udev_monitor_set_receive_buffer_size(events->monitor, RECEIVE_BYTES);
	if (udev_monitor_enable_receiving(events->monitor) < 0)
		return -errno;
	return sd_event_add_io(events->daemon->event, &events->device_source,
			       udev_monitor_get_fd(events->monitor), EPOLLIN, on_udev, events);
}

/* One datagram of the seam: "KEY=VALUE" texts, each with its NUL. */
static void take_datagram(struct vfv_events *events, const char *text, size_t length)
{
	struct device_event event = {0};

	for (const char *at = text; at < text + length; at += strlen(at) + 1) {
		if (!strncmp(at, "DEVPATH=", 8))
			event.place = at + 8;
		else if (!strncmp(at, "SUBSYSTEM=", 10))
			event.subsystem = at + 10;
		else if (!strncmp(at, "PCI_ID=", 7))
			event.ids = at + 7;
	}
	take_device_event(events, &event);
}

static int on_seam(sd_event_source *source, int fd, uint32_t ready, void *context)
{
	char text[UEVENT_BYTES + 1];

	for (int i = 0; i < EVENTS_EACH_TIME; i++) {
		ssize_t length = recv(fd, text, UEVENT_BYTES, MSG_DONTWAIT);

		if (length < 0)
			return 0;
		text[length] = '\0';
		take_datagram(context, text, (size_t)length);
	}
	return 0;
}

static int listen_to_seam(struct vfv_events *events, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int bytes = RECEIVE_BYTES;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	events->seam = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (events->seam < 0)
		return -errno;
	unlink(path);
	setsockopt(events->seam, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (bind(events->seam, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	return sd_event_add_io(events->daemon->event, &events->device_source, events->seam, EPOLLIN,
			       on_seam, events);
}

static void visit_kernel_event(void *context, const struct vfv_kernel_event *event)
{
	struct vfv_daemon *daemon = ((struct vfv_events *)context)->daemon;
	struct vfv_pf *pf = vfv_model_find_pf(daemon->model, &event->address);

	if (!pf)
		vfv_model_find_vf(daemon->model, &event->address, &pf);
	if (pf)
		vfv_reconciler_mark(daemon->reconciler, &pf->address);
	else
		vfv_reconciler_mark_all(daemon->reconciler);
}

static void stop_listening_to_kernel(struct vfv_events *events)
{
	events->kernel_source = sd_event_source_disable_unref(events->kernel_source);
	vfv_netlink_close(events->netlink);
	events->netlink = NULL;
}

static int on_kernel(sd_event_source *source, int fd, uint32_t ready, void *context)
{
	struct vfv_events *events = context;
	int error = vfv_netlink_events_read(events->netlink, visit_kernel_event, events);

	if (!error)
		return 0;
	/* Events were lost, or the socket is of no use any more: all facts are read anew. */
	if (error != -ENOBUFS)
		stop_listening_to_kernel(events);
	vfv_reconciler_mark_all(events->daemon->reconciler);
	return 0;
}

void vfv_events_listen_to_kernel(struct vfv_events *events, unsigned int group)
{
	int fd, error;

	if (!events)
		return;
	/* Modules that went take the multicast group with them, without a word on the socket. */
	if (events->netlink && vfv_netlink_events_group(events->netlink) != group)
		stop_listening_to_kernel(events);
	if (events->netlink || !group)
		return;
	error = vfv_netlink_open_for_events(events->daemon->host, group, &events->netlink, NULL);
	if (!error)
		error = vfv_netlink_events_start(events->netlink, &fd, NULL);
	if (!error)
		error = sd_event_add_io(events->daemon->event, &events->kernel_source, fd, EPOLLIN,
					on_kernel, events);
	if (error < 0) {
		vfv_journal(VFV_MESSAGE_EVENTS, NULL,
			    "cannot listen to the kernel modules: %s; going on with udev's events",
			    strerror(-error));
		stop_listening_to_kernel(events);
	}
}

static void listen_to_claims(struct vfv_events *events);

/*
 * The hook takes and drops claims without a word to anybody. It drops them after QEMU has closed
 * its VFs, so the look that the closing caused still found them.
 */
static int on_claim(sd_event_source *source, const struct inotify_event *event, void *context)
{
	struct vfv_events *events = context;
	struct vfv_daemon *daemon = events->daemon;
	struct vfv_pf *pf = NULL;
	struct vfv_address vf;

	if (event->mask & (IN_IGNORED | IN_Q_OVERFLOW))
		vfv_reconciler_mark_all(daemon->reconciler);
	else if (event->len && vfv_address_parse(event->name, &vf) &&
		 vfv_model_find_vf(daemon->model, &vf, &pf))
		vfv_reconciler_mark(daemon->reconciler, &pf->address);
	if (event->mask & IN_IGNORED) /* somebody removed the folder */
		listen_to_claims(events);
	return 0;
}

/* The run folder is in memory: neither making a folder there nor watching it waits. */
static void listen_to_claims(struct vfv_events *events)
{
	VFV_FREE char *path = vfv_text("%s/claims", events->daemon->host->run);
	int error = path ? vfv_folder_make(path) : -ENOMEM;

	events->claims_source = sd_event_source_disable_unref(events->claims_source);
	if (!error)
		error = sd_event_add_inotify(events->daemon->event, &events->claims_source, path,
					     CLAIM_EVENTS, on_claim, events);
	if (error < 0)
		vfv_journal(VFV_MESSAGE_EVENTS, NULL,
			    "cannot watch %s: %s; claims of domains are noticed late",
			    path ? path : "the claims", strerror(-error));
}

struct vfv_events *vfv_events_new(struct vfv_daemon *daemon)
{
	struct vfv_events *events = calloc(1, sizeof(*events));
	int error;

	if (!events)
		return NULL;
	events->daemon = daemon;
	events->seam = -1;
	if (daemon->host->uevents)
		error = listen_to_seam(events, daemon->host->uevents);
	else
		error = listen_to_udev(events);
	if (error < 0)
		vfv_journal(VFV_MESSAGE_EVENTS, NULL,
			    "cannot listen to udev: %s; changes are noticed on reload only",
			    strerror(-error));
	listen_to_claims(events);
	return events;
}

void vfv_events_free(struct vfv_events *events)
{
	if (!events)
		return;
	stop_listening_to_kernel(events);
	sd_event_source_disable_unref(events->claims_source);
	sd_event_source_disable_unref(events->device_source);
	udev_monitor_unref(events->monitor);
	vfv_close(events->seam);
	free(events);
}
