/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vfvirtd: wires its parts together. */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "bus.h"
#include "daemon.h"
#include "domains.h"
#include "events.h"
#include "journal.h"
#include "publish.h"
#include "reconcile.h"
#include "transport.h"
#include "worker.h"

static const char help[] =
	"Usage: vfvirtd [--transport]\n"
	"Keeps SR-IOV virtual functions of virtio cards as the files in /etc/vfvirt/pf.d say.\n"
	"\n"
	"  --transport  bind the cards to their drivers, and end; early in boot\n"
	"  --help       this text\n"
	"  --version    the version\n"
	"\n"
	"Without an option it runs as a service, org.vfvirt1 on D-Bus. See vfvirtd(8).\n";

static void on_stuck(void *context, const struct vfv_address *pf, const struct vfv_error *error)
{
	vfv_reconciler_stuck(((struct vfv_daemon *)context)->reconciler, pf, error);
}

static void on_freed(void *context, const struct vfv_address *pf)
{
	vfv_reconciler_freed(((struct vfv_daemon *)context)->reconciler, pf);
}

static int exit_when_idle(sd_event_source *source, void *context)
{
	struct vfv_daemon *daemon = context;

	return vfv_pool_running(daemon->pool) ? 0 : sd_event_exit(daemon->event, EXIT_SUCCESS);
}

static int on_stop_limit(sd_event_source *source, uint64_t now, void *context)
{
	return sd_event_exit(((struct vfv_daemon *)context)->event, EXIT_SUCCESS);
}

/* Workers may finish what they are at; the next vfvirtd waits for those that take longer. */
static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *context)
{
	struct vfv_daemon *daemon = context;

	sd_notify(false, "STOPPING=1");
	if (!vfv_pool_running(daemon->pool) ||
	    sd_event_add_post(daemon->event, NULL, exit_when_idle, daemon) < 0 ||
	    sd_event_add_time_relative(daemon->event, NULL, CLOCK_MONOTONIC,
				       VFV_STOP_LIMIT_MS * UINT64_C(1000), 0, on_stop_limit,
				       daemon) < 0)
		return sd_event_exit(daemon->event, EXIT_SUCCESS);
	return 0;
}

static void on_round_over(void *context, bool all)
{
	struct vfv_daemon *daemon = context;
	bool first = !daemon->ready;

	daemon->ready = true;
	vfv_daemon_update_status(daemon);
	if (first) {
		int error = vfv_bus_take_name(daemon->bus);

		vfv_journal(VFV_MESSAGE_READY, NULL, "ready with %zu PFs%s%s",
			    daemon->model->pf_count,
			    all ? "" : "; going on without the end of the first reconcile",
			    error ? "; no name on D-Bus" : "");
	}
	sd_notify(false, "READY=1");
	malloc_trim(0);
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *context)
{
	struct vfv_daemon *daemon = context;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%lld",
		   (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	if (vfv_reconciler_round(daemon->reconciler, VFV_READY_LIMIT_MS, on_round_over, daemon))
		sd_notify(false, "READY=1");
	return 0;
}

static int watch_signals(struct vfv_daemon *daemon)
{
	static const int blocked[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
	sigset_t set;
	int error;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(blocked) / sizeof(blocked[0]); i++)
		sigaddset(&set, blocked[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	error = sd_event_add_signal(daemon->event, NULL, SIGTERM, on_stop, daemon);
	if (error >= 0)
		error = sd_event_add_signal(daemon->event, NULL, SIGINT, on_stop, daemon);
	if (error >= 0)
		error = sd_event_add_signal(daemon->event, NULL, SIGHUP, on_reload, daemon);
	return error < 0 ? error : 0;
}

/* nova-compute does not start with the --config-dir of a folder that is not there. */
static void make_nova_folder(const struct vfv_host *host)
{
	struct vfv_error error = VFV_NO_ERROR;

	if (vfv_publish_nova_folder(host, &error))
		vfv_journal(VFV_MESSAGE_FAILED, NULL, "%s; going on without", error.text);
}

static int start(struct vfv_daemon *daemon)
{
	struct vfv_pool_watcher watcher = {on_stuck, on_freed, daemon};
	int error = sd_event_default(&daemon->event);

	if (error >= 0)
		error = watch_signals(daemon);
	if (error >= 0)
		error = sd_event_set_watchdog(daemon->event, true);
	if (error < 0)
		return error;
	daemon->host = vfv_host_new();
	daemon->model = vfv_model_new();
	daemon->pool = vfv_pool_new(
		daemon->event, vfv_limit_ms("VFVIRT_STUCK_LIMIT_MS", VFV_STUCK_LIMIT_MS), &watcher);
	daemon->reconciler = vfv_reconciler_new(daemon);
	daemon->domains = vfv_domains_new(daemon);
	if (!daemon->host || !daemon->model || !daemon->pool || !daemon->reconciler ||
	    !daemon->domains)
		return -ENOMEM;
	make_nova_folder(daemon->host);
	/* The host's VFs matter more than who can ask about them. */
	error = vfv_bus_open(daemon, &daemon->bus);
	if (error)
		vfv_journal(VFV_MESSAGE_EVENTS, NULL,
			    "cannot connect to D-Bus: %s; going on without", strerror(-error));
	/* Before the first look, so that nothing that happens meanwhile is missed. */
	daemon->events = vfv_events_new(daemon);
	if (!daemon->events)
		return -ENOMEM;
	vfv_daemon_update_status(daemon);
	return vfv_reconciler_round(daemon->reconciler,
				    vfv_limit_ms("VFVIRT_READY_LIMIT_MS", VFV_READY_LIMIT_MS),
				    on_round_over, daemon);
}

static void stop(struct vfv_daemon *daemon)
{
	vfv_bus_close(daemon->bus);
	vfv_events_free(daemon->events);
	vfv_domains_free(daemon->domains);
	vfv_reconciler_free(daemon->reconciler);
	vfv_pool_free(daemon->pool);
	vfv_model_free(daemon->model);
	json_object_put(daemon->intent_errors);
	free(daemon->failure);
	vfv_host_free(daemon->host);
	sd_event_unref(daemon->event);
}

static int run(void)
{
	struct vfv_daemon daemon = {0};
	int error = start(&daemon);

	if (error < 0)
		vfv_journal(VFV_MESSAGE_FAILED, NULL, "cannot start: %s", strerror(-error));
	else
		error = sd_event_loop(daemon.event);
	stop(&daemon);
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int count, char **words)
{
	const char *option = count == 2 ? words[1] : NULL;

	if (count == 1)
		return run();
	if (option && !strcmp(option, "--worker"))
		return vfv_worker_main();
	if (option && !strcmp(option, "--transport"))
		return vfv_transport_main();
	if (option && !strcmp(option, "--version")) {
		puts("vfvirtd " VFV_VERSION);
		return EXIT_SUCCESS;
	}
	if (option && !strcmp(option, "--help")) {
		fputs(help, stdout);
		return EXIT_SUCCESS;
	}
	fputs(help, stderr);
	return 2;
}
