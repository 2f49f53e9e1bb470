// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bare_create PF COUNT DRIVER: the writes that make, bind and check VFs and nothing else. What
 * "vfvirtctl create" costs is measured against this.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEVICES "/sys/bus/pci/devices"

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0) {
		perror(path);
		exit(1);
	}
	close(fd);
}

static void check(const char *vf, const char *driver)
{
	char path[512], target[256];
	ssize_t length;
	DIR *folder;

	snprintf(path, sizeof(path), DEVICES "/%s/driver", vf);
	length = readlink(path, target, sizeof(target) - 1);
	target[length > 0 ? length : 0] = '\0';
	snprintf(path, sizeof(path), DEVICES "/%s/vfio-dev", vf);
	folder = opendir(path);
	if (!strrchr(target, '/') || strcmp(strrchr(target, '/') + 1, driver) || !folder) {
		fprintf(stderr, "%s is not on %s\n", vf, driver);
		exit(1);
	}
	closedir(folder);
}

int main(int argc, char **argv)
{
	char path[512], vf[256];
	int count = argc == 4 ? atoi(argv[2]) : 0;

	if (!count)
		return 2;
	snprintf(path, sizeof(path), DEVICES "/%s/sriov_drivers_autoprobe", argv[1]);
	write_to(path, "0");
	snprintf(path, sizeof(path), DEVICES "/%s/sriov_numvfs", argv[1]);
	write_to(path, argv[2]);
	for (int i = 0; i < count; i++) {
		ssize_t length;

		snprintf(path, sizeof(path), DEVICES "/%s/virtfn%d", argv[1], i);
		length = readlink(path, vf, sizeof(vf) - 1);
		if (length < 4)
			return 1;
		vf[length] = '\0';
		memmove(vf, vf + 3, (size_t)length - 2);
		snprintf(path, sizeof(path), DEVICES "/%s/driver_override", vf);
		write_to(path, argv[3]);
		write_to("/sys/bus/pci/drivers_probe", vf);
		check(vf, argv[3]);
	}
	return 0;
}
