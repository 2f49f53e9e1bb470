/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The doctor's look at the neighbours: libvirt, AppArmor, other provisioners, domains. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "check_parts.h"
#include "cleanup.h"
#include "domain.h"
#include "file.h"
#include "host.h"
#include "text.h"

#define CONFIG_BYTES_MAX (1 << 20)

static void free_glob(glob_t *found)
{
	globfree(found);
}
#define FREE_GLOB __attribute__((cleanup(free_glob)))

/* All paths that match a pattern below the root; empty when there are none. */
static void find_files(const struct vfv_check_scene *scene, const char *pattern, glob_t *ret_found)
{
	VFV_FREE char *path = vfv_text("%s%s", scene->root, pattern);

	*ret_found = (glob_t){0};
	if (path)
		glob(path, 0, NULL, ret_found);
}

/*
 * The version of the libvirt library from the name of its file, without asking anybody: version
 * 11.3.0 is libvirt.so.0.11003.0. false: there is none.
 */
static bool libvirt_version(const struct vfv_check_scene *scene, unsigned int *ret_major,
			    unsigned int *ret_minor)
{
	static const char *const places[] = {"/usr/lib/*/libvirt.so.0.*",
					     "/usr/lib64/libvirt.so.0.*",
					     "/usr/lib/libvirt.so.0.*"};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		FREE_GLOB glob_t found = {0};
		char digits[16];
		uint64_t number;
		const char *text;

		find_files(scene, places[i], &found);
		if (found.gl_pathc == 0)
			continue;
		text = strstr(found.gl_pathv[0], ".so.0.") + strlen(".so.0.");
		snprintf(digits, sizeof(digits), "%.*s", (int)strcspn(text, "."), text);
		if (vfv_text_number(digits, 10, 999999, &number) < 0)
			continue;
		*ret_major = number / 1000;
		*ret_minor = number % 1000;
		return true;
	}
	return false;
}

/* Whether a daemon of libvirt that runs guests is installed: vfvirt itself brings the library. */
static bool has_libvirt_daemon(const struct vfv_check_scene *scene)
{
	static const char *const places[] = {"/usr/sbin/libvirtd", "/usr/sbin/virtqemud"};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		VFV_FREE char *path = vfv_text("%s%s", scene->root, places[i]);

		if (path && access(path, F_OK) == 0)
			return true;
	}
	return false;
}

void vfv_check_libvirt(const struct vfv_check_scene *scene, struct vfv_findings *findings)
{
	struct vfv_about about = {VFV_FINDING_OK, "libvirt", NULL, NULL};
	unsigned int major, minor;

	if (!libvirt_version(scene, &major, &minor)) {
		about.level = VFV_FINDING_WARN;
		about.remedy = "install libvirt 9.7 or newer";
		vfv_finding_add(findings, &about, "libvirt is not installed");
	} else if (major < 9 || (major == 9 && minor < 7)) {
		about.level = VFV_FINDING_FAIL;
		about.remedy = "install libvirt 9.7 or newer (Debian 12: from bookworm-backports)";
		vfv_finding_add(findings, &about,
				"libvirt %u.%u refuses VFs on drivers other than vfio-pci", major,
				minor);
	} else if (!has_libvirt_daemon(scene)) {
		about.level = VFV_FINDING_WARN;
		about.remedy = "install libvirt-daemon-system (Debian) or libvirt-daemon (RPM)";
		vfv_finding_add(findings, &about,
				"only the library of libvirt %u.%u is installed: there is neither "
				"libvirtd nor virtqemud",
				major, minor);
	} else {
		vfv_finding_add(findings, &about,
				"libvirt %u.%u takes VFs as vfvirt publishes them", major, minor);
	}
}

