/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A PCI function in the hands of a user-space program: VFIO's group and container interface. */
#ifndef VFVIRT_TESTS_VFIO_H
#define VFVIRT_TESTS_VFIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "pci.h"

#define VFIO_REGIONS 9
#define VFIO_BAR0 0
#define VFIO_CONFIG 7

/* Ids of capabilities. */
#define CAPABILITY_POWER 1
#define CAPABILITY_EXPRESS 0x10

struct vfio_area {
	uint64_t offset; /* in the device's file */
	uint64_t size_bytes;
	uint32_t flags;
};

/* One open function. All descriptors are -1 while closed. */
struct vfio {
	char bdf[BDF_SIZE];
	int container_fd, group_fd, device_fd;
	struct vfio_area areas[VFIO_REGIONS];
};

/* Memory that a function may read and write. */
struct dma {
	uint8_t *memory;
	size_t size_bytes;
	uint64_t iova; /* where the function sees it */
};

/**
 * vfio_open() - open a function: container, group, IOMMU, device, regions.
 * @vfio: filled in.
 * @bdf: a function bound to a VFIO driver.
 *
 * Return: 0, or negative errno with everything closed again.
 */
int vfio_open(struct vfio *vfio, const char *bdf);

/**
 * vfio_close() - close everything; the function is reset by the kernel.
 * @vfio: of vfio_open(); closed ones stay closed.
 */
void vfio_close(struct vfio *vfio);

/**
 * vfio_areas() - ask for all regions again.
 * @vfio: open.
 *
 * Return: 0 or negative errno.
 */
int vfio_areas(struct vfio *vfio);

/**
 * vfio_read() - one pread() of a region.
 * @vfio: open.
 * @region: its number.
 * @offset: inside of it.
 * @ret_bytes: @count bytes.
 * @count: bytes wanted.
 *
 * Return: bytes read or negative errno.
 */
ssize_t vfio_read(const struct vfio *vfio, unsigned int region, uint64_t offset, void *ret_bytes,
		  size_t count);

/**
 * vfio_write() - one pwrite() to a region.
 * @vfio: open.
 * @region: its number.
 * @offset: inside of it.
 * @bytes: what.
 * @count: how many.
 *
 * Return: bytes written or negative errno.
 */
ssize_t vfio_write(const struct vfio *vfio, unsigned int region, uint64_t offset,
		   const void *bytes, size_t count);

/**
 * vfio_get() - read a little-endian number of 1, 2, 4 or 8 bytes; ends the test on failure.
 * @vfio: open.
 * @region: its number.
 * @offset: inside of it.
 * @width: bytes.
 *
 * Return: the number.
 */
uint64_t vfio_get(const struct vfio *vfio, unsigned int region, uint64_t offset,
		  unsigned int width);

/**
 * vfio_put() - write a little-endian number of 1, 2, 4 or 8 bytes; ends the test on failure.
 * @vfio: open.
 * @region: its number.
 * @offset: inside of it.
 * @width: bytes.
 * @value: what.
 */
void vfio_put(const struct vfio *vfio, unsigned int region, uint64_t offset, unsigned int width,
	      uint64_t value);

/**
 * vfio_command() - set the low bits of the PCI command register; ends the test on failure.
 * @vfio: open.
 * @bits: 1 I/O, 2 memory, 4 bus master.
 */
void vfio_command(const struct vfio *vfio, uint16_t bits);

/**
 * vfio_msix() - switch MSI-X on with one eventfd a vector, or off.
 * @vfio: open.
 * @fds: eventfds.
 * @count: how many; 0 switches off.
 *
 * Return: 0 or negative errno.
 */
int vfio_msix(const struct vfio *vfio, const int *fds, unsigned int count);

/**
 * vfio_error_event() - have an eventfd signalled when the device failed under its user.
 * @vfio: open.
 * @fd: eventfd, or -1 for none.
 *
 * Return: 0 or negative errno.
 */
int vfio_error_event(const struct vfio *vfio, int fd);

/**
 * vfio_request_event() - have an eventfd signalled when the host wants the function back.
 * @vfio: open.
 * @fd: eventfd, or -1 for none.
 *
 * Return: 0 or negative errno.
 */
int vfio_request_event(const struct vfio *vfio, int fd);

/**
 * vfio_capability() - find a PCI capability.
 * @vfio: open.
 * @id: of the capability.
 *
 * Return: its offset in configuration space; ends the test when there is none.
 */
unsigned int vfio_capability(const struct vfio *vfio, uint8_t id);

/**
 * vfio_sleep() - let the function sleep until the next access.
 * @vfio: open.
 *
 * Return: 0 or negative errno.
 */
int vfio_sleep(const struct vfio *vfio);

/**
 * vfio_reset() - reset the function.
 * @vfio: open.
 *
 * Return: 0 or negative errno.
 */
int vfio_reset(const struct vfio *vfio);

/**
 * vfio_guest_reset() - reset the function as its guest does, through configuration space.
 * @vfio: open.
 * @express: offset of CAPABILITY_EXPRESS.
 *
 * Return: 0 or negative errno of the write; VFIO does not tell whether the reset worked.
 */
int vfio_guest_reset(const struct vfio *vfio, unsigned int express);

/**
 * dma_new() - 2 MiB of zeroed memory in one piece that the function may use.
 * @vfio: open.
 * @ret_dma: the memory.
 * @identity: let the function see it at its physical address, for devices that the IOMMU of
 * the test machine does not hold (a transitional virtio device is one); else at another one.
 *
 * Ends the test on failure. The mapping ends with the container, the memory with the process.
 */
void dma_new(const struct vfio *vfio, struct dma *ret_dma, bool identity);

/**
 * dma_share() - let another function see the same memory at the same place.
 * @vfio: open, another container than that of dma_new().
 * @dma: of dma_new().
 *
 * Ends the test on failure.
 */
void dma_share(const struct vfio *vfio, const struct dma *dma);

/**
 * dma_unmap() - take the memory from the function and give it back.
 * @vfio: open.
 * @dma: of dma_new(), no longer in use by the device.
 */
void dma_unmap(const struct vfio *vfio, struct dma *dma);

#endif
