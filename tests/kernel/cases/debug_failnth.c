// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each path of the modules with its first memory allocation failing, then with its second, and so
 * on until it needs no further one. Every step must end with success or an error that memory can
 * be the reason of, and afterwards the same path must work without faults. What a step leaks is
 * found by the scans at the end of the VM.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "file.h"
#include "genl.h"
#include "handout.h"
#include "nic.h"
#include "owner.h"
#include "test.h"
#include "vfio.h"

#define FAIL_NTH "/proc/self/fail-nth"
#define STEPS_MAX 2000
/*
 * Frames from a fault to our code, three of them the allocator. Near is what we ask for, far what
 * others need for what we ask of them; there the kernel warns of itself in most paths.
 */
#define NEAR 8
#define FAR 16
#define SETTLE_MS 20000
#define VFS 2
#define TRANSITIONAL_ID 0x1000
#define PLAIN_ID 0x1041
#define BAR0_BYTES 64

/* The rows of these tests. */
#define FAILNTH_TEST(test_name, ...)                                                             \
	TEST(test_name, .modules = HANDOUT_MODULES, .kernels = "6.12", .limit_s = 200,           \
	     .on_demand = true, __VA_ARGS__)

/* What a path needs and leaves. */
struct path {
	struct handout handout;
	struct vfio vfio;
	int events[NIC_VECTORS];
};

static int fail_nth_fd;

/* A range of addresses of code; empty at first. */
struct range {
	unsigned long start, end;
};

static void widen(struct range *range, unsigned long start, unsigned long end)
{
	if (!range->start || start < range->start)
		range->start = start;
	if (end > range->end)
		range->end = end;
}

/* Calls @act with the name and the place of each loaded module. */
static void for_each_module(void (*act)(const char *name, struct range place, struct range *ours),
			    struct range *ours)
{
	FILE *list = fopen("/proc/modules", "re");
	unsigned long size_bytes, address;
	char line[512], name[64];

	CHECK(list, "/proc/modules: %s", strerror(errno));
	while (fgets(line, sizeof(line), list))
		if (sscanf(line, "%63s %lu %*s %*s %*s %lx", name, &size_bytes, &address) == 3)
			act(name, (struct range){ address, address + size_bytes }, ours);
	fclose(list);
}

static bool is_ours(const char *name)
{
	return !strncmp(name, "vfvirt_", strlen("vfvirt_"));
}

static void add_ours(const char *name, struct range place, struct range *ours)
{
	if (is_ours(name))
		widen(ours, place.start, place.end);
}

/* The kernel takes one range, and what lies in it counts as ours. */
static void check_foreign(const char *name, struct range place, struct range *ours)
{
	CHECK(is_ours(name) || place.start < ours->start || place.start >= ours->end,
	      "%s lies between our modules: give these tests a boot of their own", name);
}

static struct range our_modules(void)
{
	struct range ours = {};

	for_each_module(add_ours, &ours);
	CHECK(ours.start, "none of our modules is loaded");
	for_each_module(check_foreign, &ours);
	return ours;
}

/*
 * The interpreter of ACPI's code, which every enabling of a PCI device calls. Without memory it
 * leaves objects that it has freed in its tables.
 */
static struct range acpi_interpreter(void)
{
	FILE *list = fopen("/proc/kallsyms", "re");
	struct range range = {};
	unsigned long address;
	char line[512], kind, name[256];

	CHECK(list, "/proc/kallsyms: %s", strerror(errno));
	while (fgets(line, sizeof(line), list))
		if (sscanf(line, "%lx %c %255s", &address, &kind, name) == 3 &&
		    (kind == 't' || kind == 'T') &&
		    (!strncmp(name, "acpi_ds_", 8) || !strncmp(name, "acpi_ns_evaluate", 16) ||
		     !strncmp(name, "acpi_ps_", 8) || !strncmp(name, "acpi_ut_evaluate", 16)))
			widen(&range, address, address + 1);
	fclose(list);
	CHECK(range.start, "no ACPI interpreter in this kernel");
	return range;
}

static void set_up(const char *kind, const char *name, const char *format, ...)
{
	char path[128], text[32];
	va_list args;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", kind, name);
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	CHECK_OK(file_write(path, "%s", text));
}