void vfv_check_apparmor(const struct vfv_check_scene *scene, struct vfv_findings *findings)
{
	VFV_FREE char *path = vfv_text("%s/module/apparmor/parameters/enabled", scene->host->sysfs);
	VFV_FREE char *enabled = path ? vfv_check_read_line(path) : NULL;
	struct vfv_about about = {VFV_FINDING_OK, "apparmor", NULL, NULL};
	FREE_GLOB glob_t hooks = {0};

	if (!enabled || strcmp(enabled, "Y") != 0) {
		vfv_finding_add(findings, &about, "AppArmor is off");
		return;
	}
	vfv_finding_add(findings, &about, "AppArmor is on; libvirt's profiles let guests have VFs");
	/* libvirtd's profile lets hooks run programs of /usr/sbin, but not of private folders. */
	find_files(scene, "/etc/libvirt/hooks/qemu.d/*vfvirt*", &hooks);
	for (size_t i = 0; i < hooks.gl_pathc; i++) {
		char target[256];
		ssize_t length = readlink(hooks.gl_pathv[i], target, sizeof(target) - 1);

		if (length < 0)
			continue;
		target[length] = '\0';
		about = (struct vfv_about){VFV_FINDING_FAIL, "apparmor", hooks.gl_pathv[i],
					   "replace the link by the file of the package"};
		vfv_finding_add(findings, &about,
				"is a link to %s, which AppArmor may keep libvirtd from running",
				target);
	}
}

/* A tool that makes VFs or binds drivers too: the word in its files that says so. */
struct provisioner {
	const char *tool;
	const char *pattern; /* of its files */
	const char *word;    /* NULL: that there is a file is enough */
	const char *remedy;
};

static const struct provisioner provisioners[] = {
	{"netplan", "/etc/netplan/*.yaml",
	 "virtual-function-count:", "remove virtual-function-count for PFs of vfvirt"},
	{"NetworkManager", "/etc/NetworkManager/system-connections/*", "[sriov]",
	 "remove the [sriov] section: NetworkManager takes the VFs away with the connection"},
	{"systemd.link", "/etc/systemd/network/*.link",
	 "SR-IOVVirtualFunctions=", "remove SR-IOVVirtualFunctions= for PFs of vfvirt"},
	{"systemd.link", "/run/systemd/network/*.link",
	 "SR-IOVVirtualFunctions=", "remove SR-IOVVirtualFunctions= for PFs of vfvirt"},
	{"udev", "/etc/udev/rules.d/*.rules", "sriov_numvfs", "remove the rule"},
	{"rc.local", "/etc/rc.local", "sriov_numvfs", "remove the line"},
	{"sriov-network-operator", "/etc/sriov-operator/*", NULL,
	 "take the PFs of vfvirt out of the operator's node policies"},
};

/* Whether a line of a text that is no comment has a word. */
static bool has_word(const char *text, const char *word)
{
	for (const char *line = text; *line;) {
		size_t length = strcspn(line, "\n");
		const char *first = line;

		while (first < line + length && isblank((unsigned char)*first))
			first++;
		if (*first != '#' && *first != ';' && memmem(line, length, word, strlen(word)))
			return true;
		line += length + (line[length] == '\n');
	}
	return false;
}

static size_t check_provisioner(const struct vfv_check_scene *scene, struct vfv_findings *findings,
				const struct provisioner *provisioner)
{
	FREE_GLOB glob_t found = {0};
	size_t count = 0;

	find_files(scene, provisioner->pattern, &found);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct vfv_about about = {VFV_FINDING_WARN, "provisioner", found.gl_pathv[i],
					  provisioner->remedy};
		VFV_FREE char *text = NULL;

		if (provisioner->word &&
		    (vfv_file_read(found.gl_pathv[i], CONFIG_BYTES_MAX, &text, NULL) < 0 ||
		     !has_word(text, provisioner->word)))
			continue;
		vfv_finding_add(findings, &about, "%s makes VFs too", provisioner->tool);
		count++;
	}
	return count;
}

/* Whether an address is that of a PF or VF of the model. */
static bool is_known(const struct vfv_check_scene *scene, const struct vfv_address *address)
{
	struct vfv_model *model = (struct vfv_model *)scene->model; /* find takes and gives both */
	struct vfv_pf *pf;

	return vfv_model_find_pf(model, address) || vfv_model_find_vf(model, address, &pf);
}

