/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The child's side of worker_protocol.h: does, in a process of its own, all that can block. */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>

#include "cleanup.h"
#include "file.h"
#include "json.h"
#include "mark.h"
#include "nova.h"
#include "publish.h"
#include "sysfs.h"
#include "text.h"
#include "worker_parts.h"
#include "worker_protocol.h"

/* How often the intents may change under our eyes before we leave it to the next worker. */
#define ALIAS_TRIES 4

void vfv_worker_report(const char *key, struct json_object *value)
{
	struct json_object *report VFV_JSON = json_object_new_object();

	if (!report || !vfv_json_add(report, key, value))
		return;
	/* Standard output is a pipe to a daemon that may be gone; the work goes on then. */
	fputs(json_object_to_json_string_ext(report, JSON_C_TO_STRING_PLAIN), stdout);
	fputc('\n', stdout);
	fflush(stdout);
}

static void report_end(const struct vfv_worker *worker)
{
	const struct vfv_error *error = &worker->error;
	struct json_object *end = json_object_new_object();

	if (!end || !vfv_json_add_text(end, "code", vfv_error_name(error->code)->json_code) ||
	    !vfv_json_add_number(end, "errno", error->errno_value) ||
	    !vfv_json_add_text(end, "text", error->text) ||
	    !vfv_json_add_number(end, "done", (int64_t)worker->result.done_count) ||
	    !vfv_json_add_number(end, "failed", (int64_t)worker->result.failed_count) ||
	    !vfv_json_add_number(end, "failed_facts", (int64_t)worker->failed_facts) ||
	    !vfv_json_add_bool(end, "undone", worker->result.undone)) {
		json_object_put(end);
		return;
	}
	vfv_worker_report("end", end);
}

static void report_model(struct vfv_worker *worker)
{
	struct json_object *model;

	if (!worker->model)
		return;
	if (worker->pending_reboot)
		worker->pf->pending_reboot = true;
	if (vfv_marks_apply(worker->host, worker->pf))
		return;
	model = vfv_model_to_json(worker->model);
	if (model)
		vfv_worker_report("model", model);
}

