/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unix sockets that are served by a thread a connection. */
#ifndef FAKE_SOCKET_H
#define FAKE_SOCKET_H

/* Listen on a path and give each connection, as (void *)(intptr_t)fd, to a thread of its own. */
void fake_listen(const char *path, int type, void *(*serve)(void *context));

#endif
