// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * BAR0 at every offset and width, against the oracle.
 *
 * The oracle is asked only in the natural widths of its registers, the only ones it knows; what
 * an access of another width must give, or do, follows from those (virtio 1.3, "Legacy
 * Interfaces": any width gives the result of the natural one).
 */
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "handout.h"
#include "host.h"
#include "nic.h"
#include "stock.h"
#include "test.h"

#define BAR0_BYTES 64
#define BEYOND_BYTES 8 /* offsets behind the BAR that are tried, too */
#define DRIVER_OK 4
#define NEEDS_RESET 0x40 /* the device's to set */
#define ENABLE_ALL 7

/* Natural registers of the common header. */
struct natural {
	unsigned int offset, width;
	bool vector;
};

static const struct natural naturals[] = {
	{ 0x00, 4, false }, { 0x04, 4, false }, { 0x08, 4, false }, { 0x0c, 2, false },
	{ 0x0e, 2, false }, { 0x10, 2, false }, { 0x12, 1, false }, { 0x13, 1, false },
	{ 0x14, 2, true },  { 0x16, 2, true },
};

#define NATURALS (sizeof(naturals) / sizeof(naturals[0]))

static const unsigned int widths[] = { 1, 2, 4, 8 };

struct pair {
	struct handout handout;
	struct vfio vf, stock;
	struct dma dma;
	bool msix;
};

static unsigned int config_start(bool msix)
{
	return msix ? LEGACY_CONFIG_MSIX : LEGACY_CONFIG;
}

static void pair_open(struct pair *pair, const char *pf_driver)
{
	*pair = (struct pair){ 0 };
	handout_open(&pair->handout, pf_driver, 1);
	CHECK_OK(vfio_open(&pair->vf, pair->handout.vfs[0]));
	stock_open(&pair->stock);
	dma_new(&pair->stock, &pair->dma, true);
	dma_share(&pair->vf, &pair->dma);
	vfio_command(&pair->vf, ENABLE_ALL);
	vfio_command(&pair->stock, ENABLE_ALL);
}

static void pair_close(struct pair *pair)
{
	vfio_close(&pair->stock);
	vfio_close(&pair->vf);
	handout_close(&pair->handout);
}

static void switch_msix(struct pair *pair, bool on)
{
	int fds[NIC_VECTORS + 1];

	if (on == pair->msix)
		return;
	for (unsigned int i = 0; i < NIC_VECTORS + 1; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC);
	CHECK_OK(vfio_msix(&pair->vf, fds, on ? NIC_VECTORS + 1 : 0));
	CHECK_OK(vfio_msix(&pair->stock, fds, on ? NIC_VECTORS + 1 : 0));
	for (unsigned int i = 0; i < NIC_VECTORS + 1; i++)
		close(fds[i]);
	pair->msix = on;
}

static void put_both(struct pair *pair, unsigned int offset, unsigned int width, uint32_t value)
{
	vfio_put(&pair->vf, VFIO_BAR0, offset, width, value);
	vfio_put(&pair->stock, VFIO_BAR0, offset, width, value);
}

/* A state in which no register that can be written reads 0 or its reset value. */
static void fill_both(struct pair *pair)
{
	put_both(pair, LEGACY_STATUS, 1, 0);
	put_both(pair, LEGACY_STATUS, 1, 3);
	put_both(pair, LEGACY_DRIVER_FEATURES, 4, 1 << 5 | 1 << 16);
	put_both(pair, LEGACY_QUEUE_SELECT, 2, 1);
	put_both(pair, LEGACY_QUEUE_PFN, 4, pair->dma.iova >> 12);
	if (pair->msix) {
		put_both(pair, LEGACY_CONFIG_VECTOR, 2, 0);
		put_both(pair, LEGACY_QUEUE_VECTOR, 2, 2);
	}
}

/* All 64 bytes by natural reads; ones where there is no register. */
static void image_of(const struct pair *pair, const struct vfio *vfio, uint8_t *ret_image)
{
	memset(ret_image, 0xff, BAR0_BYTES + sizeof(uint64_t));
	for (unsigned int i = 0; i < NATURALS; i++) {
		uint32_t value;

		if (naturals[i].vector && !pair->msix)
			continue;
		value = vfio_get(vfio, VFIO_BAR0, naturals[i].offset, naturals[i].width);
		memcpy(ret_image + naturals[i].offset, &value, naturals[i].width);
	}
	for (unsigned int at = config_start(pair->msix); at < BAR0_BYTES; at++)
		ret_image[at] = vfio_get(vfio, VFIO_BAR0, at, 1);
}

static void check_images(const struct pair *pair, const char *after)
{
	uint8_t ours[BAR0_BYTES + 8], theirs[BAR0_BYTES + 8];

	image_of(pair, &pair->vf, ours);
	image_of(pair, &pair->stock, theirs);
	for (unsigned int i = 0; i < BAR0_BYTES; i++)
		CHECK(ours[i] == theirs[i], "MSI-X %d, %s: 0x%02x reads 0x%02x, the oracle 0x%02x",
		      pair->msix, after, i, ours[i], theirs[i]);
}

static void check_read(const struct pair *pair, unsigned int offset, unsigned int width,
		       const uint8_t *image)
{
	uint8_t bytes[8], theirs[8];
	ssize_t done = vfio_read(&pair->vf, VFIO_BAR0, offset, bytes, width);
	ssize_t their = vfio_read(&pair->stock, VFIO_BAR0, offset, theirs, width);

	CHECK(done == their, "MSI-X %d, 0x%02x, %u bytes: returned %zd, the oracle %zd",
	      pair->msix, offset, width, done, their);
	for (ssize_t i = 0; i < done; i++)
		CHECK(bytes[i] == image[offset + i],
		      "MSI-X %d, 0x%02x, %u bytes: byte %zd is 0x%02x, not 0x%02x", pair->msix,
		      offset, width, i, bytes[i], image[offset + i]);
}

static void read_matrix(const char *pf_driver)
{
	uint8_t image[BAR0_BYTES + 8];
	struct pair pair;

	pair_open(&pair, pf_driver);
	CHECK_EQUAL(pair.vf.areas[VFIO_BAR0].size_bytes, BAR0_BYTES, "the size of BAR0");
	CHECK_EQUAL(pair.stock.areas[VFIO_BAR0].size_bytes, BAR0_BYTES, "the oracle's BAR0");
	CHECK_EQUAL(pair.vf.areas[VFIO_BAR0].flags, pair.stock.areas[VFIO_BAR0].flags,
		    "how BAR0 may be accessed");
	for (unsigned int msix = 0; msix < 2; msix++) {
		switch_msix(&pair, msix);
		fill_both(&pair);
		check_images(&pair, "filled");
		image_of(&pair, &pair.stock, image);
		for (unsigned int i = 0; i < 4; i++)
			for (unsigned int at = 0; at < BAR0_BYTES + BEYOND_BYTES; at++)
				check_read(&pair, at, widths[i], image);
	}
	pair_close(&pair);
}

TEST(vfio_bar0_reads, .configs = "oracle", .modules = HANDOUT_MODULES, .limit_s = 120)
{
	read_matrix(PF_OURS);
}

TEST(vfio_bar0_reads_intree, .configs = "oracle", .modules = HANDOUT_MODULES_INTREE,
     .kernels = "6.12 7.3", .limit_s = 120)
{
	read_matrix(PF_INTREE);
}

/* A byte to write at an offset: anything that does not start the device or leave our memory. */
static uint8_t random_byte(const struct pair *pair, unsigned int offset, const uint8_t *image)
{
	uint8_t byte = random();

	if (offset >= LEGACY_QUEUE_PFN && offset < LEGACY_QUEUE_SIZE)
		return image[offset]; /* another address would make the device read it */
	if (offset == LEGACY_QUEUE_SELECT)
		return byte % 3;
	if (offset == LEGACY_QUEUE_SELECT + 1)
		return 0;
	if (offset == LEGACY_NOTIFY || offset == LEGACY_NOTIFY + 1)
		return 0xff; /* no such queue */
	if (offset == LEGACY_STATUS)
		return (byte & ~(DRIVER_OK | NEEDS_RESET)) | 1;
	if (pair->msix && offset >= LEGACY_CONFIG_VECTOR && offset < LEGACY_CONFIG_MSIX)
		return offset % 2 ? 0 : byte % 6; /* some beyond the table */
	return byte;
}

/* Does to the oracle, register by register, what one access of any width means. */
static void write_naturally(const struct pair *pair, unsigned int offset, const uint8_t *bytes,
			    unsigned int count)
{
	unsigned int end = offset + count;

	for (unsigned int i = 0; i < NATURALS; i++) {
		unsigned int start = naturals[i].offset, width = naturals[i].width;
		uint32_t value;

		if (start + width <= offset || start >= end || (naturals[i].vector && !pair->msix))
			continue;
		value = start == LEGACY_NOTIFY ? 0 :
			vfio_get(&pair->stock, VFIO_BAR0, start, width);
		for (unsigned int at = start; at < start + width; at++)
			if (at >= offset && at < end)
				((uint8_t *)&value)[at - start] = bytes[at - offset];
		vfio_put(&pair->stock, VFIO_BAR0, start, width, value);
	}
	for (unsigned int at = config_start(pair->msix); at < end && at < BAR0_BYTES; at++)
		if (at >= offset)
			vfio_put(&pair->stock, VFIO_BAR0, at, 1, bytes[at - offset]);
}

static void check_write(struct pair *pair, unsigned int offset, unsigned int width)
{
	uint8_t bytes[8] = { 0 }, image[BAR0_BYTES + 8];
	char what[80];
	ssize_t done, wanted = offset + width > BAR0_BYTES ? BAR0_BYTES - offset : width;

	image_of(pair, &pair->vf, image);
	for (unsigned int i = 0; i < width; i++)
		bytes[i] = random_byte(pair, offset + i, image);
	done = vfio_write(&pair->vf, VFIO_BAR0, offset, bytes, width);
	CHECK_EQUAL(done, wanted, "what the write returned");
	write_naturally(pair, offset, bytes, done);
	snprintf(what, sizeof(what), "after a write of %u bytes 0x%02x 0x%02x.. at 0x%02x", width,
		 bytes[0], bytes[1], offset);
	check_images(pair, what);
}

static void write_matrix(const char *pf_driver)
{
	const unsigned int stride = test_number("write_stride", 1);
	struct pair pair;

	srandom(1);
	pair_open(&pair, pf_driver);
	for (unsigned int msix = 0; msix < 2; msix++) {
		const uint64_t bytes = ~0ULL;

		switch_msix(&pair, msix);
		for (unsigned int i = 0; i < 4; i++) {
			fill_both(&pair);
			for (unsigned int at = 0; at < BAR0_BYTES; at += stride)
				check_write(&pair, at, widths[i]);
			for (unsigned int at = 0; at < BEYOND_BYTES; at++)
				CHECK_EQUAL(vfio_write(&pair.vf, VFIO_BAR0, BAR0_BYTES + at, &bytes,
						       widths[i]),
					    -EINVAL, "a write behind the BAR");
			check_images(&pair, "after writes behind the BAR");
		}
	}
	pair_close(&pair);
}

TEST(vfio_bar0_writes, .configs = "oracle", .modules = HANDOUT_MODULES, .limit_s = 240)
{
	write_matrix(PF_OURS);
}

TEST(vfio_bar0_writes_intree, .configs = "oracle", .modules = HANDOUT_MODULES_INTREE,
     .kernels = "6.12 7.3", .limit_s = 240)
{
	write_matrix(PF_INTREE);
}

static void send_frame(struct nic *nic)
{
	uint8_t frame[64] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	memcpy(frame + 6, nic->mac, 6);
	frame[12] = 0x88;
	frame[13] = 0xb5; /* for experiments: nobody answers */
	nic_send(nic, frame, sizeof(frame));
}

/* Without MSI-X the ISR status is all that tells a guest of its queues; a read clears it. */
static void check_isr(struct vfio *vfio, bool oracle)
{
	struct nic nic;

	nic_start_legacy(&nic, vfio, false, oracle);
	vfio_get(vfio, VFIO_BAR0, LEGACY_ISR, 1);
	CHECK_EQUAL(vfio_get(vfio, VFIO_BAR0, LEGACY_ISR, 1), 0, "the ISR status at first");
	send_frame(&nic);
	WAIT_FOR(2000, vfio_get(vfio, VFIO_BAR0, LEGACY_ISR, 1) == 1, "the ISR status to be 1");
	CHECK_EQUAL(vfio_get(vfio, VFIO_BAR0, LEGACY_ISR, 1), 0, "the ISR status after a read");
	if (!oracle) { /* the oracle knows no wide reads */
		send_frame(&nic);
		WAIT_FOR(2000, vfio_get(vfio, VFIO_BAR0, LEGACY_NOTIFY, 4) >> 24 == 1,
			 "the ISR status to be 1 in a wide read");
		CHECK_EQUAL(vfio_get(vfio, VFIO_BAR0, LEGACY_ISR, 1), 0,
			    "the ISR status after a wide read");
	}
	nic_stop(&nic);
}

TEST(vfio_isr, .configs = "oracle", .modules = HANDOUT_MODULES)
{
	struct handout handout;
	struct vfio vf, stock;

	handout_open(&handout, PF_OURS, 1);
	CHECK_OK(vfio_open(&vf, handout.vfs[0]));
	check_isr(&vf, false);
	vfio_close(&vf);
	handout_close(&handout);
	stock_open(&stock);
	check_isr(&stock, true);
	vfio_close(&stock);
}

/* One access, and how many commands of an opcode it costs. */
static void check_cost(const struct vfio *vfio, bool write, unsigned int offset, unsigned int width,
		       long commands)
{
	const char *counter = write ? "commands.2.ok" : "commands.3.ok";
	long before = host_count("pf0", 1, counter), all = host_count("pf0", 1, "commands.2.failed") +
						   host_count("pf0", 1, "commands.3.failed");
	uint8_t bytes[8] = { 0 };

	CHECK_EQUAL(write ? vfio_write(vfio, VFIO_BAR0, offset, bytes, width) :
		    vfio_read(vfio, VFIO_BAR0, offset, bytes, width), width, "what it returned");
	CHECK(host_count("pf0", 1, counter) - before == commands,
	      "%u bytes at 0x%02x cost %ld commands, not %ld", width, offset,
	      host_count("pf0", 1, counter) - before, commands);
	CHECK_EQUAL(host_count("pf0", 1, "commands.2.failed") +
		    host_count("pf0", 1, "commands.3.failed"), all, "commands that failed");
}

/* Pieces are as wide as they may be, naturally aligned; what has no effect is not sent. */
TEST(vfio_accesses_cost_what_they_must, .modules = HANDOUT_MODULES)
{
	struct handout handout;
	struct vfio vf;

	handout_open(&handout, PF_OURS, 1);
	CHECK_OK(vfio_open(&vf, handout.vfs[0]));
	vfio_command(&vf, ENABLE_ALL);
	check_cost(&vf, false, 0x00, 4, 1);
	check_cost(&vf, false, 0x00, 8, 2);
	check_cost(&vf, false, 0x05, 3, 2);	/* 1 and 2 bytes */
	check_cost(&vf, false, 0x03, 4, 3);	/* 1; 2 and 1 of the next register */
	check_cost(&vf, false, 0x0c, 4, 2);
	check_cost(&vf, false, LEGACY_NOTIFY, 4, 2);	/* not the doorbell */
	check_cost(&vf, true, 0x00, 4, 0);	/* the device's features */
	check_cost(&vf, true, 0x0c, 2, 0);	/* the queue's size */
	check_cost(&vf, true, LEGACY_ISR, 1, 0);
	check_cost(&vf, true, 0x04, 4, 1);
	check_cost(&vf, true, 0x05, 3, 2);
	vfio_close(&vf);
	handout_close(&handout);
}
