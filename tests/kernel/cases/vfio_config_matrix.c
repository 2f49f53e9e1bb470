// SPDX-License-Identifier: GPL-2.0-or-later
/* The first 64 bytes of configuration space, each offset in each length, against the oracle. */
#include <stdlib.h>
#include <sys/mman.h>

#include "file.h"
#include "handout.h"
#include "net.h"
#include "nic.h"
#include "stock.h"
#include "test.h"

#define HEADER_BYTES 64
#define PAGE_BYTES 4096
#define LENGTH_MAX 8
#define COMMAND 4
#define COMMAND_IO 1
#define BAR0 0x10
#define PLAIN_DEVICE_ID 0x1041

/* Bytes in which a transitional card looks like any other: identity, class and BAR0. */
static bool is_common(unsigned int offset)
{
	return offset < 4 || (offset >= 8 && offset < 12) || (offset >= 0x10 && offset < 0x14) ||
	       (offset >= 0x2c && offset < 0x30);
}

static void image_of(const struct vfio *vfio, uint8_t *ret_image)
{
	for (unsigned int i = 0; i < HEADER_BYTES + LENGTH_MAX; i++)
		ret_image[i] = vfio_get(vfio, VFIO_CONFIG, i, 1);
}

static void check_lengths(const struct vfio *vfio)
{
	uint8_t image[HEADER_BYTES + LENGTH_MAX], bytes[LENGTH_MAX];

	image_of(vfio, image);
	for (unsigned int length = 1; length <= LENGTH_MAX; length++)
		for (unsigned int at = 0; at < HEADER_BYTES; at++) {
			CHECK_EQUAL(vfio_read(vfio, VFIO_CONFIG, at, bytes, length), length,
				    "what a read returned");
			CHECK(!memcmp(bytes, image + at, length),
			      "%u bytes at 0x%02x differ from single bytes", length, at);
		}
}

static void check_same(const struct vfio *vf, const struct vfio *stock, const char *after)
{
	uint8_t ours[HEADER_BYTES + LENGTH_MAX], theirs[HEADER_BYTES + LENGTH_MAX];

	image_of(vf, ours);
	image_of(stock, theirs);
	for (unsigned int i = 0; i < HEADER_BYTES; i++)
		CHECK(!is_common(i) || ours[i] == theirs[i],
		      "%s: 0x%02x reads 0x%02x, the oracle 0x%02x", after, i, ours[i], theirs[i]);
	CHECK((ours[COMMAND] & 7) == (theirs[COMMAND] & 7),
	      "%s: the command register reads 0x%02x, the oracle's 0x%02x", after, ours[COMMAND],
	      theirs[COMMAND]);
}

/*
 * What one write of several bytes must do is what as many writes of one byte do. Bytes that the
 * oracle cannot stand for are compared so, too: those of the modern BARs, and the neighbours of
 * what is laid over.
 */
static void write_single(const struct vfio *vf, unsigned int at, uint64_t value,
			 unsigned int length)
{
	for (unsigned int i = 0; i < length; i++)
		vfio_put(vf, VFIO_CONFIG, at + i, 1, value >> (8 * i) & 0xff);
}

static void check_same_bytes(const struct vfio *vf, const struct vfio *model, const char *after)
{
	uint8_t ours[HEADER_BYTES + LENGTH_MAX], theirs[HEADER_BYTES + LENGTH_MAX];

	image_of(vf, ours);
	image_of(model, theirs);
	for (unsigned int i = 0; i < HEADER_BYTES + LENGTH_MAX; i++)
		CHECK(ours[i] == theirs[i],
		      "%s: 0x%02x reads 0x%02x, 0x%02x after writes of single bytes", after, i,
		      ours[i], theirs[i]);
}

/* BAR0 answers exactly while the I/O bit is set. */
static void check_decoding(const struct vfio *vf)
{
	bool on = vfio_get(vf, VFIO_CONFIG, COMMAND, 1) & COMMAND_IO;
	uint32_t features;

	CHECK_EQUAL(vfio_read(vf, VFIO_BAR0, 0, &features, 4), on ? 4 : -EIO,
		    "a read of BAR0 with that I/O bit");
	CHECK_EQUAL(vfio_write(vf, VFIO_BAR0, 4, &features, 4), on ? 4 : -EIO,
		    "a write to BAR0 with that I/O bit");
}

