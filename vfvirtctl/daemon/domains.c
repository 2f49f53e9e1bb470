/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which domain has a VF: what libvirt told when it was asked, and when it is asked again. */
#include "domains.h"

#include <errno.h>
#include <string.h>

#include "bus.h"
#include "child.h"
#include "cleanup.h"
#include "journal.h"
#include "json.h"
#include "publish.h"
#include "text.h"

/* When libvirt is asked after a VF came into use: hot-plugging opens it first, then notes it. */
static const unsigned int pause_ms[] = {500, 3000, 15000};
#define PAUSES	     (sizeof(pause_ms) / sizeof(pause_ms[0]))
#define ASK_LIMIT_MS 10000
#define PROGRAM	     VFV_LIBEXEC "/vfvirt-domains"

/* A VF in use whose domain no claim names, or one that is claimed and not open. */
struct used {
	struct used *next;
	struct vfv_address vf;
	char *domain;	/* owned; NULL: not known */
	char *claim;	/* owned UUID of a claim whose VF nobody has open; NULL: it is the former */
	uint64_t stamp; /* of that claim when the question began; 0: not asked about */
	bool confirmed; /* the answer says that the claiming domain has the VF */
	bool seen;	/* while a PF is gone through */
	size_t asked;	/* how often, at most PAUSES */
};

struct vfv_domains {
	struct vfv_daemon *daemon;
	struct used *used;	 /* owned list */
	struct vfv_child *child; /* that asks */
	sd_event_source *timer;	 /* of the next question, or of the limit of this one */
	bool told_silent;	 /* and the journal knows */
};

static int on_time(sd_event_source *source, uint64_t now, void *context);

static struct used *find_used(struct vfv_domains *domains, const struct vfv_address *vf)
{
	for (struct used *used = domains->used; used; used = used->next)
		if (!vfv_address_compare(&used->vf, vf))
			return used;
	return NULL;
}

static void set_timer(struct vfv_domains *domains, unsigned int after_ms)
{
	sd_event_source_disable_unref(domains->timer);
	domains->timer = NULL;
	sd_event_add_time_relative(domains->daemon->event, &domains->timer, CLOCK_MONOTONIC,
				   after_ms * UINT64_C(1000), 0, on_time, domains);
}

/* Plan the next question, if there is anything to be asked. */
static void plan_question(struct vfv_domains *domains)
{
	size_t least = PAUSES;

	if (domains->child)
		return; /* planned anew at its end */
	for (const struct used *used = domains->used; used; used = used->next)
		if (!used->domain && used->asked < least)
			least = used->asked;
	if (least < PAUSES)
		set_timer(domains, pause_ms[least]);
	else
		domains->timer = sd_event_source_disable_unref(domains->timer);
}

static void free_used(struct used *used)
{
	free(used->domain);
	free(used->claim);
	free(used);
}

static void forget_unseen(struct vfv_domains *domains, const struct vfv_pf *pf)
{
	struct used **link = &domains->used;

	while (*link) {
		struct used *used = *link;
		bool of_pf = false;

		for (size_t i = 0; i < pf->vf_count; i++)
			of_pf |= !vfv_address_compare(&pf->vfs[i].address, &used->vf);
		if (!of_pf || used->seen) {
			link = &used->next;
			continue;
		}
		*link = used->next;
		free_used(used);
	}
}

/* The claim on a VF that nobody has open: its domain is about to start, or lost the VF. */
static const char *idle_claim(const struct vfv_vf *vf)
{
	if (vf->user_count || vf->open_count > 0 || !vf->claim_uuid ||
	    strlen(vf->claim_uuid) != VFV_UUID_BYTES - 1)
		return NULL;
	return vf->claim_uuid;
}

/* What is known about a VF in use, a new one if it was another use before; NULL: no memory. */
static struct used *note_used(struct vfv_domains *domains, const struct vfv_vf *vf, bool *ret_new)
{
	struct used *used = find_used(domains, &vf->address);
	const char *claim = idle_claim(vf);

	if (used && vfv_text_equal(used->claim, claim))
		return used;
	if (!used) {
		used = calloc(1, sizeof(*used));
		if (!used)
			return NULL;
		used->vf = vf->address;
		used->next = domains->used;
		domains->used = used;
	}
	free(vfv_take(used->domain));
	free(vfv_take(used->claim));
	used->stamp = 0;
	/* A domain that starts takes a moment from the claim to the opening of its VFs. */
	used->asked = claim ? 1 : 0;
	used->claim = claim ? strdup(claim) : NULL;
	*ret_new = true;
	return claim && !used->claim ? NULL : used;
}

void vfv_domains_complete(struct vfv_domains *domains, struct vfv_pf *pf)
{
	bool new = false;

	if (!domains)
		return;
	for (struct used *used = domains->used; used; used = used->next)
		used->seen = false;
	for (size_t i = 0; i < pf->vf_count; i++) {
		struct vfv_vf *vf = &pf->vfs[i];
		struct used *used;

		if (vf->state != VFV_VF_IN_USE || (vf->domain && !idle_claim(vf)))
			continue;
		used = note_used(domains, vf, &new);
		if (!used)
			return;
		used->seen = true;
		if (used->domain && !vf->domain)
			vf->domain = strdup(used->domain);
	}
	forget_unseen(domains, pf);
	if (new || !domains->used)
		plan_question(domains);
}

