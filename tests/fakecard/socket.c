/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unix sockets that are served by a thread a connection. */
#include "socket.h"

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct server {
	int fd;
	void *(*serve)(void *context);
};

static void *accept_all(void *context)
{
	struct server *server = context;

	for (;;) {
		int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
		pthread_t thread;

		if (fd < 0)
			continue;
		if (pthread_create(&thread, NULL, server->serve, (void *)(intptr_t)fd))
			close(fd);
		else
			pthread_detach(thread);
	}
	return NULL;
}

void fake_listen(const char *path, int type, void *(*serve)(void *context))
{
	struct sockaddr_un own = {.sun_family = AF_UNIX};
	struct server *server = malloc(sizeof(*server));
	pthread_t thread;

	if (strlen(path) >= sizeof(own.sun_path))
		errx(1, "%s: the path is too long for a socket", path);
	memcpy(own.sun_path, path, strlen(path));
	unlink(path);
	server->serve = serve;
	server->fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (server->fd < 0 || bind(server->fd, (struct sockaddr *)&own, sizeof(own)) ||
	    listen(server->fd, 64) || pthread_create(&thread, NULL, accept_all, server))
		err(1, "%s", path);
}