TEST(vfio_config_space, .configs = "oracle", .modules = HANDOUT_MODULES, .limit_s = 120)
{
	struct vfio vf, model, stock;
	struct handout handout;

	srandom(1);
	handout_open(&handout, PF_OURS, 2);
	CHECK_OK(vfio_open(&vf, handout.vfs[0]));
	CHECK_OK(vfio_open(&model, handout.vfs[1]));
	stock_open(&stock);
	CHECK_EQUAL(vfio_get(&vf, VFIO_CONFIG, BAR0, 4), 1, "BAR0 at first");
	vfio_put(&stock, VFIO_CONFIG, BAR0, 4, 0);
	vfio_command(&vf, 0);
	vfio_command(&stock, 0);
	vfio_command(&model, 0);
	for (unsigned int at = BAR0; at < BAR0 + 6 * 4; at += 4) {
		vfio_put(&vf, VFIO_CONFIG, at, 4, 0);
		vfio_put(&model, VFIO_CONFIG, at, 4, 0);
	}
	check_lengths(&vf);
	check_same(&vf, &stock, "at first");
	for (unsigned int length = 1; length <= LENGTH_MAX; length++)
		for (unsigned int at = 0; at < HEADER_BYTES; at++) {
			uint64_t value = (uint64_t)random() << 32 ^ random() << 8 ^ random();
			char after[48];

			CHECK_EQUAL(vfio_write(&vf, VFIO_CONFIG, at, &value, length), length,
				    "what a write returned");
			CHECK_EQUAL(vfio_write(&stock, VFIO_CONFIG, at, &value, length), length,
				    "what the oracle's write returned");
			snprintf(after, sizeof(after), "after %u bytes at 0x%02x", length, at);
			check_same(&vf, &stock, after);
			write_single(&model, at, value, length);
			check_same_bytes(&vf, &model, after);
			check_decoding(&vf);
		}
	vfio_command(&vf, 0);
	check_lengths(&vf);
	vfio_command(&vf, 7);
	check_lengths(&vf);
	vfio_close(&stock);
	vfio_close(&model);
	vfio_close(&vf);
	handout_close(&handout);
}

TEST(vfio_bar0_size_probing, .modules = HANDOUT_MODULES)
{
	struct handout handout;
	struct vfio vf;

	handout_open(&handout, PF_OURS, 1);
	CHECK_OK(vfio_open(&vf, handout.vfs[0]));
	vfio_put(&vf, VFIO_CONFIG, BAR0, 4, 0xffffffff);
	CHECK_EQUAL(vfio_get(&vf, VFIO_CONFIG, BAR0, 4), 0xffffffc1, "BAR0 when probed");
	vfio_put(&vf, VFIO_CONFIG, BAR0, 4, 0x0000c000);
	CHECK_EQUAL(vfio_get(&vf, VFIO_CONFIG, BAR0, 4), 0x0000c001, "BAR0 when placed");
	vfio_close(&vf);
	handout_close(&handout);
}

static void check_modern_guest(const struct handout *handout, struct vfio *vf)
{
	struct net_end pf_end;
	struct nic nic;

	net_end_open(&pf_end, handout->pf, "10.9.0.1");
	nic_start_modern(&nic, vf, true, false);
	nic_check_ping(&nic, 100, 1, NULL, 1);
	nic_stop(&nic);
	net_end_close(&pf_end);
}

