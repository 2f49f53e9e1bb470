/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tree as a file system. */
#ifndef FAKE_FS_H
#define FAKE_FS_H

/* Mount on a folder: 0, or not, and then a message is on standard error. */
int fake_fs_mount(const char *place);

/* Serve until it is unmounted. */
void fake_fs_serve(void);

#endif
