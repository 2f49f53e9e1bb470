// SPDX-License-Identifier: GPL-2.0-or-later
/* A VMM whose memory does not answer, or comes and goes: its own affair, and nobody else's. */
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"
#include "handout.h"
#include "log.h"
#include "nic.h"
#include "silent.h"
#include "test.h"
#include "vfio.h"

#define HEADER_BYTES 64
#define CONFIG_BYTES 256
#define CONTROL 8 /* of the device, in CAPABILITY_EXPRESS; 2 bytes */
#define FUNCTION_RESET 0x8000
#define REQUEST_LIMIT_MS 10000
#define WRITES 2000

/*
 * All of the first 256 bytes, written back as they are but for a reset of the function among them,
 * out of memory that answers as far as the header reaches.
 */
struct writer {
	struct vfio vfio;
	struct silent silent;
	uint8_t config[CONFIG_BYTES];
	pthread_t thread;
	ssize_t result;
};

static void *write_back(void *context)
{
	struct writer *writer = context;

	writer->result = vfio_write(&writer->vfio, VFIO_CONFIG, 0,
				    writer->silent.bytes + SILENT_PAGE_BYTES - HEADER_BYTES,
				    CONFIG_BYTES);
	return NULL;
}

/* Returns with the write waiting for memory: all that lies behind the header. */
static void writer_start(struct writer *writer, const char *bdf)
{
	CHECK_OK(vfio_open(&writer->vfio, bdf));
	vfio_command(&writer->vfio, 7);
	silent_open(&writer->silent);
	CHECK_EQUAL(vfio_read(&writer->vfio, VFIO_CONFIG, 0, writer->config, CONFIG_BYTES),
		    CONFIG_BYTES, "a read of configuration space");
	writer->config[vfio_capability(&writer->vfio, CAPABILITY_EXPRESS) + CONTROL + 1] |=
		FUNCTION_RESET >> 8;
	memcpy(writer->silent.bytes + SILENT_PAGE_BYTES - HEADER_BYTES, writer->config,
	       HEADER_BYTES);
	CHECK(!pthread_create(&writer->thread, NULL, write_back, writer), "no thread");
	silent_await(&writer->silent);
}

/* The memory answers; returns when the write has ended. */
static void writer_go_on(struct writer *writer)
{
	uint8_t page[SILENT_PAGE_BYTES] = { 0 };

	memcpy(page, writer->config + HEADER_BYTES, CONFIG_BYTES - HEADER_BYTES);
	silent_answer(&writer->silent, page);
	pthread_join(writer->thread, NULL);
	silent_close(&writer->silent);
}

static int reset_pf(const struct handout *handout)
{
	char path[PCI_PATH_SIZE];

	return file_write(pci_path(path, handout->pf, "reset"), "1");
}

/* A reset of the card does not meet anybody who holds it, and the write is complete in the end. */
TEST(vfio_silent_memory_delays_no_reset, .modules = HANDOUT_MODULES)
{
	struct handout handout;
	struct writer writer;
	int log;

	handout_open(&handout, PF_OURS, 1);
	writer_start(&writer, handout.vfs[0]);
	log = log_follow();
	CHECK_OK(reset_pf(&handout));
	CHECK(!log_says(log, "going on without"), "the card was held");
	close(log);
	CHECK_OK(vfio_reset(&writer.vfio));
	vfio_put(&writer.vfio, VFIO_BAR0, LEGACY_STATUS, 1, 1);
	CHECK_EQUAL(vfio_get(&writer.vfio, VFIO_BAR0, LEGACY_STATUS, 1), 1,
		    "the status before the write goes on");
	writer_go_on(&writer);
	CHECK_EQUAL(writer.result, CONFIG_BYTES, "what was written");
	CHECK_EQUAL(vfio_get(&writer.vfio, VFIO_BAR0, LEGACY_STATUS, 1), 0,
		    "the status after the reset in the write");
	vfio_close(&writer.vfio);
	handout_close(&handout);
}