/* Both ways out of the transitional identity leave a VF that a modern guest can use. */
TEST(vfio_opt_out, .modules = HANDOUT_MODULES)
{
	char path[PCI_PATH_SIZE];
	struct handout handout;
	uint32_t features;
	struct vfio vf;

	handout_open(&handout, PF_OURS, 1);
	CHECK_EQUAL(file_number(pci_path(path, handout.vfs[0], "vfvirt_legacy")), 1,
		    "vfvirt_legacy at first");
	CHECK_OK(file_write(pci_path(path, handout.vfs[0], "vfvirt_legacy"), "0"));
	CHECK_OK(vfio_open(&vf, handout.vfs[0]));
	CHECK_EQUAL(vfio_get(&vf, VFIO_CONFIG, 2, 2), PLAIN_DEVICE_ID, "the device id");
	CHECK_EQUAL(vf.areas[VFIO_BAR0].size_bytes, 0, "the size of BAR0");
	CHECK_EQUAL(vfio_read(&vf, VFIO_BAR0, 0, &features, 4), -EINVAL, "a read of BAR0");
	check_modern_guest(&handout, &vf);
	vfio_close(&vf);
	CHECK_OK(file_write(pci_path(path, handout.vfs[0], "vfvirt_legacy"), "1"));
	CHECK_OK(vfio_open(&vf, handout.vfs[0]));
	CHECK_EQUAL(vfio_get(&vf, VFIO_CONFIG, 2, 2), 0x1000, "the device id");
	vfio_close(&vf);
	handout_close(&handout);

	CHECK_OK(file_write("/sys/module/vfvirt_vfio_pci/parameters/legacy", "0"));
	handout_open(&handout, PF_OURS, 1);
	CHECK_OK(file_write("/sys/module/vfvirt_vfio_pci/parameters/legacy", "1"));
	CHECK_OK(vfio_open(&vf, handout.vfs[0]));
	CHECK_EQUAL(vfio_get(&vf, VFIO_CONFIG, 2, 2), PLAIN_DEVICE_ID,
		    "the device id of a VF bound with the parameter off");
	check_modern_guest(&handout, &vf);
	vfio_close(&vf);
	handout_close(&handout);
}

