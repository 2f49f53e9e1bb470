// SPDX-License-Identifier: GPL-2.0-or-later
/* vfvirtd and vfvirtctl on real sysfs and real modules, without systemd. */
#include "control.h"
#include "file.h"
#include "handout.h"
#include "test.h"
#include "vfio.h"

#define VFS 64

/* A verb that must end with a status and say a text. */
#define CHECK_RUN(run, expected, text, ...)                                                        \
	do {                                                                                       \
		control_run(run, __VA_ARGS__);                                                     \
		CHECK((run)->status == (expected), "status %d: %.1500s", (run)->status,            \
		      (run)->output);                                                              \
		CHECK(strstr((run)->output, text), "no \"%s\": %.1500s", text, (run)->output);     \
	} while (0)

TEST(control_makes_shows_and_removes_64_vfs, .configs = "control", .modules = HANDOUT_MODULES,
     .limit_s = 240)
{
	static struct control_run run;
	char pf[BDF_SIZE], vf[BDF_SIZE], driver[32];
	struct vfio vfio;

	pci_pf(0, pf);
	control_start();
	CHECK_RUN(&run, 0, "64 VFs created, 64 bound, 64 published",
		  "create %s --num-vfs %d --name dpu0", pf, VFS);
	CHECK_EQUAL(pci_vfs(pf), VFS, "number of VFs");
	pci_vf(pf, 5, vf);
	pci_driver(vf, driver, sizeof(driver));
	CHECK(!strcmp(driver, VF_OURS), "VF 5 is on %s", driver);
	CHECK_RUN(&run, 0, "dpu0/63", "list");
	CHECK_EQUAL(control_lines(&run, " published "), VFS, "published VFs in the list");
	CHECK_EQUAL(control_lines(&run, " 52:54:00:"), VFS + 1, "MAC addresses in the list");
	CHECK_RUN(&run, 0, "list-use", "stats dpu0");
	CHECK_RUN(&run, 0, "nothing to do", "create dpu0 --num-vfs %d", VFS);
	CHECK_RUN(&run, 0, "nothing to do", "apply --dry-run");

	CHECK_OK(vfio_open(&vfio, vf));
	CHECK_RUN(&run, 1, "[in-use]", "destroy dpu0");
	CHECK(strstr(run.output, vf), "the VF in use is not named: %s", run.output);
	CHECK_RUN(&run, 1, "[in-use]", "unbind dpu0/5");
	CHECK_EQUAL(pci_vfs(pf), VFS, "number of VFs after a refusal");
	CHECK_RUN(&run, 0, " in-use ", "list dpu0/5");
	vfio_close(&vfio);

	CHECK_RUN(&run, 0, "VFs unbound", "unbind dpu0/5 dpu0/6");
	CHECK_RUN(&run, 0, "2 bound, 2 published", "apply");
	CHECK_RUN(&run, 0, "VFs removed", "destroy dpu0");
	CHECK_EQUAL(pci_vfs(pf), 0, "number of VFs at the end");
}

/* Whether a VF exists and is on our driver. */
static bool is_bound(const char *pf, unsigned int vf_index)
{
	char link[64], path[256], driver[32] = "";

	snprintf(link, sizeof(link), "virtfn%u/driver", vf_index);
	return file_link_name(pci_path(path, pf, link), driver, sizeof(driver)) == 0 &&
	       !strcmp(driver, VF_OURS);
}

/* Whether that many VFs are published. */
static bool all_published(unsigned int count)
{
	static struct control_run run;

	control_run(&run, "list");
	return run.status == 0 && control_lines(&run, " published ") == count;
}

TEST(control_converges_after_kills, .configs = "control", .modules = HANDOUT_MODULES,
     .limit_s = 400)
{
	static struct control_run run;
	char pf[BDF_SIZE], vf[BDF_SIZE], path[64];

	pci_pf(0, pf);
	control_start();

	/* In the middle of binding: the intent file was written first, so all VFs come. */
	control_begin("create %s --num-vfs %d --name dpu0", pf, VFS);
	WAIT_FOR(60000, is_bound(pf, 10), "VF 10 on its driver");
	control_kill();
	CHECK(!is_bound(pf, VFS - 1), "create had ended before the kill");
	control_restart();
	WAIT_FOR(120000, all_published(VFS), "all VFs after a kill while they were bound");

	/* Right after the wish was written down. */
	CHECK_RUN(&run, 0, "VFs removed", "destroy dpu0");
	control_begin("create %s --num-vfs %d --name dpu0", pf, VFS);
	WAIT_FOR(60000, file_exists("/etc/vfvirt/pf.d/dpu0.json"), "the intent file");
	control_kill();
	control_restart();
	WAIT_FOR(120000, all_published(VFS), "all VFs after a kill before they were made");

	/* In the middle of a removal, which begins with the hostdev files. */
	pci_vf(pf, 5, vf);
	snprintf(path, sizeof(path), "/run/vfvirt/hostdev/%s.xml", vf);
	control_begin("destroy dpu0");
	WAIT_FOR(60000, !file_exists(path), "the removal");
	control_kill();
	control_restart();
	WAIT_FOR(120000, pci_vfs(pf) == 0, "no VFs after a kill while they were removed");
}