static const char *const kinds[] = { "failslab", "fail_page_alloc" };
static const unsigned int kinds_count = sizeof(kinds) / sizeof(kinds[0]);

/* Faults strike only where our code is within that many frames. */
static void faults_within(unsigned int frames)
{
	for (unsigned int i = 0; i < kinds_count; i++)
		set_up(kinds[i], "stacktrace-depth", "%u", frames);
}

/* Lets the kernel inject faults below our modules; skips the test where it cannot. */
static void faults_ready(void)
{
	struct range ours, acpi;

	fail_nth_fd = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	if (fail_nth_fd < 0)
		test_skip("this kernel injects no faults: no " FAIL_NTH);
	ours = our_modules();
	acpi = acpi_interpreter();
	for (unsigned int i = 0; i < kinds_count; i++) {
		set_up(kinds[i], "ignore-gfp-wait", "N");
		set_up(kinds[i], "verbose", "0");
		set_up(kinds[i], "require-start", "%#lx", ours.start);
		set_up(kinds[i], "require-end", "%#lx", ours.end);
		set_up(kinds[i], "reject-start", "%#lx", acpi.start);
		set_up(kinds[i], "reject-end", "%#lx", acpi.end);
	}
	set_up("fail_page_alloc", "min-order", "0");
	faults_within(NEAR);
}

/* The @nth allocation of this process from now on fails; 0 for none. */
static void fail_nth(unsigned int nth)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", nth);

	CHECK(write(fail_nth_fd, text, length) == length, FAIL_NTH ": %s", strerror(errno));
}

/* Ends the injection; tells whether there was a fault. */
static bool fault_struck(void)
{
	char text[16] = "";

	CHECK(pread(fail_nth_fd, text, sizeof(text) - 1, 0) > 0, FAIL_NTH ": %s", strerror(errno));
	fail_nth(0);
	return !strtoul(text, NULL, 10);
}

/*
 * What a lack of memory may be called. -ENODEV: a driver did not bind. -EBUSY and -EINVAL: the
 * kernel says so of a BAR that it could not note as reserved, and of one that it could not map.
 */
static bool memory_error(int error)
{
	static const int named[] = { ENOMEM, ENODEV, ENOSPC, EIO, EBUSY, EINVAL };

	for (unsigned int i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		if (error == -named[i])
			return true;
	return false;
}

/*
 * Runs @act with one fault after the other, and @after without any, which judges what the fault
 * left and puts the machine back for the next step. Returns the number of faults.
 */
static unsigned int sweep(const char *name, struct path *path, int (*act)(struct path *path),
		  void (*after)(struct path *path))
{
	unsigned int nth, refused = 0;
	uint64_t begin_ms = now_ms();
	int result;
	bool struck;

	for (nth = 1; nth <= STEPS_MAX; nth++) {
		fail_nth(nth);
		result = act(path);
		struck = fault_struck();
		CHECK(!result || memory_error(result), "%s: step %u: %s", name, nth,
		      strerror(-result));
		refused += result < 0;
		after(path);
		if (!struck)
			break;
	}
	CHECK(!struck, "%s: no end after %u faults", name, STEPS_MAX);
	CHECK_OK(result);
	test_log("fail-nth %s: %u faults, %u refused, %llu ms", name, nth - 1, refused,
		 (unsigned long long)(now_ms() - begin_ms));
	return nth - 1;
}

/*
 * What undoes things must not need memory: we ask for none, and if those that we call get none
 * (the kernel tells user space of each device that goes), all goes its way nevertheless.
 */
static void sweep_removal(const char *name, struct path *path, int (*act)(struct path *path),
			  void (*after)(struct path *path))
{
	CHECK_EQUAL(sweep(name, path, act, after), 0, "allocations of our own");
	faults_within(FAR);
	sweep(name, path, act, after);
}

/* A new user finds legacy registers. */
static void check_vf_works(const char *bdf)
{
	struct vfio vfio;

	CHECK_OK(vfio_open(&vfio, bdf));
	CHECK(vfio.areas[VFIO_BAR0].size_bytes, "%s has no BAR0", bdf);
	vfio_command(&vfio, 7);
	CHECK_EQUAL(vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1), 0, "device status");
	vfio_close(&vfio);
}

static void check_owner_works(struct path *path)
{
	char name[NETDEV_SIZE];

	owner_wait_state(path->handout.pf, VFVIRT_OWNER_READY, test_limit(SETTLE_MS));
	pci_wait_netdev(path->handout.pf, name);
}

