/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cleanup at the end of a scope, and taking a value out of one. */
#ifndef VFV_COMMON_CLEANUP_H
#define VFV_COMMON_CLEANUP_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The value of a variable, which is left empty: for returning what a cleanup would free. */
#define vfv_take(variable)                               \
	({                                               \
		typeof(variable) taken_ = (variable);    \
		(variable) = NULL;                       \
		taken_;                                  \
	})
#define vfv_take_fd(variable)             \
	({                                \
		int taken_ = (variable);  \
		(variable) = -1;          \
		taken_;                   \
	})

static inline void vfv_cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

/* Closes a file descriptor without touching errno; -1 is allowed. */
static inline void vfv_close(int fd)
{
	int kept = errno;

	if (fd >= 0)
		close(fd);
	errno = kept;
}

static inline void vfv_cleanup_fd(int *fd)
{
	vfv_close(*fd);
}

#define VFV_FREE __attribute__((cleanup(vfv_cleanup_free)))
#define VFV_CLOSE __attribute__((cleanup(vfv_cleanup_fd)))

/* Defines the function behind __attribute__((cleanup(NAME))) for a type with its own free. */
#define VFV_DEFINE_CLEANUP(NAME, TYPE, FREE) \
	static inline void NAME(TYPE *variable) { FREE(*variable); }

#endif
