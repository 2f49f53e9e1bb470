/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which PF or VF a person means. */
#include "select.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define LABEL_BYTES 96
#define LISTED_MAX  8 /* PFs that an error names */

/* What is looked for. */
struct search {
	const char *name;
	char shown[VFV_SHOWN_BYTES]; /* the name, fit for a message */
	bool is_glob;
	bool is_address;
	struct vfv_address address;
};

/* What was found. */
struct found {
	struct vfv_chosen *all; /* owned array of count */
	size_t count;
};

static bool add(struct found *found, struct vfv_pf *pf, struct vfv_vf *vf)
{
	struct vfv_chosen *grown = reallocarray(found->all, found->count + 1, sizeof(*grown));

	if (!grown)
		return false;
	found->all = grown;
	grown[found->count++] = (struct vfv_chosen){.pf = pf, .vf = vf};
	return true;
}

/* Whether the name, or the glob, is this text; text may be NULL. A '*' does not go over a '/'. */
static bool is_meant(const struct search *search, const char *text)
{
	if (!text)
		return false;
	if (search->is_glob)
		return fnmatch(search->name, text, FNM_PATHNAME) == 0;
	return strcmp(search->name, text) == 0;
}

/* Whether a device is meant by its address, which a glob may give with or without domain 0000. */
static bool is_meant_by_address(const struct search *search, const struct vfv_address *address)
{
	char text[VFV_ADDRESS_BYTES];

	if (search->is_address)
		return vfv_address_compare(&search->address, address) == 0;
	if (!search->is_glob)
		return false;
	vfv_address_format(address, text);
	return is_meant(search, text) ||
	       (address->domain == 0 && is_meant(search, text + strlen("0000:")));
}

static bool pf_is_meant(const struct search *search, const struct vfv_pf *pf)
{
	return is_meant_by_address(search, &pf->address) || is_meant(search, pf->name) ||
	       is_meant(search, pf->netdev);
}

static bool vf_is_meant(const struct search *search, const struct vfv_pf *pf,
			const struct vfv_vf *vf)
{
	char label[LABEL_BYTES];

	if (is_meant_by_address(search, &vf->address) || is_meant(search, vf->netdev))
		return true;
	if (!pf->name)
		return false;
	vfv_vf_label(pf, vf, label, sizeof(label));
	return is_meant(search, label);
}

/* Gather all that is meant; with a glob only kinds in flags. false: no memory. */
static bool gather(struct vfv_model *model, const struct search *search, unsigned int flags,
		   struct found *found)
{
	bool pfs = !search->is_glob || (flags & VFV_SELECT_PF);
	bool vfs = !search->is_glob || (flags & VFV_SELECT_VF);

	for (size_t i = 0; i < model->pf_count; i++) {
		struct vfv_pf *pf = &model->pfs[i];

		if (pfs && pf_is_meant(search, pf) && !add(found, pf, NULL))
			return false;
		for (size_t j = 0; vfs && j < pf->vf_count; j++)
			if (vf_is_meant(search, pf, &pf->vfs[j]) && !add(found, pf, &pf->vfs[j]))
				return false;
	}
	return true;
}

/* "dpu0 (0000:3b:00.0)" or the address alone. */
static const char *name_pf(const struct vfv_pf *pf, char ret_text[LABEL_BYTES])
{
	char address[VFV_ADDRESS_BYTES];

	vfv_address_format(&pf->address, address);
	if (pf->name)
		snprintf(ret_text, LABEL_BYTES, "%.64s (%s)", pf->name, address);
	else
		snprintf(ret_text, LABEL_BYTES, "%s", address);
	return ret_text;
}

static const char *name_chosen(const struct vfv_chosen *chosen, char ret_text[LABEL_BYTES])
{
	char address[VFV_ADDRESS_BYTES], label[LABEL_BYTES];

	if (!chosen->vf)
		return name_pf(chosen->pf, ret_text);
	vfv_vf_label(chosen->pf, chosen->vf, label, sizeof(label));
	snprintf(ret_text, LABEL_BYTES, "%.70s (%s)", label,
		 vfv_address_format(&chosen->vf->address, address));
	return ret_text;
}

/* The PF whose VF the name would be, as "dpu0" in "dpu0/99"; NULL: none. */
static const struct vfv_pf *pf_before_slash(const struct vfv_model *model, const char *name)
{
	const char *slash = strrchr(name, '/');

	for (size_t i = 0; slash && i < model->pf_count; i++) {
		const char *pf_name = model->pfs[i].name;

		if (pf_name && strlen(pf_name) == (size_t)(slash - name) &&
		    strncmp(pf_name, name, slash - name) == 0)
			return &model->pfs[i];
	}
	return NULL;
}