/* Only the probe gets the faults, not the preparation. */
static int probe(const char *bdf, const char *driver)
{
	char bound[64];
	int error = file_write("/sys/bus/pci/drivers_probe", "%s", bdf);

	if (error)
		return error;
	pci_driver(bdf, bound, sizeof(bound));
	return strcmp(bound, driver) ? -ENODEV : 0;
}

static void prefer(const char *bdf, const char *driver)
{
	char path[PCI_PATH_SIZE];

	CHECK_OK(file_write(pci_path(path, bdf, "driver_override"), "%s\n", driver));
}

static void pf_ready_to_bind(struct path *path)
{
	CHECK_OK(pci_unbind(path->handout.pf));
}

static int pf_probe(struct path *path)
{
	return probe(path->handout.pf, PF_OURS);
}

FAILNTH_TEST(debug_failnth_pf_probe)
{
	struct path path = {};

	faults_ready();
	genl_open();
	pci_pf(0, path.handout.pf);
	pf_ready_to_bind(&path);
	prefer(path.handout.pf, PF_OURS);
	CHECK(sweep("pf probe", &path, pf_probe, pf_ready_to_bind), "no fault struck");
	CHECK_OK(pf_probe(&path));
	check_owner_works(&path);
	handout_open(&path.handout, PF_OURS, VFS);
	check_vf_works(path.handout.vfs[0]);
	handout_close(&path.handout);
}

static void check_removed(const char *bdf)
{
	char bound[64];

	CHECK_OK(pci_unbind(bdf));
	pci_driver(bdf, bound, sizeof(bound));
	CHECK(!bound[0], "%s: still bound to %s", bdf, bound);
}

static int pf_remove(struct path *path)
{
	check_removed(path->handout.pf);
	return 0;
}

static void pf_back(struct path *path)
{
	CHECK_OK(pf_probe(path));
	check_owner_works(path);
}

FAILNTH_TEST(debug_failnth_pf_remove)
{
	struct path path = {};

	faults_ready();
	genl_open();
	pci_pf(0, path.handout.pf);
	pf_ready_to_bind(&path);
	prefer(path.handout.pf, PF_OURS);
	pf_back(&path);
	sweep_removal("pf remove", &path, pf_remove, pf_back);
}

static int make_vfs(struct path *path)
{
	return pci_set_vfs(path->handout.pf, VFS);
}

static void no_vfs(struct path *path)
{
	CHECK_OK(pci_set_vfs(path->handout.pf, 0));
}

FAILNTH_TEST(debug_failnth_numvfs)
{
	struct path path = {};

	faults_ready();
	handout_open(&path.handout, PF_OURS, 0);
	CHECK(sweep("numvfs", &path, make_vfs, no_vfs), "no fault struck");
	handout_open(&path.handout, PF_OURS, VFS);
	check_vf_works(path.handout.vfs[VFS - 1]);
	handout_close(&path.handout);
}

static int vf_probe(struct path *path)
{
	return probe(path->handout.vfs[0], VF_OURS);
}

static void vf_ready_to_bind(struct path *path)
{
	CHECK_OK(pci_unbind(path->handout.vfs[0]));
}

FAILNTH_TEST(debug_failnth_vf_probe)
{
	struct path path = {};

	faults_ready();
	handout_open(&path.handout, PF_OURS, VFS);
	vf_ready_to_bind(&path);
	prefer(path.handout.vfs[0], VF_OURS);
	faults_within(FAR);
	CHECK(sweep("vf probe", &path, vf_probe, vf_ready_to_bind), "no fault struck");
	CHECK_OK(vf_probe(&path));
	check_vf_works(path.handout.vfs[0]);
	handout_close(&path.handout);
}

static int vf_remove(struct path *path)
{
	check_removed(path->handout.vfs[0]);
	return 0;
}

static void vf_back(struct path *path)
{
	CHECK_OK(vf_probe(path));
	check_vf_works(path->handout.vfs[0]);
}

FAILNTH_TEST(debug_failnth_vf_remove)
{
	struct path path = {};

	faults_ready();
	handout_open(&path.handout, PF_OURS, VFS);
	prefer(path.handout.vfs[0], VF_OURS);
	sweep_removal("vf remove", &path, vf_remove, vf_back);
	handout_close(&path.handout);
}

