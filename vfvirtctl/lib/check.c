/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The doctor: the order of the report, and the list of findings. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_parts.h"
#include "cleanup.h"
#include "host.h"
#include "json.h"

/* From the ground up: what a later part needs is looked at before it. */
static void (*const parts[])(const struct vfv_check_scene *scene, struct vfv_findings *findings) = {
	vfv_check_iommu,       vfv_check_kernel,  vfv_check_modules,  vfv_check_aliases,
	vfv_check_secure_boot, vfv_check_pfs,	  vfv_check_vfs,      vfv_check_intents,
	vfv_check_daemon,      vfv_check_libvirt, vfv_check_apparmor, vfv_check_provisioners,
	vfv_check_domains,
};

int vfv_check_run(const struct vfv_check_scene *scene, struct vfv_findings **ret_findings,
		  struct vfv_error *ret_error)
{
	struct vfv_findings *findings = calloc(1, sizeof(*findings));

	if (findings)
		for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
			parts[i](scene, findings);
	if (!findings || findings->no_memory) {
		vfv_findings_free(findings);
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "check: no memory");
	}
	*ret_findings = findings;
	return 0;
}

void vfv_findings_free(struct vfv_findings *findings)
{
	if (!findings)
		return;
	for (size_t i = 0; i < findings->count; i++) {
		free(findings->all[i].object);
		free(findings->all[i].text);
		free(findings->all[i].remedy);
	}
	free(findings->all);
	free(findings);
}

/* A copy of a text; NULL stays NULL. false: no memory. */
static bool copy(const char *text, char **ret_copy)
{
	*ret_copy = text ? strdup(text) : NULL;
	return *ret_copy || !text;
}

void vfv_finding_add(struct vfv_findings *findings, const struct vfv_about *about,
		     const char *format, ...)
{
	struct vfv_finding finding = {.level = about->level, .topic = about->topic};
	struct vfv_finding *grown;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&finding.text, format, arguments);
	va_end(arguments);
	if (length < 0)
		finding.text = NULL;
	grown = reallocarray(findings->all, findings->count + 1, sizeof(*grown));
	if (grown)
		findings->all = grown;
	if (grown && finding.text && copy(about->object, &finding.object) &&
	    copy(about->remedy, &finding.remedy)) {
		grown[findings->count++] = finding;
		return;
	}
	findings->no_memory = true;
	free(finding.text);
	free(finding.object);
	free(finding.remedy);
}

const char *vfv_finding_level_name(enum vfv_finding_level level)
{
	static const char *const names[VFV_FINDING_LEVEL_COUNT] = {"ok", "warn", "fail"};

	return names[level];
}

size_t vfv_findings_count(const struct vfv_findings *findings, enum vfv_finding_level level)
{
	size_t count = 0;

	for (size_t i = 0; i < findings->count; i++)
		count += findings->all[i].level == level;
	return count;
}

static bool add_finding(struct json_object *array, const struct vfv_finding *finding)
{
	struct json_object *row = json_object_new_object();

	if (!row || json_object_array_add(array, row) < 0) {
		json_object_put(row);
		return false;
	}
	return vfv_json_add_text(row, "level", vfv_finding_level_name(finding->level)) &&
	       vfv_json_add_text(row, "topic", finding->topic) &&
	       vfv_json_add_text(row, "object", finding->object) &&
	       vfv_json_add_text(row, "text", finding->text) &&
	       vfv_json_add_text(row, "remedy", finding->remedy);
}

struct json_object *vfv_findings_to_json(const struct vfv_findings *findings)
{
	VFV_JSON struct json_object *object = json_object_new_object();
	struct json_object *array = json_object_new_array();
	bool good;

	if (!object) {
		json_object_put(array);
		return NULL;
	}
	good = vfv_json_add_number(object, "schema", VFV_JSON_SCHEMA_VERSION) &&
	       vfv_json_add(object, "findings", array);
	for (size_t i = 0; good && i < findings->count; i++)
		good = add_finding(array, &findings->all[i]);
	for (int level = 0; good && level < VFV_FINDING_LEVEL_COUNT; level++)
		good = vfv_json_add_number(object, vfv_finding_level_name(level),
					   (int64_t)vfv_findings_count(findings, level));
	return good ? vfv_take(object) : NULL;
}

char *vfv_check_read_line(const char *path)
{
	VFV_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char text[4097];
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (length < 0)
		return NULL;
	text[length] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return strdup(text);
}

char *vfv_check_running_release(const struct vfv_check_scene *scene)
{
	VFV_FREE char *path = NULL;

	if (asprintf(&path, "%s/sys/kernel/osrelease", scene->host->procfs) < 0) {
		path = NULL;
		return NULL;
	}
	return vfv_check_read_line(path);
}
