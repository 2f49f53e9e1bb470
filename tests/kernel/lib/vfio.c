// SPDX-License-Identifier: GPL-2.0-or-later
/* VFIO's group and container interface. */
#include <endian.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "file.h"
#include "test.h"
#include "vfio.h"

#define HUGE_PAGE_BYTES (2u << 20)
#define PAGE_BYTES 4096
#define IOVA 0x1230000000 /* not where any memory of the test machine is */
#define PCI_COMMAND 4
#define CAPABILITY_POINTER 0x34
#define CAPABILITIES_MAX 32
#define DEVICE_CONTROL 8 /* of the PCI Express capability */
#define FUNCTION_RESET 0x8000
#define IRQS_MAX 16

static int open_group(const char *bdf)
{
	char path[PCI_PATH_SIZE], number[32], group[64];
	int fd, error = file_link_name(pci_path(path, bdf, "iommu_group"), number, sizeof(number));

	if (error)
		return error;
	snprintf(group, sizeof(group), "/dev/vfio/%s", number);
	fd = open(group, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int attach(struct vfio *vfio)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };

	vfio->container_fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (vfio->container_fd < 0)
		return -errno;
	vfio->group_fd = open_group(vfio->bdf);
	if (vfio->group_fd < 0)
		return vfio->group_fd;
	if (ioctl(vfio->group_fd, VFIO_GROUP_GET_STATUS, &status))
		return -errno;
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		return -EPERM;
	if (ioctl(vfio->group_fd, VFIO_GROUP_SET_CONTAINER, &vfio->container_fd) ||
	    ioctl(vfio->container_fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return -errno;
	vfio->device_fd = ioctl(vfio->group_fd, VFIO_GROUP_GET_DEVICE_FD, vfio->bdf);
	return vfio->device_fd < 0 ? -errno : 0;
}

int vfio_areas(struct vfio *vfio)
{
	for (unsigned int i = 0; i < VFIO_REGIONS; i++) {
		struct vfio_region_info info = { .argsz = sizeof(info), .index = i };

		vfio->areas[i] = (struct vfio_area){ 0 };
		if (ioctl(vfio->device_fd, VFIO_DEVICE_GET_REGION_INFO, &info)) {
			if (errno == EINVAL)
				continue; /* no such region, as VGA */
			return -errno;
		}
		vfio->areas[i].offset = info.offset;
		vfio->areas[i].size_bytes = info.size;
		vfio->areas[i].flags = info.flags;
	}
	return 0;
}

int vfio_open(struct vfio *vfio, const char *bdf)
{
	int error;

	*vfio = (struct vfio){ .container_fd = -1, .group_fd = -1, .device_fd = -1 };
	snprintf(vfio->bdf, sizeof(vfio->bdf), "%s", bdf);
	error = attach(vfio);
	if (!error)
		error = vfio_areas(vfio);
	if (error)
		vfio_close(vfio);
	return error;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void vfio_close(struct vfio *vfio)
{
	close_fd(&vfio->device_fd);
	close_fd(&vfio->group_fd);
	close_fd(&vfio->container_fd);
}

ssize_t vfio_read(const struct vfio *vfio, unsigned int region, uint64_t offset, void *ret_bytes,
		  size_t count)
{
	ssize_t done = pread(vfio->device_fd, ret_bytes, count,
			     vfio->areas[region].offset + offset);

	return done < 0 ? -errno : done;
}

ssize_t vfio_write(const struct vfio *vfio, unsigned int region, uint64_t offset,
		   const void *bytes, size_t count)
{
	ssize_t done = pwrite(vfio->device_fd, bytes, count, vfio->areas[region].offset + offset);

	return done < 0 ? -errno : done;
}

uint64_t vfio_get(const struct vfio *vfio, unsigned int region, uint64_t offset,
		  unsigned int width)
{
	uint64_t value = 0;
	ssize_t done = vfio_read(vfio, region, offset, &value, width);

	CHECK(done == width, "%s: region %u: read of %u bytes at 0x%llx gave %zd", vfio->bdf, region,
	      width, (unsigned long long)offset, done);
	return le64toh(value);
}

void vfio_put(const struct vfio *vfio, unsigned int region, uint64_t offset, unsigned int width,
	      uint64_t value)
{
	uint64_t bytes = htole64(value);
	ssize_t done = vfio_write(vfio, region, offset, &bytes, width);

	CHECK(done == width, "%s: region %u: write of %u bytes at 0x%llx gave %zd", vfio->bdf,
	      region, width, (unsigned long long)offset, done);
}

void vfio_command(const struct vfio *vfio, uint16_t bits)
{
	uint16_t old = vfio_get(vfio, VFIO_CONFIG, PCI_COMMAND, 2);

	vfio_put(vfio, VFIO_CONFIG, PCI_COMMAND, 2, (old & ~7) | bits);
}

static int set_irqs(const struct vfio *vfio, unsigned int index, const int *fds,
		    unsigned int count)
{
	struct {
		struct vfio_irq_set set;
		int32_t fds[IRQS_MAX];
	} request = {
		.set = { .index = index, .count = count, .flags = VFIO_IRQ_SET_ACTION_TRIGGER },
	};

	CHECK(count <= IRQS_MAX, "%u interrupts are more than %u", count, IRQS_MAX);
	request.set.argsz = sizeof(request.set) + count * sizeof(request.fds[0]);
	request.set.flags |= count ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE;
	if (count)
		memcpy(request.set.data, fds, count * sizeof(request.fds[0]));
	return ioctl(vfio->device_fd, VFIO_DEVICE_SET_IRQS, &request) < 0 ? -errno : 0;
}

int vfio_msix(const struct vfio *vfio, const int *fds, unsigned int count)
{
	return set_irqs(vfio, VFIO_PCI_MSIX_IRQ_INDEX, fds, count);
}

int vfio_error_event(const struct vfio *vfio, int fd)
{
	return set_irqs(vfio, VFIO_PCI_ERR_IRQ_INDEX, &fd, 1);
}

int vfio_request_event(const struct vfio *vfio, int fd)
{
	return set_irqs(vfio, VFIO_PCI_REQ_IRQ_INDEX, &fd, 1);
}

unsigned int vfio_capability(const struct vfio *vfio, uint8_t id)
{
	unsigned int at = vfio_get(vfio, VFIO_CONFIG, CAPABILITY_POINTER, 1);

	for (unsigned int i = 0; at && i < CAPABILITIES_MAX; i++) {
		if (vfio_get(vfio, VFIO_CONFIG, at, 1) == id)
			return at;
		at = vfio_get(vfio, VFIO_CONFIG, at + 1, 1);
	}
	CHECK(false, "%s has no capability %u", vfio->bdf, id);
}

int vfio_sleep(const struct vfio *vfio)
{
	struct vfio_device_feature feature = {
		.argsz = sizeof(feature),
		.flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY,
	};

	return ioctl(vfio->device_fd, VFIO_DEVICE_FEATURE, &feature) < 0 ? -errno : 0;
}

int vfio_reset(const struct vfio *vfio)
{
	return ioctl(vfio->device_fd, VFIO_DEVICE_RESET) < 0 ? -errno : 0;
}

int vfio_guest_reset(const struct vfio *vfio, unsigned int express)
{
	uint16_t control = htole16(FUNCTION_RESET);
	ssize_t done = vfio_write(vfio, VFIO_CONFIG, express + DEVICE_CONTROL, &control,
				  sizeof(control));

	return done < 0 ? done : 0;
}

static uint64_t physical_address(const void *memory)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	CHECK(fd >= 0 && pread(fd, &entry, sizeof(entry), (uintptr_t)memory / PAGE_BYTES * 8) == 8,
	      "cannot read pagemap: %s", strerror(errno));
	close(fd);
	CHECK(entry >> 63, "the page is not present");
	return (entry & ((1ull << 55) - 1)) * PAGE_BYTES;
}

void dma_share(const struct vfio *vfio, const struct dma *dma)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)dma->memory,
		.iova = dma->iova,
		.size = dma->size_bytes,
	};

	CHECK(!ioctl(vfio->container_fd, VFIO_IOMMU_MAP_DMA, &map), "cannot map DMA memory: %s",
	      strerror(errno));
}

void dma_new(const struct vfio *vfio, struct dma *ret_dma, bool identity)
{
	long pages = file_number("/proc/sys/vm/nr_hugepages");
	void *memory = mmap(NULL, HUGE_PAGE_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	if (memory == MAP_FAILED) {
		CHECK_OK(file_write("/proc/sys/vm/nr_hugepages", "%ld", pages + 4));
		memory = mmap(NULL, HUGE_PAGE_BYTES, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	}
	CHECK(memory != MAP_FAILED, "no huge page: %s", strerror(errno));
	memset(memory, 0, HUGE_PAGE_BYTES);
	ret_dma->memory = memory;
	ret_dma->size_bytes = HUGE_PAGE_BYTES;
	ret_dma->iova = identity ? physical_address(memory) : IOVA;
	dma_share(vfio, ret_dma);
}

void dma_unmap(const struct vfio *vfio, struct dma *dma)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = dma->iova, .size = dma->size_bytes,
	};

	CHECK(!ioctl(vfio->container_fd, VFIO_IOMMU_UNMAP_DMA, &unmap),
	      "cannot unmap DMA memory: %s", strerror(errno));
	munmap(dma->memory, dma->size_bytes);
	dma->memory = NULL;
}
