/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Uevents: queued as the kernel queues them, sent in order by one thread. */
#include "card.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

struct event {
	struct event *next;
	size_t length;
	char text[1024];
};

static struct event *first, **last = &first;
static bool sending;
static pthread_cond_t queued = PTHREAD_COND_INITIALIZER;
static struct sockaddr_un listener = {.sun_family = AF_UNIX};
static unsigned int sequence;

void fake_uevent(const char *action, const char *devpath, const char *subsystem,
		 const char *more_format, ...)
{
	struct event *event = calloc(1, sizeof(*event));
	size_t room = sizeof(event->text);
	va_list arguments;
	int length;

	/* NUL bytes between the pairs, none doubled: the last one ends the last pair. */
	length = snprintf(event->text, room, "ACTION=%s%cDEVPATH=%s%cSUBSYSTEM=%s%cSEQNUM=%u%c",
			  action, 0, devpath, 0, subsystem, 0, ++sequence, 0);
	va_start(arguments, more_format);
	length += vsnprintf(event->text + length, room - (size_t)length, more_format, arguments);
	va_end(arguments);
	event->length = (size_t)length + 1;
	*last = event;
	last = &event->next;
	pthread_cond_signal(&queued);
}

static void *send_all(void *context)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	pthread_mutex_lock(&fake_lock);
	for (;;) {
		struct event *event = first;

		sending = event;
		if (!event) {
			pthread_cond_broadcast(&fake_changed);
			pthread_cond_wait(&queued, &fake_lock);
			continue;
		}
		first = event->next;
		if (!first)
			last = &first;
		pthread_mutex_unlock(&fake_lock);
		/* Waits while the listener's queue is full; without a listener it is lost. */
		sendto(fd, event->text, event->length, MSG_NOSIGNAL, (struct sockaddr *)&listener,
		       sizeof(listener));
		free(event);
		pthread_mutex_lock(&fake_lock);
	}
	return NULL;
}

void fake_uevents_start(const char *path)
{
	pthread_t thread;

	snprintf(listener.sun_path, sizeof(listener.sun_path), "%s", path);
	pthread_create(&thread, NULL, send_all, NULL);
}

void fake_uevents_wait(void)
{
	while (first || sending)
		pthread_cond_wait(&fake_changed, &fake_lock);
}
