/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A host with a card, made up: fakecard FOLDER PFS VFS_MAX.
 *
 * FOLDER/root is where sys and proc are mounted; FOLDER/netlink speaks generic netlink;
 * FOLDER/uevents, if somebody listens there, gets uevents; FOLDER/control takes commands. Prints
 * "ready" and ends, unmounting, with its parent or by SIGTERM.
 */
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "card.h"
#include "fs.h"

static char root[96];

/* The only end: writers that wait are let go by the end of the connection. */
static void *wait_for_end(void *context)
{
	int number;

	sigwait(context, &number);
	umount2(root, MNT_DETACH);
	_exit(0);
}

static unsigned int number(const char *text, unsigned long max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || value > max)
		errx(2, "%s: not a number of at most %lu", text, max);
	return (unsigned int)value;
}

static const char *place(const char *folder, const char *name)
{
	static char path[96];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, name) >= sizeof(path))
		errx(2, "%s: the path is too long for sockets", folder);
	return path;
}

int main(int argc, char **argv)
{
	static sigset_t ending;
	pthread_t waiter;

	if (argc != 4)
		errx(2, "usage: fakecard FOLDER PFS VFS_MAX");
	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ending, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);

	snprintf(root, sizeof(root), "%s", place(argv[1], "root"));
	mkdir(root, 0755);
	fake_uevents_start(place(argv[1], "uevents"));
	pthread_mutex_lock(&fake_lock);
	fake_card_make(number(argv[2], FAKE_PFS_MAX), number(argv[3], FAKE_VFS_MAX));
	pthread_mutex_unlock(&fake_lock);
	if (fake_fs_mount(root))
		errx(1, "%s: cannot mount", root);
	pthread_create(&waiter, NULL, wait_for_end, &ending);
	fake_netlink_start(place(argv[1], "netlink"));
	fake_control_start(place(argv[1], "control"));
	puts("ready");
	fflush(stdout);
	fake_fs_serve();
	/* Other threads still use what an orderly end would take away. */
	_exit(0);
}