static int no_memory(struct vfv_worker *worker)
{
	return vfv_error_set(&worker->error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory");
}

/* Standard input whole, at most VFV_WORKER_LINE_BYTES_MAX. */
static int read_request(struct vfv_worker *worker)
{
	char *text VFV_FREE = malloc(VFV_WORKER_LINE_BYTES_MAX);
	size_t length;

	if (!text)
		return no_memory(worker);
	length = fread(text, 1, VFV_WORKER_LINE_BYTES_MAX, stdin);
	return vfv_request_parse(text, length, &worker->request, &worker->error);
}

static void report_waiting(int lock)
{
	struct json_object *waiting = json_object_new_object();
	uint64_t pid = 1; /* that of nobody who could be meant, while it is not written yet */
	char text[24];
	ssize_t length = pread(lock, text, sizeof(text) - 1, 0);

	text[length > 0 ? length : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	vfv_text_number(text, 10, INT32_MAX, &pid);
	if (waiting && vfv_json_add_number(waiting, "pid", (int64_t)pid))
		vfv_worker_report("waiting", waiting);
	else
		json_object_put(waiting);
}

/*
 * Hold the lock of the PF until this process ends. Waiting for it takes nothing but a sleeping
 * process, which can be killed; the daemon watches how long it takes.
 */
static int lock_pf(struct vfv_worker *worker)
{
	char *folder VFV_FREE = vfv_text("%s/worker", worker->host->run);
	char address[VFV_ADDRESS_BYTES];
	char *path VFV_FREE = NULL;
	int lock, error;

	vfv_address_format(&worker->request->pf, address);
	path = vfv_text("%s/worker/%s", worker->host->run, address);
	if (!folder || !path)
		return no_memory(worker);
	error = vfv_folder_make(folder);
	lock = error ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (lock < 0)
		return vfv_error_set(&worker->error, VFV_ERROR_STORAGE, error ? error : errno,
				     "%s: cannot be made: %s", path,
				     strerror(error ? -error : errno));
	if (flock(lock, LOCK_EX | LOCK_NB)) {
		report_waiting(lock);
		if (flock(lock, LOCK_EX))
			return vfv_error_set(&worker->error, VFV_ERROR_STORAGE, errno,
					     "%s: cannot be locked: %s", path, strerror(errno));
	}
	if (ftruncate(lock, 0) || dprintf(lock, "%d\n", (int)getpid()) < 0)
		return vfv_error_set(&worker->error, VFV_ERROR_STORAGE, errno,
				     "%s: cannot be written: %s", path, strerror(errno));
	return 0; /* stays open */
}

int vfv_worker_read_facts(struct vfv_worker *worker)
{
	unsigned int flags = VFV_FACTS_USERS | (worker->request->mac ? VFV_FACTS_MAC : 0);
	struct vfv_model *model;

	vfv_intents_free(worker->intents);
	worker->intents = NULL;
	worker->intent = NULL;
	vfv_model_free(worker->model);
	worker->model = NULL;
	worker->pf = NULL;
	if (vfv_intents_read(worker->host, &worker->intents))
		return no_memory(worker);
	if (vfv_facts_read(worker->host, worker->intents, &worker->request->pf, flags, &model,
			   &worker->error))
		return -EIO;
	worker->model = model;
	worker->pf = &model->pfs[0];
	return vfv_intents_for(worker->intents, worker->pf, &worker->intent, &worker->error);
}

struct listing {
	struct json_object *pfs;
	int devices;
};

static int list_function(void *context, const char *entry)
{
	struct listing *listing = context;
	struct vfv_address address;
	unsigned int max;

	if (!vfv_address_parse(entry, &address))
		return 0;
	int folder VFV_CLOSE = vfv_sysfs_folder_at(listing->devices, entry);

	if (folder < 0 || !vfv_facts_is_capable(folder, &max))
		return 0;
	return json_object_array_add(listing->pfs, json_object_new_string(entry)) ? -ENOMEM : 0;
}

/* Addresses of all PFs and errors of the intent files. */
static int do_list(struct vfv_worker *worker)
{
	int devices VFV_CLOSE = vfv_sysfs_folder(worker->host, VFV_PCI_DEVICES);
	struct json_object *errors = json_object_new_array(), *list = json_object_new_object();
	struct listing listing = {json_object_new_array(), devices};
	int error = 0;

	if (!vfv_json_add(list, "pfs", listing.pfs) ||
	    !vfv_json_add(list, "intent_errors", errors) ||
	    vfv_intents_read(worker->host, &worker->intents)) {
		json_object_put(list);
		return no_memory(worker);
	}
	for (size_t i = 0; i < worker->intents->error_count; i++)
		json_object_array_add(errors,
				      json_object_new_string(worker->intents->errors[i].text));
	/* A host without PCI has no such folder; it has no PF either. */
	if (devices >= 0)
		error = vfv_sysfs_each(devices, ".", list_function, &listing);
	vfv_worker_report("list", list);
	return error ? vfv_error_set(&worker->error, VFV_ERROR_KERNEL_IO, error,
				     "%s/%s: cannot be listed: %s", worker->host->sysfs,
				     VFV_PCI_DEVICES, strerror(-error))
		     : 0;
}

/* Connect to the kernel modules; the daemon, which must not wait for them, listens to their group. */
static void connect_kernel(struct vfv_worker *worker)
{
	struct json_object *kernel = json_object_new_object();
	unsigned int group = 0;

	/* Without the modules nothing can be sealed; the facts say that they are missing. */
	if (!vfv_netlink_open(worker->host, &worker->netlink, NULL))
		group = vfv_netlink_events_group(worker->netlink);
	if (kernel && vfv_json_add_number(kernel, "events_group", group))
		vfv_worker_report("kernel", kernel);
	else
		json_object_put(kernel);
}

/* Say to Nova by which aliases flavors ask for VFs; 1 when that changed something. */
static int keep_aliases(const struct vfv_host *host, struct vfv_error *ret_error)
{
	struct vfv_intents *intents = NULL;
	char *text VFV_FREE = NULL;
	int ret = vfv_intents_read(host, &intents);

	if (!ret)
		ret = vfv_nova_aliases_text(intents, &text);
	vfv_intents_free(intents);
	return ret ? vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "no memory")
		   : vfv_publish_nova(host, NULL, text, ret_error);
}

/*
 * Workers of other PFs write the same file, perhaps from intents that are older than what they
 * replace. So whoever has written looks again, until the intents are those that were written.
 */
static void keep_all_aliases(const struct vfv_host *host, struct vfv_error *ret_error)
{
	for (int i = 0; i < ALIAS_TRIES; i++)
		if (keep_aliases(host, ret_error) <= 0)
			return;
}

/* Say to Nova which VFs the PF has now. What was done stays done when that cannot be written. */
static void keep_nova(struct vfv_worker *worker)
{
	char *text VFV_FREE = NULL;

	if (!worker->pf || worker->request->dry_run)
		return;
	if (vfv_nova_file_text(worker->pf, worker->intent, &text))
		no_memory(worker);
	else
		vfv_publish_nova(worker->host, &worker->pf->address, text, &worker->error);
	keep_all_aliases(worker->host, &worker->error);
}

static void serve(struct vfv_worker *worker)
{
	worker->host = vfv_host_new();
	if (!worker->host) {
		no_memory(worker);
		return;
	}
	if (read_request(worker))
		return;
	if (worker->request->op == VFV_OP_LIST) {
		vfv_unpublish_absent(worker->host);
		/* There may be no PF; of one that is there, its worker tells what fails. */
		keep_all_aliases(worker->host, NULL);
		do_list(worker);
		return;
	}
	if (lock_pf(worker))
		return;
	if (!vfv_worker_read_facts(worker)) {
		connect_kernel(worker);
		vfv_worker_do(worker);
		keep_nova(worker);
	} else if (worker->pf && !worker->request->dry_run) {
		/* Two files for the PF outdo whatever failed before. */
		vfv_result_write(worker->host, worker->pf, worker->error.text, NULL, NULL);
	}
	/* Others may have removed VFs; a PF may have gone with all of its own. */
	if (!worker->request->dry_run)
		vfv_unpublish_absent(worker->host);
	report_model(worker);
}

int vfv_worker_main(void)
{
	struct vfv_worker worker = {0};

	/* Who stops the service must not stop a worker midway; it ends soon by itself. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	serve(&worker);
	report_end(&worker);
	vfv_netlink_close(worker.netlink);
	json_object_put(worker.failed);
	free(worker.intent_written);
	free(worker.intent_removed);
	vfv_model_free(worker.model);
	vfv_intents_free(worker.intents);
	vfv_request_free(worker.request);
	vfv_host_free(worker.host);
	return 0;
}