/* Libvirt has told: the VF of an address belongs to a domain. uuid: NULL: it has none. */
static void take_answer(struct vfv_domains *domains, const struct vfv_address *address,
			const char *domain, const char *uuid)
{
	struct vfv_model *model = domains->daemon->model;
	struct used *used = find_used(domains, address);
	struct vfv_pf *pf = NULL, before;
	struct vfv_vf *vf = vfv_model_find_vf(model, address, &pf);
	struct vfv_vf *vfs;

	if (used && used->claim)
		used->confirmed |= vfv_text_equal(used->claim, uuid);
	if (!used || !vf || vf->domain)
		return;
	free(used->domain);
	used->domain = strdup(domain);
	/* Who listens is told by the difference of two states of the PF. */
	vfs = calloc(pf->vf_count, sizeof(*vfs));
	if (!vfs)
		return;
	memcpy(vfs, pf->vfs, pf->vf_count * sizeof(*vfs));
	before = *pf;
	before.vfs = vfs;
	vf->domain = strdup(domain);
	vfv_bus_pf_changed(domains->daemon->bus, &before, pf);
	free(vfs);
}

/*
 * All running domains were told. A domain is among them from before its claims are taken until
 * after they are dropped, so a claim that was there before the question and that none of them
 * confirmed is left over.
 */
static void drop_left_over(struct vfv_domains *domains)
{
	char address[VFV_ADDRESS_BYTES];

	for (struct used *used = domains->used; used; used = used->next) {
		const struct vfv_host *host = domains->daemon->host;

		if (!used->claim || used->confirmed || !used->stamp ||
		    vfv_claim_stamp(host, &used->vf) != used->stamp ||
		    vfv_claim_drop(host, &used->vf, used->claim))
			continue;
		vfv_journal(
			VFV_MESSAGE_CLAIM, NULL,
			"%s: dropped a claim that was left over: its domain %s does not have the VF",
			vfv_address_format(&used->vf, address), used->claim);
	}
}

/* One line of the helper, vfvirt-domains. */
static void on_line(void *context, char *line, size_t length)
{
	struct vfv_domains *domains = context;
	struct json_object *object VFV_JSON = NULL;
	struct json_object *devices;
	struct vfv_address address;
	const char *text, *uuid = NULL;

	if (vfv_json_parse("vfvirt-domains", line, length, VFV_ERROR_INTERNAL, &object, NULL))
		return;
	if (!vfv_json_get_text(object, "problem", &text)) {
		vfv_journal(VFV_MESSAGE_LIBVIRT, NULL, "%s", text);
		return;
	}
	if (json_object_object_get_ex(object, "complete", NULL)) {
		drop_left_over(domains);
		return;
	}
	vfv_json_get_text(object, "uuid", &uuid);
	if (vfv_json_get_text(object, "domain", &text) ||
	    !json_object_object_get_ex(object, "devices", &devices) ||
	    !json_object_is_type(devices, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(devices); i++)
		if (vfv_address_parse(json_object_get_string(json_object_array_get_idx(devices, i)),
				      &address))
			take_answer(domains, &address, text, uuid);
}

static void on_ended(void *context, bool ok)
{
	struct vfv_domains *domains = context;

	domains->child = NULL;
	if (ok)
		domains->told_silent = false;
	plan_question(domains);
}

static const struct vfv_child_handler child_handler = {.line = on_line, .end = on_ended};

static void ask(struct vfv_domains *domains)
{
	const char *program = getenv("VFVIRT_DOMAINS_PROGRAM");
	const char *arguments[] = {program ? program : PROGRAM, NULL};
	int error;

	for (struct used *used = domains->used; used; used = used->next) {
		if (!used->domain && used->asked < PAUSES)
			used->asked++;
		used->confirmed = false;
		used->stamp = used->claim ? vfv_claim_stamp(domains->daemon->host, &used->vf) : 0;
	}
	error = vfv_child_start(domains->daemon->event, arguments, "", &child_handler, domains,
				&domains->child);
	if (!error)
		set_timer(domains, vfv_limit_ms("VFVIRT_LIBVIRT_LIMIT_MS", ASK_LIMIT_MS));
	/* Without the helper nothing is asked: it comes with the package for libvirt. */
}

static int on_time(sd_event_source *source, uint64_t now, void *context)
{
	struct vfv_domains *domains = context;

	domains->timer = sd_event_source_disable_unref(domains->timer);
	if (!domains->child) {
		ask(domains);
		return 0;
	}
	if (!domains->told_silent)
		vfv_journal(
			VFV_MESSAGE_LIBVIRT, NULL,
			"libvirt did not answer in time; going on without the names of domains");
	domains->told_silent = true;
	vfv_child_kill(domains->child);
	return 0;
}

struct vfv_domains *vfv_domains_new(struct vfv_daemon *daemon)
{
	struct vfv_domains *domains = calloc(1, sizeof(*domains));

	if (domains)
		domains->daemon = daemon;
	return domains;
}

void vfv_domains_free(struct vfv_domains *domains)
{
	struct used *next;

	if (!domains)
		return;
	for (struct used *used = domains->used; used; used = next) {
		next = used->next;
		free_used(used);
	}
	sd_event_source_disable_unref(domains->timer);
	vfv_child_forget(domains->child);
	free(domains);
}