/* The PF's driver goes: the VMM is asked to leave, however long its memory takes. */
TEST(vfio_silent_memory_delays_no_unbind, .modules = HANDOUT_MODULES, .limit_s = 60)
{
	struct pollfd asked = { .fd = eventfd(0, EFD_CLOEXEC), .events = POLLIN };
	struct handout handout;
	struct writer writer;
	int status;
	pid_t pid;

	handout_open(&handout, PF_OURS, 1);
	writer_start(&writer, handout.vfs[0]);
	CHECK_OK(vfio_request_event(&writer.vfio, asked.fd));
	pid = fork();
	if (!pid) {
		closefrom(3); /* the VF that the test has open is not this process's */
		_exit(pci_bind(handout.pf, PF_INTREE) ? 1 : 0);
	}
	CHECK_EQUAL(poll(&asked, 1, test_limit(REQUEST_LIMIT_MS)), 1, "the number of requests");
	CHECK_EQUAL(waitpid(pid, &status, WNOHANG), 0, "who unbound the PF under a user");
	writer_go_on(&writer);
	vfio_close(&writer.vfio);
	CHECK(waitpid(pid, &status, 0) == pid && !status, "the PF's driver was not unbound");
	close(asked.fd);
	handout_open(&handout, PF_OURS, 1);
	CHECK_OK(vfio_open(&writer.vfio, handout.vfs[0]));
	vfio_close(&writer.vfio);
	handout_close(&handout);
}

struct page {
	uint8_t *bytes;
	bool over;
};

static void *keep_dropping(void *context)
{
	struct page *page = context;

	while (!__atomic_load_n(&page->over, __ATOMIC_RELAXED))
		madvise(page->bytes, SILENT_PAGE_BYTES, MADV_DONTNEED);
	return NULL;
}

/* Memory that was there a moment ago and is not when it is needed: fetched again. */
TEST(vfio_memory_comes_and_goes, .modules = HANDOUT_MODULES, .limit_s = 60)
{
	struct page page = { .over = false };
	struct handout handout;
	unsigned int express;
	struct vfio vfio;
	pthread_t thread;

	handout_open(&handout, PF_OURS, 1);
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	express = vfio_capability(&vfio, CAPABILITY_EXPRESS);
	page.bytes = mmap(NULL, SILENT_PAGE_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(page.bytes != MAP_FAILED, "mmap: %s", strerror(errno));
	CHECK(!pthread_create(&thread, NULL, keep_dropping, &page), "no thread");
	for (unsigned int i = 0; i < WRITES; i++)
		CHECK_EQUAL(vfio_write(&vfio, VFIO_CONFIG, express + CONTROL, page.bytes, 2), 2,
			    "a write to the device's control register");
	__atomic_store_n(&page.over, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	munmap(page.bytes, SILENT_PAGE_BYTES);
	vfio_close(&vfio);
	handout_close(&handout);
}

/* What reaches beyond configuration space is refused as a whole, a reset in it, too. */
TEST(vfio_write_beyond_configuration_space, .modules = HANDOUT_MODULES)
{
	static uint8_t bytes[SILENT_PAGE_BYTES];
	struct handout handout;
	unsigned int express;
	struct vfio vfio;

	handout_open(&handout, PF_OURS, 1);
	CHECK_OK(vfio_open(&vfio, handout.vfs[0]));
	vfio_command(&vfio, 7);
	vfio_put(&vfio, VFIO_BAR0, LEGACY_STATUS, 1, 1);
	express = vfio_capability(&vfio, CAPABILITY_EXPRESS);
	bytes[1] = FUNCTION_RESET >> 8;
	CHECK_EQUAL(vfio_write(&vfio, VFIO_CONFIG, express + CONTROL, bytes, sizeof(bytes)),
		    -EFAULT, "a write beyond configuration space");
	CHECK_EQUAL(vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1), 1, "the status after it");
	CHECK_OK(vfio_guest_reset(&vfio, express));
	CHECK_EQUAL(vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1), 0, "the status after a reset");
	vfio_close(&vfio);
	handout_close(&handout);
}
