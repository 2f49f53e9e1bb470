/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The doctor's comparison of the modules that are loaded with those that are installed. A package
 * that is upgraded replaces files only: what is loaded goes on serving guests.
 */
#include <libkmod.h>
#include <stdlib.h>
#include <string.h>

#include "check_parts.h"
#include "cleanup.h"
#include "host.h"
#include "text.h"

/* What tells a build from others; both owned; NULL: unknown. */
struct build {
	char *version; /* for people */
	char *source;  /* a sum over the sources: differs between builds of one version, too */
};

static void clear_build(struct build *build)
{
	free(build->version);
	free(build->source);
}
#define CLEAR_BUILD __attribute__((cleanup(clear_build)))

static char *read_loaded(const struct vfv_check_scene *scene, const char *name, const char *what)
{
	VFV_FREE char *path = vfv_text("%s/module/%s/%s", scene->host->sysfs, name, what);

	return path ? vfv_check_read_line(path) : NULL;
}

static void read_info(struct kmod_module *module, struct build *ret_build)
{
	struct kmod_list *list = NULL, *row;

	/* A file that is no module is no matter of ours here. */
	if (kmod_module_get_info(module, &list) < 0)
		return;
	kmod_list_foreach(row, list)
	{
		const char *key = kmod_module_info_get_key(row);
		const char *value = kmod_module_info_get_value(row);

		if (!strcmp(key, "version") && !ret_build->version)
			ret_build->version = strdup(value);
		else if (!strcmp(key, "srcversion") && !ret_build->source)
			ret_build->source = strdup(value);
	}
	kmod_module_info_free_list(list);
}

static void read_installed(const char *path, struct build *ret_build)
{
	/* No configuration: its aliases and options say nothing about a file. */
	const char *const no_configuration[] = {NULL};
	struct kmod_ctx *context = kmod_new(NULL, no_configuration);
	struct kmod_module *module = NULL;

	if (!context)
		return;
	kmod_set_log_priority(context, 0);
	if (kmod_module_new_from_path(context, path, &module) == 0) {
		read_info(module, ret_build);
		kmod_module_unref(module);
	}
	kmod_unref(context);
}

static void compare(const struct vfv_check_scene *scene, struct vfv_findings *findings,
		    const char *release, const char *name)
{
	CLEAR_BUILD struct build loaded = {read_loaded(scene, name, "version"),
					   read_loaded(scene, name, "srcversion")};
	VFV_FREE char *path = vfv_check_module_path(scene, release, name);
	CLEAR_BUILD struct build installed = {NULL, NULL};
	struct vfv_about about = {
		VFV_FINDING_WARN, "modules", name,
		"nothing at once: what is loaded goes on serving guests; restart the host when "
		"they allow it"};
	const char *kind = "another build than the installed one";
	int order;

	if (path && loaded.version)
		read_installed(path, &installed);
	if (!loaded.version || !loaded.source || !installed.version || !installed.source ||
	    (!strcmp(loaded.source, installed.source) &&
	     !strcmp(loaded.version, installed.version)))
		return;
	order = strverscmp(loaded.version, installed.version);
	if (order)
		kind = order < 0 ? "older than the installed one" : "newer than the installed one";
	vfv_finding_add(findings, &about, "the loaded module is %s: %s, installed is %s", kind,
			loaded.version, installed.version);
}

void vfv_check_loaded(const struct vfv_check_scene *scene, struct vfv_findings *findings,
		      const char *release)
{
	for (size_t i = 0; i < VFV_OUR_MODULE_COUNT; i++)
		compare(scene, findings, release, vfv_our_modules[i]);
}
