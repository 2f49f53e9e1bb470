// SPDX-License-Identifier: GPL-2.0-or-later
/* The control plane in a test: a bus, vfvirtd, and runs of vfvirtctl. */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control.h"
#include "test.h"

#define WORDS_MAX      16
#define START_LIMIT_MS 60000
#define RUN_LIMIT_MS   120000
#define DAEMON	       "/usr/sbin/vfvirtd"
#define BUS_LOG	       "/tmp/dbus.log"
#define DAEMON_LOG     "/tmp/vfvirtd.log"

/* Starts a program; output: where its standard output and error go. */
static pid_t start(char *const *words, int output)
{
	pid_t pid = fork();

	CHECK(pid >= 0, "fork: %s", strerror(errno));
	if (pid)
		return pid;
	dup2(open("/dev/null", O_RDONLY), 0);
	dup2(output, 1);
	dup2(output, 2);
	execv(words[0], words);
	_exit(127);
}

/* A service whose words go to a file, to be seen with --sit. */
static void start_service(char *const *words, const char *log)
{
	int output = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(output >= 0, "%s: %s", log, strerror(errno));
	start(words, output);
	close(output);
}

/* The last words of a service, for the reader of a failed test. */
static void tell(const char *log)
{
	char line[400];
	FILE *file = fopen(log, "re");

	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		test_log("%s: %s", log, line);
	}
	if (file)
		fclose(file);
}

static bool daemon_answers(void)
{
	static struct control_run run;

	control_run(&run, "apply");
	return run.status == 0;
}

void control_restart(void)
{
	static char *const daemon[] = {DAEMON, NULL};
	uint64_t end_ms = now_ms() + test_limit(START_LIMIT_MS);

	start_service(daemon, DAEMON_LOG);
	while (!daemon_answers()) {
		if (now_ms() >= end_ms) {
			tell(BUS_LOG);
			tell(DAEMON_LOG);
			CHECK(false, "vfvirtd does not answer");
		}
		pause_ms(20);
	}
}

/* Whether somebody takes connections at the bus's address; that its socket is there says less. */
static bool bus_listens(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX,
				      .sun_path = "/run/dbus/system_bus_socket"};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool connected;

	CHECK(fd >= 0, "socket: %s", strerror(errno));
	connected = !connect(fd, (struct sockaddr *)&address, sizeof(address));
	close(fd);
	return connected;
}

/* Nothing of an earlier test may be there. */
static void make_empty(const char *folder)
{
	mkdir(folder, 0755);
	CHECK(!mount("tmpfs", folder, "tmpfs", 0, NULL), "%s: %s", folder, strerror(errno));
}

void control_start(void)
{
	static char *const bus[] = {"/usr/bin/dbus-daemon", "--config-file=/etc/dbus-1/test.conf",
				    "--nofork", NULL};

	make_empty("/run/dbus");
	make_empty("/run/vfvirt");
	make_empty("/etc/vfvirt");
	start_service(bus, BUS_LOG);
	WAIT_FOR(START_LIMIT_MS, bus_listens(), "the bus");
	control_restart();
}

/* Whether a process is vfvirtd or one of its workers, and not only what is left of it. */
static bool is_daemon(const char *number)
{
	char path[288], program[64] = "";

	snprintf(path, sizeof(path), "/proc/%s/exe", number);
	return readlink(path, program, sizeof(program) - 1) > 0 && !strcmp(program, DAEMON);
}

/* Kills them all, once; returns how many there were. */
static unsigned int kill_daemons(void)
{
	DIR *folder = opendir("/proc");
	unsigned int count = 0;

	CHECK(folder, "/proc: %s", strerror(errno));
	for (struct dirent *entry; (entry = readdir(folder));) {
		if (!isdigit((unsigned char)entry->d_name[0]) || !is_daemon(entry->d_name))
			continue;
		kill((pid_t)strtol(entry->d_name, NULL, 10), SIGKILL);
		count++;
	}
	closedir(folder);
	return count;
}

void control_kill(void)
{
	CHECK(kill_daemons() > 0, "vfvirtd does not run");
	WAIT_FOR(START_LIMIT_MS, kill_daemons() == 0, "the end of vfvirtd and its workers");
}

/* Takes the text apart at blanks; words point into it. */
static void split(char *text, char **words)
{
	size_t count = 0;

	words[count++] = "/usr/bin/vfvirtctl";
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
		CHECK(count < WORDS_MAX, "too many words for vfvirtctl");
		words[count++] = word;
	}
	words[count] = NULL;
}

/* Reads until the other side is closed. What does not fit is read and forgotten. */
static void read_all(int fd, char *ret_text, size_t size)
{
	uint64_t end_ms = now_ms() + test_limit(RUN_LIMIT_MS);
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	size_t length = 0;
	char rest[4096];
	ssize_t got;

	do {
		bool room = length + 1 < size;

		if (now_ms() >= end_ms || poll(&poller, 1, (int)(end_ms - now_ms())) <= 0) {
			tell(BUS_LOG);
			tell(DAEMON_LOG);
			CHECK(false, "vfvirtctl does not end: %.*s", (int)length, ret_text);
		}
		got = read(fd, room ? ret_text + length : rest,
			   room ? size - 1 - length : sizeof(rest));
		if (got > 0 && room)
			length += (size_t)got;
	} while (got > 0);
	ret_text[length] = '\0';
}

void control_begin(const char *format, ...)
{
	char text[512], *words[WORDS_MAX + 1];
	va_list arguments;
	int output;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	split(text, words);
	output = open("/dev/null", O_WRONLY | O_CLOEXEC);
	start(words, output);
	close(output);
}

void control_run(struct control_run *ret_run, const char *format, ...)
{
	char text[512], *words[WORDS_MAX + 1];
	va_list arguments;
	int pipes[2], status;
	pid_t pid;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	split(text, words);
	CHECK(!pipe2(pipes, O_CLOEXEC), "pipe: %s", strerror(errno));
	pid = start(words, pipes[1]);
	close(pipes[1]);
	read_all(pipes[0], ret_run->output, sizeof(ret_run->output));
	close(pipes[0]);
	CHECK(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
	ret_run->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

unsigned int control_lines(const struct control_run *run, const char *text)
{
	unsigned int count = 0;

	for (const char *line = run->output; *line;) {
		size_t length = strcspn(line, "\n");

		count += memmem(line, length, text, strlen(text)) != NULL;
		line += length + (line[length] == '\n');
	}
	return count;
}