/* driverctl has a file a device, named "pci-ADDRESS", which holds the driver. */
static size_t check_driverctl(const struct vfv_check_scene *scene, struct vfv_findings *findings)
{
	static const char prefix[] = "/etc/driverctl.d/pci-";
	FREE_GLOB glob_t found = {0};
	size_t count = 0;

	find_files(scene, "/etc/driverctl.d/pci-*", &found);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *text = found.gl_pathv[i] + strlen(scene->root) + strlen(prefix);
		struct vfv_about about = {VFV_FINDING_WARN, "provisioner", found.gl_pathv[i], NULL};
		struct vfv_address address;

		if (!vfv_address_parse(text, &address) || !is_known(scene, &address))
			continue;
		about.remedy = "driverctl unset-override, for this address";
		vfv_finding_add(findings, &about, "driverctl binds %s too", text);
		count++;
	}
	return count;
}

void vfv_check_provisioners(const struct vfv_check_scene *scene, struct vfv_findings *findings)
{
	struct vfv_about about = {VFV_FINDING_OK, "provisioner", NULL, NULL};
	size_t count = check_driverctl(scene, findings);

	for (size_t i = 0; i < sizeof(provisioners) / sizeof(provisioners[0]); i++)
		count += check_provisioner(scene, findings, &provisioners[i]);
	if (count == 0)
		vfv_finding_add(findings, &about, "nobody else makes VFs or binds them");
}

/* The PF on whose bus an address lies; NULL: none. VFs follow their PF on its bus and the next. */
static const struct vfv_pf *pf_near(const struct vfv_model *model,
				    const struct vfv_address *address)
{
	for (size_t i = 0; i < model->pf_count; i++) {
		const struct vfv_address *pf = &model->pfs[i].address;

		if (pf->domain == address->domain && address->bus >= pf->bus &&
		    address->bus <= pf->bus + 1u)
			return &model->pfs[i];
	}
	return NULL;
}

/* Adds what is wrong with a domain's devices; returns how many are VFs of ours. */
static size_t check_domain(const struct vfv_check_scene *scene, struct vfv_findings *findings,
			   const char *path, const struct vfv_domain *domain)
{
	size_t ours = 0;

	for (size_t i = 0; i < domain->device_count; i++) {
		const struct vfv_address *address = &domain->devices[i];
		struct vfv_about about = {VFV_FINDING_WARN, "domain", path, NULL};
		char text[VFV_ADDRESS_BYTES];
		VFV_FREE char *folder = NULL;

		if (is_known(scene, address)) {
			ours++;
			continue;
		}
		folder = vfv_text("%s/bus/pci/devices/%s", scene->host->sysfs,
				  vfv_address_format(address, text));
		if (!folder || access(folder, F_OK) == 0)
			continue;
		if (pf_near(scene->model, address))
			about.remedy = "create as many VFs again, or change the domain: virsh edit";
		else
			about.remedy = "change the domain: virsh edit";
		vfv_finding_add(findings, &about, "domain %s names %s, which does not exist",
				domain->name, text);
	}
	return ours;
}

void vfv_check_domains(const struct vfv_check_scene *scene, struct vfv_findings *findings)
{
	struct vfv_about about = {VFV_FINDING_OK, "domain", NULL, NULL};
	FREE_GLOB glob_t found = {0};
	size_t ours = 0;

	if (!scene->is_root) {
		about.level = VFV_FINDING_WARN;
		about.remedy = "run vfvirtctl check as root to see it all";
		vfv_finding_add(findings, &about, "only root may read the domains of libvirt");
		return;
	}
	find_files(scene, "/etc/libvirt/qemu/*.xml", &found);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct vfv_about unread = {VFV_FINDING_WARN, "domain", found.gl_pathv[i], NULL};
		struct vfv_error error = VFV_NO_ERROR;
		struct vfv_domain domain = {0};
		VFV_FREE char *text = NULL;
		size_t length;
		int ret = vfv_file_read(found.gl_pathv[i], VFV_DOMAIN_BYTES_MAX, &text, &length);

		if (ret < 0) {
			vfv_finding_add(findings, &unread, "cannot be read: %s", strerror(-ret));
			continue;
		}
		if (vfv_domain_parse(found.gl_pathv[i], text, length, &domain, &error) < 0) {
			vfv_finding_add(findings, &unread, "%s", error.text);
			continue;
		}
		ours += check_domain(scene, findings, found.gl_pathv[i], &domain);
		vfv_domain_clear(&domain);
	}
	vfv_finding_add(findings, &about,
			"%zu domains are defined; they name %zu PFs and VFs of this host",
			found.gl_pathc, ours);
}
