/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The doctor's look at the kernel: IOMMU, our modules for this and the next boot, Secure Boot. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "check_parts.h"
#include "cleanup.h"
#include "file.h"
#include "host.h"
#include "text.h"

#define MODULES_DEP_BYTES_MAX (16 << 20)

const char *const vfv_our_modules[] = {"vfvirt_core", "vfvirt_pf", "vfvirt_vfio_pci"};

static const char install_modules[] =
	"install vfvirt-dkms and the kernel's headers, or run: dkms autoinstall -k RELEASE";

static void close_folder(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}
#define CLOSE_FOLDER __attribute__((cleanup(close_folder)))

/* Whether a path is there; the format makes the path. */
static bool exists(const char *format, const char *folder, const char *name)
{
	VFV_FREE char *path = vfv_text(format, folder, name);

	return path && access(path, F_OK) == 0;
}

/* Entries of a folder that do not begin with a dot. */
static size_t count_entries(const char *path)
{
	CLOSE_FOLDER DIR *folder = opendir(path);
	size_t count = 0;

	for (struct dirent *entry; folder && (entry = readdir(folder));)
		count += entry->d_name[0] != '.';
	return count;
}

void vfv_check_iommu(const struct vfv_check_scene *scene, struct vfv_findings *findings)
{
	VFV_FREE char *groups = vfv_text("%s/kernel/iommu_groups", scene->host->sysfs);
	size_t count = groups ? count_entries(groups) : 0;
	struct vfv_about about = {VFV_FINDING_OK, "iommu", NULL, NULL};

	if (count == 0) {
		about.level = VFV_FINDING_FAIL;
		about.remedy =
			"enable VT-d or AMD-Vi in the firmware's setup; on Intel also boot with "
			"intel_iommu=on";
		vfv_finding_add(findings, &about, "the IOMMU is off: there is no IOMMU group");
	} else {
		vfv_finding_add(findings, &about, "the IOMMU is on: %zu groups", count);
	}
	if (exists("%s%s", scene->root, "/dev/vfio/vfio"))
		return;
	about.level = VFV_FINDING_FAIL;
	about.remedy = "load the module: modprobe vfio";
	vfv_finding_add(findings, &about, "/dev/vfio/vfio is missing: no guest can use a VF");
}

void vfv_check_kernel(const struct vfv_check_scene *scene, struct vfv_findings *findings)
{
	VFV_FREE char *release = vfv_check_running_release(scene);
	struct vfv_about about = {VFV_FINDING_OK, "kernel", NULL, NULL};
	const char *problem = scene->model->kernel_problem;

	vfv_finding_add(findings, &about, "Linux %s is running", release ? release : "(unknown)");
	if (scene->model->kernel_contract_ok) {
		vfv_finding_add(findings, &about,
				"the modules of vfvirt are loaded and of a version that suits");
		return;
	}
	about.level = scene->is_root ? VFV_FINDING_FAIL : VFV_FINDING_WARN;
	about.remedy = scene->is_root ? "modprobe vfvirt_pf; modprobe vfvirt_vfio_pci"
				      : "run vfvirtctl check as root to see it all";
	vfv_finding_add(findings, &about, "the modules of vfvirt do not answer: %s",
			problem ? problem : "unknown");
}

/* The path of a module in the text of modules.dep, relative to its folder; NULL: not there. */
static char *find_module(const char *dependencies, const char *name)
{
	VFV_FREE char *wanted = vfv_text("/%s.ko", name);

	if (!wanted)
		return NULL;
	for (const char *line = dependencies; *line;) {
		size_t length = strcspn(line, "\n"), path = strcspn(line, ":\n");
		const char *found = memmem(line, path, wanted, strlen(wanted));

		if (found)
			return strndup(line, path);
		line += length + (line[length] == '\n');
	}
	return NULL;
}

/* What modules.dep of a kernel says; NULL: cannot be read. */
static char *read_dependencies(const struct vfv_check_scene *scene, const char *release)
{
	VFV_FREE char *path = vfv_text("%s/lib/modules/%s/modules.dep", scene->root, release);
	char *text = NULL;

	if (!path || vfv_file_read(path, MODULES_DEP_BYTES_MAX, &text, NULL) < 0)
		return NULL;
	return text;
}

char *vfv_check_module_path(const struct vfv_check_scene *scene, const char *release,
			    const char *name)
{
	VFV_FREE char *dependencies = read_dependencies(scene, release);
	VFV_FREE char *path = dependencies ? find_module(dependencies, name) : NULL;

	return path ? vfv_text("%s/lib/modules/%s/%s", scene->root, release, path) : NULL;
}

/* Names of our modules that a kernel does not have, with blanks between; owned; "": none. */
static char *missing_modules(const char *dependencies)
{
	char *missing = strdup("");

	for (size_t i = 0; missing && i < VFV_OUR_MODULE_COUNT; i++) {
		VFV_FREE char *found = find_module(dependencies, vfv_our_modules[i]);
		VFV_FREE char *before = missing;

		missing =
			found ? vfv_take(before)
			      : vfv_text("%s%s%s", before, *before ? " " : "", vfv_our_modules[i]);
	}
	return missing;
}

