/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small files: read whole within a limit, written so that a crash leaves the old or the new one. */
#ifndef VFV_COMMON_FILE_H
#define VFV_COMMON_FILE_H

#include <stddef.h>

/*
 * Read a regular file whole. *ret_text: owned by the caller, NUL-terminated; *ret_length may be
 * NULL. Only regular files are opened for reading, symbolic links are not followed. Errors: -EFBIG,
 * longer than max_bytes; -ELOOP, a symbolic link; -EISDIR, a folder; -EINVAL, a FIFO, device or
 * socket; any errno of open and read.
 */
int vfv_file_read(const char *path, size_t max_bytes, char **ret_text, size_t *ret_length);

/*
 * Write a file: temporary file in the same folder, fsync, rename, fsync of the folder. mode as
 * chmod(). Negative errno, and then no temporary file is left, and path is as it was; only when the
 * sync of the folder failed, which is an error too, the new file is there already.
 */
int vfv_file_write(const char *path, const char *text, size_t length, unsigned int mode);

/* As vfv_file_write() for a file that must not exist yet: -EEXIST. */
int vfv_file_create(const char *path, const char *text, size_t length, unsigned int mode);

/* Make a folder and those above it, mode 0755 whatever the umask; existing ones are fine. */
int vfv_folder_make(const char *path);

/* Remove a file and sync its folder; -ENOENT when it is not there. */
int vfv_file_remove(const char *path);

#endif