/* B-P21, B-P22: an access that fails half-way changes nothing of what is laid over. */
TEST(vfio_bad_memory_changes_nothing, .modules = HANDOUT_MODULES)
{
	struct handout handout;
	struct vfio vf;
	uint16_t command;
	uint8_t *pages;

	pages = mmap(NULL, 2 * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	CHECK(pages != MAP_FAILED && !mprotect(pages + PAGE_BYTES, PAGE_BYTES, PROT_NONE),
	      "no memory: %s", strerror(errno));
	memset(pages, 0xff, PAGE_BYTES);
	handout_open(&handout, PF_OURS, 1);
	CHECK_OK(vfio_open(&vf, handout.vfs[0]));
	vfio_put(&vf, VFIO_CONFIG, BAR0, 4, 0xc000);
	for (unsigned int good = 0; good < 4; good++) {
		uint8_t *bytes = pages + PAGE_BYTES - good;

		CHECK_EQUAL(vfio_write(&vf, VFIO_CONFIG, BAR0, bytes, 4), -EFAULT,
			    "a write to BAR0 from bad memory");
		CHECK_EQUAL(vfio_get(&vf, VFIO_CONFIG, BAR0, 4), 0xc001, "BAR0");
		CHECK_EQUAL(vfio_read(&vf, VFIO_CONFIG, BAR0, bytes, 4), -EFAULT,
			    "a read of BAR0 into bad memory");
		CHECK_EQUAL(vfio_read(&vf, VFIO_CONFIG, 0, bytes, 4), -EFAULT,
			    "a read of the identity into bad memory");
		memset(pages, 0xff, PAGE_BYTES);
	}
	CHECK_EQUAL(vfio_write(&vf, VFIO_CONFIG, COMMAND, pages + PAGE_BYTES, 2), -EFAULT,
		    "a write to the command register from bad memory");
	CHECK_EQUAL(vfio_get(&vf, VFIO_CONFIG, COMMAND, 2) & COMMAND_IO, 0, "the I/O bit");
	/* The command register is good, what lies behind it is not. */
	CHECK_EQUAL(vfio_write(&vf, VFIO_CONFIG, COMMAND, pages + PAGE_BYTES - 4, 8), -EFAULT,
		    "a write that begins in good memory");
	command = vfio_get(&vf, VFIO_CONFIG, COMMAND, 2);
	vfio_put(&vf, VFIO_CONFIG, COMMAND + 1, 1, command >> 8);
	CHECK_EQUAL(vfio_get(&vf, VFIO_CONFIG, COMMAND, 2), command,
		    "the command register, after its upper half was written as it is,");
	vfio_command(&vf, 7);
	CHECK_EQUAL(vfio_write(&vf, VFIO_BAR0, 4, pages + PAGE_BYTES, 4), -EFAULT,
		    "a write to a register from bad memory");
	CHECK_EQUAL(vfio_read(&vf, VFIO_BAR0, 0, pages + PAGE_BYTES - 2, 4), -EFAULT,
		    "a read of a register into bad memory");
	CHECK_EQUAL(vfio_get(&vf, VFIO_BAR0, 4, 4), 0, "the driver's features");
	vfio_close(&vf);
	handout_close(&handout);
}

/* The same where the function cannot be reset. */
TEST(vfio_stale_state_without_resets, .modules = HANDOUT_MODULES)
{
	char path[PCI_PATH_SIZE];
	struct handout handout;
	struct vfio vf;

	handout_open(&handout, PF_OURS, 1);
	CHECK_OK(file_write(pci_path(path, handout.vfs[0], "reset_method"), "\n"));
	for (unsigned int user = 0; user < 2; user++) {
		CHECK_OK(vfio_open(&vf, handout.vfs[0]));
		vfio_command(&vf, 7);
		CHECK_EQUAL(vfio_get(&vf, VFIO_BAR0, LEGACY_STATUS, 1), 0, "the device status");
		CHECK_EQUAL(vfio_get(&vf, VFIO_BAR0, LEGACY_DRIVER_FEATURES, 4), 0,
			    "the driver's features");
		CHECK_EQUAL(vfio_get(&vf, VFIO_BAR0, LEGACY_QUEUE_PFN, 4), 0, "a queue's address");
		vfio_put(&vf, VFIO_BAR0, LEGACY_STATUS, 1, 3);
		vfio_put(&vf, VFIO_BAR0, LEGACY_DRIVER_FEATURES, 4, 1 << 5);
		vfio_put(&vf, VFIO_BAR0, LEGACY_QUEUE_PFN, 4, 0x1000);
		vfio_close(&vf);
	}
	handout_close(&handout);
}

/* What one user wrote must not be there for the next. */
TEST(vfio_stale_state, .modules = HANDOUT_MODULES)
{
	struct handout handout;
	struct vfio vf;

	handout_open(&handout, PF_OURS, 1);
	for (unsigned int user = 0; user < 3; user++) {
		uint32_t value;

		CHECK_OK(vfio_open(&vf, handout.vfs[0]));
		CHECK_EQUAL(vfio_get(&vf, VFIO_CONFIG, COMMAND, 2) & COMMAND_IO, 0, "the I/O bit");
		CHECK_EQUAL(vfio_get(&vf, VFIO_CONFIG, BAR0, 4), 1, "BAR0");
		CHECK_EQUAL(vfio_read(&vf, VFIO_BAR0, 0, &value, 4), -EIO, "a read of BAR0");
		vfio_command(&vf, 7);
		CHECK_EQUAL(vfio_get(&vf, VFIO_BAR0, 0x12, 1), 0, "the device status");
		CHECK_EQUAL(vfio_get(&vf, VFIO_BAR0, 4, 4), 0, "the driver's features");
		CHECK_EQUAL(vfio_get(&vf, VFIO_BAR0, 0x10, 2), 0xffff, "the doorbell");
		vfio_put(&vf, VFIO_CONFIG, BAR0, 4, 0xffffffff);
		vfio_put(&vf, VFIO_BAR0, 4, 4, 1 << 5);
		vfio_put(&vf, VFIO_BAR0, 0x12, 1, 3);
		vfio_put(&vf, VFIO_BAR0, 0x10, 2, 1);
		vfio_close(&vf);
	}
	handout_close(&handout);
}
