// SPDX-License-Identifier: GPL-2.0-or-later
/* Memory that does not answer, by userfaultfd(2). */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "silent.h"
#include "test.h"

#define AWAIT_LIMIT_MS 10000

void silent_open(struct silent *silent)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register second = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	silent->fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	CHECK(silent->fd >= 0, "userfaultfd: %s", strerror(errno));
	CHECK(!ioctl(silent->fd, UFFDIO_API, &api), "UFFDIO_API: %s", strerror(errno));
	silent->bytes = mmap(NULL, 2 * SILENT_PAGE_BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(silent->bytes != MAP_FAILED, "mmap: %s", strerror(errno));
	memset(silent->bytes, 0, SILENT_PAGE_BYTES);
	second.range.start = (uintptr_t)silent->bytes + SILENT_PAGE_BYTES;
	second.range.len = SILENT_PAGE_BYTES;
	CHECK(!ioctl(silent->fd, UFFDIO_REGISTER, &second), "UFFDIO_REGISTER: %s",
	      strerror(errno));
}

void silent_await(const struct silent *silent)
{
	struct pollfd ready = { .fd = silent->fd, .events = POLLIN };
	struct uffd_msg message;

	CHECK_EQUAL(poll(&ready, 1, test_limit(AWAIT_LIMIT_MS)), 1, "who waits for the memory");
	CHECK_EQUAL(read(silent->fd, &message, sizeof(message)), sizeof(message), "the message");
	CHECK_EQUAL(message.event, UFFD_EVENT_PAGEFAULT, "its event");
}

void silent_answer(const struct silent *silent, const uint8_t *page)
{
	struct uffdio_copy copy = {
		.dst = (uintptr_t)silent->bytes + SILENT_PAGE_BYTES,
		.src = (uintptr_t)page,
		.len = SILENT_PAGE_BYTES,
	};

	CHECK(!ioctl(silent->fd, UFFDIO_COPY, &copy), "UFFDIO_COPY: %s", strerror(errno));
}

void silent_close(struct silent *silent)
{
	munmap(silent->bytes, 2 * SILENT_PAGE_BYTES);
	close(silent->fd);
	*silent = (struct silent){ .fd = -1 };
}