static void check_release(const struct vfv_check_scene *scene, struct vfv_findings *findings,
			  const char *release, const char *which)
{
	VFV_FREE char *dependencies = read_dependencies(scene, release);
	VFV_FREE char *missing = dependencies ? missing_modules(dependencies) : NULL;
	struct vfv_about about = {VFV_FINDING_OK, "modules", release, NULL};

	if (missing && !*missing) {
		vfv_finding_add(findings, &about, "%s has the modules of vfvirt", which);
		return;
	}
	about.level = VFV_FINDING_FAIL;
	about.remedy = install_modules;
	if (dependencies)
		vfv_finding_add(findings, &about, "%s lacks %s", which,
				missing ? missing : "modules");
	else
		vfv_finding_add(findings, &about, "%s has no readable modules.dep", which);
}

/*
 * The newest kernel that is installed; owned; NULL: none. A folder that a removed kernel left
 * behind has no modules.builtin, which comes with the kernel.
 */
static char *newest_release(const struct vfv_check_scene *scene)
{
	VFV_FREE char *path = vfv_text("%s/lib/modules", scene->root);
	CLOSE_FOLDER DIR *folder = path ? opendir(path) : NULL;
	char *newest = NULL;

	for (struct dirent *entry; folder && (entry = readdir(folder));) {
		VFV_FREE char *builtin = vfv_text("%s/%s/modules.builtin", path, entry->d_name);

		if (entry->d_name[0] == '.' || !builtin || access(builtin, F_OK) < 0)
			continue;
		if (newest && strverscmp(newest, entry->d_name) >= 0)
			continue;
		free(newest);
		newest = strdup(entry->d_name);
	}
	return newest;
}

void vfv_check_modules(const struct vfv_check_scene *scene, struct vfv_findings *findings)
{
	VFV_FREE char *running = vfv_check_running_release(scene);
	VFV_FREE char *newest = newest_release(scene);
	struct vfv_about about = {VFV_FINDING_WARN, "modules", NULL, NULL};

	if (running) {
		check_release(scene, findings, running, "the running kernel");
		vfv_check_loaded(scene, findings, running);
	} else {
		vfv_finding_add(findings, &about, "the running kernel's release cannot be read");
	}
	if (newest && !vfv_text_equal(running, newest))
		check_release(scene, findings, newest, "the newest kernel, for the next boot,");
}

/* Whether Secure Boot is on: 1, 0. The variable is four bytes of attributes and one of value. */
static bool secure_boot_is_on(const struct vfv_check_scene *scene)
{
	static const char variable[] = "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
	VFV_FREE char *path = vfv_text("%s/firmware/efi/efivars/%s", scene->host->sysfs, variable);
	VFV_CLOSE int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	char bytes[5] = {0};

	return fd >= 0 && read(fd, bytes, sizeof(bytes)) == sizeof(bytes) && bytes[4] == 1;
}

/* Whether a module's file ends as signed ones do. */
static bool file_is_signed(const char *path)
{
	static const char mark[] = "~Module signature appended~\n";
	char end[sizeof(mark) - 1];
	VFV_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;

	return fd >= 0 && fstat(fd, &status) == 0 && status.st_size > (off_t)sizeof(end) &&
	       pread(fd, end, sizeof(end), status.st_size - (off_t)sizeof(end)) == sizeof(end) &&
	       memcmp(end, mark, sizeof(end)) == 0;
}

/* Name of the first of our modules that has no signature; NULL: all have, or cannot be told. */
static const char *unsigned_module(const struct vfv_check_scene *scene, const char *release)
{
	for (size_t i = 0; i < VFV_OUR_MODULE_COUNT; i++) {
		VFV_FREE char *path = vfv_check_module_path(scene, release, vfv_our_modules[i]);
		size_t length = path ? strlen(path) : 0;

		/* A compressed file hides whether there is a signature. */
		if (length < 3 || strcmp(path + length - 3, ".ko") != 0)
			continue;
		if (!file_is_signed(path))
			return vfv_our_modules[i];
	}
	return NULL;
}

void vfv_check_secure_boot(const struct vfv_check_scene *scene, struct vfv_findings *findings)
{
	VFV_FREE char *release = vfv_check_running_release(scene);
	struct vfv_about about = {VFV_FINDING_OK, "secure-boot", NULL, NULL};
	const char *name;

	if (!secure_boot_is_on(scene)) {
		vfv_finding_add(findings, &about, "Secure Boot is off");
		return;
	}
	name = release ? unsigned_module(scene, release) : NULL;
	if (!name) {
		vfv_finding_add(findings, &about, "Secure Boot is on");
		return;
	}
	about.level = VFV_FINDING_FAIL;
	about.remedy =
		"enrol the key that DKMS signs with: mokutil --import /var/lib/dkms/mok.pub, "
		"then restart the host";
	vfv_finding_add(findings, &about, "Secure Boot is on, but the module %s is not signed",
			name);
}
