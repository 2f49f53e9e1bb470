/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The doctor's look at modules.alias: which VFIO driver would libvirt (>= 10) choose by itself for
 * a VF? It takes the "vfio_pci:" line with the fewest wildcards, of equal ones the first; ours
 * carries one exact field more than others, so it should win wherever it is installed.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "check_parts.h"
#include "cleanup.h"
#include "file.h"
#include "host.h"
#include "text.h"

#define ALIAS_BYTES_MAX	  (8 << 20) /* libvirt's own limit: above it, it fails */
#define ALIAS_FIELD_BYTES 9	    /* eight digits, or "*" */

static const char our_driver[] = "vfvirt_vfio_pci";

/* What stands before each field in an alias, in order. */
static const char *const field_marks[] = {"v", "d", "sv", "sd", "bc", "sc", "i"};
#define FIELD_COUNT (sizeof(field_marks) / sizeof(field_marks[0]))

typedef char alias_fields[FIELD_COUNT][ALIAS_FIELD_BYTES];

/* Take the seven fields behind "pci:" or "vfio_pci:" apart; the end is a blank or the text's end. */
static bool parse_fields(const char *text, alias_fields ret_fields)
{
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		size_t mark = strlen(field_marks[i]), length = 0;

		if (strncmp(text, field_marks[i], mark) != 0)
			return false;
		text += mark;
		/* Values are capital hexadecimal, marks are small letters. */
		while (isdigit((unsigned char)text[length]) ||
		       isupper((unsigned char)text[length]) || text[length] == '*')
			length++;
		if (length == 0 || length >= ALIAS_FIELD_BYTES)
			return false;
		memcpy(ret_fields[i], text, length);
		ret_fields[i][length] = '\0';
		text += length;
	}
	return *text == '\0' || *text == ' ' || *text == '\n';
}

/* Number of wildcards with which a line's fields match a device's; -1: they do not. */
static int match(const alias_fields line, const alias_fields device)
{
	int wildcards = 0;

	for (size_t i = 0; i < FIELD_COUNT; i++) {
		if (strcmp(line[i], "*") == 0)
			wildcards++;
		else if (strcmp(line[i], device[i]) != 0)
			return -1;
	}
	return wildcards;
}

/* The module that wins for a device; owned; NULL: no line matches, or no memory. */
static char *winner(const char *aliases, const alias_fields device)
{
	static const char prefix[] = "alias vfio_pci:";
	int fewest = FIELD_COUNT + 1;
	char *best = NULL;

	for (const char *line = aliases; *line;) {
		size_t length = strcspn(line, "\n");
		alias_fields fields;

		if (strncmp(line, prefix, sizeof(prefix) - 1) == 0 &&
		    parse_fields(line + sizeof(prefix) - 1, fields)) {
			const char *module =
				memchr(line + sizeof(prefix), ' ', length - sizeof(prefix));
			int wildcards = match(fields, device);

			if (module && wildcards >= 0 && wildcards < fewest) {
				fewest = wildcards;
				free(best);
				best = strndup(module + 1, (size_t)(line + length - module - 1));
			}
		}
		line += length + (line[length] == '\n');
	}
	return best;
}

/* Modules are files of either spelling. */
static bool is_ours(const char *module)
{
	for (size_t i = 0;; i++) {
		char letter = module[i] == '-' ? '_' : module[i];

		if (letter != our_driver[i])
			return false;
		if (!letter)
			return true;
	}
}

/* modalias of a function of the PF, which its VFs share but for what follows the class. */
static bool read_modalias(const struct vfv_check_scene *scene, const struct vfv_address *address,
			  alias_fields ret_fields)
{
	char text[VFV_ADDRESS_BYTES];
	VFV_FREE char *path = vfv_text("%s/bus/pci/devices/%s/modalias", scene->host->sysfs,
				       vfv_address_format(address, text));
	VFV_FREE char *modalias = path ? vfv_check_read_line(path) : NULL;

	return modalias && strncmp(modalias, "pci:", 4) == 0 &&
	       parse_fields(modalias + 4, ret_fields);
}

static void check_pf(const struct vfv_check_scene *scene, struct vfv_findings *findings,
		     const struct vfv_pf *pf, const char *aliases)
{
	const struct vfv_address *address = pf->vf_count ? &pf->vfs[0].address : &pf->address;
	char object[VFV_ADDRESS_BYTES];
	struct vfv_about about = {VFV_FINDING_WARN, "modules-alias", NULL, NULL};
	VFV_FREE char *module = NULL;
	alias_fields fields;

	about.object = vfv_address_format(address, object);
	if (!read_modalias(scene, address, fields)) {
		vfv_finding_add(findings, &about, "its modalias cannot be read");
		return;
	}
	module = winner(aliases, fields);
	if (module && is_ours(module)) {
		about.level = VFV_FINDING_OK;
		vfv_finding_add(findings, &about, "libvirt's automatic choice is %s", our_driver);
		return;
	}
	about.remedy =
		"run depmod; is vfvirt installed for this kernel? With managed='no', as vfvirt "
		"publishes VFs, this does no harm";
	vfv_finding_add(findings, &about, "libvirt's automatic choice would be %s, not %s",
			module ? module : "vfio-pci", our_driver);
}

void vfv_check_aliases(const struct vfv_check_scene *scene, struct vfv_findings *findings)
{
	VFV_FREE char *release = vfv_check_running_release(scene);
	VFV_FREE char *path = NULL, *aliases = NULL;
	struct vfv_about about = {VFV_FINDING_FAIL, "modules-alias", release, "run depmod"};
	int ret = -1;

	if (release)
		path = vfv_text("%s/lib/modules/%s/modules.alias", scene->root, release);
	if (path)
		ret = vfv_file_read(path, ALIAS_BYTES_MAX, &aliases, NULL);
	if (ret < 0) {
		vfv_finding_add(findings, &about,
				"modules.alias cannot be read: libvirt's managed='yes' fails");
		return;
	}
	for (size_t i = 0; i < scene->model->pf_count; i++)
		check_pf(scene, findings, &scene->model->pfs[i], aliases);
}