static int fault_not_found(const struct vfv_model *model, const struct search *search,
			   struct vfv_error *ret_error)
{
	const struct vfv_pf *pf = pf_before_slash(model, search->name);
	char list[LISTED_MAX * (LABEL_BYTES + 2)] = "", label[LABEL_BYTES];
	size_t used = 0;

	if (model->pf_count == 0)
		return vfv_error_set(ret_error, VFV_ERROR_NOT_FOUND, 0,
				     "%s: not found: this host has no capable PF: see vfvirtctl "
				     "check",
				     search->shown);
	if (pf && pf->vf_count == 0)
		return vfv_error_set(ret_error, VFV_ERROR_NOT_FOUND, 0,
				     "%s: not found: %s has no VFs", search->shown,
				     name_pf(pf, label));
	if (pf)
		return vfv_error_set(ret_error, VFV_ERROR_NOT_FOUND, 0,
				     "%s: not found: %s has VFs %u to %u", search->shown,
				     name_pf(pf, label), pf->vfs[0].vf_index,
				     pf->vfs[pf->vf_count - 1].vf_index);
	for (size_t i = 0; i < model->pf_count && i < LISTED_MAX; i++)
		used += snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "",
				 name_pf(&model->pfs[i], label));
	return vfv_error_set(ret_error, VFV_ERROR_NOT_FOUND, 0, "%s: not found: there %s %s%s",
			     search->shown, model->pf_count == 1 ? "is" : "are", list,
			     model->pf_count > LISTED_MAX ? " and more" : "");
}

/* Whether the one that was found is of a kind that is allowed. */
static int check_kind(const struct search *search, const struct vfv_chosen *chosen,
		      unsigned int flags, struct vfv_error *ret_error)
{
	char label[LABEL_BYTES];

	if (chosen->vf && !(flags & VFV_SELECT_VF))
		return vfv_error_set(ret_error, VFV_ERROR_USAGE, 0,
				     "%s: is VF %u of %s: name the PF", search->shown,
				     chosen->vf->vf_index, name_pf(chosen->pf, label));
	if (!chosen->vf && !(flags & VFV_SELECT_PF))
		return vfv_error_set(ret_error, VFV_ERROR_USAGE, 0,
				     "%s: is a PF: name one of its %zu VFs", search->shown,
				     chosen->pf->vf_count);
	return 0;
}

static int check(const struct vfv_model *model, const struct search *search,
		 const struct found *found, unsigned int flags, struct vfv_error *ret_error)
{
	char first[LABEL_BYTES], second[LABEL_BYTES];

	if (found->count == 0)
		return fault_not_found(model, search, ret_error);
	if (search->is_glob)
		return 0;
	if (found->count > 1)
		return vfv_error_set(ret_error, VFV_ERROR_AMBIGUOUS, 0,
				     "%s: means both %s and %s: use the address", search->shown,
				     name_chosen(&found->all[0], first),
				     name_chosen(&found->all[1], second));
	return check_kind(search, &found->all[0], flags, ret_error);
}

static const struct vfv_address *address_of(const struct vfv_chosen *chosen)
{
	return chosen->vf ? &chosen->vf->address : &chosen->pf->address;
}

static int compare(const void *a, const void *b)
{
	return vfv_address_compare(address_of(a), address_of(b));
}

int vfv_select(struct vfv_model *model, const char *name, unsigned int flags,
	       struct vfv_chosen **ret_chosen, size_t *ret_count, struct vfv_error *ret_error)
{
	struct search search = {.name = name};
	struct found found = {0};
	int result;

	vfv_text_show(name, strlen(name), search.shown);
	search.is_address = vfv_address_parse(name, &search.address);
	search.is_glob = strpbrk(name, "*?[") != NULL;
	if (!*name)
		return vfv_error_set(ret_error, VFV_ERROR_USAGE, 0,
				     "an empty name means nothing: name a PF or VF");
	if (search.is_glob && !(flags & VFV_SELECT_GLOB))
		return vfv_error_set(ret_error, VFV_ERROR_USAGE, 0,
				     "%s: a glob is not allowed here: name one", search.shown);
	if (gather(model, &search, flags, &found))
		result = check(model, &search, &found, flags, ret_error);
	else
		result = vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, 0, "no memory");
	if (result < 0) {
		free(found.all);
		return result;
	}
	qsort(found.all, found.count, sizeof(found.all[0]), compare);
	*ret_chosen = found.all;
	*ret_count = found.count;
	return 0;
}
