// SPDX-License-Identifier: GPL-2.0-or-later
/* Serial ports as plain byte streams. */
#include <errno.h>
#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include "port.h"

int port_open(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios mode;

	if (fd < 0)
		return -errno;
	if (tcgetattr(fd, &mode)) {
		int error = -errno;

		close(fd);
		return error;
	}
	cfmakeraw(&mode);
	mode.c_cflag |= CLOCAL | CREAD;
	cfsetspeed(&mode, B115200);
	tcsetattr(fd, TCSANOW, &mode);
	return fd;
}

int port_write(int fd, const char *bytes, size_t length_bytes)
{
	while (length_bytes) {
		ssize_t written = write(fd, bytes, length_bytes);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		bytes += written;
		length_bytes -= written;
	}
	return 0;
}

void port_drain(int fd)
{
	tcdrain(fd);
}