static int open_vf(struct path *path)
{
	return vfio_open(&path->vfio, path->handout.vfs[0]);
}

/* What opened although a fault struck must be whole, or say that it is plain pass-through. */
static void close_vf(struct path *path)
{
	uint64_t device_id, size_bytes = path->vfio.areas[VFIO_BAR0].size_bytes;

	if (path->vfio.device_fd < 0)
		return;
	device_id = vfio_get(&path->vfio, VFIO_CONFIG, 2, 2);
	CHECK(device_id == TRANSITIONAL_ID ? size_bytes == BAR0_BYTES :
	      device_id == PLAIN_ID && !size_bytes,
	      "half open: device id 0x%04llx, BAR0 of %llu bytes", (unsigned long long)device_id,
	      (unsigned long long)size_bytes);
	vfio_close(&path->vfio);
}

FAILNTH_TEST(debug_failnth_open)
{
	struct path path = { .vfio = { .container_fd = -1, .group_fd = -1, .device_fd = -1 } };

	faults_ready();
	handout_open(&path.handout, PF_OURS, VFS);
	CHECK(sweep("open", &path, open_vf, close_vf), "no fault struck");
	check_vf_works(path.handout.vfs[0]);
	handout_close(&path.handout);
}

static int close_and_tell(struct path *path)
{
	vfio_close(&path->vfio);
	return 0;
}

static void reopen(struct path *path)
{
	CHECK_OK(open_vf(path));
	CHECK(path->vfio.areas[VFIO_BAR0].size_bytes, "no BAR0");
}

/* The next event came, or netlink says that events were lost. */
static void check_told(const char *what)
{
	int error = genl_event_error();

	CHECK(!error || error == -ENOBUFS, "%s: %s", what, strerror(-error));
}

static void told_and_reopen(struct path *path)
{
	check_told("of a close");
	reopen(path);
	check_told("of an open");
}

/*
 * A close needs memory for one thing: to tell who listens. What finds none is announced as lost,
 * and must not show otherwise.
 */
FAILNTH_TEST(debug_failnth_close)
{
	struct path path = {};

	faults_ready();
	handout_open(&path.handout, PF_OURS, VFS);
	reopen(&path);
	CHECK_OK(genl_listen());
	CHECK(sweep("close", &path, close_and_tell, told_and_reopen), "no fault struck");
	vfio_close(&path.vfio);
	handout_close(&path.handout);
}

/* Reads and writes of every register, MSI-X on and off, a reset. */
static int use_registers(struct path *path)
{
	struct vfio *vfio = &path->vfio;
	uint64_t value = 0;
	ssize_t done;
	int error;

	error = vfio_msix(vfio, path->events, NIC_VECTORS);
	if (error)
		return error;
	for (unsigned int offset = 0; offset < 64; offset += 4) {
		done = vfio_read(vfio, VFIO_BAR0, offset, &value, 4);
		if (done == 4)
			done = vfio_write(vfio, VFIO_BAR0, offset, &value, 4);
		if (done == 4)
			done = vfio_read(vfio, VFIO_CONFIG, offset, &value, 4);
		if (done != 4)
			return done < 0 ? done : -EIO;
	}
	error = vfio_areas(vfio);
	if (!error)
		error = vfio_msix(vfio, NULL, 0);
	return error ?: vfio_reset(vfio);
}

static void registers_back(struct path *path)
{
	vfio_msix(&path->vfio, NULL, 0);
	vfio_command(&path->vfio, 7);
	vfio_put(&path->vfio, VFIO_BAR0, LEGACY_STATUS, 1, 0);
	CHECK_EQUAL(vfio_get(&path->vfio, VFIO_BAR0, LEGACY_STATUS, 1), 0, "device status");
}

FAILNTH_TEST(debug_failnth_registers)
{
	struct path path = {};

	faults_ready();
	for (unsigned int i = 0; i < NIC_VECTORS; i++)
		path.events[i] = eventfd(0, EFD_CLOEXEC);
	handout_open(&path.handout, PF_OURS, VFS);
	reopen(&path);
	registers_back(&path);
	CHECK(sweep("registers", &path, use_registers, registers_back), "no fault struck");
	vfio_close(&path.vfio);
	handout_close(&path.handout);
}
